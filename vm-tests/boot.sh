# SPDX-License-Identifier: MIT
# boot.sh - start a kernel in a virtual machine; sourced by run.sh
#
# With KVM a machine of two cores. Without it one emulated core whose clock counts instructions (-icount): the guest
# believes in a processor of 1 GHz, however slowly or unevenly this machine emulates it, and idle time is jumped over.
# So limits and timers in tests keep their meaning, and need no factor.
#
# Where virtme-ng is installed, has the busybox it needs, and KVM works, it starts the machine: on the same files, which
# it hands to the guest as they lie in build/vm/root instead of packed into an initramfs.
#
# Two network cards are joined by a hub inside qemu, for what virtio_net can do; nothing leaves the machine.

QEMU=qemu-system-$(uname -m)
BOOT_ACCEL=		# kvm or tcg, when known
BOOT_APPEND="console=ttyS0 panic=-1 init=/init loglevel=4 random.trust_cpu=on net.ifnames=0"

BOOT_PID=		# the machine that runs

# The machine ends with us, however we end.
boot_end() {
	[ -z "$BOOT_PID" ] || kill "$BOOT_PID" 2> /dev/null
	BOOT_PID=
}
trap boot_end EXIT
trap 'exit 130' INT TERM

# The limit is processor time, so that a busy machine fails nothing; the clock may show three times that.
boot_wait() { # limit in seconds, command...
	local limit=$1 code
	shift
	(ulimit -S -t "$limit" && exec timeout -k 5 $((3 * limit)) "$@") < /dev/null > "$VM/qemu.log" 2>&1 &
	BOOT_PID=$!
	wait "$BOOT_PID" 2> /dev/null	# without the shell's word about how it ended
	code=$?
	BOOT_PID=
	return $code
}

boot_qemu() { # accelerator, limit in seconds, further arguments of qemu
	local accel=$1 limit=$2
	shift 2
	case $accel in
	kvm) set -- -accel kvm -cpu host -smp 2 "$@" ;;
	tcg) set -- -accel tcg,thread=single -icount shift=0,sleep=off -cpu max -smp 1 "$@" ;;
	esac
	boot_wait "$limit" "$QEMU" -nodefaults -no-user-config -display none -no-reboot "$@"
}

# KVM may be there and not work, as inside some virtual machines. A kernel that finds no root
# stops at once: where KVM works that takes a second or two.
boot_kvm_works() {
	[ -w /dev/kvm ] || return 1
	boot_qemu kvm "${KVM_LIMIT:-10}" -m 512 -kernel "$KERNEL_IMAGE" -append "$BOOT_APPEND" -serial "file:$VM/kvm.log" &&
		grep -q 'Kernel panic' "$VM/kvm.log"
}

boot_choose() {
	[ -z "$BOOT_ACCEL" ] || return 0
	if boot_kvm_works; then BOOT_ACCEL=kvm; else BOOT_ACCEL=tcg; fi
}

boot_network() { # prints arguments of qemu: two virtio_net cards, one hub
	local i
	for i in 0 1; do
		printf '%s\n' -netdev "hubport,id=port$i,hubid=0" -device \
			"virtio-net-pci,netdev=port$i,mac=02:00:00:00:00:0$i,disable-legacy=on,iommu_platform=on"
	done
}

# With VM_BOOT=vng or VM_BOOT=qemu not asked.
boot_by_virtme() {
	case ${VM_BOOT:-} in
	qemu) return 1 ;;
	vng) return 0 ;;
	esac
	[ "$BOOT_ACCEL" = kvm ] && type -P vng busybox > /dev/null
}

# virtme-ng's qemu opens its own output again by name, which works with a pipe and not with a file.
boot_virtme() { # limit in seconds, console, results; the guest's modules are in root
	local network code kvm=()
	mapfile -t network < <(boot_network)
	[ "$BOOT_ACCEL" = kvm ] || kvm=(--disable-kvm)
	boot_wait "$1" bash -o pipefail -c '"$@" 2>&1 | cat' pipe \
		vng --run "$KERNEL_IMAGE" --root "$VM/root" --force-9p "${kvm[@]}" --cpus 2 --memory "${VM_MEMORY:-1536}M" \
		"--qemu-opts=${network[*]}" --exec "RESULTS=/dev/stdout bash /triglav/vm-tests/guest.sh"
	code=$?
	tr -d '\r' < "$VM/qemu.log" > "$2"
	grep -aE '^(kernel|mode|test|log|end)' "$2" > "$3"
	return $code
}

# Boots and waits for the end. The guest's console is in CONSOLE, its report in RESULTS.
boot_guest() { # limit in seconds, initramfs, console, results
	local network
	mapfile -t network < <(boot_network)
	boot_qemu "$BOOT_ACCEL" "$1" -m "${VM_MEMORY:-1536}" -kernel "$KERNEL_IMAGE" -initrd "$2" \
		-append "$BOOT_APPEND" -serial "file:$3" -serial "file:$4" "${network[@]}"
}
