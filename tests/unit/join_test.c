// SPDX-License-Identifier: MIT
/* join_test.c - packets become super-packets that stand for exactly those packets */
#include "unit/unit.h"
#include "unit/packet.h"

#include <errno.h>
#include <stdlib.h>

#include "link/cut.h"
#include "link/join.h"

#define FIN TG_TCP_FIN
#define PSH TG_TCP_PSH
#define ACK TG_TCP_ACK

static const struct packet tcp4 = { .family = 4, .protocol = 6, .ttl = 64, .flags = ACK, .options = 12, .df = true, .id = 65534,
				    .seq = 4294967000u, .ack = 9, .window = 500, .payload = 1368, .sport = 443, .dport = 50000, .host = 1 };
static const struct packet tcp6 = { .family = 6, .protocol = 6, .ttl = 64, .tos = 0xb8, .flags = ACK, .payload = 1360, .seq = 1,
				    .ack = 9, .window = 500, .sport = 443, .dport = 50000, .host = 1 };
static const struct packet udp4 = { .family = 4, .protocol = 17, .ttl = 64, .id = 9, .payload = 1201, .sport = 53, .dport = 5353 };
static const struct packet udp6 = { .family = 6, .protocol = 17, .ttl = 64, .payload = 1200, .sport = 53, .dport = 5353 };

static struct buf_pool *pool;
static struct join join;
static u8 flat[65536], one[65536];

static int make_pool(void **state)
{
	(void)state;
	pool = buf_pool_new(512);
	return !pool;
}

static int free_pool(void **state)
{
	(void)state;
	buf_pool_free(pool);
	return 0;
}

static struct buf *make(const struct packet *k, int checksum)
{
	struct buf *b = buf_take(pool);

	assert_non_null(b);
	b->len = (u16)packet_build(b->data, k, checksum);
	b->csum_partial = checksum == PACKET_PARTIAL;
	return b;
}

static void next_packet(struct packet *k)
{
	k->seq += k->payload;
	k->id++;
}

static u32 flatten(struct join_group *g, struct virtio_net_hdr *vh)
{
	struct iovec iov[JOIN_MAX_PACKETS + 1];
	int n = join_form(g, vh, iov);
	u32 len = 0;

	assert_in_range(n, 2, JOIN_MAX_PACKETS + 1);
	assert_ptr_equal(iov[0].iov_base, vh);
	for (int i = 1; i < n; i++) {
		memcpy(flat + len, iov[i].iov_base, iov[i].iov_len);
		len += (u32)iov[i].iov_len;
	}
	assert_int_equal(len, g->bytes);
	return len;
}

static void release_all(void)
{
	for (u32 i = 0; i < join.count; i++)
		join_release(&join.groups[i]);
	assert_int_equal(buf_pool_left(pool), 512);
}

static const struct {
	const struct packet *first;
	u32 packets, last;	/* payload of the last */
	bool push;		/* last has PSH */
} runs[] = {
	{ &tcp4, 2, 1368, false }, { &tcp4, 2, 1, true }, { &tcp4, 46, 700, true }, { &tcp4, 47, 1368, false },
	{ &tcp6, 2, 1360, false }, { &tcp6, 47, 1, true }, { &udp4, 3, 1201, false }, { &udp4, 40, 1, false },
	{ &udp6, 2, 1200, false }, { &udp6, 50, 1199, false },
};

static struct packet piece(size_t run, u32 index)
{
	struct packet k = *runs[run].first;

	for (u32 i = 0; i < index; i++)
		next_packet(&k);
	if (index + 1 == runs[run].packets) {
		k.payload = runs[run].last;
		k.flags |= runs[run].push ? PSH : 0;
	}
	return k;
}

static void join_run(size_t run, int checksum)
{
	join_start(&join, true);
	for (u32 i = 0; i < runs[run].packets; i++) {
		struct packet k = piece(run, i);

		assert_true(join_add(&join, make(&k, checksum)));
	}
	assert_int_equal(join.count, 1);
	assert_int_equal(join.groups[0].packets, runs[run].packets);
}

