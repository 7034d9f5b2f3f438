// SPDX-License-Identifier: MIT
/* fragment_test.c - halves become the packet they came from, and nothing else becomes anything */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/rand.h"
#include "path/fragment.h"
#include "path/reorder.h"
#include "triglav/flow.h"
#include "triglav/wire.h"
#include "unit/packet.h"

#define POOL 512u
#define NOW (1000 * SEC)
#define ORDER(slot, seq) ((u32)(slot) << TG_ORDER_SEQ_BITS | (seq))

static struct fragments f;
static struct buf_pool *pool;

static int begin(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	pool = buf_pool_new(POOL);
	return pool ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	fragment_free(&f);
	assert_int_equal(f.held, 0);
	assert_int_equal(buf_pool_left(pool), POOL);
	buf_pool_free(pool);
	return 0;
}

static struct buf *take(u32 len)
{
	struct buf *b = buf_take(pool);

	assert_non_null(b);
	b->len = (u16)len;
	return b;
}

static struct buf *half(u8 which, u32 order, u32 len)
{
	struct buf *b = take(len);

	memset(b->data, (u8)(order + which), len);
	b->half = which;
	b->order = order;
	return b;
}

static struct buf *join_at(u8 which, u32 order, u32 len, u64 now)
{
	return fragment_join(&f, half(which, order, len), now);
}

#define first(order) assert_null(join_at(TG_FLAG_FIRST, order, 700, NOW))
#define last_fails(order) assert_null(join_at(TG_FLAG_LAST, order, 699, NOW))

static void last_joins_at(u32 order, u64 now)
{
	struct buf *b = join_at(TG_FLAG_LAST, order, 699, now);

	assert_non_null(b);
	assert_int_equal(b->len, 1399);
	assert_int_equal(b->half, 0);
	buf_put(b);
}

static void last_joins(u32 order)
{
	last_joins_at(order, NOW);
}

static void expect_counts(u64 joined, u64 drops, u32 held)
{
	assert_int_equal(f.joined, joined);
	assert_int_equal(f.drops, drops);
	assert_int_equal(f.held, held);
	assert_int_equal(buf_pool_left(pool), POOL - held);
}

/* ---- cutting ---- */

static void every_size_is_cut_in_two_and_joined_again(void **state)
{
	u8 same[BUF_MAX_PACKET];
	struct rand_source r;

	(void)state;
	rand_seeded(&r, 1);
	rand_fill(&r, same, sizeof(same));
	for (u32 len = 2; len <= BUF_MAX_PACKET; len++) {
		struct buf *whole = take(len), *second = take(0), *b;
		u32 order = ORDER(len % TG_ORDER_SLOTS, len * 977 & TG_ORDER_SEQ_MASK);

		memcpy(whole->data, same, len);
		whole->csum_partial = len & 1;
		whole->bulk = len & 2;
		whole->stretched = len & 4;
		whole->waited_ms = (u8)len;
		whole->flow_hash = len;
		whole->order = order;
		assert_int_equal(fragment_split(whole, (len + 1) / 2, second), 0);
		assert_int_equal(whole->len + second->len, len);
		assert_in_range(whole->len - second->len, 0, 1);
		assert_int_equal(whole->half, TG_FLAG_FIRST);
		assert_int_equal(second->half, TG_FLAG_LAST);
		assert_int_equal(second->flow_hash, len);
		assert_int_equal(second->bulk, whole->bulk);
		assert_int_equal(second->stretched, whole->stretched);	/* else one half waits for the other */
		assert_int_equal(second->waited_ms, whole->waited_ms);
		second->order = fragment_next_order(order);

		assert_null(fragment_join(&f, whole, NOW));
		b = fragment_join(&f, second, NOW);
		assert_non_null(b);
		assert_int_equal(b->len, len);
		assert_int_equal(b->half, 0);
		assert_int_equal(b->order, order);
		assert_int_equal(b->csum_partial, len & 1);
		assert_memory_equal(b->data, same, len);
		buf_put(b);
	}
	expect_counts(BUF_MAX_PACKET - 1, 0, 0);
}

