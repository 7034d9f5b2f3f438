# SPDX-License-Identifier: MIT
# measure.sh - numbers of repeated measurements, and what is made of them. Source it after lab.sh.
#
# Values are kept in files, one per name, in the directory VALUES: a scenario may run in a process of
# its own.

VALUES=${VALUES:-}	# directory; by default that of the lab
FLOW=$BUILD/tests/lab/flow
FLOW_PUNCTUAL=--punctual	# empty where load and tunnel are to share the cores fairly

record() { # name, value...
	local name=$1
	shift
	printf '%s\n' "$@" >> "${VALUES:-$LAB}/values.$name"
}

has_values() { # name
	[ -s "${VALUES:-$LAB}/values.$1" ]
}

median() { # name
	sort -g "${VALUES:-$LAB}/values.$1" | awk '{ v[NR] = $1 }
		END { if (!NR) exit 1; print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

minimum() { # name
	sort -g "${VALUES:-$LAB}/values.$1" | head -n 1
}

maximum() { # name
	sort -g "${VALUES:-$LAB}/values.$1" | tail -n 1
}

calculate() { # expression
	awk "BEGIN { printf \"%.4g\", $1 }"
}

holds() { # value, at-least|at-most, bound
	awk "BEGIN { exit !($1 $([ "$2" = at-least ] && echo '>=' || echo '<=') $3) }"
}

verdict() { # value, at-least|at-most, bound
	if holds "$@"; then echo reached; else echo '**short**'; fi
}

machine() { # one line: day, processor, cores, kernel
	echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, Linux $(uname -r)."
}

# Of the usual class of the scheduler: started from a shell of the idle class, all that is measured would wait for whatever else runs.
chrt --other --pid 0 $$ > /dev/null 2>&1 || echo "the class of the scheduler stays as it is"

# --- load of tests/lab/flow.c, between the client and the internet host -------------------------

# Prints the result; see flow.c for options.
flow() { # options...
	in_client "$FLOW" run $FLOW_PUNCTUAL --peer "$LAB_ID-internet" "$@" "${FLOW_TO:-$INTERNET4}"
}

# The same beside others; the result goes to $LAB/NAME.json when flow_end is called.
flow_begin() { # name, options...
	local name=$1
	shift
	ip netns exec "$LAB_ID-client" "$FLOW" run $FLOW_PUNCTUAL --peer "$LAB_ID-internet" "$@" "${FLOW_TO:-$INTERNET4}" \
		> "$LAB/$name.json" 2>> "$LAB/flow.log" < /dev/null &
	LAB_PID[$name]=$!
}

# Nanoseconds that triglav's two ends have been ready to run and waited for a core.
core_waits() {
	cat "/proc/${LAB_PID[client]}/task/"*/schedstat "/proc/${LAB_PID[server]}/task/"*/schedstat |
		awk '{ t += $2 } END { printf "%.0f\n", t }'
}

# Bytes per interface of a namespace over time, until watch_end; to $LAB/NAME.json.
watch_begin() { # name, namespace
	ip netns exec "$LAB_ID-$2" "$FLOW" watch --seconds 600 --every 20 > "$LAB/$1.json" 2>> "$LAB/flow.log" < /dev/null &
	LAB_PID[$1]=$!
}

watch_end() { # name
	lab_stop "$1"
}

# Waits for a moment of a measurement that runs.
pause() { # seconds
	read -r -t "$1" < "$LAB/never" || true
}

flow_end() { # name
	local pid=${LAB_PID[$1]}
	unset "LAB_PID[$1]"
	wait "$pid" || fail "flow $1: $(tail -n 1 "$LAB/flow.log")"
}

value_of() { # name of a member < JSON object with members of numbers
	sed -n "s/.*\"$1\": *\\([-0-9.e+]*\\).*/\\1/p"
}

# When the host took cores away, until stolen_end; to $LAB/stolen.
stolen_begin() {
	"$FLOW" stolen $FLOW_PUNCTUAL --seconds 600 --every 20 > "$LAB/stolen" 2>> "$LAB/flow.log" < /dev/null &
	LAB_PID[stolen]=$!
}

stolen_end() {
	lab_stop stolen
}

# Of delays in ms with the wall clock of their beginning before them: those with no tick (10 ms) stolen from 100 ms before to 100 ms after. What is less than a
# tick is seen when the tick is full. (An awk need not keep large numbers apart as subscripts, so a day's seconds must do.)
calm() {
	awk 'function slot(t) { return int(t % 86400 * 20) }
		FILENAME != "-" { for (i = -2; i <= 2; i++) taken[slot($1) + i] = 1; next }
		{ for (i = slot($1); i <= slot($1 + $2 / 1000); i++) if (i in taken) next; print }' "$LAB/stolen" -
}

# Round trips in ms, one per line, the wall clock of their beginning before it (ping tells when the reply came).
ping_timed() { # address, count, seconds between, options of ping...
	local address=$1 count=$2 between=$3
	shift 3
	in_client ping -D -n -i "$between" -c "$count" -W 2 "$@" "$address" | sed -n 's/^\[\([0-9.]*\)\].*time=\([0-9.]*\) ms/\1 \2/p' |
		awk '{ printf "%.3f %s\n", $1 - $2 / 1000, $2 }'
}

delays() { # without the clock
	cut -d ' ' -f 2
}

ping_ms() { # as ping_timed
	ping_timed "$@" | delays
}

# The value below which so much of the input's lines lies.
quantile() { # share
	sort -g | awk -v q="$1" '{ v[NR] = $1 } END { if (!NR) exit 1; print v[int(q * (NR - 1) + 1.5)] }'
}
