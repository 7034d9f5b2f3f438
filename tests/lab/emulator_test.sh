#!/bin/bash
# SPDX-License-Identifier: MIT
# The link emulator does what it is told: rate, delay, jitter, loss, queue, switches, script. Here
# without triglav; speed is printed and not judged.
. "$(dirname "$0")/lab.sh"

lab_new "delay=4ms"
start_internet
lab_run iperf internet iperf3 -s --forceflush
wait_for 5 grep -q listening "$LAB/iperf.log"

# Median of many pings, in ms.
ping_median() {
	in_client ping -i 0.005 -c 200 "$@" $INTERNET4 | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' |
		sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'
}

# Mbit/s on the link, Ethernet headers included, as the receiver sees it.
measure() { # bytes of headers for this payload, payload, iperf3 options...
	local headers=$1 payload=$2
	shift 2
	if [[ " $* " != *" -u "* ]]; then set -- -C cubic "$@"; fi
	in_client iperf3 -J -c $INTERNET4 -O 1 -t 2 "$@" | json \
		"round(d['end']['sum_received']['bits_per_second'] * ($headers + $payload) / $payload / 1e6, 2)"
}

dropped() { # direction, cause
	lab_emulator stats | json "d['1']['$1']['dropped']['$2']"
}

median=$(ping_median)
note "delay 2 x 4 ms: median round trip $median ms"
assert_true "error of the delay" "0 <= $median - 8 < 0.6"
link_shape 1 dir a delay 9ms
link_shape 1 dir b delay 0
median=$(ping_median)
note "delay 9 ms + 0: median round trip $median ms"
assert_true "error of the delay, one direction" "0 <= $median - 9 < 0.6"

# A link is never faster than it is told; a machine that is busy with other things may make it slower, for a while.
reaches() { # what, Mbit/s, arguments of measure...
	local what=$1 wanted=$2 rate attempt
	shift 2
	for attempt in 1 2 3 4 5; do
		rate=$(measure "$@")
		note "$what: $rate Mbit/s"
		assert_true "$what: not faster" "$rate < $wanted * 1.03"
		if awk "BEGIN { exit !($rate > $wanted * 0.97) }"; then return 0; fi
	done
	fail "$what: $wanted Mbit/s was not reached in $attempt attempts"
}

link_shape 1 delay 2ms rate 40mbit
# TCP takes a pause of this machine for a full queue: what it reaches is shown and not judged.
for way in "" -R; do
	rate=$(measure 66 1448 $way)
	note "rate 40 Mbit/s: TCP $way: $rate Mbit/s"
	assert_true "TCP $way: some, and not faster" "1 < $rate < 40 * 1.03"
done
reaches "rate 40 Mbit/s: UDP of 60 Mbit/s down" 40 42 1400 -u -l 1400 -b 60M -R
link_shape 1 dir b rate 15mbit
reaches "rate 15 Mbit/s down only: UDP of 30 Mbit/s down" 15 42 1400 -u -l 1400 -b 30M -R
reaches "rate 40 Mbit/s: UDP of 60 Mbit/s up" 40 42 1400 -u -l 1400 -b 60M

link_shape 1 rate 0 delay 5ms jitter 8ms
result=$(echo_run $INTERNET4 --rate 500 --count 1000)
note "jitter 2 x 0..8 ms: $result"
assert_equal "datagrams out of order" "$(json "d['swapped']" <<< "$result")" 0
assert_true "spread" "$(json "d['p95_ms'] - d['p5_ms']" <<< "$result") > 4"

