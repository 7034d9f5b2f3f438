#!/bin/bash
# SPDX-License-Identifier: MIT
# The kill switch outlives a client that gives up by itself, and goes with one that is asked to end.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "delay=2ms"
start_internet
start_server

leaves() { in_client ping -q -c 1 -W 0.5 $INTERNET4 > /dev/null 2>&1; }
ended() { ! lab_runs client || lab_is_gone "${LAB_PID[client]}"; }
table() { in_client nft list tables | sed -n 's/^table inet \(triglav_.*_ks\)$/\1/p'; }

gave_up() { # what, word of the line that says why
	wait_for 10 ended || fail "$1: the client goes on"
	if lab_stop client; then fail "$1: exit code 0"; fi
	grep -q "$2" "$LAB/client.log" || fail "$1: not said: $(lab_log client)"
	grep -q "nft delete table inet $(table)\$" "$LAB/client.log" || fail "$1: not said how to remove it"
	if leaves; then fail "$1: traffic leaves in the clear"; fi
	note "$1: nothing leaves"
}

start_client --full-tunnel --kill-switch
lab_stop client || fail "the client ends with an error"
leaves || fail "the kill switch stays after SIGTERM"
assert_equal "table after SIGTERM" "$(table)" ""

start_client --full-tunnel --kill-switch
in_client ip link del tg0
gave_up "device gone" "tg0"
start_client --full-tunnel --kill-switch
assert_equal "through the tunnel after it" "$(seen_as $INTERNET4)" $SERVER4
lab_stop client INT || fail "the client ends with an error after SIGINT"
leaves || fail "the kill switch stays after SIGINT"

start_client --full-tunnel --kill-switch
triglav_server client revoke laptop
gave_up "key revoked" "revoked"
in_client nft delete table inet "$(table)"
leaves || fail "the named table was not the kill switch"

client_key other
KEY_FILE=$LAB/other.key start_client --full-tunnel
triglav_server client revoke other
wait_for 10 ended || fail "the client goes on"
lab_stop client || true
leaves || fail "a kill switch that nobody asked for"
