#!/bin/bash
# SPDX-License-Identifier: MIT
# Rate and quota of an uplink, counted by the emulator: both directions keep to the rate, at run time as from the start; what is used
# up only stands by; a restart remembers.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1

lab_new "rate=20mbit delay=10ms" "rate=10mbit delay=15ms"
start_internet
start_server
start_client --full-tunnel -i up1,rate=4mbit -i up2
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"

uplink_field() { # name, field
	client_status | json "[u['$2'] for u in d['uplinks'] if u['name'] == '$1'][0]"
}

# What an uplink carries in about 3 s of a running transfer, in hundredths of Mbit/s.
measure() { # uplink: sets UP and DOWN
	local begin ms first last
	begin=$(lab_ms) first=$(lab_emulator stats)
	wait_for 5 later $((begin + 3000))
	ms=$(($(lab_ms) - begin)) last=$(lab_emulator stats)
	UP=$((($(json "d['$1']['a']['bytes_out']" <<< "$last") - $(json "d['$1']['a']['bytes_out']" <<< "$first")) * 8 / ms / 10))
	DOWN=$((($(json "d['$1']['b']['bytes_out']" <<< "$last") - $(json "d['$1']['b']['bytes_out']" <<< "$first")) * 8 / ms / 10))
}
later() { [ "$(lab_ms)" -ge "$1" ]; }

transfer_begin $INTERNET4 --up 30 --down 30
link_carries 2 10 3000000 a
link_carries 2 10 3000000 b
measure 1
note "up1 at most 4 Mbit/s: up 0.01 * $UP, down 0.01 * $DOWN Mbit/s"
assert_true "it keeps to the rate, up" "20 < $UP < 430"
assert_true "the server keeps to it, down" "20 < $DOWN < 430"
# An uplink comes to carry so much both ways: the traffic has to find it out.
comes_to_carry() { # what, uplink, hundredths of Mbit/s
	local try
	for try in 1 2 3 4 5; do
		measure "$2"
		if [ $UP -gt "$3" ] && [ $DOWN -gt "$3" ]; then return 0; fi
	done
	fail "$1: up 0.01 * $UP, down 0.01 * $DOWN Mbit/s"
}
comes_to_carry "up2 carries more" 2 500

client_uplink set up1 rate=none
client_uplink set up2 rate=5mbit
comes_to_carry "up1 is free again" 1 600
measure 2
note "up2 at most 5 Mbit/s: up 0.01 * $UP, down 0.01 * $DOWN Mbit/s"
assert_true "up2 is not" "$UP < 535 and $DOWN < 535"
assert_equal "the status has it" "$(uplink_field up1 rate_limit_bytes_per_second) $(uplink_field up2 rate_limit_bytes_per_second)" "None 625000"
client_uplink set up2 rate=none

# A quota is used up under traffic.
client_uplink set up1 quota=3MB
wait_for 10 grep -q "its quota is used up" "$LAB/client.log" || fail "the quota is never used up"
transfer_goes_on "the quota was used up" 20 2000000
A=$(link_bytes 1 a) B=$(link_bytes 1 b)
transfer_goes_on "a while" 20 4000000
A=$(($(link_bytes 1 a) - A)) B=$(($(link_bytes 1 b) - B))
note "a spent uplink carried $A bytes up, $B down"
assert_true "signs of life, and what came while the other was held silent for a moment" "$A < 100000 and $B < 100000"
assert_true "what was counted is what was allowed" "3000000 <= $(uplink_field up1 quota_used_bytes) < 3300000"
client_uplink list | grep -q 'quota: 3.[0-9]* MB of 3.00 MB this month, used up' || fail "the list does not say so: $(client_uplink list)"

# Alone it carries all the same.
link_down 2
transfer_goes_on "the other uplink went" 10 1000000
link_up 2
wait_for 15 client_paths_up 2 || fail "up2 does not come back"
transfer_end

# A restart within the month remembers; another month does not.
lab_stop client || fail "the client did not end well"
USAGE=$LAB/client-state/$LAB_ID-c.usage
USED=$(sed -n 's/^up1 //p' "$USAGE")
assert_true "the file has it" "${USED:-0} > 3000000"
start_client --full-tunnel -i up1,quota=3MB -i up2
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
assert_true "the restarted client knows" "$(uplink_field up1 quota_used_bytes) >= $USED"
A=$(link_bytes 1 a)
transfer_begin $INTERNET4 --up 30 --down 30
link_carries 2 10 5000000 a
transfer_end
A=$(($(link_bytes 1 a) - A))
assert_true "it is spent from the start" "$A < 300000"
lab_stop client || fail "the client did not end well"
sed -i 's/^month .*/month 2001-01/' "$USAGE"
start_client --full-tunnel -i up1,quota=300MB -i up2
wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
transfer_begin $INTERNET4 --up 30 --down 30
link_carries 1 10 2000000 a
transfer_end
assert_true "a new month counts from zero" "0 < $(uplink_field up1 quota_used_bytes) < 300000000"
