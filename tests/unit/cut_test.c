// SPDX-License-Identifier: MIT
/* cut_test.c - super-packets of the tunnel device become right packets */
#include "unit/unit.h"
#include "unit/packet.h"

#include <errno.h>
#include <stdlib.h>

#include "link/cut.h"

#define FIN TG_TCP_FIN
#define PSH TG_TCP_PSH
#define ACK TG_TCP_ACK
#define ECE TG_TCP_ECE
#define CWR TG_TCP_CWR

static const struct {
	struct packet k;
	u16 size;
	u32 packets;
} supers[] = {
	{ { .family = 4, .protocol = 6, .ttl = 64, .flags = ACK | PSH, .options = 12, .df = true, .id = 65534, .seq = 4294967000u,
	    .ack = 77, .window = 500, .payload = 13680, .sport = 443, .dport = 50000, .host = 1 }, 1368, 10 },
	{ { .family = 4, .protocol = 6, .ttl = 9, .tos = 0x2e << 2 | 1, .flags = ACK | PSH | FIN | CWR | ECE, .id = 7, .seq = 9,
	    .payload = 2761, .sport = 1, .dport = 2 }, 1380, 3 },
	{ { .family = 4, .protocol = 6, .ttl = 64, .flags = ACK | FIN, .payload = 1, .df = true }, 1000, 1 },
	{ { .family = 4, .protocol = 6, .ttl = 64, .flags = ACK, .options = 40, .payload = 65435, .seq = 1u << 31 }, 1379, 48 },
	{ { .family = 6, .protocol = 6, .ttl = 64, .tos = 0xb9, .flags = ACK | PSH | CWR, .options = 12, .payload = 64000, .seq = 5 }, 1348, 48 },
	{ { .family = 6, .protocol = 6, .ttl = 1, .flags = ACK, .payload = 1361 }, 1360, 2 },
	{ { .family = 4, .protocol = 17, .ttl = 64, .id = 3, .payload = 12001, .sport = 53, .dport = 5353 }, 1200, 11 },
	{ { .family = 6, .protocol = 17, .ttl = 64, .payload = 2399, .sport = 53, .dport = 5353 }, 1200, 2 },
	{ { .family = 6, .protocol = 17, .ttl = 64, .payload = 6000, .sport = 53, .dport = 5353 }, 100, 60 },
};

static u8 super[65536 + 16], expected[65536];

static struct virtio_net_hdr header_of(const struct packet *k, u16 size)
{
	struct virtio_net_hdr vh = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_size = size };

	vh.csum_start = (u16)packet_l4_offset(k);
	vh.csum_offset = k->protocol == 6 ? 16 : 6;
	vh.hdr_len = (u16)packet_header_bytes(k);
	if (size)
		vh.gso_type = k->protocol == 17 ? 5 : k->family == 4 ? 1 : 4;
	if (k->flags & CWR)
		vh.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	return vh;
}

/* Packet `index` of the super-packet k, as its own description. */
static struct packet piece(const struct packet *k, u16 size, u32 index)
{
	struct packet p = *k;
	u32 at = index * size;
	bool last = k->payload - at <= size;

	p.seq += at;
	p.id = (u16)(p.id + index);
	p.payload = last ? k->payload - at : size;
	if (index)
		p.flags &= (u8)~CWR;
	if (!last)
		p.flags &= (u8) ~(FIN | PSH);
	return p;
}

static void check_pieces(struct buf_queue *q, const struct packet *k, u16 size, u32 count)
{
	u32 hash = q->head->flow_hash;

	assert_int_equal(q->count, count);
	for (u32 i = 0; i < count; i++) {
		struct packet p = piece(k, size, i);
		struct buf *b = buf_queue_take(q);

		assert_int_equal(b->len, packet_build(expected, &p, PACKET_PARTIAL));
		assert_true(b->csum_partial);
		assert_memory_equal(b->data, expected, b->len);
		packet_finish(b->data, b->len);
		assert_true(packet_is_right(b->data, b->len));
		assert_int_equal(b->flow_hash, hash);
		assert_int_not_equal(hash, 0);
		buf_put(b);
	}
}

static void super_packets_are_cut(void **state)
{
	struct buf_pool *pool = buf_pool_new(64);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(supers); i++) {
		const struct packet *k = &supers[i].k;
		struct virtio_net_hdr vh = header_of(k, supers[i].size);
		struct buf_queue q = { 0 };
		u32 lost, len = packet_build(super, k, PACKET_PARTIAL);

		assert_int_equal(cut_packet(&q, pool, &vh, super, len, 42, &lost), supers[i].packets);
		assert_int_equal(lost, 0);
		check_pieces(&q, k, supers[i].size, supers[i].packets);
	}
	buf_pool_free(pool);
}

