// SPDX-License-Identifier: MIT
/* reorder_test.c - order restored, nothing lost, nothing twice, nothing for ever */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/reorder.h"
#include "triglav/wire.h"

#define LIMIT 256u
#define POOL 4096u

static struct reorder r;
static struct buf_pool *pool;
static struct buf_queue out;

static int begin(void **state)
{
	(void)state;
	reorder_init(&r, LIMIT);
	memset(&out, 0, sizeof(out));
	pool = buf_pool_new(POOL);
	return pool ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	buf_queue_drop(&out);
	reorder_free(&r);
	assert_int_equal(buf_pool_left(pool), POOL);
	buf_pool_free(pool);
	return 0;
}

static void push(u32 slot, u32 seq, u64 now_us)
{
	struct buf *b = buf_take(pool);

	assert_non_null(b);
	b->order = slot << TG_ORDER_SEQ_BITS | (seq & TG_ORDER_SEQ_MASK);
	assert_int_equal(reorder_push(&r, b, &out, now_us), 0);
}

/* The sequences that came out, in order, then the end. */
#define expect_out(...) expect_list((const u32[]){ __VA_ARGS__ }, ARRAY_SIZE(((const u32[]){ __VA_ARGS__ })))
static void expect_list(const u32 *seqs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf *b = buf_queue_take(&out);

		assert_non_null(b);
		assert_int_equal(b->order & TG_ORDER_SEQ_MASK, seqs[i]);
		buf_put(b);
	}
	assert_null(out.head);
}

static void expect_nothing(void)
{
	assert_null(out.head);
}

static void in_order_passes(void **state)
{
	(void)state;
	assert_null(r.slots);
	for (u32 i = 0; i < 5; i++)
		push(9, i, 1);
	expect_out(0, 1, 2, 3, 4);
	assert_int_equal(r.in_order, 5);
	assert_int_equal(r.held, 0);
	assert_true(reorder_due_us(&r) == TIME_NEVER);
}

static void a_hole_holds_until_it_fills(void **state)
{
	(void)state;
	push(1, 0, 100);
	push(1, 2, 200);
	push(1, 4, 300);
	push(1, 3, 400);
	expect_out(0);
	assert_int_equal(r.held, 3);
	assert_int_equal(reorder_due_us(&r), 200 + r.hold_us);
	push(1, 1, 900);
	expect_out(1, 2, 3, 4);
	assert_int_equal(r.gaps_filled, 1);
	assert_int_equal(r.lateness_us, 700);
	assert_true(reorder_due_us(&r) == TIME_NEVER);
}

static void slots_do_not_wait_for_each_other(void **state)
{
	(void)state;
	push(1, 1, 10);
	push(2, 0, 11);
	push(0, 0, 12);
	push(4094, 0, 13);
	expect_out(0, 0, 0);
	push(1, 0, 14);
	expect_out(0, 1);
}

static void an_expired_hole_is_passed_and_the_next_has_its_own_time(void **state)
{
	(void)state;
	reorder_set_hold(&r, 10 * MSEC);
	push(1, 0, 0);
	push(1, 2, 1000);	/* reveals 1 */
	push(1, 3, 2000);
	push(1, 5, 4000);	/* reveals 4 */
	expect_out(0);
	reorder_expire(&r, &out, 10999);
	expect_nothing();
	reorder_expire(&r, &out, 11000);
	expect_out(2, 3);
	assert_int_equal(reorder_due_us(&r), 14000);
	reorder_expire(&r, &out, 14000);
	expect_out(5);
	assert_int_equal(r.gaps_expired, 2);
	assert_int_equal(r.held, 0);
}

/* A hole further on may have been revealed before the one that blocks now: by a packet further on still. */
static void a_hole_counts_from_the_first_that_showed_it(void **state)
{
	(void)state;
	reorder_set_hold(&r, 10 * MSEC);
	push(1, 9, 1000);	/* shows that 0..8 are missing */
	push(1, 5, 8000);	/* does not excuse 4 for longer */
	push(1, 0, 8100);
	push(1, 1, 8200);
	expect_out(0, 1);
	assert_int_equal(reorder_due_us(&r), 11000);
	push(1, 11, 9000);
	reorder_expire(&r, &out, 11000);
	expect_out(5, 9);
	assert_int_equal(reorder_due_us(&r), 19000);
}

static void late_is_delivered_and_copies_are_not(void **state)
{
	(void)state;
	push(1, 0, 0);
	push(1, 2, 0);
	push(1, 2, 0);		/* copy of one that waits */
	reorder_expire(&r, &out, SEC);
	expect_out(0, 2);
	push(1, 1, SEC);	/* late */
	expect_out(1);
	assert_int_equal(r.late, 1);
	push(1, 1, SEC);	/* copy of the late one */
	push(1, 0, SEC);
	push(1, 2, SEC);
	expect_nothing();
	assert_int_equal(r.copies, 4);
	push(1, 3, SEC);
	expect_out(3);
	assert_true(r.lateness_us > r.hold_us);
}

