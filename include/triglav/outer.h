/* SPDX-License-Identifier: MIT */
/* outer.h - what arrives at an uplink: from the Ethernet frame, or the IP packet, to the UDP payload
 *
 * Only the plain case is read: up to two VLAN tags, IPv4 without options and whole, IPv6 without extension headers, UDP whose lengths
 * agree. Anything else is the kernel's business. One parser for BPF programs and userspace; every byte is read
 * against `end`.
 */
#ifndef TRIGLAV_OUTER_H
#define TRIGLAV_OUTER_H

#include <linux/types.h>

#include <triglav/flow.h>

#define TG_ETHERTYPE_IP4 0x0800
#define TG_ETHERTYPE_IP6 0x86dd
#define TG_ETHERTYPE_VLAN 0x8100	/* 802.1Q */
#define TG_ETHERTYPE_QINQ 0x88a8	/* 802.1ad */
#define TG_ETHERNET_BYTES 14
#define TG_VLAN_BYTES 4
#define TG_VLAN_MAX 2
#define TG_UDP_BYTES 8
#define TG_OUTER_MAX_BYTES 9216		/* UDP header and payload; larger is no datagram of ours, perhaps several in one */

struct tg_outer {
	const __u8 *payload;	/* behind the UDP header */
	__u32 bytes;		/* of it; all of them lie before `end` */
	__u8 family;		/* 4 or 6 */
	__u8 vlans;		/* tags that were skipped */
	__be16 sport, dport;
	__u16 zero;
	__u8 src[16], dst[16];	/* network byte order; IPv4 in the first 4, the rest zero */
};

/* What does not depend on the IP version. */
static inline int tg_outer_parse_udp(struct tg_outer *o, const __u8 *udp, const __u8 *end, __u32 ip_bytes)
{
	__u32 bytes;

	if (udp + TG_UDP_BYTES > end)
		return -1;
	bytes = tg_flow_be16(udp + 4);
	if (bytes != ip_bytes || bytes < TG_UDP_BYTES || bytes > TG_OUTER_MAX_BYTES || udp + bytes > end)
		return -1;
	__builtin_memset(o, 0, sizeof(*o));
	__builtin_memcpy(&o->sport, udp, 2);
	__builtin_memcpy(&o->dport, udp + 2, 2);
	o->payload = udp + TG_UDP_BYTES;
	o->bytes = bytes - TG_UDP_BYTES;
	return 0;
}

static inline int tg_outer_parse_ip4(struct tg_outer *o, const __u8 *p, const __u8 *end)
{
	__u32 bytes;

	if (p + 20 > end || p[0] != 0x45 || p[9] != TG_PROTO_UDP || tg_flow_be16(p + 6) & 0x3fff)
		return -1;
	bytes = tg_flow_be16(p + 2);
	if (bytes < 20 || tg_outer_parse_udp(o, p + 20, end, bytes - 20))
		return -1;
	o->family = 4;
	__builtin_memcpy(o->src, p + 12, 4);
	__builtin_memcpy(o->dst, p + 16, 4);
	return 0;
}

static inline int tg_outer_parse_ip6(struct tg_outer *o, const __u8 *p, const __u8 *end)
{
	if (p + 40 > end || p[0] >> 4 != 6 || p[6] != TG_PROTO_UDP || tg_outer_parse_udp(o, p + 40, end, tg_flow_be16(p + 4)))
		return -1;
	o->family = 6;
	__builtin_memcpy(o->src, p + 8, 16);
	__builtin_memcpy(o->dst, p + 24, 16);
	return 0;
}

/* An IP packet at data (an uplink without Ethernet). 0, or -1: not a plain UDP datagram; o is then unusable. */
static inline int tg_outer_parse_ip(struct tg_outer *o, const void *data, const void *end)
{
	const __u8 *p = (const __u8 *)data;

	if (p + 1 > (const __u8 *)end)
		return -1;
	return p[0] >> 4 == 4 ? tg_outer_parse_ip4(o, p, (const __u8 *)end) : tg_outer_parse_ip6(o, p, (const __u8 *)end);
}

static inline int tg_outer_is_vlan(__u16 ethertype)
{
	return ethertype == TG_ETHERTYPE_VLAN || ethertype == TG_ETHERTYPE_QINQ;
}

/* The same for an Ethernet frame. Padding behind the IP packet is fine. */
static inline int tg_outer_parse(struct tg_outer *o, const void *data, const void *end)
{
	const __u8 *p = (const __u8 *)data;
	__u16 ethertype;
	__u8 vlans;
	int err;

	if (p + TG_ETHERNET_BYTES > (const __u8 *)end)
		return -1;
	ethertype = tg_flow_be16(p + 12);
	p += TG_ETHERNET_BYTES;
	for (vlans = 0; vlans < TG_VLAN_MAX && tg_outer_is_vlan(ethertype); vlans++) {
		if (p + TG_VLAN_BYTES > (const __u8 *)end)
			return -1;
		ethertype = tg_flow_be16(p + 2);
		p += TG_VLAN_BYTES;
	}
	if (ethertype == TG_ETHERTYPE_IP4)
		err = tg_outer_parse_ip4(o, p, (const __u8 *)end);
	else if (ethertype == TG_ETHERTYPE_IP6)
		err = tg_outer_parse_ip6(o, p, (const __u8 *)end);
	else
		return -1;
	if (!err)
		o->vlans = vlans;
	return err;
}

#endif
