#!/bin/bash
# SPDX-License-Identifier: MIT
# The systemd units, without systemd: both ends run as the units have it (command, user, group, limits, mask, credential, and exactly their
# capabilities) and carry traffic; each capability taken away makes something fail that is named; and what the processes ask of the
# kernel is what the units' sandbox lets through.
. "$(dirname "$0")/lab.sh"
need_triglav
export NO_COLOR=1
command -v setpriv > /dev/null || skip "setpriv is missing"
command -v strace > /dev/null || skip "strace is missing"

DIST=$ROOT/user/dist
declare -A UNIT=([server]=$DIST/triglav-server.service [client]=$DIST/triglav@.service)

unit() { # server or client, setting: its values, one after the other
	sed -n "s/^$2=//p" "${UNIT[$1]}"
}

# --- what systemd itself says of them ---
mkdir -p /tmp/triglav-units.$$
trap 'rm -rf /tmp/triglav-units.$$' EXIT
for side in server client; do
	name=$(basename "${UNIT[$side]}")
	sed "s|@PREFIX@/bin/triglav|$TRIGLAV|" "${UNIT[$side]}" > "/tmp/triglav-units.$$/$name"
done
if command -v systemd-analyze > /dev/null; then
	for name in triglav-server.service triglav@tg0.service; do
		said=$(systemd-analyze verify --man=no "/tmp/triglav-units.$$/$name" 2>&1) || fail "systemd-analyze verify $name: $said"
		[ -z "$said" ] || fail "systemd-analyze verify $name says: $said"
	done
	for name in triglav-server.service triglav@.service; do
		if ! said=$(systemd-analyze security --offline=true --no-pager --threshold=30 "/tmp/triglav-units.$$/$name" 2>&1); then
			fail "systemd-analyze security: $name is exposed more than 3.0: $(tail -n 1 <<< "$said")"
		fi
		echo "$name: $(tail -n 1 <<< "$said")"
	done
fi
rm -rf /tmp/triglav-units.$$
trap - EXIT

lab_new "rate=20mbit delay=5ms" "rate=20mbit delay=10ms"
start_internet
mkdir -p "$LAB/state" "$LAB/run" "$LAB/credentials"

# --- running as a unit does ---
bounding() { # capabilities as in a unit: for setpriv
	local name set=-all
	for name in $1; do
		set=$set,+$(tr A-Z a-z <<< "${name#CAP_}")
	done
	echo "$set"
}

# The words of ExecStart, the program and the files of /etc/triglav being those of the lab.
exec_start() { # server or client
	unit "$1" ExecStart | sed "s|@PREFIX@/bin/triglav|$TRIGLAV|; s|/etc/triglav/server.toml|$LAB/server.toml|; s|/etc/triglav/%i.toml|$LAB/client.toml|; s|%i|tg0|g"
}

# For prlimit. Not more than this machine lets us have.
limit() { # server or client, setting, ulimit's letter
	local value most
	value=$(unit "$1" "$2") most=$(ulimit -H "-$3")
	[ "$3" != l ] || [ "$most" = unlimited ] || most=$((most * 1024))
	if [ "$value" = infinity ]; then value=unlimited; fi
	if [ "$most" != unlimited ] && { [ "$value" = unlimited ] || [ "$value" -gt "$most" ]; }; then value=$most; fi
	echo "$value:$value"
}

# A script that becomes the daemon; "by" goes between the limits and the privileges, to watch from outside. The client has an /etc of its own,
# for it may change resolv.conf, and no bus, for a systemd-resolved of this machine is not its.
make_start() { # server or client, capabilities, by...
	local side=$1 caps=$2 group= own=
	shift 2
	assert_equal "the user of the $side's unit" "$(unit $side User)" ""	# root
	getent group "$(unit $side Group)" > /dev/null && group="--regid $(unit $side Group) --clear-groups"
	[ $side = server ] || own=$OWN_ETC
	cat > "$LAB/start-$side" <<-EOF
	#!/bin/bash
	$own
	umask $(unit $side UMask)
	export CREDENTIALS_DIRECTORY=$LAB/credentials NOTIFY_SOCKET=$LAB/notify-$side WATCHDOG_USEC=1000000
	exec prlimit --core=$(limit $side LimitCORE c) --nofile=$(limit $side LimitNOFILE n) --memlock=$(limit $side LimitMEMLOCK l) $* \\
		setpriv --bounding-set $(bounding "$caps") --inh-caps=-all --ambient-caps=-all --no-new-privs $group \\
		$(exec_start $side) --state-dir $LAB/state-$side --runtime-dir $LAB/run --name $LAB_ID-${side:0:1}
	EOF
	chmod 755 "$LAB/start-$side"
}

