# SPDX-License-Identifier: MIT
# multipath_cost.sh - rows of bench_multipath.sh: bytes that are not data, and a link without limits
#
# Extra bytes: what both ends put on all links as UDP payload, less what had to be sent, which is
# every inner packet (either direction) once, with HEADER_BYTES around it. So what counts is acks,
# repair, copies, probes, and more than one header to a packet.
#
#     extra = (outer UDP payload - inner packets * HEADER_BYTES - inner bytes) / inner bytes

HEADER_BYTES=32		# 12 header, 4 slot and order or padding, 16 tag: docs/protocol.md
FRAME_BYTES=42		# Ethernet, IPv4 and UDP

# Sum over the wires' ends: what client and server sent, before the emulator could lose any of it.
outer_bytes() {
	in_ns wire cat /proc/net/dev | sed 's/:/ /' |
		awk -v f=$FRAME_BYTES '$1 ~ /^[ab][0-9]/ { n += $2 - f * $3 } END { printf "%.0f\n", n }'
}

# What the kernels gave to both tunnel devices: bytes and packets.
inner_sent() {
	local ns
	for ns in client server; do
		in_ns $ns cat /proc/net/dev
	done | sed 's/:/ /' | awk '$1 == "tg0" { b += $10; p += $11 } END { printf "%.0f %.0f\n", b, p }'
}

extra_run() { # row, run, direction, options of flow...
	local row=$1 run=$2 dir=$3 outer inner packets before
	shift 3
	read -r inner packets < <(inner_sent)
	outer=$(outer_bytes)
	before="$inner $packets"
	flow --dir "$dir" --seconds "$LENGTH" --skip 0 "$@" > "$LAB/flow.json"
	pause 1		# what is under way, and its acks
	outer=$(($(outer_bytes) - outer))
	read -r inner packets < <(inner_sent)
	inner=$((inner - ${before% *})) packets=$((packets - ${before#* }))
	keep "$row" "$run" "extra $dir: outer $outer, inner $inner in $packets packets" "$LAB/flow.json"
	record "$row.$dir" "$(calculate "100 * ($outer - $packets * $HEADER_BYTES - $inner) / $inner")"
	record "$row.$dir.all" "$(calculate "100 * ($outer - $inner) / $inner")"
}

# Packets are counted where they enter the tunnel devices: they have to be packets there, not
# super-packets of the kernel.
measure_extra() { # row, options of flow, link...
	local row=$1 options=$2 run dir ns
	shift 2
	build_lab "$@"
	open_tunnel
	for ns in client server; do
		in_ns $ns ethtool -K tg0 tso off gso off > /dev/null 2>&1 || fail "no way to switch offloads off"
	done
	for ((run = 1; run <= RUNS; run++)); do
		for dir in $DIRS; do extra_run "$row" "$run" "$dir" $options; done
	done
	close_tunnel
}

report_extra() { # row, load
	local dir all=
	for dir in $DIRS; do
		if has_values "$1.$dir"; then all="with headers: $(calculate "$(median "$1.$dir.all")") %"; fi
		row_of "extra bytes / inner bytes, 100/10 + 50/40, $2, $dir" "$1.$dir" at-most 2 1 "$all" %
	done
}

# --- one path without a limit, against part 1 ---------------------------------------------------

unshaped_run() { # row, name, program
	local row=$1 name=$2 dir program=$TRIGLAV FLOW_PUNCTUAL=
	TRIGLAV=$3
	start_server $SERVER_FLAGS
	start_client --full-tunnel $CLIENT_FLAGS
	for dir in $DIRS; do
		flow --dir "$dir" --seconds 6 --skip 2 > "$LAB/flow.json"
		keep "$row" 0 "$name $dir" "$LAB/flow.json"
		record "$row.$dir.$name" "$(value_of goodput_mbit < "$LAB/flow.json")"
	done
	close_tunnel
	lab_stop server || fail "the server ends with an error"
	TRIGLAV=$program
}

# The two take turns. PART1 is a program built from part 1.
measure_unshaped() { # row
	local row=$1 run dir
	lab_new plain
	for ((run = 1; run <= RUNS; run++)); do
		unshaped_run "$row" now "$TRIGLAV"
		[ -z "${PART1:-}" ] || unshaped_run "$row" before "$PART1"
		for dir in $DIRS; do
			[ -z "${PART1:-}" ] || record "$row.$dir" \
				"$(calculate "$(tail -n 1 "$VALUES/values.$row.$dir.now") / $(tail -n 1 "$VALUES/values.$row.$dir.before")")"
		done
	done
}

report_unshaped() { # row
	local dir
	for dir in $DIRS; do
		if has_values "$1.$dir.before"; then
			row_of "unshaped single path / part 1, $dir" "$1.$dir" at-least 0.95 1 \
				"$(calculate "$(median "$1.$dir.now") / 1000") against $(calculate "$(median "$1.$dir.before") / 1000") Gbit/s"
		else
			row_of "unshaped single path, $dir" "$1.$dir.now" at-least "" "" "to compare with part 1: PART1=program" Mbit/s
		fi
	done
}

cost_rows() { # what to do
	local both=$(($(wc -w <<< "$DIRS") * (LENGTH + 4)))
	maybe "$1" plain_row extra-udp $both measure_extra report_extra "UDP of 120 Mbit/s" "--proto udp --rate 120mbit" 100/10 50/40
	maybe "$1" plain_row extra-tcp $both measure_extra report_extra "one cubic flow" "--cc cubic" 100/10 50/40
	maybe "$1" plain_row unshaped 32 measure_unshaped report_unshaped ""
}
