#!/bin/bash
# Who may include whom (docs/packet-path.md shows the picture). A folder of user/ may include
# itself and what its row names; nothing else. The engine must also stay free of I/O: no
# socket, clock or random header is reached from base-less crypto, path or tunnel code. BPF
# programs see nothing of user/.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

allowed() {
	case $1 in
	base) echo "base" ;;
	crypto | path | link | bpf | host) echo "base $1" ;;
	tunnel) echo "base crypto path tunnel" ;;
	run) echo "base crypto path tunnel link bpf host run server" ;;
	server) echo "base crypto path tunnel link bpf host server" ;;
	proxy) echo "base crypto path tunnel link bpf host run proxy" ;;
	manage) echo "base crypto path tunnel link bpf host run server proxy manage" ;;
	cmd) echo "base crypto path tunnel link bpf host run server proxy manage cmd" ;;
	*) echo "" ;;
	esac
}

for file in user/*/*.c user/*/*.h user/*/*.cc; do
	[ -f "$file" ] || continue
	folder=${file#user/}
	folder=${folder%%/*}
	for included in $(sed -n 's/^#include "\([a-z]*\)\/.*"/\1/p' "$file" | sort -u); do
		[ "$included" = triglav ] && continue
		case " $(allowed "$folder") " in
		*" $included "*) ;;
		*)
			echo "$file includes $included/, which $folder/ may not"
			failed=1
			;;
		esac
	done
done

impure='<(sys/socket|sys/epoll|sys/ioctl|sys/random|time|sys/time|unistd|fcntl|pthread|net/if|sys/uio)\.h>|base/clock\.h'
for file in user/crypto/*.[ch] user/path/*.[ch] user/tunnel/*.[ch]; do
	[ -f "$file" ] || continue
	case $file in user/crypto/keyfile.*) continue ;; esac	# key files are files
	if grep -nE "#include (\"|)($impure)" "$file"; then
		echo "$file: the engine does no I/O, reads no clock and takes no system randomness"
		failed=1
	fi
done

for file in include/triglav/*.h; do
	[ -f "$file" ] || continue
	if grep -nE '#include "(base|crypto|path|tunnel|link|bpf|host|run|server|proxy|manage|cmd)/' "$file"; then
		echo "$file: shared with BPF, may not include user/"
		failed=1
	fi
done
for file in bpf/*.[ch]; do
	[ -f "$file" ] || continue
	if grep -nE '#include' "$file" | grep -vE '#include (<(linux|bpf|triglav)/[a-z_0-9]+\.h>|"[a-z_]+\.bpf\.h")'; then
		echo "$file: BPF programs include include/triglav and libbpf only"
		failed=1
	fi
done
if grep -rnE '#include .*\.skel\.h' user --include=*.[ch] | grep -v '^user/bpf/'; then
	echo "skeletons are included in user/bpf only"
	failed=1
fi
exit $failed
