#!/bin/bash
# SPDX-License-Identifier: MIT
# triglav-ctl attach filter, detach filter: the XDP filter put on and taken off while client and server run and traffic flows, in both modes, of one uplink
# and of all; what comes later follows; known sessions are known to it at once; nothing is left behind by many rounds.
. "$(dirname "$0")/lab.sh"
need_triglav

CTL=$BUILD/triglav-ctl
lab_new plain plain
start_internet
start_server --workers 2
start_client --full-tunnel --rekey-interval 1s
wait_for 10 client_paths_up 2 || fail "not both paths are up"

on() { # client or server, the words of triglav-ctl
	local side=$1
	shift
	in_"$side" "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-${side:0:1}"
}
answers() { # what, expression in d, side, words...
	local what=$1 expression=$2
	shift 2
	on "$@" --json > "$LAB/answer.json" || fail "$what failed"
	[ "$(json "bool($expression)" < "$LAB/answer.json")" = True ] || fail "$what: $expression does not hold in $(cat "$LAB/answer.json")"
}
refuses() { # a piece of what is said, side, words...
	local says=$1 said
	shift
	if said=$(on "$@" 2>&1); then fail "$* worked: $said"; fi
	[[ $said == *"$says"* ]] || fail "$* does not say \"$says\": $said"
}
has_xdp() { in_ns "$1" ip -d link show dev "$2" | grep -q "$3"; } # namespace, interface, "prog/xdp" or "xdpgeneric"
modes() { client_status | json "[u['xdp'] for u in d['uplinks']]"; }
descriptors() { find "/proc/${LAB_PID[$1]}/fd" -type l | wc -l; }

# Datagrams of strangers with indices that nobody knows.
junk() { # count
	in_internet $PYTHON -I -c "
import os, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('$SERVER4', $PORT))
for i in range($1):
    index = struct.unpack('>I', os.urandom(4))[0] & ~63
    s.send(bytes([4, 0]) + os.urandom(2) + struct.pack('>I', index) + os.urandom(1192))
    if i % 100 == 99:
        time.sleep(0.001)"
}

assert_equal "no filter at first" "$(client_status | json 'd["filter"]')" None
transfer_begin $INTERNET4 --up 10 --down 10
refuses "it is not attached" client detach filter
refuses "segmentation offload an XDP program takes away" client attach filter
answers "both" '[(p["uplink"], p["mode"], p["changed"]) for p in d] == [("up1", "native", True), ("up2", "native", True)]' client attach filter --mode native
has_xdp client up1 "prog/xdp" || fail "no program on up1"
assert_equal "status" "$(modes)" '["native", "native"]'
refuses "it is attached already" client attach filter --mode native
refuses "there is no uplink up9" client attach filter --uplink up9
refuses "expected auto, native or generic" client attach filter --mode fast
refuses "are for the filter" client attach lanes --mode native
transfer_goes_on "the filter was put on" 20 200000
passes() { [ "$(counter client_status filter.passed)" -gt 100 ]; }
wait_for 10 passes || fail "nothing passes the filter"
assert_equal "known sessions that it dropped" "$(counter client_status filter_drops.no_session)" 0
note "on both uplinks of a client"

answers "one off" '[(p["uplink"], p["mode"]) for p in d] == [("up1", "off")]' client detach filter --uplink up1
assert_equal "status" "$(modes)" '["off", "native"]'
if has_xdp client up1 xdp; then fail "a program is left on up1"; fi
link_down 1
link_up 1
wait_for 10 client_paths_up 2 || fail "up1 does not come back"
assert_equal "up1 came back, and without it" "$(modes)" '["off", "native"]'
answers "the other way" '[(p["uplink"], p["mode"], p["changed"]) for p in d] == [("up1", "generic", True), ("up2", "generic", True)]' client attach filter --mode generic
has_xdp client up2 xdpgeneric || fail "up2 is not in generic mode"
transfer_goes_on "in generic mode" 20 200000
client_uplink remove up2
client_uplink add up2
wait_for 10 client_paths_up 2 || fail "up2 does not come back"
assert_equal "an uplink that comes later" "$(modes)" '["generic", "generic"]'
transfer_goes_on "one came back" 20 200000
note "one of them, another mode, and those that come later"

answers "the server" '[(p["uplink"], p["mode"]) for p in d] == [("eth0", "native")]' server attach filter --uplink eth0 --mode native
refuses "does not listen on eth7" server attach filter --uplink eth7
has_xdp server eth0 "prog/xdp" || fail "no program on eth0"
before=$(counter server_status drops.no_session)
junk 3000
dropped() { [ "$(counter server_status filter_drops.no_session)" = 3000 ]; }
wait_for 10 dropped || fail "dropped: $(counter server_status filter_drops.no_session) of 3000, and none that is known"
assert_equal "junk that reached the daemon" "$(counter server_status drops.no_session)" "$before"
transfer_goes_on "junk" 20 200000
assert_equal "still none that is known" "$(counter server_status filter_drops.no_session)" 3000
answers "off" '[(p["uplink"], p["mode"]) for p in d] == [("eth0", "off")]' server detach filter
junk 500
reached() { [ "$(counter server_status drops.no_session)" -gt "$before" ]; }
wait_for 10 reached || fail "without the filter no junk reaches the daemon: this test shows nothing"
if has_xdp server eth0 xdp; then fail "a program is left on eth0"; fi
note "of a server with two workers: junk ends there, sessions go on"

client_fds=$(descriptors client) server_fds=$(descriptors server)
answers "off" 'all(p["mode"] == "off" for p in d)' client detach filter
off_fds=$(descriptors client)
for round in $(seq 25); do
	mode=native
	[ $((round % 2)) = 0 ] || mode=generic
	on client attach filter --mode $mode > /dev/null
	on server attach filter --mode $mode > /dev/null
	on client detach filter > /dev/null
	on server detach filter > /dev/null
done
transfer_goes_on "25 rounds" 20 200000
assert_equal "descriptors of the client" "$(descriptors client)" "$off_fds"
assert_equal "descriptors of the server" "$(descriptors server)" "$server_fds"
assert_true "each filter was one" "$client_fds - $off_fds == 2"
assert_equal "none is left" "$(modes)" '["off", "off"]'
transfer_end
assert_equal "sessions of all that time" "$(grep -c ' connected: ' "$LAB/client.log")" 1
note "25 rounds leave nothing"

on client attach filter --mode native > /dev/null
lab_stop client KILL || true
gone() { ! has_xdp client up1 xdp && ! has_xdp client up2 xdp; }
wait_for 5 gone || fail "a killed client leaves its program"
lab_stop server
start_server --no-lanes
start_client --full-tunnel --no-lanes
answers "nothing was loaded before" 'd[0]["mode"] == "native"' client attach filter --uplink up1 --mode native
answers "nor at the server" 'd[0]["mode"] == "native"' server attach filter --mode native
assert_equal "through both" "$(seen_as $INTERNET4)" $SERVER4
note "killed; and loaded only then"
