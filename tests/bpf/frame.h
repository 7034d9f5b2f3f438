// SPDX-License-Identifier: MIT
/* frame.h - outer packets as tests need them: described by what is odd about them */
#ifndef TG_TESTS_BPF_FRAME_H
#define TG_TESTS_BPF_FRAME_H

#include <string.h>

#include <triglav/outer.h>
#include <triglav/wire.h>

#include "base/bytes.h"
#include "base/types.h"

#define FRAME_BYTES 2048u
#define FRAME_PORT 7443
#define FRAME_SENDER_PORT 40000

/* All zeroes: an IPv4 datagram on Ethernet from 192.0.2.9 to 198.51.100.1:7443, or from 2001:db8::9 to 2001:db8::1. */
struct frame {
	u8 vlans;		/* tags */
	u16 vlan_type;		/* of the first; 0: 802.1Q */
	u8 family;		/* 0: 4 */
	bool raw;		/* no Ethernet header */
	u16 ethertype;		/* instead of the family's */
	bool options;		/* IPv4: 4 bytes of them; IPv6: a hop-by-hop header */
	u16 fragment;		/* IPv4: the field of flags and offset; IPv6: not 0: a fragment header */
	u8 protocol;		/* 0: UDP */
	u16 port;		/* 0: FRAME_PORT */
	u8 host;		/* last byte of the destination; 0: 1 */
	u8 from;		/* last byte of the source; 0: 9 */
	s16 udp_longer;		/* the UDP length is that much wrong */
	s16 ip_longer;		/* so is the IP length */
	u8 padding;		/* zeros behind the packet */
	u16 cut;		/* bytes missing at the end */
};

/* What the datagram is. All zeroes but for the type: sane, and for the receiver index 0. */
struct payload {
	u8 type;
	u8 flags;
	u32 receiver;
	u32 number;		/* 0: 1 */
	u32 copy_id;		/* written when flags has COPY */
	u16 bytes;		/* 0: as many as the type has; data: 100 */
	u8 version;		/* 0: ours */
	u8 pattern;
};

static inline u32 payload_size(const struct payload *p)
{
	static const u16 sizes[] = {
		[TG_TYPE_FIRST] = sizeof(struct tg_first), [TG_TYPE_ANSWER] = sizeof(struct tg_answer),
		[TG_TYPE_COOKIE] = sizeof(struct tg_cookie), [TG_TYPE_DATA] = 100, [TG_TYPE_CONTROL] = 60,
		[TG_TYPE_VERSIONS] = sizeof(struct tg_versions),
	};

	return p->bytes ? p->bytes : p->type < ARRAY_SIZE(sizes) && sizes[p->type] ? sizes[p->type] : 100;
}

static inline u32 payload_write(u8 *out, const struct payload *p)
{
	u32 bytes = payload_size(p);
	u8 all[FRAME_BYTES] = { p->type };

	switch (p->type) {
	case TG_TYPE_FIRST:
		all[1] = p->version ? p->version : TG_VERSION_WIRE;
		all[2] = p->pattern;
		all[3] = TG_SUITE_AESGCM;
		break;
	case TG_TYPE_ANSWER:
		all[1] = TG_VERSION_WIRE;
		put_be32(all + 8, p->receiver);
		break;
	case TG_TYPE_COOKIE:
	case TG_TYPE_VERSIONS:
		put_be32(all + 4, p->receiver);
		break;
	default:
		all[1] = p->flags;
		put_be32(all + 4, p->receiver);
		put_be32(all + 8, p->number ? p->number : 1);
		put_be32(all + 12, p->flags & TG_FLAG_COPY ? p->copy_id : 0xa5a5a5a5);
	}
	memcpy(out, all, bytes);
	return bytes;
}

static inline u32 frame_write_ethernet(u8 *out, const struct frame *f)
{
	u16 ethertype = f->ethertype ? f->ethertype : f->family == 6 ? TG_ETHERTYPE_IP6 : TG_ETHERTYPE_IP4;
	u32 at = 12;

	memset(out, 0x42, 12);
	for (u32 i = 0; i < f->vlans; i++, at += 4) {
		put_be16(out + at, i == 0 && f->vlan_type ? f->vlan_type : TG_ETHERTYPE_VLAN);
		put_be16(out + at + 2, (u16)(100 + i));
	}
	put_be16(out + at, ethertype);
	return at + 2;
}

static inline u32 frame_write_ip4(u8 *out, const struct frame *f, u32 payload_bytes)
{
	u32 header = f->options ? 24 : 20;

	memset(out, 0, header);
	out[0] = (u8)(0x40 | header / 4);
	put_be16(out + 2, (u16)(header + payload_bytes + (u32)f->ip_longer));
	put_be16(out + 6, f->fragment);
	out[8] = 64;
	out[9] = f->protocol ? f->protocol : TG_PROTO_UDP;
	put_be32(out + 12, 0xc0000200u | (f->from ? f->from : 9));
	put_be32(out + 16, 0xc6336400u | (f->host ? f->host : 1));
	if (f->options)
		memset(out + 20, 1, 4);
	return header;
}

static inline u32 frame_write_ip6(u8 *out, const struct frame *f, u32 payload_bytes)
{
	bool extension = f->options || f->fragment;
	u8 protocol = f->protocol ? f->protocol : TG_PROTO_UDP;

	memset(out, 0, 48);
	out[0] = 0x60;
	put_be16(out + 4, (u16)(payload_bytes + (extension ? 8 : 0) + (u32)f->ip_longer));
	out[6] = f->fragment ? TG_FLOW_FRAGMENT : f->options ? 0 : protocol;
	out[7] = 64;
	put_be32(out + 8, 0x20010db8);
	out[23] = f->from ? f->from : 9;
	put_be32(out + 24, 0x20010db8);
	out[39] = f->host ? f->host : 1;
	if (!extension)
		return 40;
	out[40] = protocol;
	if (f->fragment)
		put_be16(out + 42, f->fragment);
	else
		memcpy(out + 42, (const u8[]){ 1, 4, 0, 0, 0, 0 }, 6);	/* PadN */
	return 48;
}

/* Returns the bytes written to out[FRAME_BYTES]. */
static inline u32 frame_write(u8 *out, const struct frame *f, const struct payload *p)
{
	u32 bytes = payload_size(p), at = f->raw ? 0 : frame_write_ethernet(out, f);

	at += f->family == 6 ? frame_write_ip6(out + at, f, 8 + bytes) : frame_write_ip4(out + at, f, 8 + bytes);
	put_be16(out + at, FRAME_SENDER_PORT);
	put_be16(out + at + 2, f->port ? f->port : FRAME_PORT);
	put_be16(out + at + 4, (u16)(8 + bytes + (u32)f->udp_longer));
	put_be16(out + at + 6, 0);
	at += 8;
	at += payload_write(out + at, p);
	memset(out + at, 0, f->padding);
	return at + f->padding - f->cut;
}

#endif
