#!/bin/sh
# Installs what building and testing need, by Debian/Ubuntu package name. Does nothing, and
# touches no network, when all of it is there. Elsewhere it prints the list.
set -eu
build="gcc g++ make pkg-config libsodium-dev libipsec-mb-dev libevent-dev libjansson-dev
libtomlplusplus-dev libnl-3-dev libnl-route-3-dev libnftables-dev libsystemd-dev libsqlite3-dev
libqrencode-dev clang bpftool libbpf-dev libxdp-dev"
test="libcmocka-dev libclang-rt-14-dev python3 python3-dissononce iproute2 nftables iperf3
iputils-ping procps strace tcpdump socat curl ethtool bind9-dnsutils conntrack"
vm="qemu-system-x86 kmod cpio xz-utils"
bench="wireguard-go wireguard-tools openvpn"
packages="$build $test $vm $bench"

# BLAKE3: the distribution's own library where there is one, else LLVM's copy.
if command -v apt-cache > /dev/null && [ -n "$(apt-cache madison libblake3-dev 2> /dev/null)" ]; then
	packages="$packages libblake3-dev"
else
	packages="$packages llvm-16-dev"
fi
[ "$(uname -m)" = x86_64 ] || packages=$(echo "$packages" | sed 's/libipsec-mb-dev//; s/qemu-system-x86//')

if ! command -v apt-get > /dev/null; then
	echo "install the equivalents of these Debian packages:"
	for p in $packages; do echo "  $p"; done
	exit 0
fi

missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2> /dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" != 0 ]; then
	echo "installing packages needs root: run 'sudo make deps'" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing > /dev/null
