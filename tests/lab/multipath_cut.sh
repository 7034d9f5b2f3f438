# SPDX-License-Identifier: MIT
# multipath_cut.sh - rows of bench_multipath.sh: a link falls silent under load, and comes back
#
#       0      SKIP      +3       +7         +12       +16        +21      time in s
#       bulk, 1 kHz and 50 pps start; from SKIP on they count
#                         |--cut 1--|          |--cut 2--|
#
# Both links are cut in turn, because a sparse flow takes one of them: what counts is the worse of
# the two gaps and returns, and all packets lost.

CUT_LINKS="100/25 100/25"
CUT_RTT_MS=50		# of the links, idle
CUT_LENGTH=21		# behind SKIP

cut_value() { # multipath_cut.py's arguments
	$PYTHON -I "$ROOT/tests/lab/multipath_cut.py" "$@"
}

# Cuts a link for 4 s; sets CUT_AT and BACK_AT. Ends 5 s after the return.
cut_and_return() { # link
	CUT_AT=$("$FLOW" now)
	link_cut "$1"
	pause 4
	BACK_AT=$("$FLOW" now)
	link_restore "$1"
	pause 5
}

# To values of this link: gap, share, back, and packets lost of the two sparse flows.
judge_cut() { # row and direction, direction, link, cut at, back at
	local at=$1 dir=$2 link=$3 cut=$4 back=$5 share
	share=$(cut_value share "$LAB/watch.json" "$dir" "$link" $((cut - 2500000)) "$cut")
	record "$at.share$link" "$share"
	record "$at.gap$link" "$(cut_value gap "$LAB/bulk.json" "$cut")"
	record "$at.khz$link" "$(cut_value lost "$LAB/khz.json" $((cut - 500000)) "$back")"
	record "$at.voice$link" "$(cut_value lost "$LAB/voice.json" $((cut - 500000)) "$back")"
	record "$at.back$link" "$(cut_value back "$LAB/watch.json" "$dir" "$link" "$share" "$back")"
}

# The run's value of both links: the larger one, or the sum.
both_links() { # row and direction, value, larger|sum
	local a b
	a=$(tail -n 1 "$VALUES/values.$1.${2}1")
	b=$(tail -n 1 "$VALUES/values.$1.${2}2")
	record "$1.$2" "$(awk -v a="$a" -v b="$b" -v how="$3" 'BEGIN { print how == "sum" ? a + b : (a > b ? a : b) }')"
}

cut_run() { # row, run, direction, congestion control
	local row=$1 run=$2 dir=$3 cc=$4 length=$((SKIP + CUT_LENGTH)) cut1 back1
	watch_begin watch wire
	flow_begin bulk --cc "$cc" --dir "$dir" --seconds $length --skip "$SKIP"
	flow_begin khz --proto udp --rate 1000 --size 160 --dir "$dir" --seconds $length --skip "$SKIP"
	flow_begin voice --proto udp --rate 50 --size 160 --dir "$dir" --seconds $length --skip "$SKIP"
	pause $((SKIP + 3))
	cut_and_return 1
	cut1=$CUT_AT back1=$BACK_AT
	cut_and_return 2
	flow_end bulk
	flow_end khz
	flow_end voice
	watch_end watch
	keep "$row" "$run" "bulk $dir, cut 1 at $cut1, back $back1, cut 2 at $CUT_AT, back $BACK_AT" "$LAB/bulk.json"
	keep "$row" "$run" "1 kHz $dir" "$LAB/khz.json"
	keep "$row" "$run" "50 pps $dir" "$LAB/voice.json"
	judge_cut "$row.$dir" "$dir" 1 "$cut1" "$back1"
	judge_cut "$row.$dir" "$dir" 2 "$CUT_AT" "$BACK_AT"
	both_links "$row.$dir" gap larger
	both_links "$row.$dir" back larger
	both_links "$row.$dir" khz sum
	both_links "$row.$dir" voice sum
	record "$row.$dir.bulk" "$(value_of goodput_mbit < "$LAB/bulk.json")"
	record "$row.$dir.khz_other" $(($(value_of lost < "$LAB/khz.json") - $(tail -n 1 "$VALUES/values.$row.$dir.khz")))
}

