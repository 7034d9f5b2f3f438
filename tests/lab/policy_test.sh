#!/bin/bash
# SPDX-License-Identifier: MIT
# What the user wants of some packets: triglav-ctl policy by mark, DSCP, port and cgroup; the path that is named, and any other when it is gone; the classifier taken
# off and put on again while traffic flows.
. "$(dirname "$0")/lab.sh"
need_triglav

CTL=$BUILD/triglav-ctl
# Two paths that a round trip tells apart: up1 takes 40 ms longer. A small flow goes by up2 of itself.
lab_new "rate=100mbit delay=45ms" "rate=100mbit delay=5ms"
start_internet
start_server
start_client --full-tunnel --no-copies
if grep -q "no lanes" "$LAB/client.log"; then lab_blames_kernel "$(grep -m 1 'no lanes' "$LAB/client.log")" clsact tun-steering; fi
wait_for 10 client_paths_up 2 || fail "not both paths are up"

ctl() { in_client "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }
least_ms() { # command of ping...
	"$@" -q -n -c 5 -i 0.02 -W 2 $INTERNET4 | sed -n 's/^rtt [^=]*= \([0-9.]*\).*/\1/p'
}
# up2 both ways is 10 ms; up1 out and up2 back, as the server likes, 50 ms.
by_fast() { assert_true "$1: $2 ms, so by up2" "$2 < 40"; }
by_slow() { assert_true "$1: $2 ms, so by up1" "$2 >= 45"; }

fast_now() { local ms; ms=$(least_ms in_client ping); awk "BEGIN { exit !(${ms:-99} < 40) }"; }
wait_for 15 fast_now || fail "small packets do not take the fast path"
assert_equal "policies at first" "$(ctl policy list --json | json "len(d)")" 0

ctl policy add --mark 7 path up1
by_slow "marked" "$(least_ms in_client ping -m 7)"
by_fast "another mark" "$(least_ms in_client ping -m 8)"
by_fast "no mark" "$(least_ms in_client ping)"
ctl policy add --dscp ef path up1
by_slow "DSCP" "$(least_ms in_client ping -Q 0xb8)"
by_fast "another DSCP" "$(least_ms in_client ping -Q 0x20)"
assert_equal "the list" "$(ctl policy list --json | json "sorted((p['kind'], p['text'], p['class'], p['path']) for p in d) == [('dscp', 'ef', 'auto', 'up1'), ('mark', '7', 'auto', 'up1')]")" True
note "by mark and DSCP"

ctl policy remove --mark 7
by_fast "removed" "$(least_ms in_client ping -m 7)"
by_slow "the other policy stays" "$(least_ms in_client ping -Q 0xb8)"
assert_fails "removing it twice" ctl policy remove --mark 7
assert_fails "two kinds at once" ctl policy add --mark 7 --dscp 1 class bulk
assert_fails "no wish" ctl policy add --mark 7
[ -z "$(ctl policy add --mark 7 path up1 2>&1)" ] || fail "an uplink that is there is said not to be"
said=$(ctl policy add --mark 7 path wwan9 2>&1) || fail "a path that may come is refused: $said"
[[ $said == *"no uplink has that name now"* ]] || fail "nothing is said of a path that is not there: $said"
ctl policy remove --mark 7
assert_fails "an unknown class" ctl policy add --mark 7 class golden
assert_fails "a folder that is no cgroup" ctl policy add --cgroup /tmp class bulk
note "removed, and mistakes are refused"

# Off: the policies rest. On: they hold again, and the traffic goes on all the time.
transfer_begin $INTERNET4 --up 20 --down 20
ctl detach lanes
assert_fails "detaching it twice" ctl detach lanes
assert_equal "filters when detached" "$(in_client tc filter show dev tg0 egress | grep -c tg_tunnel || true)" 0
by_fast "detached" "$(least_ms in_client ping -Q 0xb8)"
ctl attach lanes
assert_fails "attaching it twice" ctl attach lanes
by_slow "attached again" "$(least_ms in_client ping -Q 0xb8)"
transfer_goes_on "detaching and attaching" 10 500000
transfer_end
note "detached and attached again"

# The wanted path goes: any other. It comes back with another number: the policy still means it.
link_down 1
other_path() { local ms; ms=$(least_ms in_client ping -Q 0xb8); awk "BEGIN { exit !(${ms:-99} < 40) }"; }
wait_for 10 other_path || fail "with its path gone a policy holds its packets back"
link_up 1
same_path() { local ms; ms=$(least_ms in_client ping -Q 0xb8); awk "BEGIN { exit !(${ms:-0} >= 45) }"; }
wait_for 15 same_path || fail "the path is back, and the policy does not hold again"
note "its path gone and back"

CGROUPS=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
GROUP=$CGROUPS/$LAB_ID
if [ -n "$CGROUPS" ] && mkdir "$GROUP" 2> /dev/null; then
	mkdir "$GROUP/below"
	in_group() { # cgroup, command...
		local group=$1
		shift
		(echo $BASHPID > "$group/cgroup.procs" && "$@")
	}
	of_group() { # all that needs the folders; they go whatever it says
		"$CTL" policy add --cgroup "$GROUP" path up1 --runtime-dir "$LAB/run" --name "$LAB_ID-c" || return 1
		by_slow "a process of the cgroup" "$(in_group "$GROUP" least_ms in_client ping)"
		by_slow "one of a cgroup below it" "$(in_group "$GROUP/below" least_ms in_client ping)"
		by_fast "one of another" "$(least_ms in_client ping)"
		ctl policy add --mark 9 path up2
		by_fast "the mark counts first" "$(in_group "$GROUP" least_ms in_client ping -m 9)"
	}
	result=0
	(of_group) || result=$?
	rmdir "$GROUP/below" "$GROUP"
	[ $result = 0 ] || fail "policies by cgroup"
	note "by cgroup, and by one below it"
else
	note "no cgroup can be made here: policies by cgroup are not looked at"
fi

# A server has them as well, without paths.
in_server "$CTL" policy add --port udp/7 class realtime --runtime-dir "$LAB/run" --name "$LAB_ID-s"
assert_fails "a path of a server" in_server "$CTL" policy add --mark 7 path up1 --runtime-dir "$LAB/run" --name "$LAB_ID-s"
lab_stop client
start_client --full-tunnel --no-lanes
assert_fails "policies without lanes" ctl policy add --mark 7 class bulk
note "a server's, and none without lanes"
