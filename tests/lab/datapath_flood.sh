# SPDX-License-Identifier: MIT
# datapath_flood.sh - part of bench_datapath.sh: a tunnel at work while its server gets 200 000 datagrams of junk a second
#
# Two kinds of uplink: one shaped to 200 Mbit/s, where the flood must not take what the link gives; and a bare veth pair, where
# the tunnel takes all of both cores. The frames are made on these cores, and dropped in the softirq of whichever core made them, so the flood costs
# goodput even where it is no business of the server: a third measurement, where it goes to a program that only drops, on an interface beside, says
# how much. The same with the filter, against that, is what the filter's work costs.
. "$ROOT/tests/lab/datapath_filter.sh"

FLOOD_PPS=200000

flood_goodput() { # direction
	flow --proto tcp --cc cubic --dir "$1" --streams 1 --seconds $((TCP_SECONDS + 2)) --skip 2 | value_of goodput_mbit
}

# What the server's interface had no room for: junk, and frames of the tunnel (a veth's ring takes 256). tx_dropped counts both.
flood_lost() {
	local junk
	junk=$(in_net ethtool -S srv | awk '/xdp_xmit_errors:/ { n += $2 } END { print n + 0 }')
	echo "$junk $(($(in_net cat /sys/class/net/srv/statistics/tx_dropped) - junk))"
}

flood_beside() { # values' name, command that floods...
	local name=$1 dir pid lost
	shift
	lost=$(flood_lost)
	for dir in up down; do
		"$@" > "$LAB/junk.json" &
		pid=$!
		record "$name.$dir" "$(flood_goodput $dir)"
		wait $pid || fail "the flood: $(cat "$LAB/junk.json")"
		record "$name.pps" "$(value_of pps < "$LAB/junk.json")"
		record "$name.core" "$(value_of core < "$LAB/junk.json")"
	done
	lost="$lost $(flood_lost)"
	record "$name.lost" "$(awk '{ print $4 - $2 }' <<< "$lost")"
	record "$name.refused" "$(awk '{ print $3 - $1 }' <<< "$lost")"
}

flood_server() { junk_send --rate $FLOOD_PPS --seconds $((TCP_SECONDS + 3)); }

flood_sink() {
	in_net "$BUILD/tests/lab/junk" send sink0 --mac 02:00:00:00:00:01 --from $INTERNET4 --to $SERVER4:$PORT --rate $FLOOD_PPS \
		--seconds $((TCP_SECONDS + 3))
}

# A server with the filter, or without, and a client of it: undisturbed, then flooded.
flood_tunnel() { # values' name, --xdp's value
	start_server --xdp "$2"
	start_client --full-tunnel
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through"
	flood_beside "$1-calm" true
	flood_beside "$1-flood" flood_server
	if [ "$2" = native ]; then flood_beside "$1-sink" flood_sink; fi
	lab_stop client
	lab_stop server
}

flood_rows() { # name in the table, values' name
	local dir
	for dir in up down; do
		row "$1, $dir, filter" "$2-on-calm.$dir" "$2-on-flood.$dir" 1 Mbit/s 0.9
		row "$1, $dir, no filter" "$2-off-calm.$dir" "$2-off-flood.$dir" 1 Mbit/s
		row "$1, $dir, filter, against a flood elsewhere" "$2-on-sink.$dir" "$2-on-flood.$dir" 1 Mbit/s
		row "$1, $dir, the flood goes elsewhere" "$2-on-calm.$dir" "$2-on-sink.$dir" 1 Mbit/s
	done
	note "$1: the flood takes $(calculate "100 * $(median "$2-on-flood.core")") % of a core, making it and the filter in its softirqs, $(calculate "100 * $(median "$2-on-sink.core")") % when it goes elsewhere"
	note "$1: the flood came to $(calculate "$(median "$2-on-flood.pps") / 1000") kpps with the filter, $(calculate "$(median "$2-off-flood.pps") / 1000") without, $(calculate "$(median "$2-on-sink.pps") / 1000") elsewhere; the tunnel's frames that found the ring full: $(median "$2-on-calm.lost") calm, $(median "$2-on-flood.lost") flooded, junk $(median "$2-on-flood.refused")"
}

flood_link() { # values' name, words of the uplink
	local round
	lab_new "$2"
	lab_veth net sink0 net sink1
	in_net ip link set sink0 up
	in_net ip link set sink1 up
	start_internet
	lab_run sink net "$BUILD/tests/lab/junk" drop sink1
	wait_for 5 grep -q ready "$LAB/sink.log"
	for round in $(seq "$ROUNDS"); do
		flood_tunnel "$1-on" native
		flood_tunnel "$1-off" off
	done
}

# Each link is a lab of its own, and so a process.
part_flood() {
	FLOW_PUNCTUAL=
	VALUES=$KEPT LAB_START=$(lab_ms)
	(LAB_ID=tg$BASHPID; flood_link shaped "rate=200mbit delay=5ms queue=100ms")
	(LAB_ID=tg$BASHPID; flood_link bare plain)
	flood_rows "200 Mbit/s link" shaped
	flood_rows "bare veth" bare
	table "200 kpps of junk for the server" "goodput undisturbed" "while flooded"
}
