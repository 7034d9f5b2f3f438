#!/bin/bash
# SPDX-License-Identifier: MIT
# Who knows no key: what a server does with small, empty and many things from strangers. All are counted, none
# waits unread, and their connections do not stay while a client's does.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new plain
start_server --tcp-fallback

dropped_as() { # reason: by the daemon, or the filter in front of it
	echo $(($(counter server_status "drops.$1") + $(counter server_status "filter_drops.$1")))
}
server_dropped() { # reason, at least
	[ "$(dropped_as "$1")" -ge "$2" ]
}

note "small datagrams that come together over TCP are all read"
in_internet $PYTHON -I - $SERVER4 $PORT << 'EOP' &
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
s.sendall(b"\0\2\xff\xff" * 200)
s.settimeout(30)
s.recv(1)	# until the server has had enough of it
EOP
LAB_PID[small]=$!
wait_for 5 server_dropped short 200 ||
	fail "of 200 datagrams sent $(counter server_status drops.short) were read"

note "empty UDP datagrams are counted"
before=$(dropped_as short)
in_internet $PYTHON -I - $SERVER4 $PORT << 'EOP'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(3):
    s.sendto(b"", (sys.argv[1], int(sys.argv[2])))
EOP
wait_for 5 server_dropped short $((before + 3)) || fail "empty datagrams are dropped in silence"

note "a client over TCP stays, strangers go"
in_net nft add table inet block
in_net nft 'add chain inet block forward { type filter hook forward priority 0; }'
in_net nft add rule inet block forward udp dport $PORT drop
start_client
client_ports() { in_server ss -Htn state established "sport = :$PORT and not dst $INTERNET4"; }
stranger_count() { in_server ss -Htn state established "sport = :$PORT and dst $INTERNET4" | wc -l; }
strangers_are() { [ "$(stranger_count)" = "$1" ]; }
before=$(client_ports)
[ -n "$before" ] || fail "the client is not connected over TCP"
wait_for 20 strangers_are 0 || fail "the first stranger is still there"

in_internet $PYTHON -I - $SERVER4 $PORT > "$LAB/strangers.log" << 'EOP' &
import select, socket, sys
held = []
for i in range(100):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
    held.append(s)
    try:
        s.sendall(b"\0\2\xff\xff")
    except OSError:
        pass
def closed(s):
    try:
        return not s.recv(1)
    except OSError:
        return True
while held:
    print(len(held), flush=True)
    for s in select.select(held, [], [], 30)[0]:
        if closed(s):
            held.remove(s)
print("none", flush=True)
EOP
LAB_PID[strangers]=$!
wait_for 5 grep -qx 64 "$LAB/strangers.log" || fail "a single source holds $(stranger_count) connections, not 64"
wait_for 20 grep -qx none "$LAB/strangers.log" || fail "$(stranger_count) strangers are still there"
assert_equal "the client's connection" "$(client_ports | awk '{ print $4 }')" "$(awk '{ print $4 }' <<< "$before")"
in_client ping -q -c 3 -i 0.05 -W 2 10.99.0.1 > /dev/null || fail "the client over TCP does not work any more"
