#!/bin/bash
# SPDX-License-Identifier: MIT
# The client's address changes, and a NAT forgets its mappings, while a transfer runs over that
# one link. Then a handful of changes in a row.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=40mbit delay=10ms nat"
start_internet
start_server
start_client --full-tunnel
transfer_begin $INTERNET4 --up 5 --down 20
transfer_goes_on "the start" 10 500000

# Source port of the client's datagrams, as the server sees them.
mapped_port() {
	in_server timeout 5 tcpdump -n -i eth0 -c 1 "udp and dst port $PORT" 2> /dev/null |
		sed -n 's/.* IP [0-9.]*\.\([0-9]*\) > .*/\1/p'
}

before=$(mapped_port)
link_nat_rebind 30000-39999
transfer_goes_on "NAT rebinding" 10 500000
after=$(mapped_port)
assert_true "the mapping has changed from $before to $after" "20000 <= $before < 30000 <= $after"
note "NAT rebinding: port $before became $after"

link_readdress 1 7
transfer_goes_on "a new address" 15 500000
note "address changed from 10.80.1.2 to 10.80.1.7"

for range in 40000-44999 45000-49999 50000-54999; do
	link_nat_rebind $range
	transfer_goes_on "rebinding to $range" 10 200000
done
note "three more mappings"
transfer_end
assert_equal "sessions" "$(server_status | json "len(d['sessions'])")" 1
