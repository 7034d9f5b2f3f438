#!/bin/bash
# SPDX-License-Identifier: MIT
# triglav-ctl against a client and a server that carry traffic: every command as a table and as JSON, and what they say is compared with
# what is known from elsewhere.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1
CTL=$BUILD/triglav-ctl
[ -x "$CTL" ] || fail "build/triglav-ctl is missing"

lab_new "rate=20mbit delay=5ms" "rate=10mbit delay=20ms"

on() { # client or server, the words of triglav-ctl
	local side=$1
	shift
	in_$side "${seen_by[@]}" "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-${side:0:1}"
}
seen_by=()	# or TERMINAL

# Both ask again for some seconds: on a busy machine rates, classes and states are not always what they should be.
said=
does_say() { # pattern, command...
	local pattern=$1
	shift
	said=$("$@" 2>&1) && grep -Eq -- "$pattern" <<< "$said"
}
says() { # what, pattern, command...
	local what=$1 pattern=$2
	shift 2
	try_for 10 does_say "$pattern" "$@" || fail "$what: no '$pattern' of '$*' in: $said"
}

refuses() { # exit code, a piece of what is said, command...
	local code=$1 says=$2 got=0 said
	shift 2
	said=$("$@" 2>&1) || got=$?
	assert_equal "exit code of $*: $said" $got "$code"
	[[ $said == *"$says"* ]] || fail "$* does not say \"$says\": $said"
}

does_hold() { # expression in d, command...
	local expression=$1
	shift
	said=$("$@" 2>&1) && [ "$(json "bool($expression)" <<< "$said" 2> /dev/null)" = True ]
}
holds() { # what, expression in d, command...
	local what=$1 expression=$2
	shift 2
	try_for 10 does_hold "$expression" "$@" || fail "$what: $expression does not hold for '$*': ${said:0:400}"
}
# As wait_for, which runs the command where it cannot leave what it read.
try_for() { # limit in seconds, command...
	local limit=$1 end
	shift
	end=$(($(lab_ms) + limit * 1000))
	until "$@"; do
		[ "$(lab_ms)" -lt $end ] || return 1
		read -r -t 0.1 < "$LAB/never" || true
	done
}

start_internet
start_server
start_client --full-tunnel
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
transfer_begin $INTERNET4 --up 40 --down 40
link_carries 1 30 500000
link_carries 2 30 100000

# --- paths ---
for side in client server; do
	says "paths of the $side" '(up1|path 0) +up +[0-9.]+ ms +[0-9.]+ % +([0-9.]+ .?bit/s|unknown) +[0-9]+ %' on $side paths
	says "all of the paths of the $side" '(up1|path 0) +up +[0-9.]+ ms +[0-9.]+ % +([0-9.]+ .?bit/s|unknown) +[0-9]+ % +[0-9.]+ ms +[0-9.]+ ms +[0-9.]+ .?bit/s +[0-9.]+ k?B +1[0-9]{3}' \
		on $side paths --detailed
	holds "paths of the $side" 'len(d) == 2 and all(p["state"] == "up" and p["sent_bytes"] > 0 for p in d)' on $side paths --json
	holds "shares of the $side" '0.99 < sum(p["share"] for p in d) < 1.01' on $side paths --json
done
holds "the round trips are those of the links" '[p["uplink"] for p in sorted(d, key=lambda p: p["rtt_min_us"])] == ["up1", "up2"]' on client paths --json
holds "one uplink" 'len(d) == 1 and d[0]["uplink"] == "up2"' on client paths up2 --json
holds "one client" 'len(d) == 2 and d[0]["client"] == "laptop"' on server paths laptop --json
refuses 1 'no path of "up9" is there' on client paths up9
note "paths"

