#!/bin/bash
# SPDX-License-Identifier: MIT
# A socket and AF_XDP in one session, while all goes wrong: each uplink cut and back under a transfer, AF_XDP's program replaced by somebody
# else's, the daemon stopped and gone on, and killed.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=6mbit delay=5ms" "rate=6mbit delay=8ms"	# slow, so that the processor is never what is short
start_internet
start_server
start_client --full-tunnel -i up1,datapath=udp -i up2,datapath=xdp
datapath_is() { # uplink, expected
	[ "$(client_status | json "next(u['datapath'] for u in d['uplinks'] if u['name'] == '$1')")" = "$2" ]
}
wait_for 15 client_paths_up 2 || fail "two uplinks, but not two paths"
datapath_is up2 "xdp native" || lab_blames_kernel_for_xsk xsk-copy
datapath_is up1 udp || fail "up1 was to have a socket"

# --- failover between them, both ways ---
transfer_begin $INTERNET4
for cut in 1 2 1 2; do
	other=$((3 - cut))
	link_carries 1 15 50000
	link_carries 2 15 50000
	link_cut $cut
	transfer_goes_on "cutting up$cut" 10 300000
	link_carries $other 10 50000
	link_restore $cut
	wait_for 20 client_paths_up 2 || fail "up$cut does not come back"
done
assert_equal "datapaths after all that" "$(client_status | json "[u['datapath'] for u in d['uplinks']]")" '["udp", "xdp native"]'
note "failover from the socket to AF_XDP and back, twice each: $(client_status | json "[u.get('af_xdp') for u in d['uplinks']]")"

# --- the daemon is stopped under traffic ---
# Somebody else's datagrams at the same interfaces: an echo server of the client's own, asked from the other end of the uplink.
lab_run echo client $PYTHON -I -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.80.2.2", 5000))
print("ready", flush=True)
while True: s.sendto(*s.recvfrom(2048))'
wait_for 10 grep -q ready "$LAB/echo.log"
# A datagram with our own port as its destination meets the program; one for the stopped daemon passes once its heartbeat is old.
CLIENT_PORT=$(in_client ss -Huna "src 10.80.2.2" | sed -n 's/.*10\.80\.2\.2[^:]*:\([0-9]*\) .*/\1/p' | grep -vx 5000 | sort -u)	# two sockets
assert_equal "ports of the client on up2" "$(wc -w <<< "$CLIENT_PORT")" 1
answers() { # is the client's other service there?
	in_net $PYTHON -I -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.sendto(b"anybody?", ("10.80.2.2", 5000))
assert s.recv(100) == b"anybody?"'
}
junk() { # datagrams of an unknown index, from the other end of the uplink to the client's own port
	in_net $PYTHON -I -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])): s.sendto(bytes([4, 0, 0, 0]) + bytes(4) + bytes(92), ("10.80.2.2", int(sys.argv[1])))' "$CLIENT_PORT" "$1"
}
filter_dropped() { counter client_status filter_drops.no_session; }
before=$(filter_dropped)
junk 50
dropped_now() { [ "$(filter_dropped)" -ge $((before + 50)) ]; }
wait_for 10 dropped_now || fail "the program drops no junk: $(filter_dropped) after $before"
wait_for 5 answers || fail "the other service does not answer"

# What a stopped process would say of its map is read by bpftool; the socket's queue is where packets go that pass.
queue_of() { # bytes waiting in the client's socket
	in_client ss -Huna "sport = :$CLIENT_PORT" | awk '{ sum += $2 } END { print sum + 0 }'
}
kill -STOP "${LAB_PID[client]}"
passes() { junk 10 && [ "$(queue_of)" -gt "${waiting:-0}" ]; }
wait_for 10 answers || fail "stopped, and the other service does not answer"
waiting=$(queue_of)
wait_for 10 passes || fail "a second after the stop the program still keeps everything from the stack"
wait_for 10 answers || fail "stopped for a second, and the other service does not answer"
kill -CONT "${LAB_PID[client]}"
wait_for 30 client_paths_up 2 || fail "after SIGCONT not both paths come back"
transfer_goes_on "SIGSTOP and SIGCONT" 20 300000
wait_for 10 datapath_is up2 "xdp native" || fail "after SIGCONT up2 has no AF_XDP"
before=$(filter_dropped)
dropped_again() { junk 10 && [ "$(filter_dropped)" -gt "$before" ]; }
wait_for 10 dropped_again || fail "after SIGCONT the program drops no junk any more"
link_carries 2 15 50000
note "stopped: all passes; gone on: as before"

