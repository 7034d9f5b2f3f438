// SPDX-License-Identifier: MIT
/* frame.c - a UDP datagram as a whole Ethernet frame, there and back
 *
 * Layouts: RFC 894 and 2464 (Ethernet), 791, 8200, 768. An IPv4 packet that must not be fragmented needs no id (RFC 6864).
 */
#include "link/frame.h"

#include <errno.h>
#include <stddef.h>
#include <triglav/wire.h>

#include "base/bytes.h"
#include "link/csum.h"

#define ETHERTYPE4 0x0800
#define ETHERTYPE6 0x86dd
#define HEADER4 20u
#define HEADER6 40u
#define HEADER_UDP 8u
#define PROTOCOL_UDP 17
#define HOPS 64
#define DONT_FRAGMENT 0x4000
#define FRAGMENT_BITS 0x3fff	/* more to come, or not the first */
#define ECN_CE 3

static void write_ip4(u8 *ip, const struct frame_peer *p)
{
	ip[0] = 0x45;
	put_be16(ip + 6, DONT_FRAGMENT);
	ip[8] = HOPS;
	ip[9] = PROTOCOL_UDP;
	memcpy(ip + 12, p->local.ip, 4);
	memcpy(ip + 16, p->remote.ip, 4);
}

static void write_ip6(u8 *ip, const struct frame_peer *p)
{
	ip[0] = 0x60;
	ip[6] = PROTOCOL_UDP;
	ip[7] = HOPS;
	memcpy(ip + 8, p->local.ip, 16);
	memcpy(ip + 24, p->remote.ip, 16);
}

int frame_template_make(struct frame_template *t, const struct frame_peer *p)
{
	u8 *ip = t->header + FRAME_ETHERNET_BYTES, *udp;

	if (p->remote.family != p->local.family || (p->remote.family != 4 && p->remote.family != 6))
		return -EINVAL;
	memset(t, 0, sizeof(*t));
	t->family = p->remote.family;
	t->header_bytes = t->family == 4 ? FRAME_HEADER4_BYTES : FRAME_HEADER6_BYTES;
	memcpy(t->header, p->to, FRAME_MAC_BYTES);
	memcpy(t->header + FRAME_MAC_BYTES, p->from, FRAME_MAC_BYTES);
	put_be16(t->header + 12, t->family == 4 ? ETHERTYPE4 : ETHERTYPE6);
	if (t->family == 4)
		write_ip4(ip, p);
	else
		write_ip6(ip, p);
	udp = t->header + t->header_bytes - HEADER_UDP;
	put_be16(udp, p->local.port);
	put_be16(udp + 2, p->remote.port);
	t->ip_sum = csum_add(0, ip, HEADER4);
	t->udp_sum = csum_add(csum_pseudo(ip, t->family, PROTOCOL_UDP), udp, 4);
	return 0;
}

static void finish_ip4(const struct frame_template *t, u8 *ip, u32 udp_bytes)
{
	u16 bytes = (u16)(HEADER4 + udp_bytes);

	put_be16(ip + 2, bytes);
	csum_store(ip + 10, (u16)~csum_fold(csum_add16(t->ip_sum, bytes)));
}

/* A sum of 0 is sent as its other form: 0 would say that there is none. */
static u16 udp_checksum(const struct frame_template *t, const u8 *payload, u32 len)
{
	u64 sum = csum_add16(csum_add16(t->udp_sum, (u16)(len + HEADER_UDP)), (u16)(len + HEADER_UDP));
	u16 folded = (u16)~csum_fold(csum_add(sum, payload, len));

	return folded ? folded : 0xffff;
}

u32 frame_write(const struct frame_template *t, u8 *at, const u8 *payload, u32 len)
{
	u8 *ip = at + FRAME_ETHERNET_BYTES, *udp = at + t->header_bytes - HEADER_UDP;

	memcpy(at, t->header, t->header_bytes);
	memcpy(at + t->header_bytes, payload, len);
	if (t->family == 4)
		finish_ip4(t, ip, len + HEADER_UDP);
	else
		put_be16(ip + 4, (u16)(len + HEADER_UDP));
	put_be16(udp + 4, (u16)(len + HEADER_UDP));
	csum_store(udp + 6, udp_checksum(t, at + t->header_bytes, len));
	return t->header_bytes + len;
}

