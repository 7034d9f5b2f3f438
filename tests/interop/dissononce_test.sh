#!/bin/bash
# Our Noise against an independent one: Debian's python3-dissononce, both roles, all patterns,
# both ciphers; with BLAKE3 (a reference written for this test) and the hashes dissononce has.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=/usr/bin/python3	# the distribution's: another python on PATH does not see its packages
peer=${1:-build/tests/interop/noise_peer}

if ! "$python" -c 'import dissononce' 2> /dev/null; then
	echo "python3-dissononce is not installed ('make deps' installs it)"
	exit 77
fi
if [ ! -x "$peer" ]; then
	echo "$peer is missing: run 'make tests' first"
	exit 1
fi
PYTHONDONTWRITEBYTECODE=1 exec "$python" tests/interop/dissononce_peer.py "$peer" ../shared/vectors
