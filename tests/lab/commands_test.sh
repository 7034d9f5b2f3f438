#!/bin/bash
# SPDX-License-Identifier: MIT
# The commands as people use them, on running daemons: first start, key by standard input, status in
# all its forms, uplinks, credentials that take effect at once, background, who may ask.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1

lab_new "rate=50mbit delay=5ms" "rate=50mbit delay=10ms"
start_internet
mkdir -p "$LAB/run"
server=(--state-dir "$LAB/state" --runtime-dir "$LAB/run" --name "$LAB_ID-s")
client=(--runtime-dir "$LAB/run" --name "$LAB_ID-c")

says() { # what, pattern, command...
	local what=$1 pattern=$2 text
	shift 2
	text=$("$@" 2>&1) || fail "$what: '$*' failed: $text"
	grep -Eq -- "$pattern" <<< "$text" || fail "$what: no '$pattern' in: $text"
}
exits() { # what, code, command...
	local what=$1 code=$2 got=0
	shift 2
	"$@" > "$LAB/exits.log" 2>&1 || got=$?
	[ $got = "$code" ] || fail "$what: exit $got, not $code: $(cat "$LAB/exits.log")"
}

# The first start, in the background: returns when it serves, prints the first credential.
in_server "$TRIGLAV" server --daemon --pid-file "$LAB/server.pid" --listen $SERVER4:$PORT --pool $POOL4 --pool6 $POOL6 \
	"${server[@]}" > "$LAB/first.key" 2> "$LAB/first.log" || fail "server --daemon: $(cat "$LAB/first.log")"
LAB_PID[daemon]=$(cat "$LAB/server.pid")
kill -0 "${LAB_PID[daemon]}" || fail "the pid file names nobody"
assert_equal "lines on standard output" "$(wc -l < "$LAB/first.key")" 1
chmod 600 "$LAB/first.key"
grep -q '^tg2_' "$LAB/first.key" || fail "no credential: $(cat "$LAB/first.key")"
says "status of a server" "server for .* on $SERVER4:$PORT" in_server "$TRIGLAV" status "${server[@]:2}"

# A key made without a word about addresses names where the running server is; so does one made of
# what it left when it does not run.
of_default() { # runtime directory
	says "the addresses in a key" "^$(cat "$LAB/first.key")\$" \
		in_server "$TRIGLAV" client show default --print-key --state-dir "$LAB/state" --runtime-dir "$1"
}
of_default "$LAB/none"
mv "$LAB/state/addresses" "$LAB/addresses"
of_default "$LAB/run"
mv "$LAB/addresses" "$LAB/state/addresses"
exits "a second server of the name" 1 in_server "$TRIGLAV" server --listen $SERVER4:$PORT "${server[@]}"
grep -q 'another --name and another --tun-name' "$LAB/exits.log" || fail "a second one is not told what to choose: $(cat "$LAB/exits.log")"
note "first start"

# The key by standard input: never in ps.
lab_run client client bash -c 'exec "$0" tun - "$@" < '"$LAB/first.key" "$TRIGLAV" -i up1 -i up2,weight=3 --tun-name tg0 \
	--full-tunnel --state-dir "$LAB/client-state" "${client[@]}"
wait_for 15 client_paths_up 2 || fail "the client does not connect"
says "the client's line" '^connected' cat "$LAB/client.log"
in_client ping -q -c 3 -i 0.2 -W 2 $INTERNET4 > /dev/null || fail "no traffic"

# Another instance with another key that would share the device: refused, and nothing has happened to the first.
client_key sharer
exits "a second client of the same device" 1 in_client timeout 20 "$TRIGLAV" tun --key-file "$LAB/sharer.key" -i up1 --tun-name tg0 \
	--full-tunnel --state-dir "$LAB/sharer" --runtime-dir "$LAB/run" --name "$LAB_ID-2"
grep -q 'the device tg0 is in use: choose another name (--tun-name)' "$LAB/exits.log" || fail "it is not told what to do: $(cat "$LAB/exits.log")"
in_client ping -q -c 3 -i 0.2 -W 2 $INTERNET4 > /dev/null || fail "no traffic after a second client tried to share the device"
assert_equal "seen as, after that" "$(seen_as $INTERNET4)" $SERVER4