OWN_ETC="[ -n \"\$APART\" ] || exec env APART=1 unshare -m \"\$0\"
	mount --bind $LAB/etc /etc || exit 1
	for bus in /run/dbus /run/systemd; do [ ! -d \$bus ] || mount -t tmpfs none \$bus || exit 1; done"

# What the service manager would hear.
listen_for() { # server or client
	rm -f "$LAB/notify-$1"
	lab_run "notify-$1" "$1" $PYTHON -I -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True: print(s.recv(4096).decode().replace("\n", " "), flush=True)' "$LAB/notify-$1"
	wait_for 5 grep -q '^ready' "$LAB/notify-$1.log"
}

# The kernel's part is used where this build has it.
has() { # flag
	grep -q -- " --$1 " <<< "$("$TRIGLAV" tun --help-all)"
}
transport= up2='"up2"'
has xdp && transport='[transport]\nxdp = "native"\n'
has datapath && grep -q 'AF_XDP' <<< "$("$TRIGLAV" tun --help-all)" && up2='{ name = "up2", datapath = "xdp" }'
printf "$transport"'[server]\nlisten = ["%s:%s"]\naddress = ["%s:%s"]\ntcp_port = 443\npool = "%s"\npool6 = "%s"\n' \
	$SERVER4 $PORT $SERVER4 $PORT $POOL4 $POOL6 > "$LAB/server.toml"
printf "$transport"'[client]\nuplinks = ["up1", '"$up2"']\n[routing]\nfull_tunnel = true\nkill_switch = true\ndns = true\ndns_servers = ["192.0.2.53"]\n' > "$LAB/client.toml"
mkdir "$LAB/etc"
for file in passwd group nsswitch.conf hosts gai.conf localtime ld.so.cache ld.so.conf ld.so.conf.d; do
	[ ! -e /etc/$file ] || cp -aL /etc/$file "$LAB/etc/"
