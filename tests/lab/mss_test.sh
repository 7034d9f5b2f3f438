#!/bin/bash
# SPDX-License-Identifier: MIT
# The MSS of TCP connections that a client forwards for a network behind it: the SYN and its answer, IPv4 and IPv6, whoever begins; never raised. Both ends of
# such a connection have links of 1500 bytes and learn of the tunnel's 1300 from nobody else.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "plain"
start_server
start_client --full-tunnel --mtu 1300
lab_namespace behind
lab_veth client lan behind eth0
in_client ip addr add 192.168.44.1/24 dev lan
in_client ip addr add 2001:db8:44::1/64 dev lan nodad
in_client ip link set lan up
in_client sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
in_ns behind ip addr add 192.168.44.2/24 dev eth0
in_ns behind ip addr add 2001:db8:44::2/64 dev eth0 nodad
in_ns behind ip link set eth0 up
in_ns behind ip route add default via 192.168.44.1
in_ns behind ip -6 route add default via 2001:db8:44::1
# Without timestamps a segment is what the other end has announced.
for ns in behind internet; do in_ns $ns sysctl -qw net.ipv4.tcp_timestamps=0 net.ipv4.tcp_mtu_probing=0; done

cat > "$LAB/mss.py" <<'END'
import socket, sys
def maxseg(s): return s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
if sys.argv[1] == "serve":
    s = socket.create_server(("::", 9400), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        c, who = s.accept()
        c.sendall(b"%d" % maxseg(c))
        c.close()
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
s.settimeout(10)
if len(sys.argv) > 3:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, int(sys.argv[3]))
s.connect((sys.argv[2], 9400))
print(maxseg(s), s.recv(100).decode())
END
lab_run mss internet $PYTHON -I "$LAB/mss.py" serve
wait_for 10 grep -q ready "$LAB/mss.log"

# What each end may send: the one behind by the SYN's answer, the one in the internet by the SYN.
sizes() { in_ns behind $PYTHON -I "$LAB/mss.py" ask "$@"; }
wait_for 10 sizes $INTERNET4 || fail "the network behind is not forwarded: $(sizes $INTERNET4 2>&1)"
assert_equal "IPv4, both ways" "$(sizes $INTERNET4)" "1260 1260"
assert_equal "IPv6, both ways" "$(sizes $INTERNET6)" "1240 1240"
assert_equal "a smaller one is not raised" "$(sizes $INTERNET4 1000)" "1000 1000"
note "forwarded"

# The client's own connections know by their route.
own() { in_client $PYTHON -I "$LAB/mss.py" ask "$@"; }
in_client sysctl -qw net.ipv4.tcp_timestamps=0
assert_equal "its own, IPv4" "$(own $INTERNET4)" "1260 1260"
assert_equal "its own, IPv6" "$(own $INTERNET6)" "1240 1240"
note "its own"

# Without the client's rule it is the server's, whose device has 1420; without both nobody says so.
table() { in_$1 nft list tables | sed -n "s/^table inet \(triglav_$LAB_ID.*$2\)\$/\1/p"; }
in_client nft flush chain inet "$(table client _client)" mss
assert_equal "the server's" "$(sizes $INTERNET4)" "1380 1380"
in_server nft flush chain inet "$(table server '')" mss
assert_equal "nobody's" "$(sizes $INTERNET4)" "1460 1460"
note "the server's, and neither"
