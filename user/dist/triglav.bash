# bash completion for triglav

_triglav_names() { # of running instances
	local socket
	for socket in /run/triglav/*.sock; do
		[ -S "$socket" ] || continue
		socket=${socket##*/}
		echo "${socket%.sock}"
	done
}

_triglav_interfaces() {
	local path
	for path in /sys/class/net/*; do
		[ "${path##*/}" = lo ] || echo "${path##*/}"
	done
}

_triglav() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
	COMPREPLY=()

	case $before in
	--config | -c | --key | --key-file | --output | -o | --pid-file)
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--state-dir | --runtime-dir)
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--interface | -i) words=$(_triglav_interfaces) ;;
	--name) words=$(_triglav_names) ;;
	--strategy) words="adaptive lowest_latency lowest_loss bandwidth_proportional weighted_round_robin primary_backup redundant ecmp_aware minrtt blest ecf" ;;
	--aggregation) words="none full adaptive" ;;
	--congestion) words="adaptive cubic none" ;;
	--suite) words="auto chachapoly aesgcm" ;;
	--datapath) words="auto udp xdp" ;;
	--xdp) words="off auto native generic" ;;
	--device) words="tun veth" ;;
	--log-level) words="error warn info debug" ;;
	add | remove | show | set) [ "$command" = uplink ] && words=$(_triglav_interfaces) ;;
	esac
	[ "$command" = uplink ] && [ "$COMP_CWORD" -ge 4 ] && [[ $word != -* ]] && words="rate= quota= datapath="
	if [ -n "$words" ]; then
		COMPREPLY=($(compgen -W "$words" -- "$word"))
		return
	fi

	if [ "$COMP_CWORD" = 1 ]; then
		words="server tun keygen client status uplink config benchmark why help version"
	else
		case $command in
		server)
			words="--address --aggregation --allow --client-to-client --config --congestion --copies --no-copies --daemon --datapath --foreground
				--generate-key --handshakes-per-second --idle-timeout --key --listen --log-level
				--max-connections --mtu --name --open --pid-file --pool --pool6 --print-key --qr
				--rekey-interval --routed --runtime-dir --state-dir --strategy --tcp-fallback --no-tcp-fallback
				--tcp-port --tun-name --workers --xdp --device --lanes --no-lanes --help --help-all"
			;;
		tun)
			words="--aggregation --auto-discover --config --congestion --copies --no-copies --datapath --dns --no-dns --dns-server --exclude
				--foreground --full-tunnel --no-full-tunnel --interface --ipv4 --ipv6 --keepalive
				--key-file --kill-switch --log-level --mtu --name --rekey-interval --route
				--runtime-dir --state-dir --strategy --suite --tcp-fallback --no-tcp-fallback
				--tun-name --xdp --device --lanes --no-lanes --help --help-all"
			;;
		keygen) words="--output --address --qr --help" ;;
		client)
			words="add list show revoke --json --qr --print-key --config --listen --address --key --name
				--state-dir --runtime-dir --help"
			;;
		status) words="--detailed --json --watch --interval --name --runtime-dir --help" ;;
		uplink) words="list show add remove set --json --weight --metered --backup --name --runtime-dir --help" ;;
		config) words="--server --client --output --help" ;;
		benchmark) words="--crypto --json --help" ;;
		why) words="tcp udp --json --name --runtime-dir --help" ;;
		help) words="server tun keygen client status uplink config benchmark why" ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -F _triglav triglav
