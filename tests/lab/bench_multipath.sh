#!/bin/bash
# SPDX-License-Identifier: MIT
# make bench-multipath: what several links give together, against what each of them gives alone.
#
#   RUNS=5 SECONDS=60 SKIP=10   runs of each measurement; length of one; how much of it is not counted
#   SINGLE=30                   length of the runs over one link each (default: half of SECONDS)
#   QUICK=1                     RUNS=1 SECONDS=12 SKIP=4 SINGLE=12
#   ONLY=PATTERN                rows whose name matches the regular expression; LIST=1 prints names
#   DIRS="up down" CCS="cubic bbr"     directions, and congestion control of the inner TCP
#   OUT=FILE                    every single result, a JSON object per line, is appended
#   CLIENT_FLAGS= SERVER_FLAGS= further flags of triglav
#   NICE=-10                    priority of everything that is measured
#
# The rows are in multipath_rows.sh, the method is described in docs/benchmarks.md. Several may run at
# once, each in namespaces of its own; they share the processor. Ends with 0 when everything could be
# measured, also when a number is short.

# bash counts seconds in this one, from what the caller gave on: read it first.
LENGTH=$SECONDS
if [ -n "${QUICK:-}" ]; then
	RUNS=${RUNS:-1} SKIP=${SKIP:-4}
	[ "$LENGTH" -gt 0 ] || LENGTH=12
	SINGLE=${SINGLE:-$LENGTH}
fi
RUNS=${RUNS:-5} SKIP=${SKIP:-10}
[ "$LENGTH" -gt 0 ] || LENGTH=60
SINGLE=${SINGLE:-$((LENGTH / 2 > SKIP * 2 ? LENGTH / 2 : SKIP * 2))}
ONLY=${ONLY:-.} DIRS=${DIRS:-up down} CCS=${CCS:-cubic bbr}
OUT=${OUT:-/dev/null} NICE=${NICE:--10}
CLIENT_FLAGS=${CLIENT_FLAGS:-} SERVER_FLAGS=${SERVER_FLAGS:-}

. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/measure.sh"
. "$(dirname "$0")/multipath_rows.sh"

ROWS=
SCENARIO=		# process id of the one that runs
FAILED=0
STOLEN=			# percent of the cores, row by row

# --- the table ----------------------------------------------------------------------------------

row() { # what, median, worst, floor, goal, verdict, details
	ROWS+="| $1 | $2 | $3 | $4 | $5 | $6 | $7 |"$'\n'
	printf '%s  %-62s %s (worst %s)%s%s  %s\n' "$(date -u +%H:%M:%S)" "$1:" "$2" "$3" "${4:+, floor $4, goal $5}" \
		"${6:+: $6}" "$7"
}

# The median decides.
grade() { # median, at-least|at-most, floor, goal
	if holds "$1" "$2" "$4"; then
		echo goal
	elif holds "$1" "$2" "$3"; then
		echo floor
	else
		echo '**short**'
	fi
}

# A row of a value that was recorded under this name; without a bound it is only shown.
row_of() { # what, name, at-least|at-most, floor, goal, details, unit
	local unit=${7:+ $7} middle worst
	if ! has_values "$2"; then
		row "$1" - - "$4" "$5" '**not measured**' "${6:-}"
		return
	fi
	middle=$(median "$2")
	if [ "$3" = at-least ]; then worst=$(minimum "$2"); else worst=$(maximum "$2"); fi
	row "$1" "$(calculate "$middle")$unit" "$(calculate "$worst")$unit" "${4:+$(calculate "$4")$unit}" \
		"${5:+$(calculate "$5")$unit}" "${4:+$(grade "$middle" "$3" "$4" "$5")}" "${6:-}"
}

# --- scenarios ----------------------------------------------------------------------------------

# One result to the file of all: what a run of flow.c printed.
keep() { # row, run, what it was, file
	printf '{"row": "%s", "run": %s, "what": "%s", "load": "%s", "result": %s}\n' "$1" "$2" "$3" \
		"$(cut -d ' ' -f 1 /proc/loadavg)" "$(cat "$4")" >> "$OUT"
}

# Of all that the cores could have done since boot, in ticks: what the host of a virtual machine took away, and all.
ticks() {
	awk '$1 == "cpu" { print $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat
}

# Delays of milliseconds mean little when a core was not there for as long: so how much of the cores was not is said.
note_stolen() { # row, ticks before
	local before=($2) now
	now=($(ticks))
	STOLEN+="${STOLEN:+, }$1 $(calculate "100 * (${now[0]} - ${before[0]}) / (${now[1]} - ${before[1]} + 1)")"
}

# Runs in a process and a lab of its own, so that one that fails takes only its own row along. It has a
# process group of its own too: a signal to us ends all of it at once.
scenario() { # row, function that measures, its arguments...
	local name=$1 before
	shift
	before=$(ticks)
	set -m
	(set -eE; set +m; "$@") &
	SCENARIO=$!
	set +m
	if ! wait $SCENARIO; then
		FAILED=1
		echo "$name could not be measured" >&2
	fi
	SCENARIO=
	note_stolen "$name" "$before"
}

end() {
	local code=$?
	trap - EXIT
	set +e
	if [ -n "$SCENARIO" ]; then
		kill -TERM -- -$SCENARIO 2> /dev/null
		wait $SCENARIO 2> /dev/null
	fi
	rm -rf "$VALUES"
	exit $code
}

wanted() { # row
	[[ $1 =~ $ONLY ]]
}

print_report() {
	echo
	machine
	echo "Load average before: $LOAD_BEFORE; after: $(cut -d ' ' -f 1-3 /proc/loadavg). triglav $("$TRIGLAV" --version 2> /dev/null | awk 'NR == 1 { print $NF }')," \
		"client flags '$CLIENT_FLAGS', server flags '$SERVER_FLAGS'."
	echo "$RUNS run(s) of $LENGTH s each, of single links $SINGLE s; the first $SKIP s are not counted. Queue of each link: 100 ms" \
		"where nothing else is said. Inner congestion control: $CCS, and as said in the row."
	echo "Percent of the cores that the host took away while a row was measured: $STOLEN."
	echo
	echo "| what | median | worst | floor | goal | | details |"
	echo "|---|---|---|---|---|---|---|"
	printf '%s' "$ROWS"
}

need_triglav
[ -x "$FLOW" ] || skip "build/tests/lab/flow is missing: run 'make tests'"
[ "$(id -u)" = 0 ] || skip "needs root"
if [ -n "${LIST:-}" ]; then
	for_all_rows list_row
	exit 0
fi
VALUES=$(mktemp -d /tmp/triglav-values.XXXXXX)
trap end EXIT
trap 'exit 130' INT TERM
renice -n "$NICE" -p $$ > /dev/null 2>&1 || echo "priority stays as it is"
LOAD_BEFORE=$(cut -d ' ' -f 1-3 /proc/loadavg)
ESTIMATE=0
for_all_rows estimate_row
echo "about $(((ESTIMATE + 59) / 60)) minutes; now $(date -u +%H:%M:%S) UTC, load average $LOAD_BEFORE"
for_all_rows run_row
report_worst
print_report
exit $FAILED
