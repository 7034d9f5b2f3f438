# SPDX-License-Identifier: MIT
# rivals.sh - other VPNs in pairs of namespaces, to compare with. Source it after lab.sh.
#
#     NAME-c                         NAME-s
#   +---------------+              +---------------+
#   | tunnel  wan0 -|--- veth -----|- wan0  tunnel |     a bare veth pair, its offloads as the
#   +---------------+              +---------------+     kernel gives them
#     198.18.0.2                     198.18.0.1          inside: 10.77.0.2 and 10.77.0.1
#
# Each pair is alone with its VPN: what one of them loads into the kernel (packet filter rules,
# connection tracking) does not slow another. Processes and namespaces go with the lab.

RIVAL_OUTER_S=198.18.0.1 RIVAL_OUTER_C=198.18.0.2
RIVAL_INNER_S=10.77.0.1 RIVAL_INNER_C=10.77.0.2

# Joins two namespaces; triglav's are the lab's own, joined in the same way.
bare_veth() { # namespace of the client, of the server
	lab_veth "$1" wan0 "$2" wan0
	in_ns "$1" ip addr add $RIVAL_OUTER_C/24 dev wan0
	in_ns "$2" ip addr add $RIVAL_OUTER_S/24 dev wan0
	in_ns "$1" ip link set wan0 up
	in_ns "$2" ip link set wan0 up
}

rival_pair() { # name
	lab_namespace "$1-c"
	lab_namespace "$1-s"
	bare_veth "$1-c" "$1-s"
}

rival_answers() { # name
	in_ns "$1-c" ping -q -c 1 -W 1 $RIVAL_INNER_S
}

# wireguard-go's control sockets live in one directory for all namespaces: the names are unique.
wireguard_device() { # side
	echo "$LAB_ID$1"
}

wireguard_end() { # side, the other side's public key, its address, own inner, its inner
	local device
	device=$(wireguard_device "$1")
	LOG_LEVEL=error lab_run "wireguard-$1" "wireguard-$1" wireguard-go -f "$device"
	wait_for 5 in_ns "wireguard-$1" wg show "$device" || fail "wireguard-go does not start"
	in_ns "wireguard-$1" wg set "$device" listen-port 51820 private-key "$LAB/wireguard-$1.key" \
		peer "$2" endpoint "$3:51820" allowed-ips "$5/32"
	in_ns "wireguard-$1" ip addr add "$4" peer "$5" dev "$device"
	in_ns "wireguard-$1" ip link set "$device" up
}

start_wireguard() {
	local side
	rival_pair wireguard
	for side in c s; do
		(umask 077 && wg genkey > "$LAB/wireguard-$side.key")
		wg pubkey < "$LAB/wireguard-$side.key" > "$LAB/wireguard-$side.pub"
	done
	wireguard_end s "$(cat "$LAB/wireguard-c.pub")" $RIVAL_OUTER_C $RIVAL_INNER_S $RIVAL_INNER_C
	wireguard_end c "$(cat "$LAB/wireguard-s.pub")" $RIVAL_OUTER_S $RIVAL_INNER_C $RIVAL_INNER_S
	wait_for 10 rival_answers wireguard || fail "wireguard-go does not connect"
}

openvpn_certificate() { # side
	(umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$LAB/openvpn-$1.key" -out "$LAB/openvpn-$1.crt" 2> /dev/null)
}

openvpn_fingerprint() { # side
	openssl x509 -in "$LAB/openvpn-$1.crt" -noout -fingerprint -sha256 | sed 's/.*=//'
}

openvpn_end() { # side, the other side, its address, own inner, its inner, role
	lab_run "openvpn-$1" "openvpn-$1" openvpn --dev ovpn0 --dev-type tun --proto udp --port 1194 \
		--remote "$3" --ifconfig "$4" "$5" "$6" --dh none --disable-dco \
		--cert "$LAB/openvpn-$1.crt" --key "$LAB/openvpn-$1.key" \
		--peer-fingerprint "$(openvpn_fingerprint "$2")" \
		--data-ciphers AES-256-GCM --cipher AES-256-GCM --verb 1
}

# Point to point with TLS; each side knows the other's certificate, so no authority is needed.
start_openvpn() {
	rival_pair openvpn
	openvpn_certificate s
	openvpn_certificate c
	openvpn_end s c $RIVAL_OUTER_C $RIVAL_INNER_S $RIVAL_INNER_C --tls-server
	openvpn_end c s $RIVAL_OUTER_S $RIVAL_INNER_C $RIVAL_INNER_S --tls-client
	wait_for 15 rival_answers openvpn || fail "OpenVPN does not connect"
}
