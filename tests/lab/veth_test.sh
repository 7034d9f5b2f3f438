#!/bin/bash
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/lab.sh"
need_triglav
lab_new plain plain
start_internet
start_server
start_client --full-tunnel --device veth
in_client ip -d link show
lab_log client
wait_for 5 in_client ping -c 3 -i 0.2 -W 1 $INTERNET4 || { lab_log client; in_client ip -s link show tg0; in_client ip -s link show tg0-in;  in_client bpftool map dump name tg_drops | head -80; fail ping; }
wait_for 5 in_client ping -c 3 -i 0.2 -W 1 $INTERNET6 || fail ping6
assert_equal "by the tunnel" "$(seen_as $INTERNET4)" $SERVER4
in_client ping -c 3 -i 0.2 -W 1 $INTERNET4
lab_stop client || fail end
in_client ip -o link
