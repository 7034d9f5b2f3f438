# SPDX-License-Identifier: MIT
# datapath_lanes.sh - small packets beside a bulk transfer at full load: one queue of the tunnel device against two
#
# A bare veth uplink, so that nothing but the processor bounds the TCP stream: what waits, waits for the worker. 1000 datagrams of 64 bytes a second
# go the same way. A datagram's delay counts from just before it is sent to the kernel's stamp of its arrival.

lanes_round() { # values' name
	flow_begin bulk --proto tcp --cc cubic --dir up --streams 1 --seconds $((TCP_SECONDS + 2))
	pause 1		# it has come to speed
	flow --proto udp --dir up --rate 1000 --size 64 --seconds "$TCP_SECONDS" > "$LAB/small.json"
	flow_end bulk
	record "$1_p99" "$(value_of p99_ms < "$LAB/small.json")"
	record "$1_p50" "$(value_of p50_ms < "$LAB/small.json")"
	record "$1_mbit" "$(value_of goodput_mbit < "$LAB/bulk.json")"
}

lanes_with() { # values' name, flags...
	local name=$1
	shift
	start_server "$@"
	start_client --full-tunnel "$@"
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through"
	# The other end is another machine, whose own queues are not the question: it gets the other core.
	if [ "$(nproc)" -gt 1 ]; then
		taskset -apc 0 "${LAB_PID[client]}" > /dev/null
		taskset -apc 1 "${LAB_PID[server]}" > /dev/null
	fi
	lanes_round "$name"
	lab_stop client
	lab_stop server
}

part_lanes() {
	local round
	FLOW_PUNCTUAL=		# load and tunnel share the cores
	lab_new plain
	start_internet
	for round in $(seq "$ROUNDS"); do
		lanes_with one --no-lanes
		lanes_with two --lanes
	done
	row "1 kHz of 64 bytes beside TCP: p99 delay" one_p99 two_p99 1 ms
	row "the same: median delay" one_p50 two_p50 1 ms
	row "the TCP stream beside it" one_mbit two_mbit 1000 Gbit/s
	table "Lanes" "one queue" "two lanes"
	local ratio
	ratio=$(calculate "$(median two_p99) / $(median one_p99)")
	echo "p99 with lanes / with one queue: $ratio, required <= 0.5: $(verdict "$ratio" at-most 0.5)"
}
