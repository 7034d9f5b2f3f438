#!/bin/bash
# SPDX-License-Identifier: MIT
# make bench-datapath: what the kernel's part is worth, as ratios of one run on this machine.
#
#   bench_datapath.sh [quick] [PART...]     quick: each measurement once and shorter
#
# Each datapath_PART.sh beside this file is one part: it defines part_PART, which builds its lab, measures, and adds
# rows. What is compared takes turns within every round; what counts is the median of the rounds. The generator of the load runs
# on the same cores: packet rates are floors. Ends with 0 when everything could be measured, also when a number is short.
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/measure.sh"
need_triglav

ROUNDS=5 TCP_SECONDS=4 UDP_SECONDS=0.4
if [ "${1:-}" = quick ]; then
	ROUNDS=1 TCP_SECONDS=2 UDP_SECONDS=0.2
	shift
fi
UDPLOAD=$BUILD/tests/lab/udpload
ROWS=

# One thing in two ways; larger is better.
row() { # what, values' name of the first, of the second, divisor, unit, required ratio
	local a b ratio
	a=$(median "$2")
	b=$(median "$3")
	ratio=$(calculate "$b / $a")
	ROWS+="| $1 | $(calculate "$a / $4") $5 | $(calculate "$b / $4") $5 | $(printf %.2f "$ratio") | ${6:+>= $6: $(verdict "$ratio" at-least "${6:-0}")} |"$'\n'
	note "$1: $(calculate "$a / $4") against $(calculate "$b / $4") $5, ratio $(printf %.2f "$ratio")"
}

# A table of the rows so far, and what it says.
table() { # title, first way, second way
	printf '\n### %s\n\n| | %s | %s | ratio | required |\n|---|---|---|---|---|\n%s\n' "$1" "$2" "$3" "$ROWS"
	ROWS=
}

PART=
KEPT=$(mktemp -d)	# values of parts that build several labs
trap 'rm -rf "$KEPT"; [ -z "$PART" ] || kill $PART; wait' EXIT
trap 'exit 130' INT TERM

machine
if [ $# = 0 ]; then
	for part in "$ROOT"/tests/lab/datapath_*.sh; do
		part=${part##*/datapath_}
		set -- "$@" "${part%.sh}"
	done
fi
FAILED=0
for part in "$@"; do
	# A part has a lab of its own, and so a process. In the background, because a shell that is asked whether it fails goes on after failures.
	(
		. "$ROOT/tests/lab/datapath_$part.sh"
		LAB_ID=tg$BASHPID
		"part_$part"
	) &
	PART=$!
	if ! wait $PART; then
		FAILED=1
		echo "part $part could not be measured" >&2
	fi
	PART=
done
exit $FAILED
