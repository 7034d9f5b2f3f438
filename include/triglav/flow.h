/* SPDX-License-Identifier: MIT */
/* flow.h - what an inner packet is: addresses, ports, lengths, and the keyed hash of its flow
 *
 * One parser for BPF programs and userspace. Every length field is checked against the
 * packet, every byte read against `end`; a packet that lies about its lengths is no packet.
 */
#ifndef TRIGLAV_FLOW_H
#define TRIGLAV_FLOW_H

#include <linux/types.h>

#define TG_PROTO_TCP 6
#define TG_PROTO_UDP 17

#define TG_TCP_FIN 0x01
#define TG_TCP_SYN 0x02
#define TG_TCP_RST 0x04
#define TG_TCP_PSH 0x08
#define TG_TCP_ACK 0x10
#define TG_TCP_URG 0x20
#define TG_TCP_ECE 0x40
#define TG_TCP_CWR 0x80

#define TG_FLOW_MAX_EXTENSIONS 8	/* IPv6 extension headers looked through; more is hostile */
#define TG_FLOW_MAX_OFFSET 4096		/* so is a transport header farther behind */

struct tg_flow {
	__u8 family;		/* 4 or 6 */
	__u8 protocol;		/* of the header at l4_offset */
	__u8 tos;		/* DSCP (6 bits) and ECN (2 bits) */
	__u8 tcp_flags;		/* 0 unless TCP */
	__u8 fragment;		/* 1: one of several fragments; ports are 0, payload starts at l4_offset */
	__u8 zero[3];
	__u16 sport;		/* host byte order; 0 unless TCP or UDP */
	__u16 dport;
	__u16 l4_offset;
	__u16 payload_offset;
	__u32 bytes;		/* of the whole packet by its own header; what lies behind is padding */
	__u32 payload_bytes;
	__u8 src[16];		/* network byte order; IPv4 in the first 4, the rest zero */
	__u8 dst[16];
};

static inline __u16 tg_flow_be16(const __u8 *p)
{
	return (__u16)(p[0] << 8 | p[1]);
}

/* Ports, flags and payload of TCP and UDP; anything else is all payload. */
static inline int tg_flow_parse_l4(struct tg_flow *f, const __u8 *l4, const __u8 *end)
{
	__u32 left = f->bytes - f->l4_offset;
	__u32 header, udp_bytes;

	f->payload_offset = f->l4_offset;
	f->payload_bytes = left;
	if (f->fragment)
		return 0;
	if (f->protocol == TG_PROTO_TCP) {
		if (l4 + 20 > end || left < 20)
			return -1;
		header = (__u32)(l4[12] >> 4) * 4;
		if (header < 20 || header > left)
			return -1;
		f->tcp_flags = l4[13];
	} else if (f->protocol == TG_PROTO_UDP) {
		if (l4 + 8 > end || left < 8)
			return -1;
		header = 8;
		udp_bytes = tg_flow_be16(l4 + 4);
		if (udp_bytes < header || udp_bytes > left)
			return -1;
		left = udp_bytes;	/* less than IP says is legal: UDP options lie behind */
	} else {
		return 0;
	}
	f->sport = tg_flow_be16(l4);
	f->dport = tg_flow_be16(l4 + 2);
	f->payload_offset = (__u16)(f->l4_offset + header);
	f->payload_bytes = left - header;
	return 0;
}

static inline int tg_flow_parse_ip4(struct tg_flow *f, const __u8 *p, const __u8 *end, __u32 bytes)
{
	__u32 header = (__u32)(p[0] & 15) * 4;

	f->bytes = tg_flow_be16(p + 2);
	if (header < 20 || f->bytes < header || f->bytes > bytes || p + header > end)
		return -1;
	f->family = 4;
	f->tos = p[1];
	f->fragment = (tg_flow_be16(p + 6) & 0x3fff) != 0;
	f->protocol = p[9];
	__builtin_memcpy(f->src, p + 12, 4);
	__builtin_memcpy(f->dst, p + 16, 4);
	f->l4_offset = (__u16)header;
	return tg_flow_parse_l4(f, p + header, end);
}

