#!/bin/bash
# SPDX-License-Identifier: MIT
# Who answers DHCP decides about routes and netmasks of the client; he must not get at what belongs in the tunnel.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "delay=2ms" "delay=5ms"
start_internet
start_server

rogue_routes() { # add|del
	local to
	for to in 0.0.0.0/1 128.0.0.0/1 198.51.100.0/24; do in_client ip route "$1" $to via 10.80.1.1 dev up1; done
	for to in ::/1 8000::/1 2001:db8:2::/64; do in_client ip -6 route "$1" $to via 2001:db8:80:1::1 dev up1; done
}

sees() { # when, IPv4, IPv6
	assert_equal "$1: $INTERNET4 sees" "$(seen_as $INTERNET4)" "$2"
	assert_equal "$1: $INTERNET6 sees" "$(seen_as $INTERNET6)" "$3"
	in_client ping -q -c 1 -W 2 10.80.1.1 > /dev/null || fail "$1: the uplink's own network is cut off"
	in_client ping -q -c 1 -W 2 2001:db8:80:2::1 > /dev/null || fail "$1: the uplink's own IPv6 network is cut off"
}

way() { in_client ip route get "$1" | sed -n 's/.* dev \([^ ]*\) .*/\1/p'; }
goes() { [ "$(way "$1")" = "$2" ]; }

start_client --full-tunnel
rogue_routes add
sees "routes that come during a full tunnel" $SERVER4 $SERVER6
note "rogue routes during a full tunnel: nothing outside"

in_client ip link add lan0 type veth peer name lan1
in_client ip link set lan1 up
in_client ip link set lan0 up
in_client ip addr add 172.20.0.1/16 dev lan0
in_client ip addr add fd20::1/64 dev lan0 nodad
wait_for 5 goes 172.20.0.9 lan0 || fail "a network that came later: $(way 172.20.0.9)"
wait_for 5 goes fd20::9 lan0 || fail "an IPv6 network that came later: $(way fd20::9)"
in_client ip addr add 66.7.8.9/1 dev lan0
in_client ip addr add 2000::7/3 dev lan0 nodad
in_client ip addr del 172.20.0.1/16 dev lan0
wait_for 5 goes 172.20.0.9 tg0 || fail "a network that went: $(way 172.20.0.9)"
assert_equal "next door to half the internet" "$(way 66.0.0.1)" tg0
sees "a netmask of /1" $SERVER4 $SERVER6
in_client ip link del lan0
note "connected networks stay and are followed, but not one of half the internet"
lab_stop client || fail "the client ends with an error"
assert_equal "rules left" "$(in_client ip rule | grep -c 'lookup\|unreachable')" 3

start_client --full-tunnel
sees "routes that were there before" $SERVER4 $SERVER6
lab_stop client
sees "without a tunnel" 10.80.1.2 2001:db8:80:1::2

start_client --route 198.51.0.0/16 --route 2001:db8:2::/48
sees "routes longer than --route" $SERVER4 $SERVER6
lab_stop client
rogue_routes del
note "rogue routes before the start and against --route: nothing outside"

# The kill switch lets out to the uplink's network: not when the lease says that it is half the internet.
lab_stop server
FAR=11.0.0.1
in_net ip addr add $FAR/32 dev gw1
in_client ip addr flush dev up1 scope global
in_client ip addr add 10.80.1.2/1 dev up1
in_client ping -q -c 1 -W 2 $FAR > /dev/null || fail "without a kill switch the netmask leads out"
launch_client --full-tunnel --kill-switch
kill_switch_stands() { in_client nft list tables | grep -q _ks; }
wait_for 10 kill_switch_stands || fail "no kill switch"
wait_for 5 in_client ping -q -c 1 -W 0.5 10.80.2.1 || fail "the other uplink's network is cut off"
assert_fails "out by the netmask" in_client ping -q -c 2 -i 0.2 -W 0.5 $FAR
lab_stop client
in_client ping -q -c 1 -W 2 $FAR > /dev/null || fail "the kill switch stays"
note "a netmask of /1 does not open the kill switch"
