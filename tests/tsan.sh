#!/bin/sh
# SPDX-License-Identifier: MIT
# The hand-over between workers under ThreadSanitizer: only its own files, so that it is built in a moment.
cd "$(dirname "$0")/.." || exit 1
out=${1:-build}/tsan
mkdir -p "$out"
cc -O1 -g -fsanitize=thread -std=gnu11 -D_GNU_SOURCE -Iinclude -Iuser -Itests -pthread -o "$out/handover_test" \
	tests/unit/handover_test.c user/run/ring.c user/run/handover.c user/base/addr.c -lcmocka || { echo "no ThreadSanitizer here"; exit 77; }
# A kernel that spreads addresses wider than the sanitizer's map allows stops it before main().
setarch -R "$out/handover_test"
