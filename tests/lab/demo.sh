#!/bin/bash
# SPDX-License-Identifier: MIT
# sudo make demo: triglav over two unlike links, live, while one of them dies and comes back.
# Takes about 40 seconds after the build. Ends with 0 only if every byte arrived intact and each
# link carried a real share while both were there. Works with and without a terminal.
. "$(dirname "$0")/lab.sh"

# Links as people have them: unlike in rate and delay, with a modem's buffer in front of each.
LINK1="rate=60mbit delay=15ms queue=500k" SAY1="60 Mbit/s, 15 ms"
LINK2="rate=25mbit delay=25ms queue=300k" SAY2="25 Mbit/s, 25 ms"
CONNECTIONS=4
MUST_CARRY=10		# per cent of the first phase's bytes, each link

LIVE= BOLD= DIM= GREEN= RED= PLAIN=
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
	LIVE=yes
	if [ -z "${NO_COLOR:-}" ]; then
		BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' PLAIN=$'\e[0m'
	fi
fi

headline() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
typed() { printf '  %s%s%s\n' "$DIM" "$*" "$PLAIN"; }	# where$ what a user would type
tell() { printf '  %s\n' "$*"; }

build() {
	headline "Building"
	sh "$ROOT/tests/deps.sh"
	tell "building (about a minute, the first time)"
	# A make above us has flags and a job server that are not ours. Warnings and errors still show.
	env -u MAKEFLAGS -u MFLAGS make -s -C "$ROOT" -j"$(nproc)" all build/tests/lab/emulator > /dev/null
	tell "$("$TRIGLAV" --version)"
}

draw_topology() {
	local ends='  |        |                                    |        |'
	printf '\n      laptop                                          server\n'
	printf '  +--------+          %-26s+--------+\n' "$SAY1"
	printf '  |   up1 -|====================================|        |\n'
	printf '%s----- internet host\n' "$ends"
	printf '  |   up2 -|====================================|        |\n'
	printf '  +--------+          %-26s+--------+\n\n' "$SAY2"
	tell "Each end is a network namespace on this machine; nothing leaves it."
}

# --- the downloads: several checked TCP connections at once (traffic.py) ------------------------

downloads_begin() {
	local n
	for ((n = 1; n <= CONNECTIONS; n++)); do
		lab_run transfer$n client $PYTHON -I "$ROOT/tests/lab/traffic.py" stream "$LAB/progress$n" \
			$INTERNET4 --up 0.2 --down 0
	done
	MARKS=$(printf '0\n%.0s' $(seq $CONNECTIONS))
	wait_for 10 downloads_moved 1 || fail "the downloads do not start"
}

of_each() { # down or longest_gap_ms: a line per connection
	awk -F "\"$1\": " '{ printf "%.0f\n", $2 }' "$LAB"/progress?
}

received() { # bytes, all connections
	of_each down | awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# True when each connection has received so many bytes since MARKS.
downloads_moved() { # bytes
	paste <(printf '%s\n' "$MARKS") <(of_each down) |
		awk -v n=$CONNECTIONS -v b="$1" '$2 - $1 >= b { ok++ } END { exit ok != n }'
}

downloads_go_on() { # what just happened
	MARKS=$(of_each down)
	wait_for 10 downloads_moved 50000 || fail "after $1: a connection stands still"
}

# Fails unless every connection ends with all its bytes intact.
downloads_end() {
	local n
	for ((n = 1; n <= CONNECTIONS; n++)); do kill -TERM "${LAB_PID[transfer$n]}" 2> /dev/null || true; done
	for ((n = 1; n <= CONNECTIONS; n++)); do
		lab_stop transfer$n || fail "connection $n broke: $(tail -n 1 "$LAB/transfer$n.log")"
	done
}

# --- looking on -------------------------------------------------------------------------------

STATUS_LINES=0		# what the last picture took on the terminal
LAST_BYTES=0 LAST_MS=0

# The newest table of `triglav status --watch`, which runs all the time. Nine of the blanks behind the names go, so that it fits on 80
# columns behind a margin; a table that has no blanks there is not the one that this was written for.
status_table() {
	awk '
	/^UPLINK/ { n = 0; known = substr($0, 7) ~ /^ +STATE / && substr($0, 17, 5) == "STATE" }
	NF { line[++n] = $0 }
	END {
		if (n && !known) { print "the table of triglav status has changed: " line[1]; exit 1 }
		for (i = 1; i <= n && i <= 3; i++) print "    " substr(line[i], 1, 6) substr(line[i], 16)
	}' "$LAB/watch.log"
}

mbit_between() { # bytes, ms, bytes, ms
	awk -v b=$(($3 - $1)) -v t=$(($4 - $2)) 'BEGIN { printf "%.1f", (t > 0) ? b * 8 / t / 1000 : 0 }'
}

bar() { # Mbit/s
	awk -v r="$1" 'BEGIN { while (r > 1.25) { s = s "#"; r -= 2.5 } print s }'
}

draw() { # one look at the downloads and the links
	local bytes now rate picture
	bytes=$(received)
	now=$(lab_ms)
	rate=$(mbit_between "$LAST_BYTES" "$LAST_MS" "$bytes" "$now")
	LAST_BYTES=$bytes LAST_MS=$now
	picture=$(printf '    received %6s Mbit/s  %s\n' "$rate" "$(bar "$rate")"; status_table)
	if [ -n "$LIVE" ]; then picture=$(cut -c "1-$(tput cols)" <<< "$picture"); fi	# a line that wraps is two
	if [ -n "$LIVE" ] && [ $STATUS_LINES -gt 0 ]; then printf '\e[%dA\e[J' $STATUS_LINES; fi
	printf '%s\n' "$picture"
	STATUS_LINES=$(wc -l <<< "$picture")
}

pause_until() { # ms since boot
	local left=$(($1 - $(lab_ms)))
	if [ $left -gt 0 ]; then
		read -r -t $((left / 1000)).$(printf %03d $((left % 1000))) < "$LAB/never" || true
	fi
}

# Shows the downloads for so many seconds: each second on a terminal, else every third. Over all
# but the first seconds it measures RATE, and what each link carried: ON1, ON2 (bytes).
watch_downloads() { # seconds, of these not counted
	local start bytes= ms= i
	start=$(lab_ms)
	STATUS_LINES=0 LAST_MS=$start
	LAST_BYTES=$(received)
	for ((i = 1; i <= $1; i++)); do
		pause_until $((start + i * 1000))
		if [ -n "$LIVE" ] || [ $((i % 3)) = 0 ]; then draw; fi
		if [ $i = "$2" ]; then
			bytes=$(received) ms=$(lab_ms)
			ON1=$(carried 1) ON2=$(carried 2)
		fi
	done
	RATE=$(mbit_between "$bytes" "$ms" "$(received)" "$(lab_ms)")
	ON1=$(($(carried 1) - ON1)) ON2=$(($(carried 2) - ON2))
}

# Keeps the last phase's figures for the summary.
keep() { # what was there
	RESULTS+=("$(printf '%-26s %5s Mbit/s %10s %10s' "$1" "$RATE" "$(megabytes $ON1)" "$(megabytes $ON2)")")
}

RESULTS=()
EVENTS_SHOWN=0

# What the client has logged about its paths since the last call.
tell_events() {
	local lines
	lines=$(wc -l < "$LAB/client.log")
	sed -n "$((EVENTS_SHOWN + 1)),${lines}p" "$LAB/client.log" |
		sed -n 's/^\([0-9:]*\)\.\([0-9]\)[0-9]* [a-z]*: /\1.\2  /p' |
		grep -E '  (path|uplink .* UDP|connected)' | head -n 6 |
		sed 's/, rtt 0\.0 ms.*//' | cut -c 1-73 | sed "s/.*/  ${DIM}log: &${PLAIN}/" || true
	EVENTS_SHOWN=$lines
}

carried() { # uplink: bytes that came to the laptop over it
	link_bytes "$1" b
}

# --- the show ---------------------------------------------------------------------------------

start_both_ends() {
	headline "A server, and a key for the laptop"
	typed "server\$ triglav server --listen $SERVER4:$PORT"
	typed "server\$ triglav client add laptop --address $SERVER4:$PORT > laptop.key"
	start_server
	client_key laptop
	tell "$(cut -c 1-40 "$LAB/laptop.key")... is all the laptop needs."
	headline "The laptop uses both of its links"
	typed "laptop\$ triglav tun --key-file laptop.key -i up1 -i up2 --full-tunnel"
	start_client --full-tunnel
	wait_for 10 client_paths_up 2 || fail "two links, but not two paths"
	tell_events
	start_internet
	tell "the internet host sees the laptop as $(seen_as $INTERNET4)"
}

download_over_both() {
	headline "$CONNECTIONS downloads at once from the internet host, over both links"
	typed "laptop\$ triglav status --watch"
	lab_run watch client "$TRIGLAV" status --watch --interval 500ms --runtime-dir "$LAB/run" --name "$LAB_ID-c"
	downloads_begin
	watch_downloads 11 4
	keep "both (60 + 25 Mbit/s)"
	FIRST1=$ON1 FIRST2=$ON2
}

cut_one() {
	headline "${RED}up1 dies silently:${PLAIN}${BOLD} every packet on it vanishes, nobody is told"
	link_cut 1
	watch_downloads 8 3
	keep "up2 alone (25 Mbit/s)"
	tell_events
	downloads_go_on "the cut"
}

restore() {
	headline "${GREEN}up1 is back${PLAIN}"
	link_restore 1
	link_carries 1 15 1000000 b
	watch_downloads 10 4
	keep "both again"
	tell_events
}

end_downloads() {
	downloads_end
	GAP=$(of_each longest_gap_ms | sort -n | tail -n 1)
	TOTAL=$(received)
	lab_stop watch || true
	lab_stop client || fail "the client ends with an error"
	lab_stop server || fail "the server ends with an error"
}

megabytes() { awk -v b="$1" 'BEGIN { printf "%.1f MB", b / 1e6 }'; }

print_summary() {
	headline "What was measured: $CONNECTIONS TCP connections, the first seconds of each phase left out"
	printf '  %-26s %12s %10s %10s\n' "links" "received" "on up1" "on up2"
	printf '  %s\n' "${RESULTS[@]}"
	echo
	tell "$(megabytes "$TOTAL") received in all, each byte checked."
	tell "The longest pause of any connection, at the cut or else: $GAP ms."
	tell "What a link carries counts the tunnel's headers too."
}

# Both links are needed for the claim: a real share of the bytes while both were there.
check_shares() {
	local all=$((FIRST1 + FIRST2)) share1 share2
	[ $all -gt 0 ] || fail "nothing came over the links"
	share1=$((FIRST1 * 100 / all)) share2=$(((FIRST2 * 100 + all - 1) / all))
	tell "Share of the first phase: up1 $share1 %, up2 $share2 %."
	if [ $((FIRST1 * 100)) -lt $((all * MUST_CARRY)) ] || [ $((FIRST2 * 100)) -lt $((all * MUST_CARRY)) ]; then
		tell "(load of this machine: $(cut -d ' ' -f 1-3 /proc/loadavg). When others need it the emulated links stand still at times: try again.)"
		fail "a link carried less than $MUST_CARRY %"
	fi
}

[ "$(id -u)" = 0 ] || { echo "the demo makes network namespaces and needs root: sudo make demo" >&2; exit 1; }
build
lab_new "$LINK1" "$LINK2"
draw_topology
start_both_ends
download_over_both
cut_one
restore
end_downloads
print_summary
check_shares
printf '\n  %sAll connections survived the dead link, and both links carried them.%s\n\n' "$GREEN" "$PLAIN"
