#!/bin/bash
# SPDX-License-Identifier: MIT
# guest_wireguard.sh - two devices of the kernel's WireGuard, in two namespaces, ping each other
set -eu
ns=wireguard$$
keys=$(mktemp -d)
trap 'ip link del wg0 2> /dev/null; ip netns del $ns; rm -rf $keys' EXIT
ip netns add $ns
ip link add wire0 type veth peer name wire1 netns $ns
ip addr add 192.0.2.1/24 dev wire0
ip link set wire0 up
ip -n $ns addr add 192.0.2.2/24 dev wire1
ip -n $ns link set wire1 up
ip link add wg0 type wireguard
ip -n $ns link add wg0 type wireguard
for side in 0 1; do (umask 077 && wg genkey > $keys/$side); done
wg set wg0 listen-port 51820 private-key $keys/0 \
	peer "$(wg pubkey < $keys/1)" allowed-ips 198.51.100.2/32 endpoint 192.0.2.2:51820
ip netns exec $ns wg set wg0 listen-port 51820 private-key $keys/1 \
	peer "$(wg pubkey < $keys/0)" allowed-ips 198.51.100.1/32 endpoint 192.0.2.1:51820
ip addr add 198.51.100.1/24 dev wg0
ip link set wg0 up
ip -n $ns addr add 198.51.100.2/24 dev wg0
ip -n $ns link set wg0 up
ping -q -c 1 -W 10 198.51.100.2 > /dev/null
