#!/bin/bash
# SPDX-License-Identifier: MIT
# How each end sends, by its own settings: congestion control, strategy and copies, of the client and of the server. What is
# looked at is what the links carried and lost, not what the daemons say about themselves.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=10mbit delay=10ms queue=30ms" "rate=10mbit delay=20ms queue=30ms"
start_internet

overflowed() { # direction: frames that found a link's queue full
	lab_emulator stats | json "sum(d[i]['$1']['dropped']['queue'] for i in ('1', '2'))"
}
packets() { # uplink, direction
	lab_emulator stats | json "d['$1']['$2']['packets_out']"
}

begin() { # server's flags, client's flags
	start_server $1
	start_client --full-tunnel $2
	wait_for 10 client_paths_up 2 || fail "two uplinks, but not two paths"
}
end() {
	lab_stop client || fail "the client did not end well"
	lab_stop server || fail "the server did not end well"
}

# 29 Mbit/s of datagrams against 20, and a download.
overload() { # sets UP and DOWN: frames that the links' queues could not take
	UP=$(overflowed a)
	echo_run $INTERNET4 --rate 3000 --size 1200 --count 6000 > "$LAB/echo.json"
	UP=$(($(overflowed a) - UP))
	DOWN=$(overflowed b)
	in_client curl -s --max-time 30 -o /dev/null "http://$INTERNET4/bytes/6000000" || fail "the download broke"
	DOWN=$(($(overflowed b) - DOWN))
}

begin "" ""
overload
ADAPTIVE_UP=$UP ADAPTIVE_DOWN=$DOWN
end
begin "--congestion none" "--congestion none"
overload
note "frames the links dropped: up $UP, down $DOWN without congestion control; $ADAPTIVE_UP, $ADAPTIVE_DOWN with it"
assert_true "a client without it overflows the links" "$UP > 1000 and $ADAPTIVE_UP * 5 < $UP"
assert_true "a server without it overflows the links" "$DOWN > 10 and $ADAPTIVE_DOWN < $DOWN"
end
begin "--congestion cubic" "--congestion cubic"
NONE_UP=$UP
overload
note "cubic: up $UP, down $DOWN"
assert_true "cubic" "$UP * 5 < $NONE_UP"
assert_equal "the status says so" "$(client_status | json "d['congestion']") $(server_status | json "d['congestion']")" "cubic cubic"
end

# 50 small packets a second each way: which links carry them?
small() { # sets A1 A2 B1 B2: packets of each uplink and direction
	A1=$(packets 1 a) A2=$(packets 2 a) B1=$(packets 1 b) B2=$(packets 2 b)
	echo_run $INTERNET4 --rate 50 --size 100 --count 150 > "$LAB/echo.json"
	A1=$(($(packets 1 a) - A1)) A2=$(($(packets 2 a) - A2)) B1=$(($(packets 1 b) - B1)) B2=$(($(packets 2 b) - B2))
	note "small packets by up1 and up2: up $A1, $A2, down $B1, $B2"
}
begin "" "--no-copies"
small
assert_true "the client sends once, the server twice" "$A1 > 140 and $A2 < 110 and $B1 > 140 and $B2 > 140"
end
begin "--no-copies" ""
small
assert_true "the server sends once, the client twice" "$A1 > 140 and $A2 > 140 and $B1 > 140 and $B2 < 110"
end

# A flow that stays on one path, chosen by weight, up; striped down.
begin "" "--strategy primary_backup -i up1 -i up2,weight=5"
transfer_begin $INTERNET4 --up 6 --down 15
link_carries 1 10 1000000 b
link_carries 2 10 1000000 a
A1=$(link_bytes 1 a) A2=$(link_bytes 2 a)
transfer_goes_on "a while" 10 1000000
assert_true "the client stays on its primary" "($(link_bytes 2 a) - $A2) > 5 * ($(link_bytes 1 a) - $A1)"
transfer_end
end
begin "--strategy lowest_latency --aggregation none" ""
transfer_begin $INTERNET4 --up 12 --down 6
link_carries 1 10 500000 a
link_carries 2 10 500000 a
link_carries 1 10 1000000 b
B1=$(link_bytes 1 b) B2=$(link_bytes 2 b)
transfer_goes_on "a while" 10 1000000
assert_true "the server stays on the fastest" "($(link_bytes 1 b) - $B1) > 5 * ($(link_bytes 2 b) - $B2)"
transfer_end
end
