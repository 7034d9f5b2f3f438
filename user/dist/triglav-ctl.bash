# bash completion for triglav-ctl

_triglav_ctl_names() { # of running instances
	local socket
	for socket in /run/triglav/*.sock; do
		[ -S "$socket" ] || continue
		socket=${socket##*/}
		echo "${socket%.sock}"
	done
}

_triglav_ctl() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
	local commands="paths flows clients counters drops policy attach detach monitor log config record" common="--json --name --runtime-dir --help"
	COMPREPLY=()

	case $before in
	--input)
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--runtime-dir)
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--name)
		COMPREPLY=($(compgen -W "$(_triglav_ctl_names)" -- "$word"))
		return
		;;
	--sort)
		COMPREPLY=($(compgen -W "rate bytes packets age recent" -- "$word"))
		return
		;;
	--area)
		COMPREPLY=($(compgen -W "daemon sessions uplinks host control datapath" -- "$word"))
		return
		;;
	--cgroup)
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--dscp)
		COMPREPLY=($(compgen -W "ef af11 af12 af13 af21 af22 af23 af31 af32 af33 af41 af42 af43 cs0 cs1 cs2 cs3 cs4 cs5 cs6 cs7" -- "$word"))
		return
		;;
	class)
		COMPREPLY=($(compgen -W "realtime bulk" -- "$word"))
		return
		;;
	--mode)
		COMPREPLY=($(compgen -W "auto native generic" -- "$word"))
		return
		;;
	--uplink)
		COMPREPLY=($(compgen -W "$(ls /sys/class/net)" -- "$word"))
		return
		;;
	--mark | --port | --lines | --interval | --count | --top | --idle | --client) return ;;
	esac

	if [ "$COMP_CWORD" = 1 ]; then
		words="$commands help version"
	else
		case $command in
		paths) words="$common --detailed" ;;
		counters) words="$common" ;;
		flows) words="tcp udp icmp icmp6 $common --top --sort --idle --client --detailed" ;;
		clients) words="$common --all --detailed" ;;
		drops) words="$common --all" ;;
		config) words="reload $common" ;;
		log) words="error warn info debug levels $common --area --follow --lines" ;;
		policy) words="list add remove class path bypass $common --cgroup --mark --dscp --port" ;;
		attach) words="lanes filter $common --uplink --mode" ;;
		detach) words="lanes filter $common --uplink" ;;
		monitor) words="$common --interval --count" ;;
		record) words="$common --input" ;;
		help) words="$commands" ;;
		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
	# A picture or a document to write.
	if [ "$COMP_CWORD" != 1 ] && [ "$command" = record ] && [[ $word != -* ]]; then COMPREPLY+=($(compgen -f -- "$word")); fi
	return 0
}

complete -F _triglav_ctl triglav-ctl
