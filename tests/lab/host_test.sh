#!/bin/bash
# SPDX-License-Identifier: MIT
# The functions of user/host, each applied inside the lab's namespaces: what they find, what the kernel
# does with what they set, and that nothing is left after an end or after a kill at any point.
. "$(dirname "$0")/lab.sh"

lab_new "plain" "plain"
DIR=$LAB/host
TOOL=$BUILD/tests/lab/host_tool
[ -x "$TOOL" ] || skip "build/tests/lab/host_tool is missing"
mkdir "$DIR"

tool() { # steps of instance a
	in_client "$TOOL" a "$DIR" "$@"
}

# Holds an instance in the given state in the background until `let_go`.
hold() { # name, steps...
	local name=$1
	shift
	[ -p "$LAB/$name.in" ] || mkfifo "$LAB/$name.in"
	ip netns exec "$LAB_ID-${HOLD_NS:-client}" "$TOOL" "$name" "$DIR" "$@" hold < "$LAB/$name.in" > "$LAB/$name.log" 2>&1 &
	LAB_PID[$name]=$!
	exec {HOLD}> "$LAB/$name.in"
	declare -g "HOLD_$name=$HOLD"
	wait_for 5 grep -q holding "$LAB/$name.log" || fail "$name: $(cat "$LAB/$name.log")"
}
go_on() { # name: to its next hold
	local fd=HOLD_$1 before
	before=$(grep -c holding "$LAB/$1.log")
	echo >&${!fd}
	wait_for 5 holds_again "$1" "$before" || fail "$1: $(cat "$LAB/$1.log")"
}
holds_again() { [ "$(grep -c holding "$LAB/$1.log")" -gt "$2" ]; }
let_go() { # name
	local fd=HOLD_$1
	echo >&${!fd}
	eval "exec ${!fd}>&-"
	wait "${LAB_PID[$1]}" || fail "$1 ended with an error: $(cat "$LAB/$1.log")"
	unset "LAB_PID[$1]"
}

state() { # all that may be changed, except the tunnel device's own
	in_client ip rule
	in_client ip -6 rule
	in_client ip route show table all | grep -v 'dev tg0' | sort
	in_client ip -6 route show table all | grep -v 'dev tg0' | sort
	in_client nft list ruleset
	in_client sysctl -a 2> /dev/null | grep -E 'ip_forward |\.(rp_filter|forwarding|accept_ra|accept_redirects) ' | grep -v tg
	cat "$DIR/resolv.conf" 2> /dev/null || true
}

same_as_before() { # what
	state > "$LAB/after"
	diff "$LAB/before" "$LAB/after" || fail "$1: not as it was"
}

way() { # what ip route get is asked: "interface source"
	in_client ip route get "$@" 2>&1 | sed -n 's/.* dev \([^ ]*\).* src \([^ ]*\).*/\1 \2/p; s/^RTNETLINK answers: //p' | head -n 1
}

goes() { # "interface source" or an error, what ip route get is asked
	local expected=$1
	shift
	assert_equal "way to $*" "$(way "$@")" "$expected"
}

# --- what is found --------------------------------------------------------------------------

in_client ip tuntap add tg0 mode tun
state > "$LAB/before"

assert_equal "uplinks" "$(tool list)" \
"up1 usable 10.80.1.2/24 via 10.80.1.1, 2001:db8:80:1::2/64 via 2001:db8:80:1::1, mtu 1500, ethernet
up2 usable 10.80.2.2/24 via 10.80.2.1, 2001:db8:80:2::2/64 via 2001:db8:80:2::1, mtu 1500, ethernet"

