# SPDX-License-Identifier: MIT
# lab.sh - a small internet in network namespaces. Source it: root tests, demo and benchmarks do.
#
#     client                 wire                      net                        server
#   +--------+     +---------------------+     +----------------------+        +----------+
#   |   up1 -|-----|- a1 <=emulator=> b1 |-----|- gw1                 |        |          |
#   |   up2 -|-----|- a2 <=emulator=> b2 |-----|- gw2    (NAT)   srv -|--------|- eth0    |
#   |   ...  |     |  ...                |     |  ...                 |        +----------+
#   |        |     +---------------------+     |                      |          internet
#   |   up3 -|---------- "plain" --------------|- gw3                 |        +----------+
#   +--------+                                 |                inet -|--------|- eth0    |
#                                              +----------------------+        +----------+
#
#   uplink i   up$i 10.80.$i.2/24, 2001:db8:80:$i::2/64; its gateway gw$i is .1 and ::1
#   server     203.0.113.1       2001:db8:1::1     internet   198.51.100.2      2001:db8:2::2
#
# "net" is the internet's routers: every uplink reaches the server and the internet host, with or
# without the tunnel; the internet host can tell by the sender's address. An uplink with NAT is
# seen as 192.0.2.$i. The client has a default route per uplink, up1 first. Nothing leaves the
# namespaces. One process emulates all links; direction a is what the client sends.
#
#   lab_new "rate=100mbit delay=20ms" "rate=20mbit delay=50ms loss=1% nat" "plain"
#   start_server; start_client --full-tunnel
#   wait_for 5 in_client ping -c 1 -W 1 $INTERNET4
#
# Words of an uplink beside the emulator's (tests/lab/emulate/shape.h): plain (a bare veth pair
# with its offloads, no emulator), nat, family=4, family=6, mtu=N.
# Everything is removed at exit, also after a failure. Needs root. In the environment, to run a test another way (make check-xdp does):
# LAB_FLAGS="--xdp native", further flags of both daemons; DATAPATH=xdp, AF_XDP for every client, where a test says nothing else.

set -eu -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
TRIGLAV=$BUILD/triglav
EMULATOR=$BUILD/tests/lab/emulator
PYTHON=/usr/bin/python3
[ -x $PYTHON ] || PYTHON=python3

TERMINAL=("$PYTHON" -I "$ROOT/tests/lab/terminal.py")	# in front of a command: as people see it

SERVER4=203.0.113.1 SERVER6=2001:db8:1::1
INTERNET4=198.51.100.2 INTERNET6=2001:db8:2::2
PORT=7443
POOL4=10.99.0.0/24 POOL6=fd99::/64

LAB=			# directory of this lab: logs, keys, sockets
LAB_ID=tg$$		# what the names of its namespaces start with
LAB_NAMESPACES=
LAB_UPLINKS=		# numbers of the uplinks, in order
declare -A LAB_PID=()	# background processes by name
declare -A LAB_WORDS=()	# what lab_new or link_add said of an uplink

# --- verdicts ---------------------------------------------------------------------------------

fail() { # what is wrong
	echo "FAILED: $*" >&2
	exit 1
}

skip() { # reason
	echo "$*"
	exit 77
}

note() { # what the test does or measured
	printf '%6.2f  %s\n' "$(awk -v t="$(lab_ms)" -v s="$LAB_START" 'BEGIN { print (t - s) / 1000 }')" "$*"
}

assert_equal() { # what, found, expected
	[ "$2" = "$3" ] || fail "$1: $2, not $3"
}

assert_true() { # what, python expression
	local result
	result=$($PYTHON -I -c "print(bool($2))")
	[ "$result" = True ] || fail "$1: $2 does not hold"
}

assert_fails() { # what, command...
	local what=$1
	shift
	if "$@" > "$LAB/assert.log" 2>&1; then fail "$what: '$*' worked"; fi
}

lab_ms() { # milliseconds since boot
	awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime
}

# Asks every 50 ms until the command succeeds. LAB_PATIENCE=3: all limits three times as long, for a machine that is short of time.
wait_for() { # limit in seconds, command...
	local limit=$(($1 * ${LAB_PATIENCE:-1})) end
	shift
	end=$(($(lab_ms) + limit * 1000))
	until "$@" > /dev/null 2>&1; do
		if [ "$(lab_ms)" -ge $end ]; then
			echo "not within $limit s: $*" >&2
			return 1
		fi
		read -r -t 0.05 < "$LAB/never" || true
	done
}