done
printf 'nameserver 198.51.100.53\n' > "$LAB/etc/resolv.conf"
"$TRIGLAV" client add laptop --config "$LAB/server.toml" --state-dir "$LAB/state-server" --runtime-dir "$LAB/run" --name "$LAB_ID-s" > "$LAB/credentials/key"
chmod 600 "$LAB/credentials/key" "$LAB"/*.toml

# The process that runs the program, below whatever watches it.
daemon_of() { # server or client
	local pid=${LAB_PID[$1]} child
	while child=$(cat "/proc/$pid/task/$pid/children" 2> /dev/null) && [ -n "$child" ]; do pid=${child%% *}; done
	echo "$pid"
}

start_both() { # capabilities of server, of client
	local side
	for side in server client; do
		: > "$LAB/$side.log"
		lab_run $side $side "$LAB/start-$side"
		[ $side = client ] || wait_for 20 server_listens || fail "the server does not listen: $(lab_log server)"
	done
	wait_for 30 client_is_connected || fail "the client does not connect: $(lab_log client)"
	wait_for 20 client_paths_up 2 || fail "two uplinks, but not two paths"
	in_client ping -q -c 3 -i 0.2 -W 2 $INTERNET4 > /dev/null || fail "no IPv4 traffic"
	in_client ping -6 -q -c 3 -i 0.2 -W 2 $INTERNET6 > /dev/null || fail "no IPv6 traffic"
	[ "$(seen_as $INTERNET4)" = $SERVER4 ] || fail "TCP does not go through the tunnel"
	grep -q '^nameserver 192.0.2.53' "$LAB/etc/resolv.conf" || fail "names are not the tunnel's: $(cat "$LAB/etc/resolv.conf")"
}

stop_both() {
	local side
	for side in client server; do
		kill -TERM "$(daemon_of $side)"		# not what watches it
		wait_for 15 lab_is_gone "${LAB_PID[$side]}" || fail "the $side does not end: $(lab_log $side)"
		lab_stop $side || fail "the $side does not end well: $(lab_log $side)"
	done
	if grep -q 'proto 116\|fwmark 0x74' <<< "$(in_client ip rule list)"; then fail "the client leaves rules: $(in_client ip rule list)"; fi
	if grep -q triglav <<< "$(in_client nft list tables)"; then fail "the client leaves tables"; fi
	assert_equal "resolv.conf afterwards" "$(cat "$LAB/etc/resolv.conf")" "nameserver 198.51.100.53"
}

for side in server client; do
	make_start $side "$(unit $side CapabilityBoundingSet)"
	listen_for $side
done
start_both
for side in server client; do
	pid=$(daemon_of $side)
	allowed=0
	for name in $(unit $side CapabilityBoundingSet); do
		allowed=$((allowed | 1 << $(awk -v n="$name" '$1 == "#define" && $2 == n { print $3 }' /usr/include/linux/capability.h)))
	done
	for set in CapPrm CapEff CapBnd; do
		assert_equal "$set of the $side" "$((16#$(awk -v s=$set: '$1 == s { print $2 }' "/proc/$pid/status")))" $allowed
	done
	assert_equal "NoNewPrivs of the $side" "$(awk '/^NoNewPrivs/ { print $2 }' "/proc/$pid/status")" 1
	# Under LimitMEMLOCK, without CAP_IPC_LOCK.
	[ "$(awk '/^VmLck/ { print $2 }' "/proc/$pid/status")" -gt 0 ] || fail "the $side has locked no memory"
	wait_for 10 grep -q 'READY=1' "$LAB/notify-$side.log" || fail "the $side tells no READY=1: $(lab_log notify-$side)"
	wait_for 10 grep -q 'WATCHDOG=1' "$LAB/notify-$side.log" || fail "the $side gives no sign to the watchdog: $(lab_log notify-$side)"
done
if [ -n "$transport" ]; then
	assert_true "the filter's mode on every uplink" "$(client_status | json 'all(u["xdp"] == "native" for u in d["uplinks"])')"
	assert_true "the filter has seen packets of ours" "$(server_status | json 'd["filter"]["passed"] > 0')"
fi
# ExecReload is SIGHUP.
for side in server client; do
	[[ $(unit $side ExecReload) == *"kill -HUP"* ]] || fail "the $side's unit does not reload"
	kill -HUP "$(daemon_of $side)"
	wait_for 5 grep -q 'toml: nothing changed' "$LAB/$side.log" || fail "the $side does not reload: $(lab_log $side)"
done
stop_both
grep -q 'STOPPING=1' "$LAB/notify-client.log" || fail "the client does not tell that it stops"
note "both ends with exactly the units' capabilities"

# --- each one taken away ---
without() { # server or client, capability: the set that is left
	local name left=
	for name in $(unit "$1" CapabilityBoundingSet); do [ $name = "$2" ] || left="$left $name"; done
	echo $left
}
refused() { # what, exit code, pattern, server or client, capability
	local what=$1 code=$2 pattern=$3 side=$4 got=0
	make_start $side "$(without $side $5)"
	in_$side timeout 20 "$LAB/start-$side" > "$LAB/refused.log" 2>&1 || got=$?
	assert_equal "$what, exit code: $(cat "$LAB/refused.log")" $got "$code"
	grep -q -- "$pattern" "$LAB/refused.log" || fail "$what is not named: $(cat "$LAB/refused.log")"
}
opens_xsk() { # capabilities: does the kernel give AF_XDP sockets?
	in_client setpriv --bounding-set "$(bounding "$1")" --inh-caps=-all --no-new-privs $PYTHON -I -c 'import socket; socket.socket(44, socket.SOCK_RAW)' 2> "$LAB/xsk.log"
}
# In a mount namespace of its own, with a bpffs of its own.
loads_programs() { # capabilities: does the verifier take our programs?
	unshare -m bash -c 'mkdir -p "$0/bpffs"; mount -t bpf bpf "$0/bpffs" && shift && set -- "$@" && for o in '"$BUILD"'/bpf/*.bpf.o; do
		setpriv --bounding-set "$1" --inh-caps=-all --no-new-privs bpftool prog loadall "$o" "$0/bpffs/$(basename "$o" .bpf.o)" || exit 1
	done' "$LAB" - "$(bounding "$1")" > "$LAB/bpf.log" 2>&1
}
has_programs() {
	compgen -G "$BUILD/bpf/*.bpf.o" > /dev/null && command -v bpftool > /dev/null
}

for side in server client; do
	all=$(unit $side CapabilityBoundingSet)
	for name in $all; do
		case $name in
		CAP_NET_ADMIN)
			refused "the $side without CAP_NET_ADMIN" 4 "CAP_NET_ADMIN is missing" $side $name
			;;
		CAP_NET_BIND_SERVICE)
			refused "port 443 without CAP_NET_BIND_SERVICE" 4 "TCP port $SERVER4:443 needs a privilege (CAP_NET_BIND_SERVICE)" $side $name
			;;
		CAP_NET_RAW)
			opens_xsk "$all" || fail "no AF_XDP socket with all of them: $(cat "$LAB/xsk.log")"
			if opens_xsk "$(without $side $name)"; then fail "an AF_XDP socket without CAP_NET_RAW"; fi
			grep -q 'Operation not permitted' "$LAB/xsk.log" || fail "AF_XDP without CAP_NET_RAW fails otherwise: $(cat "$LAB/xsk.log")"
			;;
		CAP_BPF | CAP_PERFMON)
			if ! has_programs; then
				note "no programs are built here: $name is not tried"
				continue
			fi
			loads_programs "$all" || fail "the programs do not load with all of them: $(cat "$LAB/bpf.log")"
			if loads_programs "$(without $side $name)"; then fail "the programs load without $name"; fi
			grep -qi 'not permitted\|failed to load' "$LAB/bpf.log" || fail "loading without $name fails otherwise: $(cat "$LAB/bpf.log")"
			;;
		*) fail "the $side's unit has $name, and nothing here needs it" ;;
		esac
		note "the $side without $name"
	done
done

# --- what they ask of the kernel, against the sandbox ---
for side in server client; do
	make_start $side "$(unit $side CapabilityBoundingSet)" strace -f -qq -y -e signal=none -o "$LAB/$side.strace"
done
start_both
stop_both
note "both ends under strace"
if command -v systemd-analyze > /dev/null; then systemd-analyze syscall-filter --no-pager > "$LAB/groups"; else : > "$LAB/groups"; fi
for side in server client; do
	$PYTHON -I - "$LAB/$side.strace" "${UNIT[$side]}" "$LAB/groups" "$LAB" "$TRIGLAV" <<-'PY' || fail "the $side asks for what its unit does not allow"
	import re, sys
	trace, unit, groups_file, lab, program = sys.argv[1:]
	settings = {}
	for line in open(unit):
	    if re.match(r"[A-Za-z]+=", line):
	        key, value = line.rstrip("\n").split("=", 1)
	        settings.setdefault(key, []).append(value)

	# Calls of the program alone: what prlimit and setpriv did before is not its.
	calls, began = [], False
	for line in open(trace, errors="replace"):
	    m = re.match(r"\d+ +(\w+)\((.*)", line)
	    if m and m[1] == "execve" and f'"{program}"' in m[2]:
	        began = True
	        continue
	    if m and began:
	        calls.append((m[1], m[2]))
	assert len(calls) > 500, "strace saw nothing"
	wrong = []

	groups, name = {}, None
	for line in open(groups_file):
	    if line.startswith("@"):
	        name = line.strip()
	        groups[name] = []
	    elif line.strip() and not line.strip().startswith("#"):
	        groups[name].append(line.strip())
	def expand(word):
	    return {word} if not word.startswith("@") else {c for w in groups[word] for c in expand(w)}
	if groups:
	    allowed = expand("@default")
	    for value in settings["SystemCallFilter"]:
	        for word in value.lstrip("~").split():
	            allowed = allowed - expand(word) if value.startswith("~") else allowed | expand(word)
	    wrong += [f"system call {c}" for c in sorted({c for c, _ in calls} - allowed)]

	families = set(settings["RestrictAddressFamilies"][0].split())
	used = {a.split(",")[0] for c, a in calls if c in ("socket", "socketpair")}
	wrong += [f"address family {f}" for f in sorted(f for f in used - families if not {"AF_LOCAL": "AF_UNIX"}.get(f) in families)]

	wrong += [f"writable and executable memory: {a[:80]}" for c, a in calls
	          if c in ("mmap", "mprotect") and "PROT_WRITE" in a and "PROT_EXEC" in a]

	# ProtectSystem=strict leaves /dev, /proc and /sys; the state and runtime directories; /tmp; what ReadWritePaths names.
	may_write = [lab + "/", "/dev/", "/proc/", "/sys/", "/tmp/"] + [p + "/" for v in settings.get("ReadWritePaths", []) for p in v.split()]
	for c, a in calls:
	    writes = (c in ("open", "openat", "openat2") and re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", a)) or \
	        c in ("mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "chmod", "fchmodat", "chown", "rmdir", "symlink")
	    path = re.search(r'"((?:[^"\\]|\\.)*)"', a) if writes else None
	    if path and path[1].startswith("/") and not any((path[1] + "/").startswith(p) for p in may_write):
	        wrong.append(f"writes {path[1]} ({c})")
	    device = re.search(r'"(/dev/[^"]*)"', a) if c in ("open", "openat") else None
	    if device and device[1] not in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty") and \
	            not any(d.split()[0] == device[1] for d in settings["DeviceAllow"]):
	        wrong.append(f"device {device[1]}")
	    if path and path[1].startswith(("/home/", "/root/")):
	        wrong.append(f"somebody's home: {path[1]}")
	for w in sorted(set(wrong)):
	    print("not allowed:", w)
	if "triglav@" in unit and not any("/etc/resolv.conf" in a for c, a in calls if c in ("rename", "renameat", "renameat2", "openat")):
	    print("resolv.conf was never touched")
	    wrong.append("nothing")
	if "AF_XDP" not in used and "datapath" in open(lab + "/client.toml").read() and "client" in trace:
	    print("an AF_XDP uplink was asked for, and no AF_XDP socket was made")
	    wrong.append("nothing")
	print(f"{len(calls)} calls of {len({c for c, _ in calls})} kinds, {len(used)} address families: {' '.join(sorted(used))}")
	sys.exit(bool(wrong))
	PY
done
note "the sandbox lets through what they ask for"
