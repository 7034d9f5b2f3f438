#!/bin/bash
# SPDX-License-Identifier: MIT
# A configuration file read again while client and server run: what may change does, at once and while traffic flows; what needs a
# restart is named; a bad file changes nothing and is told where it is wrong. By command and by SIGHUP.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1
CTL=$BUILD/triglav-ctl

lab_new "rate=20mbit delay=5ms" "rate=10mbit delay=20ms" "rate=10mbit delay=10ms"

on() { # client or server, the words of triglav-ctl
	local side=$1
	shift
	in_$side "$CTL" "$@" --runtime-dir "$LAB/run" --name "$LAB_ID-${side:0:1}"
}
reload() { # client or server
	on "$1" config reload --json > "$LAB/reload.json" || fail "config reload of the $1 failed"
}
reloaded() { # what, expression in d
	[ "$(json "bool($2)" < "$LAB/reload.json")" = True ] || fail "$1: $2 does not hold in: $(cat "$LAB/reload.json")"
}
refuses() { # exit code, a piece of what is said, command...
	local code=$1 says=$2 got=0 said
	shift 2
	said=$("$@" 2>&1) || got=$?
	assert_equal "exit code of $*: $said" $got "$code"
	[[ $said == *"$says"* ]] || fail "$* does not say \"$says\": $said"
}
client_file() { # lines of TOML
	printf '%s\n' "$@" > "$LAB/client.toml"
}
server_file() {
	printf '%s\n' "$@" > "$LAB/server.toml"
}
uplinks() { client_status | json '" ".join(sorted(u["name"] for u in d["uplinks"]))'; }
uplinks_are() { [ "$(uplinks)" = "$1" ]; }
rule() { # pattern: is there such a rule of ours?
	grep -Eq "$1" <<< "$(in_client ip rule list)"
}

start_internet
server_file '[server]' 'max_connections = 7'
start_server --config "$LAB/server.toml"
client_file '[client]' 'uplinks = ["up1"]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
client_key laptop
: > "$LAB/client.log"
lab_run client client "$TRIGLAV" tun --key-file "$LAB/laptop.key" --config "$LAB/client.toml" --tun-name tg0 --name "$LAB_ID-c" \
	--runtime-dir "$LAB/run" --state-dir "$LAB/client-state"
wait_for 15 client_is_connected || fail "the client does not connect"
transfer_begin $INTERNET4 --up 3 --down 3

reload client
reloaded "nothing is different" 'd["changed"] == [] and d["needs_restart"] == []'
[[ $(on client config reload) == *": nothing changed" ]] || fail "that nothing changed is not said"

# --- uplinks ---
client_file '[client]' 'uplinks = ["up1", { name = "up2", weight = 3, rate = "5mbit" }]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
reloaded "one key" '[(c["key"], c["from"], c["to"]) for c in d["changed"]] == [("client.uplinks", "up1", "up1 up2,weight=3,rate=5000000bit")]'
wait_for 10 client_paths_up 2 || fail "the new uplink has no path"
assert_equal "its weight and rate" "$(client_status | json "[[u['weight'], u['rate_limit_bytes_per_second']] for u in d['uplinks'] if u['name'] == 'up2'][0]")" "[3, 625000]"
client_uplink add up3
client_file '[client]' 'uplinks = [{ name = "up2", backup = true }]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
wait_for 10 uplinks_are "up2 up3" || fail "up1 stays, or up3, which was added by command, went: $(uplinks)"
assert_equal "its flags" "$(client_status | json "[[u['backup'], u['weight'], u['rate_limit_bytes_per_second']] for u in d['uplinks'] if u['name'] == 'up2'][0]")" "[true, 1, null]"
client_file '[client]' 'uplinks = ["up2"]' 'auto_discover = true' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
wait_for 10 uplinks_are "up1 up2 up3" || fail "the others are not found: $(uplinks)"
client_uplink remove up3
client_file '[client]' 'uplinks = ["up2"]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
wait_for 10 uplinks_are "up2" || fail "what was found stays: $(uplinks)"
transfer_goes_on "the uplinks changed" 10 200000
note "uplinks"

# --- how it sends ---
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false' \
	'[multipath]' 'aggregation_mode = "none"' 'congestion = "cubic"' '[multipath.scheduler]' 'strategy = "redundant"' 'copies = false' \
	'[transport]' 'rekey_interval = "1s"' '[log]' 'level = "debug"'