static void sequences_wrap(void **state)
{
	u32 last = TG_ORDER_SEQ_MASK;

	(void)state;
	for (u32 step = 0; step < 4; step++)	/* no longer than 2^18 at once */
		reorder_skip(&r, 1, step << 18, step < 3 ? 1u << 18 : (1u << 18) - 2, &out, 0);
	push(1, last - 1, 0);
	push(1, 1, 0);
	push(1, 0, 0);
	expect_out(last - 1);
	push(1, last, 0);
	expect_out(last, 0, 1);
	push(1, last, 0);
	expect_nothing();
	assert_int_equal(r.copies, 1);
	push(1, 3, 0);
	reorder_expire(&r, &out, SEC);
	expect_out(3);
	push(1, 2, SEC);
	expect_out(2);
	assert_int_equal(r.late, 1);
}

static void a_wild_jump_starts_again(void **state)
{
	(void)state;
	push(1, 0, 0);
	push(1, 2, 0);
	push(1, 5, 0);
	push(1, 400000, 0);
	expect_out(0, 2, 5, 400000);
	push(1, 400001, 0);
	expect_out(400001);
	assert_int_equal(r.held, 0);
	assert_true(reorder_due_us(&r) == TIME_NEVER);
}

static void a_hole_too_wide_for_the_ring_is_not_waited_for(void **state)
{
	(void)state;
	push(1, 0, 0);
	push(1, 2, 0);
	push(1, 200000, 0);
	expect_out(0, 2, 200000);
	push(1, 200001, 0);
	expect_out(200001);
}

static void skip_closes_holes(void **state)
{
	(void)state;
	push(1, 0, 0);
	push(1, 3, 0);
	push(1, 6, 0);
	expect_out(0);
	reorder_skip(&r, 1, 1, 2, &out, 5);	/* the hole at next */
	expect_out(3);
	reorder_skip(&r, 1, 4, 1, &out, 5);	/* part of it */
	expect_nothing();
	push(1, 5, 6);
	expect_out(5, 6);

	reorder_skip(&r, 1, 8, 2, &out, 7);	/* ahead: remembered */
	reorder_skip(&r, 1, 2, 4, &out, 7);	/* behind: nothing */
	push(1, 10, 8);
	expect_nothing();
	push(1, 7, 9);
	expect_out(7, 10);
	push(1, 9, 10);				/* it came after all */
	expect_out(9);
	assert_int_equal(r.late, 1);
	assert_true(reorder_due_us(&r) == TIME_NEVER);
}

static void skip_over_waiting_ones_delivers_them(void **state)
{
	(void)state;
	push(1, 2, 0);
	push(1, 5, 0);
	push(1, 9, 0);
	push(1, 10, 0);
	reorder_skip(&r, 1, 0, 7, &out, 1);
	expect_out(2, 5);
	push(1, 7, 2);
	expect_out(7);
	reorder_skip(&r, 1, 8, 100, &out, 3);
	expect_out(9, 10);
	push(1, 108, 4);
	expect_out(108);
}

static void a_skipped_one_that_comes_ahead_is_delivered_in_place(void **state)
{
	(void)state;
	reorder_skip(&r, 1, 1, 2, &out, 0);
	push(1, 2, 1);
	expect_nothing();
	push(1, 0, 2);
	expect_out(0, 2);
}

static void senseless_skips_are_ignored(void **state)
{
	(void)state;
	push(1, 1, 0);
	reorder_skip(&r, TG_ORDER_SLOTS, 0, 1, &out, 0);
	reorder_skip(&r, UINT32_MAX, 0, 1, &out, 0);
	reorder_skip(&r, 1, 0, 0, &out, 0);
	reorder_skip(&r, 1, 0, UINT32_MAX, &out, 0);
	reorder_skip(&r, 1, UINT32_MAX, 5, &out, 0);
	reorder_skip(&r, 1, 1u << 19, 1u << 18, &out, 0);
	expect_nothing();
	push(1, 0, 1);
	expect_out(0, 1);
}

static void the_slot_that_does_not_exist_is_unordered(void **state)
{
	(void)state;
	push(TG_ORDER_SLOTS, 5, 0);
	expect_out(5);
}

static void above_the_limit_the_oldest_hole_goes_first(void **state)
{
	(void)state;
	r.limit = 4;
	push(1, 1, 100);
	push(2, 1, 50 + 100);
	push(2, 2, 200);
	push(3, 1, 300);
	expect_nothing();
	push(3, 2, 400);
	expect_out(1);		/* slot 1 */
	assert_int_equal(r.held, 4);
	push(3, 3, 500);
	expect_out(1, 2);	/* slot 2 */
	assert_int_equal(r.held, 3);
	assert_int_equal(reorder_due_us(&r), 300 + r.hold_us);
}