static bool parse_udp(struct frame_view *v, const u8 *udp, u32 len)
{
	if (len <= HEADER_UDP || get_be16(udp + 4) != len)
		return false;
	v->remote.port = get_be16(udp);
	v->local.port = get_be16(udp + 2);
	v->payload = udp + HEADER_UDP;
	v->len = len - HEADER_UDP;
	return true;
}

static bool parse_ip4(struct frame_view *v, const u8 *ip, u32 left)
{
	u32 total;

	if (left < HEADER4 || ip[0] != 0x45 || ip[9] != PROTOCOL_UDP || (get_be16(ip + 6) & FRAGMENT_BITS))
		return false;
	total = get_be16(ip + 2);
	if (total > left || total < HEADER4)
		return false;
	v->remote.family = v->local.family = 4;
	memcpy(v->remote.ip, ip + 12, 4);
	memcpy(v->local.ip, ip + 16, 4);
	v->ce = (ip[1] & ECN_CE) == ECN_CE;
	return parse_udp(v, ip + HEADER4, total - HEADER4);
}

static bool parse_ip6(struct frame_view *v, const u8 *ip, u32 left)
{
	u32 payload;

	if (left < HEADER6 || ip[0] >> 4 != 6 || ip[6] != PROTOCOL_UDP)
		return false;
	payload = get_be16(ip + 4);
	if (payload > left - HEADER6)
		return false;
	v->remote.family = v->local.family = 6;
	memcpy(v->remote.ip, ip + 8, 16);
	memcpy(v->local.ip, ip + 24, 16);
	v->ce = (ip[1] >> 4 & ECN_CE) == ECN_CE;
	return parse_udp(v, ip + HEADER6, payload);
}

bool frame_parse(const u8 *frame, u32 len, struct frame_view *v)
{
	memset(v, 0, sizeof(*v));
	if (len < FRAME_ETHERNET_BYTES)
		return false;
	switch (get_be16(frame + 12)) {
	case ETHERTYPE4: return parse_ip4(v, frame + FRAME_ETHERNET_BYTES, len - FRAME_ETHERNET_BYTES);
	case ETHERTYPE6: return parse_ip6(v, frame + FRAME_ETHERNET_BYTES, len - FRAME_ETHERNET_BYTES);
	default: return false;
	}
}

#define AT_RECEIVER offsetof(struct tg_header, receiver)
#define AT_NUMBER offsetof(struct tg_header, number)
#define LARGEST_STEP 32u	/* from one number of a run to the next */

static bool is_numbered(const u8 *p)
{
	return p[0] == TG_TYPE_DATA || p[0] == TG_TYPE_CONTROL;
}

/* Some between them may have been lost before they were joined. */
static bool follows(const u8 *before, const u8 *p)
{
	u32 step = get_be32(p + AT_NUMBER) - get_be32(before + AT_NUMBER);

	return is_numbered(p) && !memcmp(p + AT_RECEIVER, before + AT_RECEIVER, 4) && step - 1 < LARGEST_STEP;
}

static bool is_run(const u8 *payload, u32 len, u32 segment)
{
	for (u32 at = segment; at < len; at += segment)
		if (len - at < TG_HEADER_BYTES || !follows(payload + at - segment, payload + at))
			return false;
	return true;
}

u32 frame_segment_bytes(const u8 *payload, u32 len)
{
	const u8 *receiver = payload + AT_RECEIVER, *p = receiver;
	const u8 *end = payload + len;

	if (len < 2 * TG_HEADER_BYTES || !is_numbered(payload))
		return len;
	while ((p = memmem(p + 1, (size_t)(end - p - 1), receiver, 4))) {
		const u8 *header = p - AT_RECEIVER;

		if (header + TG_HEADER_BYTES > end)
			return len;
		if (header >= payload + TG_HEADER_BYTES && is_run(payload, len, (u32)(header - payload)))
			return (u32)(header - payload);
	}
	return len;
}
