#!/bin/bash
# SPDX-License-Identifier: MIT
# What the commands say to mistakes: exit code and words. Then keys, accounts and files end to end.
# Needs no network: nothing here gets as far as opening a socket.
set -u
cd "$(dirname "$0")/../.." || exit 1
triglav=$PWD/build/triglav
[ -x "$triglav" ] || { echo "build/triglav is missing"; exit 77; }

work=$(mktemp -d /tmp/triglav-cli-XXXXXX)
trap 'rm -rf "$work"' EXIT
export NO_COLOR=1 TERM=xterm
unset TRIGLAV_KEY CREDENTIALS_DIRECTORY
failed=0 checked=0

complain() {
	echo "FAIL: $*"
	failed=$((failed + 1))
}

# Exit code, a piece of what is said (to either stream), then the command's words.
expect() {
	local code=$1 says=$2 got
	shift 2
	checked=$((checked + 1))
	said=$(timeout 20 "$triglav" "$@" 2>&1 < "${input:-/dev/null}")
	got=$?
	[ $got = "$code" ] || complain "triglav $*: exit $got instead of $code: $said"
	[[ $said == *"$says"* ]] || complain "triglav $*: no \"$says\" in: $said"
}

# A key that is all right, for a server nobody is at, and broken copies of it.
state=(--state-dir "$work/state" --runtime-dir "$work/run")
key=$("$triglav" client add good --address 192.0.2.1:7443 "${state[@]}" 2> "$work/err") || complain "client add: $(cat "$work/err")"
[[ $key =~ ^tg2_[A-Za-z0-9_-]+$ ]] || complain "client add prints: $key"
[ ! -s "$work/err" ] || complain "client add says: $(cat "$work/err")"
[ "$(stat -c %a "$work/state")" = 700 ] || complain "the state directory is not private"
[ "$(stat -c %a "$work/state/server.key")" = 600 ] || complain "the server's key is not private"
[ "$(stat -c %a "$work/state/clients.db")" = 600 ] || complain "the accounts are not private"

# --- words and flags ---
expect 2 "triglav: one encrypted tunnel"
expect 0 "triglav: one encrypted tunnel" help
expect 0 "triglav 0." version
expect 2 'unknown command "stauts"; did you mean "status"?' stauts
expect 2 'unknown command "xyzzy"; triglav help lists them' xyzzy
expect 2 '--interval is for --watch: give both' status --interval 5 --runtime-dir "$work/run"
expect 2 'unknown flag --listn; did you mean --listen?' server --listn 0.0.0.0:1
expect 2 'unknown flag --full-tunel; did you mean --full-tunnel?' tun --full-tunel
expect 2 'unknown flag -z; see triglav tun --help' tun -z
expect 2 '--listen needs a value' server --listen
expect 2 '--listen: expected an address and port such as' server --listen nowhere
expect 2 '--listen: expected an address and port such as' server --listen 1.2.3.4:70000
expect 2 '--pool: expected an IPv4 network' server --pool 10.0.0.0
expect 2 '--pool6: expected an IPv6 network' server --pool6 10.0.0.0/24
expect 2 '--max-connections: expected a whole number from 1 to 1000000' server --max-connections none
expect 2 '--route: expected a network' tun "$key" --route 300.0.0.0/8
expect 2 '--exclude: expected a network' tun "$key" --exclude 10.0.0.0/33
expect 2 '--strategy: expected one of adaptive, lowest_latency' tun "$key" --strategy fastest
expect 2 '--congestion: expected adaptive, cubic or none' server --congestion bbr
expect 2 '--strategy: expected one of adaptive' server --strategy fastest
expect 2 '--aggregation: expected none, full or adaptive' tun "$key" --aggregation some
expect 2 '--rekey-interval: expected a duration' tun "$key" --rekey-interval 1
expect 2 '--datapath: expected auto, udp or xdp' tun "$key" --datapath xpd
expect 2 '--dns-server: expected an address' tun "$key" --dns-server dns.example
expect 2 '--tun-name: expected the name of an interface' tun "$key" --tun-name a/b
expect 2 '--name: expected a name of letters' tun "$key" --name ../x
expect 2 '-i: "nosuch0,weight=2" names an interface a second time' tun "$key" -i nosuch0 -i nosuch0,weight=2
expect 2 'is one word too many' tun "$key" "$key"
expect 2 'which server? Give its key' tun
expect 2 'which file?' config
expect 2 'which client?' client
expect 2 'triglav client can add, list, revoke and show, not "remove"' client remove x "${state[@]}"
expect 2 'triglav uplink can list' uplink
expect 2 'triglav uplink can list, show, add, remove and set, not "up"' uplink up eth0
expect 2 'which interface?' uplink add
expect 2 'rate: expected a rate such as "20mbit"' uplink set eth0 rate=fast
expect 2 'quota: expected an amount such as "10GB"' uplink set eth0 rate=1mbit quota=10
expect 2 '"speed=3" is one word too many; behind the interface' uplink set eth0 speed=3
expect 2 '"rate=1mbit" is one word too many' uplink show eth0 rate=1mbit
expect 2 'what? triglav benchmark --crypto' benchmark
expect 2 '--qr shows a key string' keygen --qr
expect 2 'which flow? Give a flow such as' why
expect 2 'expected a flow such as "tcp 10.0.85.2:43210 198.51.100.2:443"' why tcp example.org:443
expect 3 'no triglav runs here' why 192.0.2.1 --runtime-dir "$work/run"
expect 2 '--interval: expected seconds, or a duration' status --interval soon

