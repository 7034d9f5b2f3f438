#!/bin/bash
# SPDX-License-Identifier: MIT
# Who has no valid credential hears nothing and leaves nothing: wrong secret, revoked client, tg1_ on
# a closed server, random datagrams, damaged and repeated copies of real ones.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=100mbit delay=2ms"
start_internet
start_server
client_key laptop
client_key former
client_key mistaken
triglav_server client revoke former
in_server "$TRIGLAV" server --print-key --listen $SERVER4:$PORT --state-dir "$LAB/state" > "$LAB/public.key"
chmod 600 "$LAB/public.key"
grep -q '^tg1_' "$LAB/public.key" || fail "server --print-key prints no tg1_ key: $(cat "$LAB/public.key")"

# The same credential with one bit of the secret changed. The check at its end (type 0x1f, length
# 4, 4 bytes) would betray that to the client itself: left out, which is allowed.
$PYTHON -I - "$LAB/mistaken.key" <<'EOF'
import base64, os, sys
text = open(sys.argv[1]).read().strip()
data = bytearray(base64.urlsafe_b64decode(text[4:] + "=" * (-len(text[4:]) % 4)))
assert data[-6:-4] == b"\x1f\x04", "the key does not end with its check"
data[32 + 8] ^= 1
open(sys.argv[1], "w").write("tg2_" + base64.urlsafe_b64encode(data[:-6]).decode().rstrip("=") + "\n")
EOF

# A real session, for something to damage and repeat. Its packets are captured behind the uplink: what AF_XDP sends is not seen there.
lab_run capture net tcpdump --immediate-mode -Z root -U -n -s 0 -i gw1 -w "$LAB/real.pcap" "udp and dst port $PORT"
wait_for 5 grep -q listening "$LAB/capture.log"
start_client --full-tunnel
in_client ping -q -c 3 -i 0.2 $INTERNET4 > /dev/null
lab_stop client
wait_for 5 server_sessions 0 || fail "the session stays"
lab_stop capture || true

# From here on the server must not send one byte to the client.
lab_run watch server tcpdump --immediate-mode -Z root -U -n -i eth0 -w "$LAB/replies.pcap" \
	"(udp and src port $PORT) or (icmp and src $SERVER4)"
wait_for 5 grep -q listening "$LAB/watch.log"
memory() { awk '/^VmRSS/ { print $2 }' "/proc/${LAB_PID[server]}/status"; }
received() { # by the daemon, or dropped by the filter in front of it
	echo $(($(in_server awk '/^Udp: [0-9]/ { print $2 }' /proc/net/snmp) + $(counter server_status filter.dropped)))
}
received_since() { [ "$(received)" -ge "$1" ]; }

for who in former mistaken public; do
	before=$(received)
	KEY_FILE=$LAB/$who.key launch_client --full-tunnel
	# Three tries have arrived: the first one has long been judged.
	wait_for 15 received_since $((before + 3)) || fail "$who: the client does not try"
	assert_fails "$who: connected" client_is_connected
	lab_stop client || true
	note "$who: $(($(received) - before)) datagrams went in"
done

before=$(memory)
count=$(received)
in_client $PYTHON -I "$ROOT/tests/lab/traffic.py" junk $SERVER4 $PORT --count 30000 --capture "$LAB/real.pcap"
wait_for 10 received_since $((count + 25000)) || fail "the junk does not arrive"
after=$(memory)
note "junk: $(($(received) - count)) datagrams went in; server's memory $before kB, then $after kB"
assert_true "memory taken by junk (kB)" "$after - $before < 1024"
server_sessions 0 || fail "junk made a session"
assert_equal "half-open handshakes" "$(counter server_status counters.half_open)" 0
lab_runs server || fail "the server is gone"

# Who may in still gets in, and its answer is the first reply of all.
honest=$EPOCHREALTIME
start_client --full-tunnel
in_client ping -q -c 1 -W 2 $INTERNET4 > /dev/null || fail "no traffic after the junk"
lab_stop client
lab_stop watch || true
first=$(tcpdump -n -r "$LAB/replies.pcap" -c 1 -tt 2> /dev/null | cut -d' ' -f1)
[ -n "$first" ] || fail "the watch has seen nothing at all, not even the honest client's answer"
assert_true "seconds from the honest client's start to the first reply" "$first - $honest > 0"
