#!/bin/bash
# SPDX-License-Identifier: MIT
# The XDP filter in front of the sockets, on veth: what it lets through and what it drops, with counters that add up; new keys; copies;
# generic mode; somebody else's program; a stuck daemon and a killed one.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new plain "rate=200mbit delay=15ms"	# copies by the second come late
start_internet
if ! "$TRIGLAV" server --help-all 2>&1 | grep -q -- --xdp; then fail "there is no --xdp"; fi
start_server --xdp native --rekey-interval 1s
filtered_by() { grep -q "filter on eth0: XDP, $1" "$LAB/server.log"; }
wait_for 5 filtered_by native || lab_blames_kernel "the server's filter is not attached: $(grep filter "$LAB/server.log")" xdp-native

# Sends datagrams of strangers: KIND COUNT. Each waits for nothing, but pauses keep the queues short.
junk() {
	in_internet $PYTHON -I - $SERVER4 $PORT "$1" "$2" << 'EOP'
import os, socket, struct, sys, time
host, port, kind, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((host, port))
for i in range(count):
    index = struct.unpack(">I", os.urandom(4))[0] & ~63	# of the first worker
    body = {
        "unknown": bytes([4, 0]) + os.urandom(2) + struct.pack(">I", index) + os.urandom(1192),
        "short": bytes([4, 0, 0, 0, 1]),
        "type": bytes([9]) + os.urandom(99),
        "flags": bytes([4, 0xf0]) + os.urandom(98),
    }[kind]
    s.send(body)
    if i % 100 == 99:
        time.sleep(0.001)
EOP
}

filter_of() { counter "$1" "filter.$2"; }
filter_dropped() { # reason, exactly
	[ "$(counter server_status "filter_drops.$1")" = "$2" ]
}
reached_daemon() { # datagrams that the filter should have dropped
	server_status | json "sum(d['drops'][k] for k in ('short', 'unknown_type', 'bad_header', 'no_session', 'forged'))"
}
# The two tables are read one after the other, so under traffic a look may fall between; a packet that is not counted never adds up.
document=
sums_agree() { # client_status or server_status
	document=$("$1")
	[ "$(json "d['filter']['packets'] == sum(d['filter'][k] for k in ('foreign', 'stale', 'passed', 'redirected', 'dropped')) and d['filter']['dropped'] == sum(d['filter_drops'].values())" <<< "$document")" = True ]
}
adds_up() { # client_status or server_status
	wait_for 10 sums_agree "$1" || fail "$1 does not add up: $(json "[d['filter'], d['filter_drops']]" <<< "$document")"
}

note "junk ends at the filter, and none of it reaches the daemon"
junk unknown 5000
junk short 100
junk type 200
junk flags 300
wait_for 5 filter_dropped no_session 5000 || fail "unknown indices dropped: $(counter server_status filter_drops.no_session) of 5000"
wait_for 5 filter_dropped short 100 || fail "short: $(counter server_status filter_drops.short)"
wait_for 5 filter_dropped unknown_type 200 || fail "unknown types: $(counter server_status filter_drops.unknown_type)"
wait_for 5 filter_dropped bad_header 300 || fail "bad headers: $(counter server_status filter_drops.bad_header)"
assert_equal "junk that reached the daemon" "$(reached_daemon)" 0
adds_up server_status

note "a client with the filter on both uplinks: traffic, and new keys every second"
start_client --full-tunnel --xdp native --rekey-interval 1s
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
assert_equal "how the filter is attached" "$(client_status | json "[u['xdp'] for u in d['uplinks']]")" '["native", "native"]'
transfer_begin $INTERNET4 --up 20 --down 20
rekeyed() { [ "$(counter client_status counters.rekeys)" -ge "$1" ]; }
wait_for 30 rekeyed 8 || fail "$(counter client_status counters.rekeys) rekeys in 30 s"
transfer_goes_on "new keys" 10 200000
assert_equal "known indices that the server's filter dropped" "$(counter server_status filter_drops.no_session)" 5000
assert_equal "known indices that the client's filter dropped" "$(counter client_status filter_drops.no_session)" 0
# A first message that was repeated (a busy machine) may be answered twice, and the second answer is late. A filter that dropped answers
# that were waited for would do so at every handshake, and each would need a second message.
late=$(counter client_status filter_drops.late_answer) repeated=$(client_status | json "d['counters']['handshakes_sent'] - d['counters']['rekeys'] - 2")
assert_true "answers that the client's filter dropped, first messages that were repeated, rekeys" \
	"$late <= $repeated and 2 * $late < $(counter client_status counters.rekeys)"
adds_up client_status

