#!/bin/bash
# SPDX-License-Identifier: MIT
# One, two and three uplinks: everything an application does reaches the internet host through the
# tunnel, and every uplink carries part of a transfer.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=50mbit delay=5ms" "rate=30mbit delay=15ms" "rate=20mbit delay=10ms"
start_internet
start_server

check_applications() {
	in_client ping -q -c 5 -i 0.2 -W 2 $INTERNET4 || fail "ping"
	in_client ping -q -c 5 -i 0.2 -W 2 $INTERNET6 || fail "ping by IPv6"
	assert_equal "source seen by the internet" "$(seen_as $INTERNET4)" $SERVER4
	assert_equal "IPv6 source seen by the internet" "$(seen_as $INTERNET6)" $SERVER6
	assert_equal "DNS over UDP" "$(in_client dig +short +time=2 @$INTERNET4 www.example A)" $INTERNET4
	assert_equal "DNS over TCP" "$(in_client dig +short +tcp +time=2 @$INTERNET6 www.example AAAA)" $INTERNET6
	local result
	result=$(echo_run $INTERNET4 --count 200 --rate 400 --size 1200)
	note "UDP: $result"
	assert_equal "UDP datagrams lost" "$(json "d['lost']" <<< "$result")" 0
	# Larger than the tunnel's MTU: the kernel fragments it, both ways.
	result=$(echo_run $INTERNET4 --count 20 --rate 100 --size 3000)
	assert_equal "fragmented UDP datagrams lost" "$(json "d['lost']" <<< "$result")" 0
}

for n in 1 2 3; do
	uplinks=()
	for ((i = 1; i <= n; i++)); do uplinks+=(-i up$i); done
	start_client --full-tunnel "${uplinks[@]}"
	wait_for 10 client_paths_up $n || fail "$n uplinks, but not as many paths"
	note "$n uplinks: connected"
	check_applications
	transfer_begin $INTERNET4
	for ((i = 1; i <= n; i++)); do link_carries $i 10 300000; done
	transfer_goes_on "the start" 10 2000000
	transfer_end
	lab_stop client || fail "the client ends with an error"
	wait_for 5 server_sessions 0 || fail "the server keeps the session of a client that said good-bye"
done
lab_stop server || fail "the server ends with an error"