static void what_cannot_be_cut_stays_whole(void **state)
{
	static const struct { u32 len, most; int err; } table[] = {
		{ 1500, 750, 0 }, { 1500, 749, -EMSGSIZE }, { 1501, 750, -EMSGSIZE }, { 1501, 751, 0 },
		{ 1, 1000, -EINVAL }, { 0, 1000, -EINVAL }, { 2, 0, -EMSGSIZE }, { 1420, 1300, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct buf *whole = take(table[i].len), *second = take(0);

		assert_int_equal(fragment_split(whole, table[i].most, second), table[i].err);
		if (table[i].err) {
			assert_int_equal(whole->len, table[i].len);
			assert_int_equal(whole->half, 0);
			assert_int_equal(second->len, 0);
		}
		buf_put(whole);
		buf_put(second);
	}
}

static void the_next_order_stays_in_its_slot(void **state)
{
	static const struct { u32 order, next; } table[] = {
		{ ORDER(0, 0), ORDER(0, 1) },
		{ ORDER(7, TG_ORDER_SEQ_MASK), ORDER(7, 0) },
		{ ORDER(4094, 41), ORDER(4094, 42) },
		{ ORDER(4094, TG_ORDER_SEQ_MASK), ORDER(4094, 0) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		assert_int_equal(fragment_next_order(table[i].order), table[i].next);
		first(table[i].order);
		last_joins(table[i].next);
	}
}

/* ---- joining ---- */

static void a_last_half_alone_is_dropped(void **state)
{
	(void)state;
	last_fails(ORDER(1, 5));
	expect_counts(0, 1, 0);
	first(ORDER(1, 4));
	last_fails(ORDER(1, 4));	/* the sequence of the first itself */
	last_fails(ORDER(1, 6));
	last_fails(ORDER(2, 5));	/* another slot */
	expect_counts(0, 4, 1);
	last_joins(ORDER(1, 5));
	last_fails(ORDER(1, 5));	/* used up */
	expect_counts(1, 5, 0);
}

static void the_same_first_half_twice_counts_once(void **state)
{
	(void)state;
	first(ORDER(1, 4));
	first(ORDER(1, 4));
	expect_counts(0, 1, 1);
	last_joins(ORDER(1, 5));
	expect_counts(1, 1, 0);
}

static void a_first_half_whose_last_did_not_follow_goes_after_a_second(void **state)
{
	(void)state;
	assert_true(fragment_due_us(&f) == TIME_NEVER);
	first(ORDER(1, 4));
	assert_null(join_at(TG_FLAG_FIRST, ORDER(1, 8), 700, NOW + 5 * MSEC));
	assert_int_equal(fragment_due_us(&f), NOW + SEC);
	fragment_expire(&f, NOW + SEC - 1);
	expect_counts(0, 0, 2);
	fragment_expire(&f, NOW + SEC);
	expect_counts(0, 1, 1);
	assert_int_equal(fragment_due_us(&f), NOW + SEC + 5 * MSEC);
	last_fails(ORDER(1, 5));
	last_joins_at(ORDER(1, 9), NOW + SEC);
	expect_counts(1, 2, 0);
}

/* Sequences come round again: what waited too long and was not expired yet is not taken for a new one. */
static void an_old_first_half_does_not_join_a_new_last(void **state)
{
	(void)state;
	first(ORDER(1, 4));
	assert_null(join_at(TG_FLAG_LAST, ORDER(1, 5), 699, NOW + SEC + 1));
	expect_counts(0, 1, 1);
}

static void halves_of_many_flows_do_not_mix(void **state)
{
	u32 joined = 0;

	(void)state;
	for (u32 slot = 0; slot < 200; slot++)
		first(ORDER(slot, 10));
	assert_true(f.held <= FRAGMENT_PLACES);
	assert_int_equal(f.held + f.drops, 200);
	for (u32 slot = 0; slot < 200; slot++) {
		struct buf *b = join_at(TG_FLAG_LAST, ORDER(slot, 11), 699, NOW);

		if (!b)
			continue;
		joined++;
		assert_int_equal(b->order, ORDER(slot, 10));
		assert_int_equal(b->data[0], (u8)(ORDER(slot, 10) + TG_FLAG_FIRST));
		assert_int_equal(b->data[1398], (u8)(ORDER(slot, 11) + TG_FLAG_LAST));
		buf_put(b);
	}
	assert_int_equal(joined, f.joined);
	assert_in_range(joined, 1, FRAGMENT_PLACES);
	assert_int_equal(f.drops + 2 * f.joined, 400);
}

static void halves_that_do_not_fit_are_dropped(void **state)
{
	static const struct { u32 first, last; bool joins; } table[] = {
		{ BUF_MAX_PACKET - 900, 900, true }, { BUF_MAX_PACKET - 900, 901, false }, { BUF_MAX_PACKET, 1, false },
		{ BUF_MAX_PACKET, BUF_MAX_PACKET, false }, { 0, 900, false }, { 900, 0, false }, { 0, 0, false },
		{ BUF_MAX_PACKET - 1, 1, true }, { 1, 1, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		u64 drops = f.drops;
		struct buf *b;

		assert_null(join_at(TG_FLAG_FIRST, ORDER(3, 2 * i), table[i].first, NOW));
		b = join_at(TG_FLAG_LAST, ORDER(3, 2 * i + 1), table[i].last, NOW);
		assert_int_equal(b != NULL, table[i].joins);
		assert_int_equal(f.drops - drops, table[i].joins ? 0 : 2);
		assert_int_equal(f.held, 0);
		buf_put(b);
	}
}

/* A buf may begin elsewhere than at the usual headroom. */
static void room_is_counted_from_where_the_data_lie(void **state)
{
	(void)state;
	for (u32 more = 0; more < 2; more++) {
		struct buf *b = half(TG_FLAG_FIRST, ORDER(1, 2 * more), 1000);
		u32 rest = BUF_MAX_PACKET - 1000 - 32 + more;

		b->data += 32;
		assert_null(fragment_join(&f, b, NOW));
		b = join_at(TG_FLAG_LAST, ORDER(1, 2 * more + 1), rest, NOW);
		assert_int_equal(b != NULL, !more);
		buf_put(b);
	}
	expect_counts(1, 2, 0);
}

static void halves_that_contradict_each_other_are_dropped(void **state)
{
	struct buf *b = half(TG_FLAG_LAST, ORDER(1, 1), 100);

	(void)state;
	first(ORDER(1, 0));
	b->csum_partial = true;
	assert_null(fragment_join(&f, b, NOW));
	expect_counts(0, 2, 0);
}

static void halves_without_a_sequence_or_with_both_flags_are_dropped(void **state)
{
	(void)state;
	first(TG_ORDER_NONE);
	last_fails(TG_ORDER_NONE);
	first(ORDER(4095, 6));
	last_fails(ORDER(4095, 7));
	assert_null(join_at(TG_FLAG_FIRST | TG_FLAG_LAST, ORDER(1, 1), 100, NOW));
	assert_null(join_at(TG_FLAG_COPY, ORDER(1, 2), 100, NOW));
	expect_counts(0, 6, 0);
}

/* Joining looks at no header. What lies about its length is joined, and refused by the parser. */
static void a_wrong_inner_length_is_left_to_the_parser(void **state)
{
	static const struct { int more; bool valid; } table[] = { { 0, true }, { 1, false }, { 300, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct packet k = { .family = 4, .protocol = 17, .ttl = 64, .host = 3, .sport = 9, .dport = 53,
				    .payload = 1300 };
		struct buf *whole = take(0), *second = take(0), *b;
		struct tg_flow flow;

		whole->len = (u16)packet_build(whole->data, &k, PACKET_FULL);
		put_be16(whole->data + 2, (u16)(whole->len + table[i].more));
		whole->order = ORDER(1, 0);
		assert_int_equal(fragment_split(whole, 700, second), 0);
		second->order = ORDER(1, 1);
		assert_int_equal(tg_flow_parse(&flow, whole->data, whole->data + whole->len, whole->len), -1);
		assert_null(fragment_join(&f, whole, NOW));
		b = fragment_join(&f, second, NOW);
		assert_non_null(b);
		assert_int_equal(!tg_flow_parse(&flow, b->data, b->data + b->len, b->len), table[i].valid);
		buf_put(b);
	}
}

/* ---- behind the reorder buffer ---- */

/* 100 packets, each second one in halves, arrive shuffled: all come out whole and in order. */
static void shuffled_halves_come_out_whole_and_in_order(void **state)
{
	struct buf_queue out = { 0 };
	struct buf *sent[150], *b;
	struct reorder r;
	struct rand_source rand;
	u32 n = 0, next = 0;

	(void)state;
	rand_seeded(&rand, 3);
	for (u32 i = 0; i < 100; i++) {
		sent[n] = take(1000);
		memset(sent[n]->data, (int)i, 1000);
		sent[n]->order = ORDER(9, n);
		n++;
		if (i % 2) {
			sent[n] = take(0);
			assert_int_equal(fragment_split(sent[n - 1], 500, sent[n]), 0);
			sent[n]->order = ORDER(9, n);
			n++;
		}
	}
	for (u32 i = 0; i < n; i++) {
		u32 k = i + rand_u32(&rand) % MIN(20u, n - i);

		b = sent[i];
		sent[i] = sent[k];
		sent[k] = b;
	}
	reorder_init(&r, 256);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(reorder_push(&r, sent[i], &out, NOW), 0);
	while ((b = buf_queue_take(&out))) {
		b = b->half ? fragment_join(&f, b, NOW) : b;
		if (!b)
			continue;
		assert_int_equal(b->len, 1000);
		assert_int_equal(b->data[0], next);
		assert_int_equal(b->data[999], next);
		next++;
		buf_put(b);
	}
	assert_int_equal(next, 100);
	reorder_free(&r);
	expect_counts(50, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(every_size_is_cut_in_two_and_joined_again),
		TEST(what_cannot_be_cut_stays_whole),
		TEST(the_next_order_stays_in_its_slot),
		TEST(a_last_half_alone_is_dropped),
		TEST(the_same_first_half_twice_counts_once),
		TEST(a_first_half_whose_last_did_not_follow_goes_after_a_second),
		TEST(an_old_first_half_does_not_join_a_new_last),
		TEST(halves_of_many_flows_do_not_mix),
		TEST(halves_that_do_not_fit_are_dropped),
		TEST(room_is_counted_from_where_the_data_lie),
		TEST(halves_that_contradict_each_other_are_dropped),
		TEST(halves_without_a_sequence_or_with_both_flags_are_dropped),
		TEST(a_wrong_inner_length_is_left_to_the_parser),
		TEST(shuffled_halves_come_out_whole_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
