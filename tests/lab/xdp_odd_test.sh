#!/bin/bash
# SPDX-License-Identifier: MIT
# Real datagrams again and again, and in odd frames, at a client with AF_XDP and at a server's filter, native and generic: none gets in twice, every one
# is counted under its name, and what the program does not read (a tag of priority only, IP options, fragments) comes by the kernel's stack.
# VLAN devices on the uplink work as ever.
. "$(dirname "$0")/lab.sh"
need_triglav

COUNT=500
lab_new plain
in_client sysctl -q -w net.ipv4.ipfrag_high_thresh=8388608 2> /dev/null || true

# Sends COUNT times the last real data datagram of a capture, from the other end of the link: INTERFACE TO_MAC server|client SHAPE.
replay() {
	in_net $PYTHON -I - "$LAB/real.pcap" "$1" "$2" "$3" "$4" $COUNT $PORT <<- 'EOP'
	import socket, struct, sys, time
	capture, interface, mac, to, shape, count, port = sys.argv[1:6] + [int(a) for a in sys.argv[6:8]]
	data, at, real = open(capture, "rb").read(), 24, None
	while at + 16 <= len(data):
	    size, = struct.unpack("<I", data[at + 8:at + 12])
	    ip = data[at + 30:at + 16 + size]
	    at += 16 + size
	    sport, dport = struct.unpack("!HH", ip[20:24])
	    if (dport if to == "server" else sport) == port and ip[28] == 4 and len(ip) < 1400:
	        real = bytearray(ip)
	assert real, "the capture has no data to the " + to
	real[26:28] = bytes(2)    # no checksum: what was captured may have half of one

	def packet(part, offset, options, more, number):
	    head = bytearray(real[:20]) + options
	    head[0] = 0x40 | len(head) // 4
	    head[2:8] = struct.pack("!HHH", len(head) + len(part), number, more << 13 | offset // 8)
	    head[10:12] = bytes(2)
	    total = sum(struct.unpack("!%dH" % (len(head) // 2), head))
	    total = (total & 0xffff) + (total >> 16)
	    head[10:12] = struct.pack("!H", ~(total + (total >> 16)) & 0xffff)
	    return bytes(head) + bytes(part)

	def frames(n):
	    body = real[20:]
	    if shape == "options":
	        return [packet(body, 0, b"\1\1\1\1", 0, n)]
	    if shape == "fragments":
	        return [packet(body[:64], 0, b"", 1, n), packet(body[64:], 64, b"", 0, n)]
	    return [packet(body, 0, b"", 0, n)]

	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
	s.bind((interface, 0))
	ends = bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\7"
	ends += b"\x81\0\xa0\0" if shape == "priority" else b""
	for n in range(count):
	    for p in frames(n + 1):
	        s.send(ends + b"\x08\0" + p)
	    if n % 50 == 49:
	        time.sleep(0.01)
	EOP
}

document=
sums_agree() { # client_status or server_status
	document=$("$1")
	[ "$(json "d['filter']['packets'] == sum(d['filter'][k] for k in ('foreign', 'stale', 'passed', 'redirected', 'dropped')) and d['filter']['dropped'] == sum(d['filter_drops'].values())" <<< "$document")" = True ]
}

# Every one was sent, went the way it should, and was refused by the engine: REASONS of the engine add up to what was sent.
refused_all() { # side_status, engine's count before
	[ "$(counter "$1" drops.replay)" = $(($2 + COUNT)) ]
}
flood() { # client or server, shape, counter of the filter that says the way, how many for each
	local side=$1 shape=$2 way=$3 each=$4 status=$1_status interface=gw1 mac replays ways
	[ $side = client ] || interface=srv
	mac=$(in_$side cat /sys/class/net/$([ $side = client ] && echo up1 || echo eth0)/address)
	replays=$(counter $status drops.replay) ways=$(counter $status filter.$way)
	replay $interface "$mac" $side "$shape"
	wait_for 10 refused_all $status "$replays" || fail "$side, $shape: of $COUNT the engine refused $(($(counter $status drops.replay) - replays)) as replays: $($status | json "[d['filter'], d['filter_drops'], d['drops']]")"
	assert_true "$side, $shape: went the way '$way'" "$(counter $status filter.$way) - $ways >= $((COUNT * each))"
	wait_for 10 sums_agree $status || fail "$side, $shape: the counters do not add up: $(json "[d['filter'], d['filter_drops']]" <<< "$document")"
}

lab_stop_both() {
	lab_stop client || fail "$mode: the client ends with an error"
	lab_stop server || fail "$mode: the server ends with an error"
}

for mode in native generic; do
	start_server --xdp $mode
	start_client --full-tunnel --xdp $mode --datapath xdp
	wait_for 10 client_paths_up 1 || fail "no path"
	[ "$(client_status | json "d['uplinks'][0]['datapath']")" = "xdp $mode" ] || lab_blames_kernel_for_xsk "xsk-${mode/native/copy}"
	lab_run capture net tcpdump --immediate-mode -Z root -U -n -s 0 -i gw1 -w "$LAB/real.pcap" "udp port $PORT"
	wait_for 10 grep -q listening "$LAB/capture.log"
	in_client ping -q -c 5 -i 0.2 -W 2 $SERVER4 > /dev/null || true
	in_client ping -q -c 5 -i 0.2 -W 2 10.99.0.1 > /dev/null || fail "$mode: no ping through the tunnel"
	lab_stop capture || true
	: > "$LAB/capture.log"

	flood client plain redirected 1
	flood client priority passed 1
	flood client options foreign 1
	flood client fragments foreign 2
	flood server plain passed 1
	flood server priority passed 1
	flood server options foreign 1
	flood server fragments foreign 2
	assert_equal "$mode: frames that AF_XDP could not use" "$(client_status | json "d['uplinks'][0]['af_xdp']['drop_unusable']")" 0
	in_client ping -q -c 3 -i 0.2 -W 2 10.99.0.1 > /dev/null || fail "$mode: no ping after the floods"
	note "$mode: repeated real datagrams, also with a priority tag, IP options, in fragments: none gets in, all are counted"

	# A VLAN on the same cable, with the tag in the frame and beside it.
	if ! in_client ip link add link up1 name up1.100 type vlan id 100 2> /dev/null; then
		note "$mode: no VLAN devices in this kernel"
		lab_stop_both
		continue
	fi
	in_net ip link add link gw1 name gw1.100 type vlan id 100
	in_client ip addr add 10.90.0.2/24 dev up1.100
	in_client ip addr add 2001:db8:90::2/64 dev up1.100 nodad
	in_net ip addr add 10.90.0.1/24 dev gw1.100
	in_net ip addr add 2001:db8:90::1/64 dev gw1.100 nodad
	in_client ip link set up1.100 up
	in_net ip link set gw1.100 up
	for tag in on off; do
		in_client ethtool -K up1 txvlan $tag rxvlan $tag > /dev/null 2>&1 || true
		in_net ethtool -K gw1 txvlan $tag rxvlan $tag > /dev/null 2>&1 || true
		wait_for 10 in_net ping -q -c 1 -W 1 10.90.0.2 || fail "$mode: nothing comes to a VLAN on the uplink, tag offload $tag"
		wait_for 10 in_net ping -q -c 1 -W 1 2001:db8:90::2 || fail "$mode: no IPv6 comes to a VLAN on the uplink, tag offload $tag"
	done
	in_client ip link del up1.100
	in_net ip link del gw1.100
	note "$mode: a VLAN device on the uplink"
	lab_stop_both
done
