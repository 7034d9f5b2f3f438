#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh - what runs in the guest, as its first process or under virtme-ng's: mounts, modules, probes, tests, power off
#
# What it finds out goes to the second serial port (or to $RESULTS), one line each, which run.sh reads:
#   kernel RELEASE
#   mode NAME yes|no REASON
#   test ok|FAIL|skip SECONDS NAME REASON
#   log NAME TEXT			only of what failed
#   end
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8
LOG_LINES=200

mounts() { # as the first process
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev 2> /dev/null
	mkdir -p /dev/pts /dev/shm
	mount -t devpts devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t tmpfs tmpfs /run
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t tracefs tracefs /sys/kernel/tracing
	ln -sf /proc/self/fd /dev/fd
	ln -sf /proc/self/fd/0 /dev/stdin
	ln -sf /proc/self/fd/1 /dev/stdout
	ln -sf /proc/self/fd/2 /dev/stderr
}

modules() { # those that nothing asks for by itself
	local name
	for name in tun veth virtio_pci virtio_net tcp_bbr; do modprobe -q "$name"; done
}

say() {
	printf '%s\n' "$*" >&3
	printf '%s\n' "$*" > /dev/console	# for who watches
}

say_log() { # name, file
	local line
	tail -n $LOG_LINES "$2" | while IFS= read -r line; do printf 'log %s %s\n' "$1" "$line" >&3; done
}

try_mode() { # name, command...
	local name=$1 log=/run/log
	shift
	if timeout -k 5 60 "$@" > $log 2>&1 < /dev/null; then
		say "mode $name yes $(tail -n 1 $log)"
	else
		say "mode $name no $(tail -n 1 $log)"
		say_log "$name" $log
	fi
}

run_test() { # limit, name
	local start=$SECONDS code log=/run/log command=("./$2")
	[[ $2 == *.sh ]] && command=(bash "$2")
	timeout -k 10 "$1" "${command[@]}" > $log 2>&1 < /dev/null
	code=$?
	case $code in
	0) say "test ok $((SECONDS - start)) $2" ;;
	77) say "test skip $((SECONDS - start)) $2 $(tail -n 1 $log)" ;;
	*)
		say "test FAIL $((SECONDS - start)) $2 exit $code"
		say_log "$2" $log
		;;
	esac
}

run_list() {
	local limit pattern found
	while read -r limit pattern; do
		found=
		for name in $pattern; do
			# Beside a program lie files of its build.
			if [[ $name == *.sh && -f $name || -x $name ]]; then found=1 && run_test "$limit" "$name"; fi
		done
		[ -n "$found" ] || say "test FAIL 0 $pattern nothing is there"
	done < vm-tests/list
}

probe_all() {
	local name what command
	while IFS=$'\t' read -r name what command; do
		[[ -z $name || $name == \#* ]] || try_mode "$name" $command
	done < modes.txt
}

[ $$ != 1 ] || mounts
mount -t tmpfs tmpfs /tmp
mount -t bpf bpf /sys/fs/bpf
mkdir -p /run/netns
exec 3> "${RESULTS:-/dev/ttyS1}"
export TG_EMULATED=1	# a slow processor: random tests make do with fewer rounds
modules
ip link set lo up
say "kernel $(uname -r)"
cd /triglav/vm-tests && PATH=$PATH:/triglav/build/vm-tests/probe probe_all
cd /triglav && run_list
say end
sync
echo o > /proc/sysrq-trigger
read -r < /dev/zero
