#!/bin/bash
# SPDX-License-Identifier: MIT
# What triglav changes on a host is undone at the end, and swept at the next start after a kill.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "delay=2ms" "delay=5ms"
start_internet

state_of() { # namespace: everything a tunnel may touch
	in_ns "$1" ip -o link | sed 's/^[0-9]*: //; s/ qlen.*//' | sort
	in_ns "$1" ip rule
	in_ns "$1" ip -6 rule
	in_ns "$1" ip route show table all | sort
	in_ns "$1" ip -6 route show table all | sed 's/expires [0-9]*sec//' | sort
	in_ns "$1" nft list ruleset
	in_ns "$1" sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.all.rp_filter
	in_ns "$1" sysctl -a 2> /dev/null | grep -E 'conf\.(up|eth)[0-9]*\.(rp_filter|forwarding|src_valid_mark)'
}

check_undone() { # what happened
	local ns
	for ns in client server; do
		state_of $ns > "$LAB/$ns.after"
		diff "$LAB/$ns.before" "$LAB/$ns.after" || fail "$1: the $ns is not as it was"
	done
	note "$1: nothing left"
}

assert_equal "before anything" "$(seen_as $INTERNET4)" 10.80.1.2
in_client ping -q -c 1 -I up2 $SERVER6 > /dev/null	# so that neighbours are known
for ns in client server; do state_of $ns > "$LAB/$ns.before"; done

start_server
start_client --full-tunnel --kill-switch
assert_equal "through the tunnel" "$(seen_as $INTERNET4)" $SERVER4
lab_stop client || fail "the client ends with an error"
lab_stop server || fail "the server ends with an error"
check_undone "TERM"

start_server
start_client --full-tunnel --exclude 198.18.0.0/15
lab_stop client INT || fail "the client ends with an error after SIGINT"
lab_stop server INT || fail "the server ends with an error after SIGINT"
check_undone "INT"

start_server
start_client --full-tunnel --route 198.18.0.0/15
lab_stop client KILL || true
lab_stop server KILL || true
start_server
start_client --no-full-tunnel
lab_stop client
lab_stop server
check_undone "KILL, and a start and an end"
