#!/bin/bash
# SPDX-License-Identifier: MIT
# IPv4 and IPv6 inside and outside: each carries each, and a session may use both outside at once.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=50mbit delay=5ms" "rate=50mbit delay=5ms family=4" "rate=50mbit delay=5ms family=6"
start_internet
start_server

# Datagrams the server has received: 4 or 6.
received() { # family
	if [ "$1" = 4 ]; then
		in_server awk '/^Udp: [0-9]/ { print $2 }' /proc/net/snmp
	else
		in_server awk '/^Udp6InDatagrams/ { print $2 }' /proc/net/snmp6
	fi
}

check_inside() { # what is outside
	assert_equal "IPv4 in $1" "$(seen_as $INTERNET4)" $SERVER4
	assert_equal "IPv6 in $1" "$(seen_as $INTERNET6)" $SERVER6
	local inner
	for inner in $INTERNET4 $INTERNET6; do
		transfer_begin $inner --up 5 --down 10
		transfer_goes_on "$inner in $1" 10 500000
		transfer_end
	done
}

for outer in 4 6; do
	address=$SERVER4:$PORT other=$((10 - outer))
	[ $outer = 4 ] || address="[$SERVER6]:$PORT"
	client_key only$outer "$address"
	before=$(received $other)
	KEY_FILE=$LAB/only$outer.key start_client --full-tunnel -i up1
	check_inside "IPv$outer"
	assert_equal "datagrams by IPv$other" "$(received $other)" "$before"
	note "IPv4 and IPv6 inside IPv$outer"
	lab_stop client || fail "the client ends with an error"
done

triglav_server client add both --address $SERVER4:$PORT --address "[$SERVER6]:$PORT" > "$LAB/both.key"
chmod 600 "$LAB/both.key"
KEY_FILE=$LAB/both.key start_client --full-tunnel -i up2 -i up3
wait_for 10 client_paths_up 2 || fail "no path over the IPv4-only and one over the IPv6-only uplink"
transfer_begin $INTERNET4 --up 5 --down 20
link_carries 2 10 50000 b
link_carries 3 10 50000 b
transfer_end
note "one session over IPv4 and IPv6 outside"
