# SPDX-License-Identifier: MIT
# multipath_delay.sh - rows of bench_multipath.sh: datagrams, round trips, and the emulator itself
#
# Links are those of the first row, 100/10 + 50/40. The first one is the best, and what is sent
# without a tunnel takes it: that is the delay everything is compared with.

DELAY_LINKS="100/10 50/40"

# --- the emulator without triglav ---------------------------------------------------------------

emulator_ticks() {
	awk '{ print $14 + $15 }' "/proc/${LAB_PID[emulator]}/stat"
}

# How far a flow's delay is off, in ms, in whatever direction.
delay_error() { # quantile, delay of the link
	calculate "sqrt(($(value_of "$1" < "$LAB/flow.json") - $2) ^ 2)"
}

# Of what went over a link of this rate (Mbit/s): the error of the rate in %.
rate_error() { # name of the flow, rate
	awk -v g="$(value_of goodput_mbit < "$LAB/$1.json")" -v r="$2" 'BEGIN { print (g * 1514 / 1472 / r - 1) * 100 }'
}

# Floods both directions of both links at once.
ruler_flood() { # seconds
	local length=$1 ticks start dir name
	ticks=$(emulator_ticks) start=$(lab_ms)
	for dir in up down; do
		flow_begin "wide.$dir" --proto udp --rate 315mbit --size 1472 --dir $dir --seconds "$length" --skip 2
		FLOW_TO=198.51.100.3 flow_begin "slim.$dir" --proto udp --rate 84mbit --size 1472 --dir $dir --seconds "$length" --skip 2
	done
	for dir in up down; do
		flow_end wide.$dir
		flow_end slim.$dir
		record ruler.rate "$(rate_error wide.$dir 300)" "$(rate_error slim.$dir 80)"
		for name in wide slim; do
			record ruler.offered "$(calculate "100 * $(value_of all_sent < "$LAB/$name.$dir.json") / $(value_of planned < "$LAB/$name.$dir.json")")"
		done
	done
	record ruler.cpu "$(calculate "($(emulator_ticks) - $ticks) * 1000 / ($(lab_ms) - $start)")"
}

# Delay of the second link, idle but for that; the first one idle or flooded both ways.
ruler_delay() { # name
	FLOW_TO=198.51.100.3 flow --proto udp --rate 200 --size 160 --seconds 5 --skip 1 > "$LAB/flow.json"
	record "ruler.$1.p50" "$(delay_error p50_ms 30)"
	record "ruler.$1.p99" "$(delay_error p99_ms 30)"
}

measure_ruler() {
	local run
	build_lab 300/10 80/30
	in_internet ip addr add 198.51.100.3/24 dev eth0
	in_client ip route add 198.51.100.3 via 10.80.2.1 dev up2
	for ((run = 1; run <= RUNS; run++)); do
		ruler_delay idle
		ruler_flood 8
		flow_begin load.up --proto udp --rate 315mbit --size 1472 --seconds 6
		flow_begin load.down --proto udp --rate 315mbit --size 1472 --seconds 6 --dir down
		ruler_delay busy
		flow_end load.up
		flow_end load.down
	done
	emulator_kept_up
}

report_ruler() {
	has_values ruler.busy.p50 || return 0
	row_of "ruler: rate of 300 and 80 Mbit/s, both ways at once, error" ruler.rate at-least "" "" \
		"from $(calculate "$(minimum ruler.rate)") to $(calculate "$(maximum ruler.rate)") %; of the load at least $(calculate "$(minimum ruler.offered)") % were sent; the emulator and what it wakes take $(calculate "$(maximum ruler.cpu)") % of a core" %
	row_of "ruler: one-way delay, error, p50" ruler.idle.p50 at-most 0.3 0.3 "p99 $(calculate "$(median ruler.idle.p99)") ms" ms
	row_of "ruler: one-way delay, another link flooded, error, p50" ruler.busy.p50 at-most 0.3 0.3 "p99 $(calculate "$(median ruler.busy.p99)") ms" ms
}

# --- datagrams at 90 % of the sum ---------------------------------------------------------------

udp_run() { # row, run, direction
	local row=$1 run=$2 dir=$3 rate sent
	rate=$(awk '{ s += $1 } END { print 0.9 * s }' "$LAB/alone.$dir")
	flow --proto udp --rate "${rate}mbit" --dir "$dir" --seconds "$LENGTH" --skip "$SKIP" > "$LAB/flow.json"
	keep "$row" "$run" "udp $dir" "$LAB/flow.json"
	sent=$(value_of sent < "$LAB/flow.json")
	record "$row.$dir.rate" "$rate"
	record "$row.$dir.lost" "$(calculate "100 * $(value_of lost < "$LAB/flow.json") / $sent")"
	record "$row.$dir.late" "$(calculate "100 * $(value_of late < "$LAB/flow.json") / $sent")"
	record "$row.$dir.copies" "$(value_of copies < "$LAB/flow.json")"
	record "$row.$dir.p50" "$(value_of p50_ms < "$LAB/flow.json")"
	record "$row.$dir.p99" "$(value_of p99_ms < "$LAB/flow.json")"
	record "$row.$dir.offered" "$(calculate "100 * $(value_of all_sent < "$LAB/flow.json") / $(value_of planned < "$LAB/flow.json")")"
}

