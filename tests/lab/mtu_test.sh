#!/bin/bash
# SPDX-License-Identifier: MIT
# The client's device has no larger MTU than the server and every uplink carry.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "plain" "plain mtu=1400"
start_internet
start_server

mtu() { in_client cat /sys/class/net/tg0/mtu; }
has_mtu() { [ "$(mtu)" = "$1" ]; }

carries() { # what, MTU: packets of this size pass whole, nothing is dropped for its size
	wait_for 5 has_mtu "$2" || fail "$1: MTU $(mtu), not $2"
	in_client ping -q -c 8 -i 0.1 -W 2 -M do -s $(($2 - 28)) $INTERNET4 > "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	grep -q ' 0% packet loss' "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	assert_equal "$1: dropped as too large" "$(counter client_status drops.too_large)" 0
	assert_equal "$1: refused by the link" "$(counter client_status drops.link_error)" 0
	assert_equal "$1: status" "$(client_status | json "d['config']['mtu_bytes']")" "$2"
	note "$1: $2"
}

start_client --full-tunnel -i up1
carries "one wide uplink" 1420
client_uplink add up2
wait_for 5 client_paths_up 2 || fail "up2 does not come up"
carries "a narrow one beside it" 1340
grep -q 'tg0: MTU 1340, because up2' "$LAB/client.log" || fail "not said why"
client_uplink remove up2
carries "without it" 1420
in_client ip link set up1 mtu 1300
wait_for 5 has_mtu 1280 || fail "an uplink narrower than any: MTU $(mtu)"
in_client ip link set up1 mtu 1500
carries "wide again" 1420
lab_stop client

client_key six "[$SERVER6]:$PORT"
KEY_FILE=$LAB/six.key start_client --full-tunnel -i up2
carries "a narrow one over IPv6" 1320
lab_stop client
lab_stop server

start_server --mtu 1380
start_client --full-tunnel -i up1
carries "a server with less" 1380
lab_stop client
start_client --full-tunnel -i up1 --mtu 1300
carries "a client with less" 1300
lab_stop client
lab_stop server

# --- inner packets of 1500 bytes: what a path does not carry in one datagram goes in halves -------

path_mtu() { # uplink: what the client has found out
	client_status | json "[p['mtu'] for u in d['uplinks'] if u['name'] == '$1' for p in u['paths']][0]"
}
path_is() { [ "$(path_mtu "$1")" = "$2" ]; }

halved() { client_status | json "d['session']['halved_packets']"; }

carries_whole() { # what: an inner packet of 1500 bytes each way, and a TCP transfer
	in_client ping -q -c 5 -i 0.1 -W 2 -M do -s 1472 $INTERNET4 > "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	grep -q ' 0% packet loss' "$LAB/ping.log" || fail "$1: $(cat "$LAB/ping.log")"
	in_client $PYTHON -I "$LAB/fetch.py" $INTERNET4 > "$LAB/fetch.log" 2>&1 || fail "$1: $(cat "$LAB/fetch.log")"
	note "$1: ping of 1500, $(cat "$LAB/fetch.log")"
}

# 8 MB from the client, which come back: both directions, each byte looked at.
cat > "$LAB/serve.py" << 'EOF'
import socket, threading
def echo(c):
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
s = socket.create_server(("", 9321))
while True:
    threading.Thread(target=echo, args=(s.accept()[0],), daemon=True).start()
EOF
cat > "$LAB/fetch.py" << 'EOF'
import socket, sys, threading, hashlib, os
data = os.urandom(1 << 20) * 8
c = socket.create_connection((sys.argv[1], 9321), 10)
c.settimeout(20)
threading.Thread(target=c.sendall, args=(data,), daemon=True).start()
left, got = len(data), hashlib.sha256()
while left:
    piece = c.recv(65536)
    if not piece:
        sys.exit("ended early")
    got.update(piece)
    left -= len(piece)
if got.digest() != hashlib.sha256(data).digest():
    sys.exit("other bytes came back")
print("8 MB there and back")
EOF
lab_run echo internet $PYTHON -I "$LAB/serve.py"

link_add "rate=200mbit delay=5ms"
link_add "rate=100mbit delay=8ms mtu=1400"
start_server --mtu 1500
start_client --full-tunnel --mtu 1500 -i up3
wait_for 5 has_mtu 1500 || fail "asked for 1500: MTU $(mtu)"
wait_for 5 path_is up3 1500 || fail "up3 carries 1500; found $(path_mtu up3)"
carries_whole "1500 over a link of 1500"
client_uplink add up4
wait_for 5 client_paths_up 2 || fail "up4 does not come up"
wait_for 5 path_is up4 1400 || fail "up4 carries 1400; found $(path_mtu up4)"
carries_whole "1500 over a link of 1500 and one of 1400"
client_uplink remove up3
carries_whole "1500 over a link of 1400"
assert_equal "still 1500 inside" "$(mtu)" 1500
[ "$(halved)" -gt 0 ] || fail "nothing went in halves"

# A router on the way begins to drop what is larger than 1300, and tells nobody: both directions. It shall see datagrams,
# not the super-packets that the server's device takes. Packets of 1420 went whole so far, those of 1500 in halves below 1300.
link_bare server eth0
link_bare net srv
client_uplink add up3
wait_for 5 client_paths_up 2 || fail "up3 does not come back"
client_uplink remove up4
wait_for 5 path_is up3 1500 || fail "up3 again: found $(path_mtu up3)"
carries_whole "1500 over a link of 1500 that came back"
in_net nft add chain inet lab hole_in '{ type filter hook prerouting priority -309; }'
in_net nft add chain inet lab hole_out '{ type filter hook postrouting priority 309; }'
in_net nft add rule inet lab hole_in iifname gw3 meta length '>' 1300 drop
in_net nft add rule inet lab hole_out oifname gw3 meta length '>' 1300 drop
in_client ping -q -i 0.1 -w 5 -c 50 -W 1 -M do -s 1392 $INTERNET4 > "$LAB/ping.log" || true
[ "$(path_mtu up3)" -le 1300 ] || fail "a hole of 1300: still $(path_mtu up3)"
received=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$LAB/ping.log")
[ "$received" -ge 20 ] || fail "of 50 pings in 5 s only $received came back, so the hole took more than 3 s"
note "a hole of 1300 on the way: $received of 50 pings in 5 s, path MTU $(path_mtu up3)"
carries_whole "1500 over a path of 1300"
lab_stop client
lab_stop server