rekeys=$(counter client_status counters.rekeys)
reload client
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
assert_equal "status" "$(client_status | json '[d["strategy"], d["aggregation"], d["congestion"], d["copies"]]')" '["redundant", "none", "cubic", false]'
assert_equal "log level" "$(on client log levels --json | json 'd["levels"]["uplinks"]')" debug
copies_come() { [ "$(counter server_status drops.copy)" -gt "$((copies + 50))" ]; }
copies=$(counter server_status drops.copy)
transfer_goes_on "it became redundant" 10 200000
wait_for 10 copies_come || fail "redundant was said, but nothing travels twice"
fresh_keys() { [ "$(counter client_status counters.rekeys)" -gt "$((rekeys + 3))" ]; }
wait_for 15 fresh_keys || fail "no fresh keys within seconds: $(counter client_status counters.rekeys)"
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
reloaded "back to what it was" 'len(d["changed"]) == 6'
transfer_goes_on "it is no longer redundant" 10 200000
note "strategy, congestion, keys, log"

# --- what goes through ---
rule "to $INTERNET4 .*lookup" || fail "no rule for the route"
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' "routes = [\"198.51.100.0/24\", \"$INTERNET6/128\"]" 'exclude_routes = ["198.51.100.77/32"]' 'dns = false'
reload client
rule "to 198.51.100.0/24 .*lookup" || fail "no rule for the new route: $(in_client ip rule list)"
rule "to 198.51.100.77 .*lookup main" || fail "no rule for the exclude: $(in_client ip rule list)"
if rule "to $INTERNET4 .*lookup"; then fail "the old route stays: $(in_client ip rule list)"; fi
in_client ping -6 -q -c 1 -W 5 $INTERNET6 > /dev/null || fail "no traffic by the new IPv6 route"
transfer_goes_on "the routes changed" 10 200000
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' 'full_tunnel = true' 'kill_switch = true' 'dns = false'
reload client
grep -q _ks <<< "$(in_client nft list tables)" || fail "no kill switch: $(in_client nft list tables)"
rule '^5[0-9]*:.*from all (fwmark [^ ]* )?lookup' || fail "no full tunnel: $(in_client ip rule list)"
if rule 'to 198.51.100.(0/24|77) .*lookup'; then fail "old routes or excludes stay: $(in_client ip rule list)"; fi
transfer_goes_on "it became a full tunnel" 10 200000
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' 'full_tunnel = false' "routes = [\"$INTERNET4/32\"]" 'dns = false'
reload client
if grep -q _ks <<< "$(in_client nft list tables)"; then fail "the kill switch stays"; fi
ip_rules=$(in_client ip rule list)
[ "$(grep -c "lookup" <<< "$ip_rules")" -gt 3 ] || fail "rules are gone: $ip_rules"
seen=$(seen_as $INTERNET4)
[[ $seen == 203.0.113.1* ]] || fail "the route does not lead into the tunnel: seen as $seen"
transfer_goes_on "it is no full tunnel any more" 10 200000
note "routes, excludes, full tunnel, kill switch"

# --- policies ---
policies() { on client policy list --json | json '" ".join(sorted("%s=%s:%s%s" % (p["kind"], p["text"], p["class"], p["path"]) for p in d))'; }
outside() { [ "$(seen_as $INTERNET4)" = 10.80.1.2 ]; }
routing=('[routing]' 'full_tunnel = false' "routes = [\"$INTERNET4/32\"]" 'dns = false')
client_file '[client]' 'uplinks = ["up1", "up2"]' "${routing[@]}" '[[policy]]' 'port = "tcp/80"' 'bypass = true' '[[policy]]' 'dscp = "ef"' 'class = "realtime"' 'path = "up2"'
on client policy add --mark 7 class bulk
reload client
reloaded "policies" '[(c["key"], c["from"], c["to"]) for c in d["changed"]] == [("policy", "", "port=tcp/80,bypass dscp=ef,class=realtime,path=up2")]'
assert_equal "policies" "$(policies)" "dscp=ef:realtimeup2 mark=7:bulk port=tcp/80:bypass"
outside || fail "the file's bypass does nothing: seen as $(seen_as $INTERNET4)"
client_file '[client]' 'uplinks = ["up1", "up2"]' "${routing[@]}" '[[policy]]' 'port = "tcp/80"' 'class = "bulk"'
reload client
assert_equal "other policies; the one by command stays" "$(policies)" "mark=7:bulk port=tcp/80:bulk"
if outside; then fail "the file says bypass no more, and it does"; fi
client_file '[client]' 'uplinks = ["up1", "up2"]' "${routing[@]}" '[[policy]]' 'port = "tcp/80"' 'bypass = true' 'path = "up1"'
refuses 2 'client.toml:9: policy.bypass: what bypasses the tunnel has no path' on client config reload
assert_equal "a bad one changes nothing" "$(policies)" "mark=7:bulk port=tcp/80:bulk"
client_file '[client]' 'uplinks = ["up1", "up2"]' "${routing[@]}"
reload client
assert_equal "none in the file" "$(policies)" "mark=7:bulk"
transfer_goes_on "policies came and went" 10 200000
note "policies"

