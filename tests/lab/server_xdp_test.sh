#!/bin/bash
# SPDX-License-Identifier: MIT
# AF_XDP on the server: one worker; then two, on an interface with two receive queues, so that datagrams reach the wrong one and are handed
# over; and what falls back to the sockets, by itself: another XDP program, its own taken away, other queues, a new next hop.
. "$(dirname "$0")/lab.sh"
need_triglav

CLIENTS=5

lab_new "rate=100mbit delay=2ms" "rate=100mbit delay=4ms"
start_internet

# --- helpers ----------------------------------------------------------------------------------

# The server's pair anew, with so many queues at both ends.
server_pair() { # queues
	in_net ip link del srv 2> /dev/null || true
	in_net ip link add srv numrxqueues $1 numtxqueues $1 type veth peer name eth0 netns "$LAB_ID-server" numrxqueues $1 numtxqueues $1
	in_net ip addr add 203.0.113.254/24 dev srv
	in_net ip addr add 2001:db8:1::ff/64 dev srv nodad
	in_server ip addr add $SERVER4/24 dev eth0
	in_server ip addr add $SERVER6/64 dev eth0 nodad
	in_net ip link set srv up
	in_server ip link set eth0 up
	in_server ip route add default via 203.0.113.254
	in_server ip -6 route add default via 2001:db8:1::ff
}

interface() { # python expression in i
	server_status | json "next($1 for i in d['interfaces'] if i['name'] == 'eth0')"
}
datapath_is() { [ "$(interface "i['datapath']")" = "$1" ]; }
frames() { interface "i['af_xdp']['$1']"; }
frames_reach() { [ "$(frames "$1")" -ge "$2" ]; }
moved_on() { # counter: it moves by 100
	local before
	before=$(frames "$1")
	wait_for 10 frames_reach "$1" $((before + 100)) || fail "$1 stands still at $before"
}
attached() { in_server ip link show eth0 | grep -q xdp; }
logged() { grep -q "$1" "$LAB/server.log"; }
by_sockets() { datapath_is udp; }

# --- one worker -------------------------------------------------------------------------------

start_server --datapath xdp
datapath_is "xdp native" || skip "no native AF_XDP on a veth here: $(grep -m 1 'not AF_XDP' "$LAB/server.log")"
start_client --full-tunnel --datapath udp
wait_for 10 client_paths_up 2 || fail "two paths"
transfer_begin $INTERNET4 --up 20 --down 20
link_carries 1 20 20000
link_carries 2 20 20000
wait_for 10 frames_reach received_frames 300 || fail "AF_XDP receives nothing: $(interface i)"
wait_for 10 frames_reach sent_frames 300 || fail "AF_XDP sends nothing: $(interface i)"
note "one worker: $(frames received_frames) frames in, $(frames sent_frames) out"

# The next hop moves to another link address, and so does the interface itself.
in_net ip link set srv address 02:00:00:00:09:01
in_server ip neigh replace 203.0.113.254 lladdr 02:00:00:00:09:01 dev eth0 nud reachable
transfer_goes_on "a new link address of the next hop" 20 300000
moved_on sent_frames
in_server ip link set eth0 address 02:00:00:00:09:02
in_net ip neigh replace $SERVER4 lladdr 02:00:00:00:09:02 dev srv nud reachable
transfer_goes_on "a new link address of its own" 20 300000
moved_on sent_frames
note "next hop and own link address changed"

# Its program is taken away by force: the sockets carry on.
program=$(in_server ip -j link show eth0 | json "d[0]['xdp']['prog']['id']")
PATH=$PATH:/usr/sbin
link_id=$(in_server bpftool -j link show | json "next(l['id'] for l in d if l.get('prog_id') == $program)")
in_server bpftool link detach id "$link_id"
wait_for 10 by_sockets || fail "the program is gone, and nobody noticed"
logged "interface eth0: sockets, not AF_XDP: the XDP program was taken away" || fail "nothing said about it"
transfer_goes_on "its program was taken away" 20 300000
transfer_end
lab_stop client
lab_stop server || fail "the server ends with an error"
if attached; then fail "something stays attached after the end"; fi

# Both ends, both families.
start_server --datapath xdp
client_key six "[$SERVER6]:$PORT"
KEY_FILE=$LAB/six.key start_client --full-tunnel --datapath xdp
wait_for 10 client_paths_up 2 || fail "two paths by IPv6"
transfer_begin $INTERNET6 --up 20 --down 20
transfer_goes_on "IPv6" 20 300000
moved_on sent_frames
moved_on received_frames
transfer_end
lab_stop client
lab_stop server || fail "the server ends with an error"
note "AF_XDP at both ends, by IPv6"
