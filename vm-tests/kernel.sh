# SPDX-License-Identifier: MIT
# kernel.sh - where a kernel's image and its modules are; sourced by run.sh
#
# A package is downloaded and unpacked under $VM, never installed: this machine boots as before.
# Sets KERNEL_IMAGE, KERNEL_RELEASE and KERNEL_BASE (lib/modules/RELEASE is below it), or
# KERNEL_WHY when there is no such kernel here.

# The package that a metapackage such as linux-image-amd64 stands for.
kernel_package() { # package
	local real
	real=$(apt-cache depends --important "$1" 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	echo "${real:-$1}"
}

# Prints the file. What was downloaded before serves without a network, as long as the lists name the same version.
kernel_download() { # package
	local package version file
	package=$(kernel_package "$1")
	version=$(apt-cache show --no-all-versions "$package" 2> /dev/null | sed -n 's/^Version: //p' | head -n 1)
	[ -n "$version" ] || return 1
	file=$VM/deb/${package}_${version//:/%3a}_$(dpkg --print-architecture).deb
	if ! [ -f "$file" ]; then
		mkdir -p "$VM/deb"
		(cd "$VM/deb" && apt-get -qq -o APT::Sandbox::User=root download "$package=$version") >&2 || return 1
	fi
	[ -f "$file" ] && echo "$file"
}

kernel_unpack() { # file of the package, directory
	[ -f "$2/unpacked-$(basename "$1")" ] && return 0
	rm -rf "$2" && mkdir -p "$2"
	dpkg-deb -x "$1" "$2" || return 1
	# Newer packages have their modules below usr.
	if ! [ -e "$2/lib" ]; then ln -s usr/lib "$2/lib"; fi
	depmod -b "$2" "$(basename "$2"/lib/modules/*)" && touch "$2/unpacked-$(basename "$1")"
}

kernel_from_package() { # name, package
	local file
	if ! command -v apt-get dpkg-deb > /dev/null; then
		KERNEL_WHY="no apt to get $2 with"
		return 1
	fi
	if ! file=$(kernel_download "$2") && ! { apt-get -qq update > /dev/null 2>&1 && file=$(kernel_download "$2"); }; then
		KERNEL_WHY="cannot get package $2"
		return 1
	fi
	KERNEL_BASE=$VM/kernel-$1
	if ! kernel_unpack "$file" "$KERNEL_BASE"; then
		KERNEL_WHY="cannot unpack $file"
		return 1
	fi
	KERNEL_RELEASE=$(basename "$KERNEL_BASE"/lib/modules/*)
	KERNEL_IMAGE=$KERNEL_BASE/boot/vmlinuz-$KERNEL_RELEASE
}

kernel_of_host() {
	KERNEL_RELEASE=$(uname -r)
	KERNEL_BASE=/
	for KERNEL_IMAGE in "/boot/vmlinuz-$KERNEL_RELEASE" "/lib/modules/$KERNEL_RELEASE/vmlinuz"; do
		[ -r "$KERNEL_IMAGE" ] && [ -f "/lib/modules/$KERNEL_RELEASE/modules.dep" ] && return 0
	done
	KERNEL_WHY="no readable image and modules of $KERNEL_RELEASE on this machine"
	return 1
}

kernel_find() { # name, source
	KERNEL_WHY=
	case $2 in
	host) kernel_of_host ;;
	*) kernel_from_package "$1" "$2" ;;
	esac
}