# --- what needs a restart, and what is wrong ---
client_file '[client]' 'uplinks = ["up1", "up2"]' '[routing]' 'full_tunnel = false' "routes = [\"$INTERNET4/32\"]" 'dns = false' '[tun]' 'mtu = 1400'
reload client
reloaded "it is named" '[(c["key"], c["from"], c["to"]) for c in d["needs_restart"]] == [("tun.mtu", "1420", "1400")] and d["changed"] == []'
said=$(on client config reload)
grep -Eq '^tun.mtu +1420 +1400 +after a restart$' <<< "$said" || fail "the table does not say so: $said"
before=$(client_status | json '[d["strategy"], sorted(u["name"] for u in d["uplinks"])]')
client_file '[client]' 'uplinks = ["up3"]' '[multipath.scheduler]' 'strategy = "fastest"'
refuses 2 "client.toml:4: multipath.scheduler.strategy: expected one of adaptive" on client config reload
client_file '[client]' 'uplinks = ["up3"]' '[routing]' "routes = [\"203.0.113.0/24\"]" 'dns = false'
refuses 2 'lies inside --route' on client config reload
client_file '[client]' 'uplinks = ["up3"]' '[routing]' 'full_tunnel = false' 'kill_switch = true'
refuses 2 '--kill-switch needs --full-tunnel' on client config reload
mv "$LAB/client.toml" "$LAB/elsewhere"
refuses 1 'cannot read' on client config reload
assert_equal "nothing changed" "$(client_status | json '[d["strategy"], sorted(u["name"] for u in d["uplinks"])]')" "$before"
transfer_end
note "mistakes"

# --- a server, and SIGHUP ---
server_file '[server]' 'max_connections = 1' 'client_to_client = true' 'allow = ["192.168.7.0/24"]' 'workers = 2' '[multipath.scheduler]' 'strategy = "blest"' \
	'[[policy]]' 'port = 22' 'class = "realtime"'
kill -HUP "${LAB_PID[server]}"
server_blest() { [ "$(server_status | json 'd["strategy"]')" = blest ]; }
wait_for 5 server_blest || fail "SIGHUP changes nothing: $(lab_log server)"
grep -q 192.168.7.0/24 <<< "$(in_server nft list ruleset)" || fail "the firewall does not allow the network: $(in_server nft list ruleset)"
grep -q 'server.workers: "2" needs a restart; it stays "1"' "$LAB/server.log" || fail "what needs a restart is not logged: $(lab_log server)"
assert_equal "its policy" "$(on server policy list --json | json '[(p["text"], p["class"]) for p in d] == [("22", "realtime")]')" True
server_sessions 1 || fail "the session did not survive"
server_file '[server]' 'max_conections = 1'
kill -HUP "${LAB_PID[server]}"
told() { grep -q 'server.toml:2: unknown key server.max_conections; did you mean server.max_connections?' "$LAB/server.log"; }
wait_for 5 told || fail "a bad file is not named in the log: $(lab_log server)"
refuses 2 'server.toml:2: unknown key' on server config reload
server_blest || fail "a bad file changed something"
server_file '[server]' 'max_connections = 1'
reload server
reloaded "the accounts were read as well" 'd["accounts"] and len(d["changed"]) == 4'
if grep -q 192.168.7.0/24 <<< "$(in_server nft list ruleset)"; then fail "the firewall still allows the network"; fi
note "server"

# --- from the start ---
lab_stop client || fail "the client did not end well"
client_file "${routing[@]}" '[[policy]]' 'port = "tcp/80"' 'bypass = true' '[[policy]]' 'cgroup = "/sys/fs/cgroup/not.there"' 'bypass = true'
start_client --config "$LAB/client.toml"
outside || fail "the file's bypass does nothing from the start: seen as $(seen_as $INTERNET4)"
assert_equal "both are there" "$(policies)" "cgroup=/sys/fs/cgroup/not.there:bypass port=tcp/80:bypass"
note "from the start"

# --- without a file ---
lab_stop client || fail "the client did not end well"
start_client --full-tunnel
refuses 2 'it was started without --config' on client config reload
refuses 2 'config can reload' on client config relaod
