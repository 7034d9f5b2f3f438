#!/bin/bash
# SPDX-License-Identifier: MIT
# Two lanes into the tunnel: small flows and bulk take different queues of the device, all of it arrives, in order; flows are accounted; nothing stays
# behind, also after SIGKILL; and without lanes all is as before.
. "$(dirname "$0")/lab.sh"
need_triglav

BPFTOOL=$(command -v bpftool || ls /usr/sbin/bpftool 2> /dev/null || true)
lab_new plain plain
start_internet
start_server
start_client --full-tunnel
if grep -q "no lanes" "$LAB/client.log"; then lab_blames_kernel "$(grep -m 1 'no lanes' "$LAB/client.log")" clsact tun-steering; fi

queues() { # client or server
	"in_$1" sh -c 'ls -d /sys/class/net/tg0/queues/tx-* | wc -l'
}
filters() { # client or server, egress or ingress
	"in_$1" tc filter show dev tg0 "$2" 2> /dev/null | grep -c "tg_tunnel" || true
}

for side in client server; do
	assert_equal "$side: queues" "$(queues $side)" 2
	assert_equal "$side: egress filters" "$(filters $side egress)" 1
	assert_equal "$side: ingress filters" "$(filters $side ingress)" 1
done
note "both ends have two queues and the classifier"

transfer_begin $INTERNET4
wait_for 20 transfer_moved 20000000
echo_run $INTERNET4 --rate 200 --count 200 > "$LAB/echo.json"
assert_true "small packets beside it: $(cat "$LAB/echo.json")" "$(json "d['lost'] <= 20" < "$LAB/echo.json")"
transfer_end
# The first queue is the interactive lane. What went out by each, as its queueing discipline counts it.
sent_by() { # queue, from 1
	in_client tc -s -j qdisc show dev tg0 | json "sum(q.get('bytes', 0) for q in d if q.get('parent', '') == ':$1')"
}
assert_true "bulk went by the second queue: $(sent_by 2) bytes, $(sent_by 1) by the first" "$(sent_by 2) > 20000000 and $(sent_by 1) * 10 < $(sent_by 2)"
in_client ping -q -c 30 -i 0.002 -s 64 $INTERNET4 > /dev/null || fail "pings are lost"
note "a transfer both ways and small packets beside it arrive"

if [ -n "$BPFTOOL" ]; then
	# The client's own tg_flows, by the descriptors of its process.
	map=
	for id in $(sed -n 's/^map_id:[^0-9]*//p' "/proc/${LAB_PID[client]}/fdinfo/"*); do
		if [ "$("$BPFTOOL" -j map show id "$id" | json "d['name']")" = tg_flows ]; then map=$id; fi
	done
	if [ -n "$map" ]; then
		"$BPFTOOL" -j map dump id "$map" > "$LAB/flows.json"
		assert_true "tg_flows has the echo's flow, both ways (packets that come may have been joined)" "$(json "[f for e in d for f in [e['formatted']['value']] if e['formatted']['key']['dport'] == 7 and e['formatted']['key']['protocol'] == 17 and f['packets_out'] == 200 and f['packets_in'] > 0 and f['bytes_in'] >= 198 * 64] != []" < "$LAB/flows.json")"
		assert_true "and the transfer's, with its bytes" "$(json "[f for e in d for f in [e['formatted']['value']] if e['formatted']['key']['dport'] == 9000 and f['bytes_out'] > 20000000 and f['bytes_in'] > 20000000] != []" < "$LAB/flows.json")"
		note "tg_flows has them, with fields"
	else
		fail "the client has no map tg_flows"
	fi
fi

lab_stop client KILL || true
gone() { ! in_client ip link show tg0; }
wait_for 5 gone || fail "the device is still there after SIGKILL"
assert_equal "filters after SIGKILL" "$(filters client egress)" 0
note "killed: device and filters are gone"

# A device that persists keeps filters of a killed daemon; the next one replaces them, and takes them away at its end.
in_client ip tuntap add dev tg0 mode tun vnet_hdr multi_queue
start_client --full-tunnel
lab_stop client KILL || true
assert_equal "filters on a device that persists, after SIGKILL" "$(filters client egress)" 1
start_client --full-tunnel
assert_equal "filters after the next start" "$(filters client egress)" 1
wait_for 5 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through"
lab_stop client
assert_equal "filters after its end" "$(filters client egress)" 0
assert_true "clsact is gone: $(in_client tc qdisc show dev tg0)" "$(in_client tc qdisc show dev tg0 | grep -c clsact || true) == 0"
in_client ip link del tg0
note "on a device that persists they are replaced, and taken away"

# Such a device with one queue only: no lanes, and all else works.
in_client ip tuntap add dev tg0 mode tun vnet_hdr
start_client --full-tunnel
grep -q "no lanes on tg0" "$LAB/client.log" || fail "nothing is said of a device with one queue"
wait_for 5 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through by one queue"
lab_stop client
in_client ip link del tg0
note "a device with one queue: no lanes, said once"

start_client --full-tunnel --no-lanes
assert_equal "queues without lanes" "$(queues client)" 1
assert_equal "filters without lanes" "$(filters client egress)" 0
wait_for 5 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through without lanes"
lab_stop client
note "--no-lanes: as before"
lab_stop server

# Workers of a server: a flow that begins there reaches the worker that has the client, whichever that is.
start_server --workers 4
assert_equal "queues of four workers" "$(queues server)" 8
for round in 1 2 3 4 5; do
	start_client --full-tunnel
	wait_for 5 in_server ping -q -c 1 -W 1 10.99.0.2 || fail "the server does not reach its client, round $round"
	for to in 10.99.0.2 fd99::2; do
		in_server ping -q -c 20 -i 0.002 -W 2 $to > "$LAB/ping.log" || true
		grep -Eq " (1[5-9]|20) received" "$LAB/ping.log" || fail "from the server's side: $(cat "$LAB/ping.log")"
	done
	lab_stop client
done
note "four workers: each session's packets go to its worker"