# --- clients ---
says "clients" '^laptop +connected +10\.99\.0\.[0-9]+ +2/2 +[0-9.]+ ms +[0-9.]+ .?B +[0-9.]+ .?B +[0-9]+s' on server clients
says "clients" '^laptop +[0-9a-f]{16} +connected +10\.99\.0\.[0-9]+ +fd99::[0-9a-f]+ +2/2 +[0-9.]+ ms +[0-9.]+ .?B +[0-9.]+ .?B +[0-9]+s' on server clients --detailed
client_key other
holds "only who is connected" 'len(d) == 1 and d[0]["client"] == "laptop" and d[0]["paths_up"] == 2 and d[0]["rtt_us"] > 0' on server clients --json
holds "those that are away as well" '{(c["client"], c["connected"]) for c in d} == {("default", False), ("laptop", True), ("other", False)}' on server clients --all --json
says "who is away" '^other +away .* never$' on server clients --all
holds "by its name" 'len(d) == 1' on server clients laptop --json
holds "by its address" 'd[0]["client"] == "laptop"' on server clients "$(on server clients --json | json 'd[0]["ip4"]')" --json
refuses 1 'no client "other" is connected' on server clients other
refuses 2 "clients are what a server has" on client clients
note "clients"

# --- counters and drops: the names and the meanings of the source's one list ---
says "counters" '^engine +sessions_opened +1 +sessions that became usable' on client counters
says "counters" '^tun +packets_read +[0-9]+ +inner packets read' on client counters
holds "counters" 'd["engine"]["sessions_opened"] == 1 and d["tun"]["bytes_read"] > 500000' on client counters --json
listed=$(sed -n '/#define TUNNEL_COUNTERS/,/^$/ s/^\tX(\([a-z_]*\), .*/\1/p' "$ROOT/user/tunnel/tunnel.h" | sort | tr '\n' ' ')
assert_equal "the counters' names" "$(on server counters --json | json '" ".join(sorted(d["engine"])) + " "')" "$listed"
listed=$(sed -n 's/^\tX([A-Z_]*, "\([a-z_]*\)", .*/\1/p' "$ROOT/include/triglav/maps.h" | sort | tr '\n' ' ')
assert_equal "the drops' names" "$(on server drops --json | json '" ".join(sorted(d["engine"])) + " "')" "$listed"
says "every reason" '^forged +[0-9]+ +engine +authentication failed$' on server drops --all
# Junk that no key here knows: counted by its reason, and first in the list.
in_internet $PYTHON -I -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(500): s.sendto(b"\xee" * 40, (sys.argv[1], int(sys.argv[2])))' $SERVER4 $PORT
junk_is_counted() { [ "$(on server drops --json | json "d['engine']['unknown_type'] > 100")" = True ]; }
wait_for 5 junk_is_counted || fail "junk is not among the drops: $(on server drops)"
says "drops" '^unknown_type +[0-9]+ +engine +no such datagram type$' on server drops
assert_equal "the most frequent reason comes first" "$(on server drops | awk 'NR > 1 && /^[a-z]/ { print $2 }' | sort -rnc 2>&1)" ""
holds "drops at the device" 'set(d["tun"]) == {"drop_no_buf", "drop_malformed", "drop_write"}' on client drops --json
# What the server's firewall drops is nothing of the engine's, and stands with the rest.
in_client ping -q -c 3 -i 0.2 -W 0.2 192.168.7.7 > /dev/null || true	# a private network that nobody allowed
says "drops of the firewall" '^private_destination +[1-9][0-9]* +firewall +to a private network' on server drops
says "drops of the firewall in status" 'dropped by the firewall: .*private_destination [1-9]' in_server "$TRIGLAV" status --detailed --runtime-dir "$LAB/run" --name "$LAB_ID-s"
table=$(in_server nft list tables | sed -n 's/^table inet \(triglav_.*\)$/\1/p')
of_nft() { in_server nft list counter inet "$table" private_destination | sed -n 's/.*packets \([0-9]*\) .*/\1/p'; }
as_nft() { [ "$(on server drops --all --json | json 'd["firewall"]["private_destination"]')" = "$(of_nft)" ]; }
try_for 5 as_nft || fail "of the firewall triglav-ctl says $(on server drops --all --json), nft $(of_nft)"
holds "a client has no such firewall" '"firewall" not in d' on client drops --json
# Counters alone are asked for: no session, path or flow is looked at and written down for them.
answer_has() { # client or server, command, more of the request: top-level names and bytes of the daemon's answer
	$PYTHON -I - "$LAB/run/$LAB_ID-${1:0:1}.sock" "$2" "${3:-{\}}" << 'EOP'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(json.dumps({"command": sys.argv[2], **json.loads(sys.argv[3])}).encode() + b"\n")
got = b""
while not got.endswith(b"\n"):
    got += s.recv(1 << 20)
print(" ".join(sorted(json.loads(got))))
print(len(got))
EOP
}
for side in client server; do
	assert_true "what the $side tells of counters" "set('$(answer_has $side counters | head -n 1)'.split()) <= set('ok counters drops filter filter_drops firewall_drops programs_refused tun_counters af_xdp handover'.split())"
	same() { [ "$(on $side drops --json | json 'd["engine"]')" = "$(in_$side "$TRIGLAV" status --json --runtime-dir "$LAB/run" --name "$LAB_ID-${side:0:1}" | json 'd["drops"]')" ]; }
	wait_for 5 same || fail "counters and status of the $side do not agree"
