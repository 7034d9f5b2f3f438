#!/bin/bash
# SPDX-License-Identifier: MIT
# AF_XDP on the server: one worker; then two, on an interface with two receive queues, so that datagrams reach the wrong one and are handed
# over; what falls back to the sockets, by itself: another XDP program, its own taken away, other queues, a new next hop; and generic mode, asked for and
# where the driver refuses the other.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/many.sh"
need_triglav

CLIENTS=5

lab_new "rate=100mbit delay=2ms" "rate=100mbit delay=4ms"
start_internet

# --- helpers ----------------------------------------------------------------------------------

# The server's pair anew, with so many queues at both ends, of which so many are in use before it has an address.
server_pair() { # queues, used (default: all)
	in_net ip link del srv 2> /dev/null || true
	in_net ip link add srv numrxqueues $1 numtxqueues $1 type veth peer name eth0 netns "$LAB_ID-server" numrxqueues $1 numtxqueues $1
	if [ -n "${2:-}" ]; then
		in_net ethtool -L srv tx $2
		in_server ethtool -L eth0 rx $2
	fi
	lab_address_server
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

stream_value() { json "d['$2']" < "$LAB/stream$1.json"; }	# client, up or down
stream_moved() { # client, up, down: has moved that far, both ways
	[ -f "$LAB/stream$1.json" ] && [ "$(stream_value $1 up)" -ge "$2" ] && [ "$(stream_value $1 down)" -ge "$3" ]
}
streams_begin() {
	local n
	for ((n = 1; n <= CLIENTS; n++)); do
		rm -f "$LAB/stream$n.json"
		lab_run stream$n m$n $PYTHON -I "$ROOT/tests/lab/traffic.py" stream "$LAB/stream$n.json" $INTERNET4 --up 4 --down 4
	done
}
streams_go_on() { # what just happened
	local n
	declare -A up=() down=()
	for ((n = 1; n <= CLIENTS; n++)); do
		wait_for 30 stream_moved $n 1 1 || fail "client $n has no stream"
		up[$n]=$(stream_value $n up) down[$n]=$(stream_value $n down)
	done
	for ((n = 1; n <= CLIENTS; n++)); do
		wait_for 30 stream_moved $n $((up[$n] + 200000)) $((down[$n] + 200000)) || fail "after $1: the stream of client $n stands still"
	done
}
streams_end() {
	local n
	for ((n = 1; n <= CLIENTS; n++)); do
		lab_stop stream$n || fail "the stream of client $n broke: $(tail -n 1 "$LAB/stream$n.log")"
	done
}
handed() { server_status | json "d['handover']['$1']"; }
handed_reach() { [ "$(handed "$1")" -ge "$2" ]; }
opened() { logged "interface eth0: AF_XDP, ${2:-native}, $1"; }

# Clients until each of two workers has one: which it is follows from a client's address and port.
clients_begin() {
	local n
	for ((n = 1; n <= CLIENTS; n++)); do client_of_many $n; done
	for ((n = 1; n <= CLIENTS; n++)); do many_wait $n; done
	while [ "$(many_workers | cut -d " " -f 2 | sort -u | wc -l)" != 2 ]; do
		[ $CLIENTS -lt 20 ] || fail "$CLIENTS clients, and all of one worker"
		CLIENTS=$((CLIENTS + 1))
		client_of_many $CLIENTS
		many_wait $CLIENTS
	done
	workers=$(many_workers)
	note "sessions and workers: ${workers//$'\n'/, }"
	assert_equal "sessions" "$(wc -l <<< "$workers")" $CLIENTS
}
client_of_many() { # number
	[ -e "/run/netns/$LAB_ID-m$1" ] || many_new $1
	many_start $1 --datapath udp
}
clients_end() {
	local n
	for ((n = 1; n <= CLIENTS; n++)); do lab_stop many$n || fail "client $n of many ends with an error"; done
}

# All frames come by queue 0, which is worker 0's; the streams check every byte of what worker 1 gets in this way.
hand_over() { # what the streams are told to be after
	local before
	in_net ethtool -L srv tx 1
	before=$(handed given)
	streams_go_on "$1"
	wait_for 20 handed_reach given $((before + 200)) || fail "worker 1 has sessions with traffic, but nothing is handed over: $(handed given), $before before"
	wait_for 20 handed_reach taken $((before + 200)) || fail "handed over and not taken: $(handed given) against $(handed taken)"
	note "handed over: $(handed given), taken $(handed taken), dropped $(handed drop_full)"
	assert_equal "sessions and their workers, later" "$(many_workers)" "$workers"
	# Some from before a session was there are fine; were packets left with the wrong worker, it would be all that were handed over.
	for reason in no_session forged inner_no_client; do
		[ "$(counter server_status drops.$reason)" -le $((50 + $(handed given) / 50)) ] || fail "drops, $reason: $(counter server_status drops.$reason)"
	done
}

# --- one worker -------------------------------------------------------------------------------

part_one() {
	start_server --datapath xdp
	datapath_is "xdp native" || lab_blames_kernel "$(grep -m 1 'not AF_XDP' "$LAB/server.log")" xsk-copy
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
}

# Clients of both workers and their streams, by AF_XDP in both directions.
two_workers_carry() { # what the streams begin after, what the hand-over comes of
	clients_begin
	streams_begin
	streams_go_on "$1"
	wait_for 20 frames_reach sent_frames 1000 || fail "AF_XDP does not send: $(interface i)"
	wait_for 20 frames_reach received_frames 1000 || fail "AF_XDP does not receive: $(interface i)"
	hand_over "$2"
}

# --- two workers ------------------------------------------------------------------------------

part_two() {
	server_pair 2
	start_server --datapath xdp --workers 2
	datapath_is "xdp native" || fail "two queues: $(interface i)"
	opened "2 queues for 2 workers" || fail "not two queues for two workers: $(grep AF_XDP "$LAB/server.log")"
	two_workers_carry "the start" "all frames come by the queue of one worker"

	# The device goes, and comes back with one queue: worker 1 has none, so it lives by the hand-over. The sessions survive; a TCP connection
	# need not: netfilter forgets what it masqueraded by a device that goes, and what the internet sends meanwhile is answered with a reset.
	streams_end
	in_server ip link del eth0
	gone() { [ "$(server_status | json "sum(i['datapath'] != 'udp' for i in d['interfaces'])")" = 0 ]; }
	wait_for 10 gone || fail "the device is gone, AF_XDP is not: $(server_status | json "d['interfaces']")"
	server_pair 2 1
	wait_for 10 datapath_is "xdp native" || fail "the device is back, AF_XDP is not: $(tail -n 3 "$LAB/server.log")"
	opened "1 queue for 1 worker" || fail "one queue for two workers: $(grep AF_XDP "$LAB/server.log")"
	streams_begin
	streams_go_on "the device was deleted and made again"
	in_server ethtool -L eth0 rx 2
	two_queues() { [ "$(interface "i['queues']")" = 2 ]; }
	wait_for 10 two_queues || fail "the second queue is not noticed: $(interface i)"
	streams_go_on "the queues became more"
	assert_equal "sessions and their workers, at the end" "$(many_workers)" "$workers"
	note "device deleted and made again, queues changed"
	streams_end

	# Killed: nothing of it is left in the kernel.
	lab_stop server KILL || true
	program_is_gone() { ! attached; }
	wait_for 5 program_is_gone || fail "killed, and the program stays"

	# Somebody else's program is left alone.
	lab_foreign_xdp server eth0 generic
	start_server --datapath xdp --workers 2
	wait_for 5 by_sockets || fail "with a foreign program: $(interface i)"
	logged "eth0: sockets, not AF_XDP: eth0 has an XDP program of somebody else" || fail "nothing said about it: $(grep eth0 "$LAB/server.log")"
	again() { many_workers | grep -q "^m1 "; }
	wait_for 60 again || fail "client 1 does not come back"
	in_ns m1 ping -q -c 3 -i 0.2 -W 2 $INTERNET4 > /dev/null || fail "with a foreign program nothing passes"
	attached || fail "the foreign program was taken away"
	assert_equal "lines about the foreign program" "$(grep -c "somebody else" "$LAB/server.log")" 1
	lab_stop server || fail "the server ends with an error"
	attached || fail "the foreign program was taken away at the end"
	note "a foreign program: left alone, the sockets carry"
	clients_end
}

# --- generic mode -----------------------------------------------------------------------------

part_three() {
	# A veth that receives by fewer queues than its peer sends on refuses native XDP.
	server_pair 2
	in_server ethtool -L eth0 rx 1
	start_server --datapath xdp
	datapath_is "xdp generic" || lab_blames_kernel "native refused, and not generic: $(grep AF_XDP "$LAB/server.log")" xsk-generic
	opened "1 queue" generic || fail "not said: $(grep AF_XDP "$LAB/server.log")"
	start_client --full-tunnel --datapath udp
	wait_for 10 client_paths_up 2 || fail "two paths"
	transfer_begin $INTERNET4 --up 20 --down 20
	transfer_goes_on "native was refused" 20 300000
	moved_on sent_frames
	moved_on received_frames
	transfer_end
	lab_stop client || fail "the client ends with an error"
	lab_stop server || fail "the server ends with an error"
	if attached; then fail "something stays attached after the end"; fi
	note "the driver refuses: generic by itself"

	# Asked for, and two workers.
	server_pair 2
	start_server --datapath xdp --xdp generic --workers 2
	datapath_is "xdp generic" || lab_blames_kernel "--xdp generic: $(interface i)" xsk-generic
	in_server ip link show eth0 | grep -q xdpgeneric || fail "another mode than said: $(in_server ip link show eth0)"
	two_workers_carry "generic mode" "all frames come by the queue of one worker, in generic mode"
	streams_end
	clients_end
	lab_stop server || fail "the server ends with an error"
	if attached; then fail "something stays attached after the end"; fi
	note "generic mode, two workers"
}

# bash server_xdp_test.sh part_two: that alone
for part in ${*:-part_one part_two part_three}; do $part; done