in_client ip link add br0 type bridge
in_client ip link add port0 type veth peer name port1
in_client ip link set port0 master br0
in_client ip addr add 10.55.0.2/24 dev port0
in_client ip link set port0 up
in_client ip link set port1 up
in_client ip route add default via 10.55.0.1 dev port0 metric 50
assert_equal "a bridge port with a default route" "$(tool list | grep -c port0)" 0
assert_equal "a bridge port by name" "$(tool named=port0 | tail -n 1)" "note: port0 belongs to a bridge or bond: use that one"
in_client ip link del br0
assert_equal "out of the bridge" "$(tool list | grep -c '^port0 usable')" 1
in_client ip link set port1 down
assert_equal "without carrier" "$(tool list | grep -c port0)" 0
assert_equal "without carrier, by name" "$(tool named=port0 | tail -n 1)" "note: port0 is down or has no carrier"
in_client ip link del port0
in_client ip link set tg0 up
in_client ip addr add 10.66.0.2/24 dev tg0
in_client ip route add default dev tg0 metric 40
assert_equal "a tunnel with a default route" "$(tool list | grep -c tg0)" 0
in_client ip addr flush dev tg0
in_client ip link set tg0 down
assert_fails "an interface that is not there" tool named=nothing0

in_client ip route del default dev up2
in_client ip route add default via 10.80.2.1 dev up2 table 77
assert_equal "a default route in another table" "$(tool list | grep -c '^up2 usable 10.80.2.2/24 via 10.80.2.1,')" 1
in_client ip route del default dev up2 table 77
in_client ip -6 route del default dev up2
assert_equal "no default route" "$(tool list | grep -c up2)" 0
assert_equal "no default route, by name" "$(tool named=up2 | tail -n 1)" \
	"note: up2 has no default route: only its own network is reachable over it"
in_client ip route add default via 10.80.2.1 dev up2 metric 102
in_client ip -6 route add default via 2001:db8:80:2::1 dev up2 metric 102
same_as_before "after looking"

assert_equal "overlap" "$(tool overlap=10.80.0.0/16)" "up1 has 10.80.1.2/24"
assert_equal "overlap" "$(tool overlap=10.99.0.0/24)" "no overlap"
assert_equal "overlap" "$(tool overlap=2001:db8:80:2::/64)" "up2 has 2001:db8:80:2::2/64"
in_client ip route add 172.20.0.0/16 via 10.80.1.9
assert_equal "overlap" "$(tool overlap=172.20.5.0/24)" "a route to 172.20.0.0/16 by up1"
in_client ip route del 172.20.0.0/16
note "interfaces, reasons and overlaps"

# --- events ---------------------------------------------------------------------------------

mkfifo "$LAB/watch.in"
ip netns exec "$LAB_ID-client" "$TOOL" w "$DIR" watch < "$LAB/watch.in" > "$LAB/watch.log" 2>&1 &
LAB_PID[watch]=$!
exec {WATCH}> "$LAB/watch.in"
wait_for 5 grep -q watching "$LAB/watch.log"
SEEN=0
event() { # event and name, after the last one
	wait_for 5 event_is_there "$1" || fail "no event '$1' after line $SEEN: $(tail -n +$SEEN "$LAB/watch.log" | head -n 20)"
	SEEN=$(($(wc -l < "$LAB/watch.log")))
}
event_is_there() { tail -n "+$((SEEN + 1))" "$LAB/watch.log" | grep -qx "event $1"; }
in_client ip link add new0 type veth peer name new1
event "added new0"
in_client ip link set new0 up
in_client ip link set new1 up
event "up new0"
in_client ip addr add 10.56.0.2/24 dev new0
event "address new0"
in_client ip route add default via 10.56.0.1 metric 900
event "default new0"
in_client ip link set new0 mtu 1400
event "changed new0"
in_client ip link set new1 down
event "down new0"
in_client ip link set new0 down
in_client ip link set new0 name old0
event "renamed old0"
in_client ip link del old0
event "removed old0"
# more than the socket holds: the watcher is stopped meanwhile
kill -STOP "${LAB_PID[watch]}"
for ((i = 0; i < 3000; i++)); do
	echo "addr add 10.57.0.2/24 dev lo"
	echo "addr del 10.57.0.2/24 dev lo"
done | in_client ip -batch -
kill -CONT "${LAB_PID[watch]}"
event "resync "
exec {WATCH}>&-
wait "${LAB_PID[watch]}" || fail "watch ended with an error"
unset "LAB_PID[watch]"
rm "$LAB/watch.log"
same_as_before "after events"
note "events of links, addresses, default routes; lost ones are noticed"

