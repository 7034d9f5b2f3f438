#!/bin/bash
# SPDX-License-Identifier: MIT
# start_up.sh [RUNS] - what loading the programs costs when a client starts: from its start to "connected", and processor time until then, with lanes
# and without, in turn. Prints a line for each: which, milliseconds, milliseconds of processor time.
RUNS=${1:-5}
. "$(dirname "$0")/lab.sh"

lab_new plain
start_server --no-lanes
client_key laptop

says_connected() { grep -q "^connected" "$LAB/client.log"; }
start_once() { # flags
	local begin=${EPOCHREALTIME/./}
	launch_client --full-tunnel "$@"
	until says_connected; do read -r -t 0.005 < "$LAB/never" || true; done
	awk -v what="${*:-lanes}" -v us=$((${EPOCHREALTIME/./} - begin)) '{ ns += $1 } END { printf "%-10s %6.0f %6.1f\n", what, us / 1000, ns / 1e6 }' \
		"/proc/${LAB_PID[client]}/task/"*/schedstat
	lab_stop client
}

start_once > /dev/null	# the first reads the program from disk
for ((n = 0; n < RUNS; n++)); do
	start_once
	start_once --no-lanes
done
