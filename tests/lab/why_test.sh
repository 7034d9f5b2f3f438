#!/bin/bash
# SPDX-License-Identifier: MIT
# triglav why: what it says of a download, of a trickle, of what is not there, and of a link that is silent is what the links show.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1

lab_new "rate=20mbit delay=10ms" "rate=10mbit delay=20ms"
start_internet
start_server
start_client --full-tunnel
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"

seen_by=()	# or TERMINAL
why() { # words of the flow
	in_client "${seen_by[@]}" "$TRIGLAV" why "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"
}
why_server() {
	in_server "${seen_by[@]}" "$TRIGLAV" why "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-s"
}
flow() { # expression in f, the first flow; words
	local expression=$1
	shift
	why "$@" --json | json "(lambda f: $expression)(d[0])"
}
path() { # name: for flow()
	echo "[p for p in f['paths'] if p['uplink'] == '$1'][0]"
}
is_so() { # expression in f, words of the flow
	[ "$(flow "$@")" = True ]
}
says() { # pattern, command...
	local pattern=$1
	shift
	"$@" > "$LAB/said"
	grep -Eq -- "$pattern" "$LAB/said" || fail "$*: no '$pattern' in: $(cat "$LAB/said")"
	seen_by=("${TERMINAL[@]}")
	"$@" > "$LAB/shown"
	seen_by=()
	if grep -E '.{81}' "$LAB/shown"; then fail "$*: wider than 80 columns"; fi
}

# Nobody talks to that host.
says 'no socket of this host has such a flow now' why 198.51.100.77
assert_true "it has no class" "$(flow "f['class'] is None and f['slot'] is None and len(f['paths']) == 2" 198.51.100.77)"
assert_fails "nonsense" why tcp somewhere

# A transfer: bulk, striped, in order.
transfer_begin $INTERNET4
link_carries 1 10 3000000 a
link_carries 2 10 1000000 a
FROM=$(in_client ss -Htn dst $INTERNET4 | awk '{ print $4 }')
wait_for 10 is_so "f['class'] == 'bulk' and f['striped'] and f['ordered'] and f['numbered_packets'] > 1000" tcp $INTERNET4:9000 ||
	fail "the transfer is not bulk: $(why tcp $INTERNET4:9000)"
assert_equal "its ends, from the host's sockets" "$(flow "f['flow']" $INTERNET4)" "tcp $FROM -> $INTERNET4:9000"
assert_equal "the whole flow and what is left out of it" "$(flow "f['slot']" tcp $FROM $INTERNET4:9000)" "$(flow "f['slot']" $INTERNET4:9000)"
wait_for 10 is_so "$(path up1)['sampled_packets'] > $(path up2)['sampled_packets'] > 0" tcp $INTERNET4:9000 ||
	fail "what it took is not what the links are: $(why tcp $INTERNET4:9000)"
assert_true "arrivals" "$(flow "all(0 < p['arrival_us'] < 2e6 for p in f['paths'] if not p['left_out'])" tcp $INTERNET4:9000)"
says '^    bulk: ' why tcp $INTERNET4:9000
says '^    up1 +good +[0-9.]+ m?s +[0-9.]+ m?s +\+[0-9.]+ m?s' why tcp $INTERNET4:9000
says '^    took: of [0-9]+ packets of it noted' why tcp $INTERNET4:9000
cp "$LAB/said" "$LAB/example"
says '^    path 0 ' why_server tcp $INTERNET4:9000 "$FROM"
says '^    bulk: ' why_server tcp "$FROM" $INTERNET4:9000	# the other way round is the same
assert_fails "a stranger's flow" why_server tcp 10.1.2.3:4 10.5.6.7:8
grep -q 'no session carries such a flow' "$LAB/assert.log" || fail "a stranger's flow: $(cat "$LAB/assert.log")"
note "a transfer: $(flow "'%s, slot %u' % (f['class'], f['slot'])" tcp $INTERNET4:9000)"

