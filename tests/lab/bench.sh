#!/bin/bash
# SPDX-License-Identifier: MIT
# make bench: triglav against wireguard-go and OpenVPN, as ratios of one run on this machine.
#
#   bench.sh [quick]     quick: each measurement once and shorter (about 2 minutes; else 8)
#
# Systems take turns within every round, so that a machine that is slow for a while is slow for all
# of them; what counts is the median of the rounds. The generator of the load (iperf3, udpload)
# runs on the same cores as what is measured: packet rates are floors. Data flows from the server's
# end to the client's: a triglav server does not let clients connect to its own host.
# Ends with 0 when everything could be measured, also when a number is short.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/measure.sh"
. "$(dirname "$0")/rivals.sh"
need_triglav

ROUNDS=5 TCP_SECONDS=4 UDP_SECONDS=0.4 BOND_SECONDS=10 IDLE_SECONDS=20
if [ "${1:-}" = quick ]; then
	ROUNDS=1 TCP_SECONDS=3 UDP_SECONDS=0.4 BOND_SECONDS=6 IDLE_SECONDS=10
fi
UDPLOAD=$BUILD/tests/lab/udpload
BARE_PORT=7444
SUITE=			# of the triglav client that runs; empty: none does
ROWS=

# --- numbers ----------------------------------------------------------------------------------

row() { # what, ours, theirs, ratio, required, verdict
	ROWS+="| $1 | $2 | $3 | $4 | $5 | $6 |"$'\n'
	note "$1: $2${3:+, $3}${4:+, ratio $4}${5:+, required $5}${6:+: $6}"
}

# One of our values against one of theirs, larger is better.
row_ratio() { # what, our value's name, name of theirs, who they are, unit, divisor, required ratio
	local ours theirs ratio
	ours=$(median "$2")
	theirs=$(median "$3")
	ratio=$(calculate "$ours / $theirs")
	row "$1" "$(calculate "$ours / $6") $5" "$4: $(calculate "$theirs / $6") $5" "$(printf %.2f "$ratio")" \
		"${7:+>= $7}" "${7:+$(verdict "$ratio" at-least "${7:-0}")}"
}

# --- systems: where their ends are, and the address of the client's end ------------------------

end_of() { # system, c or s: namespace
	case $1$2 in
	triglav*c) echo client ;;
	triglav*s) echo server ;;
	*) echo "$1-$2" ;;
	esac
}

inner_of() { # system
	case $1 in
	triglav*) in_client ip -4 -o addr show dev tg0 | awk '{ sub("/.*", "", $4); print $4 }' ;;
	*) echo $RIVAL_INNER_C ;;
	esac
}

# Makes the triglav client run with this suite; the others run all the time, idle.
use() { # system: triglav (AES-256-GCM), triglav-chacha, or another
	local suite
	case $1 in
	triglav) suite=aesgcm ;;
	triglav-chacha) suite=chachapoly ;;
	*) return 0 ;;
	esac
	[ "$SUITE" != $suite ] || return 0
	lab_stop client || fail "the client ends with an error"
	KEY_FILE=$LAB/bare.key start_client -i wan0 --suite $suite
	SUITE=$suite
	wait_for 5 in_server ping -q -c 1 -W 1 "$(inner_of triglav)" || fail "no way to the client"
}

listens() { # namespace, port
	[ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ]
}

start_sinks() { # namespace: what receives the load
	lab_run "iperf-$1" "$1" iperf3 -s
	lab_run "udpload-$1" "$1" "$UDPLOAD" count 0.0.0.0:7000
	wait_for 5 listens "$1" 5201
	wait_for 5 listens "$1" 7000
}

offloads_of() { # namespace
	in_ns "$1" ethtool -k wan0 | grep -E '^(tcp-segmentation|generic-segmentation|generic-receive|tx-udp-seg)' |
		tr -d '\t' | sed 's/-offload//; s/ \[.*//' | paste -sd ',' | sed 's/,/, /g'
}

start_systems() {
	local s
	bare_veth client server
	start_server --listen $RIVAL_OUTER_S:$BARE_PORT
	client_key bare $RIVAL_OUTER_S:$BARE_PORT
	start_wireguard
	start_openvpn
	for s in triglav wireguard openvpn; do start_sinks "$(end_of $s c)"; done
	OFFLOADS=$(offloads_of client)
	for s in server wireguard-c wireguard-s openvpn-c openvpn-s; do
		assert_equal "offloads of wan0 in $s" "$(offloads_of $s)" "$OFFLOADS"
	done
}