# --- keys ---
expect 2 'starts with tg1_ or tg2_' tun tg3_abc
expect 2 'starts with tg1_ or tg2_' tun hello
expect 2 '' tun tg2_
expect 2 '' tun "${key:0:40}"
[[ $said == *"key"* ]] || complain "a short key is not explained: $said"
expect 2 'check' tun "${key:0:60}$([ "${key:60:1}" = A ] && echo B || echo A)${key:61}"
expect 2 '' tun "$key!"
[[ $said != *"unknown"* && $said == *"triglav: "* ]] || complain "a bad letter is not explained: $said"
expect 1 "$work/none" tun --key-file "$work/none"
echo "$key" > "$work/loose.key"
chmod 644 "$work/loose.key"
expect 1 "chmod 600 $work/loose.key" tun --key-file "$work/loose.key"
echo "tg2_junk" > "$work/junk.key"
chmod 600 "$work/junk.key"
expect 2 '' tun --key-file "$work/junk.key"
[[ $said == *"triglav: "* ]] || complain "a junk key file is not explained: $said"
input=$work/junk.key expect 2 'triglav: ' tun -
TRIGLAV_KEY=tg9_x expect 2 'starts with tg1_ or tg2_' tun
mkdir "$work/credentials"
echo tg8_x > "$work/credentials/key"
CREDENTIALS_DIRECTORY=$work/credentials expect 2 'starts with tg1_ or tg2_' tun

# What contradicts itself.
install -m 600 <(echo "$key") "$work/good.key"
expect 2 'two keys: --key-file and one on the command line' tun --key-file "$work/good.key" "$key"
expect 2 'two keys: --key-file and -' tun - --key-file "$work/good.key"
expect 2 '--no-dns and --dns-server contradict' tun "$key" --no-dns --dns-server 9.9.9.9
expect 2 '--dns and --no-dns contradict' tun "$key" --dns --no-dns
expect 2 '--dns and --no-dns contradict' tun "$key" --no-dns --dns

# The key on the command line is said to be visible; an interface that does not exist is named.
expect 1 'there is no interface "nosuch0"; there is ' tun "$key" -i nosuch0 "${state[@]}"
[[ $said == *"can be seen by others in ps"* ]] || complain "nothing is said about ps: $said"
TRIGLAV_KEY=$key expect 1 'there is no interface "nosuch0"' tun -i nosuch0 "${state[@]}"
[[ $said != *"can be seen"* ]] || complain "ps is mentioned although the key is in a variable"
install -m 600 <(echo "$key") "$work/good.key"
expect 1 'there is no interface "nosuch0"' tun --key-file "$work/good.key" -i nosuch0 "${state[@]}"
input=$work/good.key expect 1 'there is no interface "nosuch0"' tun - -i nosuch0 "${state[@]}"