# json 'd["uplinks"][0]["state"]' < document
json() { # python expression in d
	$PYTHON -I -c 'import json, sys
d = json.load(sys.stdin)
r = eval(sys.argv[1])
print(json.dumps(r) if isinstance(r, (dict, list)) else r)' "$1"
}

# --- namespaces and processes -----------------------------------------------------------------

in_ns() { # namespace, command...
	local ns=$1
	shift
	ip netns exec "$LAB_ID-$ns" "$@"
}
in_client() { in_ns client "$@"; }
in_server() { in_ns server "$@"; }
in_internet() { in_ns internet "$@"; }
in_net() { in_ns net "$@"; }

# Starts a process in the background; its output goes to $LAB/NAME.log (a second start appends).
lab_run() { # name, namespace, command...
	local name=$1 ns=$2
	shift 2
	ip netns exec "$LAB_ID-$ns" "$@" >> "$LAB/$name.log" 2>&1 < /dev/null &
	LAB_PID[$name]=$!
}

lab_runs() { # name
	[ -n "${LAB_PID[$1]:-}" ] && kill -0 "${LAB_PID[$1]}" 2> /dev/null
}

# Ends a process of lab_run and returns its exit code. One that does not end within 10 s is
# killed, and 137 is returned.
lab_stop() { # name, signal (default TERM)
	local name=$1 pid=${LAB_PID[$1]:-} code=0
	[ -n "$pid" ] || return 0
	unset "LAB_PID[$name]"
	kill "-${2:-TERM}" "$pid" 2> /dev/null || true
	wait_for 10 lab_is_gone "$pid" || kill -KILL "$pid" 2> /dev/null || true
	wait "$pid" 2> /dev/null || code=$?
	return $code
}

lab_is_gone() { # pid; a zombie is gone
	local state
	state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2> /dev/null) || return 0
	[ "$state" = Z ]
}

lab_log() { # name: what the process has printed so far
	cat "$LAB/$1.log"
}

