#!/bin/bash
# The daemons of user/run with nothing around them (run_daemon): two bare uplinks, traffic, uplinks
# that come and go, a clean end that leaves nothing, and what a kill leaves swept by the next start.
. "$(dirname "$0")/lab.sh"

DAEMON=$BUILD/tests/lab/run_daemon
[ -x "$DAEMON" ] || skip "build/tests/lab/run_daemon is missing"
INNER4=10.0.85.1 INNER6=fd85:7269:676c::1

# Everything a daemon may change in a namespace. Not what the lab itself may still be changing: the kernel's link-local
# addresses, and flags that follow the other end of a veth pair.
host_state() { # namespace
	in_ns "$1" ip -br link | awk '$1 !~ /^tg/ { print $1, $3 }' | sort
	in_ns "$1" ip -o addr show scope global | awk '{ print $2, $4 }' | sort
	in_ns "$1" ip -4 rule
	in_ns "$1" ip -6 rule
	in_ns "$1" ip -4 route show table all | sort
	in_ns "$1" ip -6 route show table all | grep -v -e '^fe80' -e '^ff00' -e 'local fe80' -e 'multicast' | sort
	in_ns "$1" nft list ruleset
	in_ns "$1" sysctl -a 2> /dev/null | grep -E '(ip_forward|\.forwarding|rp_filter|accept_ra) =' |
		grep -v '\.tg'
}

start_run_server() {
	lab_run server server env WORKERS="${WORKERS:-1}" "$DAEMON" server "$LAB/s" server "$LAB/key" \
		$SERVER4:$PORT "[$SERVER6]:$PORT"
	wait_for 10 server_ready || fail "the server does not start"
}
server_ready() { lab_runs server && [ "$(grep -c '^listening' "$LAB/server.log")" -ge 1 ]; }

start_run_client() { # words
	: > "$LAB/client.log"
	lab_run client client "$DAEMON" client "$LAB/c" client "$LAB/key" "$@"
	wait_for 10 client_connected || fail "the client does not connect"
}
client_connected() { grep -q '^connected ' "$LAB/client.log"; }

snapshot() { # name: prints the daemon's next snapshot
	local before
	before=$(grep -c '^snapshot' "$LAB/$1.log" || true)
	kill -USR1 "$(daemon_pid "$1")"
	wait_for 5 has_snapshot "$1" "$before"
	grep '^snapshot' "$LAB/$1.log" | tail -n 1
}
has_snapshot() { [ "$(grep -c '^snapshot' "$LAB/$1.log")" -gt "$2" ]; }
daemon_pid() { echo "${LAB_PID[$1]}"; }
no_session() { snapshot server | grep -q ' sessions=0 '; }
has_tcp() { snapshot client | grep -q '/tcp=up'; }
udp_only() { [[ $(snapshot client) != */tcp=* ]] && paths_up 2; }
paths_up() { [ "$(snapshot client | grep -o '=up' | wc -l)" = "$1" ]; }

lab_new plain plain
mkdir -p "$LAB/s" "$LAB/c"
host_state client > "$LAB/client.before"
host_state server > "$LAB/server.before"

note "two uplinks, IPv4 and IPv6 through the tunnel"
start_run_server
start_run_client full
wait_for 5 paths_up 2 || fail "two paths should be up: $(snapshot client)"
in_client ping -q -c 5 -i 0.01 -W 2 $INNER4 > "$LAB/ping.log" || fail "no ping to the server's inner address"
in_client ping -q -c 5 -i 0.01 -W 2 $INNER6 > "$LAB/ping.log" || fail "no IPv6 ping to the server's inner address"
in_client ping -q -c 5 -i 0.01 -W 2 $INTERNET4 > "$LAB/ping.log" || fail "no ping to the internet"
in_client ping -q -c 5 -i 0.01 -W 2 $INTERNET6 > "$LAB/ping.log" || fail "no IPv6 ping to the internet"
start_internet
assert_equal "seen by the internet as" "$(seen_as $INTERNET4)" "$SERVER4"

note "a second instance of the same name is refused"
in_client "$DAEMON" client "$LAB/c" client "$LAB/key" > "$LAB/second.log" 2>&1 && fail "a second instance started"
grep -qi 'run' "$LAB/second.log" || fail "no reason given: $(cat "$LAB/second.log")"
in_client ping -q -c 1 -W 2 $INTERNET4 > /dev/null || fail "the second instance broke the first"

note "uplinks come and go while a transfer runs"
transfer_begin $INTERNET4 --up 50 --down 50
transfer_goes_on "the start" 10 500000
link_down 1
transfer_goes_on "uplink 1 down" 10 500000
link_up 1
wait_for 10 paths_up 2 || fail "uplink 1 is not back: $(snapshot client)"
link_readdress 2 77
wait_for 10 paths_up 2 || fail "uplink 2 is not up with its new address: $(snapshot client)"
link_down 1
transfer_goes_on "a new address on uplink 2, uplink 1 down" 10 500000
link_up 1
wait_for 10 paths_up 2
kill -USR2 "$(daemon_pid client)"
wait_for 5 grep -q '^removed .* 0 ' "$LAB/client.log" || fail "uplink not removed"
transfer_goes_on "an uplink removed by command" 10 500000
wait_for 5 paths_up 1
kill -USR2 "$(daemon_pid client)"
wait_for 5 grep -q '^added .* 0 ' "$LAB/client.log" || fail "uplink not added"
wait_for 10 paths_up 2 || fail "the added uplink does not come up: $(snapshot client)"
link_add plain
wait_for 10 paths_up 3 || fail "a new interface is not found: $(snapshot client)"
link_remove 3
wait_for 10 paths_up 2
transfer_goes_on "an interface gone for good" 10 500000
transfer_end
link_readdress 2 2

