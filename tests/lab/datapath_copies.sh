# SPDX-License-Identifier: MIT
# datapath_copies.sh - part of bench_datapath.sh: every packet on both links, the second copies dropped by XDP or by the daemon
#
# The client receives, as the host that the datagrams are for. What counts is the processor time of its daemon by the gigabyte that arrived: in
# userspace and in the kernel on its behalf, with the way from the tunnel device to the application's socket, but neither the application nor
# anything on other hosts. (A server's daemon that forwards is billed, in this lab, for the routers and the host behind it, whose network
# stacks run within its write to the tunnel device: half of its time, the same with and without XDP.) The XDP program runs before the
# daemon, in whoever has the softirq: only the last row, the whole machine with load and emulator, has its time (the part `filter` says what
# a frame costs it). The sender's daemon seals each datagram twice either way; both daemons together stand beside.
#
# Two loads: a TCP stream, and 15 000 datagrams a second, evenly spaced, each of which wakes the daemon by itself, and the application then takes the core
# from it: that costs the same with XDP, and is most of such a packet's cost.
#
# The copies on the farther link come when the daemon has marked the id already; on links of equal delay both are under way at once, and
# the daemon must look at both.

daemon_seconds() { # name: processor time it has taken
	awk '{ t += $1 } END { printf "%.3f\n", t / 1e9 }' "/proc/${LAB_PID[$1]}/task/"*/schedstat
}

machine_seconds() { # all cores, but idle
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" { printf "%.3f\n", ($2 + $3 + $4 + $7 + $8) / hz }' /proc/stat
}

copies_dropped() { # by XDP, so far
	calculate "$(counter client_status filter_drops.copy) + 0"
}

copies_received() { # datagrams of both paths that XDP has dropped or the daemon has taken (it counts those dropped too, by their acks)
	client_status | json "sum(p['received_packets'] for p in d['paths'])"
}

copies_load() { # values' name, options of the flow...
	local name=$1 daemon sender machine gigabytes copies received
	shift
	copies=$(copies_dropped) received=$(copies_received)
	daemon=$(daemon_seconds client) sender=$(daemon_seconds server) machine=$(machine_seconds)
	flow --dir down --seconds "$TCP_SECONDS" "$@" > "$LAB/copies.json"
	gigabytes=$(calculate "$(value_of goodput_mbit < "$LAB/copies.json") / 8000 * $TCP_SECONDS")
	daemon=$(calculate "$(daemon_seconds client) - $daemon") sender=$(calculate "$(daemon_seconds server) - $sender")
	record "$name.daemon" "$(calculate "$daemon / $gigabytes")"
	record "$name.both" "$(calculate "($daemon + $sender) / $gigabytes")"
	record "$name.machine" "$(calculate "($(machine_seconds) - $machine) / $gigabytes")"
	record "$name.share" "$(calculate "2 * ($(copies_dropped) - $copies) / ($(copies_received) - $received)")"
}

copies_with() { # values' name, --xdp's value
	start_server --xdp off --strategy redundant
	start_client --full-tunnel --strategy redundant --xdp "$2"
	wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through"
	copies_load "tcp-$1" --proto tcp --cc cubic --streams 1
	copies_load "udp-$1" --proto udp --rate "$COPIES_PPS" --size 1200
	lab_stop client
	lab_stop server
}

copies_link() { # values' name, links...
	local name=$1 round
	shift
	lab_new "$@"
	start_internet
	for round in $(seq "$ROUNDS"); do
		copies_with "$name-off" off
		copies_with "$name-on" native
	done
}

copies_rows() { # in the table, values' name
	row "$1: receiving daemon" "$2-off.daemon" "$2-on.daemon" 1 s/GB
	row "$1: both daemons" "$2-off.both" "$2-on.both" 1 s/GB
	row "$1: whole machine, load and emulator too" "$2-off.machine" "$2-on.machine" 1 s/GB
	SAID+="$1: $(calculate "100 * $(median "$2-on.share")") % of the copies died in XDP."$'\n'
}

copies_verdict() { # load, values' name
	local ratio
	ratio=$(calculate "$(median "$2-on.daemon") / $(median "$2-off.daemon")")
	SAID+="Processor time of the receiving daemon, with XDP / without, $1: $ratio, required <= 0.75: $(verdict "$ratio" at-most 0.75)."$'\n'
}

part_copies() {
	local load SAID=
	FLOW_PUNCTUAL=		# the application is on the receiving host, and nothing better than its daemon
	COPIES_PPS=15000
	VALUES=$KEPT LAB_START=$(lab_ms)
	(LAB_ID=tg$BASHPID; copies_link unlike "rate=200mbit delay=5ms queue=100ms" "rate=200mbit delay=15ms queue=100ms")
	(LAB_ID=tg$BASHPID; copies_link equal "rate=200mbit delay=5ms queue=100ms" "rate=200mbit delay=5ms queue=100ms")
	for load in tcp udp; do
		copies_rows "${load^^}, 5 and 15 ms" "$load-unlike"
		copies_rows "${load^^}, 5 and 5 ms" "$load-equal"
		copies_verdict "${load^^}, 5 and 15 ms" "$load-unlike"
	done
	table "Every packet on two links" "copies dropped by the daemon" "by XDP"
	printf '%s' "$SAID"
}