# --- measurements -----------------------------------------------------------------------------

# The congestion control is named each time: namespaces have the host's default, whatever that is.
iperf() { # system, iperf3's options...: bit/s that arrived
	local system=$1
	shift
	in_ns "$(end_of "$system" s)" iperf3 -J -c "$(inner_of "$system")" -C cubic "$@" > "$LAB/iperf.json" ||
		fail "iperf3 through $system: $(json "d.get('error')" < "$LAB/iperf.json")"
	json "d['end']['sum_received']['bits_per_second']" < "$LAB/iperf.json"
}

measure_tcp() {
	local s
	for s in wireguard openvpn triglav triglav-chacha; do
		use $s
		record "tcp.$s" "$(iperf $s -t $TCP_SECONDS)"
	done
	use triglav
	record tcp.triglav-bbr "$(iperf triglav -t $TCP_SECONDS -C bbr)"
	record tcp.triglav-up "$(iperf triglav -t $TCP_SECONDS -R)"
}

measure_udp() {
	local s size
	use triglav
	for size in 64 1200; do
		for s in wireguard openvpn triglav; do
			record "udp$size.$s" "$(in_ns "$(end_of $s s)" "$UDPLOAD" search "$(inner_of $s):7000" \
				--size $size --seconds $UDP_SECONDS | json "d['pps']")"
		done
	done
}

ping_times() { # namespace, address: round trips in us, one per line
	in_ns "$1" ping -i 0.01 -c 50 "$2" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | awk '{ print $1 * 1000 }'
}

# In short turns: a round trip of 0.1 ms is at the mercy of whatever else wakes up.
measure_rtt() {
	local s turn
	use triglav
	for turn in 1 2 3 4; do
		for s in wireguard openvpn triglav; do
			record "rtt.$s" $(ping_times "$(end_of $s s)" "$(inner_of $s)")
			record "rtt.$s-bare" $(ping_times "$(end_of $s s)" $RIVAL_OUTER_C)
		done
	done
}

# Goodput of 4 streams over the named uplinks.
measure_bond() { # name, uplinks...
	local name=$1 flags=() u
	shift
	for u in "$@"; do flags+=(-i "$u"); done
	start_client "${flags[@]}"
	wait_for 10 client_paths_up $# || fail "$# uplinks, but not as many paths"
	record "bond.$name" "$(iperf triglav -P 4 -t $BOND_SECONDS -O 3)"
	lab_stop client || fail "the client ends with an error"
}

