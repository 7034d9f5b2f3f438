# SPDX-License-Identifier: MIT
# image.sh - the guest's files, copied from this machine and its build; sourced by run.sh
#
# Two archives, which the kernel unpacks one over the other: one for all kernels (programs, libraries, Python, the
# tests), one with a kernel's modules. Neither is compressed: an emulated machine copies faster than it unpacks.

IMAGE_LIB=usr/lib
[ -L /lib ] || IMAGE_LIB=lib

image_copy() { # root, files: each to its own place, links followed
	local root=$1 file
	shift
	for file in "$@"; do
		mkdir -p "$root$(dirname "$file")"
		cp -L --preserve=mode,timestamps "$file" "$root$file"
	done
}

# The directories, and the links between them where the distribution has those.
image_skeleton() { # root
	local dir
	mkdir -p "$1"/{dev,proc,sys,tmp,run,root,etc,var,home,opt,srv,usr/bin,usr/sbin,usr/lib,usr/lib64,triglav}
	for dir in bin sbin lib lib64; do
		if [ -L "/$dir" ]; then ln -s "usr/$dir" "$1/$dir"; else mkdir -p "$1/$dir"; fi
	done
	ln -s /run "$1/var/run"
	printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n' > "$1/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' > "$1/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' > "$1/etc/hosts"
	printf 'passwd: files\ngroup: files\nhosts: files dns\n' > "$1/etc/nsswitch.conf"
}

image_tools() { # root
	local name path
	for name in $(sed 's/#.*//' vm-tests/tools.txt); do
		path=$(type -P "$name") || continue
		image_copy "$1" "$path"
	done
	image_copy "$1" $(find /etc/protocols /etc/services /etc/iproute2 /usr/share/iproute2 /usr/lib/locale/C.utf8 -type f 2> /dev/null)
}

image_python() { # root
	local python=/usr/bin/python3 library
	library=$($python -I -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
	image_copy "$1" $python
	mkdir -p "$1$library"
	tar -C "$library" --exclude=test --exclude=tests --exclude=idlelib --exclude=lib2to3 --exclude=ensurepip \
		--exclude='config-*' --exclude=pydoc_data --exclude=tkinter --exclude=site-packages \
		--exclude=dist-packages -cf - . | tar -C "$1$library" -xf -
}

# The tests, where they are found in the work tree. Symbols stay here.
image_tests() { # root
	local file to=$1/triglav
	mkdir -p "$to/tests"
	cp -r vm-tests "$to/"
	cp -r tests/lab "$to/tests/"
	for file in build/triglav* build/tests/{unit,bpf,lab}/* build/vm-tests/probe/*; do
		[ -f "$file" ] || continue
		case $file in
		*.bpf.o) ;;
		*.[oad]) continue ;;
		esac
		mkdir -p "$to/$(dirname "$file")"
		cp "$file" "$to/$file"
		[[ $file == *.o ]] || strip "$to/$file" 2> /dev/null || true
	done
	ln -s ../build/vm-tests/probe/probe "$to/vm-tests/probe.bin"
	cp "$VM/list" "$to/vm-tests/list"
	ln -s triglav/vm-tests/guest.sh "$1/init"
	mkdir -p "$1/usr/lib/systemd"	# where virtme-ng looks for it
	ln -s /triglav/vm-tests/guest_udevd.sh "$1/usr/lib/systemd/systemd-udevd"
}

# All shared libraries that anything in the tree needs, and those that are opened by name.
image_libraries() { # root
	local library
	find "$1" -type f \( -perm -100 -o -name '*.so*' \) -print0 | xargs -0 -n 64 ldd 2> /dev/null |
		sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^\t\(\/[^ ]*\) .*/\1/p' | sort -u > "$VM/libraries"
	for library in $(ldconfig -p | sed -n 's/.*x86-64.* => \(.*\/libgcc_s\.so\.1\)$/\1/p'); do
		echo "$library" >> "$VM/libraries"
	done
	image_copy "$1" $(cat "$VM/libraries")
	# What libxdp loads at run time: its dispatcher and its default programs.
	library=$(pkg-config --variable=libdir libxdp 2> /dev/null) || return 0
	image_copy "$1" $(ls "$library"/bpf/xdp-dispatcher.o "$library"/bpf/xsk_def_xdp_prog*.o 2> /dev/null)
}

image_pack() { # root, archive
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$2"
	truncate -s %512 "$2"
}

image_build() { # makes $VM/base.cpio
	local root=$VM/root
	rm -rf "$root"
	image_skeleton "$root"
	image_tools "$root"
	image_python "$root"
	image_tests "$root"
	image_libraries "$root"
	image_pack "$root" "$VM/base.cpio"
}

# A module without its compression, at its own place.
image_module() { # directory of the kernel's modules in the guest, file of a module
	local to=$1/${2#*/lib/modules/*/}
	mkdir -p "$(dirname "$to")"
	case $2 in
	*.xz) xz -dc "$2" > "${to%.xz}" ;;
	*.zst) zstd -qdc "$2" > "${to%.zst}" ;;
	*.gz) gzip -dc "$2" > "${to%.gz}" ;;
	*) cp "$2" "$to" ;;
	esac
}

image_module_names() { # the kernel's directory of modules
	local word
	for word in $(sed 's/#.*//' vm-tests/modules.txt); do
		case $word in
		*/*) find "$1/kernel/$word" -name '*.ko*' 2> /dev/null | sed 's/.*\///; s/\.ko.*//' ;;
		*) echo "$word" ;;
		esac
	done
}

image_modules_to() { # root; uses what kernel_find set
	local name file from=$KERNEL_BASE/lib/modules/$KERNEL_RELEASE to=$1/lib/modules/$KERNEL_RELEASE
	mkdir -p "$to"
	for name in $(image_module_names "$from"); do
		modprobe -d "$KERNEL_BASE" -S "$KERNEL_RELEASE" --show-depends "$name" 2> /dev/null || true
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u > "$VM/modules.list"
	while read -r file; do image_module "$to" "$file"; done < "$VM/modules.list"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$to" 2> /dev/null || true
	depmod -b "$1" "$KERNEL_RELEASE"
}

image_modules() { # archive
	local root=$VM/modules
	rm -rf "$root" && mkdir -p "$root/$IMAGE_LIB"
	[ -e "$root/lib" ] || ln -s "$IMAGE_LIB" "$root/lib"
	image_modules_to "$root"
	if [ -L "$root/lib" ]; then rm "$root/lib"; fi	# the other archive has that link
	image_pack "$root" "$1"
}