/* Without the flag nothing says that the field holds the pseudo header's sum. */
static void checksums_are_right_without_the_flag(void **state)
{
	struct buf_pool *pool = buf_pool_new(64);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(supers); i++) {
		const struct packet *k = &supers[i].k;
		struct virtio_net_hdr vh = header_of(k, supers[i].size);
		struct buf_queue q = { 0 };
		u32 lost, len = packet_build(super, k, PACKET_FULL);

		vh.flags = 0;
		assert_int_equal(cut_packet(&q, pool, &vh, super, len, 0, &lost), supers[i].packets);
		check_pieces(&q, k, supers[i].size, supers[i].packets);
	}
	buf_pool_free(pool);
}

/* Spreads the super-packet over bufs as a read on that guess does; returns how many bufs it touched. */
static u32 land(struct buf **bufs, struct buf_pool *pool, const struct cut_shape *guess, u32 len)
{
	u32 at = 0, count = 0;

	while (at < len || !count) {
		struct buf *b = buf_take(pool);
		u32 skip = count ? guess->header : 0;
		u32 n = MIN(len - at, count ? guess->size : guess->header + guess->size);

		assert_non_null(b);
		memset(b->area, 0xee, sizeof(b->area));
		memcpy(b->data + skip, super + at, n);
		at += n;
		bufs[count++] = b;
	}
	return count;
}

static void right_guesses_are_cut_in_place(void **state)
{
	struct buf_pool *pool = buf_pool_new(64);
	struct buf *bufs[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(supers); i++) {
		const struct packet *k = &supers[i].k;
		struct virtio_net_hdr vh = header_of(k, supers[i].size);
		u32 len = packet_build(super, k, PACKET_PARTIAL);
		struct buf_queue q = { 0 };
		struct cut_shape shape;
		u32 count;

		assert_int_equal(cut_read_shape(&shape, &vh, super, len, len), 0);
		count = land(bufs, pool, &shape, len);
		assert_int_equal(cut_in_place(bufs, count, &shape, &vh, len, 42), supers[i].packets);
		for (u32 b = 0; b < count; b++)
			buf_queue_add(&q, bufs[b]);
		check_pieces(&q, k, supers[i].size, supers[i].packets);
	}
	buf_pool_free(pool);
}

static void wrong_guesses_touch_nothing(void **state)
{
	static const struct cut_shape guesses[] = { { 52, 1300 }, { 40, 1368 }, { 56, 1368 }, { 52, 1400 }, { 20, 1000 } };
	const struct packet *k = &supers[0].k;
	struct virtio_net_hdr vh = header_of(k, supers[0].size);
	struct buf_pool *pool = buf_pool_new(64);
	struct buf *bufs[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(guesses); i++) {
		u32 len = packet_build(super, k, PACKET_PARTIAL);
		u32 count = land(bufs, pool, &guesses[i], len);

		assert_int_equal(cut_in_place(bufs, count, &guesses[i], &vh, len, 42), -EAGAIN);
		assert_memory_equal(bufs[0]->data, super, guesses[i].header + guesses[i].size);
		for (u32 b = 0; b < count; b++)
			buf_put(bufs[b]);
	}
	buf_pool_free(pool);
}

static void whole_packets_stay_as_they_are(void **state)
{
	struct buf_pool *pool = buf_pool_new(4);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(supers); i++) {
		struct packet k = supers[i].k;
		struct virtio_net_hdr vh = header_of(&k, 0), none = { 0 };

		k.payload = 999 + (u32)i;
		for (int checksum = PACKET_PARTIAL; checksum <= PACKET_FULL; checksum++) {
			u32 lost, len = packet_build(super, &k, checksum);
			struct buf_queue q = { 0 };

			vh.gso_type = 0;
			assert_int_equal(cut_packet(&q, pool, checksum == PACKET_FULL ? &none : &vh, super, len, 1, &lost), 1);
			assert_int_equal(q.head->len, len);
			assert_int_equal(q.head->csum_partial, checksum == PACKET_PARTIAL);
			assert_memory_equal(q.head->data, super, len);
			buf_queue_drop(&q);
		}
	}
	buf_pool_free(pool);
}

