# SPDX-License-Identifier: MIT
# datapath_uplink.sh - part of bench_datapath.sh: an AF_XDP uplink against a socket uplink
#
# One uplink, a bare veth pair; its datapath is changed by command within one session. Up is what the client sends, to the
# internet host; down is what it receives: TCP from the internet host, datagrams from the server's. Packets of 1400 bytes are
# datagrams with 1372.

uplink_iperf() { # iperf3's options...: bit/s that arrived
	in_client iperf3 -J -c $INTERNET4 -C cubic -t $TCP_SECONDS "$@" > "$LAB/iperf.json" ||
		fail "iperf3: $(json "d.get('error')" < "$LAB/iperf.json")"
	json "d['end']['sum_received']['bits_per_second']" < "$LAB/iperf.json"
}

uplink_udp() { # namespace of the sender, address, size: datagrams a second
	in_ns "$1" "$UDPLOAD" search "$2:7000" --size "$3" --seconds $UDP_SECONDS | json "d['pps']"
}

uplink_listens() { # namespace, port
	[ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ]
}

uplink_use() { # udp, xdp
	client_uplink set up1 datapath=$1
	[ "$(client_status | json "d['uplinks'][0]['datapath'].split()[0]")" = $1 ] ||
		fail "no $1 here: $(grep 'not AF_XDP' "$LAB/client.log")"
}

uplink_round() { # udp, xdp
	local inner size
	inner=$(in_client ip -4 -o addr show dev tg0 | awk '{ sub("/.*", "", $4); print $4 }')
	uplink_use "$1"
	record "tcp-up.$1" "$(uplink_iperf)"
	record "tcp-down.$1" "$(uplink_iperf -R)"
	for size in 64 1372; do
		record "udp$size-up.$1" "$(uplink_udp client $INTERNET4 $size)"
		record "udp$size-down.$1" "$(uplink_udp server "$inner" $size)"
	done
}

part_uplink() {
	local ns round
	lab_new "plain"
	start_server
	start_client --full-tunnel
	lab_run iperf internet iperf3 -s
	for ns in internet client; do lab_run "count-$ns" $ns "$UDPLOAD" count 0.0.0.0:7000; done
	wait_for 5 uplink_listens internet 5201
	for ns in internet client; do wait_for 5 uplink_listens $ns 7000; done
	for ((round = 1; round <= ROUNDS; round++)); do
		uplink_round udp
		uplink_round xdp
	done
	row "TCP bulk, up" tcp-up.udp tcp-up.xdp 1e9 Gbit/s
	row "TCP bulk, down" tcp-down.udp tcp-down.xdp 1e9 Gbit/s
	row "64-byte UDP, up" udp64-up.udp udp64-up.xdp 1e3 kpps
	row "64-byte UDP, down" udp64-down.udp udp64-down.xdp 1e3 kpps
	row "1400-byte UDP, up" udp1372-up.udp udp1372-up.xdp 1e3 kpps
	row "1400-byte UDP, down" udp1372-down.udp udp1372-down.xdp 1e3 kpps
	table "Uplink: AF_XDP against the socket ($(client_status | json "d['uplinks'][0]['datapath']"))" socket AF_XDP
	cat <<-'EOT'
	A veth copies every frame into AF_XDP, and an XDP program on one end takes segmentation offload from the other: each
	datagram crosses the stack alone, where the socket hands over up to 64 at once. That is why `auto` stays with the
	socket unless the driver moves frames without copies (zero-copy) on all queues.
	EOT
}