lab_show_logs() {
	local log
	for log in "$LAB"/*.log; do
		[ -s "$log" ] || continue
		echo "--- $(basename "$log")"
		tail -n 30 "$log"
	done
}

lab_remove() {
	local code=$? name ns
	trap - EXIT ERR
	set +e
	[ -n "$LAB" ] || exit $code
	for name in "${!LAB_PID[@]}"; do
		[ "$name" = emulator ] || lab_stop "$name" > /dev/null 2>&1
	done
	lab_stop emulator > /dev/null 2>&1
	if [ $code != 0 ] && [ $code != 77 ]; then lab_show_logs >&2; fi
	for ns in $LAB_NAMESPACES; do
		ip netns del "$LAB_ID-$ns" 2> /dev/null
	done
	rm -rf "$LAB"
	exit $code
}

lab_namespace() { # name
	ip netns add "$LAB_ID-$1"
	LAB_NAMESPACES="$LAB_NAMESPACES $1"
	in_ns "$1" ip link set lo up
	# Not every kernel has all of these per namespace.
	in_ns "$1" sysctl -qe -w net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv6.conf.default.accept_ra=0 \
		net.ipv4.tcp_rmem="4096 131072 67108864" \
		net.ipv4.tcp_wmem="4096 131072 67108864" net.ipv4.icmp_ratelimit=0 2> /dev/null || true
}

lab_veth() { # namespace, interface, namespace, interface
	ip -n "$LAB_ID-$1" link add "$2" type veth peer name "$4" netns "$LAB_ID-$3"
}

# --- building the lab -------------------------------------------------------------------------

# The server's link to the internet, both ends.
lab_address_server() {
	in_net ip addr add 203.0.113.254/24 dev srv
	in_net ip addr add 2001:db8:1::ff/64 dev srv nodad
	in_server ip addr add $SERVER4/24 dev eth0
	in_server ip addr add $SERVER6/64 dev eth0 nodad
}

lab_build_net() {
	lab_veth net srv server eth0
	lab_address_server
	lab_veth net inet internet eth0
	in_net ip addr add 198.51.100.254/24 dev inet
	in_net ip addr add 2001:db8:2::ff/64 dev inet nodad
	in_internet ip addr add $INTERNET4/24 dev eth0
	in_internet ip addr add $INTERNET6/64 dev eth0 nodad

	in_net ip link set srv up
	in_net ip link set inet up
	in_server ip link set eth0 up
	in_internet ip link set eth0 up
	in_server ip route add default via 203.0.113.254
	in_server ip -6 route add default via 2001:db8:1::ff
	in_internet ip route add default via 198.51.100.254
	in_internet ip -6 route add default via 2001:db8:2::ff

	in_net sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	in_net ip route add blackhole 192.0.2.0/24	# what NAT has forgotten is dropped silently
	in_net nft -f - <<-'EOF'
	table inet lab {
		set cut { type ifname; }
		chain in { type filter hook prerouting priority -310; iifname @cut drop; }
		chain out { type filter hook postrouting priority 310; oifname @cut drop; }
	}
	table ip lab_nat {
		chain post { type nat hook postrouting priority 100; }
	}
	EOF
}

# Says what the numbers mean and stops with a skip where namespaces are not to be had.
lab_new() { # words of uplink 1, words of uplink 2, ...
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -x "$EMULATOR" ] || skip "build/tests/lab/emulator is missing"
	LAB=$(mktemp -d /tmp/triglav-lab.XXXXXX)
	LAB_START=$(lab_ms)
	trap lab_remove EXIT
	trap 'echo "line $LINENO of $(basename "$0"): $BASH_COMMAND" >&2' ERR
	trap 'exit 130' INT TERM
	mkfifo "$LAB/never"
	exec {LAB_NEVER}<> "$LAB/never"	# so that opening it does not block
	ip netns add "$LAB_ID-wire" 2> /dev/null || skip "no network namespaces here"
	ip netns del "$LAB_ID-wire"

	local ns words
	for ns in client wire net server internet; do
		lab_namespace $ns
	done
	in_ns wire sysctl -q -w net.ipv6.conf.default.disable_ipv6=1
	in_client sysctl -q -w net.ipv4.conf.all.rp_filter=2
	lab_build_net
	lab_run emulator wire "$EMULATOR" --control "$LAB/emulator" --seed 1
	wait_for 5 grep -q ready "$LAB/emulator.log"
	for words in "$@"; do
		link_add "$words" > /dev/null
	done
}

# Tells the emulator something: lab_emulator link 1 dir a rate 20mbit
lab_emulator() {
	"$EMULATOR" ctl "$LAB/emulator" "$@"
}

# --- uplinks ----------------------------------------------------------------------------------

link_has() { # uplink, word
	[[ " ${LAB_WORDS[$1]} " == *" $2 "* ]]
}

# Adds an uplink while everything runs, prints nothing, and appends its number to LAB_UPLINKS.
link_add() { # words
	local i=1 word shape= mtu=
	while [ -n "${LAB_WORDS[$i]:-}" ]; do i=$((i + 1)); done
	LAB_WORDS[$i]=${1:-up}
	LAB_UPLINKS="$LAB_UPLINKS $i"
	for word in $1; do
		case $word in
		plain | nat | family=*) ;;
		mtu=*) mtu=${word#mtu=} ;;
		*) shape="$shape $word" ;;
		esac
	done

	if link_has $i plain; then
		lab_veth client up$i net gw$i
	else
		lab_veth client up$i wire a$i
		lab_veth net gw$i wire b$i
		link_bare client up$i
		link_bare net gw$i
		link_bare wire a$i
		link_bare wire b$i
		lab_emulator add $i a$i b$i $shape > /dev/null
	fi
	if [ -n "$mtu" ]; then
		in_client ip link set up$i mtu "$mtu"
		in_net ip link set gw$i mtu "$mtu"
	fi
	in_net ip addr add 10.80.$i.1/24 dev gw$i
	in_net ip addr add 2001:db8:80:$i::1/64 dev gw$i nodad
	in_net ip link set gw$i up
	link_up $i
	if link_has $i nat; then link_nat $i 20000-29999; fi
}

# Every packet a frame of the wire, with its checksum: no offloads.
link_bare() { # namespace, interface
	in_ns "$1" ethtool -K "$2" tso off gso off gro off tx off sg off > /dev/null 2>&1 || true
	in_ns "$1" ip link set "$2" up
}

# Gives the client's interface its address and default routes (they vanish with link_down).
link_up() { # uplink
	in_client ip link set up$1 up
	if ! link_has $1 family=6; then
		in_client ip addr replace 10.80.$1.2/24 dev up$1
		in_client ip route replace default via 10.80.$1.1 dev up$1 metric $((100 + $1))
	fi
	if ! link_has $1 family=4; then
		in_client ip addr replace 2001:db8:80:$1::2/64 dev up$1 nodad
		in_client ip -6 route replace default via 2001:db8:80:$1::1 dev up$1 metric $((100 + $1))
	fi
}

# The client's own interface goes down: the client knows at once.
link_down() { # uplink
	in_client ip link set up$1 down
}

# The cable is pulled at the client: no carrier.
link_unplug() { # uplink
	if link_has $1 plain; then in_net ip link set gw$1 down; else in_ns wire ip link set a$1 down; fi
}
link_plug() { # uplink
	if link_has $1 plain; then in_net ip link set gw$1 up; else in_ns wire ip link set a$1 up; fi
}

# A silent black hole somewhere on the way: nobody is told anything.
link_cut() { # uplink
	if link_has $1 plain; then
		in_net nft add element inet lab cut "{ gw$1 }"
	else
		lab_emulator link $1 down > /dev/null
	fi
}
link_restore() { # uplink
	if link_has $1 plain; then
		in_net nft delete element inet lab cut "{ gw$1 }"
	else
		lab_emulator link $1 up > /dev/null
	fi
}

link_shape() { # uplink, words of the emulator
	local i=$1
	shift
	lab_emulator link $i "$@" > /dev/null
}

# Takes the uplink's interface away for good, as when a USB modem is pulled.
link_remove() { # uplink
	if ! link_has $1 plain; then lab_emulator remove $1 > /dev/null; fi
	in_client ip link del up$1
	if ! link_has $1 plain; then in_net ip link del gw$1; fi
	unset "LAB_WORDS[$1]"
	LAB_UPLINKS=$(for i in $LAB_UPLINKS; do [ $i = "$1" ] || printf ' %s' $i; done)
}

# The client's address on this uplink changes from .2 to .N (both families), as after a new lease.
link_readdress() { # uplink, last part of the address
	in_client ip addr flush dev up$1 scope global
	in_client ip addr add 10.80.$1.$2/24 dev up$1
	in_client ip addr add 2001:db8:80:$1::$2/64 dev up$1 nodad
	in_client ip route replace default via 10.80.$1.1 dev up$1 metric $((100 + $1))
	in_client ip -6 route replace default via 2001:db8:80:$1::1 dev up$1 metric $((100 + $1))
}

# What comes from the uplink by IPv4 leaves "net" as 192.0.2.$i from these ports.
link_nat() { # uplink, port range
	in_net nft -f - <<-EOF
	add rule ip lab_nat post ip saddr 10.80.$1.0/24 meta l4proto { tcp, udp } snat to 192.0.2.$1:$2
	add rule ip lab_nat post ip saddr 10.80.$1.0/24 snat to 192.0.2.$1
	EOF
}

# The NAT forgets everything, and gives out other ports from now on: every mapping changes.
link_nat_rebind() { # port range (not overlapping the last one)
	local i
	in_net nft flush chain ip lab_nat post
	for i in $LAB_UPLINKS; do
		if link_has $i nat; then link_nat $i "$1"; fi
	done
	in_net conntrack -F > /dev/null 2>&1
}

# Bytes that crossed an uplink: link_bytes 1 a (the client sent) or b (it received).
link_bytes() { # uplink, direction
	if link_has $1 plain; then
		local which=tx
		[ "$2" = a ] || which=rx
		in_client cat /sys/class/net/up$1/statistics/${which}_bytes
	else
		lab_emulator stats | json "d['$1']['$2']['bytes_out']"
	fi
}

# --- services and transfers -------------------------------------------------------------------

# HTTP, DNS, UDP echo and checked streams on the internet host; see traffic.py.
start_internet() {
	lab_run internet internet $PYTHON -I "$ROOT/tests/lab/traffic.py" serve
	wait_for 5 grep -q ready "$LAB/internet.log"
}

# Numbered datagrams to the internet host and back; prints what became of them (traffic.py).
echo_run() { # address, options...
	in_client $PYTHON -I "$ROOT/tests/lab/traffic.py" echo "$@"
}

# A checked TCP stream in both directions, client to internet host, until transfer_end.
# Options: --up MBIT, --down MBIT (limits of the sender).
transfer_begin() { # address, options...
	rm -f "$LAB/progress"
	lab_run transfer client $PYTHON -I "$ROOT/tests/lab/traffic.py" stream "$LAB/progress" "$@"
	wait_for 10 transfer_moved 1
}

transfer_value() { # name: up, down, longest_gap_ms
	json "d['$1']" < "$LAB/progress"
}

# True when this many bytes have arrived at both ends since the last transfer_mark.
transfer_moved() { # bytes
	lab_runs transfer || return 1
	[ -f "$LAB/progress" ] || return 1
	[ "$(json "min(d['up'] - ${MARK_UP:-0}, d['down'] - ${MARK_DOWN:-0}) >= $1" < "$LAB/progress")" = True ]
}

transfer_mark() {
	MARK_UP=$(transfer_value up)
	MARK_DOWN=$(transfer_value down)
}

# It must go on: so many bytes both ways within the limit.
transfer_goes_on() { # what just happened, limit in seconds, bytes
	transfer_mark
	wait_for "$2" transfer_moved "$3" || fail "after $1: the transfer stands still"
}

# Ends the stream: fails unless all bytes arrived intact in both directions.
transfer_end() {
	MARK_UP=0 MARK_DOWN=0
	lab_stop transfer || fail "the transfer broke: $(tail -n 1 "$LAB/transfer.log")"
	note "transfer: $(tail -n 1 "$LAB/transfer.log")"
}

# The address from which the internet host sees the client (curl's options may follow).
seen_as() { # internet address, options...
	local host=$1
	shift
	if [[ $host == *:* ]]; then host="[$host]"; fi
	in_client curl -s --max-time 10 "$@" "http://$host/ip"
}

# Fails unless this uplink carries so many bytes of a running transfer within the limit.
link_carries() { # uplink, limit in seconds, bytes, direction (default: both)
	local direction
	for direction in ${4:-a b}; do
		local before
		before=$(link_bytes "$1" "$direction")
		wait_for "$2" link_carried "$1" "$direction" $((before + $3)) ||
			fail "uplink $1 does not carry the transfer, direction $direction"
	done
}
link_carried() { # uplink, direction, bytes
	[ "$(link_bytes "$1" "$2")" -ge "$3" ]
}

# --- triglav ----------------------------------------------------------------------------------

need_triglav() {
	[ -x "$TRIGLAV" ] || skip "build/triglav is missing"
}

triglav_server() { # command of the server's side, arguments...
	in_server "$TRIGLAV" "$@" --state-dir "$LAB/state" --runtime-dir "$LAB/run" --name "$LAB_ID-s"
}

server_status() { in_server "$TRIGLAV" status --json --runtime-dir "$LAB/run" --name "$LAB_ID-s"; }
client_status() { in_client "$TRIGLAV" status --json --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }

client_uplink() { # add|remove|list, arguments...
	in_client "$TRIGLAV" uplink "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"
}

server_listens() {
	lab_runs server || return 1
	[ -n "$(in_server ss -Hlun "sport = :$PORT")" ]
}

start_server() { # further flags
	need_triglav
	mkdir -p "$LAB/state" "$LAB/run"
	lab_run server server "$TRIGLAV" server --listen $SERVER4:$PORT --listen "[$SERVER6]:$PORT" \
		--pool $POOL4 --pool6 $POOL6 --state-dir "$LAB/state" --runtime-dir "$LAB/run" \
		--name "$LAB_ID-s" ${LAB_FLAGS:-} "$@"
	wait_for 10 server_listens || fail "the server does not listen"
}

# Makes a credential for the server's address (default: IPv4) and writes it to $LAB/NAME.key.
client_key() { # name, address and port
	local address=${2:-$SERVER4:$PORT}
	triglav_server client add "$1" --address "$address" > "$LAB/$1.key" ||
		fail "client add $1: $(cat "$LAB/$1.key")"
	chmod 600 "$LAB/$1.key"
}

# What counters of a daemon say: counter client_status drops.forged. 0 for one that is not there.
counter() { # client_status or server_status, path in the document
	local document
	document=$("$1") || fail "$1 does not answer"
	json "__import__('functools').reduce(lambda v, k: v.get(k, 0) if isinstance(v, dict) else 0, '$2'.split('.'), d)" <<< "$document"
}

server_sessions() { # how many
	[ "$(server_status | json "len(d['sessions'])")" = "$1" ]
}

client_paths_up() { # how many
	[ "$(client_status | json "sum(p['state'] == 'up' for p in d['paths'])")" = "$1" ]
}

client_is_connected() {
	lab_runs client && grep -q connected "$LAB/client.log"
}

# Is DATAPATH to be added to these flags?
lab_asks_datapath() { # flags of the test
	[ -n "${DATAPATH:-}" ] && [[ " $* " != *" --datapath "* ]]
}

# With the socket instead of AF_XDP a test passes as well, and says nothing.
client_uses_xdp() {
	[ "$(client_status | json "any(u['datapath'].startswith('xdp') for u in d['uplinks'])")" = True ]
}

# What needs the kernel's help did not come about: is it the kernel, or is it us? The probes of vm-tests try each mode without anything of triglav;
# a skip only where one of them says no. A probe that cannot be run says nothing.
lab_blames_kernel() { # what was seen, modes (vm-tests/modes.txt)...
	local seen=$1 mode code probe=$BUILD/vm-tests/probe/probe
	shift
	[ -x "$probe" ] && [ -s "$probe.bpf.o" ] || fail "$seen (and there is no $probe to tell whether the kernel could)"
	for mode in "$@"; do
		code=0
		"$probe" "$mode" > "$LAB/probe.log" 2>&1 || code=$?
		case $code in
		0) ;;
		1) skip "this kernel has no $mode: $(tail -n 1 "$LAB/probe.log")" ;;
		*) fail "$seen (and the probe of $mode ended with $code)" ;;
		esac
	done
	fail "this kernel has $*, but: $seen"
}

# The same of a client whose uplinks are all by the socket.
lab_blames_kernel_for_xsk() { # mode of the probe: xsk-copy, xsk-generic
	lab_blames_kernel "no uplink uses AF_XDP: $(grep AF_XDP "$LAB/client.log")" "$1"
}

# Somebody else's XDP program, count_first of the probes, on an interface: it lets all pass. Not by ip netns exec, which hides /sys/fs/bpf.
lab_foreign_xdp() { # namespace, interface, native or generic
	local how=xdpdrv pin=/sys/fs/bpf/$LAB_ID
	[ "$3" = native ] || how=xdpgeneric
	PATH=$PATH:/usr/sbin type -P bpftool > /dev/null || skip "everything before passed; for the rest bpftool is missing"
	nsenter --net="/run/netns/$LAB_ID-$1" sh -c "PATH=\$PATH:/usr/sbin; bpftool prog load '$BUILD/vm-tests/probe/probe.bpf.o' $pin || exit
		bpftool net attach $how pinned $pin dev $2; result=\$?; rm -f $pin; exit \$result" > "$LAB/foreign.log" 2>&1 ||
		lab_blames_kernel "no other program can be attached: $(cat "$LAB/foreign.log")" "xdp-$3"
}

# Starts the client with all uplinks of the lab, unless the flags name some (-i) themselves, and
# with the key in $KEY_FILE, by default a credential "laptop". Does not wait.
launch_client() { # further flags
	local flags=() i
	[ -n "${KEY_FILE:-}" ] || [ -f "$LAB/laptop.key" ] || client_key laptop
	if [[ " $* " != *" -i "* && " $* " != *" --auto-discover "* ]]; then
		for i in $LAB_UPLINKS; do flags+=(-i up$i); done
	fi
	if lab_asks_datapath "$@"; then flags+=(--datapath "$DATAPATH"); fi
	# Namespaces share /etc: no test may touch this machine's resolv.conf.
	[[ " $* " == *" --dns "* ]] || flags+=(--no-dns)
	: > "$LAB/client.log"
	lab_run client client "$TRIGLAV" tun --key-file "${KEY_FILE:-$LAB/laptop.key}" "${flags[@]}" \
		--tun-name tg0 --name "$LAB_ID-c" --runtime-dir "$LAB/run" --state-dir "$LAB/client-state" ${LAB_FLAGS:-} "$@"
}

# The same, and waits until it is connected.
start_client() { # further flags
	launch_client "$@"
	wait_for 15 client_is_connected || fail "the client does not connect"
	if lab_asks_datapath "$@" && [ "$DATAPATH" = xdp ]; then
		wait_for 5 client_uses_xdp || lab_blames_kernel_for_xsk xsk-copy
	fi
}