done
# The firewall is asked only for who shows it.
assert_true "a status for paths and clients" "'firewall_drops' not in '$(answer_has server status | head -n 1)'.split()"
assert_true "a detailed one" "'firewall_drops' in '$(answer_has server status '{"detailed": true}' | head -n 1)'.split()"
# And by nothing else: a daemon that knows only that request.
mkdir "$LAB/fake"
lab_run fake client $PYTHON -I -c 'import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print("ready", flush=True)
while True:
    c, _ = s.accept()
    wanted = json.loads(c.makefile().readline() or "{}").get("command")
    print(wanted, flush=True)
    c.sendall(json.dumps({"ok": True, "drops": {"forged": 4}, "counters": {"rekeys": 7}} if wanted == "counters" else {"ok": False, "error": "no"}).encode() + b"\n")
    c.close()' "$LAB/fake/one.sock"
wait_for 5 grep -q ready "$LAB/fake.log" || fail "no stand-in"
fake() { in_client "$CTL" "$@" --runtime-dir "$LAB/fake" --name one; }
holds "counters are asked for as such" 'd == {"engine": {"rekeys": 7}}' fake counters --json
holds "drops, too" 'd == {"engine": {"forged": 4}}' fake drops --json
assert_equal "what was asked" "$(sed 1d "$LAB/fake.log" | sort -u)" counters
lab_stop fake KILL || true
note "counters and drops"

# --- monitor ---
says "monitor" 'connected, sends [0-9.]+ .?bit/s, receives [0-9.]+ .?bit/s' on client monitor --count 1 --interval 0.5
on client monitor --count 2 --interval 0.5 > "$LAB/monitor.txt"
assert_equal "pictures" "$(grep -c '^PATH ' "$LAB/monitor.txt")" 3
if grep -q $'\033' "$LAB/monitor.txt"; then fail "a picture into a file clears the screen"; fi
on client monitor --json --count 2 --interval 0.5 > "$LAB/monitor.json"
assert_equal "a line for each interval" "$(wc -l < "$LAB/monitor.json")" 2
holds "rates" 'd["sent_bytes_per_second"] > 1000 and d["received_bytes_per_second"] > 1000' on client monitor --json --count 1 --interval 0.5
holds "the sum is that of the paths" 'abs(sum(p["sent_bytes_per_second"] for p in d["paths"]) - d["sent_bytes_per_second"]) <= 2' tail -n 1 "$LAB/monitor.json"
holds "monitor of a server" 'd["sessions"] == 1 and {p["client"] for p in d["paths"]} == {"laptop"} and d["received_bytes_per_second"] > 1000' \
	on server monitor --json --count 1 --interval 0.5