# Each link alone, once per direction: what they give is not what is judged here.
measure_alone() { # row
	local i dir
	for i in $LAB_UPLINKS; do
		open_tunnel "$i"
		for dir in $DIRS; do
			bulk "$1" 0 "single $i" "$dir" "$SINGLE" >> "$LAB/alone.$dir"
		done
		close_tunnel
	done
}

measure_udp() { # row, link...
	local row=$1 run dir
	shift
	build_lab "$@"
	measure_alone "$row"
	open_tunnel
	for ((run = 1; run <= RUNS; run++)); do
		for dir in $DIRS; do udp_run "$row" "$run" "$dir"; done
	done
	close_tunnel
	emulator_kept_up
}

report_udp() { # row, links
	local row=$1 dir details
	for dir in $DIRS; do
		details=
		if has_values "$row.$dir.rate"; then
			details="$(calculate "$(median "$row.$dir.rate")") Mbit/s, of which $(calculate "$(minimum "$row.$dir.offered")") % were sent; delay p50 $(median "$row.$dir.p50") ms, p99 $(median "$row.$dir.p99") ms; copies $(maximum "$row.$dir.copies")"
		fi
		row_of "one UDP flow at 90 % of the sum, $2, $dir: lost" "$row.$dir.lost" at-most 0.1 0 "$details" %
		row_of "one UDP flow at 90 % of the sum, $2, $dir: after a later one" "$row.$dir.late" at-most 0.1 0 "" %
	done
}

# --- round trips --------------------------------------------------------------------------------

# Without a tunnel, on the best link: what it is all compared with.
measure_bare() { # row
	local times
	times=$(ping_ms $INTERNET4 200 0.02)
	record "$1.bare.p50" "$(quantile 0.5 <<< "$times")"
	record "$1.bare.p99" "$(quantile 0.99 <<< "$times")"
	flow --proto udp --rate 50 --size 160 --seconds 4 > "$LAB/flow.json"
	record "$1.bare.up" "$(value_of p50_ms < "$LAB/flow.json")"
	flow --proto udp --rate 50 --size 160 --seconds 4 --dir down > "$LAB/flow.json"
	record "$1.bare.down" "$(value_of p50_ms < "$LAB/flow.json")"
}

# Of a list of moments and delays: p99 above `zero` of all; and, if there are enough to speak of, of those at whose time the host took
# no tick of the cores, with the part that they are.
record_p99() { # name, zero, zero of the latter (default: the same) < list
	local list undisturbed
	list=$(cat)
	[ -n "$list" ] || fail "$1: no packet came"
	undisturbed=$(calm <<< "$list" | delays)
	record "$1" "$(calculate "$(delays <<< "$list" | quantile 0.99) - $2")"
	if [ "$(wc -l <<< "$undisturbed")" -ge 100 ]; then
		record "$1.part" "$(calculate "100 * $(wc -l <<< "$undisturbed") / $(wc -l <<< "$list")")"
		record "$1.calm" "$(calculate "$(quantile 0.99 <<< "$undisturbed") - ${3:-$2}")"
	fi
}

calm_details() { # name
	if ! has_values "$1.calm"; then return; fi
	echo "; of the $(calculate "$(median "$1.part")") % at whose time the host took no tick: $(calculate "$(median "$1.calm")") ms (worst $(calculate "$(maximum "$1.calm")"))"
}

# Both at once: when a core sleeps or is taken away for some ms, that is in both.
measure_idle_ping() { # row
	local row=$1 run times p50 p99 count=$((LENGTH * 20))
	build_lab $DELAY_LINKS
	open_tunnel
	for ((run = 1; run <= RUNS; run++)); do
		stolen_begin
		ping_timed $SERVER4 $count 0.05 -I up1 > "$LAB/bare" &
		LAB_PID[bare]=$!
		times=$(ping_timed $INTERNET4 $count 0.05)
		flow_end bare
		stolen_end
		p50=$(delays < "$LAB/bare" | quantile 0.5) p99=$(delays < "$LAB/bare" | quantile 0.99)
		record "$row.bare.p50" "$p50"
		record "$row.bare.p99" "$p99"
		record "$row.p50" "$(calculate "$(delays <<< "$times" | quantile 0.5) - $p50")"
		record_p99 "$row.p99" "$p99" "$(calm < "$LAB/bare" | delays | quantile 0.99 || echo "$p99")" <<< "$times"
		record "$row.lost" $((count - $(wc -l <<< "$times")))
	done
	close_tunnel
}

