# SPDX-License-Identifier: MIT
# many.sh - many clients of one server, each in a namespace of its own with one bare uplink. Source it after lab.sh.
#
#   client k of many   namespace m$k, interface up1 10.81.$k.2/24, gateway gm$k in "net"
#
# LAB's own client is not among them.

many_new() { # number
	local ns=m$1
	lab_namespace $ns
	lab_veth $ns up1 net gm$1
	in_net ip addr add 10.81.$1.1/24 dev gm$1
	in_net ip link set gm$1 up
	in_ns $ns ip link set up1 up
	in_ns $ns ip addr add 10.81.$1.2/24 dev up1
	in_ns $ns ip route add default via 10.81.$1.1
}

many_connected() { # number
	lab_runs many$1 && grep -q "^connected" "$LAB/many$1.log"
}

# Does not wait: many_wait does.
many_start() { # number, further flags
	local n=$1
	shift
	[ -f "$LAB/m$n.key" ] || client_key m$n
	: > "$LAB/many$n.log"
	lab_run many$n m$n "$TRIGLAV" tun --key-file "$LAB/m$n.key" -i up1 --full-tunnel --no-dns --tun-name tg0 --name "$LAB_ID-m$n" \
		--runtime-dir "$LAB/run" --state-dir "$LAB/m$n-state" "$@"
}

many_wait() { # number
	wait_for 60 many_connected "$1" || fail "client $1 of many does not connect: $(tail -n 3 "$LAB/many$1.log")"
}

# "name worker" of every session, sorted: the low bits of its handle say the worker.
many_workers() {
	server_status | json "'\n'.join(sorted('%s %d' % (s['client'], int(s['handle'], 16) & 63) for s in d['sessions']))"
}