says "monitor of a server" '^laptop +path [0-9]+ +up ' on server monitor --count 1 --interval 0.3
lab_run monitor client "$CTL" monitor --interval 0.2 --runtime-dir "$LAB/run" --name "$LAB_ID-c"
wait_for 5 grep -q 'CAPACITY' "$LAB/monitor.log" || fail "monitor shows nothing: $(lab_log monitor)"
lab_stop monitor INT || fail "monitor ends with an error after SIGINT"
note "monitor"
# --- what they say in common: one capacity, a mark of who is metered, no loss where nothing is sent, 80 columns ---
status() { in_client "${seen_by[@]}" "$TRIGLAV" status --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }
why() { in_client "${seen_by[@]}" "$TRIGLAV" why "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-c"; }
in_client "$TRIGLAV" uplink set up2 --metered --runtime-dir "$LAB/run" --name "$LAB_ID-c"
says "metered, in paths" '^up2 +up, metered ' on client paths
says "metered, in status" '^    metered: ' status
in_client "$TRIGLAV" uplink set up2 --runtime-dir "$LAB/run" --name "$LAB_ID-c"
widest() { awk '{ if (length > most) most = length } END { print most + 0 }'; }
seen_by=("${TERMINAL[@]}")
for command in "on client paths" "on server paths" "on client flows" "on server flows" "on server clients" "on client counters" "on server drops" "on server drops --all" \
	"on client monitor --count 2 --interval 0.3" "on server monitor --count 2 --interval 0.3" "why tcp $INTERNET4"; do
	shown=$($command)
	assert_true "columns of '$command': $shown" "0 < $(widest <<< "$shown") <= 80"
done
assert_true "columns of status" "0 < $(status | widest) <= 80"
assert_true "on a terminal meanings are folded" "$(on server drops --all | grep -c '^ ') > 0"
seen_by=()
assert_equal "lines in a pipe that are no rows" "$(on server drops --all | grep -vc '^[a-z_]* .* [a-z]' || true)" 1
assert_true "in a pipe nothing is folded" "$(on server drops --all | widest) > 80"
# The estimates move under a transfer, so it rests.
lab_stop transfer || true
capacities() { # of up1, as each tells it
	{ status; on client paths; why 198.51.100.77; } | sed -n 's/^ *up1 .*[ %] \([0-9.]* .\?bit\/s\|unknown\) .*/\1/p' | sort -u
}
one_capacity() { [ "$(capacities | wc -l)" = 1 ] && [ "$({ status; on client paths; why 198.51.100.77; } | grep -c '^ *up1 .*\(bit/s\|unknown\)')" = 3 ]; }
wait_for 10 one_capacity || fail "an idle path has more than one capacity: $(status; on client paths; why 198.51.100.77)"
link_cut 2
no_loss() { on client paths | grep -Eq '^up2 +(suspect|down) +[0-9.]+ ms +- ' && status | grep -Eq '^up2 +(suspect|down) +[0-9.]+ ms +- '; }
wait_for 20 no_loss || fail "a path that is not up has a loss: $(on client paths; status)"
link_restore 2
wait_for 20 client_paths_up 2 || fail "the link does not come back"
transfer_begin $INTERNET4 --up 40 --down 40
link_carries 1 30 500000
note "in common: $(capacities | tr '\n' ' ')"

# --- flows ---
held() { transfer_value up; }	# bytes the transfer is known to have moved
for side in client server; do
	says "flows of the $side" '^(laptop +)?tcp +[0-9.]+:[0-9]+ +[0-9.]+:[0-9]+ +bulk +striped +[0-9.]+[kM]?( +|/)[0-9.]+[kM]?' on $side flows tcp
	holds "the transfer is the first" 'd["flows"][0]["sent_bytes_per_second"] > 1000 and d["flows"][0]["received_bytes_per_second"] > 1000' \
		on $side flows --json
done
holds "both ends tell of the same flow" '(d["flows"][0]["from"], d["flows"][0]["to"]) == tuple(reversed("'"$(on client flows --json | json 'd["flows"][0]["from"] + " " + d["flows"][0]["to"]')"'".split()))' \
	on server flows --json
