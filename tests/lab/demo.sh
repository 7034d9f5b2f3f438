#!/bin/bash
# SPDX-License-Identifier: MIT
# sudo make demo: triglav over two unlike links, live, while one of them dies and comes back.
# Takes about 40 seconds. Ends with 0 only if the download survived intact and both links carried
# part of it. Works with and without a terminal.
. "$(dirname "$0")/lab.sh"

# Links as people have them: unlike in rate and delay, with a modem's buffer in front of each.
LINK1="rate=60mbit delay=15ms queue=500k" SAY1="60 Mbit/s, 15 ms"
LINK2="rate=25mbit delay=40ms queue=300k" SAY2="25 Mbit/s, 40 ms"
MUST_CARRY=1000000	# bytes of the download on each link

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
	# A make above us has flags and a job server that are not ours.
	env -u MAKEFLAGS -u MFLAGS make -s -C "$ROOT" -j"$(nproc)" all build/tests/lab/emulator
	tell "$("$TRIGLAV" --version)"
}

draw_topology() {
	cat <<-EOT

	    laptop                                      server
	  +--------+     $SAY1          +--------+
	  |   up1 -|====================================|        |
	  |        |                                    |        |----- internet host
	  |   up2 -|====================================|        |
	  +--------+     $SAY2          +--------+

	EOT
	tell "Each end is a network namespace on this machine; nothing leaves it."
}

# --- looking on -------------------------------------------------------------------------------

STATUS_LINES=0		# what the last picture took on the terminal
LAST_BYTES=0 LAST_MS=0

# The newest complete table of `triglav status --watch`, which runs all the time.
status_table() {
	awk '/^UPLINK/ { n = 0 } NF { line[++n] = $0 } END { for (i = 1; i <= n && i <= 4; i++) print "    " line[i] }' \
		"$LAB/watch.log"
}

mbit_between() { # bytes, ms, bytes, ms
	awk -v b=$(($3 - $1)) -v t=$(($4 - $2)) 'BEGIN { printf "%.1f", (t > 0) ? b * 8 / t / 1000 : 0 }'
}

bar() { # Mbit/s
	awk -v r="$1" 'BEGIN { while (r > 1.25) { s = s "#"; r -= 2.5 } print s }'
}

draw() { # one look at the download and the links
	local bytes now rate picture
	bytes=$(transfer_value down)
	now=$(lab_ms)
	rate=$(mbit_between "$LAST_BYTES" "$LAST_MS" "$bytes" "$now")
	LAST_BYTES=$bytes LAST_MS=$now
	picture=$(printf '    download %6s Mbit/s  %s\n' "$rate" "$(bar "$rate")"; status_table)
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

# Shows the download for so many seconds: each second on a terminal, else every third.
# Prints nothing of its own; the rate over all but the first seconds goes to RATE.
watch_download() { # seconds, of these not counted
	local start first_bytes= first_ms= i
	start=$(lab_ms)
	STATUS_LINES=0 LAST_MS=$start
	LAST_BYTES=$(transfer_value down)
	for ((i = 1; i <= $1; i++)); do
		pause_until $((start + i * 1000))
		if [ -n "$LIVE" ] || [ $((i % 3)) = 0 ]; then draw; fi
		if [ $i = "$2" ]; then
			first_bytes=$(transfer_value down)
			first_ms=$(lab_ms)
		fi
	done
	RATE=$(mbit_between "$first_bytes" "$first_ms" "$(transfer_value down)" "$(lab_ms)")
}

EVENTS_SHOWN=0

# What the client has logged about its paths since the last call.
tell_events() {
	local lines
	lines=$(wc -l < "$LAB/client.log")
	sed -n "$((EVENTS_SHOWN + 1)),${lines}p" "$LAB/client.log" |
		sed -n 's/^\([0-9:]*\)\.\([0-9]\)[0-9]* [a-z]*: /\1.\2  /p' |
		grep -E '  (path|uplink .* UDP|connected)' | head -n 6 | sed "s/.*/  ${DIM}log: &${PLAIN}/" || true
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
	headline "A download from the internet host: one TCP connection, both links"
	typed "laptop\$ triglav status --watch"
	lab_run watch client "$TRIGLAV" status --watch --interval 500ms --runtime-dir "$LAB/run" --name "$LAB_ID-c"
	transfer_begin $INTERNET4 --up 1 --down 0
	watch_download 9 3
	RATE_BOTH=$RATE
}

cut_one() {
	headline "${RED}up1 dies silently:${PLAIN}${BOLD} every packet on it vanishes, nobody is told"
	link_cut 1
	watch_download 8 3
	RATE_CUT=$RATE
	tell_events
	transfer_goes_on "the cut" 10 50000
}

restore() {
	headline "${GREEN}up1 is back${PLAIN}"
	link_restore 1
	link_carries 1 15 1000000 b
	watch_download 9 4
	RATE_AFTER=$RATE
	tell_events
}

end_download() {
	GAP=$(transfer_value longest_gap_ms)
	transfer_end > "$LAB/end.txt"
	TOTAL=$(transfer_value down)
	lab_stop watch || true
	CARRIED1=$(($(carried 1) - BEFORE1)) CARRIED2=$(($(carried 2) - BEFORE2))
	lab_stop client || fail "the client ends with an error"
	lab_stop server || fail "the server ends with an error"
}

megabytes() { awk -v b="$1" 'BEGIN { printf "%.1f MB", b / 1e6 }'; }

print_summary() {
	headline "What happened"
	printf '  %-38s %s\n' \
		"rate with both links (60 + 25 Mbit/s)" "$RATE_BOTH Mbit/s" \
		"rate with up2 alone (25 Mbit/s)" "$RATE_CUT Mbit/s" \
		"rate after up1 came back" "$RATE_AFTER Mbit/s" \
		"longest time without a byte" "$GAP ms" \
		"received, every byte checked" "$(megabytes "$TOTAL")" \
		"carried by up1" "$(megabytes $CARRIED1)" \
		"carried by up2" "$(megabytes $CARRIED2)"
}

[ "$(id -u)" = 0 ] || { echo "the demo makes network namespaces and needs root: sudo make demo" >&2; exit 1; }
build
lab_new "$LINK1" "$LINK2"
draw_topology
start_both_ends
BEFORE1=$(carried 1) BEFORE2=$(carried 2)
download_over_both
cut_one
restore
end_download
print_summary
if [ $CARRIED1 -lt $MUST_CARRY ] || [ $CARRIED2 -lt $MUST_CARRY ]; then fail "a link carried next to nothing"; fi
printf '\n  %sThe download survived, and both links carried it.%s\n\n' "$GREEN" "$PLAIN"
