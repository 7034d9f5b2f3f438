# SPDX-License-Identifier: MIT
# multipath_rows.sh - the rows of bench_multipath.sh: what is measured, and how it is judged
#
# A row has a name for ONLY=, a time that a run takes, a function that measures (in a lab of its
# own) and one that reports. Links are written RATE/DELAY[/loss=..][/queue=..]: Mbit/s and one-way ms.

. "$(dirname "${BASH_SOURCE[0]}")/multipath_delay.sh"
. "$(dirname "${BASH_SOURCE[0]}")/multipath_cut.sh"
. "$(dirname "${BASH_SOURCE[0]}")/multipath_cost.sh"

# --- links and tunnels --------------------------------------------------------------------------

link_words() { # link
	local part words
	IFS=/ read -r -a part <<< "$1"
	words="rate=${part[0]}mbit delay=${part[1]}ms"
	if [[ $1 != */queue=* ]]; then words+=" queue=100ms"; fi
	echo "$words ${part[*]:2}"
}

build_lab() { # link...
	local link words=()
	for link in "$@"; do words+=("$(link_words "$link")"); done
	lab_new "${words[@]}"
	start_server $SERVER_FLAGS
}

# The tunnel over all uplinks, or over those named.
open_tunnel() { # uplink...
	local flags=() i
	for i in "${@:-$LAB_UPLINKS}"; do
		for i in $i; do flags+=(-i "up$i"); done
	done
	start_client --full-tunnel "${flags[@]}" $CLIENT_FLAGS
	wait_for 15 client_paths_up $((${#flags[@]} / 2)) || fail "not all paths come up: $(client_status)"
	wait_for 5 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "no way through the tunnel"
}

close_tunnel() {
	lab_stop client || fail "the client ends with an error"
}

# Frames that the emulator itself had to drop would be blamed on triglav.
emulator_kept_up() {
	local missed
	missed=$(lab_emulator stats | json "sum(d[k][x]['dropped'][c] for k in d for x in 'ab' for c in ('missed', 'no_memory', 'offload') if c in d[k][x]['dropped'])")
	[ "$missed" = 0 ] || echo "the emulator was too slow for $missed frames" >&2
}

sum_of_rates() { # link...
	local sum=0 link
	for link in "$@"; do sum=$((sum + ${link%%/*})); done
	echo $sum
}

# --- a bulk flow against the sum of its links ---------------------------------------------------

bulk() { # row, run, what, direction, length, options of flow...: goodput in Mbit/s
	local row=$1 run=$2 what=$3 dir=$4 length=$5 waits
	shift 5
	waits=$(core_waits)
	flow --dir "$dir" --seconds "$length" --skip "$SKIP" "$@" > "$LAB/flow.json"
	record "$row.waits" "$(calculate "($(core_waits) - $waits) / $length / 1e7")"
	keep "$row" "$run" "$what $dir, waited $(tail -n 1 "$VALUES/values.$row.waits") %" "$LAB/flow.json"
	value_of goodput_mbit < "$LAB/flow.json"
}

share_run() { # row, run, options of flow, link...
	local row=$1 run=$2 options=$3 i dir alone
	shift 3
	for i in $LAB_UPLINKS; do
		open_tunnel "$i"
		for dir in $DIRS; do
			alone=$(bulk "$row" "$run" "single $i" "$dir" "$SINGLE" $options)
			record "$row.$dir.single$i" "$alone"
			echo "$alone" >> "$LAB/alone.$run.$dir"
		done
		close_tunnel
	done
	open_tunnel
	for dir in $DIRS; do
		alone=$(bulk "$row" "$run" bundle "$dir" "$LENGTH" $options)
		record "$row.$dir.bundle" "$alone"
		record "$row.$dir.rise" "$(value_of rise_ms < "$LAB/flow.json")"
		record "$row.$dir.share" "$(awk -v b="$alone" '{ s += $1 } END { print b / s }' "$LAB/alone.$run.$dir")"
		record "$row.$dir.best" "$(awk -v b="$alone" '$1 > m { m = $1 } END { print b / m }' "$LAB/alone.$run.$dir")"
	done
	close_tunnel
}

measure_share() { # row, options of flow, link...
	local row=$1 options=$2 run
	shift 2
	build_lab "$@"
	for ((run = 1; run <= RUNS; run++)); do
		share_run "$row" "$run" "$options" "$@"
	done
	emulator_kept_up
}

report_share() { # row, description, floor, goal, link...
	local row=$1 what=$2 floor=$3 goal=$4 dir i singles details
	shift 4
	for dir in $DIRS; do
		details= singles=
		if has_values "$row.$dir.bundle"; then
			for ((i = 1; i <= $#; i++)); do
				singles+="${singles:+ + }$(calculate "$(median "$row.$dir.single$i")")"
			done
			details="$(calculate "$(median "$row.$dir.bundle")") of $singles Mbit/s; best link x $(calculate "$(median "$row.$dir.best")"); $(calculate "100 * $(median "$row.$dir.bundle") / $(sum_of_rates "$@")") % of the rates; up to speed after $(median "$row.$dir.rise") ms; triglav waited for a core at most $(maximum "$row.waits") % of the time"
			record worst "$(median "$row.$dir.best") $row $dir"
		else
			record worst "0 $row $dir, not measured"
		fi
		row_of "$what, $dir" "$row.$dir.share" at-least "$floor" "$goal" "$details"
	done
}

seconds_of_share() { # link...
	echo $(($(wc -w <<< "$DIRS") * ($# * (SINGLE + 1) + LENGTH + 1) + 3 * $#))
}

share_row() { # what to do, row, description, options of flow, floor, goal, link...
	local do=$1 row=$2 what=$3 options=$4 floor=$5 goal=$6
	shift 6
	case $do in
	list_row) echo "$row" ;;
	estimate_row) ESTIMATE=$((ESTIMATE + RUNS * $(seconds_of_share "$@") + 3)) ;;
	run_row)
		scenario "$row" measure_share "$row" "$options" "$@"
		report_share "$row" "$what" "$floor" "$goal" "$@"
		;;
	esac
}

share_rows() { # what to do
	local cc
	for cc in $CCS; do
		maybe "$1" share_row share-two-$cc "one $cc flow, 100/10 + 50/40" "--cc $cc" 0.90 0.95 100/10 50/40
		maybe "$1" share_row share-equal-$cc "one $cc flow, 2 x 100/25" "--cc $cc" 0.93 0.97 100/25 100/25
		maybe "$1" share_row share-three-$cc "one $cc flow, 100/20 + 50/60 + 100/10" "--cc $cc" 0.88 0.95 100/20 50/60 100/10
		maybe "$1" share_row share-lossy-$cc "one $cc flow, 50/30 with 1 % loss + 20/80" "--cc $cc" 0.85 0.93 50/30/loss=1% 20/80
		maybe "$1" share_row share-wide-$cc "16 $cc flows, 300/10 + 80/30" "--cc $cc --streams 16" 0.93 0.97 300/10 80/30
		maybe "$1" share_row share-thin-$cc "one $cc flow, 7/7 + 40/55" "--cc $cc" "" "" 7/7 40/55
		maybe "$1" share_row share-shallow-$cc "one $cc flow, 100/10 + 50/40, queues of 25 ms" "--cc $cc" "" "" 100/10/queue=25ms 50/40/queue=25ms
	done
	maybe "$1" share_row share-quic "QUIC-like sender, 50/20 + 50/40" "--proto quic" 0.85 0.95 50/20 50/40
}

# --- other rows: multipath_delay.sh, multipath_cut.sh, multipath_cost.sh ------------------------

plain_row() { # what to do, row, seconds per run, function to measure, to report, what to tell the latter, the former
	local do=$1 row=$2 seconds=$3 measure=$4 report=$5 told=$6
	shift 6
	case $do in
	list_row) echo "$row" ;;
	estimate_row) ESTIMATE=$((ESTIMATE + RUNS * seconds + 15)) ;;
	run_row)
		scenario "$row" "$measure" "$row" "$@"
		"$report" "$row" "$told"
		;;
	esac
}

# --- all of it ----------------------------------------------------------------------------------

maybe() { # what to do, kind of row, row, ...
	local do=$1 kind=$2
	shift 2
	if wanted "$1"; then "$kind" "$do" "$@"; fi
}

# The least of all ratios to the best single link.
report_worst() {
	has_values worst || return 0
	local ratio row dir
	read -r ratio row dir < <(minimum worst)
	row "worst of all scenarios / best single link" "$(calculate "$ratio")" "" 0.97 1 "$(grade "$ratio" at-least 0.97 1)" "$row, $dir"
}

for_all_rows() { # list_row, estimate_row or run_row
	delay_rows "$1"
	share_rows "$1"
	cut_rows "$1"
	cost_rows "$1"
}
