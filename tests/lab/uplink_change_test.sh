#!/bin/bash
# SPDX-License-Identifier: MIT
# Uplinks added and removed while a transfer runs: by command, and by the hardware.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=40mbit delay=5ms"
start_internet
start_server
start_client --full-tunnel
transfer_begin $INTERNET4 --up 60 --down 0	# more than one of them carries
transfer_goes_on "the start" 10 1000000

link_add "rate=40mbit delay=10ms"
client_uplink add up2
link_carries 2 10 300000 a
note "up2 added: carries"

client_uplink remove up1
wait_for 5 client_paths_up 1 || fail "the removed uplink's path stays"
link_carries 2 10 1000000 a
before=$(link_bytes 1 b)
transfer_goes_on "removing up1" 10 2000000
assert_true "bytes on a removed uplink" "$(link_bytes 1 b) - $before < 50000"
note "up1 removed: rests"

client_uplink add up1
link_carries 1 10 300000 a
note "up1 added again: carries"

link_remove 2
transfer_goes_on "pulling up2" 10 2000000
note "up2 pulled like a USB modem: goes on"
link_add "rate=40mbit delay=10ms"	# takes the free number: up2 is back, as another interface
link_carries 2 10 300000 a
note "up2 plugged in again: carries, by itself"

assert_fails "removing an uplink that is not there" client_uplink remove up9
transfer_end