if grep -q 'rtt 0\.0 ms' "$LAB/client.log"; then fail "an RTT that was not measured is logged: $(lab_log client)"; fi
says "the log of a path" 'path up1: .*, rtt (-|[0-9.]+ ms), loss ' cat "$LAB/client.log"
says "status" '^up1 +up +[0-9.]+ ms +[0-9.]+ %' in_client "$TRIGLAV" status "${client[@]}"
says "status" '^up2 +up ' in_client "$TRIGLAV" status "${client[@]}"
says "detailed status" "-> $SERVER4:$PORT, seen as" in_client "$TRIGLAV" status --detailed "${client[@]}"
says "what the scheduler knows" '(open|drain|cruise|probe)( at [0-9.]+ .bit/s|, not paced), .* in flight' \
	in_client "$TRIGLAV" status --detailed "${client[@]}"
says "delays" 'queue [0-9.]+ ms, jitter [0-9.]+ ms, one way \+[0-9.]+ ms' in_client "$TRIGLAV" status --detailed "${client[@]}"
says "what waits" 'waiting: [0-9]+ packets .* in line for a path' in_client "$TRIGLAV" status --detailed "${client[@]}"
says "the same of a server" 'queue [0-9.]+ ms, jitter' in_server "$TRIGLAV" status --detailed "${server[@]:2}"
for side in client server; do
	at=("${client[@]}")
	[ $side = client ] || at=("${server[@]:2}")
	for words in status "status --detailed"; do
		in_$side "${TERMINAL[@]}" "$TRIGLAV" $words "${at[@]}" > "$LAB/shown"
		[ -s "$LAB/shown" ] || fail "$words of the $side shows nothing"
		if grep -E '.{81}' "$LAB/shown"; then fail "$words of the $side is wider than 80 columns"; fi
	done
done
assert_equal "weight of up2" "$(client_status | json "[u['weight'] for u in d['uplinks'] if u['name'] == 'up2'][0]")" 3
assert_true "units" "$(client_status | json "all(k in d['paths'][0] for k in ('rtt_us', 'sent_bytes', 'rate_bytes_per_second', 'loss_ppm'))")"
assert_equal "name of the client" "$(server_status | json "d['sessions'][0]['client']")" default
if client_status | grep -q "$(cut -c 60-80 "$LAB/first.key")"; then fail "status shows a secret"; fi

# Live: rates of now from the second picture on; ends cleanly.
lab_run watch client "$TRIGLAV" status --watch --interval 0.2 "${client[@]}"
wait_for 5 grep -q 'DOWN NOW' "$LAB/watch.log" || fail "--watch shows no rates: $(cat "$LAB/watch.log")"
lab_stop watch INT || fail "--watch ends with an error after SIGINT"
lab_run watch client "$TRIGLAV" status --watch --json --interval 0.2 "${client[@]}"
wait_for 5 grep -q paths "$LAB/watch.log" || fail "--watch --json shows nothing"
lab_stop watch TERM || fail "--watch --json ends with an error after SIGTERM"
head -n 1 <(grep '^{' "$LAB/watch.log") | json "d['role']" | grep -q client || fail "--watch --json prints no document per line"
note "status in all its forms"

says "uplink list" '^up1 +up ' in_client "$TRIGLAV" uplink list "${client[@]}"
says "uplink show" 'health healthy' in_client "$TRIGLAV" uplink show up1 "${client[@]}"
exits "uplink show of none" 1 in_client "$TRIGLAV" uplink show up9 "${client[@]}"
exits "uplink add twice" 1 in_client "$TRIGLAV" uplink add up1 "${client[@]}"
exits "uplinks of a server" 2 in_server "$TRIGLAV" uplink list "${server[@]:2}"
says "uplink add of what is not there" 'is not there yet' in_client "$TRIGLAV" uplink add usb7 --backup "${client[@]}"
says "uplink list" '^usb7 +absent' in_client "$TRIGLAV" uplink list "${client[@]}"
in_client "$TRIGLAV" uplink remove usb7 "${client[@]}" || fail "usb7 cannot be removed"
in_client "$TRIGLAV" uplink set up1 --weight 9 --backup "${client[@]}" || fail "uplink set failed"
uplink_one() { client_status | json "[[u['weight'], u['backup']] for u in d['uplinks'] if u['name'] == 'up1'][0]"; }
assert_equal "up1 after uplink set" "$(uplink_one)" "[9, true]"
note "uplinks"