# One link falls silent, the other becomes a backup.
link_cut 1
wait_for 10 is_so "$(path up1)['left_out'] == 'it is silent' and f['bulk_path'] == $(path up2)['id'] and not f['striped'] \
	and $(path up1)['sampled_packets'] == 0 < $(path up2)['sampled_packets']" tcp $INTERNET4:9000 ||
	fail "a silent link is not left out: $(why tcp $INTERNET4:9000)"
says 'left out: it is silent' why tcp $INTERNET4:9000
link_restore 1
wait_for 10 client_paths_up 2 || fail "the link does not come back"
client_uplink set up2 --backup
wait_for 10 is_so "$(path up2)['left_out'] == 'a backup, and others are up' and $(path up2)['wanted'] == 'backup'" tcp $INTERNET4:9000 ||
	fail "a backup is not left out: $(why tcp $INTERNET4:9000)"
client_uplink set up2
transfer_end

# A trickle is sparse, and goes by the faster link.
lab_run trickle client $PYTHON -I "$ROOT/tests/lab/traffic.py" echo $INTERNET4 --rate 50 --size 100 --count 1000
wait_for 10 is_so "f['class'] == 'sparse' and f['sparse_path'] == $(path up1)['id'] and f['copy_path'] == $(path up2)['id']" udp $INTERNET4 ||
	fail "the trickle is not sparse: $(why udp $INTERNET4)"
says '^    sparse: .*' why udp $INTERNET4:7
wait_for 10 is_so "$(path up1)['sampled_packets'] > 0 and $(path up2)['sampled_packets'] == 0" udp $INTERNET4 ||
	fail "the trickle does not go by up1: $(why udp $INTERNET4)"
lab_stop trickle KILL || true
note "a trickle"