# --- another program takes the place of ours ---
cat > "$LAB/pass.c" <<- 'EOC'
	__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }
	char gpl[] __attribute__((section("license"), used)) = "GPL";
EOC
clang -O2 -target bpf -c -o "$LAB/pass.o" "$LAB/pass.c" || fail "no clang for BPF"
program_of() { in_client ip -j link show "$1" | json "d[0].get('xdp', {}).get('prog', {}).get('id', 0)"; }
ours=$(program_of up2)
replace() { # ours is detached by force, and theirs is there at once
	local link
	link=$(in_client bpftool -j link show | json "next(l['id'] for l in d if l.get('prog_id') == $ours)")
	in_client bpftool link detach id "$link" && in_client ip link set up2 xdpgeneric obj "$LAB/pass.o" sec xdp
}
lines() { grep -c "uplink up2: a socket, not AF_XDP: $1" "$LAB/client.log" || true; }
replace > "$LAB/replace.log" 2>&1 || fail "no other program can be attached: $(cat "$LAB/replace.log")"
theirs=$(program_of up2)
wait_for 10 datapath_is up2 udp || fail "the program is somebody else's, and AF_XDP is not left"
transfer_goes_on "another program took the place of ours" 15 300000
link_carries 2 15 50000
assert_equal "lines about it" "$(lines "the XDP program")" 1
client_uplink set up2 datapath=xdp	# tried at once, not after half a minute
whose=$(lines "up2 has an XDP program of somebody else")
assert_true "lines about whose it is: by itself, and in answer to the command" "1 <= $whose <= 2"
assert_true "status says so: $(client_status | json "[u['datapath_why'] for u in d['uplinks']]")" \
	"$(client_status | json "'somebody else' in next(u['datapath_why'] for u in d['uplinks'] if u['name'] == 'up2')")"
assert_equal "the program there" "$(program_of up2)" "$theirs"
in_client ip link set up2 xdpgeneric off
client_uplink set up2 datapath=xdp
wait_for 5 datapath_is up2 "xdp native" || fail "the other program is gone, and AF_XDP does not come back: $(tail -n 3 "$LAB/client.log")"
link_carries 2 15 50000
transfer_goes_on "AF_XDP is back" 15 300000
transfer_end
note "somebody else's program: left alone, one line, the socket carries; gone: AF_XDP again"

# --- killed under traffic ---
lab_run pings client ping -q -i 0.01 -W 1 $INTERNET4
transfer_begin $INTERNET4
link_carries 2 15 50000
kill -KILL "${LAB_PID[client]}"
has_no_program() { [ "$(program_of up1)$(program_of up2)" = 00 ]; }
wait_for 10 has_no_program || fail "killed, and a program stays: up1 $(program_of up1), up2 $(program_of up2)"
wait_for 10 answers || fail "killed, and the other service does not answer"
lab_stop client || true
lab_stop transfer || true
lab_stop pings || true
start_client --full-tunnel -i up1,datapath=udp -i up2,datapath=xdp
wait_for 15 client_paths_up 2 || fail "not both paths after a new start"
wait_for 10 datapath_is up2 "xdp native" || fail "no AF_XDP after a new start"
transfer_begin $INTERNET4
link_carries 2 15 50000
transfer_end
note "killed under traffic: nothing is left, and the next one starts as the first did"
