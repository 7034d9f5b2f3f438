#!/bin/bash
# SPDX-License-Identifier: MIT
# The load generator measures what the emulator was told: rate, loss, delay, a gap, bytes per link.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/measure.sh"
[ -x "$FLOW" ] || skip "build/tests/lab/flow is missing"

lab_new "rate=20mbit delay=10ms queue=50ms"

# One value of a run, which stays in $LAB/flow.json.
measure() { # name, options of flow...
	local name=$1
	shift
	flow "$@" > "$LAB/flow.json" || fail "flow $*"
	value_of "$name" < "$LAB/flow.json"
}

# A frame of TCP has 66 bytes of headers to 1448 (timestamps), one of UDP 42.
for dir in up down; do
	for cc in cubic bbr; do
		goodput=$(measure goodput_mbit --cc $cc --dir $dir --seconds 4 --skip 2)
		note "20 Mbit/s, one $cc flow $dir: $goodput"
		# BBR paces by the host's timers, and where virtual processors sleep it takes what it sees of that for the link.
		assert_true "goodput of $cc" "$([ $cc = bbr ] && echo 10 || echo 17.5) < $goodput < 20 * 1448 / 1514 * 1.01"
	done
	goodput=$(measure goodput_mbit --proto quic --dir $dir --seconds 4 --skip 2)
	note "20 Mbit/s, QUIC-like $dir: $goodput, $(value_of spurious < "$LAB/flow.json") taken for lost by mistake"
	assert_true "goodput of QUIC" "17.5 < $goodput < 20 * 1200 / 1242 * 1.01"
	assert_equal "losses that were none, on a link that keeps the order" "$(value_of spurious < "$LAB/flow.json")" 0
done

delay=$(measure p50_ms --proto udp --rate 100 --size 160 --seconds 2 --dir down)
note "delay 10 ms: p50 $delay ms one way, lost $(value_of lost < "$LAB/flow.json")"
assert_true "error of the delay" "abs($delay - 10) < 0.5"
assert_equal "lost" "$(value_of lost < "$LAB/flow.json")" 0
assert_equal "late" "$(value_of late < "$LAB/flow.json")" 0

started=$(date +%s)
stolen_begin
flow --proto udp --rate 100 --size 160 --seconds 2 --skip 1 --each "$LAB/each" > "$LAB/flow.json"
stolen_end
assert_equal "lines of --each" "$(wc -l < "$LAB/each")" "$(value_of sent < "$LAB/flow.json")"
assert_true "moments and delays of --each" "$(awk -v s="$started" '{ ok += $1 > s && $1 < s + 60 && $2 > 9.5 } END { print ok }' "$LAB/each") == $(wc -l < "$LAB/each")"
assert_equal "lines of what the host took that are no moment and ticks" "$(grep -cvE '^[0-9]+\.[0-9]{3} [1-9][0-9]*$' "$LAB/stolen" || true)" 0
: > "$LAB/stolen"
assert_equal "datagrams that are calm when nothing was taken" "$(calm < "$LAB/each" | wc -l)" "$(wc -l < "$LAB/each")"
printf '%s 1\n' "$(sed -n 50p "$LAB/each" | cut -d ' ' -f 1)" > "$LAB/stolen"	# a tick was taken at this moment
calm=$(calm < "$LAB/each" | wc -l)
assert_true "datagrams of a second of which 200 to 300 ms are not calm" "65 <= $calm <= 82"
slow="$(awk 'NR == 50 { printf "%.3f", $1 - 0.4 }' "$LAB/each")"
assert_equal "one that was under way then, for 800 ms" "$(calm <<< "$slow 800" | wc -l)" 0
assert_equal "one that came before" "$(calm <<< "$slow 200" | wc -l)" 1

link_shape 1 dir a loss 10%
lost=$(measure lost --proto udp --rate 2000 --size 160 --seconds 3)
note "loss 10 %: $lost of $(value_of sent < "$LAB/flow.json")"
assert_true "lost of 6000 (600 expected, standard deviation 23)" "480 < $lost < 720"
link_shape 1 loss 0

lab_emulator at 1500ms link 1 down > /dev/null
lab_emulator at 1800ms link 1 up > /dev/null
gap=$(measure longest_gap_ms --proto udp --rate 500 --size 160 --seconds 3)
note "link down for 300 ms: longest gap $gap ms, lost $(value_of lost < "$LAB/flow.json")"
assert_true "gap" "295 < $gap < 340"
assert_true "lost of 500 a second in 0.3 s, and what was under way" "145 <= $(value_of lost < "$LAB/flow.json") <= 165"

watch_begin watch wire
flow --proto udp --rate 1000 --size 1200 --seconds 2 > "$LAB/flow.json"
watch_end watch
carried=$(json "d['b1']['sent'][-1] - d['b1']['sent'][0]" < "$LAB/watch.json")
note "2000 datagrams of 1242 bytes on the wire: $carried bytes seen"
assert_true "bytes on the wire" "2000 * 1242 <= $carried < 2000 * 1242 + 2000"
