#!/bin/bash
# SPDX-License-Identifier: MIT
# Links that die while a transfer runs: interface down, cable pulled, silent black hole, all gone.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=40mbit delay=10ms" "rate=30mbit delay=20ms"
start_internet
start_server
start_client --full-tunnel --strategy bandwidth_proportional
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
transfer_begin $INTERNET4 --up 8 --down 0
link_carries 1 10 300000
link_carries 2 10 300000

kill_and_revive() { # uplink, how, how back
	$2 "$1"
	transfer_goes_on "$2 $1" 10 1500000
	$3 "$1"
	link_carries "$1" 15 300000
	note "$2 $1, $3: the transfer went on, and the link is used again"
}

kill_and_revive 1 link_down link_up
kill_and_revive 2 link_unplug link_plug
kill_and_revive 1 link_cut link_restore
kill_and_revive 2 link_cut link_restore

link_cut 1
link_cut 2
wait_for 10 client_paths_up 0 || fail "no link answers, but paths are called up"
link_restore 2
transfer_goes_on "a while without any link" 15 1000000
note "all links silent, one back: goes on"
link_restore 1
link_carries 1 15 300000

# One direction only: the client still hears the server, the server hears nothing.
link_shape 1 dir a down
transfer_goes_on "the way up of link 1 is gone" 10 1000000
link_shape 1 dir a up
link_carries 1 15 300000
transfer_end