holds "bytes are those that were moved" 'd["flows"][0]["sent_bytes"] > '"$(held)"' and d["flows"][0]["received_packets"] > 100' on client flows --json
holds "its two connections, and no more" 'd["matched"] <= 2 and all(f["to"].startswith("'"$INTERNET4"':") for f in d["flows"])' on client flows tcp $INTERNET4 --json
in_client ping -q -c 5 -i 0.2 -W 2 $INTERNET4 > /dev/null || fail "no ping"
holds "a ping is sparse, by the fastest path" '[(f["class"], f["path"], f["sent_packets"]) for f in d["flows"]] == [("sparse", "up1", 5)]' on client flows icmp --json
says "a ping in the table" '^icmp +10\.99\.0\.[0-9]+ +'"$INTERNET4"' +sparse +up1 ' on client flows icmp
holds "none of another network" 'd["matched"] == 0 and d["live"] >= 2' on client flows 192.0.2.0/24 --json
says "none of another network" 'none of the live flows fits' on client flows 192.0.2.0/24
holds "the oldest first" 'd["flows"] == sorted(d["flows"], key=lambda f: -f["age_us"])' on client flows --sort age --json
holds "the first only" 'len(d["flows"]) == 1 and d["matched"] >= 2' on client flows --top 1 --json
says "the first only" '^1 of [0-9]+; --top' on client flows --top 1
holds "of one client" 'd["matched"] >= 1 and {f["client"] for f in d["flows"]} == {"laptop"}' on server flows --client laptop --json
holds "of a client that is away" 'd["matched"] == 0' on server flows --client other --json
refuses 1 'there is no client "nobody" here' on server flows --client nobody
refuses 2 'it has no clients to choose from' on client flows --client laptop
note "flows"
# --- log ---
says "the last lines" '^[0-9:.]+ info +sessions connected: 10\.99\.0\.[0-9]+' on client log --lines 256
holds "the last lines" 'any(l["area"] == "sessions" and "connected, 10.99.0." in l["text"] for l in d)' on server log --json --lines 256
holds "of one area" '{l["area"] for l in d} == {"uplinks"}' on client log --area uplinks --json
holds "as many as asked for" 'len(d) == 1' on client log --lines 1 --json
says "levels" '^uplinks +info +interfaces' on client log levels
lab_run follow client "$CTL" log -f --lines 1 --runtime-dir "$LAB/run" --name "$LAB_ID-c"
follow() { # what comes is what happens from now on
	wait_for 5 grep -q "$1" "$LAB/follow.log" || fail "log -f does not show \"$1\": $(lab_log follow)"
}
wait_for 5 test -s "$LAB/follow.log" || fail "log -f shows nothing"	# from here on it misses no line
lab_runs follow || fail "log -f does not stay"
says "a level of one area" '^host +info' on client log debug --area uplinks
follow 'log level of uplinks: debug'
holds "the level of one area" '(d["levels"]["uplinks"], d["levels"]["host"]) == ("debug", "info")' on client log levels --json
on client log warn > /dev/null
assert_equal "the level of all areas" "$(on client log levels --json | json 'sorted(set(d["levels"].values()))[0]')" warn
in_client "$TRIGLAV" uplink add nosuch7 --runtime-dir "$LAB/run" --name "$LAB_ID-c" 2> /dev/null
in_client "$TRIGLAV" uplink remove nosuch7 --runtime-dir "$LAB/run" --name "$LAB_ID-c"
if grep -q 'nosuch7: removed' "$LAB/client.log"; then fail "at level warn something is told that is only info"; fi
on client log info > /dev/null
in_client "$TRIGLAV" uplink add nosuch8 --runtime-dir "$LAB/run" --name "$LAB_ID-c" 2> /dev/null
in_client "$TRIGLAV" uplink remove nosuch8 --runtime-dir "$LAB/run" --name "$LAB_ID-c"
follow 'uplink nosuch8: removed by command'
if grep -q 'nosuch7' "$LAB/follow.log"; then fail "what is not logged is followed"; fi
assert_equal "what is followed is what is written" "$(grep -c nosuch8 "$LAB/follow.log")" "$(grep -c nosuch8 "$LAB/client.log")"
lab_stop follow INT || fail "log -f ends with an error after SIGINT"
refuses 2 'expected error, warn, info or debug' on client log loud
refuses 2 'expected one of daemon, sessions' on client log debug --area nothing
note "log"

lab_stop transfer || true	# it was there to be looked at; whether all of it arrives other tests ask
refuses 3 "no triglav named \"tg9\" runs" "$CTL" paths --runtime-dir "$LAB/run" --name tg9
for words in paths flows clients counters drops monitor log; do
	refuses 3 'no triglav runs here' "$CTL" $words --runtime-dir "$LAB/none"
	refuses 2 "see triglav-ctl $words --help" "$CTL" $words --nosuchflag
done