/* What the kernel gets is the one packet its own stack would have made of those bytes. */
static void runs_become_one_super_packet(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(runs); r++) {
		for (int checksum = PACKET_PARTIAL; checksum <= PACKET_FULL; checksum++) {
			struct packet whole = *runs[r].first;
			struct virtio_net_hdr vh;
			u32 len;

			join_run(r, checksum);
			len = flatten(&join.groups[0], &vh);
			whole.payload = whole.payload * (runs[r].packets - 1) + runs[r].last;
			whole.flags |= runs[r].push ? PSH : 0;
			assert_int_equal(len, packet_build(one, &whole, PACKET_PARTIAL));
			assert_memory_equal(flat, one, len);
			assert_int_equal(vh.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
			assert_int_equal(vh.gso_size, runs[r].first->payload);
			assert_int_equal(vh.hdr_len, packet_header_bytes(&whole));
			assert_int_equal(vh.csum_start, packet_l4_offset(&whole));
			assert_int_equal(vh.csum_offset, whole.protocol == 6 ? 16 : 6);
			release_all();
		}
	}
}

static void cutting_gives_the_same_packets_again(void **state)
{
	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(runs); r++) {
		struct buf_queue q = { 0 };
		struct virtio_net_hdr vh;
		u32 len, lost;

		join_run(r, PACKET_PARTIAL);
		len = flatten(&join.groups[0], &vh);
		assert_int_equal(cut_packet(&q, pool, &vh, flat, len, 0, &lost), runs[r].packets);
		for (u32 i = 0; i < runs[r].packets; i++) {
			struct packet k = piece(r, i);
			struct buf *b = buf_queue_take(&q);

			assert_int_equal(b->len, packet_build(one, &k, PACKET_PARTIAL));
			assert_memory_equal(b->data, one, b->len);
			buf_put(b);
		}
		release_all();
	}
}

/* What changed in the second packet of a pair, and whether the two still join. */
enum change {
	NOTHING, TOS, TTL, NO_DF, ID, ID_NO_DF, NEXT_ID_NO_DF, SEQ, ACK_NUMBER, WINDOW, OPTIONS, LARGER, EMPTY,
	FIRST_PSH, FIRST_SMALLER, WITH_FIN, WITH_SYN, WITH_RST, WITH_URG, WITH_CWR, WITH_ECE, PORT, HOST,
};

static void change_pair(struct packet *a, struct packet *b, enum change c)
{
	switch (c) {
	case NOTHING: break;
	case TOS: b->tos ^= 3; break;
	case TTL: b->ttl--; break;
	case NO_DF: b->df = false; break;
	case ID: b->id += 5; break;
	case ID_NO_DF: a->df = b->df = false; b->id += 5; break;
	case NEXT_ID_NO_DF: a->df = b->df = false; break;
	case SEQ: b->seq++; break;
	case ACK_NUMBER: b->ack++; break;
	case WINDOW: b->window++; break;
	case OPTIONS: b->options += 4; break;
	case LARGER: b->payload++; break;
	case EMPTY: b->payload = 0; break;
	case FIRST_PSH: a->flags |= PSH; break;
	case FIRST_SMALLER: a->payload--; b->seq--; break;
	case WITH_FIN: b->flags |= FIN; break;
	case WITH_SYN: b->flags |= TG_TCP_SYN; break;
	case WITH_RST: b->flags |= TG_TCP_RST; break;
	case WITH_URG: b->flags |= TG_TCP_URG; break;
	case WITH_CWR: b->flags |= TG_TCP_CWR; break;
	case WITH_ECE: b->flags |= TG_TCP_ECE; break;
	case PORT: b->dport++; break;
	case HOST: b->host++; break;
	}
}

static const struct {
	const struct packet *k;
	enum change change;
	bool joins;
} pairs[] = {
	{ &tcp4, NOTHING, true }, { &tcp4, TOS, false }, { &tcp4, TTL, false }, { &tcp4, NO_DF, false }, { &tcp4, ID, true },
	{ &tcp4, ID_NO_DF, false }, { &tcp4, NEXT_ID_NO_DF, true }, { &tcp4, SEQ, false }, { &tcp4, ACK_NUMBER, false },
	{ &tcp4, WINDOW, false }, { &tcp4, OPTIONS, false }, { &tcp4, LARGER, false }, { &tcp4, EMPTY, false },
	{ &tcp4, FIRST_PSH, false }, { &tcp4, FIRST_SMALLER, false }, { &tcp4, WITH_FIN, false }, { &tcp4, WITH_SYN, false },
	{ &tcp4, WITH_RST, false }, { &tcp4, WITH_URG, false }, { &tcp4, WITH_CWR, false }, { &tcp4, WITH_ECE, false },
	{ &tcp4, PORT, false }, { &tcp4, HOST, false },
	{ &tcp6, NOTHING, true }, { &tcp6, TOS, false }, { &tcp6, TTL, false }, { &tcp6, SEQ, false }, { &tcp6, HOST, false },
	{ &tcp6, WITH_FIN, false }, { &tcp6, LARGER, false },
	{ &udp4, NOTHING, true }, { &udp4, TTL, false }, { &udp4, PORT, false }, { &udp4, LARGER, false }, { &udp4, EMPTY, false },
	{ &udp4, ID, false }, { &udp6, NOTHING, true }, { &udp6, HOST, false }, { &udp6, TOS, false },
};