/* Numbers of the IPv6 extension headers that are looked through, as bits. */
#define TG_FLOW_EXTENSIONS (1ULL << 0 | 1ULL << 43 | 1ULL << 44 | 1ULL << 51 | 1ULL << 60)
#define TG_FLOW_FRAGMENT 44
#define TG_FLOW_AUTHENTICATION 51

static inline int tg_flow_is_extension(__u8 number)
{
	return number < 64 && (TG_FLOW_EXTENSIONS >> number & 1);
}

/* Bytes of the extension header at h: its length field counts units of 8 beyond the first, that of the authentication
 * header units of 4 beyond the second; a fragment header has none. Without branches: each would double
 * the paths that the BPF verifier has to walk, and that for every header. */
static inline __u32 tg_flow_extension_bytes(__u8 number, const __u8 *h)
{
	__u32 authentication = (__u32)((1ULL << TG_FLOW_AUTHENTICATION) >> (number & 63) & 1);
	__u32 fragment = (__u32)((1ULL << TG_FLOW_FRAGMENT) >> (number & 63) & 1);

	return ((h[1] & (fragment - 1)) + 1 + authentication) << (3 - authentication);
}

static inline int tg_flow_parse_ip6(struct tg_flow *f, const __u8 *p, const __u8 *end, __u32 bytes)
{
	__u64 offset = 40;	/* 64 bits wide and bounded: what the verifier can follow */
	__u8 next;
	int i;

	if (p + 40 > end)
		return -1;
	f->bytes = 40 + (__u32)tg_flow_be16(p + 4);
	if (f->bytes > bytes)
		return -1;
	f->family = 6;
	f->tos = (__u8)(p[0] << 4 | p[1] >> 4);
	__builtin_memcpy(f->src, p + 8, 16);
	__builtin_memcpy(f->dst, p + 24, 16);
	next = p[6];
	for (i = 0; i < TG_FLOW_MAX_EXTENSIONS && tg_flow_is_extension(next); i++) {
		const __u8 *h = p + offset;

		if (h + 8 > end)
			return -1;
		offset += tg_flow_extension_bytes(next, h);
		if (offset > TG_FLOW_MAX_OFFSET || offset > f->bytes)
			return -1;
		/* The header after this one is in the first fragment only, so the walk ends here.
		 * Offset 0 and no more to come is a whole packet with a superfluous header. */
		if (next == TG_FLOW_FRAGMENT && (tg_flow_be16(h + 2) & 0xfff9))
			f->fragment = 1;
		next = h[0];
		if (f->fragment)
			break;
	}
	if (!f->fragment && tg_flow_is_extension(next))
		return -1;
	f->protocol = next;
	f->l4_offset = (__u16)offset;
	return tg_flow_parse_l4(f, p + offset, end);
}

/* Reads the IP packet of `bytes` bytes at data into f. The bytes that can be looked at end at `end`: in userspace
 * data + bytes, in BPF data_end, where a super-packet's payload may lie elsewhere. Returns 0, or -1 for what is
 * no whole IP packet, whose lengths contradict each other, or whose headers reach past `end`; f is then unusable. */
static inline int tg_flow_parse(struct tg_flow *f, const void *data, const void *end, __u32 bytes)
{
	const __u8 *p = (const __u8 *)data;

	__builtin_memset(f, 0, sizeof(*f));
	if (p + 20 > (const __u8 *)end)
		return -1;
	switch (p[0] >> 4) {
	case 4:
		return tg_flow_parse_ip4(f, p, (const __u8 *)end, bytes);
	case 6:
		return tg_flow_parse_ip6(f, p, (const __u8 *)end, bytes);
	default:
		return -1;
	}
}

static inline __u64 tg_flow_rotate(__u64 x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void tg_flow_sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = tg_flow_rotate(v[1], 13) ^ v[0];
	v[3] = tg_flow_rotate(v[3], 16) ^ v[2];
	v[0] = tg_flow_rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = tg_flow_rotate(v[3], 21) ^ v[0];
	v[1] = tg_flow_rotate(v[1], 17) ^ v[2];
	v[2] = tg_flow_rotate(v[2], 32);
}