# What does not come into the tunnel, and what does not come out of it.
way() { # expression in w; words of the flow
	local expression=$1
	shift
	flow "(lambda w: $expression)(f['way'])" "$@"
}
assert_true "into the tunnel" "$(way "w['outside'] is False and w['device'] == 'tg0' and not w['to_private']" tcp $INTERNET4:443)"
CTL=$BUILD/triglav-ctl
ctl() { in_client "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }
assert_true "the uplink's own network" "$(way "w['outside'] and w['device'] == 'up2' and w['policy'] is None" 10.80.2.1)"
says "outside the tunnel, by up2: the host's routes" why 10.80.2.1
assert_true "a private network behind the server" "$(way "not w['outside'] and w['to_private']" 192.168.7.7)"
says "to a private network: the server drops it" why 192.168.7.7
assert_true "the server's own end is none" "$(way "not w['outside'] and not w['to_private']" 10.99.0.1)"
why_server tcp 192.168.7.7:80 10.99.0.2:999 > "$LAB/said" || fail "the server says nothing of it"
grep -q "to a private network that --allow does not name" "$LAB/said" || fail "the server does not say that it drops it: $(cat "$LAB/said")"
# A flow given the other way round, sources on a network behind the client, and IPv6 are all the same.
INNER4=${FROM%:*} INNER6=$(client_status | json "d['config']['ip6'].split('/')[0]")
lab_namespace lan
lab_veth client lan0 lan eth0
in_client ip addr add 10.90.0.1/24 dev lan0
in_client ip addr add 2001:db8:90::1/64 dev lan0 nodad
in_client ip link set lan0 up
in_ns lan ip link set eth0 up
in_client sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for words in "$INNER4:5555 $INTERNET4:443" "$INTERNET4:443 $INNER4:5555" "10.90.0.2:4000 $INTERNET4:443" "10.1.2.3:4000 $INTERNET4:443" \
	"[$INNER6]:5555 [$INTERNET6]:443" "[$INTERNET6]:443 [$INNER6]:5555" "[2001:db8:90::2]:4000 [$INTERNET6]:443" "[$INTERNET6]:443"; do
	assert_true "the way of $words" "$(way "w['outside'] is False and w['device'] == 'tg0' and not w['to_private']" tcp $words)"
done
for words in "$INNER4:5555 10.80.2.1:80" "10.80.2.1:80 $INNER4:5555" "10.90.0.2:4000 10.80.2.1:80" \
	"[$INNER6]:5555 [2001:db8:80:2::1]:80" "[2001:db8:90::2]:4000 [2001:db8:80:2::1]:80"; do
	assert_true "the way of $words" "$(way "w['outside'] and w['device'] == 'up2' and w['policy'] is None" tcp $words)"
done
# Without a route, or with none that is used for others, it is refused; of other errors nothing is known.
in_client sysctl -q -w net.ipv4.ip_forward=0
assert_true "not forwarded" "$(way "w['outside'] and w['device'] is None" tcp 10.90.0.2:4000 $INTERNET4:443)"
says "outside the tunnel, and refused" why tcp 10.90.0.2:4000 $INTERNET4:443
in_client ip rule add to 198.51.100.99 pref 100 prohibit
assert_true "prohibited" "$(way "w['outside'] and w['device'] is None" 198.51.100.99)"
in_client ip rule del pref 100
in_client ip rule add to 198.51.100.99 pref 100 blackhole
assert_true "an answer that says nothing" "$(way "w['outside'] is None and not w['depends']" 198.51.100.99)"
in_client ip rule del pref 100
ctl policy add --port udp/7 bypass
assert_true "a new flow" "$(way "w['outside'] and w['device'] == 'up1' and w['policy'] == 'port udp/7' and not w['policy_is_of_connection']" udp $INTERNET4:7)"
assert_true "another port" "$(way "not w['outside']" udp $INTERNET4:53)"
lab_run echo client $PYTHON -I "$ROOT/tests/lab/traffic.py" echo $INTERNET4 --rate 50 --size 100 --count 1000
of_connection() { [ "$(way "w['outside'] and w['policy_is_of_connection'] and w['policy'] == 'port udp/7'" udp $INTERNET4:7)" = True ]; }
wait_for 10 of_connection || fail "a connection that is let by: $(why udp $INTERNET4:7)"
says 'by up1: the policy "port udp/7 bypass" lets it by$' why udp $INTERNET4:7
# Its mark is forgotten with the policy.
ctl policy remove --port udp/7
inside_again() { [ "$(way "w['outside']" udp $INTERNET4:7)" = False ]; }
wait_for 10 inside_again || fail "the policy is gone, and: $(why udp $INTERNET4:7)"
lab_stop echo KILL || true
note "outside, and refused behind the server"

# What a policy by mark says of a new connection shows in its first packet, and what it said of one that is there conntrack knows.
ctl policy add --mark 0x99 bypass
assert_true "a new flow may have a mark" "$(way "w['outside'] is None and w['depends'] and w['policy'] is None and w['device'] == 'tg0'" udp $INTERNET4:53)"
says "into the tunnel, unless a policy by mark" why udp $INTERNET4:53
assert_true "out by the routes, with a mark or not" "$(way "w['outside'] is True and not w['depends'] and w['device'] == 'up2'" udp 10.80.2.1:53)"
lab_run echo client $PYTHON -I "$ROOT/tests/lab/traffic.py" echo $INTERNET4 --rate 50 --size 100 --count 1000
known_inside() { [ "$(way "w['outside'] is False and not w['depends']" udp $INTERNET4:7)" = True ]; }
wait_for 10 known_inside || fail "a connection without the mark: $(why udp $INTERNET4:7)"
lab_stop echo KILL || true
ctl policy remove --mark 0x99
assert_true "no such policy any more" "$(way "w['outside'] is False and not w['depends']" udp $INTERNET4:53)"
if ctl policy add --mark 0x99 class realtime > /dev/null 2>&1; then	# where the kernel has the classifier
	ctl policy add --port udp/53 bypass
	assert_true "a port that a mark may keep in" "$(way "w['outside'] is None and w['depends'] and w['policy'] == 'port udp/53'" udp $INTERNET4:53)"
	says 'by up1: the policy "port udp/53 bypass" lets it by' why udp $INTERNET4:53
	ctl policy remove --mark 0x99
	assert_true "nothing keeps it in" "$(way "w['outside'] is True and not w['depends'] and w['policy'] == 'port udp/53'" udp $INTERNET4:53)"
	ctl policy remove --port udp/53
fi
note "a new flow whose policy is not known"
if [ -n "${KEEP_EXAMPLE:-}" ]; then cp "$LAB/example" "$KEEP_EXAMPLE"; fi