static void pairs_join_only_when_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct packet a = *pairs[i].k, b = a;

		next_packet(&b);
		change_pair(&a, &b, pairs[i].change);
		for (int checksum = PACKET_PARTIAL; checksum <= PACKET_FULL; checksum++) {
			join_start(&join, true);
			assert_true(join_add(&join, make(&a, checksum)));
			assert_true(join_add(&join, make(&b, checksum)));
			if ((join.count == 1) != pairs[i].joins)
				fail_msg("pair %zu: %u groups", i, join.count);
			release_all();
		}
	}
}

/* Each byte that a checksum covers, damaged in the first or the second packet: both go out apart and as they are. */
static void damage_is_never_hidden(void **state)
{
	static const struct packet *const kinds[] = { &tcp4, &tcp6, &udp4, &udp6 };

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_SIZE(kinds); i++) {
		struct packet k = *kinds[i / 4];
		struct buf *b[2];
		struct virtio_net_hdr vh;
		u32 at, len;

		b[0] = make(&k, PACKET_FULL);
		next_packet(&k);
		b[1] = make(&k, PACKET_FULL);
		len = b[i & 1]->len;
		at = i & 2 ? len - 1 : packet_header_bytes(&k) + 1;
		b[i & 1]->data[at] ^= 0x10;
		memcpy(one, b[i & 1]->data, len);
		join_start(&join, true);
		assert_true(join_add(&join, b[0]) && join_add(&join, b[1]));
		assert_int_equal(join.count, 2);
		assert_int_equal(flatten(&join.groups[i & 1], &vh), len);
		assert_memory_equal(flat, one, len);
		assert_int_equal(vh.flags, 0);
		release_all();
	}
}

static void a_damaged_ip_header_is_never_hidden(void **state)
{
	(void)state;
	for (int which = 0; which < 2; which++) {
		struct packet k = tcp4;
		struct buf *b[2];

		b[0] = make(&k, PACKET_PARTIAL);
		next_packet(&k);
		b[1] = make(&k, PACKET_PARTIAL);
		b[which]->data[11] ^= 1;
		join_start(&join, true);
		assert_true(join_add(&join, b[0]) && join_add(&join, b[1]));
		assert_int_equal(join.count, 2);
		release_all();
	}
}

