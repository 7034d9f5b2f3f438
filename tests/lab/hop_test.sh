#!/bin/bash
# SPDX-License-Identifier: MIT
# To whom a frame goes that an uplink sends by itself: next hop and link addresses as the kernel knows them, looked
# for when it does not, followed when they change. And what a device says of its queues and of AF_XDP.
. "$(dirname "$0")/lab.sh"

lab_new "plain" "plain"
DIR=$LAB/host
TOOL=$BUILD/tests/lab/host_tool
[ -x "$TOOL" ] || skip "build/tests/lab/host_tool is missing"
mkdir "$DIR"

tool() { in_client "$TOOL" a "$DIR" "$@"; }
mac() { in_ns "$1" cat "/sys/class/net/$2/address"; }
hop_is() { # expected, steps...
	local expected=$1
	shift
	[ "$(tool "$@" | grep '^hop')" = "hop $expected" ]
}
WAY4=up1,10.80.1.2,$SERVER4
WAY6=up1,2001:db8:80:1::2,$SERVER6

in_client ip neigh flush all
OWN=$(mac client up1)
hop_is "10.80.1.1 from $OWN to unknown" "hop=$WAY4" || fail "IPv4, not known yet: $(tool "hop=$WAY4")"
hop_is "2001:db8:80:1::1 from $OWN to unknown" "hop=$WAY6" || fail "IPv6, not known yet: $(tool "hop=$WAY6")"
tool "hop-use=$WAY4" "hop-use=$WAY6"
GATEWAY=$(mac net gw1)
wait_for 5 hop_is "10.80.1.1 from $OWN to $GATEWAY" "hop=$WAY4" || fail "IPv4: $(tool "hop=$WAY4")"
wait_for 5 hop_is "2001:db8:80:1::1 from $OWN to $GATEWAY" "hop=$WAY6" || fail "IPv6: $(tool "hop=$WAY6")"
tool "hop-use=up2,10.80.2.2,$SERVER4"
wait_for 5 hop_is "10.80.2.1 from $(mac client up2) to $(mac net gw2)" "hop=up2,10.80.2.2,$SERVER4" ||
	fail "up2 is not the way of the main table, but its own"
hop_is "10.80.1.1 from $OWN to $GATEWAY" "hop=up1,10.80.1.2,10.80.1.1" || fail "somebody on the link is his own next hop"
note "next hops and link addresses, IPv4 and IPv6, through a gateway and on the link"

# Marked packets have a table of their own, where the way may be another.
hop_is "10.80.1.1 from $OWN to $GATEWAY" uplink=up1 "hop=$WAY4" || fail "with the uplink's own table"
in_client ip -6 route del default dev up2
assert_fails "no IPv6 route by this uplink" tool "hop=up2,2001:db8:80:2::2,$SERVER6"
in_client ip route del default dev up2	# where the kernel then takes everybody for being on the link
hop_is "$SERVER4 from $(mac client up2) to unknown" "hop=up2,10.80.2.2,$SERVER4" || fail "no route"
in_client ip route add default dev up2 metric 102
hop_is "$SERVER4 from $(mac client up2) to unknown" "hop=up2,10.80.2.2,$SERVER4" || fail "a route without a gateway"
in_client ip route del default dev up2
in_client ip -4 route add default via inet6 2001:db8:80:2::1 dev up2 metric 102
tool "hop-use=up2,10.80.2.2,$SERVER4"
wait_for 5 hop_is "2001:db8:80:2::1 from $(mac client up2) to $(mac net gw2)" "hop=up2,10.80.2.2,$SERVER4" ||
	fail "an IPv6 next hop of an IPv4 route: $(tool "hop=up2,10.80.2.2,$SERVER4")"
note "no route, no gateway, a gateway of the other family"

# Another router takes the address over. Nobody but this question makes the kernel look.
in_client sysctl -q -w net.ipv4.neigh.up1.base_reachable_time_ms=200 net.ipv4.neigh.up1.delay_first_probe_time=1 \
	net.ipv4.neigh.up1.retrans_time_ms=100
in_client ip neigh del 10.80.1.1 dev up1
tool "hop-use=$WAY4"
wait_for 5 hop_is "10.80.1.1 from $OWN to $GATEWAY" "hop=$WAY4"
in_net ip link set gw1 address 02:00:00:00:00:77
moved() { # own address
	tool "hop-use=$WAY4"
	hop_is "10.80.1.1 from $1 to 02:00:00:00:00:77" "hop=$WAY4"
}
wait_for 15 moved $OWN || fail "the new router is not seen: $(tool "hop=$WAY4"), $(in_client ip neigh)"
in_client ip link set up1 address 02:00:00:00:00:78
wait_for 5 moved 02:00:00:00:00:78 || fail "our own address changed: $(tool "hop=$WAY4")"
note "another router at the same address, another address of our own"

in_client ip tuntap add tun1 mode tun
in_client ip addr add 10.81.0.1/24 dev tun1
in_client ip link set tun1 up
assert_fails "no Ethernet" tool "hop=tun1,10.81.0.1,10.81.0.2"

assert_equal "a veth pair" "$(tool nic=up1)" "nic 1 queues zero-copy no"
in_client ip link add many numrxqueues 4 numtxqueues 4 type veth peer name many2
assert_equal "with 4 queues" "$(tool nic=many)" "nic 4 queues zero-copy no"
in_client ethtool -L many rx 2
assert_equal "with 2 of 4 queues in use" "$(tool nic=many)" "nic 2 queues zero-copy no"
assert_fails "no such device" tool nic=nothing
note "queues, and what the driver offers"
