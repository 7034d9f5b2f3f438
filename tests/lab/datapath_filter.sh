# SPDX-License-Identifier: MIT
# datapath_filter.sh - part of bench_datapath.sh: how fast the filter is rid of junk, against a program that only drops
#
# Frames of strangers, each for another unknown receiver index, go into the server's interface, a bare veth pair (native XDP), as fast as the
# kernel makes them (junk.c). What counts is what the driver says its XDP program dropped. The frames are made on the same cores.

junk_send() { # options of junk send...
	in_net "$BUILD/tests/lab/junk" send srv --mac "$(in_server cat /sys/class/net/eth0/address)" --from $INTERNET4 --to $SERVER4:$PORT "$@"
}

junk_dropped() { # what XDP dropped on the server's interface so far
	in_server ethtool -S eth0 | awk '/xdp_drops:/ { n += $2 } END { print n + 0 }'
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

filter_round() { # drop, filter
	local before
	filter_begin "$1"
	before=$(junk_dropped)
	junk_send --seconds "$TCP_SECONDS" > "$LAB/junk.json"
	record "pps_$1" "$(calculate "($(junk_dropped) - $before) / $(value_of seconds < "$LAB/junk.json")")"
	filter_end "$1"
}

part_filter() {
	local round what
	lab_new plain
	for round in $(seq "$ROUNDS"); do
		for what in drop filter; do filter_round $what; done
	done
	row "junk dropped by XDP" pps_drop pps_filter 1e6 Mpps 0.5
	table "Filter: junk" "a program that only drops" "the filter"
}