measure_cut() { # row, congestion control
	local row=$1 cc=$2 run dir
	build_lab $CUT_LINKS
	open_tunnel
	for ((run = 1; run <= RUNS; run++)); do
		for dir in $DIRS; do cut_run "$row" "$run" "$dir" "$cc"; done
	done
	close_tunnel
}

report_cut() { # row, congestion control
	local row=$1 dir what shares
	for dir in $DIRS; do
		what="silent cut under one $2 flow, 2 x 100/25, $dir"
		shares=
		if has_values "$row.$dir.share2"; then
			shares="former shares $(median "$row.$dir.share1") and $(median "$row.$dir.share2")"
		fi
		row_of "$what: longest gap of bulk" "$row.$dir.gap" at-most $((2 * CUT_RTT_MS + 20)) $((CUT_RTT_MS + 20)) \
			"${shares:+bulk: $(calculate "$(median "$row.$dir.bulk")") Mbit/s}" ms
		row_of "$what: lost of 1 kHz" "$row.$dir.khz" at-most 0 0 \
			"${shares:+at other times: $(median "$row.$dir.khz_other")}" packets
		row_of "$what: lost of 50 pps" "$row.$dir.voice" at-most 0 0 "" packets
		row_of "$what: returned link carries its share after" "$row.$dir.back" at-most 1000 $((2 * CUT_RTT_MS)) "$shares" ms
	done
}

# --- a return that nobody but probes can notice -------------------------------------------------

# A link's former share is taken under load; then it is cut while little is sent, so that the tunnel
# learns of it; the link comes back while nothing is sent, and at the same moment load starts again.
return_run() { # row, run, direction, link
	local row=$1 run=$2 dir=$3 link=$4 from until share load="--proto udp --rate 150mbit"
	watch_begin watch wire
	from=$(($("$FLOW" now) + 1500000))
	flow $load --dir "$dir" --seconds 4 > "$LAB/flow.json"
	until=$(($("$FLOW" now) - 2500000))	# flow.c waits up to 2 s for what is under way
	flow_begin voice --proto udp --rate 50 --size 160 --dir "$dir" --seconds 3
	pause 0.5
	link_cut "$link"
	flow_end voice
	pause 3
	BACK_AT=$("$FLOW" now)
	link_restore "$link"
	flow $load --dir "$dir" --seconds 4 > "$LAB/flow.json"
	watch_end watch
	keep "$row" "$run" "after the return of $link at $BACK_AT, $dir" "$LAB/flow.json"
	share=$(cut_value share "$LAB/watch.json" "$dir" "$link" "$from" "$until")
	record "$row.$dir.share" "$share"
	record "$row.$dir.back" "$(cut_value back "$LAB/watch.json" "$dir" "$link" "$share" "$BACK_AT")"
}

measure_return() { # row
	local row=$1 run dir link
	build_lab $CUT_LINKS
	open_tunnel
	for ((run = 1; run <= RUNS; run++)); do
		for dir in $DIRS; do
			for link in 1 2; do return_run "$row" "$run" "$dir" "$link"; done
		done
	done
	close_tunnel
}

report_return() { # row
	local row=$1 dir
	for dir in $DIRS; do
		row_of "idle tunnel, 2 x 100/25, $dir: returned link carries its share after" "$row.$dir.back" at-most 1000 $((2 * CUT_RTT_MS)) \
			"$(has_values "$row.$dir.share" && echo "of UDP at 150 Mbit/s; former share $(median "$row.$dir.share")")" ms
	done
}

cut_rows() { # what to do
	local cc dirs
	dirs=$(wc -w <<< "$DIRS")
	for cc in $CCS; do
		maybe "$1" plain_row cut-$cc $((dirs * (SKIP + CUT_LENGTH + 3))) measure_cut report_cut $cc $cc
	done
	maybe "$1" plain_row return-idle $((dirs * 2 * 19)) measure_return report_return ""
}
