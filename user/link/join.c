// SPDX-License-Identifier: MIT
/* join.c - consecutive packets of a flow -> super-packets for the tunnel device
 *
 * Two packets join when a card that cuts the super-packet again would make the same two: equal
 * headers but for what cutting changes, consecutive TCP sequence numbers, equal payload sizes but for
 * the last. The one liberty: IPv4 ids need not be consecutive where DF says that nobody uses them.
 */
#include "link/join.h"

#include <errno.h>
#include <string.h>
#include <triglav/flow.h>

#include "base/bytes.h"
#include "link/csum.h"

#define LOOK_BACK 32u	/* groups searched for a packet's flow */
#define IP4_DF 0x4000

/* What joining needs to know of one packet. */
struct look {
	u8 family;		/* 0: opaque */
	u8 protocol;
	u8 l4;			/* offset of the TCP or UDP header */
	u16 header;
	u16 payload;
	bool joins;		/* may be part of a super-packet */
};

void join_start(struct join *j, bool uso)
{
	j->uso = uso;
	j->count = 0;
}

static bool look_ip(struct look *l, const u8 *ip, u32 len)
{
	if (len >= 28 && ip[0] == 0x45) {
		l->family = 4;
		l->l4 = 20;
		l->protocol = ip[9];
		return get_be16(ip + 2) == len && !(get_be16(ip + 6) & 0x3fff);
	}
	if (len >= 48 && ip[0] >> 4 == 6) {
		l->family = 6;
		l->l4 = 40;
		l->protocol = ip[6];
		return get_be16(ip + 4) + 40u == len;
	}
	return false;
}

static bool look_tcp(struct look *l, const u8 *tcp, u32 bytes)
{
	u32 header;

	if (bytes < 20)
		return false;
	header = (u32)(tcp[12] >> 4) * 4;
	if (header < 20 || header > bytes)
		return false;
	l->header = (u16)(l->l4 + header);
	l->payload = (u16)(bytes - header);
	l->joins = l->payload && (tcp[13] & ~(TG_TCP_PSH | TG_TCP_ECE)) == TG_TCP_ACK;
	return true;
}

static bool look_udp(struct look *l, const u8 *udp, u32 bytes, bool uso)
{
	if (bytes < 8)
		return false;
	l->header = (u16)(l->l4 + 8);
	l->payload = (u16)(bytes - 8);
	/* A checksum of 0 means none: the super-packet could not say so. */
	l->joins = uso && l->payload && get_be16(udp + 4) == bytes && (udp[6] | udp[7]);
	return true;
}

static void look_at(struct look *l, const struct buf *b, bool uso)
{
	bool plain = look_ip(l, b->data, b->len);

	l->joins = false;
	if (plain && l->protocol == TG_PROTO_TCP)
		plain = look_tcp(l, b->data + l->l4, (u32)b->len - l->l4);
	else if (plain && l->protocol == TG_PROTO_UDP)
		plain = look_udp(l, b->data + l->l4, (u32)b->len - l->l4, uso);
	else
		plain = false;
	if (!plain)
		l->family = 0;
}

static bool checksums_hold(const struct buf *b, const struct look *l)
{
	u32 bytes = (u32)b->len - l->l4;
	u64 sum;

	if (l->family == 4 && csum_fold(csum_add(0, b->data, 20)) != 0xffff)
		return false;
	if (b->csum_partial)
		return true;
	sum = csum_add16(csum_pseudo(b->data, l->family, l->protocol), (u16)bytes);
	return csum_fold(csum_add(sum, b->data + l->l4, bytes)) == 0xffff;
}

static bool same_flow(const struct join_group *g, const u8 *ip, const struct look *l)
{
	const u8 *head = g->head->data;

	if (g->family != l->family || g->protocol != l->protocol || memcmp(head + l->l4, ip + l->l4, 4))
		return false;
	return l->family == 4 ? !memcmp(head + 12, ip + 12, 8) : !memcmp(head + 8, ip + 8, 32);
}

/* The group b would have to join, or NULL. Ends at an opaque packet, which may be of any flow. */
static struct join_group *latest_of_flow(struct join *j, const u8 *ip, const struct look *l)
{
	u32 stop = j->count > LOOK_BACK ? j->count - LOOK_BACK : 0;

	for (u32 i = j->count; i-- > stop;) {
		if (!j->groups[i].family)
			return NULL;
		if (same_flow(&j->groups[i], ip, l))
			return &j->groups[i];
	}
	return NULL;
}

static bool same_ip_fields(const struct join_group *g, const u8 *ip)
{
	const u8 *head = g->head->data;

	if (g->family == 6)
		return !memcmp(head, ip, 4) && head[7] == ip[7];	/* class, label; hop limit */
	if (head[1] != ip[1] || memcmp(head + 6, ip + 6, 3))		/* TOS; DF; TTL */
		return false;
	return get_be16(ip + 4) == g->next_id || (get_be16(ip + 6) & IP4_DF);
}

static bool same_tcp_fields(const struct join_group *g, const u8 *tcp, const struct look *l)
{
	const u8 *head = g->head->data + g->l4_offset;

	return get_be32(tcp + 4) == g->next_seq &&
	       !memcmp(head + 8, tcp + 8, 5) &&				/* acknowledgement, header length */
	       !((head[13] ^ tcp[13]) & ~TG_TCP_PSH) &&
	       !memcmp(head + 14, tcp + 14, 2) &&			/* window */
	       !memcmp(head + 18, tcp + 18, (size_t)(l->header - l->l4 - 18)); /* urgent pointer, options */
}

