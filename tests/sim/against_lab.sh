#!/bin/bash
# SPDX-License-Identifier: MIT
# against_lab.sh - do the simulator and the lab agree? The same links and senders in both, one line each.
#
#   tests/sim/against_lab.sh [SECONDS [PATTERN]]     per measurement, 50 by default; names that match. Needs root
#
# The lab runs the daemons, the kernel's TCP and the emulated links of tests/lab; the simulator the same engine with
# its own models of both. Data flows to the client. Ends with 1 when one of them is off by more than 10 %.
. "$(dirname "$0")/../lab/lab.sh"
need_triglav

# Half of it is left out: when a window has grown enough for a second link depends on where slow start ended.
SECONDS_EACH=${1:-50}
SKIP=$((SECONDS_EACH / 2))
PATTERN=${2:-.}
SIM=$BUILD/tests/sim/sim
OFF=0

# name | streams | congestion control | links (words that both understand)
SHARED=(
	"one link|1|cubic|rate=60mbit delay=15ms queue=750000"
	"equal pair, 4 streams|4|cubic|rate=100mbit delay=20ms queue=1000000|rate=100mbit delay=20ms queue=1000000"
	"unlike pair, deep queues|1|cubic|rate=60mbit delay=15ms queue=1500000|rate=25mbit delay=40ms queue=600000"
	"unlike pair, one stream|1|cubic|rate=100mbit delay=10ms queue=1250000|rate=50mbit delay=40ms queue=625000"
	"unlike pair, 8 streams|8|cubic|rate=50mbit delay=10ms queue=600000|rate=25mbit delay=30ms queue=300000"
	"one link, 0.1 % loss, 4 streams|4|cubic|rate=50mbit delay=20ms loss=0.1% queue=600000"
	"one link, 1 % loss, bbr|1|bbr|rate=30mbit delay=20ms loss=1% queue=400000"
)

iperf_listens() {
	[ -n "$(in_client ss -Hltn "sport = :5201")" ]
}

in_lab() { # streams, congestion control, how many links: Mbit/s
	local address
	start_client
	wait_for 10 client_paths_up "$3"
	lab_run iperf client iperf3 -s	# a new one each time: the tunnel goes away under the last one's connection
	wait_for 5 iperf_listens
	address=$(in_client ip -4 -o addr show dev tg0 | awk '{ sub("/.*", "", $4); print $4 }')
	wait_for 5 in_server ping -q -c 1 -W 1 "$address"
	in_server iperf3 -J -c "$address" -P "$1" -C "$2" -t $((SECONDS_EACH - SKIP)) -O $SKIP > "$LAB/iperf.json" ||
		fail "iperf3: $(json "d.get('error')" < "$LAB/iperf.json")"
	lab_stop iperf || true
	lab_stop client || fail "the client ends with an error"
	json "d['end']['sum_received']['bits_per_second'] / 1e6" < "$LAB/iperf.json"
}

in_sim() { # streams, congestion control, links...: Mbit/s
	local flags=() link streams=$1 kind=$2
	shift 2
	for link in "$@"; do flags+=(--link "$link"); done
	# What else the simulator finds wrong is not the question here.
	{ "$SIM" "${flags[@]}" --flow "$kind,n=$streams" --seconds "$SECONDS_EACH" --skip $SKIP || true; } |
		sed -n 's/^goodput \([0-9.]*\).*/\1/p'
}

compare() { # line of SHARED
	local name streams kind links lab sim i
	IFS='|' read -r name streams kind links <<< "$1"
	IFS='|' read -r -a links <<< "$links"
	for i in "${!links[@]}"; do link_add "${links[$i]}"; done
	lab=$(in_lab "$streams" "$kind" ${#links[@]})
	sim=$(in_sim "$streams" "$kind" "${links[@]}")
	for i in $LAB_UPLINKS; do link_remove "$i"; done
	printf '%-34s lab %7.2f  sim %7.2f Mbit/s  %.3f\n' "$name" "$lab" "$sim" \
		"$(awk -v a="$sim" -v b="$lab" 'BEGIN { print a / b }')"
	awk -v a="$sim" -v b="$lab" 'BEGIN { exit !(a > 1.1 * b || a < 0.9 * b) }' && OFF=$((OFF + 1))
	return 0
}

[ -x "$SIM" ] || skip "build/tests/sim/sim is missing"
lab_new
start_server
for line in "${SHARED[@]}"; do
	if [[ ${line%%|*} =~ $PATTERN ]]; then compare "$line"; fi
done
[ $OFF = 0 ] || fail "$OFF of ${#SHARED[@]} differ by more than 10 %"
