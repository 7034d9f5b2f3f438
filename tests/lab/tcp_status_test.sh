#!/bin/bash
# SPDX-License-Identifier: MIT
# Where UDP is blocked the tunnel goes over TCP, and the status said of each uplink that it was still connecting.
. "$(dirname "$0")/lab.sh"
need_triglav

lab_new "rate=20mbit delay=5ms"
start_server
in_net nft -f - <<-EOF
table inet no_udp { chain forward { type filter hook forward priority 0; udp dport $PORT drop; }; }
EOF
launch_client --full-tunnel
over_tcp() { client_status | json "any(p['uplink'] == 'up1/tcp' and p['state'] == 'up' for u in d['uplinks'] for p in u['paths'])" | grep -q True; }
wait_for 40 over_tcp || fail "no path over TCP in the status: $(client_status | json "d['uplinks']")"
in_client "$TRIGLAV" status --runtime-dir "$LAB/run" --name "$LAB_ID-c" > "$LAB/said"
grep -q "up1/tcp *up" "$LAB/said" || fail "the table does not show it: $(cat "$LAB/said")"
note "$(grep up1/tcp "$LAB/said")"
