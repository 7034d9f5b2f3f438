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
# More follows when the server has counted what was sent, so how fast that is does not matter. COUNT 0: until SIGTERM; then it prints how many.
cat > "$LAB/flood.py" << 'EOP'
import json, os, select, signal, socket, struct, sys, time
host, port, kind, count, control = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
reasons = sys.argv[6:]
makers = {
    "first": lambda: bytes([1, 2, 1, 1]) + os.urandom(36) + bytes(8) + os.urandom(176),    # a session's first message, but for the key
    "join": lambda: bytes([1, 2, 2, 1]) + os.urandom(220),    # a path's, of a session that is none
    "data": lambda: bytes([4, 0]) + os.urandom(2) + struct.pack(">I", struct.unpack(">I", os.urandom(4))[0] & ~63) + os.urandom(1192),
    "answer": lambda: bytes([2, 2, 1, 1]) + os.urandom(204),
    "short": lambda: bytes([4, 0, 0, 0, 1]),
    "type": lambda: bytes([9]) + os.urandom(99),
    "flags": lambda: bytes([5, 0xf0]) + os.urandom(98),
}
kinds = list(makers) if kind == "all" else [kind]
ended = False


def end(*_):
    global ended
    ended = True


def counted():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(control)
        s.sendall(b'{"command": "counters"}\n')
        d = json.loads(s.makefile().readline())
    return sum(d["drops"].get(r, 0) + (d["filter_drops"] or {}).get(r, 0) for r in reasons)


def wait_for(wanted):
    """Returns how many are missing: what was lost on the way is never counted, so this ends when nothing comes any more."""
    found, since = counted(), time.monotonic()
    while found < wanted and time.monotonic() - since < 1:
        select.select([], [], [], 0.002)
        now = counted()
        if now != found:
            found, since = now, time.monotonic()
    return max(0, wanted - found)


signal.signal(signal.SIGTERM, end)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"up1")    # not into the tunnel
s.bind(("10.80.1.2", 0))
s.connect((host, port))
sent, wanted = 0, counted()
while not ended and (not count or sent < count):
    slice_ = min(100, count - sent) if count else 100
    for _ in range(slice_):
        s.send(makers[kinds[sent % len(kinds)]]())
        sent += 1
    wanted += slice_
    wanted -= wait_for(wanted)
print(sent)
EOP
REASONS="rate bad_mac bad_handshake old_handshake no_session late_answer short unknown_type bad_header"
flood=($PYTHON -I "$LAB/flood.py" $SERVER4 $PORT)
flood_ends=("$LAB/run/$LAB_ID-s.sock" $REASONS)
KINDS="first join data answer short type flags"

# What the server has of each reason that such a flood has, at the filter and behind it; and what was lost on the way, which none of its programs ever saw:
# by the devices, and where the socket's buffer was full.
tally() {
	server_status | json "{r: d['drops'].get(r, 0) + (d['filter_drops'] or {}).get(r, 0) for r in '$REASONS'.split()}"
}
lost_on_the_way() {
	local sum at
	sum=$(in_server awk '/^Udp:/ && !n { for (i = 1; i <= NF; i++) if ($i == "RcvbufErrors") n = i; next } /^Udp:/ { print $n }' /proc/net/snmp)
	for at in "client up1 tx_dropped" "net gw1 rx_dropped" "net srv tx_dropped" "server eth0 rx_dropped"; do
		set -- $at
		sum=$((sum + $(in_ns "$1" cat "/sys/class/net/$2/statistics/$3")))
	done
	echo $sum
}
# Own first messages suffer the same limit: they count beside. They are asked for first, and one of those may still be under way then.
own() { counter client_status counters.handshakes_sent; }
note_counts() {
	before_own=$(($(own) - 1))
	before=$(json "sum(d.values())" <<< "$(tally)") before_lost=$(lost_on_the_way)
}
counted() { echo $(($(json "sum(d.values())" <<< "$(tally)") - before)); }
lost() { echo $(($(lost_on_the_way) - before_lost)); }
all_counted() { [ $(($(counted) + $(lost))) -ge "$1" ]; }

# The transfer rests while datagrams are counted: what gets lost then is of the flood.
drained() { [ -z "$({ in_client ss -Htn 'dport = :9000'; in_internet ss -Htn 'sport = :9000'; } | awk '$3 > 0')" ]; }
pause() {
	kill -STOP "${LAB_PID[transfer]}" "${LAB_PID[internet]}"
	wait_for 20 drained || fail "the transfer does not come to rest"
}
resume() { kill -CONT "${LAB_PID[transfer]}" "${LAB_PID[internet]}"; }
document=
sums_agree() {
	document=$(server_status)
	[ "$(json "d['filter']['packets'] == sum(d['filter'][k] for k in ('foreign', 'stale', 'passed', 'redirected', 'dropped')) and d['filter']['dropped'] == sum(d['filter_drops'].values())" <<< "$document")" = True ]
}
rekeyed() { [ "$(counter client_status counters.rekeys)" -ge "$1" ]; }

