#!/bin/bash
# SPDX-License-Identifier: MIT
# One uplink of a socket and one of AF_XDP in one session: checked traffic over both, and everything that can happen
# to the second: made an ordinary one and back, another XDP program, its own taken away, queues changed, the next hop
# changed, the device deleted. After a kill nothing is attached any more.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=50mbit delay=5ms" "rate=50mbit delay=8ms"
start_internet
start_server

datapath() { # uplink: udp, xdp native...
	client_status | json "next(u['datapath'] for u in d['uplinks'] if u['name'] == '$1')"
}
datapath_is() { # uplink, expected
	[ "$(datapath "$1")" = "$2" ]
}
xdp_count() { # uplink, counter
	client_status | json "next(u['af_xdp']['$2'] for u in d['uplinks'] if u['name'] == '$1')"
}
xdp_counts() { # uplink, counter, at least
	[ "$(xdp_count "$1" "$2")" -ge "$3" ]
}
attached() { # is an XDP program on the interface?
	in_client ip link show "$1" | grep -q xdp
}
logged() { grep -q "$1" "$LAB/client.log"; }

start_client --full-tunnel -i up1 -i up2,datapath=xdp
wait_for 10 client_paths_up 2 || fail "two paths"
datapath_is up2 "xdp native" || lab_blames_kernel_for_xsk xsk-copy
assert_equal "the other uplink" "$(datapath up1)" udp
attached up2 || fail "no program on up2"
if attached up1; then fail "a program on up1, where nobody asked for one"; fi
transfer_begin $INTERNET4
link_carries 1 10 300000
link_carries 2 10 300000
wait_for 5 xdp_counts up2 sent_frames 300 || fail "AF_XDP sends nothing: $(client_status | json "d['uplinks']")"
wait_for 5 xdp_counts up2 received_frames 300 || fail "AF_XDP receives nothing"
note "a socket and AF_XDP in one session: $(xdp_count up2 sent_frames) frames out, $(xdp_count up2 received_frames) in"

client_uplink set up2 datapath=udp
assert_equal "by command" "$(datapath up2)" udp
if attached up2; then fail "the program stays behind"; fi
link_carries 2 10 300000
client_uplink set up2 datapath=xdp
datapath_is up2 "xdp native" || fail "back by command: $(datapath up2)"
descriptors() { ls "/proc/${LAB_PID[client]}/fd" | wc -l; }
before=$(descriptors)
for ((n = 0; n < 30; n++)); do
	client_uplink set up2 datapath=udp
	client_uplink set up2 datapath=xdp
done
assert_equal "descriptors after 30 times more" "$(descriptors)" "$before"
datapath_is up2 "xdp native" || fail "after 30 times more: $(datapath up2)"
client_uplink set up1 datapath=auto
assert_equal "auto, where there is no zero-copy" "$(datapath up1)" udp
link_carries 2 10 300000
note "switched while it carries"

# Its link goes down and comes back: the program stays, or drivers that take the link down for it would never come to rest.
program() { in_client ip -d link show up2 | grep -o "xdp id [0-9]*"; }
before=$(program)
in_client ip link set up2 down
wait_for 5 datapath_is up2 udp || fail "the link is down, AF_XDP is not"
assert_equal "the program while the link is down" "$(program)" "$before"
link_up 2
wait_for 5 datapath_is up2 "xdp native" || fail "the link is back, AF_XDP is not"
assert_equal "the program when the link is back" "$(program)" "$before"

# The next hop moves to another link address, and so does the uplink itself.
in_net ip link set gw2 address 02:00:00:00:02:01
in_client ip neigh replace 10.80.2.1 lladdr 02:00:00:00:02:01 dev up2 nud reachable
link_carries 2 10 300000
wait_for 10 xdp_counts up2 sent_frames 100
in_client ip link set up2 address 02:00:00:00:02:02
in_net ip neigh replace 10.80.2.2 lladdr 02:00:00:00:02:02 dev gw2 nud reachable
link_carries 2 10 300000
wait_for 10 xdp_counts up2 sent_frames 200
note "next hop and own link address changed"

# Its program is taken away by force: the socket carries on.
program=$(in_client ip -j link show up2 | json "d[0]['xdp']['prog']['id']")
link_id=$(in_client bpftool -j link show | json "next(l['id'] for l in d if l.get('prog_id') == $program)")
in_client bpftool link detach id "$link_id"
wait_for 5 datapath_is up2 udp || fail "the program is gone, and nobody noticed"
link_carries 2 10 300000
client_uplink set up2 datapath=xdp
note "program taken away"
datapath_is up2 "xdp native" || fail "not back"
transfer_goes_on "all that" 10 1000000