static bool fits(struct join_group *g, const struct buf *b, const struct look *l)
{
	struct look first = { .family = g->family, .protocol = g->protocol, .l4 = g->l4_offset };

	if (!g->open || !l->joins || l->header != g->header || l->payload > g->size)
		return false;
	if (g->packets == JOIN_MAX_PACKETS || g->bytes + l->payload > JOIN_MAX_BYTES)
		return false;
	if (!same_ip_fields(g, b->data))
		return false;
	if (g->protocol == TG_PROTO_TCP && !same_tcp_fields(g, b->data + l->l4, l))
		return false;
	if (!g->verified && !checksums_hold(g->head, &first)) {
		g->open = false;
		return false;
	}
	g->verified = true;
	return checksums_hold(b, l);
}

static void note_last(struct join_group *g, const struct buf *b, const struct look *l)
{
	const u8 *l4 = b->data + l->l4;

	g->next_id = l->family == 4 ? (u16)(get_be16(b->data + 4) + 1) : 0;
	g->open = l->joins && l->payload == g->size;
	if (l->protocol != TG_PROTO_TCP)
		return;
	g->next_seq = get_be32(l4 + 4) + l->payload;
	if (l4[13] & TG_TCP_PSH) {
		g->push = true;
		g->open = false;
	}
}

static void append(struct join_group *g, struct buf *b, const struct look *l)
{
	g->tail->next = b;
	g->tail = b;
	g->packets++;
	g->bytes += l->payload;
	note_last(g, b, l);
}

static void open_group(struct join_group *g, struct buf *b, const struct look *l)
{
	*g = (struct join_group){ .head = b, .tail = b, .packets = 1, .bytes = b->len, .family = l->family };
	if (!l->family)
		return;
	g->protocol = l->protocol;
	g->l4_offset = l->l4;
	g->header = l->header;
	g->size = l->payload;
	note_last(g, b, l);
}

bool join_add(struct join *j, struct buf *b)
{
	struct join_group *g = NULL;
	struct look l = { 0 };

	look_at(&l, b, j->uso);
	if (l.family)
		g = latest_of_flow(j, b->data, &l);
	if (!g || !fits(g, b, &l)) {
		if (j->count == JOIN_MAX_GROUPS)
			return false;
		b->next = NULL;
		open_group(&j->groups[j->count++], b, &l);
		return true;
	}
	b->next = NULL;
	append(g, b, &l);
	return true;
}

static void ask_for_checksum(struct virtio_net_hdr *vh, u32 l4_offset, u8 protocol)
{
	vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vh->csum_start = (u16)l4_offset;
	vh->csum_offset = protocol == TG_PROTO_TCP ? VNET_CSUM_TCP : VNET_CSUM_UDP;
}

/* A packet alone goes as it is; a partial checksum needs to be pointed at. */
static int describe_single(const struct join_group *g, struct virtio_net_hdr *vh)
{
	const struct buf *b = g->head;
	struct tg_flow flow;

	if (!b->csum_partial)
		return 0;
	if (g->family) {
		ask_for_checksum(vh, g->l4_offset, g->protocol);
		return 0;
	}
	if (tg_flow_parse(&flow, b->data, b->data + b->len, b->len) || flow.fragment ||
	    (flow.protocol != TG_PROTO_TCP && flow.protocol != TG_PROTO_UDP))
		return -EINVAL;
	ask_for_checksum(vh, flow.l4_offset, flow.protocol);
	return 0;
}

static u8 gso_type(const struct join_group *g)
{
	if (g->protocol == TG_PROTO_UDP)
		return VNET_GSO_UDP_L4;
	return g->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
}

static void write_super_ip(const struct join_group *g, u8 *ip)
{
	if (g->family == 6) {
		put_be16(ip + 4, (u16)(g->bytes - 40));
		return;
	}
	put_be16(ip + 2, (u16)g->bytes);
	put_be16(ip + 10, 0);
	csum_store(ip + 10, (u16)~csum_fold(csum_add(0, ip, 20)));
}

static void describe_super(const struct join_group *g, struct virtio_net_hdr *vh)
{
	u8 *ip = g->head->data;
	u8 *l4 = ip + g->l4_offset;
	u16 l4_bytes = (u16)(g->bytes - g->l4_offset);

	ask_for_checksum(vh, g->l4_offset, g->protocol);
	vh->gso_type = gso_type(g);
	vh->gso_size = g->size;
	vh->hdr_len = g->header;
	write_super_ip(g, ip);
	if (g->protocol == TG_PROTO_UDP)
		put_be16(l4 + 4, l4_bytes);
	else if (g->push)
		l4[13] |= TG_TCP_PSH;
	csum_store(l4 + vh->csum_offset, csum_fold(csum_add16(csum_pseudo(ip, g->family, g->protocol), l4_bytes)));
}

int join_form(struct join_group *g, struct virtio_net_hdr *vh, struct iovec *iov)
{
	int n = 0;

	memset(vh, 0, sizeof(*vh));
	if (g->packets > 1)
		describe_super(g, vh);
	else if (describe_single(g, vh))
		return -EINVAL;
	iov[n++] = (struct iovec){ vh, sizeof(*vh) };
	iov[n++] = (struct iovec){ g->head->data, g->head->len };
	for (struct buf *b = g->head->next; b; b = b->next)
		iov[n++] = (struct iovec){ b->data + g->header, (size_t)(b->len - g->header) };
	return n;
}

void join_release(struct join_group *g)
{
	struct buf *b, *next;

	for (b = g->head; b; b = next) {
		next = b->next;
		buf_put(b);
	}
}
