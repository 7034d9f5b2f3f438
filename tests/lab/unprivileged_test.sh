#!/bin/bash
# SPDX-License-Identifier: MIT
# Both ends without the right to load programs into the kernel (no CAP_BPF, no CAP_PERFMON): they start, say once what they do without,
# carry everything by sockets, and status tells the user why.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1
command -v setpriv > /dev/null || skip "setpriv is missing"

lab_new "rate=15mbit delay=5ms" "rate=15mbit delay=8ms"	# neither carries the transfer alone
start_internet

# The daemons are started by this in place of the program.
PROGRAM=$TRIGLAV
cat > "$LAB/without" <<- EOF
	#!/bin/sh
	exec setpriv --bounding-set -bpf,-perfmon,-sys_admin --inh-caps=-all --ambient-caps=-all --no-new-privs $PROGRAM "\$@"
EOF
chmod 755 "$LAB/without"
cannot_load() {
	! in_client setpriv --bounding-set -bpf,-perfmon,-sys_admin --inh-caps=-all --no-new-privs bpftool prog load "$BUILD/bpf/uplink.bpf.o" "$LAB/none"
}
if command -v bpftool > /dev/null; then cannot_load 2> /dev/null || skip "this kernel lets everybody load programs"; fi
without() { # function of the lab, its arguments
	TRIGLAV=$LAB/without
	"$@"
	TRIGLAV=$PROGRAM
}
lines() { # client or server, pattern
	grep -c -- "$2" "$LAB/$1.log" || true
}
REASON="BPF programs cannot be loaded: not permitted (needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON)"

# Each part by itself, and all together.
for flags in "" "--no-lanes --datapath xdp" "--xdp native --datapath xdp"; do
	: > "$LAB/server.log"
	without start_server ${flags%%--datapath*}
	without start_client --full-tunnel --datapath udp $flags
	wait_for 15 client_paths_up 2 || fail "'$flags': two uplinks, but not two paths"
	transfer_begin $INTERNET4 --up 20 --down 20
	link_carries 1 15 300000
	link_carries 2 15 300000
	transfer_end

	# What was asked for and is not there, one line for each part; nobody who asked for nothing hears of it.
	case $flags in
	"") server="no lanes in the tunnel device: $REASON" client=$server uplinks=0 ;;
	*--no-lanes*) server= client= uplinks=1 ;;
	*--xdp*) server="no XDP filter, no lanes: $REASON" client=$server uplinks=1 ;;
	esac
	for side in server client; do
		[ -z "${!side}" ] || assert_equal "'$flags': lines of the $side that say so" "$(lines $side "${!side}")" 1
		assert_equal "'$flags': lines of the $side about programs" "$(lines $side "cannot be loaded")" \
			$(($([ -z "${!side}" ] && echo 0 || echo 1) + ($([ $side = client ] && echo 2 || echo 0) * uplinks)))
	done
	for i in 1 2; do
		assert_equal "'$flags': lines about up$i" "$(lines client "uplink up$i: a socket, not AF_XDP: $REASON")" $uplinks
	done

	# status says it as well.
	assert_equal "'$flags': what the client's status says" "$(client_status | json "d['programs_refused']")" "$REASON"
	expected=$([ $uplinks = 0 ] && echo None || echo "$REASON")
	assert_equal "'$flags': what it says of up2" "$(client_status | json "next(u['datapath_why'] for u in d['uplinks'] if u['name'] == 'up2')")" "$expected"
	assert_equal "'$flags': its datapath" "$(client_status | json "sorted({u['datapath'] for u in d['uplinks']})")" '["udp"]'
	[ -z "$server" ] || assert_equal "'$flags': what the server's status says" "$(server_status | json "d['programs_refused']")" "$REASON"
	in_client "$PROGRAM" status --detailed --runtime-dir "$LAB/run" --name "$LAB_ID-c" > "$LAB/detailed"
	tr -s ' \n' ' ' < "$LAB/detailed" | grep -q "no programs in the kernel: $REASON" || fail "'$flags': status --detailed does not say why: $(cat "$LAB/detailed")"
	assert_equal "'$flags': uplinks of which status --detailed says why" "$(grep -c "a socket, not AF_XDP: BPF programs cannot" "$LAB/detailed" || true)" $((2 * uplinks))
	lab_stop client || fail "'$flags': the client ends with an error"
	lab_stop server || fail "'$flags': the server ends with an error"
	note "'$flags': by sockets, one line for each part, and status says why"
done

# With the right to do so there is nothing to say.
start_server
start_client --full-tunnel --datapath xdp
assert_equal "lines about programs" "$(lines client "cannot be loaded")" 0
assert_equal "what status says" "$(client_status | json "[d['programs_refused'], [u['datapath_why'] for u in d['uplinks']]]")" "[null, [null, null]]"
note "with the capabilities there is nothing to say"
