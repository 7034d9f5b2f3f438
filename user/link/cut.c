// SPDX-License-Identifier: MIT
/* cut.c - one super-packet of the tunnel device -> the packets it stands for
 *
 * What a network card with segmentation offload would do, except for the checksums: they stay
 * partial, and the header's sums are taken once per super-packet, not once per packet.
 */
#include "link/cut.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "link/csum.h"

/* What all packets of one super-packet share. */
struct plan {
	struct tg_flow flow;
	struct cut_shape shape;
	u32 payload;		/* bytes of all of them */
	u32 count;
	u32 hash;
	u32 seq;		/* TCP, of the first */
	u16 id;			/* IPv4, of the first */
	u16 ip_sum;		/* IPv4 header without length, id and checksum */
	u16 pseudo_sum;		/* without the length */
};

static bool type_fits(u8 gso_type, const struct tg_flow *f)
{
	switch (gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return f->family == 4 && f->protocol == TG_PROTO_TCP;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return f->family == 6 && f->protocol == TG_PROTO_TCP;
	case VNET_GSO_UDP_L4:
		return f->protocol == TG_PROTO_UDP;
	default:
		return false;
	}
}

static u32 csum_offset(const struct tg_flow *f)
{
	return f->protocol == TG_PROTO_TCP ? VNET_CSUM_TCP : VNET_CSUM_UDP;
}

static int read_shape(struct cut_shape *shape, const struct virtio_net_hdr *vh, const struct tg_flow *f, u32 seen, u32 len)
{
	if (!type_fits(vh->gso_type, f) || f->fragment || !vh->gso_size)
		return -EINVAL;
	/* What lies behind the payload (UDP options, padding) has no place in the cut packets. */
	if (f->payload_offset > seen || !f->payload_bytes || f->payload_offset + f->payload_bytes != len)
		return -EINVAL;
	shape->header = f->payload_offset;
	shape->size = vh->gso_size;
	return shape->header + shape->size > BUF_MAX_PACKET ? -EMSGSIZE : 0;
}

int cut_read_shape(struct cut_shape *shape, const struct virtio_net_hdr *vh, const u8 *data, u32 seen, u32 len)
{
	struct tg_flow flow;

	if (vh->gso_type == VIRTIO_NET_HDR_GSO_NONE || tg_flow_parse(&flow, data, data + seen, len))
		return -EINVAL;
	return read_shape(shape, vh, &flow, seen, len);
}

/* The kernel leaves the pseudo header's sum over all bytes in the field: taking the length out again is right even where
 * a routing header makes the final destination another one than the IP header's. */
