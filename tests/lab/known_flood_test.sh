#!/bin/bash
# SPDX-License-Identifier: MIT
# A flood of handshakes and junk from the very address of a connected client, where no limit by source can tell one from the other: the tunnel carries on
# with the keys it has, gets new ones afterwards, and every datagram that was sent is found again under the name of what became of it; with the filter in
# both modes and without.
. "$(dirname "$0")/lab.sh"
need_triglav

COUNT=3000	# of each kind
lab_new plain
start_internet

# KIND COUNT, from the client's address but not by its socket, so from another port: this host's other programs, or whoever sits behind the same NAT.
# Each waits for nothing, but pauses keep the queues short.
flood() {
	in_client $PYTHON -I - $SERVER4 $PORT "$1" "$2" << 'EOP'
import os, socket, struct, sys, time
host, port, kind, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"up1")	# not into the tunnel
s.bind(("10.80.1.2", 0))
s.connect((host, port))
for i in range(count):
    s.send({
        "first": bytes([1, 2, 1, 1]) + os.urandom(36) + bytes(8) + os.urandom(176),	# a session's first message, but for the key
        "join": bytes([1, 2, 2, 1]) + os.urandom(220),	# a path's, of a session that is none
        "data": bytes([4, 0]) + os.urandom(2) + struct.pack(">I", struct.unpack(">I", os.urandom(4))[0] & ~63) + os.urandom(1192),
        "answer": bytes([2, 2, 1, 1]) + os.urandom(204),
        "short": bytes([4, 0, 0, 0, 1]),
        "type": bytes([9]) + os.urandom(99),
        "flags": bytes([5, 0xf0]) + os.urandom(98),
    }[kind])
    if i % 50 == 49:
        time.sleep(0.002)
EOP
}
KINDS="first join data answer short type flags"

# What the server has of each reason that such a flood has, at the filter and behind it; and what was lost on the way, which none of its programs ever saw:
# by the devices, and where the socket's buffer was full.
REASONS="'rate', 'bad_mac', 'bad_handshake', 'old_handshake', 'no_session', 'late_answer', 'short', 'unknown_type', 'bad_header'"
tally() {
	server_status | json "{r: d['drops'].get(r, 0) + (d['filter_drops'] or {}).get(r, 0) for r in ($REASONS)}"
}
lost_before() {
	local sum at
	sum=$(in_server awk '/^Udp:/ && !n { for (i = 1; i <= NF; i++) if ($i == "RcvbufErrors") n = i; next } /^Udp:/ { print $n }' /proc/net/snmp)
	for at in "client up1 tx_dropped" "net gw1 rx_dropped" "net srv tx_dropped" "server eth0 rx_dropped"; do
		set -- $at
		sum=$((sum + $(in_ns "$1" cat "/sys/class/net/$2/statistics/$3")))
	done
	echo $sum
}
counted() { # of the flood, since `before`
	echo $(($(json "sum(d.values())" <<< "$(tally)") - before_sum + $(lost_before) - before_lost))
}
# The client's own first messages suffer the same limit: they count beside.
own() { counter client_status counters.handshakes_sent; }
all_counted() { [ "$(counted)" -ge "$1" ]; }
document=
sums_agree() {
	document=$(server_status)
	[ "$(json "d['filter']['packets'] == sum(d['filter'][k] for k in ('foreign', 'stale', 'passed', 'redirected', 'dropped')) and d['filter']['dropped'] == sum(d['filter_drops'].values())" <<< "$document")" = True ]
}
rekeyed() { [ "$(counter client_status counters.rekeys)" -ge "$1" ]; }

run_case() { # the server's mode: native, generic, off
	local mode=$1 kind before before_sum before_lost before_own keys sent=0 found
	start_server --xdp "$mode"
	if [ "$mode" != off ]; then
		wait_for 5 grep -q "filter on eth0: XDP, $mode" "$LAB/server.log" || lab_blames_kernel "no filter: $(grep filter "$LAB/server.log")" "xdp-$mode"
	fi
	start_client --full-tunnel --datapath udp --rekey-interval 1s
	wait_for 10 client_paths_up 1 || fail "$mode: no path"
	transfer_begin $INTERNET4 --up 10 --down 10
	transfer_goes_on "the start" 20 300000
	before=$(tally) before_sum=$(json "sum(d.values())" <<< "$(tally)") before_lost=$(lost_before)
	keys=$(counter client_status counters.rekeys) before_own=$(own)
	for kind in $KINDS; do
		flood "$kind" $COUNT
		sent=$((sent + COUNT))
		transfer_goes_on "$mode: a flood of kind $kind" 20 100000
	done
	wait_for 20 all_counted $sent || fail "$mode: of $sent datagrams $(counted) are accounted for: before $before, now $(tally), lost before $(($(lost_before) - before_lost))"
	found=$(counted)
	assert_true "$mode: datagrams of which more are found than were sent (own first messages may be among them)" "0 <= $found - $sent <= $(own) - $before_own"
	note "$mode: $sent sent; now $(tally), lost before $(($(lost_before) - before_lost))"
	if [ "$mode" != off ]; then wait_for 10 sums_agree || fail "$mode: the filter's sums: $(json "[d['filter'], d['filter_drops']]" <<< "$document")"; fi
	if [ "$mode" = native ]; then
		# Of first messages the limit stopped some, and the daemon refused the others; all else ended at the filter.
		assert_true "first messages stopped by the limit" "0 < $(counter server_status filter_drops.rate) <= 2 * $COUNT + $(own)"
		assert_equal "junk that ended at the filter" "$(server_status | json "[d['filter_drops'].get(k, 0) for k in ('no_session', 'short', 'unknown_type', 'bad_header')]")" \
			"[$COUNT, $((2 * COUNT)), $COUNT, $COUNT]"
	fi
	wait_for 20 rekeyed $((keys + 2)) || fail "$mode: no new keys: $(counter client_status counters.rekeys), $keys before"
	assert_equal "$mode: sessions of all that time" "$(grep -c ' connected: ' "$LAB/client.log")" 1
	assert_true "$mode: real data that was taken for forged" "$(counter server_status drops.forged) == 0 and $(counter client_status drops.forged) == 0"
	transfer_end
	lab_stop client || fail "$mode: the client ends with an error"
	lab_stop server || fail "$mode: the server ends with an error"
	: > "$LAB/server.log"
}

for mode in ${*:-native generic off}; do run_case $mode; done