static void no_limit_at_all_holds_nothing(void **state)
{
	(void)state;
	r.limit = 0;
	push(1, 3, 0);
	push(1, 2, 0);
	expect_out(3, 2);
}

static void hold_is_kept_within_bounds_and_applies_at_once(void **state)
{
	(void)state;
	reorder_set_hold(&r, 0);
	assert_int_equal(r.hold_us, 1 * MSEC);
	reorder_set_hold(&r, 10 * SEC);
	assert_int_equal(r.hold_us, 250 * MSEC);
	push(1, 1, 5);
	assert_int_equal(reorder_due_us(&r), 5 + 250 * MSEC);
	reorder_set_hold(&r, 20 * MSEC);
	assert_int_equal(reorder_due_us(&r), 5 + 20 * MSEC);
}

static void memory_stays_bounded_when_every_slot_has_a_hole(void **state)
{
	(void)state;
	for (u32 slot = 0; slot < TG_ORDER_SLOTS; slot++) {
		push(slot, 60000, slot);
		assert_true(r.held <= LIMIT);
		assert_true(r.ring_entries <= 8 * LIMIT + 4096);
		buf_queue_drop(&out);
	}
	for (u32 slot = 0; slot < TG_ORDER_SLOTS; slot++) {
		push(slot, 60003, slot);
		assert_true(r.held <= LIMIT);
		assert_true(r.ring_entries <= 8 * LIMIT + 4096);
		buf_queue_drop(&out);
	}
}

/* Packets of a few slots over paths of unlike delay, with loss, copies, skips and limits, against what must hold:
 * each comes out once; in order unless late; nobody waits longer than the hold from its own arrival. */
enum { MODEL_SLOTS = 3, MODEL_PACKETS = 40000, MODEL_DELAY = 300 };

struct model {
	u32 sent[MODEL_SLOTS];			/* sequences used */
	u32 newest[MODEL_SLOTS];		/* one past the largest delivered */
	u8 delivered[MODEL_SLOTS][MODEL_PACKETS];
	u8 arrived[MODEL_SLOTS][MODEL_PACKETS];
	struct { u64 at; u32 slot, seq; } flying[MODEL_PACKETS * 2];
	u32 flying_count;
	u64 backwards;
};

static void fly(struct model *m, struct rand_source *rand, u32 slot, u32 seq, u64 now)
{
	static const u32 delays[] = { 20, 60, 61 };
	u64 at = now + delays[seq / 16 % 3] + rand_u32(rand) % 10;

	if (rand_u32(rand) % 100 == 0)
		at += rand_u32(rand) % (MODEL_DELAY - 70);
	m->flying[m->flying_count].at = at;
	m->flying[m->flying_count].slot = slot;
	m->flying[m->flying_count++].seq = seq;
}

static void send_some(struct model *m, struct rand_source *rand, u64 now)
{
	u32 slot = rand_u32(rand) % MODEL_SLOTS, seq = m->sent[slot]++;

	if (rand_u32(rand) % 64 == 0) {		/* lost, and sometimes the sender says so */
		if (rand_u32(rand) % 2)
			reorder_skip(&r, slot, seq, 1, &out, now);
		return;
	}
	fly(m, rand, slot, seq, now);
	if (rand_u32(rand) % 20 == 0)
		fly(m, rand, slot, seq, now + 5);
}

static void check_out(struct model *m, u64 now)
{
	struct buf *b;

	while ((b = buf_queue_take(&out))) {
		u32 slot = b->order >> TG_ORDER_SEQ_BITS, seq = b->order & TG_ORDER_SEQ_MASK;

		assert_true(m->arrived[slot][seq]);
		assert_false(m->delivered[slot][seq]);
		m->delivered[slot][seq] = 1;
		assert_true(b->time_us + r.hold_us >= now);
		m->backwards += seq < m->newest[slot];
		m->newest[slot] = MAX(m->newest[slot], seq + 1);
		buf_put(b);
	}
	assert_true(r.held <= r.limit);
	assert_true(reorder_due_us(&r) > now);
}

static void land(struct model *m, u64 now)
{
	for (u32 i = 0; i < m->flying_count;) {
		if (m->flying[i].at > now) {
			i++;
			continue;
		}
		m->arrived[m->flying[i].slot][m->flying[i].seq] = 1;
		push(m->flying[i].slot, m->flying[i].seq, now);
		m->flying[i] = m->flying[--m->flying_count];
	}
}

