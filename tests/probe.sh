#!/bin/sh
# Finds the two libraries that live in different places and writes for the build
#   $1/libs         what to add to the link line
#   $1/tg_config.h  TG_HAVE_IPSEC_MB, and which header declares BLAKE3
#   $1/bpf_include  where clang finds <asm/types.h> for the BPF programs
set -eu
out=$1
cc=${CC:-cc}
libs=
header=$out/tg_config.h.new
echo '/* made by tests/probe.sh */' > "$header"

compiles() { # header, library
	printf '#include <%s>\nint main(void) { return 0; }\n' "$1" |
		$cc -x c -o /dev/null - $2 2> /dev/null
}

if compiles intel-ipsec-mb.h -lIPSec_MB; then
	libs="$libs -lIPSec_MB"
	echo '#define TG_HAVE_IPSEC_MB 1' >> "$header"
fi

blake3=
if pkg-config --exists libblake3 2> /dev/null; then
	libs="$libs $(pkg-config --libs libblake3)"
	echo '#define TG_BLAKE3_LIBBLAKE3 1' >> "$header"
	blake3=yes
else
	# LLVM 15 and newer carry a copy; newest first.
	for dir in $(ls -d /usr/lib/llvm-* 2> /dev/null | sort -t- -k2 -rn); do
		if [ -f "$dir/include/llvm-c/blake3.h" ] && [ -f "$dir/lib/libLLVMSupport.a" ]; then
			libs="$libs $dir/lib/libLLVMSupport.a"
			printf '#define TG_BLAKE3_LLVM "%s/include/llvm-c/blake3.h"\n' "$dir" >> "$header"
			blake3=yes
			break
		fi
	done
fi
if [ -z "$blake3" ]; then
	echo "no BLAKE3 library found: run 'make deps' (it installs llvm-16-dev)" >&2
	exit 1
fi

if ! command -v "${BPFCC:-clang}" > /dev/null || ! PATH=$PATH:/usr/sbin command -v bpftool > /dev/null; then
	echo "clang or bpftool is missing, the BPF programs need both: run 'make deps'" >&2
	exit 1
fi
multiarch=$($cc -print-multiarch 2> /dev/null || true)
[ -n "$multiarch" ] || multiarch=$(uname -m)-linux-gnu
[ ! -d "/usr/include/$multiarch" ] || echo "-I/usr/include/$multiarch" > "$out/bpf_include"

mv "$header" "$out/tg_config.h"
echo "$libs" > "$out/libs"