static u16 pseudo_sum(const struct virtio_net_hdr *vh, const struct tg_flow *f, const u8 *data)
{
	u16 field;

	if (!(vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return csum_fold(csum_pseudo(data, f->family, f->protocol));
	memcpy(&field, data + f->l4_offset + csum_offset(f), 2);
	return csum_fold(csum_add16(field, (u16)~(f->bytes - f->l4_offset)));
}

static void make_plan(struct plan *p, const struct virtio_net_hdr *vh, const u8 *data, u64 hash_key)
{
	const u8 *l4 = data + p->flow.l4_offset;
	u64 sum;

	p->payload = p->flow.payload_bytes;
	p->count = (p->payload + p->shape.size - 1) / p->shape.size;
	p->hash = tg_flow_hash(&p->flow, hash_key);
	p->pseudo_sum = pseudo_sum(vh, &p->flow, data);
	p->seq = p->flow.protocol == TG_PROTO_TCP ? get_be32(l4 + 4) : 0;
	if (p->flow.family == 4) {
		p->id = get_be16(data + 4);
		sum = csum_add(0, data, 2);
		sum = csum_add(sum, data + 6, 4);
		sum = csum_add(sum, data + 12, p->flow.l4_offset - 12u);
		p->ip_sum = csum_fold(sum);
	}
}

static void write_ip(const struct plan *p, u8 *ip, u32 index, u32 bytes)
{
	u16 id = (u16)(p->id + index);

	if (p->flow.family == 6) {
		put_be16(ip + 4, (u16)(bytes - 40));
		return;
	}
	put_be16(ip + 2, (u16)bytes);
	put_be16(ip + 4, id);
	csum_store(ip + 10, (u16)~csum_fold(csum_add16(csum_add16(p->ip_sum, id), (u16)bytes)));
}

/* FIN and PSH belong to the last packet, CWR to the first. */
static u8 tcp_flags(const struct plan *p, u32 index)
{
	u8 flags = p->flow.tcp_flags;

	if (index)
		flags &= (u8)~TG_TCP_CWR;
	if (index + 1 < p->count)
		flags &= (u8) ~(TG_TCP_FIN | TG_TCP_PSH);
	return flags;
}

/* Turns a copy of the super-packet's header into that of its packet `index`, with n bytes of payload. */
static void write_header(const struct plan *p, struct buf *b, u32 index, u32 n)
{
	u8 *l4 = b->data + p->flow.l4_offset;
	u32 bytes = p->shape.header + n;
	u16 l4_bytes = (u16)(bytes - p->flow.l4_offset);

	write_ip(p, b->data, index, bytes);
	if (p->flow.protocol == TG_PROTO_TCP) {
		put_be32(l4 + 4, p->seq + index * p->shape.size);
		l4[13] = tcp_flags(p, index);
	} else {
		put_be16(l4 + 4, l4_bytes);
	}
	csum_store(l4 + csum_offset(&p->flow), csum_fold(csum_add16(p->pseudo_sum, l4_bytes)));
	b->len = (u16)bytes;
	b->csum_partial = true;
	b->flow_hash = p->hash;
}

static int cut_super(struct buf_queue *q, struct buf_pool *pool, const struct plan *p, const u8 *data, u32 *lost)
{
	const u8 *payload = data + p->shape.header;
	u32 left = p->payload;

	for (u32 i = 0; i < p->count; i++) {
		u32 n = MIN(left, p->shape.size);
		struct buf *b = buf_take(pool);

		if (!b) {
			*lost = p->count - i;
			return (int)i;
		}
		memcpy(b->data, data, p->shape.header);
		memcpy(b->data + p->shape.header, payload, n);
		write_header(p, b, i, n);
		buf_queue_add(q, b);
		payload += n;
		left -= n;
	}
	return (int)p->count;
}

int cut_in_place(struct buf *const *bufs, u32 count, const struct cut_shape *guess, const struct virtio_net_hdr *vh, u32 len,
		 u64 hash_key)
{
	const u8 *first = bufs[0]->data;
	u32 seen = MIN(len, guess->header + guess->size);
	struct plan p;

	if (tg_flow_parse(&p.flow, first, first + seen, len) || read_shape(&p.shape, vh, &p.flow, seen, len) ||
	    p.shape.header != guess->header || p.shape.size != guess->size)
		return -EAGAIN;
	make_plan(&p, vh, first, hash_key);
	if (p.count > count)
		return -EAGAIN;
	/* From the end: the first one's header is the model of all others. */
	for (u32 i = p.count; i-- > 0;) {
		if (i)
			memcpy(bufs[i]->data, first, p.shape.header);
		write_header(&p, bufs[i], i, MIN(p.payload - i * p.shape.size, p.shape.size));
	}
	return (int)p.count;
}

/* Does the checksum the kernel left partial belong to this TCP or UDP header? */
static bool partial_is_own(const struct virtio_net_hdr *vh, const struct tg_flow *f)
{
	if (f->fragment || (f->protocol != TG_PROTO_TCP && f->protocol != TG_PROTO_UDP))
		return false;
	return vh->csum_start == f->l4_offset && vh->csum_offset == csum_offset(f);
}

static int finish_checksum(u8 *packet, u32 len, u32 start, u32 offset)
{
	u16 sum;

	if (start + offset + 2 > len)
		return -EINVAL;
	sum = (u16)~csum_fold(csum_add(0, packet + start, len - start));
	csum_store(packet + start + offset, sum ? sum : 0xffff);
	return 0;
}

static int take_whole(struct buf_queue *q, struct buf_pool *pool, const struct virtio_net_hdr *vh, const struct tg_flow *f,
		      const u8 *data, u64 hash_key, u32 *lost)
{
	struct buf *b;

	if (f->bytes > BUF_MAX_PACKET)
		return -EMSGSIZE;
	b = buf_take(pool);
	if (!b) {
		*lost = 1;
		return 0;
	}
	memcpy(b->data, data, f->bytes);
	b->len = (u16)f->bytes;
	b->flow_hash = tg_flow_hash(f, hash_key);
	if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		b->csum_partial = partial_is_own(vh, f);
		if (!b->csum_partial && finish_checksum(b->data, b->len, vh->csum_start, vh->csum_offset)) {
			buf_put(b);
			return -EINVAL;
		}
	}
	buf_queue_add(q, b);
	return 1;
}

int cut_packet(struct buf_queue *q, struct buf_pool *pool, const struct virtio_net_hdr *vh, const u8 *data, u32 len, u64 hash_key,
	       u32 *lost)
{
	struct plan p;
	int err;

	*lost = 0;
	if (tg_flow_parse(&p.flow, data, data + len, len))
		return -EINVAL;
	if (vh->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return take_whole(q, pool, vh, &p.flow, data, hash_key, lost);
	err = read_shape(&p.shape, vh, &p.flow, len, len);
	if (err)
		return err;
	make_plan(&p, vh, data, hash_key);
	return cut_super(q, pool, &p, data, lost);
}