static void run_model(u32 limit, u64 hold_us, u64 seed)
{
	static struct model m;
	struct rand_source rand;
	u64 now;

	memset(&m, 0, sizeof(m));
	rand_seeded(&rand, seed);
	r.limit = limit;
	r.hold_us = hold_us;	/* finer than the public bounds, to suit the model's clock */
	for (now = 0; now < MODEL_PACKETS; now++) {
		if (now < MODEL_PACKETS - 2 * MODEL_DELAY)
			send_some(&m, &rand, now);
		land(&m, now);
		reorder_expire(&r, &out, now);
		for (struct buf *b = out.head; b; b = b->next)
			b->time_us = b->time_us ? b->time_us : now;
		check_out(&m, now);
	}
	reorder_expire(&r, &out, TIME_NEVER - 1);
	check_out(&m, 0);
	assert_int_equal(r.held, 0);
	for (u32 slot = 0; slot < MODEL_SLOTS; slot++)
		assert_memory_equal(m.arrived[slot], m.delivered[slot], MODEL_PACKETS);
	assert_int_equal(m.backwards, r.late);
	assert_true(r.in_order > 0 && r.copies > 0 && r.gaps_filled > 0);
}

static void random_paths_with_time_enough(void **state)
{
	(void)state;
	run_model(LIMIT * 4, 2 * MODEL_DELAY, 1);
	assert_int_equal(r.late, 0);
}

static void random_paths_with_too_little_time(void **state)
{
	(void)state;
	run_model(LIMIT, 30, 2);
	assert_true(r.late > 100 && r.gaps_expired > 100);
}

static void random_paths_with_too_little_room(void **state)
{
	(void)state;
	run_model(16, 200, 3);
	assert_true(r.late > 100 && r.gaps_expired > 100);
}

/* Sequences and skips as a hostile peer would choose them: every buf is out, held or back in the pool. */
static u32 wild(struct rand_source *rand, u32 around)
{
	static const u32 spans[] = { 4, 100, 5000, 70000, 1 << 18, 1 << 19, 1 << 20 };
	u32 span = spans[rand_u32(rand) % ARRAY_SIZE(spans)];

	return (around + rand_u32(rand) % span - span / 4) & TG_ORDER_SEQ_MASK;
}

static void nonsense_does_no_harm(void **state)
{
	struct rand_source rand;
	u32 around[2] = { 0, 0 };

	(void)state;
	rand_seeded(&rand, 17);
	for (u64 now = 0; now < 100000; now++) {
		u32 slot = rand_u32(&rand) % 2, seq = wild(&rand, around[slot]);

		if (rand_u32(&rand) % 1000 == 0)
			r.limit = rand_u32(&rand) % LIMIT;
		if (rand_u32(&rand) % 8 == 0) {
			reorder_skip(&r, slot, seq, wild(&rand, 0), &out, now);
		} else {
			around[slot] = rand_u32(&rand) % 4 ? around[slot] + 1 : seq;
			push(slot, rand_u32(&rand) % 4 ? around[slot] : seq, now);
		}
		if (rand_u32(&rand) % 200 == 0)
			reorder_expire(&r, &out, now + r.hold_us / 2);
		assert_true(r.held <= LIMIT);
		assert_int_equal(POOL - buf_pool_left(pool), r.held + out.count);
		assert_true((reorder_due_us(&r) == TIME_NEVER) == (r.held == 0));
		assert_true(r.ring_entries <= 8 * LIMIT + 4096);
		buf_queue_drop(&out);
	}
	reorder_expire(&r, &out, TIME_NEVER - 1);
	assert_int_equal(r.held, 0);
	assert_null(r.waiting);
	assert_null(r.waiting_last);
	assert_true(r.gaps_filled > 0 && r.gaps_expired > 0 && r.late > 0 && r.copies > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(in_order_passes),
		TEST(a_hole_holds_until_it_fills),
		TEST(slots_do_not_wait_for_each_other),
		TEST(an_expired_hole_is_passed_and_the_next_has_its_own_time),
		TEST(a_hole_counts_from_the_first_that_showed_it),
		TEST(late_is_delivered_and_copies_are_not),
		TEST(sequences_wrap),
		TEST(a_wild_jump_starts_again),
		TEST(a_hole_too_wide_for_the_ring_is_not_waited_for),
		TEST(skip_closes_holes),
		TEST(skip_over_waiting_ones_delivers_them),
		TEST(a_skipped_one_that_comes_ahead_is_delivered_in_place),
		TEST(senseless_skips_are_ignored),
		TEST(the_slot_that_does_not_exist_is_unordered),
		TEST(above_the_limit_the_oldest_hole_goes_first),
		TEST(no_limit_at_all_holds_nothing),
		TEST(hold_is_kept_within_bounds_and_applies_at_once),
		TEST(memory_stays_bounded_when_every_slot_has_a_hole),
		TEST(random_paths_with_time_enough),
		TEST(random_paths_with_too_little_time),
		TEST(random_paths_with_too_little_room),
		TEST(nonsense_does_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
