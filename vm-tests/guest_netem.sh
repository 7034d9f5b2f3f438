#!/bin/bash
# SPDX-License-Identifier: MIT
# guest_netem.sh - a queue that loses everything loses a ping, and is really gone when it is taken away
set -eu
ns=netem$$
trap 'ip netns del $ns' EXIT
ip netns add $ns
ip link add netem0 type veth peer name netem1 netns $ns
ip addr add 192.0.2.1/24 dev netem0
ip link set netem0 up
ip -n $ns addr add 192.0.2.2/24 dev netem1
ip -n $ns link set netem1 up
ping -q -c 1 -W 5 192.0.2.2 > /dev/null
tc qdisc add dev netem0 root netem loss 100%
if ping -q -c 1 -W 1 192.0.2.2 > /dev/null; then
	echo "a ping came through a loss of 100 %"
	exit 1
fi
tc qdisc del dev netem0 root
ping -q -c 1 -W 5 192.0.2.2 > /dev/null