# --- policy routing -------------------------------------------------------------------------

MARK=$(tool mark | sed 's/mark \([^ ]*\).*/\1/')
LAN="lan0"
in_client ip link add $LAN type veth peer name lan1
in_client ip addr add 10.20.30.1/24 dev $LAN
in_client ip link set $LAN up
in_client ip link set lan1 up
state > "$LAB/before"

hold a uplink=up1 uplink=up2 tun=10.99.0.2/24,fd99::2/64 full=46 exclude=203.0.112.0/20 exclude=2001:db8:7::/48 \
	route=203.0.113.128/25
goes "tg0 10.99.0.2" $INTERNET4
goes "tg0 fd99::2" $INTERNET6
goes "up1 10.80.1.2" $SERVER4
goes "tg0 10.99.0.2" 203.0.113.200
goes "up1 2001:db8:80:1::2" 2001:db8:7::1
goes "$LAN 10.20.30.1" 10.20.30.7
goes "up2 10.80.2.2" 10.80.2.77
for up in up1 up2; do
	goes "$up 10.80.${up#up}.2" $INTERNET4 oif $up mark "$MARK"
	goes "$up 10.80.${up#up}.2" 203.0.113.200 oif $up mark "$MARK"
	goes "$up 2001:db8:80:${up#up}::2" $INTERNET6 oif $up mark "$MARK"
	goes "$up 10.80.${up#up}.2" 10.80.${up#up}.9 oif $up mark "$MARK"
done
goes "up1 10.80.1.2" $INTERNET4 mark "$MARK"
let_go a
same_as_before "after a full tunnel"

hold a uplink=up1 tun=10.99.0.2/24 full=4
goes "tg0 10.99.0.2" $INTERNET4
goes "No route to host" $INTERNET6
goes "up1 2001:db8:80:1::2" $INTERNET6 oif up1 mark "$MARK"
goes "up2 2001:db8:80:2::2" 2001:db8:80:2::5
let_go a
same_as_before "after a full tunnel without IPv6"

hold a uplink=up2 tun=10.99.0.2/24,fd99::2/64 route=10.0.0.0/8 route=2001:db8:2::/48
goes "tg0 10.99.0.2" 10.1.2.3
goes "$LAN 10.20.30.1" 10.20.30.7
goes "up1 10.80.1.2" 10.80.1.5
goes "up1 10.80.1.2" $INTERNET4
goes "tg0 fd99::2" $INTERNET6
goes "up1 2001:db8:80:1::2" $SERVER6
goes "up2 10.80.2.2" 10.1.2.3 oif up2 mark "$MARK"
assert_equal "answers of the second uplink" "$(way $INTERNET4 from 10.80.2.2)" ""
in_client ip route get $INTERNET4 from 10.80.2.2 | grep -q 'dev up2' || fail "answers leave by another uplink"
let_go a
same_as_before "after a split tunnel"
note "full tunnel, split tunnel, excludes, LAN; marked packets leave by their uplink"

# An uplink goes down and comes back (the kernel drops its routes), then changes its address; main has no default over it.
hold a uplink=up2 tun=10.99.0.2/24,fd99::2/64 full=46 hold uplink=up2 hold uplink=up2
in_client ip link set up2 down
link_up 2
go_on a
in_client ip route del default dev up2
goes "up2 10.80.2.2" $INTERNET4 oif up2 mark "$MARK"
goes "up2 2001:db8:80:2::2" $INTERNET6 oif up2 mark "$MARK"
in_client ip addr add 10.80.2.9/24 dev up2
in_client ip addr del 10.80.2.2/24 dev up2
in_client ip addr add 10.80.2.9/24 dev up2 2> /dev/null || true
in_client ip route add default via 10.80.2.1 dev up2 metric 102
go_on a
goes "up2 10.80.2.9" $INTERNET4 oif up2 mark "$MARK"
assert_equal "rules of the old address" "$(in_client ip rule | grep -c 'from 10.80.2.2')" 0
let_go a
in_client ip addr flush dev up2
in_client ip link set up2 down
link_up 2
same_as_before "after changes of an uplink"

# A strict reverse path filter, and answers that come to a marked socket.
state > "$LAB/before"
in_client sysctl -q -w net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.up1.rp_filter=1 net.ipv4.conf.up2.rp_filter=0
state > "$LAB/before"
hold a uplink=up1 tun=10.99.0.2/24,fd99::2/64 full=46 uplink=up2
for up in up1 up2; do
	in_client ping -q -c 1 -W 2 -m $((MARK)) -I $up $SERVER4 > /dev/null || fail "no answer over $up with a strict rp_filter"
	in_client ping -q -c 1 -W 2 -m $((MARK)) -I $up $SERVER6 > /dev/null || fail "no IPv6 answer over $up"
done
let_go a
same_as_before "after a strict rp_filter"
in_client sysctl -q -w net.ipv4.conf.all.rp_filter=2
state > "$LAB/before"
note "strict rp_filter: answers arrive, and it is strict again"

# --- nothing is left ------------------------------------------------------------------------

# The tunnel device would vanish with its opener: take off what it got.
device_gone() {
	in_client ip link set tg0 down
	in_client ip addr flush dev tg0
}
device_gone
printf 'nameserver 192.0.2.53\nsearch example.org\n' > "$DIR/resolv.conf"
state > "$LAB/before"
ALL="uplink=up1 uplink=up2 tun=10.99.0.2/24,fd99::2/64 full=46 route=10.0.0.0/8 exclude=10.3.0.0/16 client
	kill-switch=10.80.1.0/24 server forward=46 dns=$DIR/resolv.conf"

tool $ALL > /dev/null
same_as_before "after everything and an end"
tool $ALL $ALL > /dev/null
same_as_before "after everything twice and an end"

tool $ALL kill > /dev/null 2>&1 || true
if state | cmp -s - "$LAB/before"; then fail "a kill leaves nothing to sweep"; fi
tool sweep
device_gone
CALLS=$(CALLS=1 tool $ALL)
for ((n = 1; n <= CALLS; n++)); do
	if KILL_AFTER=$n tool $ALL > /dev/null 2>&1; then fail "not killed at call $n of $CALLS"; fi
	tool sweep > "$LAB/sweep.out" 2>&1 || fail "sweeping after a kill at call $n: $(cat "$LAB/sweep.out")"
	same_as_before "after a kill at call $n of $CALLS and a sweep"
	device_gone
done
# and while it undoes, until it comes to its end
killed=1
for ((; killed; n++)); do
	if KILL_AFTER=$n tool $ALL > /dev/null 2>&1; then killed=0; fi
	tool sweep > "$LAB/sweep.out" 2>&1 || fail "sweeping after a kill at call $n: $(cat "$LAB/sweep.out")"
	same_as_before "after a kill at call $n (undoing) and a sweep"
	device_gone
done
note "killed at each of $CALLS calls of the set-up and $((n - CALLS - 2)) of the undoing: a sweep leaves nothing"

# --- several instances ----------------------------------------------------------------------

other() { # steps of instance b, whose device is tg1
	TUN=tg1 in_client "$TOOL" b "$DIR" "$@"
}
in_client ip tuntap add tg1 mode tun
in_client ip link set tg1 up
OTHER="uplink=up1 uplink=up2 full=46 route=10.0.0.0/8 client kill-switch=10.80.1.0/24 server forward=46"
state | grep -v tg1 > "$LAB/nothing"
TUN=tg1 hold b $OTHER dns="$DIR/resolv.conf"
state > "$LAB/before"
in_client ip rule | grep -q "$MARK" && fail "both have the mark $MARK"
assert_fails "a second instance of the name" other mark
tool $ALL > /dev/null
same_as_before "another instance, after a came and went"
tool $ALL kill > /dev/null 2>&1 || true
tool sweep
same_as_before "another instance, after a was killed and swept"

# the first to come leaves first; then resolv.conf and the forwarding switch belong to the second
hold a $ALL
let_go b
assert_equal "still forwarding" "$(in_client sysctl -n net.ipv4.ip_forward)" 1
grep -q '^# triglav a ' "$DIR/resolv.conf" || fail "resolv.conf is not a's any more"
in_client ip route get $INTERNET4 | grep -q 'dev tg0' || fail "a's tunnel is not used any more"
let_go a
device_gone
in_client ip link del tg1
mv "$LAB/nothing" "$LAB/before"
same_as_before "after two instances"

# killed, another one ends meanwhile, then the first starts again
tool $ALL kill > /dev/null 2>&1 || true
TUN=tg0 in_client "$TOOL" b "$DIR" forward=46
assert_equal "forwarding waits for its other holder" "$(in_client sysctl -n net.ipv4.ip_forward)" 1
tool sweep
device_gone
same_as_before "after a killed holder came back"
note "two instances do not touch each other, in any order"

# --- resolv.conf under a bind mount, as containers have it ----------------------------------

echo "nameserver 192.0.2.54" > "$DIR/mounted"
in_client bash -ec '
	mount --bind "$1/mounted" "$1/resolv.conf"
	"$2" a "$1" dns="$1/resolv.conf" kill || cp "$1/mounted" "$1/held"
	"$2" a "$1" sweep
' - "$DIR" "$TOOL" > "$LAB/mount.log" 2>&1 || fail "bind mount: $(cat "$LAB/mount.log")"
grep -q '^# triglav a ' "$DIR/held" || fail "not written under a bind mount"
assert_equal "under a bind mount" "$(cat "$DIR/mounted")" "nameserver 192.0.2.54"
same_as_before "after a resolv.conf under a bind mount"

# An uplink whose IPv4 router has an IPv6 address only; point to point; one without IPv6.
in_client ip link add six0 type veth peer name six1
in_client ip link set six0 up
in_client ip link set six1 up
in_client sysctl -q -w net.ipv6.conf.six0.accept_dad=0
in_client ip addr add 10.58.0.2/32 dev six0
in_client ip addr add 2001:db8:58::2/64 dev six0 nodad
in_client ip -4 route add default via inet6 2001:db8:58::1 dev six0 metric 500
hold a uplink=six0 tun=10.99.0.2/24,fd99::2/64 full=46
assert_equal "an IPv6 router for IPv4" "$(in_client ip route get $INTERNET4 oif six0 mark "$MARK" | grep -c 'via inet6 2001:db8:58::1 dev six0 .*src 10.58.0.2')" 1
let_go a
in_client ip -4 route replace default dev six0 metric 500
hold a uplink=six0 tun=10.99.0.2/24,fd99::2/64 full=46
goes "six0 10.58.0.2" $INTERNET4 oif six0 mark "$MARK"
let_go a
in_client ip link del six0
same_as_before "after odd uplinks"
in_client sysctl -q -w net.ipv6.conf.all.disable_ipv6=1
hold a uplink=up1 tun=10.99.0.2/24 full=4
goes "tg0 10.99.0.2" $INTERNET4
let_go a
in_client sysctl -q -w net.ipv6.conf.all.disable_ipv6=0
device_gone
for i in 1 2; do
	in_client ip link set up$i down
	link_up $i
done
note "odd uplinks, a host without IPv6, a mounted resolv.conf"

# --- kernel settings ------------------------------------------------------------------------

in_client sysctl -q -w net.ipv4.conf.up1.forwarding=1 net.ipv6.conf.up2.forwarding=1 net.ipv6.conf.up1.accept_ra=1 \
	net.ipv4.conf.all.accept_redirects=1
state > "$LAB/before"
hold a forward=46
assert_equal "router advertisements" "$(in_client sysctl -n net.ipv6.conf.up1.accept_ra)" 2
assert_equal "router advertisements nobody listens to" "$(in_client sysctl -n net.ipv6.conf.up2.accept_ra)" 0
let_go a
same_as_before "after forwarding, with interfaces that forwarded before"
hold a forward=4 sysctl=net/ipv4/conf/up2/rp_filter=1
in_client sysctl -q -w net.ipv4.conf.up2.rp_filter=2
let_go a
assert_equal "changed by somebody else meanwhile" "$(in_client sysctl -n net.ipv4.conf.up2.rp_filter)" 2
in_client sysctl -q -w net.ipv4.conf.up2.rp_filter=0
same_as_before "after a setting changed by somebody else"
assert_fails "a setting that is not there" tool sysctl=net/ipv4/conf/nothing0/rp_filter=1
same_as_before "after a setting that is not there"
note "kernel settings come back, also those that change along"

# --- kill switch ----------------------------------------------------------------------------

reaches() { # ping arguments
	in_client ping -q -c 1 -W 0.5 "$@" > /dev/null 2>&1
}
blocked() { # what, ping arguments
	local what=$1
	shift
	if reaches "$@"; then fail "kill switch: $what may leave"; fi
}
hold a uplink=up1 uplink=up2 kill-switch=10.80.1.0/24
only_what_may() { # when
	reaches -m $((MARK)) -I up2 $SERVER4 || fail "$1: marked packets may not leave"
	reaches -m $((MARK)) -I up2 $SERVER6 || fail "$1: marked IPv6 packets may not leave"
	reaches 10.80.1.1 || fail "$1: the LAN may not be reached"
	reaches 127.0.0.1 || fail "$1: loopback is blocked"
	blocked "$1: unmarked" $SERVER4
	blocked "$1: unmarked IPv6" $SERVER6
	blocked "$1: other marks" -m 7 $SERVER4
	blocked "$1: a network not allowed" 10.80.2.1
}
only_what_may "held"
assert_fails "DNS to the LAN" in_client timeout 1 bash -c "exec 3<> /dev/tcp/10.80.1.1/53"
kill -KILL "${LAB_PID[a]}"
wait "${LAB_PID[a]}" 2> /dev/null || true
only_what_may "killed"
tool keep sweep
only_what_may "swept but kept"
tool keep kill-switch=10.80.1.0/24 keep
only_what_may "replaced and kept"
tool sweep
reaches $SERVER4 || fail "the kill switch is still there"
same_as_before "after a kill switch"
note "kill switch: only what may leaves, also after a kill"

# --- server table ---------------------------------------------------------------------------

# The server's tunnel device is a veth here; two clients and a cheat sit at its other end.
in_server ip link add tg0 type veth peer name inner netns "$LAB_ID-wire"
in_server ip addr add 10.0.85.1/24 dev tg0
in_server ip addr add fd85::1/64 dev tg0 nodad
in_server ip link set tg0 up
in_ns wire sysctl -q -w net.ipv6.conf.inner.addr_gen_mode=1 net.ipv6.conf.inner.disable_ipv6=0 net.ipv6.conf.inner.accept_dad=0
in_ns wire ip addr add 10.0.85.2/24 dev inner
in_ns wire ip addr add 10.0.85.3/24 dev inner
in_ns wire ip addr add 10.44.0.9/32 dev inner
in_ns wire ip addr add fd85::2/64 dev inner nodad
in_ns wire ip link set inner up
# a real one has no neighbours to discover
in_ns wire ip neigh replace fd85::1 lladdr "$(in_server cat /sys/class/net/tg0/address)" dev inner nud permanent
in_server ip neigh replace fd85::2 lladdr "$(in_ns wire cat /sys/class/net/inner/address)" dev tg0 nud permanent
in_ns wire ip route add default via 10.0.85.1 dev inner
in_ns wire ip -6 route add default via fd85::1 dev inner
in_server ip addr add 10.33.0.1/24 dev eth0	# the server's private network, with a printer in it
in_net ip addr add 10.33.0.7/24 dev srv
in_server ip addr add 169.254.7.1/24 dev eth0
in_net ip addr add 169.254.7.254/24 dev srv
in_internet ip route add 10.0.85.0/24 via 198.51.100.254
in_net ip route add 10.0.85.0/24 via $SERVER4

HOLD_NS=server hold a forward=46 server
asks() { # source, destination
	in_ns wire ping -q -c 1 -W 0.5 -I "$1" "$2" > /dev/null 2>&1
}
answers() { asks "$1" "$2" || fail "client $1 cannot reach $2"; }
silent() { if asks "$1" "$2"; then fail "client $1 reaches $2"; fi; }
drops() { # counter
	in_server nft list counter inet triglav_a "$1" | sed -n 's/.*packets \([0-9]*\) .*/\1/p'
}
grew() { # counter, number
	assert_equal "packets counted as $1" "$(drops "$1")" "$2"
}
answers 10.0.85.2 $INTERNET4
wait_for 3 asks fd85::2 $INTERNET6 || fail "IPv6 client cannot reach the internet"
answers 10.0.85.2 10.0.85.1
answers fd85::2 fd85::1
sources=$(drops source)	# multicast reports of the veth's link-local address, if anything
grew private_destination 0
grew to_host 0
silent 10.44.0.9 $INTERNET4
[ "$(drops source)" -gt "$sources" ] || fail "not counted as source"
silent 10.0.85.2 10.33.0.7
silent 10.0.85.2 169.254.7.254
grew private_destination 2
silent 10.0.85.2 10.33.0.1
silent 10.0.85.2 $SERVER4
silent fd85::2 $SERVER6
grew to_host 3
# one client to another: the neighbour on the same wire is reached by way of the server
in_ns wire ip route add 10.0.85.77/32 via 10.0.85.1 dev inner
in_server ip neigh replace 10.0.85.77 lladdr 02:00:00:00:00:77 dev tg0 nud permanent
silent 10.0.85.2 10.0.85.77
grew client_to_client 1
if in_internet ping -q -c 1 -W 0.5 10.0.85.2 > /dev/null 2>&1; then fail "a stranger reaches a client"; fi
grew inbound 1
lab_run tcpdump internet timeout 10 tcpdump --immediate-mode -lnni eth0 -c 1 icmp
wait_for 5 grep -q "listening on" "$LAB/tcpdump.log"
answers 10.0.85.2 $INTERNET4
wait_for 3 grep -q "$SERVER4 > $INTERNET4" "$LAB/tcpdump.log" || fail "not masqueraded: $(lab_log tcpdump)"
lab_stop tcpdump || true
empty=$(in_server "$TOOL" c "$DIR" server=10.33.0.0/24 drops | tail -n 1)
assert_equal "drops of a new table" "$empty" \
	"source 0 client_to_client 0 private_destination 0 to_host 0 inbound 0"
let_go a

# No table, the same counters in a table of somebody else, and a table that is not what it should be. (The tool removes its own at its end.)
no_drops() { # what, the error
	assert_fails "$1" in_server "$TOOL" c "$DIR" drops
	grep -q "drops: $2" "$LAB/assert.log" || fail "$1: $(cat "$LAB/assert.log")"
}
no_drops "drops without a table" "No such file"
in_server nft 'table inet other { counter source { packets 7 bytes 7; }; }'
no_drops "drops in a table of others" "No such file"
in_server nft 'table inet triglav_c { counter source { packets 7 bytes 7; }; }'
no_drops "one of five" "Protocol error"
in_server nft 'table inet triglav_c { counter source { packets 7 bytes 7; }; counter client_to_client {}; counter private_destination { packets 5000000000 bytes 9; }; counter to_host {}; counter inbound { packets 3 bytes 9; }; counter foreign {}; }'
assert_equal "drops as nft says" "$(in_server "$TOOL" c "$DIR" drops | tail -n 1)" \
	"source 7 client_to_client 0 private_destination 5000000000 to_host 0 inbound 3"
in_server nft delete table inet other

HOLD_NS=server hold a forward=46 server=10.33.0.0/24
answers 10.0.85.2 10.33.0.7
silent 10.0.85.2 169.254.7.254
grew private_destination 1
let_go a
assert_equal "tables left" "$(in_server nft list tables)" ""
note "server: clients reach the internet, and nothing that they should not"