# --- files ---
file() { # text
	printf '%b' "$1" > "$work/test.toml"
	chmod 600 "$work/test.toml"
}
expect 1 "cannot read $work/none.toml" server --config "$work/none.toml"
file '[server]\nlisen = []\n'
expect 2 'test.toml:2: unknown key server.lisen; did you mean server.listen?' server --config "$work/test.toml"
file '[server]\nmax_connections = "x"\n'
expect 2 'test.toml:2: server.max_connections: expected a whole number' server --config "$work/test.toml"
file '[server\n'
expect 2 'test.toml:1: ' server --config "$work/test.toml"
file '[client]\nuplinks = ["nosuch0", { name = "nosuch0" }]\n'
expect 2 'test.toml:2: client.uplinks: {"name":"nosuch0"} names an interface a second time' tun --config "$work/test.toml"
file '[server]\nopen = true\n'
expect 2 "test.toml:2: server.open is a key of a server's file" tun --config "$work/test.toml"
file "[client]\nauth_key = \"$key\"\n"
expect 1 'there is no interface "nosuch0"' tun --config "$work/test.toml" -i nosuch0 "${state[@]}"
chmod 644 "$work/test.toml"
expect 4 "chmod 600 $work/test.toml" tun --config "$work/test.toml" -i nosuch0
for side in server client; do
	expect 0 '[tun]' config --$side
	expect 0 '' config --$side -o "$work/$side.toml"
	expect 1 'File exists' config --$side -o "$work/$side.toml"
done
expect 0 tg1_ server --print-key --address 192.0.2.1:7443 "${state[@]}" --config "$work/server.toml"
expect 2 'which server?' tun --config "$work/client.toml"

# --- no daemon ---
expect 3 'no triglav runs here' status --runtime-dir "$work/run"
expect 3 'no triglav named "tg9" runs' status --runtime-dir "$work/run" --name tg9
expect 3 'no triglav runs here' uplink list --runtime-dir "$work/run"
expect 3 'no triglav runs here' uplink add eth0 --runtime-dir "$work/run"

# --- credentials ---
expect 1 'there is a client "good" already' client add good --address 192.0.2.1:7443 "${state[@]}"
expect 2 'is no name for a client' client add 'a b' --address 192.0.2.1:7443 "${state[@]}"
expect 1 'there is no client "other"' client revoke other "${state[@]}"
expect 1 'there is no client "other"' client show other "${state[@]}"
expect 2 '--address: expected an address' client add other --address example "${state[@]}"
again=$("$triglav" client show good --print-key --address 192.0.2.1:7443 "${state[@]}")
[ "$again" = "$key" ] || complain "client show --print-key prints another key: $again"
expect 0 '"name": "good"' client list --json "${state[@]}"
expect 0 'good                 valid' client list "${state[@]}"
expect 0 '' client revoke good "${state[@]}"
expect 0 'good                 revoked' client show good "${state[@]}"
expect 1 'its secret is forgotten' client show good --print-key "${state[@]}"
expect 0 tg2_ client add good --address 192.0.2.1:7443 "${state[@]}"

# --- the server's key ---
public=$("$triglav" server --print-key --address 192.0.2.1:7443 "${state[@]}" 2> "$work/err")
[[ $public =~ ^tg1_[A-Za-z0-9_-]+$ && ! -s $work/err ]] || complain "server --print-key prints: $public $(cat "$work/err")"
[[ $public == "tg1_${key:4:42}"* ]] || complain "server and client keys name different servers"

