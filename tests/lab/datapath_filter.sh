# SPDX-License-Identifier: MIT
# datapath_filter.sh - part of bench_datapath.sh: how fast the filter is rid of junk, against a program that only drops
#
# Frames of strangers, each for another unknown receiver index, go into the server's interface, a bare veth pair (native XDP), made in the kernel
# (junk.c) by one core, while the interface's NAPI thread takes and drops them on another. What counts is what the driver says
# its XDP program dropped, by the second of processor time that the thread took: that is the rate of one core, also where others want that core. The
# rate by the clock stands beside it. And nanoseconds of the program alone (BPF_PROG_TEST_RUN). With a single core there is no row.
#
# Several loads are offered, and the best rate of each program counts: as fast as the generator goes suits a program that does nothing, but where the ring
# is full, the generator gives frames back to the pool of pages that the other core gives its own back to, and both wait for its lock.

GENERATOR=	# in front of its command
LOADS="4e6 6e6 8e6 14e6 most"	# frames a second

junk_send() { # options of junk send...
	in_net $GENERATOR "$BUILD/tests/lab/junk" send srv --mac "$(in_server cat /sys/class/net/eth0/address)" --from $INTERNET4 --to $SERVER4:$PORT "$@"
}

junk_count() { # xdp_drops, xdp_packets: of the server's interface so far
	in_server ethtool -S eth0 | awk -v what="rx_queue_[0-9]*_$1:" '$1 ~ what { n += $2 } END { print n + 0 }'
}

# The thread that takes what arrives at the server's interface: of all with that name the youngest, as the program has just been attached.
napi_thread() {
	pgrep -n '^napi/eth0-'
}

# A thread instead of the softirq of the core that sends.
filter_apart() {
	in_server sh -c 'echo 1 > /sys/class/net/eth0/threaded'
	wait_for 5 napi_thread || fail "no NAPI thread"
	NAPI=$(napi_thread)
	taskset -pc 1 "$NAPI" > /dev/null
}

napi_seconds() { # processor time of the thread
	awk '{ printf "%.6f\n", $1 / 1e9 }' "/proc/$NAPI/schedstat"
}

junk_time() { # nanoseconds of what is attached at the server's interface, and a plain drop beside it
	in_server "$BUILD/tests/lab/junk" time eth0 --mac "$(in_server cat /sys/class/net/eth0/address)" --from $INTERNET4 --to $SERVER4:$PORT \
		> "$LAB/time.json"
	record ns_drop "$(value_of drop_ns < "$LAB/time.json")"
	record ns_filter "$(value_of attached_ns < "$LAB/time.json")"
}

filter_begin() { # what is attached: drop, filter, off
	case $1 in
	drop)
		lab_run drop server "$BUILD/tests/lab/junk" drop eth0
		wait_for 5 grep -q ready "$LAB/drop.log"
		;;
	filter)
		start_server --xdp native
		wait_for 5 grep -q "filter on eth0: XDP, native" "$LAB/server.log" || fail "no filter: $(grep -i filter "$LAB/server.log")"
		;;
	esac
}

filter_end() { # what was attached
	case $1 in
	drop) lab_stop drop && rm "$LAB/drop.log" ;;
	filter) lab_stop server && rm "$LAB/server.log" ;;
	esac
}

filter_load() { # drop or filter, what is offered; sets DROPS, SENT, CORE and CLOCK (rates)
	local what=$1 packets cpu even=
	[ "$2" = most ] || even="--even $2"
	DROPS=$(junk_count xdp_drops) packets=$(junk_count xdp_packets) cpu=$(napi_seconds)
	junk_send --seconds "$(calculate "$TCP_SECONDS / 4")" $even > "$LAB/junk.json"
	DROPS=$(($(junk_count xdp_drops) - DROPS)) packets=$(($(junk_count xdp_packets) - packets))
	# A daemon that gets no time lets all pass, as it should: that would not be a measurement of the filter.
	holds "$DROPS" at-least "0.98 * $packets" || note "$what: only $DROPS of $packets frames were dropped"
	SENT=$(value_of sent < "$LAB/junk.json")
	CORE=$(calculate "$DROPS / ($(napi_seconds) - $cpu)")
	CLOCK=$(calculate "$DROPS / $(value_of seconds < "$LAB/junk.json")")
}

filter_round() { # drop, filter
	local load core=0 clock=0 sent=0
	filter_begin "$1"
	filter_apart
	for load in $LOADS; do
		filter_load "$1" "$load"
		if holds "$CORE" at-least "$core"; then core=$CORE sent=$(calculate "$SENT / $DROPS"); fi
		if holds "$CLOCK" at-least "$clock"; then clock=$CLOCK; fi
	done
	record "core_$1" "$core"
	record "clock_$1" "$clock"
	record "sent_$1" "$sent"
	if [ "$1" = filter ]; then junk_time; fi
	filter_end "$1"
}

part_filter() {
	local round what
	[ "$(nproc)" -gt 1 ] || { echo "Filter: not measured, one core makes the junk and drops it"; return 0; }
	GENERATOR="taskset -c 0"
	lab_new plain
	for round in $(seq "$ROUNDS"); do
		for what in drop filter; do filter_round $what; done
	done
	row "junk dropped, by the second of the receiving core" core_drop core_filter 1e6 Mpps 0.5
	row "the same by the clock" clock_drop clock_filter 1e6 Mpps
	row "frames sent for one that was dropped, then" sent_drop sent_filter 1 ""
	row "the program alone (BPF_PROG_TEST_RUN)" ns_drop ns_filter 1 ns
	table "Filter: junk" "a program that only drops" "the filter"
}
