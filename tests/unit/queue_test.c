// SPDX-License-Identifier: MIT
/* queue_test.c - fair by bytes, sparse flows first, order kept, nothing lost without being counted */
#include "unit/unit.h"

#include <string.h>

#include <triglav/maps.h>

#include "base/rand.h"
#include "path/queue.h"

#define LIMIT 1000u
#define POOL 4096u
#define START (1000 * SEC)
#define ECT 2u

static struct queue q;
static struct buf_pool *pool;

static int begin(void **state)
{
	(void)state;
	queue_init(&q, LIMIT);
	pool = buf_pool_new(POOL);
	return pool ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	queue_free(&q);
	assert_int_equal(q.packets, 0);
	assert_int_equal(q.bytes, 0);
	assert_int_equal(q.bulk_packets, 0);
	assert_int_equal(q.bulk_bytes, 0);
	assert_int_equal(q.priority_bytes, 0);
	assert_int_equal(buf_pool_left(pool), POOL);
	buf_pool_free(pool);
	return 0;
}

/* A packet that begins like IPv4; what tells it apart stands in `order`, which the queue leaves alone. */
static struct buf *packet(u32 flow, u32 len, u32 number, u8 tos)
{
	struct buf *b = buf_take(pool);

	assert_non_null(b);
	b->len = (u16)len;
	b->flow_hash = flow;
	b->order = number;
	memset(b->data, 0, 20);
	b->data[0] = 0x45;
	b->data[1] = tos;
	return b;
}

static bool push_wanted(u32 flow, u32 len, u8 class, u64 now)
{
	struct buf *b = packet(flow, len, 0, 0);

	b->wanted_class = class;
	return queue_push(&q, b, now);
}

static bool push(u32 flow, u32 len, u32 number, u64 now)
{
	return queue_push(&q, packet(flow, len, number, 0), now);
}

/* Makes the flow bulk by what it brings, and takes all of it out again. */
static void make_bulk(u32 flow, u64 now)
{
	struct buf *b;

	for (u32 i = 0; i < 20; i++)
		push(flow, 1500, 0, now);
	while ((b = queue_take_bulk(&q, now)))
		buf_put(b);
	assert_int_equal(q.packets, 0);
}

static void expect(struct buf *b, u32 flow, u32 number, bool bulk)
{
	assert_non_null(b);
	assert_int_equal(b->flow_hash, flow);
	assert_int_equal(b->order, number);
	assert_int_equal(b->bulk, bulk);
	assert_null(b->next);
	buf_put(b);
}

/* ---- fairness ---- */

/* Takes from flows 1 to n, which always have 10 packets waiting, and adds up what each got. */
static void share(const u32 *sizes, u32 n, u32 takes, u64 *got)
{
	for (u32 f = 1; f <= n; f++)
		make_bulk(f, START);
	for (u32 i = 0; i < 10 * n; i++)
		assert_true(push(1 + i % n, sizes[i % n], 0, START));
	for (u32 i = 0; i < takes; i++) {
		struct buf *b = queue_take_bulk(&q, START);
		u32 f;

		assert_non_null(b);
		f = b->flow_hash;
		got[f - 1] += b->len;
		buf_put(b);
		push(f, sizes[f - 1], 0, START);
	}
}

