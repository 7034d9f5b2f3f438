#!/bin/bash
# SPDX-License-Identifier: MIT
# The client's device has no larger MTU than the server and every uplink carry.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "plain" "plain mtu=1400"
start_internet
start_server

mtu() { in_client cat /sys/class/net/tg0/mtu; }
has_mtu() { [ "$(mtu)" = "$1" ]; }

carries() { # what, MTU: packets of this size pass whole, nothing is dropped for its size
	wait_for 5 has_mtu "$2" || fail "$1: MTU $(mtu), not $2"
	in_client ping -q -c 8 -i 0.1 -W 2 -M do -s $(($2 - 28)) $INTERNET4 > "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	grep -q ' 0% packet loss' "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	assert_equal "$1: dropped as too large" "$(counter client_status drops.too_large)" 0
	assert_equal "$1: refused by the link" "$(counter client_status drops.link_error)" 0
	assert_equal "$1: status" "$(client_status | json "d['config']['mtu_bytes']")" "$2"
	note "$1: $2"
}

start_client --full-tunnel -i up1
carries "one wide uplink" 1420
client_uplink add up2
wait_for 5 client_paths_up 2 || fail "up2 does not come up"
carries "a narrow one beside it" 1340
grep -q 'tg0: MTU 1340, because up2' "$LAB/client.log" || fail "not said why"
client_uplink remove up2
carries "without it" 1420
in_client ip link set up1 mtu 1300
wait_for 5 has_mtu 1280 || fail "an uplink narrower than any: MTU $(mtu)"
in_client ip link set up1 mtu 1500
carries "wide again" 1420
lab_stop client

client_key six "[$SERVER6]:$PORT"
KEY_FILE=$LAB/six.key start_client --full-tunnel -i up2
carries "a narrow one over IPv6" 1320
lab_stop client
lab_stop server

start_server --mtu 1380
start_client --full-tunnel -i up1
carries "a server with less" 1380
lab_stop client
start_client --full-tunnel -i up1 --mtu 1300
carries "a client with less" 1300
lab_stop client