/* A tunnel inside the tunnel leaves the checksum of its own inner packet to be finished: no flag of ours can say that. */
static void foreign_partial_checksums_are_finished(void **state)
{
	struct packet outer = { .family = 4, .protocol = 17, .ttl = 64, .sport = 4789, .dport = 4789 };
	struct packet inner = { .family = 4, .protocol = 6, .ttl = 64, .flags = ACK, .payload = 333, .seq = 1 };
	struct virtio_net_hdr vh = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 28 + 20, .csum_offset = 16 };
	struct buf_pool *pool = buf_pool_new(1);
	struct buf_queue q = { 0 };
	u32 lost, inner_len, len;

	(void)state;
	outer.payload = inner_len = packet_header_bytes(&inner) + inner.payload;
	len = packet_build(super, &outer, PACKET_FULL);
	packet_build(super + 28, &inner, PACKET_PARTIAL);
	assert_int_equal(cut_packet(&q, pool, &vh, super, len, 1, &lost), 1);
	assert_false(q.head->csum_partial);
	assert_true(packet_is_right(q.head->data + 28, inner_len));
	buf_queue_drop(&q);
	buf_pool_free(pool);
}

static void a_dry_pool_loses_the_rest(void **state)
{
	const struct packet *k = &supers[0].k;
	struct virtio_net_hdr vh = header_of(k, supers[0].size);
	struct buf_pool *pool = buf_pool_new(4);
	u32 lost, len = packet_build(super, k, PACKET_PARTIAL);
	struct buf_queue q = { 0 };

	(void)state;
	assert_int_equal(cut_packet(&q, pool, &vh, super, len, 1, &lost), 4);
	assert_int_equal(lost, 6);
	assert_int_equal(q.count, 4);
	buf_queue_drop(&q);
	buf_pool_free(pool);
}

static const struct {
	const char *what;
	u8 gso_type;
	u16 size;
	u32 cut_off, pad;
	u16 csum_start;
	int result;
} refused[] = {
	{ "packets larger than a buf", 1, BUF_MAX_PACKET - 51, 0, 0, 20, -EMSGSIZE },
	{ "no size", 1, 0, 0, 0, 20, -EINVAL },
	{ "type of the other family", 4, 1000, 0, 0, 20, -EINVAL },
	{ "type of the other protocol", 5, 1000, 0, 0, 20, -EINVAL },
	{ "unknown type", 9, 1000, 0, 0, 20, -EINVAL },
	{ "shorter than its header says", 1, 1000, 1, 0, 20, -EINVAL },
	{ "padding behind", 1, 1000, 0, 1, 20, -EINVAL },
	{ "whole packet larger than a buf", 0, 0, 0, 0, 20, -EMSGSIZE },
};

static void contradictions_are_refused(void **state)
{
	struct buf_pool *pool = buf_pool_new(64);
	const struct packet *k = &supers[0].k;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		u32 lost, len = packet_build(super, k, PACKET_PARTIAL);
		struct virtio_net_hdr vh = header_of(k, refused[i].size);
		struct buf_queue q = { 0 };

		vh.gso_type = refused[i].gso_type;
		len = len - refused[i].cut_off + refused[i].pad;
		if (cut_packet(&q, pool, &vh, super, len, 0, &lost) != refused[i].result)
			fail_msg("%s: not refused as it should be", refused[i].what);
		assert_int_equal(q.count, 0);
	}
	assert_int_equal(buf_pool_left(pool), 64);
	buf_pool_free(pool);
}

static void a_checksum_outside_the_packet_is_refused(void **state)
{
	struct packet k = supers[0].k;
	struct virtio_net_hdr vh = header_of(&k, 0);
	struct buf_pool *pool = buf_pool_new(1);
	struct buf_queue q = { 0 };
	u32 lost, len;

	(void)state;
	k.payload = 100;
	len = packet_build(super, &k, PACKET_PARTIAL);
	vh.gso_type = 0;
	for (u32 start = len - 17; start <= 65535; start += 997) {
		vh.csum_start = (u16)start;
		assert_int_equal(cut_packet(&q, pool, &vh, super, len, 0, &lost), -EINVAL);
	}
	assert_int_equal(buf_pool_left(pool), 1);
	buf_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(super_packets_are_cut),
		cmocka_unit_test(checksums_are_right_without_the_flag),
		cmocka_unit_test(right_guesses_are_cut_in_place),
		cmocka_unit_test(wrong_guesses_touch_nothing),
		cmocka_unit_test(whole_packets_stay_as_they_are),
		cmocka_unit_test(foreign_partial_checksums_are_finished),
		cmocka_unit_test(a_dry_pool_loses_the_rest),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(a_checksum_outside_the_packet_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
