#!/bin/bash
# SPDX-License-Identifier: MIT
# New keys every second on both links, under 5 % loss and jitter: no packet may be lost to keys.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=40mbit delay=10ms jitter=5ms loss=5%" "rate=30mbit delay=25ms jitter=10ms loss=5%"
start_internet
start_server --rekey-interval 1s
start_client --full-tunnel --rekey-interval 1s
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
transfer_begin $INTERNET4 --up 2 --down 4

rekeyed() { # times
	[ "$(counter client_status counters.rekeys)" -ge "$1" ]
}
wait_for 30 rekeyed 12 || fail "$(counter client_status counters.rekeys) rekeys in 30 s"
result=$(echo_run $INTERNET4 --count 300 --rate 100)
note "UDP meanwhile: $result"
transfer_end

for side in client_status server_status; do
	for reason in no_session key_expired forged replay bad_handshake; do
		assert_equal "$side: packets dropped as $reason" "$(counter $side drops.$reason)" 0
	done
done
note "$(counter client_status counters.rekeys) rekeys, none of them cost a packet"