exact() { # kind: each of COUNT datagrams is found again
	note_counts
	in_client "${flood[@]}" "$1" $COUNT "${flood_ends[@]}" > "$LAB/sent" || fail "$mode: no flood of kind $1"
	wait_for 20 all_counted $COUNT ||
		fail "$mode: of $COUNT datagrams of kind $1 $(counted) are counted and $(lost) lost: now $(tally), $before before"
	found=$(($(counted) + $(lost))) all_lost=$((all_lost + $(lost)))
	assert_true "$mode: found of $COUNT datagrams of kind $1, own first messages among them (now $(tally))" "0 <= $found - $COUNT <= $(own) - $before_own"
}

# What gets lost may be the transfer's now, or the flood's.
under_way() {
	local sent
	note_counts
	: > "$LAB/flood.log"
	lab_run flood client "${flood[@]}" all 0 "${flood_ends[@]}"
	transfer_goes_on "$mode: a flood of all kinds that goes on" 30 300000
	lab_runs flood || fail "$mode: the flood has ended: $(lab_log flood)"
	lab_stop flood || fail "$mode: the flood failed: $(lab_log flood)"
	sent=$(lab_log flood)
	wait_for 20 all_counted "$sent" || fail "$mode: of $sent datagrams $(counted) are counted and $(lost) lost: now $(tally), $before before"
	assert_true "$mode: counted of $sent datagrams beside a transfer" "$(counted) <= $sent + $(own) - $before_own"
	note "$mode: $sent datagrams beside the transfer, $(lost) lost"
}

run_case() { # the server's mode: native, generic, off
	local mode=$1 kind before before_lost before_own keys found all_lost=0 stale
	start_server --xdp "$mode" --handshakes-per-second 50	# so that the limit is met on a slow machine, too
	if [ "$mode" != off ]; then
		wait_for 5 grep -q "filter on eth0: XDP, $mode" "$LAB/server.log" || lab_blames_kernel "no filter: $(grep filter "$LAB/server.log")" "xdp-$mode"
	fi
	start_client --full-tunnel --datapath udp --rekey-interval 1s
	wait_for 10 client_paths_up 1 || fail "$mode: no path"
	transfer_begin $INTERNET4 --up 10 --down 10
	transfer_goes_on "the start" 20 300000
	keys=$(counter client_status counters.rekeys)
	for kind in $KINDS; do
		pause
		exact "$kind"
		resume
		transfer_goes_on "$mode: a flood of kind $kind" 20 100000
	done
	note "$mode: $COUNT of each kind; now $(tally), $all_lost lost"
	if [ "$mode" != off ]; then wait_for 10 sums_agree || fail "$mode: the filter's sums: $(json "[d['filter'], d['filter_drops']]" <<< "$document")"; fi
	stale=$(counter server_status filter.stale)
	if [ "$mode" = native ] && [ "$stale" = 0 ] && [ $all_lost = 0 ]; then
		# Of first messages the limit stopped some, and the daemon refused the others; all else ended at the filter.
		assert_true "first messages stopped by the limit" "0 < $(counter server_status filter_drops.rate) <= 2 * $COUNT + $(own)"
		assert_equal "junk that ended at the filter" "$(server_status | json "[d['filter_drops'].get(k, 0) for k in ('no_session', 'short', 'unknown_type', 'bad_header')]")" \
			"[$COUNT, $((2 * COUNT)), $COUNT, $COUNT]"
	elif [ "$mode" = native ]; then
		# A daemon that gets no time has no heartbeat, and all passes.
		note "native: not asked what ended at the filter alone: $stale passed it for want of a heartbeat, $all_lost never came"
	fi
	under_way
	wait_for 20 rekeyed $((keys + 2)) || fail "$mode: no new keys: $(counter client_status counters.rekeys), $keys before"
	assert_equal "$mode: sessions of all that time" "$(grep -c ' connected: ' "$LAB/client.log")" 1
	assert_true "$mode: real data that was taken for forged" "$(counter server_status drops.forged) == 0 and $(counter client_status drops.forged) == 0"
	transfer_end
	lab_stop client || fail "$mode: the client ends with an error"
	lab_stop server || fail "$mode: the server ends with an error"
	: > "$LAB/server.log"
}

for mode in ${*:-native generic off}; do run_case $mode; done