# What a server's start left says where it is, to commands that are not told; not for another key.
at() { "$triglav" server --print-key "$@" --state-dir "$work/state" --runtime-dir "$work/run"; }
left() { # public key in hex
	printf '{"public_key": "%s", "address": ["198.51.100.7:7500"], "listen": [], "tcp_port": 0}' "$1" > "$work/state/addresses"
}
elsewhere=$(at --address 198.51.100.7:7500)
left "$(tr '_-' '/+' <<< "${public:4:44}" | base64 -d | od -An -tx1 -N32 | tr -d ' \n')"
[ "$(at)" = "$elsewhere" ] || complain "the addresses a server left are not used"
[ "$(at --address 192.0.2.1:7443)" = "$public" ] || complain "--address does not win over what a server left"
left "$(printf '%064d' 0)"
[ "$(at 2> /dev/null)" != "$elsewhere" ] || complain "the addresses of another server are used"
rm "$work/state/addresses"
expect 1 'there is no key' server --key "$work/other.key" --print-key --address 192.0.2.1:7443 "${state[@]}"
expect 0 tg1_ server --key "$work/other.key" --generate-key --print-key --address 192.0.2.1:7443 "${state[@]}"
expect 0 tg1_ server --key "$work/other.key" --generate-key --print-key --address 192.0.2.1:7443 "${state[@]}"
chmod 640 "$work/other.key"
expect 1 "chmod 600 $work/other.key" server --key "$work/other.key" --print-key --address 192.0.2.1:7443 "${state[@]}"
echo junk > "$work/junk2.key"
chmod 600 "$work/junk2.key"
expect 1 "$work/junk2.key" server --key "$work/junk2.key" --print-key --address 192.0.2.1:7443 "${state[@]}"
expect 0 tg1_ keygen -o "$work/new.key" --address '[2001:db8::1]:7443'
[ "$(stat -c %a "$work/new.key")" = 600 ] || complain "keygen's file is not private"
expect 1 'File exists' keygen -o "$work/new.key"
expect 0 '█' keygen -o "$work/new2.key" --address 192.0.2.1:7443 --qr
[[ $("$triglav" keygen) =~ ^[A-Za-z0-9_-]{43}$ ]] || complain "keygen prints no key"

# --- output that cannot be written ---
"$triglav" help > /dev/full 2> "$work/err"
[ $? = 1 ] || complain "a full disk goes unnoticed"

expect 2 'unknown flag --pool' client add x --pool 10.0.0.0/8

# Each help page has an example and fits a screen of 80 columns and 30 lines.
for command in server tun keygen client status uplink config benchmark why; do
	expect 0 'Example:' $command --help
	[ "$(wc -l <<< "$said")" -le 30 ] || complain "the help of $command does not fit a screen"
	expect 0 'Example:' $command --help-all
	[[ $command != @(server|tun) || $said == *"turned off by no-: --no-tcp-fallback"* ]] || complain "the help of $command says nothing of --no-"
	[ -z "$(grep -E -- '--handshakes-per-second N.*above' <<< "$said")" ] || complain "a flag runs into its help"
	[ -z "$(grep -E '.{81}' <<< "$said")" ] || complain "the help of $command is too wide"
done

# --- completions and manuals know every flag and key; what is installed is complete ---
page=$(sed 's/\\-/-/g' user/dist/triglav.8)
keys=$(sed 's/\\-/-/g' user/dist/triglav.toml.5)
for command in server tun keygen client status uplink config benchmark why; do
	for flag in $("$triglav" $command --help-all | grep -oE '^  (-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+'); do
		checked=$((checked + 1))
		grep -qE -- "[[:space:]\"]$flag( |\"|\$)" user/dist/triglav.bash || complain "the bash completion lacks $flag of $command"
		grep -q -- "$flag" user/dist/_triglav || complain "the zsh completion lacks $flag of $command"
		[[ $page == *"$flag"* || $flag == --help-all ]] || complain "triglav(8) lacks $flag of $command"
	done
done
for key in $({ "$triglav" config --server; "$triglav" config --client; } | sed -n 's/^#\([a-z0-9_]*\) = .*/\1/p' | sort -u); do
	checked=$((checked + 1))
	[[ $keys =~ [[:space:]]$key[[:space:]] ]] || complain "triglav.toml(5) lacks $key"
