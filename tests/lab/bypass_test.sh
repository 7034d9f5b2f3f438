#!/bin/bash
# SPDX-License-Identifier: MIT
# triglav-ctl policy add ... bypass: by mark, port, DSCP and cgroup, of this host and of a network behind it, IPv4 and IPv6, with a kill switch. What is
# let by reaches the internet with the uplink's address; all else goes on through the tunnel, where existing connections stay, too. Nothing of it is left at
# the end, nor after SIGKILL at the next start.
. "$(dirname "$0")/lab.sh"
need_triglav

CTL=$BUILD/triglav-ctl
lab_new "rate=100mbit delay=5ms" "rate=100mbit delay=10ms"
start_internet
start_server

# A daemon started in a namespace has a /sys without cgroups; outside of labs it sees them.
REAL=$TRIGLAV
CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
printf '#!/bin/sh\n[ "$1" = tun ] && mount -t cgroup2 cgroup2 /sys/fs/cgroup\nexec %q "$@"\n' "$REAL" > "$LAB/with-cgroups"
chmod +x "$LAB/with-cgroups"
if [ -n "$CGROUPS" ]; then TRIGLAV=$LAB/with-cgroups; fi
start_client --full-tunnel --kill-switch
TRIGLAV=$REAL
wait_for 10 client_paths_up 2 || fail "not both paths are up"