# The age that is shown is the state's, not the session's.
link_down 1
link_down 2
suspended() { client_status | json "d['state']" | grep -q suspended; }
wait_for 15 suspended || fail "without links the client is not suspended"
assert_true "age of a state" "$(client_status | json "d['state_us'] < d['uptime_us'] - 1000000")"
link_up 1
link_up 2
wait_for 15 client_paths_up 2 || fail "the client does not come back"

# Which one is meant: several run here, and none is called tg0.
exits "status without a name" 2 in_client "$TRIGLAV" status --runtime-dir "$LAB/run"
grep -q "choose with --name" "$LAB/exits.log" || fail "several daemons are not explained: $(cat "$LAB/exits.log")"
exits "status of a name that does not run" 3 in_client "$TRIGLAV" status --runtime-dir "$LAB/run" --name other

# Somebody else of this machine: the socket's mode says no.
chmod 711 "$LAB" "$LAB/run"
nobody() { in_client setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
cp "$TRIGLAV" "$LAB/triglav-copy" && chmod 755 "$LAB/triglav-copy"
exits "status asked by somebody else" 4 nobody "$LAB/triglav-copy" status "${client[@]}"
grep -q "sudo, or join the group triglav" "$LAB/exits.log" || fail "who may ask is not said: $(cat "$LAB/exits.log")"
chmod 700 "$LAB/run"
exits "status asked by somebody else, without a name" 4 nobody "$LAB/triglav-copy" status "${client[@]:0:2}"
grep -q "sudo, or join the group triglav" "$LAB/exits.log" || fail "who may ask is not said: $(cat "$LAB/exits.log")"
chmod 711 "$LAB/run"
for words in "client list" "client add x" "server"; do
	exits "$words by somebody else" 4 nobody "$LAB/triglav-copy" $words --state-dir "$LAB/state" --runtime-dir "$LAB/run"
	grep -q "; run with sudo" "$LAB/exits.log" || fail "$words: sudo is not named: $(cat "$LAB/exits.log")"
done
exits "tun started by somebody else" 4 nobody env TRIGLAV_KEY="$(cat "$LAB/first.key")" "$LAB/triglav-copy" tun -i up1 \
	--state-dir "$LAB/x" --runtime-dir "$LAB/run" --name y
grep -qi cap_net_admin "$LAB/exits.log" || fail "the missing capability is not named: $(cat "$LAB/exits.log")"
note "who may ask"

# Credentials take effect at once: a new one is admitted, a revoked one loses its session.
client_key second
lab_stop client INT || fail "the client ends with an error after SIGINT"
wait_for 5 server_sessions 0 || fail "the session stays"
exits "status after the end" 3 in_client "$TRIGLAV" status "${client[@]}"
KEY_FILE=$LAB/second.key start_client --full-tunnel
assert_equal "name of the client" "$(server_status | json "d['sessions'][0]['client']")" second
triglav_server client revoke second
wait_for 5 server_sessions 0 || fail "a revoked client keeps its session"
lab_stop client || true
says "client list" '^second +revoked' in_server "$TRIGLAV" client list "${server[@]}"
total() { "$TRIGLAV" client show default --json "${server[@]}" | json "d['sent_bytes'] > 0 and d['received_bytes'] > 0 and d['seen_s'] is not None"; }
booked() { [ "$(total)" = True ]; }
wait_for 10 booked || fail "the traffic of the first session is not in the books"
note "credentials"

# A key on the command line is gone from it as soon as it was read.
client_key third
lab_run argv client "$TRIGLAV" tun "$(cat "$LAB/third.key")" -i up1 --tun-name tg0 --full-tunnel --state-dir "$LAB/client-state" "${client[@]}"
wait_for 15 client_paths_up 1 || fail "the client does not connect: $(lab_log argv)"
if tr '\0' ' ' < "/proc/${LAB_PID[argv]}/cmdline" | grep -q tg2_; then fail "ps shows the key"; fi
grep -q 'can be seen by others in ps' "$LAB/argv.log" || fail "nothing was said about ps"
lab_stop argv || fail "the client ends with an error"

kill "${LAB_PID[daemon]}"
wait_for 10 lab_is_gone "${LAB_PID[daemon]}" || fail "the server does not end"
[ ! -e "$LAB/server.pid" ] || fail "the pid file stays"
[ ! -e "$LAB/run/$LAB_ID-s.sock" ] || fail "the control socket stays"
exits "status after the server's end" 3 in_server "$TRIGLAV" status "${server[@]:2}"
