#!/bin/bash
# SPDX-License-Identifier: MIT
# Split tunnel and excludes: what was named goes through, the rest goes as before. The internet
# host tells by the sender's address.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=50mbit delay=5ms" "rate=50mbit delay=5ms"
start_internet
start_server

# A second network of the internet host.
OTHER4=198.18.7.2 OTHER6=2001:db8:7::2
in_internet ip addr add $OTHER4/24 dev eth0
in_internet ip addr add $OTHER6/64 dev eth0 nodad
in_net ip route add 198.18.7.0/24 via $INTERNET4
in_net ip route add 2001:db8:7::/64 via $INTERNET6
OWN4=10.80.1.2 OWN6=2001:db8:80:1::2

expect() { # what, INTERNET4 seen as, INTERNET6, OTHER4, OTHER6
	assert_equal "$1: $INTERNET4 sees" "$(seen_as $INTERNET4)" "$2"
	assert_equal "$1: $INTERNET6 sees" "$(seen_as $INTERNET6)" "$3"
	assert_equal "$1: $OTHER4 sees" "$(seen_as $OTHER4)" "$4"
	assert_equal "$1: $OTHER6 sees" "$(seen_as $OTHER6)" "$5"
	in_client ping -q -c 1 -W 2 10.80.1.1 > /dev/null || fail "$1: the uplink's own network is cut off"
	note "$1"
}

expect "no tunnel" $OWN4 $OWN6 $OWN4 $OWN6

start_client --route 198.51.100.0/24 --route 2001:db8:2::/64
expect "two routes" $SERVER4 $SERVER6 $OWN4 $OWN6
lab_stop client

start_client --full-tunnel
expect "full tunnel" $SERVER4 $SERVER6 $SERVER4 $SERVER6
lab_stop client

start_client --full-tunnel --exclude 198.18.7.0/24 --exclude 2001:db8:7::/64
expect "full tunnel with excludes" $SERVER4 $SERVER6 $OWN4 $OWN6
lab_stop client

start_client --route 198.18.0.0/15 --route 198.51.100.0/24 --exclude 198.18.7.2/32
expect "an exclude inside a route" $SERVER4 $OWN6 $OWN4 $OWN6
lab_stop client

start_client --no-full-tunnel
expect "neither" $OWN4 $OWN6 $OWN4 $OWN6
in_client ping -q -c 1 -W 2 10.99.0.1 > /dev/null || fail "the server's inner address does not answer"
lab_stop client

expect "after it all" $OWN4 $OWN6 $OWN4 $OWN6
