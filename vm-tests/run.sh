#!/bin/bash
# SPDX-License-Identifier: MIT
# make check-vm: boots each kernel of kernels.txt, runs the tests of tests.txt inside, says which of the
# modes of modes.txt work there, and ends with "N passed, N failed, N skipped".
#   vm-tests/run.sh [NAME...]    only these kernels
# VM_SHORT=1: the short tests only. VM_ONLY=REGEX: tests whose name matches. VM_LIMIT: seconds of processor
# time for one kernel. See docs/vm-tests.md.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
VM=$PWD/build/vm
. vm-tests/kernel.sh
. vm-tests/image.sh
. vm-tests/boot.sh

SHORT=${VM_SHORT:-}
LIMIT=${VM_LIMIT:-$([ -n "$SHORT" ] && echo 900 || echo 9000)}
passed=0 failed=0 skipped=0 why=
table=$VM/table		# lines of "mode kernel yes|no"

rows() { # file of vm-tests: without comments
	grep -v '^#' "vm-tests/$1" | grep .
}

count_pass() { passed=$((passed + 1)); }
count_skip() { skipped=$((skipped + 1)) && why=$2 && printf 'skip  %-44s %s\n' "$1" "$2"; }
count_fail() { failed=$((failed + 1)) && printf 'FAIL  %-44s %s\n' "$1" "$2"; }

show_log() { # results, name of a test or mode
	sed -n "s|^log $2 |      \| |p" "$1" | tail -n "${3:-40}"
}

take_mode() { # kernel, results, must, mode, verdict, reason
	echo "$4 $1 $5" >> "$table"
	if [ "$5" = yes ]; then
		count_pass
	elif [[ " $3 " == *" $4 "* ]]; then
		count_fail "$1/$4" "must work here: $6"
		show_log "$2" "$4"
	else
		printf 'no    %-44s %s\n' "$1/$4" "$6"
	fi
}

take_test() { # kernel, results, verdict, seconds, name, reason
	case $3 in
	ok) count_pass && printf 'ok    %-44s %3d s\n' "$1/$5" "$4" ;;
	skip) count_skip "$1/$5" "$6" ;;
	*)
		count_fail "$1/$5" "$6 after $4 s"
		show_log "$2" "$5"
		;;
	esac
}

# A mode that must work, and that nobody tried, is no success.
miss_modes() { # kernel, results, must
	local mode
	for mode in $3; do
		grep -q "^mode $mode " "$2" || count_fail "$1/$mode" "must work here, and was not tried"
	done
}

take_results() { # kernel, results, must
	local kind a b c d
	while read -r kind a b c d; do
		case $kind in
		mode) take_mode "$1" "$2" "$3" "$a" "$b" "$c${d:+ $d}" ;;
		test) take_test "$1" "$2" "$a" "$b" "$c" "$d" ;;
		esac
	done < "$2"
}

# The guest's files and modules, and what it said: console and report.
boot_kernel() { # console, results
	local code
	rm -f "$1" "$2"
	boot_choose
	if boot_by_virtme; then
		by="virtme-ng, $BOOT_ACCEL"
		image_modules_to "$VM/root"
		boot_virtme "$LIMIT" "$1" "$2"
		return
	fi
	by=$BOOT_ACCEL
	image_modules "$VM/modules.cpio"
	cat "$VM/base.cpio" "$VM/modules.cpio" > "$VM/initramfs"
	boot_guest "$LIMIT" "$VM/initramfs" "$1" "$2"
	code=$?
	touch "$1" "$2"
	sed -i 's/\r$//' "$1" "$2"
	return $code
}

# A guest that does not get to its end has failed, whatever it said before.
run_kernel() { # name, source, must
	local start=$SECONDS code by console=$VM/$1.console results=$VM/$1.results
	if ! kernel_find "$1" "$2"; then
		count_skip "$1" "$KERNEL_WHY"
		return
	fi
	boot_kernel "$console" "$results"
	code=$?
	echo "kernel $1: $(sed -n 's/^kernel //p' "$results") by $by, $((SECONDS - start)) s"
	take_results "$1" "$results" "$3"
	miss_modes "$1" "$results" "$3"
	if [ "$1" != host ] && [[ "$(sed -n 's/^kernel //p' "$results")" != "$1".* ]]; then count_fail "$1/release" "another kernel runs"; fi
	if [ "$(tail -n 1 "$results")" != end ]; then
		count_fail "$1/boot" "did not get to its end within $LIMIT s of processor time (exit $code), console: $console"
		cat "$VM/qemu.log" "$console" | tail -n 30 | sed 's/^/      | /'
	fi
}

print_table() {
	local kernels mode kernel
	kernels=$(awk '!seen[$2]++ { print $2 }' "$table")
	[ -n "$kernels" ] || return 0
	printf '\n%-16s' mode
	printf '%-8s' $kernels
	printf '\n'
	for mode in $(rows modes.txt | cut -f 1); do
		printf '%-16s' "$mode"
		for kernel in $kernels; do
			printf '%-8s' "$(awk -v m="$mode" -v k="$kernel" '$1 == m && $2 == k { print $3 }' "$table")"
		done
		printf '\n'
	done
	printf '\n'
}

summary() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ] || exit 1
	[ $passed = 0 ] || exit 0
	echo "${why:-no such kernel in vm-tests/kernels.txt: $*}"
	exit 77
}

need_tools() {
	local tool
	if [ "$(uname -m)" != x86_64 ]; then
		echo "the kernels of vm-tests/kernels.txt are for x86_64"
		exit 77
	fi
	for tool in "$QEMU" cpio modprobe depmod; do
		if ! type -P "$tool" > /dev/null; then
			echo "$tool is missing: see make deps"
			exit 77
		fi
	done
}

main() {
	local name source must
	need_tools
	mkdir -p "$VM"
	: > "$table"
	rows tests.txt | awk -v short="$SHORT" -v only="${VM_ONLY:-.}" \
		'(short == "" || $1 == "short") && $3 ~ only { print $2, $3 }' > "$VM/list"
	image_build || exit 1
	while IFS=$'\t' read -r name source must; do
		[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
		run_kernel "$name" "$source" "$must"
	done < <(rows kernels.txt)
	print_table
	summary "$@"
}

main "$@"