done
# --- triglav-ctl: the same of its commands, whichever it lists ---
ctl() { triglav=$PWD/build/triglav-ctl "$@"; }
ctl expect 2 'triglav-ctl: looks into a running triglav'
ctl expect 0 'triglav-ctl 0.' version
ctl expect 2 'triglav-ctl: unknown command "recrd"; did you mean "record"?' recrd
ctl expect 2 'unknown flag --inptu; did you mean --input?' record --inptu x
ctl expect 2 'unknown flag -z; see triglav-ctl record --help' record -z
ctl expect 2 'FILE ends in .svg for a picture, or in .json' record minute.png
ctl expect 2 '--json and "minute.svg" contradict each other' record minute.svg --json
ctl expect 2 'is one word too many; see triglav-ctl record --help' record a.svg b.svg
ctl expect 3 'no triglav runs here' record "$work/minute.svg" --runtime-dir "$work/run"
ctl expect 3 'no triglav named "tg9" runs' record --json --name tg9 --runtime-dir "$work/run"
for command in paths flows clients counters drops monitor log; do
	ctl expect 3 'no triglav runs here' $command --runtime-dir "$work/run"
	ctl expect 3 'no triglav named "tg9" runs' $command --json --name tg9 --runtime-dir "$work/run"
done
ctl expect 2 'expected a whole number' monitor --count 0 --runtime-dir "$work/run"
ctl expect 2 '--interval: expected' monitor --interval 1ms
ctl expect 2 'did you mean "counters"?' counter
ctl expect 2 '"loud": expected error, warn, info or debug' log loud
ctl expect 2 '--area: expected one of daemon, sessions' log --area nothing
ctl expect 2 '--lines: expected a whole number from 0 to 256' log --lines 257
ctl expect 2 'config can reload' config
ctl expect 2 'config can reload' config relaod
ctl expect 3 'no triglav runs here' config reload --runtime-dir "$work/run"
ctl expect 2 '"443": expected tcp, udp' flows 443
ctl expect 2 '--name: the command comes first, its flags behind it' --name tg0 flows
ctl expect 2 '"del": triglav-ctl policy can list, add and remove' policy del --dscp ef
ctl expect 2 'a policy is about one of --cgroup, --mark, --dscp and --port' policy add --port 80 --dscp ef class bulk
ctl expect 2 'which packets? One of' policy add class bulk
ctl expect 2 '--dscp: expected 0 to 63, ef, af11 to af43 or cs0 to cs7, found "af44"' policy add --dscp af44 class bulk
ctl expect 3 'no triglav runs here' policy add --dscp af43 class bulk --runtime-dir "$work/run"
ctl expect 2 '"filtr": triglav-ctl can attach lanes, or filter' attach filtr
ctl expect 2 'detach what? lanes, or filter' detach
ctl expect 1 "$work/good.key is no flight record: line 1: " record "$work/minute.svg" --input "$work/good.key"
ctl expect 2 '"10.0.0.0/33": expected tcp, udp' flows tcp 10.0.0.0/33
ctl expect 2 'one protocol and one end are enough' flows tcp udp
ctl expect 2 '--sort: expected rate, bytes' flows --sort size
ctl expect 2 '--top: expected a whole number from 1 to 256' flows --top 0
ctl expect 1 "cannot read $work/none.json: No such file" record "$work/minute.svg" --input "$work/none.json"
[ ! -e "$work/minute.svg" ] || complain "triglav-ctl record makes a file of nothing"
page=$(sed 's/\\-/-/g' user/dist/triglav-ctl.8)
complete_ctl() { # words behind triglav-ctl
	(. user/dist/triglav-ctl.bash && COMP_WORDS=(triglav-ctl "$@") COMP_CWORD=$# && _triglav_ctl && echo "${COMPREPLY[*]}")
}
ctl_commands=$(build/triglav-ctl help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -vx -e help -e version)
[[ $ctl_commands == *paths*record* ]] || complain "triglav-ctl help lists no commands: $ctl_commands"
for command in $ctl_commands; do
	ctl expect 0 'Example:' $command --help
	[ "$(wc -l <<< "$said")" -le 30 ] || complain "the help of triglav-ctl $command does not fit a screen"
	[[ " $(complete_ctl "$command") " == *" $command "* ]] || complain "the bash completion lacks triglav-ctl $command"
	[ -n "$(complete_ctl "$command" --)" ] || complain "the bash completion has no flags of triglav-ctl $command"
	grep -q "^.SH ${command^^}" user/dist/triglav-ctl.8 || complain "triglav-ctl(8) has no section about $command"
	grep -q "^.B triglav-ctl $command\\( \\|\$\\)" user/dist/triglav-ctl.8 || complain "the SYNOPSIS of triglav-ctl(8) lacks $command"
	grep -q "triglav-ctl .*$command" docs/operations.md || complain "operations.md says nothing of triglav-ctl $command"
	grep -q "'$command:" user/dist/_triglav-ctl || complain "the zsh completion lacks triglav-ctl $command"
	[ -z "$(grep -E '.{81}' <<< "$said")" ] || complain "the help of triglav-ctl $command is too wide"
	for flag in $(grep -oE '^  (-., )?--[a-z0-9-]+' <<< "$said" | grep -oE -- '--[a-z0-9-]+'); do
		checked=$((checked + 1))
		grep -qE -- "[[:space:]\"]$flag( |\"|\$)" user/dist/triglav-ctl.bash || complain "the bash completion lacks $flag of triglav-ctl $command"
		grep -q -- "$flag" user/dist/_triglav-ctl || complain "the zsh completion lacks $flag of triglav-ctl $command"
		[[ $page == *"$flag"* ]] || complain "triglav-ctl(8) lacks $flag of $command"
	done
done
for words in "pat:paths" "mon:monitor" "paths --js:--json" "help clie:clients" "monitor --int:--interval"; do
	typed=${words%:*}
	completed=$(complete_ctl $typed)
	[ "$completed" = "${words#*:}" ] || complain "triglav-ctl $typed completes to: $completed"
done
for reason in $(sed -n '/define TG_DROPS(/,/^$/s/.*X([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' include/triglav/maps.h); do
	checked=$((checked + 1))
	grep -q "^| \`$reason\` |" docs/operations.md || complain "operations.md does not explain the drop reason $reason"
done
bash -n user/dist/triglav-ctl.bash || complain "the bash completion of triglav-ctl is no bash"

bash -n user/dist/triglav.bash || complain "the bash completion is no bash"
complete_with() { # words...
	(. user/dist/triglav.bash && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _triglav && echo "${COMPREPLY[*]}")
}
[ "$(complete_with triglav sta)" = status ] || complain "triglav sta completes to: $(complete_with triglav sta)"
[ "$(complete_with triglav tun --kill)" = --kill-switch ] || complain "--kill completes to: $(complete_with triglav tun --kill)"
sh user/dist/install.sh "$work/root" /usr build > "$work/err" 2>&1 || complain "install: $(cat "$work/err")"
for path in usr/bin/triglav usr/lib/systemd/system/triglav-server.service usr/lib/systemd/system/triglav@.service \
	usr/lib/sysusers.d/triglav.conf usr/lib/tmpfiles.d/triglav.conf usr/share/man/man8/triglav.8 usr/share/man/man5/triglav.toml.5 \
	usr/share/bash-completion/completions/triglav usr/share/zsh/site-functions/_triglav etc/triglav usr/bin/triglav-ctl \
	usr/share/man/man8/triglav-ctl.8 usr/share/bash-completion/completions/triglav-ctl usr/share/zsh/site-functions/_triglav-ctl; do
	[ -e "$work/root/$path" ] || complain "not installed: $path"
done
grep -q '^ExecStart=/usr/bin/triglav server' "$work/root/usr/lib/systemd/system/triglav-server.service" || complain "the unit starts something else"
grep -rq '@PREFIX@' "$work/root/usr/lib" && complain "a unit was installed unfinished"
if command -v groff > /dev/null; then
	for page in user/dist/triglav.8 user/dist/triglav-ctl.8 user/dist/triglav.toml.5; do
		[ -z "$(groff -man -ww -z "$page" 2>&1)" ] || complain "$page: $(groff -man -ww -z "$page" 2>&1 | head -n 3)"
	done
fi

echo "$checked commands checked, $failed complaints"
[ $failed = 0 ]