report_idle_ping() { # row
	local bare
	if has_values "$1.bare.p99"; then
		bare="best link without a tunnel: p50 $(median "$1.bare.p50") ms, p99 $(median "$1.bare.p99") ms"
	fi
	row_of "idle ping, 100/10 + 50/40: added p50" "$1.p50" at-most 1 0.3 "${bare:-}" ms
	row_of "idle ping, 100/10 + 50/40: added p99" "$1.p99" at-most 1 0.3 "${bare:+lost: $(maximum "$1.lost")$(calm_details "$1.p99")}" ms
}

beside_run() { # row, run, direction, congestion control
	local row=$1 run=$2 dir=$3 cc=$4 times count=$(((LENGTH - SKIP) * 20 - 40))
	flow_begin bulk --cc "$cc" --streams 4 --dir "$dir" --seconds "$LENGTH" --skip "$SKIP"
	flow_begin voice --proto udp --rate 50 --size 160 --dir "$dir" --seconds "$LENGTH" --skip "$SKIP" --each "$LAB/each"
	stolen_begin
	pause "$SKIP"
	ping_ms $SERVER4 $count 0.05 -I up3 > "$LAB/beside" &
	LAB_PID[beside]=$!
	times=$(ping_timed $INTERNET4 $count 0.05)
	flow_end beside
	flow_end bulk
	flow_end voice
	stolen_end
	keep "$row" "$run" "bulk $dir" "$LAB/bulk.json"
	keep "$row" "$run" "voice $dir" "$LAB/voice.json"
	record "$row.$dir.ping50" "$(calculate "$(delays <<< "$times" | quantile 0.5) - $(median "$row.bare.p50")")"
	record_p99 "$row.$dir.ping99" "$(median "$row.bare.p50")" <<< "$times"
	record "$row.$dir.machine99" "$(calculate "$(quantile 0.99 < "$LAB/beside") - $(quantile 0.5 < "$LAB/beside")")"
	record "$row.$dir.ping_lost" $((count - $(wc -l <<< "$times")))
	record_p99 "$row.$dir.voice99" "$(median "$row.bare.$dir")" < "$LAB/each"
	record "$row.$dir.voice50" "$(calculate "$(value_of p50_ms < "$LAB/voice.json") - $(median "$row.bare.$dir")")"
	record "$row.$dir.voice_lost" "$(value_of lost < "$LAB/voice.json")"
	record "$row.$dir.bulk" "$(value_of goodput_mbit < "$LAB/bulk.json")"
}

# A third link is only there for pings without a tunnel at the same time: what those wait above their median is the machine's.
measure_beside() { # row, congestion control
	local row=$1 cc=$2 run dir
	build_lab $DELAY_LINKS 100/10
	measure_bare "$row"
	open_tunnel 1 2
	for ((run = 1; run <= RUNS; run++)); do
		for dir in $DIRS; do beside_run "$row" "$run" "$dir" "$cc"; done
	done
	close_tunnel
	emulator_kept_up
}

report_beside() { # row, congestion control
	local row=$1 dir load
	for dir in $DIRS; do
		load="4 $2 flows, $dir"
		if ! has_values "$row.$dir.bulk"; then
			row_of "ping and 64 kbit/s beside $load" "$row.$dir.bulk" at-most 10 3
			continue
		fi
		row_of "ping beside $load: added p50" "$row.$dir.ping50" at-most 10 3 \
			"bulk: $(calculate "$(median "$row.$dir.bulk")") Mbit/s" ms
		row_of "ping beside $load: added p99" "$row.$dir.ping99" at-most 10 3 \
			"lost: $(maximum "$row.$dir.ping_lost"); meanwhile, without a tunnel over an idle link: p99 $(calculate "$(median "$row.$dir.machine99")") ms above its median (worst $(calculate "$(maximum "$row.$dir.machine99")"))$(calm_details "$row.$dir.ping99")" ms
		row_of "64 kbit/s beside $load: added p99, one way" "$row.$dir.voice99" at-most 5 2 \
			"p50 $(median "$row.$dir.voice50") ms; lost: $(maximum "$row.$dir.voice_lost")$(calm_details "$row.$dir.voice99")" ms
	done
}

delay_rows() { # what to do
	local cc both=$(($(wc -w <<< "$DIRS") * (LENGTH + 3)))
	maybe "$1" plain_row ruler 30 measure_ruler report_ruler ""
	maybe "$1" plain_row udp-two $both measure_udp report_udp "100/10 + 50/40" 100/10 50/40
	maybe "$1" plain_row udp-three $both measure_udp report_udp "100/20 + 50/60 + 100/10" 100/20 50/60 100/10
	maybe "$1" plain_row ping-idle $((LENGTH + 1)) measure_idle_ping report_idle_ping ""
	for cc in $CCS; do
		maybe "$1" plain_row beside-$cc $both measure_beside report_beside $cc $cc
	done
}
