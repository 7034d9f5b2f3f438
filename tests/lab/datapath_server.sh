# SPDX-License-Identifier: MIT
# datapath_server.sh - part of bench_datapath.sh: a server with two workers against one, for the aggregate of eight clients
#
# Every client has a namespace and a bare veth uplink; iperf3 fetches from the internet host through each tunnel at the same time. Clients,
# generator and server share the cores of one machine, so the second worker can show what it is worth only where cores are
# free beside all of them: the part says how many were idle while one worker ran. CPU seconds per GB say what
# the hand-over costs, wherever that is.

SERVER_CLIENTS=8
[ $ROUNDS != 1 ] || SERVER_CLIENTS=4

server_cpu() { # ticks that the server has used
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/${LAB_PID[server]}/stat"
}

idle_ticks() { awk '/^cpu / { print $5 }' /proc/stat; }

server_serves() { # port
	[ -n "$(in_internet ss -Hltn "sport = :$1")" ]
}

server_streams() { # values' name: all clients at once; records the sum in bit/s, CPU s/GB, and cores that were idle
	local n idle cpu begun seconds sum hertz
	hertz=$(getconf CLK_TCK)
	idle=$(idle_ticks) cpu=$(server_cpu) begun=$(lab_ms)
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do
		ip netns exec "$LAB_ID-m$n" iperf3 -J -c $INTERNET4 -p $((5200 + n)) -C cubic -R -t $TCP_SECONDS > "$LAB/iperf$n.json" 2>&1 < /dev/null &
		LAB_PID[iperf$n]=$!
	done
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do
		wait "${LAB_PID[iperf$n]}" || fail "iperf3 of client $n: $(json "d.get('error')" < "$LAB/iperf$n.json")"
		unset "LAB_PID[iperf$n]"
	done
	seconds=$(calculate "($(lab_ms) - $begun) / 1000")
	record "$1_idle" "$(calculate "($(idle_ticks) - $idle) / $hertz / $seconds")"
	sum=$(cat "$LAB"/iperf[0-9]*.json | $PYTHON -I -c 'import json, sys
text, at, total, size = sys.stdin.read(), 0, 0, 0
decode = json.JSONDecoder()
while at < len(text):
    d, at = decode.raw_decode(text, at)
    total += d["end"]["sum_received"]["bits_per_second"]
    size += d["end"]["sum_received"]["bytes"]
    while at < len(text) and text[at].isspace():
        at += 1
print(total, size)')
	record "$1_bits" "${sum% *}"
	record "$1_cost" "$(calculate "($(server_cpu) - $cpu) / $hertz / (${sum#* } / 1e9)")"
}

server_with() { # values' name, workers, further flags
	local name=$1 n workers=$2
	shift 2
	start_server --workers $workers "$@"
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do many_start $n; done
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do many_wait $n; done
	server_streams "$name"
	if [ $workers = 2 ]; then record "${name}_second" "$(many_workers | grep -c " 1$" || true)"; fi
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do lab_stop many$n || true; done
	lab_stop server
}

part_server() {
	local n round free required=1.6
	. "$ROOT/tests/lab/many.sh"
	lab_new
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do
		many_new $n
		lab_run iperfd$n internet iperf3 -s -p $((5200 + n))
	done
	for ((n = 1; n <= SERVER_CLIENTS; n++)); do wait_for 10 server_serves $((5200 + n)) || fail "no iperf3"; done
	for ((round = 1; round <= ROUNDS; round++)); do
		server_with one 1
		server_with two 2
	done
	free=$(median one_idle)
	holds "$free" at-least 0.8 || required=	# no core of its own for a second worker
	row "aggregate of $SERVER_CLIENTS clients" one_bits two_bits 1e9 Gbit/s $required
	row "server's CPU seconds per GB" one_cost two_cost 1 s
	table "A server with two workers against one" "one worker" "two workers"
	echo "Cores idle while one worker ran: $(printf %.2f "$free") of $(nproc); sessions of the second worker: $(median two_second) of $SERVER_CLIENTS."
	[ -n "$required" ] || echo "A second worker had no core of its own here, so the ratio says nothing about it; required is >= 1.6 where a core is free."
}