link_shape 1 delay 1ms jitter 0
link_shape 1 dir a loss 10%
result=$(echo_run $INTERNET4 --rate 4000 --count 6000)
note "loss 10 %: $result"
lost=$(json "d['lost']" <<< "$result")
assert_true "lost of 6000 (600 expected, standard deviation 23)" "480 < $lost < 720"
link_shape 1 dir a loss 0 burst 10% 10
result=$(echo_run $INTERNET4 --rate 4000 --count 8000)
note "burst 10 %, 10 long: $result"
# About 80 bursts of 10, standard deviation of their sum 120 and of the mean length 1.1.
assert_true "share of bursts" "320 < $(json "d['lost']" <<< "$result") < 1280"
assert_true "length of bursts" "6 < $(json "d['lost'] / d['lost_runs']" <<< "$result") < 15"

link_shape 1 burst 0 delay 0
link_shape 1 dir a rate 10mbit queue 50000
lab_run flood client iperf3 -u -l 1400 -b 14M -t 3 -c $INTERNET4
wait_for 5 eval '[ $(dropped a queue) -gt 0 ]'
median=$(ping_median -i 0.01 -c 100)
note "queue of 50000 bytes at 10 Mbit/s, full: median round trip $median ms"
assert_true "queue bounds the delay to 40 ms, and is used" "30 < $median < 45"
lab_stop flood || true

link_shape 1 rate 0
lab_emulator at 500ms link 1 down > /dev/null
lab_emulator at 1s link 1 up > /dev/null
result=$(echo_run $INTERNET4 --rate 200 --count 400)
note "down from 0.5 s to 1 s: $result"
assert_true "lost of 200 a second, in half a second" "90 <= $(json "d['lost']" <<< "$result") <= 110"
assert_true "first lost" "60 < $(json "d['first_lost']" <<< "$result") < 120"

link_cut 1
before=$(dropped a down)
assert_fails "ping over a link that is down" in_client ping -c 2 -i 0.2 -W 1 $INTERNET4
[ "$(dropped a down)" -gt "$before" ] || fail "what is dropped by a link that is down is not counted"
link_restore 1
link_shape 1 dir b down
out=$(lab_emulator stats | json "d['1']['a']['packets_out']")
assert_fails "ping without a way back" in_client ping -c 2 -i 0.2 -W 1 $INTERNET4
[ "$(lab_emulator stats | json "d['1']['a']['packets_out']")" -gt "$out" ] || fail "the way out is down as well"
link_restore 1
wait_for 5 in_client ping -c 1 -W 1 $INTERNET4 || fail "the link does not come back"

assert_fails "a command with a mistake" lab_emulator link 1 rate 10miles
assert_fails "a link that is not there" lab_emulator link 9 down
assert_fails "an interface that is not there" lab_emulator add 9 a9 b9

in_client ethtool -K up1 sg on tx on tso on gso on > /dev/null
result=$(echo_run $INTERNET4 --rate 100 --count 10)
assert_equal "datagrams without a checksum that pass" "$(json "d['received']" <<< "$result")" 0
assert_true "they are counted" "$(dropped a offload) >= 10"
link_bare client up1

printf '# a script\nadd x a1 b1 rate=10mbit delay=1s\nat 200ms dir a delay 2s\n' > "$LAB/script"
lab_emulator remove 1 > /dev/null
lab_stop emulator || fail "the emulator ends with an error"
lab_run emulator wire "$EMULATOR" --control "$LAB/emulator" --script "$LAB/script"
wait_for 5 eval 'lab_emulator stats | grep -q "\"x\""' || fail "the script does not make its link"
lab_emulator link x dir b delay 0 > /dev/null
wait_for 5 eval '[ "$(in_client ping -c 1 -W 4 $INTERNET4 | sed -n "s/.*time=\(20..\) ms/\1/p")" ]' ||
	fail "the script does not change the delay"
lab_emulator remove x > /dev/null

lab_emulator add 1 a1 b1 > /dev/null
wait_for 5 in_client ping -c 1 -W 1 $INTERNET4
ticks() { awk '{ print $14 + $15 }' "/proc/${LAB_PID[emulator]}/stat"; }
before=$(ticks)
rate=$(measure 66 1448)
note "no limit: TCP $rate Mbit/s, at $((($(ticks) - before) / 3)) % of a core"