ctl() { in_client "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }
table() { in_client nft list table inet "$(in_client nft list tables | sed -n 's/^table inet \(.*_bypass\)$/\1/p')"; }
has_table() { in_client nft list tables | grep -q '_bypass$'; }

# Asks the internet host who asks, once, with these options of the socket (mark, TOS).
ask() { # address, mark, tos
	$PYTHON -I - "$@" <<-'END'
	import socket, sys
	host, mark, tos = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
	s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
	s.settimeout(10)
	if mark:
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
	if tos:
	    s.setsockopt(*(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if ":" in host else (socket.IPPROTO_IP, socket.IP_TOS), tos)
	s.connect((host, 80))
	s.sendall(b"GET /ip HTTP/1.0\r\n\r\n")
	answer = b""
	while True:
	    piece = s.recv(65536)
	    if not piece:
	        break
	    answer += piece
	print(answer.split(b"\r\n\r\n", 1)[1].decode().strip())
	END
}
asked() { in_client bash -c "PYTHON=$PYTHON; $(declare -f ask); ask $*"; }
inside() { assert_equal "$1" "$2" "${3:-$SERVER4}"; }
outside() { assert_equal "$1" "$2" "${3:-10.80.1.2}"; }

inside "before any policy" "$(asked $INTERNET4 7 0)"
assert_equal "tables before" "$(has_table && echo there)" ""

# --- by mark, port and DSCP; while a connection stands that a policy would suit ---
transfer_begin $INTERNET4 --up 2 --down 2
ctl policy add --mark 7 bypass
outside "marked" "$(asked $INTERNET4 7 0)"
outside "marked, IPv6" "$(asked $INTERNET6 7 0)" 2001:db8:80:1::2
inside "another mark" "$(asked $INTERNET4 8 0)"
inside "no mark" "$(asked $INTERNET4 0 0)"
inside "no mark, IPv6" "$(asked $INTERNET6 0 0)" $SERVER6
ctl policy add --port tcp/80 bypass
outside "by port" "$(seen_as $INTERNET4)"
outside "by port, IPv6" "$(seen_as $INTERNET6)" 2001:db8:80:1::2
ctl policy add --mark 9 class bulk
inside "a mark with a class counts before the port" "$(asked $INTERNET4 9 0)"
ctl policy add --port 9000 bypass
transfer_goes_on "a policy came that suits the connection" 20 100000
assert_equal "the list" "$(ctl policy list --json | json "sorted((p['kind'], p['text'], p['class'], p['path']) for p in d) == [('mark', '7', 'bypass', ''), ('mark', '9', 'bulk', ''), ('port', '9000', 'bypass', ''), ('port', 'tcp/80', 'bypass', '')]")" True
note "by mark and port; what stands stays"

ctl policy remove --port tcp/80
inside "the port's policy removed" "$(seen_as $INTERNET4)"
outside "the mark's stays" "$(asked $INTERNET4 7 0)"
ctl policy add --dscp ef bypass
outside "by DSCP" "$(asked $INTERNET4 0 184)"
outside "by DSCP, IPv6" "$(asked $INTERNET6 0 184)" 2001:db8:80:1::2
inside "another DSCP" "$(asked $INTERNET4 0 32)"
ctl policy add --dscp ef class realtime
inside "the same DSCP, a class now" "$(asked $INTERNET4 0 184)"
transfer_goes_on "policies came and went" 20 100000
transfer_end
assert_fails "a bypass by a path" ctl policy add --mark 5 bypass path up1
assert_fails "a class called bypass" ctl policy add --mark 5 class bypass
note "by DSCP, and removed"

# --- changes without a gap: a connection outside, while others come and go ---
ctl policy add --port 9000 bypass
before=$(link_bytes 1 a)
transfer_begin $INTERNET4 --up 2 --down 2
for mark in $(seq 20 40); do ctl policy add --mark "$mark" bypass; done
assert_fails "more of them than marks" bash -c "$(declare -f ctl in_client in_ns); CTL=$CTL LAB=$LAB LAB_ID=$LAB_ID; for m in \$(seq 100 140); do ctl policy add --mark \$m bypass || exit 1; done"
for mark in $(seq 100 140); do ctl policy remove --mark "$mark" 2> /dev/null || true; done
for mark in $(seq 20 40); do ctl policy remove --mark "$mark"; done
transfer_goes_on "50 changes" 20 100000
grep -q "src=$INTERNET4 dst=10.80.1.2" <<< "$(in_client conntrack -L -p tcp --dport 9000 2> /dev/null)" || fail "the transfer is not outside: $(in_client conntrack -L 2>&1)"
assert_true "the first uplink carried it" "$(link_bytes 1 a) - $before > 200000"
transfer_end
ctl policy remove --port 9000
note "a connection outside survives the changes of others"

# --- UDP of an application that never asks again: it comes back with the policy's end ---
udp_begin() {
	in_client $PYTHON -I -c "
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('$INTERNET4', 7))
while True:
    s.send(b'x')
    time.sleep(0.02)" &
	LAB_PID[udp]=$!
}
udp_begin
state() { in_client conntrack -L -p udp --dport 7 2> /dev/null; }
stays_in() { ! grep -q "dst=10.80" <<< "$(state)"; }
runs() { grep -q "dport=7 " <<< "$(state)"; }
wait_for 5 runs || fail "no flow: $(state)"
ctl policy add --port udp/7 bypass
stays_in || fail "it left the tunnel in the middle: $(state)"
lab_stop udp KILL || true
udp_begin
goes_out() { grep -q "dst=10.80.1.2" <<< "$(state)"; }
wait_for 5 goes_out || fail "the new flow does not bypass: $(state)"
ctl policy remove --port udp/7
comes_back() { ! goes_out && grep -q "src=$INTERNET4 dst=10.99" <<< "$(state)"; }
wait_for 5 comes_back || fail "the policy is gone, and its flow still outside: $(state)"
lab_stop udp KILL || true
note "UDP comes back"

# --- a server of this host that is reached from outside ---
lab_run answers client $PYTHON -I -c "
import socket
s = socket.create_server(('', 2222))
while True:
    c, who = s.accept()
    c.sendall(b'here')
    c.close()"
reached() { in_internet timeout 2 $PYTHON -I -c "import socket; s = socket.create_connection(('10.80.1.2', 2222), 1); assert s.recv(4) == b'here'" 2> /dev/null; }
listens() { in_client ss -ltn | grep -q ':2222 '; }
wait_for 5 listens || fail "the server does not listen"
if reached; then fail "it is reached without a bypass: the test shows nothing"; fi
ctl policy add --port tcp/2222 bypass
wait_for 5 reached || fail "a server of a bypassed port is not reached from outside"
ctl policy remove --port tcp/2222
lab_stop answers || true
note "a server that is reached from outside"

# --- by cgroup ---
GROUP=$CGROUPS/$LAB_ID
if [ -n "$CGROUPS" ] && mkdir "$GROUP" 2> /dev/null; then
	mkdir "$GROUP/below"
	in_group() { # cgroup, command...
		local group=$1
		shift
		(echo $BASHPID > "$group/cgroup.procs" && "$@")
	}
	with_cgroups() { # as the daemon sees them
		in_client bash -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' - "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"
	}
	of_group() { # all that needs the folders; they go whatever it says
		with_cgroups policy add --cgroup "/sys/fs/cgroup/$LAB_ID" bypass || return 1
		outside "a process of the cgroup" "$(in_group "$GROUP" seen_as $INTERNET4)"
		outside "one of a cgroup below it" "$(in_group "$GROUP/below" seen_as $INTERNET4)"
		inside "one of another" "$(seen_as $INTERNET4)"
		with_cgroups policy add --cgroup "/sys/fs/cgroup/$LAB_ID/below" class bulk || return 1
		inside "the nearest cgroup counts" "$(in_group "$GROUP/below" seen_as $INTERNET4)"
		with_cgroups policy remove --cgroup "/sys/fs/cgroup/$LAB_ID/below" || return 1
		# As a service that starts again: the same name, another cgroup.
		rmdir "$GROUP/below" "$GROUP" && mkdir "$GROUP" "$GROUP/below"
		ctl policy add --mark 11 bypass || return 1		# one that is gone must not be in the way
		follows() { [ "$(in_group "$GROUP" seen_as $INTERNET4)" = 10.80.1.2 ]; }
		wait_for 5 follows || fail "the cgroup was made anew, and the policy is lost"
		ctl policy remove --mark 11
		with_cgroups policy remove --cgroup "/sys/fs/cgroup/$LAB_ID" || return 1
		inside "removed" "$(in_group "$GROUP" seen_as $INTERNET4)"
		assert_fails "a folder that the daemon does not see" "$CTL" policy add --cgroup "$GROUP" bypass --runtime-dir "$LAB/run" --name "$LAB_ID-c"
	}
	result=0
	(of_group) || result=$?
	rmdir "$GROUP/below" "$GROUP" || true
	[ $result = 0 ] || fail "a bypass by cgroup"
	note "by cgroup, by one below it, by one made anew"
else
	note "no cgroup can be made here: a bypass by cgroup is not looked at"
fi

# --- a network behind the client ---
lab_namespace behind
lab_veth client lan behind eth0
in_client ip addr add 192.168.44.1/24 dev lan
in_client ip link set lan up
in_client sysctl -qw net.ipv4.ip_forward=1
in_ns behind ip addr add 192.168.44.2/24 dev eth0
in_ns behind ip link set eth0 up
in_ns behind ip route add default via 192.168.44.1
in_net ip route add 192.168.44.0/24 via 10.80.1.2
from_behind() { in_ns behind curl -s --max-time 10 "http://$INTERNET4/ip"; }
forwards() { [ "$(from_behind)" = $SERVER4 ]; }
wait_for 10 forwards || fail "the network behind is not forwarded: $(from_behind)"
ctl policy add --port tcp/80 bypass
outside "from behind, as the host routes it without a tunnel" "$(from_behind)" 192.168.44.2
ctl policy remove --port tcp/80
inside "from behind again" "$(from_behind)"
note "forwarded"

# --- the tunnel is down: the kill switch holds all but what is let by ---
lab_stop server
waits() { ! in_client curl -s --max-time 1 "http://$INTERNET4/ip" > /dev/null; }
wait_for 15 waits || fail "traffic flows without the server"
outside "marked, while the tunnel is down" "$(asked $INTERNET4 7 0)"
start_server
wait_for 20 client_is_connected || fail "the client does not connect again"
note "with the tunnel down"

# --- the end ---
lab_stop client KILL || true
has_table || fail "SIGKILL took the table away: the next check shows nothing"
start_client --full-tunnel
if has_table; then fail "the start did not sweep the table: $(table)"; fi
inside "marked, after SIGKILL" "$(asked $INTERNET4 7 0)"
ctl policy add --mark 7 bypass
outside "and again" "$(asked $INTERNET4 7 0)"
lab_stop client || fail "the client did not end well"
if has_table; then fail "the table stays: $(table)"; fi
if in_client conntrack -L 2> /dev/null | grep 'mark=194[678]'; then fail "connections still know of it"; fi
start_client --full-tunnel --no-lanes
ctl policy add --mark 7 bypass
outside "without lanes" "$(asked $INTERNET4 7 0)"
assert_fails "a server's" in_server "$CTL" policy add --mark 7 bypass --runtime-dir "$LAB/run" --name "$LAB_ID-s"
note "nothing is left, nothing else is needed"