# The device goes, and comes back.
before=$(xdp_count up2 sent_frames)
in_client ip link del up2
wait_for 5 datapath_is up2 udp || fail "the device is gone, the AF_XDP socket is not"
transfer_goes_on "the device was deleted" 10 1000000
lab_emulator remove 2 > /dev/null
link_remove_left() { in_net ip link del gw2 2> /dev/null || true; }
link_remove_left
in_ns wire ip link del b2 2> /dev/null || true
in_ns wire ip link del a2 2> /dev/null || true
unset "LAB_WORDS[2]"
LAB_UPLINKS=" 1"
link_add "plain"
wait_for 10 client_paths_up 2 || fail "the device is back, the path is not"
wait_for 5 datapath_is up2 "xdp native" || fail "the device is back, AF_XDP is not: $(tail -n 5 "$LAB/client.log")"
link_carries 2 10 300000
note "device deleted and made again, now a bare veth pair with its offloads"
transfer_end

# Killed: nothing of it is left in the kernel.
kill -KILL "${LAB_PID[client]}"
wait_for 5 lab_is_gone "${LAB_PID[client]}"
wait "${LAB_PID[client]}" 2> /dev/null || true
unset "LAB_PID[client]"
program_is_gone() { ! attached up2; }
wait_for 5 program_is_gone || fail "killed, and the program stays: $(in_client ip link show up2)"
note "killed: nothing is attached"

# Somebody else's program is left alone.
in_net ip link set gw2 up
lab_foreign_xdp client up2 generic
start_client --full-tunnel -i up1 -i up2,datapath=xdp
wait_for 10 client_paths_up 2
assert_equal "with a foreign program" "$(datapath up2)" udp
logged "up2: a socket, not AF_XDP: up2 has an XDP program of somebody else" || fail "nothing said about it: $(grep up2 "$LAB/client.log")"
transfer_begin $INTERNET4
link_carries 2 10 300000
transfer_end
attached up2 || fail "the foreign program was taken away"
lab_stop client || fail "the client ends with an error"
attached up2 || fail "the foreign program was taken away at the end"
note "a foreign program: left alone, the socket carries"

# All uplinks, by the flag.
in_client ip link set up2 xdpgeneric off
start_client --full-tunnel -i up1 --datapath xdp -i up2
wait_for 10 client_paths_up 2
datapath_is up1 "xdp native" || fail "both by --datapath xdp: up1 has $(datapath up1)"
datapath_is up2 "xdp native" || fail "both by --datapath xdp: up2 has $(datapath up2)"
transfer_begin $INTERNET6
link_carries 2 10 300000	# up2 has no limit now, and up1 may be left out
wait_for 5 xdp_counts up1 received_frames 5
wait_for 5 xdp_counts up2 received_frames 300
transfer_end
lab_stop client || fail "the client ends with an error"
if attached up1 || attached up2; then fail "something stays attached after the end"; fi

# In generic mode, behind the filter, over the bare veth pair: what comes are the sender's uncut runs.
start_client --full-tunnel --xdp generic -i up1 -i up2,datapath=xdp
wait_for 10 client_paths_up 2
datapath_is up2 "xdp generic" || lab_blames_kernel_for_xsk xsk-generic
transfer_begin $INTERNET4
link_carries 2 10 3000000
wait_for 5 xdp_counts up2 received_frames 300
transfer_end
result=$(echo_run $INTERNET4 --count 300 --rate 600 --size 200)
assert_equal "UDP datagrams lost" "$(json "d['lost']" <<< "$result")" 0
client_uplink set up2 datapath=udp
attached up2 || fail "the filter went with AF_XDP"
link_carries_ping() { in_client ping -q -c 3 -i 0.1 -W 2 $INTERNET4; }
wait_for 5 link_carries_ping || fail "with the filter alone nothing passes"
lab_stop client || fail "the client ends with an error"
if attached up1 || attached up2; then fail "something stays attached after the end"; fi
note "generic mode, with the filter"

# The device's queues become more, and fewer.
in_client ip link del up2
in_client ip link add up2 numrxqueues 4 numtxqueues 4 type veth peer name up2peer numrxqueues 4 numtxqueues 4
in_client ip link set up2peer name gw2 netns "$LAB_ID-net"
in_net ethtool -L gw2 tx 1	# not more than the other end receives on, or a veth refuses native XDP
in_client ethtool -L up2 rx 1
in_net ip addr add 10.80.2.1/24 dev gw2
in_net ip addr add 2001:db8:80:2::1/64 dev gw2 nodad
in_net ip link set gw2 up
link_up 2
queues() { grep -c "up2: AF_XDP, native, $1 queue" "$LAB/client.log"; }
opened() { [ "$(queues "$1")" -gt "${2:-0}" ]; }
start_client --full-tunnel -i up2,datapath=xdp
opened 1 || fail "one queue: $(grep AF_XDP "$LAB/client.log")"
transfer_begin $INTERNET4
in_client ethtool -L up2 rx 3
wait_for 5 opened 3 || fail "three queues are not noticed"
transfer_goes_on "two queues more" 10 3000000
client_uplink set up2 datapath=udp	# the kernel takes no queue away that an AF_XDP socket is bound to
in_client ethtool -L up2 rx 2
client_uplink set up2 datapath=xdp
opened 2 || fail "two queues are not noticed"
transfer_goes_on "a queue less" 10 3000000
transfer_end
lab_stop client || fail "the client ends with an error"
note "the device's queues changed under it"
lab_stop server || fail "the server ends with an error"
note "both uplinks AF_XDP, one umem; nothing is left at the end"
