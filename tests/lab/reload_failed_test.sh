#!/bin/bash
# SPDX-License-Identifier: MIT
# A configuration file read again that is refused changes nothing at all; one that fails in the middle is finished by the next reload, with nothing
# new in the file. What an uplink was told goes with its line. And who follows the log of a daemon goes on with the one started after it.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1
CTL=$BUILD/triglav-ctl
command -v nft > /dev/null || skip "nft is missing"

lab_new "rate=20mbit delay=5ms" "rate=20mbit delay=10ms"

on() { # client or server, the words of triglav-ctl
	local side=$1
	shift
	in_$side "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-${side:0:1}"
}
reload() { # client or server
	on "$1" config reload --json > "$LAB/reload.json" || fail "config reload of the $1 failed: $(lab_log "$1")"
}
refuses() { # exit code, a piece of what is said, client or server
	local got=0 said
	said=$(on "$3" config reload 2>&1) || got=$?
	assert_equal "exit code of config reload: $said" $got "$1"
	[[ $said == *"$2"* ]] || fail "config reload does not say \"$2\": $said"
}
client_file() { # lines of TOML
	printf '%s\n' "$@" '[routing]' 'full_tunnel = true' 'dns = false' > "$LAB/client.toml"
}
uplinks() { client_status | json '" ".join(sorted(u["name"] for u in d["uplinks"]))'; }

# Somebody else owns the table for as long as the shell's pipe is open: what the daemon does to it fails, in this kernel, for real.
own_table() { # client or server, name
	mkfifo "$LAB/nft.pipe"
	lab_run owner "$1" bash -c 'exec nft -i < "$0"' "$LAB/nft.pipe"
	exec 8> "$LAB/nft.pipe"
	echo "add table inet $2 { flags owner; }" >&8
	wait_for 10 table_is_there "$1" "$2"
}
disown_table() { # client or server, name
	exec 8>&-
	lab_stop owner || true
	rm -f "$LAB/nft.pipe"
	wait_for 10 table_is_gone "$1" "$2"
}
table_is_there() { grep -q "inet $2\$" <<< "$(in_$1 nft list tables)"; }
table_is_gone() { ! table_is_there "$1" "$2"; }

start_internet
printf '[server]\nmax_connections = 7\n' > "$LAB/server.toml"
start_server --config "$LAB/server.toml"
client_file '[client]' 'uplinks = ["up1"]'
client_key laptop
: > "$LAB/client.log"
lab_run client client "$TRIGLAV" tun --key-file "$LAB/laptop.key" --config "$LAB/client.toml" --tun-name tg0 --name "$LAB_ID-c" \
	--runtime-dir "$LAB/run" --state-dir "$LAB/client-state"
wait_for 15 client_is_connected || fail "the client does not connect"

# --- refused: not even what stands before it in the file is done ---
client_file '[log]' 'level = "debug"' '[multipath.scheduler]' 'strategy = "blest"' '[client]' 'uplinks = ["up1", "up2", "tg0"]'
refuses 2 "tg0 is the tunnel's own device" client
client_file '[client]' "uplinks = [\"up1\"$(for i in $(seq 16); do printf ', "x%u"' "$i"; done)]"
refuses 2 'client.uplinks' client
client_uplink add up2
client_file '[client]' "uplinks = [\"up1\"$(for i in $(seq 15); do printf ', "x%u"' "$i"; done)]"
refuses 2 'that would be 17 uplinks' client
assert_equal "strategy, level, uplinks" "$(client_status | json 'd["strategy"]') $(on client log levels --json | json 'd["levels"]["host"]') $(uplinks)" "adaptive info up1 up2"
client_uplink remove up2
client_file '[client]' 'uplinks = ["up1"]'
reload client
assert_equal "the file as it was" "$(json '[d["changed"], d["needs_restart"], d.get("again")]' < "$LAB/reload.json")" '[[], [], null]'
# All places may be given to others at once.
client_file '[client]' "uplinks = [\"up2\"$(for i in $(seq 15); do printf ', "x%u"' "$i"; done)]"
reload client
wait_for 10 client_paths_up 1 || fail "the new uplink has no path: $(lab_log client)"
client_file '[client]' 'uplinks = ["up1", "up2"]'
reload client
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
note "refused, and done in another order where there is no room"

# --- what failed is done by the next reload ---
in_client nft list tables > "$LAB/tables" 2>&1
table=$(sed -n "s/^table inet \(triglav_.*\)_client\$/\1/p" "$LAB/tables")_ks
[ "$table" != _ks ] || fail "no table of the client: $(cat "$LAB/tables")"
own_table client "$table" || skip "tables cannot be owned here: $(lab_log owner)"
printf '%s\n' '[client]' 'uplinks = ["up1", "up2"]' '[routing]' 'full_tunnel = true' 'kill_switch = true' 'dns = false' > "$LAB/client.toml"
refuses 4 'kill switch' client
assert_equal "the kill switch, by status" "$(client_status | json '[d["kill_switch"], d["kill_switch_wanted"]]')" '[false, true]'
grep -q 'the kill switch is NOT up' <<< "$(in_client "$TRIGLAV" status --runtime-dir "$LAB/run" --name "$LAB_ID-c")" || fail "status does not say that there is no kill switch"
refuses 4 'kill switch' client
disown_table client "$table" || fail "the other's table stays"
reload client
assert_equal "only what had failed" "$(json '[d["changed"], d["again"]]' < "$LAB/reload.json")" '[[], true]'
table_is_there client "$table" || fail "no kill switch: $(in_client nft list tables)"
assert_equal "the kill switch, by status" "$(client_status | json '[d["kill_switch"], d["kill_switch_wanted"]]')" '[true, true]'
in_client ping -q -c 1 -W 5 $INTERNET4 > /dev/null || fail "nothing passes"
reload client
assert_equal "and once is enough" "$(json '[d["changed"], d.get("again")]' < "$LAB/reload.json")" '[[], null]'
note "a kill switch that failed"

# --- what a line said goes with it ---
of_up2() { client_status | json "[[u[k] for k in ('weight', 'metered', 'backup', 'rate_limit_bytes_per_second', 'quota_bytes', 'datapath')] for u in d['uplinks'] if u['name'] == 'up2'][0]"; }
client_file '[client]' 'auto_discover = true' 'uplinks = ["up1", { name = "up2", weight = 3, metered = true, rate = "8mbit", quota = "10GB", datapath = "xdp" }]'
reload client
told=$(of_up2)
[[ $told == '[3, true, false, 1000000, 10000000000, '* ]] || fail "up2 has not what the file says: $told"
client_file '[client]' 'auto_discover = true' 'uplinks = ["up1"]'
reload client
assert_equal "up2, found by itself now" "$(of_up2)" '[1, false, false, null, null, "udp"]'
note "an uplink's line taken out"

# --- log -f over a restart: it sleeps meanwhile, else it would see that there is no daemon ---
lab_run follow server "$CTL" log -f --runtime-dir "$LAB/run" --name "$LAB_ID-s"
wait_for 10 grep -q listening "$LAB/follow.log" || fail "the log is not shown: $(lab_log follow)"
kill -STOP "${LAB_PID[follow]}"
lab_stop server || fail "the server does not end well"
start_server --config "$LAB/server.toml"
kill -CONT "${LAB_PID[follow]}"
again() { [ "$(grep -c listening "$LAB/follow.log")" -ge 2 ]; }
wait_for 10 again || fail "log -f says nothing of the new daemon: $(lab_log follow)"
lab_stop follow INT || fail "log -f does not end well"
note "log -f over a restart"
