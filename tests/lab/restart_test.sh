#!/bin/bash
# SPDX-License-Identifier: MIT
# The server is killed and started again while a transfer runs; so is the client, which must leave
# nothing that keeps the next one from starting.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=40mbit delay=10ms" "rate=30mbit delay=20ms"
start_internet
start_server
start_client --full-tunnel
transfer_begin $INTERNET4 --up 5 --down 20
transfer_goes_on "the start" 10 500000

lab_stop server KILL || true
start_server
since=$(lab_ms)
transfer_goes_on "a kill of the server" 15 500000
note "server killed: data flows again $(($(lab_ms) - since)) ms after it listens"

lab_stop client KILL || true
start_client --full-tunnel
transfer_goes_on "a kill of the client" 15 500000
note "client killed and started: its connections live on"
transfer_end

# A polite end takes the masquerading away, so that connections through it end; new ones must work at once.
lab_stop server || fail "the server ends with an error"
start_server
wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 > /dev/null || fail "no way through the restarted server"
transfer_begin $INTERNET4 --up 5 --down 20
transfer_goes_on "a restart of the server" 15 500000
transfer_end
note "server restarted politely: the client found it again"
