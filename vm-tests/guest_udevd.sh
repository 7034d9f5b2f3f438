#!/bin/bash
# SPDX-License-Identifier: MIT
# guest_udevd.sh - names the ports over which virtme-ng talks to its guest, as udev would; the guest has no udev
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
modprobe -q virtio_console
mkdir -p /dev/virtio-ports
for port in /sys/class/virtio-ports/*; do
	read -r name < "$port/name" && ln -sf "/dev/${port##*/}" "/dev/virtio-ports/$name"
done
