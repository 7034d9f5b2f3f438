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
# The copies on the farther link come when the daemon has marked the id already; on links of equal delay both are under way at once, and
# the daemon must look at both.

daemon_seconds() { # name: processor time it has taken
	awk '{ t += $1 } END { printf "%.3f\n", t / 1e9 }' "/proc/${LAB_PID[$1]}/task/"*/schedstat
}

machine_seconds() { # all cores, but idle
	awk -v hz="$(getconf CLK_TCK)" '$1 == "cpu" { printf "%.3f\n", ($2 + $3 + $4 + $7 + $8) / hz }' /proc/stat
}

copies_with() { # values' name, --xdp's value
	local daemon sender machine gigabytes copies
	start_server --xdp off --strategy redundant
	start_client --full-tunnel --strategy redundant --xdp "$2"
	wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
	wait_for 10 in_client ping -q -c 1 -W 1 $INTERNET4 || fail "nothing comes through"
	daemon=$(daemon_seconds client) sender=$(daemon_seconds server) machine=$(machine_seconds)
	flow --proto udp --dir down --rate "$COPIES_PPS" --size 1200 --seconds "$TCP_SECONDS" > "$LAB/copies.json"
	gigabytes=$(calculate "$(value_of goodput_mbit < "$LAB/copies.json") / 8000 * $TCP_SECONDS")
	record "$1.daemon" "$(calculate "($(daemon_seconds client) - $daemon) / $gigabytes")"
	record "$1.both" "$(calculate "($(daemon_seconds client) - $daemon + $(daemon_seconds server) - $sender) / $gigabytes")"
	record "$1.machine" "$(calculate "($(machine_seconds) - $machine) / $gigabytes")"
	copies=$(calculate "$(counter client_status filter_drops.copy) + 0")
	record "$1.share" "$(calculate "$copies / ($COPIES_PPS * $TCP_SECONDS)")"
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
	note "$1: $(calculate "100 * $(median "$2-on.share")") % of the copies died in XDP"
}

part_copies() {
	COPIES_PPS=15000
	VALUES=$KEPT LAB_START=$(lab_ms)
	(LAB_ID=tg$BASHPID; copies_link unlike "rate=300mbit delay=5ms queue=100ms" "rate=300mbit delay=15ms queue=100ms")
	(LAB_ID=tg$BASHPID; copies_link equal "rate=300mbit delay=5ms queue=100ms" "rate=300mbit delay=5ms queue=100ms")
	copies_rows "5 and 15 ms" unlike
	copies_rows "5 and 5 ms" equal
	table "Every packet on two links" "copies dropped by the daemon" "by XDP"
	ratio=$(calculate "$(median unlike-on.daemon) / $(median unlike-off.daemon)")
	echo "processor time of the receiving daemon, with XDP / without, 5 and 15 ms: $ratio, required <= 0.75: $(verdict "$ratio" at-most 0.75)"
}
