#!/bin/bash
# SPDX-License-Identifier: MIT
# Bare veth pairs with their offloads on and off, programs native and generic, IPv4 and IPv6 outside: in one session a socket behind the filter and an
# AF_XDP uplink carry the same checked stream. With offloads on, checksums on the wire are half done (partial) both ways.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new plain plain
start_internet

offloads() { # on or off
	local at
	for at in "client up1" "net gw1" "client up2" "net gw2" "net srv" "server eth0"; do
		set -- "$1" $at
		in_ns "$2" ethtool -K "$3" tx "$1" sg "$1" tso "$1" gso "$1" gro "$1" > "$LAB/ethtool.log" 2>&1 ||
			fail "offloads $1 of $3: $(cat "$LAB/ethtool.log")"
	done
}

# Are the UDP checksums of what comes in at this interface whole? Prints "partial" or "whole".
checksums() { # namespace, interface
	in_ns "$1" timeout 20 tcpdump --immediate-mode -Z root -Q in -n -vv -c 20 -i "$2" "udp port $PORT" > "$LAB/sums" 2> /dev/null || true
	if grep -q 'bad udp cksum' "$LAB/sums"; then echo partial; else
		grep -q 'udp sum ok' "$LAB/sums" || fail "no datagrams at $2: $(head -n 4 "$LAB/sums")"
		echo whole
	fi
}

wrong_checksums() { # namespace: what its kernel has refused, both families
	in_ns "$1" awk '/^Udp:/ && !n { for (i = 1; i <= NF; i++) if ($i == "InCsumErrors") n = i; next } /^Udp:/ { print $n }' /proc/net/snmp
	in_ns "$1" awk '/^Udp6InCsumErrors/ { print $2 }' /proc/net/snmp6
}
of_uplink() { # uplink, expression in u
	client_status | json "next($2 for u in d['uplinks'] if u['name'] == '$1')"
}
frames_moved() { # at least, both ways, by AF_XDP
	[ "$(of_uplink up2 "min(u['af_xdp']['sent_frames'], u['af_xdp']['received_frames'])")" -ge "$1" ]
}
document=
sums_agree() { # client_status or server_status
	document=$("$1")
	[ "$(json "d['filter']['packets'] == sum(d['filter'][k] for k in ('foreign', 'stale', 'passed', 'redirected', 'dropped')) and d['filter']['dropped'] == sum(d['filter_drops'].values())" <<< "$document")" = True ]
}

run_case() { # mode, offloads, outer family
	local mode=$1 offload=$2 family=$3 what="$1, offloads $2, IPv$3" partial=whole side
	KEY_FILE=$LAB/key$family start_client --full-tunnel --xdp $mode --strategy redundant -i up1,datapath=udp -i up2,datapath=xdp
	wait_for 10 client_paths_up 2 || fail "$what: two uplinks, but not two paths"
	[ "$(of_uplink up2 "u['datapath']")" = "xdp $mode" ] || lab_blames_kernel_for_xsk "xsk-${mode/native/copy}"
	assert_equal "$what: the filter of up1" "$(of_uplink up1 "u['xdp']")" $mode
	transfer_begin $INTERNET4 --up 2 --down 2
	link_carries 1 10 100000
	link_carries 2 10 100000
	wait_for 10 frames_moved 200 || fail "$what: AF_XDP moved $(of_uplink up2 "u['af_xdp']")"

	[ $offload = off ] || partial=partial
	assert_equal "$what: checksums of the socket's datagrams" "$(checksums net gw1)" $partial
	assert_equal "$what: checksums of AF_XDP's datagrams" "$(checksums net gw2)" whole
	assert_equal "$what: checksums of the server's datagrams" "$(checksums net srv)" $partial
	transfer_goes_on "$what" 10 200000
	transfer_end

	assert_equal "$what: frames that AF_XDP dropped" "$(of_uplink up2 "[n for k, n in u['af_xdp'].items() if k.startswith('drop_') and n]")" "[]"
	for side in client server; do
		wait_for 10 sums_agree ${side}_status || fail "$what: the $side's filter does not add up: $(json "[d['filter'], d['filter_drops']]" <<< "$document")"
		assert_equal "$what: what the $side dropped as wrong" "$(${side}_status | json "[k for k in ('short', 'unknown_type', 'bad_header', 'forged', 'bad_mac') if d['drops'][k]]")" "[]"
		assert_equal "$what: checksums that the $side's kernel refused" "$(wrong_checksums $side | tr '\n' ' ')" "0 0 "
	done
	lab_stop client || fail "$what: the client ends with an error"
	note "$what"
}

for mode in native generic; do
	for offload in on off; do
		offloads $offload
		: > "$LAB/server.log"
		start_server --xdp $mode --strategy redundant
		for family in 4 6; do
			address=$SERVER4:$PORT
			[ $family = 4 ] || address="[$SERVER6]:$PORT"
			[ -f "$LAB/key$family" ] || { client_key only$family "$address" && mv "$LAB/only$family.key" "$LAB/key$family"; }
			run_case $mode $offload $family
		done
		lab_stop server || fail "the server ends with an error"
	done
done