static void two_bulk_flows_share_by_bytes(void **state)
{
	static const u32 sizes[][2] = { { 1500, 1500 }, { 1500, 100 }, { 64, 1420 }, { 1800, 700 }, { 1514, 20 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 got[2] = { 0 };

		share(sizes[i], 2, 4000, got);
		assert_in_range(got[0], got[1] - MIN(got[1], 4 * 1514ull), got[1] + 4 * 1514);
		queue_free(&q);
		queue_init(&q, LIMIT);
	}
}

static void sixteen_bulk_flows_share_by_bytes(void **state)
{
	u32 sizes[16];
	u64 got[16] = { 0 }, all = 0;

	(void)state;
	for (u32 i = 0; i < 16; i++)
		sizes[i] = 60 + i * 100;
	share(sizes, 16, 50000, got);
	for (u32 i = 0; i < 16; i++)
		all += got[i];
	for (u32 i = 0; i < 16; i++)
		assert_in_range(got[i], all / 16 - 4 * 1514, all / 16 + 4 * 1514);
}

/* A flow that has one packet at a time leaves its turn after each. It gets its share by that, and no more. */
static void who_comes_and_goes_gets_the_same(void **state)
{
	static const u32 sizes[] = { 1500, 1514, 1800 };

	(void)state;
	make_bulk(1, START);
	make_bulk(2, START);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 got[2] = { 0 };
		bool waits = false;

		for (u32 n = 0; n < 3000; n++) {
			struct buf *b;

			while (q.packets < 20)
				push(1, 1000, 0, START);
			if (!waits)
				push(2, sizes[i], 0, START);
			b = queue_take_bulk(&q, START);
			waits = b->flow_hash == 1;
			got[b->flow_hash - 1] += b->len;
			buf_put(b);
		}
		assert_in_range(got[1], got[0] * 9 / 10, got[0] + 4 * 1514);
	}
}

/* ---- sparse and bulk ---- */

static void sparse_is_never_behind_bulk(void **state)
{
	(void)state;
	make_bulk(1, START);
	for (u32 i = 0; i < 100; i++)
		push(1, 1500, i, START);
	assert_false(push(2, 100, 7, START + MSEC));
	assert_int_equal(q.packets, 101);
	assert_int_equal(q.bytes, 150100);
	assert_int_equal(q.bulk_packets, 100);
	assert_int_equal(q.bulk_bytes, 150000);
	expect(queue_take_sparse(&q, START + MSEC), 2, 7, false);
	assert_null(queue_take_sparse(&q, START + MSEC));
	expect(queue_take_bulk(&q, START + MSEC), 1, 0, true);
}

/* Once the ping beside four downloads took 54 ms more for a whole minute: its hash led to the bucket of one of them. */
static void a_call_whose_hash_leads_to_downloads_stays_sparse(void **state)
{
	const u32 step = QUEUE_FLOWS;

	(void)state;
	for (u32 i = 0; i < 7; i++) {
		make_bulk(1 + i * step, START);
		for (u32 n = 0; n < 10; n++)
			push(1 + i * step, 1500, n, START);
	}
	for (u32 n = 0; n < 100; n++) {
		assert_false(push(1 + 7 * step, 200, n, START + n * 20 * MSEC));
		expect(queue_take_sparse(&q, START + n * 20 * MSEC), 1 + 7 * step, n, false);
	}
}

/* Of one more flow than there are buckets that its hash leads to, nothing overtakes: also when one of them is free again. */
static void a_flow_that_shares_a_bucket_keeps_its_order(void **state)
{
	const u32 step = QUEUE_FLOWS, ninth = 1 + 8 * step;
	struct buf *b;
	u32 got = 0;

	(void)state;
	for (u32 i = 0; i < 8; i++)
		for (u32 n = 0; n <= i; n++)
			push(1 + i * step, 100, n, START);
	push(ninth, 100, 1, START);
	expect(queue_take_sparse(&q, START), 1, 0, false);
	push(ninth, 100, 2, START);
	while ((b = queue_take_sparse(&q, START))) {
		if (b->flow_hash == ninth)
			assert_int_equal(b->order, ++got);
		buf_put(b);
	}
	assert_int_equal(got, 2);
	push(ninth, 100, 3, START);
	push(1, 100, 3, START);
	expect(queue_take_sparse(&q, START), ninth, 3, false);
	expect(queue_take_sparse(&q, START), 1, 3, false);
}