static inline void tg_flow_sip_word(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	tg_flow_sip_round(v);
	v[0] ^= word;
}

/* Keyed hash of the 5-tuple (fragments: without ports, so that all fragments of a packet agree); never 0. SipHash-1-3 (Aumasson,
 * Bernstein: "SipHash: a fast short-input PRF", 2012), its key stretched from 64 bits: who does not know the key cannot
 * aim flows at one slot. For use on one machine: the value depends on its byte order. */
static inline __u32 tg_flow_hash(const struct tg_flow *f, __u64 key)
{
	__u64 key2 = tg_flow_rotate(key, 29) * 0x9e3779b97f4a7c15ULL + 1;
	__u64 v[4] = { key ^ 0x736f6d6570736575ULL, key2 ^ 0x646f72616e646f6dULL,
		       key ^ 0x6c7967656e657261ULL, key2 ^ 0x7465646279746573ULL };
	__u64 word[4], ports;
	__u32 hash;

	__builtin_memcpy(word, f->src, 16);
	__builtin_memcpy(word + 2, f->dst, 16);
	if (f->family == 6) {
		tg_flow_sip_word(v, word[0]);
		tg_flow_sip_word(v, word[1]);
		tg_flow_sip_word(v, word[2]);
		tg_flow_sip_word(v, word[3]);
	} else {
		tg_flow_sip_word(v, word[0] << 32 | (word[2] & 0xffffffff));
	}
	ports = (__u64)f->sport << 48 | (__u64)f->dport << 32 | (__u64)f->protocol << 8 | f->family;
	tg_flow_sip_word(v, ports);
	v[2] ^= 0xff;
	tg_flow_sip_round(v);
	tg_flow_sip_round(v);
	tg_flow_sip_round(v);
	v[0] ^= v[1] ^ v[2] ^ v[3];
	hash = (__u32)(v[0] ^ v[0] >> 32);
	return hash ? hash : 1;
}

/* The same flow as packets of the other direction have it. */
static inline struct tg_flow tg_flow_turned(const struct tg_flow *f)
{
	struct tg_flow out = *f;

	__builtin_memcpy(out.src, f->dst, sizeof(out.src));
	__builtin_memcpy(out.dst, f->src, sizeof(out.dst));
	out.sport = f->dport;
	out.dport = f->sport;
	return out;
}

/* TCP without payload and with no flag but ACK; ECN's two flags do not count. */
static inline int tg_flow_is_pure_ack(const struct tg_flow *f)
{
	return f->protocol == TG_PROTO_TCP && !f->fragment && !f->payload_bytes &&
	       (f->tcp_flags & ~(TG_TCP_ECE | TG_TCP_CWR)) == TG_TCP_ACK;
}

static inline int tg_inner_address(const void *data, const void *end, int is_dst, __u8 ip[16])
{
	const __u8 *p = (const __u8 *)data;

	__builtin_memset(ip, 0, 16);
	if (p + 20 > (const __u8 *)end)
		return 0;
	if (p[0] >> 4 == 4) {
		__builtin_memcpy(ip, is_dst ? p + 16 : p + 12, 4);
		return 4;
	}
	if (p[0] >> 4 != 6 || p + 40 > (const __u8 *)end)
		return 0;
	__builtin_memcpy(ip, is_dst ? p + 24 : p + 8, 16);
	return 6;
}

/* Copies the source (destination) address of the IP packet as in struct tg_flow. Returns 4, 6, or 0: no IP packet.
 * Looks at the addresses only, not at the rest of the packet. */
static inline int tg_inner_src(const void *data, const void *end, __u8 ip[16])
{
	return tg_inner_address(data, end, 0, ip);
}

static inline int tg_inner_dst(const void *data, const void *end, __u8 ip[16])
{
	return tg_inner_address(data, end, 1, ip);
}

_Static_assert(sizeof(struct tg_flow) == 56, "no hidden padding");

#endif
