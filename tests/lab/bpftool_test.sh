#!/bin/bash
# SPDX-License-Identifier: MIT
# README's "Look inside with bpftool": each of its commands is run beside a client that carries traffic, and what it promises in quotes is there.
. "$(dirname "$0")/lab.sh"
need_triglav
PATH=$PATH:/usr/sbin
command -v bpftool > /dev/null || skip "bpftool is missing"

lab_new "rate=20mbit delay=2ms"
start_server
start_client --full-tunnel --xdp native
if grep -q "cannot be loaded" "$LAB/client.log"; then lab_blames_kernel "$(grep -m 1 'cannot be loaded' "$LAB/client.log")" xdp-native clsact; fi
in_client ping -q -c 5 -i 0.2 -W 2 10.99.0.1 > /dev/null || fail "no ping through the tunnel"

commands=$(sed -n '/^### Look inside with bpftool/,/^## /s/^ *laptop\$ sudo \(bpftool .*\)/\1/p' "$ROOT/README.md")
assert_true "commands in README: $commands" "$(wc -l <<< "$commands") >= 5"
while IFS= read -r line; do
	words=${line#*#} command=${line%%#*}
	in_client $command > "$LAB/said" 2>&1 || fail "$command: $(cat "$LAB/said")"
	[ -s "$LAB/said" ] || fail "$command says nothing"
	for field in $(grep -o '"[a-z_]*"' <<< "$words"); do
		grep -q "$field" "$LAB/said" || fail "$command has no $field: $(head -n 20 "$LAB/said")"
	done
	note "$command: $(wc -l < "$LAB/said") lines"
done <<< "$commands"
in_client bpftool net show > "$LAB/said"
grep -q up1 "$LAB/said" && grep -q tg0 "$LAB/said" || fail "bpftool net show has not both devices: $(cat "$LAB/said")"