static void flows_interleave(void **state)
{
	struct packet a = tcp4, b = tcp6, c = udp4;

	(void)state;
	b.sport = 7;
	join_start(&join, true);
	for (int i = 0; i < 20; i++) {
		join_add(&join, make(&a, PACKET_PARTIAL));
		join_add(&join, make(&b, PACKET_PARTIAL));
		join_add(&join, make(&c, PACKET_PARTIAL));
		next_packet(&a);
		next_packet(&b);
		next_packet(&c);
	}
	assert_int_equal(join.count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(join.groups[i].packets, 20);
	release_all();
}

static void no_packet_passes_another_of_its_flow(void **state)
{
	struct packet a = tcp4, pure_ack, other = tcp6;

	(void)state;
	join_start(&join, true);
	join_add(&join, make(&a, PACKET_PARTIAL));
	next_packet(&a);
	pure_ack = a;
	pure_ack.payload = 0;
	join_add(&join, make(&pure_ack, PACKET_PARTIAL));
	join_add(&join, make(&other, PACKET_PARTIAL));
	join_add(&join, make(&a, PACKET_PARTIAL));
	assert_int_equal(join.count, 4);
	next_packet(&a);
	join_add(&join, make(&a, PACKET_PARTIAL));
	assert_int_equal(join.count, 4);
	assert_int_equal(join.groups[3].packets, 2);
	release_all();
}

static void nothing_passes_an_opaque_packet(void **state)
{
	struct packet a = tcp4;
	struct buf *fragment;

	(void)state;
	join_start(&join, true);
	join_add(&join, make(&a, PACKET_PARTIAL));
	fragment = make(&a, PACKET_FULL);
	fragment->data[6] = 0x20;
	join_add(&join, fragment);
	next_packet(&a);
	join_add(&join, make(&a, PACKET_PARTIAL));
	assert_int_equal(join.count, 3);
	release_all();
}

static void udp_needs_uso_and_a_checksum(void **state)
{
	(void)state;
	for (int uso = 0; uso < 2; uso++) {
		struct packet k = udp4;
		struct buf *b;

		join_start(&join, uso);
		for (int i = 0; i < 2; i++) {
			b = make(&k, PACKET_FULL);
			if (uso)
				put_be16(b->data + 26, 0);
			join_add(&join, b);
			next_packet(&k);
		}
		assert_int_equal(join.count, 2);
		release_all();
	}
}

static void groups_are_bounded(void **state)
{
	struct packet large = tcp4, small = tcp6;

	(void)state;
	small.payload = 10;
	join_start(&join, true);
	for (int i = 0; i < 100; i++) {
		join_add(&join, make(&large, PACKET_PARTIAL));
		join_add(&join, make(&small, PACKET_PARTIAL));
		next_packet(&large);
		next_packet(&small);
	}
	assert_int_equal(join.count, 5);
	for (u32 i = 0; i < join.count; i++) {
		assert_in_range(join.groups[i].packets, 1, JOIN_MAX_PACKETS);
		assert_in_range(join.groups[i].bytes, 1, 65535);
	}
	release_all();
}

static void full_says_so_and_takes_nothing(void **state)
{
	struct packet k = tcp4;
	struct buf *b;

	(void)state;
	join_start(&join, true);
	k.payload = 0;
	for (u32 i = 0; i < JOIN_MAX_GROUPS; i++)
		assert_true(join_add(&join, make(&k, PACKET_PARTIAL)));
	b = make(&k, PACKET_PARTIAL);
	assert_false(join_add(&join, b));
	buf_put(b);
	release_all();
}

static const struct packet *const kinds[] = { &tcp4, &tcp6, &udp4, &udp6 };

static void a_packet_alone_keeps_its_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(kinds); i++) {
		int checksum = i & 1 ? PACKET_PARTIAL : PACKET_FULL;
		struct virtio_net_hdr vh;
		u32 len;

		join_start(&join, true);
		join_add(&join, make(kinds[i / 2], checksum));
		len = flatten(&join.groups[0], &vh);
		assert_int_equal(len, packet_build(one, kinds[i / 2], checksum));
		assert_memory_equal(flat, one, len);
		assert_int_equal(vh.gso_type, 0);
		assert_int_equal(vh.flags, checksum == PACKET_PARTIAL ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
		if (checksum == PACKET_PARTIAL)
			assert_int_equal(vh.csum_start, packet_l4_offset(kinds[i / 2]));
		release_all();
	}
}

/* A peer may mark anything as partial. */
static void partial_checksums_need_tcp_or_udp(void **state)
{
	struct iovec iov[JOIN_MAX_PACKETS + 1];
	struct virtio_net_hdr vh;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct buf *b = make(&tcp4, PACKET_PARTIAL);

		if (i == 0)
			b->data[9] = 1;		/* ICMP */
		else if (i == 1)
			b->data[6] = 0x20;	/* a fragment */
		else
			b->len = 30;		/* cut off */
		join_start(&join, true);
		join_add(&join, b);
		assert_int_equal(join_form(&join.groups[0], &vh, iov), -EINVAL);
		release_all();
	}
}

#define with_pool(f) cmocka_unit_test_setup_teardown(f, make_pool, free_pool)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_pool(runs_become_one_super_packet),
		with_pool(cutting_gives_the_same_packets_again),
		with_pool(pairs_join_only_when_alike),
		with_pool(damage_is_never_hidden),
		with_pool(a_damaged_ip_header_is_never_hidden),
		with_pool(flows_interleave),
		with_pool(no_packet_passes_another_of_its_flow),
		with_pool(nothing_passes_an_opaque_packet),
		with_pool(udp_needs_uso_and_a_checksum),
		with_pool(groups_are_bounded),
		with_pool(full_says_so_and_takes_nothing),
		with_pool(a_packet_alone_keeps_its_bytes),
		with_pool(partial_checksums_need_tcp_or_udp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