# Nanoseconds on a core so far, all threads.
cpu_ns() { # pid
	cat /proc/"$1"/task/*/schedstat | awk '{ t += $1 } END { printf "%.0f\n", t }'
}

measure_idle() {
	local pid before start
	start_client
	wait_for 10 client_paths_up 4 || fail "4 uplinks, but not as many paths"
	pid=${LAB_PID[client]}
	wait_for 5 test "$(readlink "/proc/$pid/exe")" = "$(readlink -f "$TRIGLAV")"
	before=$(cpu_ns "$pid")
	start=$(lab_ms)
	read -r -t $IDLE_SECONDS < "$LAB/never" || true	# nothing happens, that is what is measured
	record idle.cpu "$(calculate "($(cpu_ns "$pid") - $before) / 1e6 / ($(lab_ms) - $start) * 100")"
	record idle.mb "$(awk '/^VmRSS/ { print $2 / 1024 }' "/proc/$pid/status")"
	lab_stop client || fail "the client ends with an error"
}

# --- the whole --------------------------------------------------------------------------------

report_pair() {
	local added_ours added_theirs added_wireguard sum ratio
	row_ratio "one TCP stream, AES-256-GCM" tcp.triglav tcp.wireguard wireguard-go Gbit/s 1e9 10
	row_ratio "one TCP stream, AES-256-GCM" tcp.triglav tcp.openvpn OpenVPN Gbit/s 1e9 7
	row_ratio "one TCP stream, ChaCha20-Poly1305" tcp.triglav-chacha tcp.wireguard wireguard-go Gbit/s 1e9 5
	row "one TCP stream, AES-256-GCM, bbr" "$(calculate "$(median tcp.triglav-bbr) / 1e9") Gbit/s" "" "" "" ""
	row "one TCP stream, AES-256-GCM, client sends" "$(calculate "$(median tcp.triglav-up) / 1e9") Gbit/s" "" "" "" ""
	row_ratio "64-byte UDP at < 1 % loss" udp64.triglav udp64.wireguard wireguard-go kpps 1e3 1.5
	row_ratio "64-byte UDP at < 1 % loss" udp64.triglav udp64.openvpn OpenVPN kpps 1e3 ""
	row_ratio "1200-byte UDP at < 1 % loss" udp1200.triglav udp1200.wireguard wireguard-go kpps 1e3 2
	row_ratio "1200-byte UDP at < 1 % loss" udp1200.triglav udp1200.openvpn OpenVPN kpps 1e3 ""

	added_ours=$(calculate "$(median rtt.triglav) - $(median rtt.triglav-bare)")
	added_theirs=$(calculate "$(median rtt.openvpn) - $(median rtt.openvpn-bare)")
	added_wireguard=$(calculate "$(median rtt.wireguard) - $(median rtt.wireguard-bare)")
	ratio=$(calculate "$added_ours / $added_theirs")
	row "added round trip, idle" "$added_ours us" "OpenVPN: $added_theirs us" "$(printf %.2f "$ratio")" "<= 1" \
		"$(verdict "$ratio" at-most 1)"
	row "added round trip, idle" "$added_ours us" "wireguard-go: $added_wireguard us" \
		"$(calculate "$added_ours / $added_wireguard")" "" ""
}

report_bond() {
	local sum ratio
	sum=$(calculate "$(median bond.one) + $(median bond.other)")
	ratio=$(calculate "$(median bond.both) / $sum")
	row "4 TCP streams over two links of 100 Mbit/s, 20 ms each way" \
		"$(calculate "$(median bond.both) / 1e6") Mbit/s" \
		"each link alone: $(calculate "$(median bond.one) / 1e6") + $(calculate "$(median bond.other) / 1e6") Mbit/s" \
		"$(printf %.3f "$ratio")" ">= 0.85" "$(verdict "$ratio" at-least 0.85)"
}

report_idle() {
	row "idle client with 4 paths, CPU" "$(calculate "$(median idle.cpu)") % of a core" "" "" "< 1 %" \
		"$(verdict "$(median idle.cpu)" at-most 1)"
	row "idle client with 4 paths, memory" "$(calculate "$(median idle.mb)") MB" "" "" "< 32 MB" \
		"$(verdict "$(median idle.mb)" at-most 32)"
}

print_report() {
	echo
	machine
	echo "Load average before the run: $LOAD_BEFORE. wireguard-go $(wireguard-go --version 2>&1 | sed -n 's/.* v//p' | head -n 1);" \
		"OpenVPN $(openvpn --version | awk 'NR == 1 { print $2 }'), AES-256-GCM, DCO off; triglav: one worker per end."
	echo "Medians of $ROUNDS round(s); TCP uses cubic where nothing else is said; offloads of the veth: $OFFLOADS."
	echo
	echo "| measured | triglav | compared with | ratio | required | |"
	echo "|---|---|---|---|---|---|"
	printf '%s' "$ROWS"
	echo
	echo "Encryption alone (\`triglav benchmark --crypto\`):"
	echo
	"$TRIGLAV" benchmark --crypto | sed 's/^/    /'
}

LOAD_BEFORE=$(cut -d ' ' -f 1-3 /proc/loadavg)
for tool in wireguard-go wg openvpn iperf3 ethtool openssl; do
	command -v $tool > /dev/null || fail "$tool is missing: run 'sudo make deps'"
done
[ -x "$UDPLOAD" ] || fail "build/tests/lab/udpload is missing: run 'make tests'"

lab_new
start_systems
note "triglav, wireguard-go and OpenVPN are connected"
for ((round = 1; round <= ROUNDS; round++)); do
	measure_tcp
	measure_udp
	measure_rtt
	note "round $round of $ROUNDS is done"
done
report_pair
lab_stop client || fail "the client ends with an error"

link_add "rate=100mbit delay=20ms"
link_add "rate=100mbit delay=20ms"
measure_bond one up1
measure_bond other up2
measure_bond both up1 up2
report_bond

link_add plain
link_add plain
measure_idle
report_idle
print_report