note "junk beside the transfer"
junk unknown 20000
wait_for 5 filter_dropped no_session 25000 || fail "dropped: $(counter server_status filter_drops.no_session) of 25000"
transfer_goes_on "junk" 10 200000
assert_equal "junk that reached the daemon" "$(reached_daemon)" 0
adds_up server_status

note "the server is stopped: the stack gets everything, and when it goes on the filter does"
kill -STOP "${LAB_PID[server]}"
# A stopped daemon answers nothing, so its map is read: that of the process, as there may be others of this name.
counters_map() {
	local id
	for id in $(sed -n 's/^map_id:[[:space:]]*//p' /proc/"${LAB_PID[server]}"/fdinfo/* | sort -u); do
		PATH=$PATH:/usr/sbin bpftool map show id "$id" | grep -q "name tg_counters" && echo "$id" && return
	done
}
stale_in_map() {
	PATH=$PATH:/usr/sbin bpftool -j map dump id "$map" | json "sum(v['value']['stale'] for v in d[0]['formatted']['values'])"
}
is_stale() { junk unknown 10 && [ "$(stale_in_map)" -ge 50 ]; }
map=$(counters_map)
wait_for 10 is_stale || fail "a stopped daemon's filter still drops"
kill -CONT "${LAB_PID[server]}"
junk_reached() { [ "$(reached_daemon)" -ge 10 ]; }	# of what is stale some is the client's
wait_for 10 junk_reached || fail "the junk of that time did not reach the socket: $(reached_daemon)"
dropped=$(counter server_status filter_drops.no_session)
drops_again() { junk unknown 10 && [ "$(counter server_status filter_drops.no_session)" -gt "$dropped" ]; }
wait_for 10 drops_again || fail "the filter does not come back"
transfer_goes_on "a stop" 15 200000
adds_up server_status
transfer_end

note "killed: nothing stays attached"
has_xdp() { # namespace, interface
	in_ns "$1" ip -d link show dev "$2" | grep -q xdp
}
has_no_xdp() { ! has_xdp "$@"; }
has_xdp client up1 || fail "this test would not see a program"
lab_stop client KILL || true
lab_stop server KILL || true
for at in "client up1" "client up2" "server eth0"; do
	wait_for 5 has_no_xdp $at || fail "a program is still on $at"
done

note "every packet on both uplinks: the filter drops the second copies, and their paths stay whole"
start_server --xdp native --strategy redundant
start_client --full-tunnel --xdp native --strategy redundant
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
transfer_begin $INTERNET4 --up 100 --down 100
copies_dropped() { [ "$(counter "$1" filter_drops.copy)" -ge "$2" ]; }
wait_for 20 copies_dropped server_status 2000 || fail "copies dropped at the server: $(counter server_status filter_drops.copy)"
wait_for 20 copies_dropped client_status 2000 || fail "copies dropped at the client: $(counter client_status filter_drops.copy)"
for side in "client_status d" "server_status d['sessions'][0]"; do
	set -- $side
	assert_true "paths of $1 lose nothing" "$($1 | json "all(p['loss_ppm'] < 20000 for p in $2['paths'])" || echo False)"
	note "$1: $(counter "$1" filter_drops.copy) copies dropped by the filter, $(counter "$1" drops.copy) by the daemon"
	adds_up "$1"
done
transfer_end
if grep -q "suspect" "$LAB/client.log"; then fail "a path was taken for silent"; fi
lab_stop client
lab_stop server
wait_for 5 has_no_xdp server eth0 || fail "a program is left after a clean end"

note "generic mode"
start_server --xdp generic
wait_for 5 filtered_by generic || lab_blames_kernel "no generic filter: $(grep filter "$LAB/server.log")" xdp-generic
start_client --full-tunnel --xdp generic
transfer_begin $INTERNET4 --up 50 --down 50
junk unknown 3000
wait_for 5 filter_dropped no_session 3000 || fail "unknown indices dropped: $(counter server_status filter_drops.no_session) of 3000"
transfer_goes_on "junk in generic mode" 10 200000
transfer_end
adds_up server_status
lab_stop client
lab_stop server

note "somebody else's program is left alone, and the server does without"
lab_foreign_xdp server eth0 native
has_xdp server eth0 || fail "the other program is not attached"
start_server --xdp native
wait_for 5 grep -q "no filter on eth0: eth0 has an XDP program of somebody else already (count_first" "$LAB/server.log" ||
	fail "the server does not say what is there"
assert_equal "lines about it" "$(grep -c 'somebody else' "$LAB/server.log")" 1
has_xdp server eth0 || fail "the other program is gone"
