#!/bin/bash
# make check: builds everything, runs every test this machine can run, one line each, and ends
# with "N passed, N failed". Exit 77 of a test is a skip; its last line says why.
#   tests/run.sh [PATTERN]    only tests whose name matches the pattern
# XDP=full: all lab tests that are repeated with AF_XDP, not only the short ones. BUILT=1: as it is built.
set -u
cd "$(dirname "$0")/.." || exit 1
pattern=${1:-.}
logs=build/logs
passed=0 failed=0 skipped=0 twice=0 names=

attempt() { # log, limit in seconds, command...
	local log=$1 limit=$2
	shift 2
	timeout -k 10 "$limit" "$@" > "$log" 2>&1 < /dev/null
}

why_failed() { # log, exit code
	grep -a -m 1 '^FAILED' "$1" || echo "exit $2"
}

run_one() { # name, limit in seconds, command...
	local name=$1 limit=$2 log=$logs/${1//\//_}.log code again= start=$SECONDS
	shift 2
	[[ $name =~ $pattern ]] || return 0
	attempt "$log" "$limit" "$@"
	code=$?
	# Real kernels and clocks, on a machine that others use as well: these may try twice, and it is said. (Not vm/*: one boot takes minutes, and
	# a guest's clock stands still with it.)
	if [ $code != 0 ] && [ $code != 77 ] && [[ $name == lab/* || $name == xdp/* ]]; then
		mv "$log" "${log%.log}.first.log"
		again="  at the second attempt: $(why_failed "${log%.log}.first.log" $code), ${log%.log}.first.log"
		twice=$((twice + 1))
		attempt "$log" "$limit" "$@"
		code=$?
	fi
	case $code in
	0) passed=$((passed + 1)) && printf 'ok    %-36s %3d s%s\n' "$name" $((SECONDS - start)) "$again" ;;
	77) skipped=$((skipped + 1)) && printf 'skip  %-36s %s\n' "$name" "$(tail -n 1 "$log")" ;;
	*)
		failed=$((failed + 1)) && names="$names $name"
		printf 'FAIL  %-36s exit %d after %d s, log: %s%s\n' "$name" $code $((SECONDS - start)) "$log" "$again"
		printf '      | %s\n' "$(why_failed "$log" $code)"	# what a fixed number of lines may have left out
		tail -n 25 "$log" | sed 's/^/      | /'
		;;
	esac
}

sh tests/deps.sh || echo "some packages are missing: tests that need them are skipped"
mkdir -p $logs
if [ -z "${BUILT:-}" ]; then
	make -s -j"$(nproc)" tests || exit 1
	make -s -j"$(nproc)" asan || exit 1
	make -s -j"$(nproc)" fuzz || echo "no fuzzing: clang with libFuzzer is missing"
fi

run_one layers 60 bash tests/layers.sh
for t in build/tests/unit/*_test; do
	[ -x "$t" ] && run_one "unit/$(basename "$t")" 120 "$t"
done
for t in build/asan/tests/unit/*_test; do
	[ -x "$t" ] && run_one "asan/$(basename "$t")" 300 "$t"
done
for t in build/tests/bpf/*_test; do
	[ -x "$t" ] && run_one "bpf/$(basename "$t")" 300 "$t"
done
for t in build/asan/tests/bpf/*_test; do
	[ -x "$t" ] && run_one "asan/bpf/$(basename "$t")" 300 "$t"
done
run_one tsan/handover_test 120 sh tests/tsan.sh
run_one sim/quick 180 build/tests/sim/sim --quick --jobs "$(nproc)"
for t in build/fuzz/tests/fuzz/*_fuzz; do
	[ -x "$t" ] && run_one "fuzz/$(basename "$t")" 60 "$t" -max_total_time=4 -rss_limit_mb=2048 -artifact_prefix=$logs/
done
for t in tests/interop/*_test.sh; do
	[ -f "$t" ] && run_one "interop/$(basename "$t" .sh)" 120 bash "$t"
done
for t in tests/lab/*_test.sh; do
	[ -f "$t" ] && run_one "lab/$(basename "$t" .sh)" 240 bash "$t"
done
# Some of them again, every client on AF_XDP.
run_one xdp/list 10 bash tests/lab/xdp_list.sh
for name in $(bash tests/lab/xdp_list.sh "${XDP:-short}"); do
	run_one "xdp/$name" 240 env DATAPATH=xdp bash "tests/lab/${name}_test.sh"
done
for name in $(awk '!/^#/ && NF { print $1 }' vm-tests/kernels.txt); do
	run_one "vm/$name" 1500 env VM_SHORT=1 bash vm-tests/run.sh "$name"
done

[ $twice = 0 ] || echo "$twice of the lab's tests were tried twice"
[ $failed = 0 ] || echo "failed:$names"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