static void sparse_flows_take_turns_oldest_first(void **state)
{
	static const struct { u32 flow, number; }
		came[] = { { 5, 1 }, { 5, 2 }, { 5, 3 }, { 3, 1 }, { 9, 1 }, { 3, 2 } },
		goes[] = { { 5, 1 }, { 3, 1 }, { 9, 1 }, { 5, 2 }, { 3, 2 }, { 5, 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(came); i++)
		push(came[i].flow, 500, came[i].number, START + i);
	assert_null(queue_take_bulk(&q, START));
	for (size_t i = 0; i < ARRAY_SIZE(goes); i++)
		expect(queue_take_sparse(&q, START), goes[i].flow, goes[i].number, false);
	assert_null(queue_take_sparse(&q, START));
}

static void priority_goes_before_all(void **state)
{
	(void)state;
	push(1, 500, 1, START);
	queue_push_priority(&q, packet(2, 60, 2, 0), START + 1);
	queue_push_priority(&q, packet(1, 60, 3, 0), START + 2);
	assert_int_equal(q.packets, 3);
	assert_int_equal(q.bytes, 620);
	expect(queue_take_sparse(&q, START + 3), 2, 2, false);
	expect(queue_take_sparse(&q, START + 3), 1, 3, false);
	expect(queue_take_sparse(&q, START + 3), 1, 1, false);
	assert_int_equal(q.bytes, 0);
}

static void priority_needs_no_memory_for_flows(void **state)
{
	(void)state;
	queue_push_priority(&q, packet(2, 60, 2, 0), START);
	assert_null(q.table);
	expect(queue_take_sparse(&q, START), 2, 2, false);
}

static void unparsed_packets_share_a_flow(void **state)
{
	(void)state;
	for (u32 i = 0; i < 5; i++)
		push(0, 100, i, START);
	assert_int_equal(q.sparse.count, 1);
	for (u32 i = 0; i < 5; i++)
		expect(queue_take_sparse(&q, START), 0, i, false);
}

/* ---- what makes a flow bulk, and for how long ---- */

/* One packet, taken out at once. Was it bulk? */
static bool passes_as_bulk(u32 flow, u32 len, u64 now)
{
	bool bulk = push(flow, len, 0, now);
	struct buf *b = bulk ? queue_take_bulk(&q, now) : queue_take_sparse(&q, now);

	assert_non_null(b);
	assert_int_equal(b->bulk, bulk);
	buf_put(b);
	return bulk;
}

static void thirty_kilobytes_in_a_tenth_of_a_second_are_bulk(void **state)
{
	(void)state;
	for (u32 i = 0; i < 29; i++)
		assert_false(passes_as_bulk(1, 1000, START + i * 3 * MSEC));
	assert_true(passes_as_bulk(1, 1000, START + 29 * 3 * MSEC));
}

static void the_same_in_a_longer_time_are_not(void **state)
{
	(void)state;
	for (u32 i = 0; i < 1000; i++)
		assert_false(passes_as_bulk(1, 1000, START + i * 4 * MSEC));
}

static void ten_kilobytes_waiting_are_bulk_and_what_waits_changes_with_them(void **state)
{
	(void)state;
	for (u32 i = 0; i < 10; i++)
		assert_false(push(1, 1000, i, START));
	assert_int_equal(q.bulk_packets, 0);
	assert_true(push(1, 1000, 10, START));
	assert_int_equal(q.bulk_packets, 11);
	assert_int_equal(q.bulk_bytes, 11000);
	assert_null(queue_take_sparse(&q, START));
	for (u32 i = 0; i < 11; i++)
		expect(queue_take_bulk(&q, START), 1, i, true);
}

/* In the time in which BBR sends four packets a round trip they went by the near path, unstretched, and told it that one. */
static void bulk_ends_later_where_senders_go_by_the_round_trip(void **state)
{
	(void)state;
	queue_keep_bulk(&q, true);
	make_bulk(1, START);
	assert_true(passes_as_bulk(1, 100, START + 1990 * MSEC));
	assert_false(passes_as_bulk(1, 100, START + 2010 * MSEC));
	queue_keep_bulk(&q, false);
	make_bulk(1, START + 3 * SEC);
	assert_false(passes_as_bulk(1, 100, START + 3 * SEC + 501 * MSEC));
}

static void bulk_ends_half_a_second_after_the_last_busy_packet(void **state)
{
	(void)state;
	make_bulk(1, START);
	assert_true(passes_as_bulk(1, 100, START + 499 * MSEC));
	assert_false(passes_as_bulk(1, 100, START + 501 * MSEC));
	assert_false(passes_as_bulk(1, 100, START + 502 * MSEC));
}

static void a_flow_with_a_backlog_stays_bulk(void **state)
{
	(void)state;
	make_bulk(1, START);
	push(1, 100, 1, START);
	push(1, 100, 2, START + 2 * SEC);	/* only 100 bytes waited: not busy, but one may not pass the other */
	assert_null(queue_take_sparse(&q, START + 2 * SEC));
	expect(queue_take_bulk(&q, START + 2 * SEC), 1, 1, true);
	assert_true(push(1, 100, 3, START + 2 * SEC));
	expect(queue_take_bulk(&q, START + 2 * SEC), 1, 2, true);
	expect(queue_take_bulk(&q, START + 2 * SEC), 1, 3, true);
	assert_false(passes_as_bulk(1, 100, START + 2 * SEC));
}

/* 1 Mbit/s, 2 or 3 packets waiting as CoDel leaves them, nothing waiting every 300 ms: never 30 kB, never 10 kB. */
static void a_slow_elephant_does_not_flap(void **state)
{
	u64 now = START;

	(void)state;
	make_bulk(1, now);
	for (u32 round = 0; round < 50; round++) {
		struct buf *b;

		for (u32 i = 0; i < 25; i++, now += 12 * MSEC) {
			assert_true(push(1, 1500, i, now));
			if (i < 2)
				continue;
			b = queue_take_bulk(&q, now);
			assert_non_null(b);
			buf_put(b);
		}
		while ((b = queue_take_bulk(&q, now)))
			buf_put(b);
		assert_null(queue_take_sparse(&q, now));
	}
}

/* ---- order ---- */

/* 60 flows, which lead to 5 times 8 buckets, come and go at random: of each, what comes out later was put in later. */
static void order_is_kept_within_a_flow_always(void **state)
{
	u32 put[60] = { 0 }, got[60] = { 0 }, pushed = 0, taken = 0;
	struct rand_source r;
	u64 now = START;

	(void)state;
	rand_seeded(&r, 7);
	for (u32 i = 0; i < 200000; i++) {
		u32 roll = rand_u32(&r), f = roll % 8 < 6 ? roll / 8 % 6 : roll / 8 % 60;
		bool in = roll >> 20 & 1 || (i / 5000 % 2 && roll >> 21 & 1);
		struct buf *b;

		now += roll >> 26;
		if (in && buf_pool_left(pool)) {
			push(1 + f % 5 + f / 5 * QUEUE_FLOWS, 40 + roll / 64 % 1400, ++put[f], now);
			pushed++;
		} else if ((b = roll >> 22 & 3 ? queue_take_bulk(&q, now) : queue_take_sparse(&q, now))) {
			f = (b->flow_hash - 1) % QUEUE_FLOWS + b->flow_hash / QUEUE_FLOWS * 5;
			assert_true(b->order > got[f]);
			got[f] = b->order;
			taken++;
			buf_put(b);
		}
		assert_true(q.packets <= LIMIT);
		assert_int_equal(buf_pool_left(pool), POOL - q.packets);
		assert_int_equal(pushed, taken + q.packets + q.drops_overflow + q.drops_codel);
	}
	assert_true(taken > 50000);
	assert_true(q.drops_overflow > 100);
	assert_true(q.drops_codel > 100);
}

/* ---- CoDel ---- */

/* A flow that brings a packet per ms, of which only every second leaves, for `seconds`. */
static void overload(u32 flow, u8 tos, u64 seconds)
{
	make_bulk(flow, START);
	for (u64 ms = 0; ms < seconds * 1000; ms++) {
		queue_push(&q, packet(flow, 1400, (u32)ms, tos), START + ms * MSEC);
		if (ms % 2)
			buf_put(queue_take_bulk(&q, START + ms * MSEC));
	}
}

static void a_sender_that_knows_ecn_is_marked_and_not_dropped(void **state)
{
	(void)state;
	overload(1, ECT, 1);
	assert_true(q.marks > 5);
	assert_int_equal(q.drops_codel, 0);
	assert_int_equal(q.drops_overflow, 0);
}

static void others_are_dropped(void **state)
{
	(void)state;
	overload(1, 0, 1);
	assert_true(q.drops_codel > 5);
	assert_int_equal(q.marks, 0);
	assert_int_equal(q.packets, 500 - q.drops_codel);
}

static void marked_packets_carry_the_mark(void **state)
{
	u32 marked = 0;

	(void)state;
	make_bulk(1, START);
	for (u32 ms = 0; ms < 1000; ms++) {
		struct buf *b;

		queue_push(&q, packet(1, 1400, ms, ECT), START + ms * MSEC);
		b = ms % 2 ? queue_take_bulk(&q, START + ms * MSEC) : NULL;
		marked += b && (b->data[1] & 3) == 3;
		buf_put(b);
	}
	assert_int_equal(marked, q.marks);
	assert_true(marked > 5);
}

static void sparse_flows_and_priority_are_not_dropped_for_waiting(void **state)
{
	u32 got = 0;

	(void)state;
	for (u32 i = 0; i < 600; i++) {
		push(1 + i % 300, 1400, i, START);
		queue_push_priority(&q, packet(7, 60, i, 0), START);
		if (i == 400)
			queue_set_codel(&q, 1, 1);
		for (u32 n = 0; i >= 400 && n < 4; n++) {
			struct buf *b = queue_take_sparse(&q, START + i * SEC);

			got += b != NULL;
			buf_put(b);
		}
	}
	assert_int_equal(got + q.packets, 1200);
	assert_int_equal(q.drops_codel + q.marks + q.drops_overflow, 0);
}

/* Two packets at a time, each waits far too long: a flow with no more than a full packet left loses nothing. */
static void the_last_full_packet_of_a_flow_is_never_dropped(void **state)
{
	(void)state;
	queue_set_codel(&q, MSEC, MSEC);
	make_bulk(1, START);
	push(1, 1500, 0, START);
	for (u64 i = 1; i < 100; i++) {
		push(1, 1500, (u32)i, START + i * 50 * MSEC);
		expect(queue_take_bulk(&q, START + i * 50 * MSEC), 1, (u32)i - 1, true);
	}
	assert_int_equal(q.drops_codel + q.marks, 0);
}

static void the_target_can_be_set(void **state)
{
	u64 usual;

	(void)state;
	overload(1, ECT, 1);
	usual = q.marks;
	queue_free(&q);
	queue_init(&q, LIMIT);
	queue_set_codel(&q, 300 * MSEC, 100 * MSEC);
	overload(1, ECT, 1);
	assert_true(q.marks < usual);
}

static void a_flow_that_misbehaves_does_not_hurt_another(void **state)
{
	u64 worst = 0;

	(void)state;
	make_bulk(1, START);
	make_bulk(2, START);
	for (u64 ms = 0; ms < 5000; ms++) {
		u64 now = START + ms * MSEC;
		struct buf *b;

		for (u32 i = 0; i < 3; i++)
			queue_push(&q, packet(1, 1400, 0, ECT), now);
		if (ms % 4 == 0)
			queue_push(&q, packet(2, 1400, (u32)ms, 0), now);
		b = queue_take_sparse(&q, now);
		if (!b)
			b = queue_take_bulk(&q, now);
		if (b->flow_hash == 2)
			worst = MAX(worst, now - b->time_us);
		buf_put(b);
	}
	assert_true(q.drops_overflow > 1000);
	assert_int_equal(q.drops_codel, 0);
	assert_true(worst <= 5 * MSEC);
}

/* ---- too many ---- */

static void overflow_takes_from_the_head_of_the_fattest(void **state)
{
	(void)state;
	for (u32 i = 0; i < 400; i++)
		push(1, 100, i, START);
	for (u32 i = 0; i < 100; i++)
		push(2, 1400, i, START);	/* fewer packets, more bytes */
	for (u32 i = 400; i < 900; i++)
		push(1, 100, i, START);
	assert_int_equal(q.packets, LIMIT);
	assert_int_equal(q.drops_overflow, 0);
	push(1, 100, 900, START);
	assert_int_equal(q.drops_overflow, 50);	/* half of its bytes */
	assert_int_equal(q.packets, LIMIT + 1 - 50);
	for (u32 seen = 0; seen != 3;) {
		struct buf *b = queue_take_bulk(&q, START);

		if (!(seen & b->flow_hash))
			assert_int_equal(b->order, b->flow_hash == 1 ? 0 : 50);
		seen |= b->flow_hash;
		buf_put(b);
	}
}

static void overflow_drops_at_most_64_at_once(void **state)
{
	(void)state;
	for (u32 i = 0; i <= LIMIT; i++)
		push(1, 1000, i, START);
	assert_int_equal(q.drops_overflow, 64);
	expect(queue_take_bulk(&q, START), 1, 64, true);
}

static void too_many_priority_packets_count_as_one_flow(void **state)
{
	(void)state;
	push(1, 1400, 1, START);
	for (u32 i = 0; i < LIMIT; i++)
		queue_push_priority(&q, packet(2, 60, i, 0), START);
	assert_int_equal(q.drops_overflow, 64);
	assert_int_equal(q.packets, LIMIT + 1 - 64);
	expect(queue_take_sparse(&q, START), 2, 64, false);
}

/* As many flows as there are buckets, a packet each: the fattest loses its only one, b's own flow among them. */
static void a_flood_of_flows_stays_within_the_limit(void **state)
{
	struct buf *b;
	u32 n = 0, left;

	(void)state;
	for (u32 i = 0; i < 3000; i++)
		push(i, 40 + i % 100, i, START);
	assert_in_range(q.packets, LIMIT / 2, LIMIT);	/* a flow with several loses some at once */
	assert_int_equal(q.packets + q.drops_overflow, 3000);
	left = q.packets;
	while ((b = queue_take_sparse(&q, START))) {
		n++;
		buf_put(b);
	}
	assert_int_equal(n, left);
	assert_int_equal(q.sparse.count, 0);
}

static void a_limit_of_one_works(void **state)
{
	(void)state;
	queue_init(&q, 0);
	push(1, 100, 1, START);
	push(2, 200, 2, START);
	assert_int_equal(q.packets, 1);
	expect(queue_take_sparse(&q, START), 1, 1, false);
}

/* ---- age and memory ---- */

static void the_age_is_that_of_the_oldest_bulk_packet(void **state)
{
	static const u32 came[] = { 3, 2, 2, 1, 3, 3, 1, 2 };

	(void)state;
	assert_int_equal(queue_bulk_head_age(&q, START), 0);
	make_bulk(1, START);
	make_bulk(2, START);
	make_bulk(3, START);
	push(4, 100, 0, START);
	assert_int_equal(queue_bulk_head_age(&q, START + SEC), 0);
	for (u32 i = 0; i < ARRAY_SIZE(came); i++)
		push(came[i], 1000, i, START + 10 + i);
	for (u32 n = 0, out = 0, oldest = 0; n < ARRAY_SIZE(came); n++) {
		struct buf *b;

		while (out >> oldest & 1)
			oldest++;
		assert_int_equal(queue_bulk_head_age(&q, START + 100), 90 - oldest);
		b = queue_take_bulk(&q, START + 100);
		out |= 1u << b->order;
		buf_put(b);
	}
	assert_int_equal(queue_bulk_head_age(&q, START + 100), 0);
}

static void an_idle_queue_holds_no_memory(void **state)
{
	(void)state;
	assert_null(q.table);
	push(1, 100, 1, START);
	queue_shrink(&q, START + 60 * SEC);
	assert_non_null(q.table);	/* something waits */
	expect(queue_take_sparse(&q, START + 60 * SEC), 1, 1, false);
	push(1, 100, 2, START + 60 * SEC);
	expect(queue_take_sparse(&q, START + 60 * SEC), 1, 2, false);
	queue_shrink(&q, START + 90 * SEC - 1);
	assert_non_null(q.table);
	queue_shrink(&q, START + 90 * SEC);
	assert_null(q.table);
	queue_shrink(&q, START + 90 * SEC);
	push(1, 100, 3, START + 91 * SEC);
	expect(queue_take_sparse(&q, START + 91 * SEC), 1, 3, false);
}

static void freeing_gives_everything_back(void **state)
{
	(void)state;
	for (u32 i = 0; i < 300; i++) {
		push(i % 40, 900, i, START);
		queue_push_priority(&q, packet(1, 60, i, 0), START);
	}
	queue_free(&q);
	assert_int_equal(buf_pool_left(pool), POOL);
	assert_null(q.table);
	queue_free(&q);
}

/* ---- what the user wants ---- */

static void a_flow_that_shall_be_bulk_is_so_from_its_first_packet_on(void **state)
{
	struct queue_flow look;

	(void)state;
	assert_true(push_wanted(1, 60, TG_CLASS_BULK, START));
	assert_null(queue_take_sparse(&q, START));
	expect(queue_take_bulk(&q, START), 1, 0, true);
	queue_look(&q, 1, START, &look);
	assert_true(look.bulk);
	assert_false(push(1, 60, 0, START + 501 * MSEC));	/* nobody wants it any more */
	expect(queue_take_sparse(&q, START + 501 * MSEC), 1, 0, false);
}

static void a_realtime_flow_stays_sparse_however_much_it_brings(void **state)
{
	u64 now = START;

	(void)state;
	for (u32 i = 0; i < 200; i++, now += MSEC) {
		assert_false(push_wanted(1, 1400, TG_CLASS_REALTIME, now));
		expect(queue_take_sparse(&q, now), 1, 0, false);
	}
}

static void a_flow_that_was_bulk_is_realtime_when_nothing_of_it_waits(void **state)
{
	(void)state;
	make_bulk(1, START);
	assert_false(push_wanted(1, 1400, TG_CLASS_REALTIME, START + 1));
	expect(queue_take_sparse(&q, START + 1), 1, 0, false);
}

/* Whatever somebody calls realtime: what waits for long is bulk, and others get their share. */
static void a_realtime_flow_cannot_starve_the_others(void **state)
{
	u32 count = 0;

	(void)state;
	while (!push_wanted(1, 1400, TG_CLASS_REALTIME, START))
		assert_true(++count < 100);
	assert_true(count * 1400 > 90000);
	assert_int_equal(q.bulk_packets, count + 1);
	assert_null(queue_take_sparse(&q, START));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(two_bulk_flows_share_by_bytes),
		TEST(sixteen_bulk_flows_share_by_bytes),
		TEST(who_comes_and_goes_gets_the_same),
		TEST(sparse_is_never_behind_bulk),
		TEST(a_call_whose_hash_leads_to_downloads_stays_sparse),
		TEST(a_flow_that_shares_a_bucket_keeps_its_order),
		TEST(sparse_flows_take_turns_oldest_first),
		TEST(priority_goes_before_all),
		TEST(priority_needs_no_memory_for_flows),
		TEST(unparsed_packets_share_a_flow),
		TEST(thirty_kilobytes_in_a_tenth_of_a_second_are_bulk),
		TEST(the_same_in_a_longer_time_are_not),
		TEST(ten_kilobytes_waiting_are_bulk_and_what_waits_changes_with_them),
		TEST(bulk_ends_later_where_senders_go_by_the_round_trip),
		TEST(bulk_ends_half_a_second_after_the_last_busy_packet),
		TEST(a_flow_with_a_backlog_stays_bulk),
		TEST(a_slow_elephant_does_not_flap),
		TEST(order_is_kept_within_a_flow_always),
		TEST(a_sender_that_knows_ecn_is_marked_and_not_dropped),
		TEST(others_are_dropped),
		TEST(marked_packets_carry_the_mark),
		TEST(sparse_flows_and_priority_are_not_dropped_for_waiting),
		TEST(the_last_full_packet_of_a_flow_is_never_dropped),
		TEST(the_target_can_be_set),
		TEST(a_flow_that_misbehaves_does_not_hurt_another),
		TEST(overflow_takes_from_the_head_of_the_fattest),
		TEST(overflow_drops_at_most_64_at_once),
		TEST(too_many_priority_packets_count_as_one_flow),
		TEST(a_flood_of_flows_stays_within_the_limit),
		TEST(a_limit_of_one_works),
		TEST(the_age_is_that_of_the_oldest_bulk_packet),
		TEST(an_idle_queue_holds_no_memory),
		TEST(freeing_gives_everything_back),
		TEST(a_flow_that_shall_be_bulk_is_so_from_its_first_packet_on),
		TEST(a_realtime_flow_stays_sparse_however_much_it_brings),
		TEST(a_flow_that_was_bulk_is_realtime_when_nothing_of_it_waits),
		TEST(a_realtime_flow_cannot_starve_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