note "a clean end leaves nothing"
lab_stop client || fail "the client ended with code $?"
wait_for 5 no_session || fail "the goodbye did not end the session: $(snapshot server)"
lab_stop server || fail "the server ended with code $?"
host_state client > "$LAB/client.after"
host_state server > "$LAB/server.after"
diff "$LAB/client.before" "$LAB/client.after" || fail "the client left something"
diff "$LAB/server.before" "$LAB/server.after" || fail "the server left something"

note "what a kill leaves is swept by the next start"
start_run_server
start_run_client full kill
in_client nft list ruleset > "$LAB/nft.log"
grep -q triglav_ "$LAB/nft.log" || fail "no kill switch"
lab_stop client KILL || true
lab_stop server KILL || true
start_run_server
start_run_client
lab_stop client || fail "the client ended with code $?"
lab_stop server || fail "the server ended with code $?"
host_state client > "$LAB/client.after"
host_state server > "$LAB/server.after"
diff "$LAB/client.before" "$LAB/client.after" || fail "the client's sweep left something"
diff "$LAB/server.before" "$LAB/server.after" || fail "the server's sweep left something"

note "settings that cannot work are refused"
in_client "$DAEMON" client "$LAB/c" client "$LAB/key" route=203.0.113.0/24 > "$LAB/refused.log" 2>&1 && fail "a routing loop was allowed"
grep -q 'inside --route' "$LAB/refused.log" || fail "no reason: $(cat "$LAB/refused.log")"
in_server ip addr add 10.0.85.9/24 dev lo
in_server "$DAEMON" server "$LAB/s" server "$LAB/key" $SERVER4:$PORT > "$LAB/refused.log" 2>&1 && fail "an overlapping pool was allowed"
grep -q 'overlaps' "$LAB/refused.log" || fail "no reason: $(cat "$LAB/refused.log")"
in_server ip addr del 10.0.85.9/24 dev lo

in_client "$DAEMON" client "$LAB/c" client "$LAB/key" nowhere0 > "$LAB/refused.log" 2>&1 && fail "an interface that is not there was taken"
grep -q 'no interface nowhere0' "$LAB/refused.log" || fail "no reason: $(cat "$LAB/refused.log")"

note "TCP where UDP is blocked, UDP again when it is not"
start_run_server
in_net nft add table inet block
in_net nft 'add chain inet block forward { type filter hook forward priority 0; }'
in_net nft add rule inet block forward udp dport $PORT drop
start_run_client full
wait_for 5 has_tcp || fail "not over TCP: $(snapshot client)"
in_client ping -q -c 20 -i 0.01 -W 2 $INTERNET4 > /dev/null || fail "no ping over TCP"
in_client curl -s --max-time 20 -o "$LAB/over_tcp" "http://$INTERNET4/bytes/3000000" || fail "no transfer over TCP"
in_net nft delete table inet block
wait_for 15 udp_only || fail "UDP is not used again: $(snapshot client)"
in_client ping -q -c 20 -i 0.01 -W 2 $INTERNET4 > /dev/null || fail "no ping over UDP again"
lab_stop client || fail "the client ended with code $?"
lab_stop server || fail "the server ended with code $?"

note "the server's next address where the first is not answered"
start_run_server
in_net nft add table inet block
in_net nft 'add chain inet block forward { type filter hook forward priority 0; }'
in_net nft add rule inet block forward ip daddr $SERVER4 drop
start_run_client
wait_for 10 paths_up 2 || fail "not over IPv6: $(snapshot client)"
in_client ping -q -c 5 -i 0.01 -W 2 $INNER4 > /dev/null || fail "no ping over IPv6"
in_net nft delete table inet block
lab_stop client || fail "the client ended with code $?"
lab_stop server || fail "the server ended with code $?"

note "systemd is told when it is ready and when it ends"
socat -u UNIX-RECV:"$LAB/notify" OPEN:"$LAB/notify.log",creat,append &
LAB_PID[socat]=$!
wait_for 5 test -S "$LAB/notify"
start_run_server
NOTIFY_SOCKET=$LAB/notify start_run_client
wait_for 5 grep -q READY=1 "$LAB/notify.log" || fail "no READY=1"
lab_stop client || fail "the client ended with code $?"
wait_for 5 grep -q STOPPING=1 "$LAB/notify.log" || fail "no STOPPING=1"
lab_stop server || fail "the server ended with code $?"

note "two workers serve one client over two uplinks"
WORKERS=2 start_run_server
start_run_client full
wait_for 5 paths_up 2 || fail "two paths should be up: $(snapshot client)"
in_client ping -q -c 5 -i 0.01 -W 2 $INTERNET4 > /dev/null || fail "no ping to the internet with two workers"
