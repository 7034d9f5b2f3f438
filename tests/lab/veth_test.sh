#!/bin/bash
# SPDX-License-Identifier: MIT
# The tunnel device as a veth pair: a client with one and a server with TUN, and the other way round. Pings, checked TCP both ways with finished
# checksums, UDP, flows that stay on a path, generic mode; killed, the next start leaves one pair, a clean end leaves none; what the kernel refuses becomes TUN.
. "$(dirname "$0")/lab.sh"
need_triglav

CTL=$BUILD/triglav-ctl
ctl() { in_client "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }

lab_new "rate=200mbit delay=3ms" "rate=200mbit delay=3ms"
start_internet
start_server

pair() { # namespace: names of the tunnel device and its inner end, if they are a pair
	in_ns "$1" ip -o link show type veth | sed -n 's/^[0-9]*: \(tg0[^@:]*\)@.*/\1/p' | sort | xargs
}
is_tun() { # namespace
	in_ns "$1" ip -d -o link show tg0 | grep -q " tun "
}
csum_errors() { # namespace
	in_ns "$1" cat /proc/net/snmp /proc/net/snmp6 | awk '
		/^(Tcp|Udp):/ { if (!($1 in at)) { for (i = 2; i <= NF; i++) if ($i == "InCsumErrors") at[$1] = i } else sum += $at[$1] }
		/^Udp6InCsumErrors/ { sum += $2 }
		END { print sum + 0 }'
}
SEEN=0	# checksum errors at the internet host that were made on purpose
goes_through() { # what
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "$1: no IPv4"
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET6 || fail "$1: no IPv6"
}
carries() { # what, bytes both ways
	local result
	goes_through "$1"
	transfer_begin $INTERNET4
	wait_for 40 transfer_moved "$2" || fail "$1: the transfer is too slow: $(cat "$LAB/progress")"
	transfer_end
	transfer_begin $INTERNET6
	wait_for 40 transfer_moved "$2" || fail "$1: the transfer by IPv6 is too slow: $(cat "$LAB/progress")"
	transfer_end
	result=$(echo_run $INTERNET4 --count 200 --rate 200 --size 200)
	assert_true "$1: UDP datagrams: $result" "$(json "d['received']" <<< "$result") >= 195"
	assert_equal "$1: checksum errors at the client" "$(csum_errors client)" 0
	assert_equal "$1: checksum errors at the internet host" "$(csum_errors internet)" "$SEEN"
}

# --- a client with a veth pair ----------------------------------------------------------------

start_client --full-tunnel --device veth
grep -q "tg0 is a veth pair with tg0-in: XDP, native" "$LAB/client.log" || lab_blames_kernel "no veth inside: $(grep -m 1 "veth" "$LAB/client.log")" xsk-copy
assert_equal "the client's pair" "$(pair client)" "tg0 tg0-in"
is_tun server || fail "the server's device is no TUN device"
assert_equal "by the tunnel" "$(seen_as $INTERNET4)" $SERVER4
carries "client veth, server TUN" 5000000
assert_true "packets went by AF_XDP: $(counter client_status tun_counters.packets_read)" "$(counter client_status tun_counters.packets_read) > 3000"
assert_equal "inner packets that nobody could read" "$(counter client_status tun_counters.drop_malformed)" 0
assert_equal "neighbours asked for, or refused" "$(in_client ip neigh show dev tg0 | grep -vc NOARP || true)" 0
note "client veth, server TUN: pings, TCP, UDP"

# Frames as they leave the stack: cut, with their checksums. With the offload on they would not be, and then this test would see it.
seen_sums() { # correct or incorrect, how many frames of a transfer to look at: how many are
	timeout 20 ip netns exec "$LAB_ID-client" tcpdump --immediate-mode -Z root -c "$2" -vvni tg0 "tcp and dst host $INTERNET4 and greater 1000" 2> /dev/null |
		grep -c "($1)\|cksum 0x[0-9a-f]* ($1" || true
}
if command -v tcpdump > /dev/null; then
	transfer_begin $INTERNET4
	assert_equal "frames with an unfinished checksum" "$(seen_sums incorrect 60)" 0
	assert_true "frames with a correct one" "$(seen_sums correct 60) >= 50"
	in_client ethtool -K tg0 tx on > /dev/null 2>&1
	unfinished=$(seen_sums incorrect 4)
	in_client ethtool -K tg0 tx off tso off > /dev/null 2>&1
	assert_true "with the offload on they would be unfinished: $unfinished" "$unfinished > 0"
	lab_stop transfer KILL || true	# nothing of it came through any more
	goes_through "the offload off again"
	SEEN=$(csum_errors internet)
	assert_true "and the internet host would count them: $SEEN" "$SEEN > 0"
	note "checksums are finished before XDP sees a frame"
fi

# A flow that stays on a path: all its bulk by the uplink that is wanted, then by the other.
by_uplink() { # the wanted one, the other
	local wanted other
	ctl policy add --port tcp/9000 path up"$1"
	transfer_goes_on "a policy" 30 200000	# what was in flight
	wanted=$(link_bytes "$1" a) other=$(link_bytes "$2" a)
	transfer_goes_on "a policy" 30 700000
	wanted=$(($(link_bytes "$1" a) - wanted)) other=$(($(link_bytes "$2" a) - other))
	assert_true "wanted on up$1: $wanted bytes there, $other on up$2" "$wanted > 2500000 and $other * 2 < $wanted"
}
wait_for 10 client_paths_up 2 || fail "two paths"
transfer_begin $INTERNET4 --up 40 --down 4	# what comes in is acknowledged by whichever uplink it came
by_uplink 1 2
by_uplink 2 1
ctl policy remove --port tcp/9000
transfer_end
# By mark, which XDP cannot see: the outer end tells it. The class is in the table of flows.
ctl policy add --mark 7 class bulk
in_client ping -q -c 3 -i 0.1 -m 7 $INTERNET4 > /dev/null || fail "marked packets are lost"
ctl policy remove --mark 7
note "flows stay on the uplink that is wanted; marked ones pass"

lab_stop client KILL || true
assert_equal "after SIGKILL the pair is left" "$(pair client)" "tg0 tg0-in"
if in_client ip link show tg0-in | grep -q xdp; then fail "killed, and the XDP program stays"; fi
start_client --full-tunnel --device veth
assert_equal "after the next start" "$(pair client)" "tg0 tg0-in"
goes_through "after a kill"
lab_stop client KILL || true
start_client --full-tunnel
assert_equal "after a start with TUN" "$(pair client)" ""
is_tun client || fail "not a TUN device after all"
goes_through "TUN after a killed veth"
lab_stop client || fail "the client ends with an error"
start_client --full-tunnel --device veth
lab_stop client || fail "the client ends with an error"
assert_equal "after a clean end" "$(pair client)" ""
note "killed and started again: one pair; ended: none"

start_client --full-tunnel --device veth --xdp generic
grep -q "tg0 is a veth pair with tg0-in: XDP, generic" "$LAB/client.log" || fail "not generic: $(grep veth "$LAB/client.log")"
carries "generic mode" 2000000
lab_stop client || fail "the client ends with an error"
note "generic mode"

# AF_XDP outside as well: one umem for both sides.
start_client --full-tunnel --device veth --datapath xdp
wait_for 10 client_paths_up 2 || fail "two paths"
carries "AF_XDP on both sides" 2000000
lab_stop client || fail "the client ends with an error"
note "inner port and uplinks share the umem"

# Somebody has the inner end's name: TUN, said once, and the other's device stays.
in_client ip link add tg0-in type veth peer name other
start_client --full-tunnel --device veth
assert_equal "said" "$(grep -c "tg0: a TUN device, not a veth pair" "$LAB/client.log")" 1
is_tun client || fail "no TUN device instead"
goes_through "TUN instead"
lab_stop client || fail "the client ends with an error"
in_client ip link del tg0-in || fail "somebody else's device was removed"
note "refused: a TUN device"
lab_stop server || fail "the server ends with an error"

# --- a server with a veth pair ----------------------------------------------------------------

start_server --device veth
assert_equal "the server's pair" "$(pair server)" "tg0 tg0-in"
start_client --full-tunnel
is_tun client || fail "the client's device is no TUN device"
carries "client TUN, server veth" 5000000
assert_true "packets went by AF_XDP" "$(counter server_status tun_counters.packets_read) > 3000"
note "client TUN, server veth: pings, TCP, UDP"
lab_stop server KILL || true
start_server --device veth
assert_equal "after the server's next start" "$(pair server)" "tg0 tg0-in"
goes_through "a server killed and started"
lab_stop client || fail "the client ends with an error"
start_client --full-tunnel --device veth
carries "veth on both sides" 2000000
lab_stop client || fail "the client ends with an error"
lab_stop server || fail "the server ends with an error"
assert_equal "after the server's end" "$(pair server)" ""
start_server --device veth --workers 2
grep -q "tg0: a TUN device, not a veth pair: it has one queue" "$LAB/server.log" || fail "two workers: $(grep veth "$LAB/server.log")"
is_tun server || fail "two workers, and no TUN device"
lab_stop server || fail "the server ends with an error"
note "nothing is left; with two workers it is TUN"
