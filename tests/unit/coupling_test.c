// SPDX-License-Identifier: MIT
/* coupling_test.c - made-up queues, seen by two or three paths: who is taken to share one? */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/coupling.h"
#include "path/rate.h"

#define STEP_US (5 * MSEC)	/* an ack of each path so often */
#define CLOCK_AHEAD 0xfffffff0u	/* the peer's clock: delays wrap at once */

/* A queue that is pushed about: a random walk between nothing and its end. */
struct walk {
	s32 us, most_us;
};

static struct rand_source dice;
static struct coupling c;
static u64 now_us;

static u32 roll(u32 most)
{
	return most ? rand_u32(&dice) % most : 0;
}

static void step(struct walk *w)
{
	w->us += (s32)roll(4001) - 2000;
	w->us = MIN(MAX(w->us, 0), w->most_us);
}

static int begin(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	rand_seeded(&dice, 7);
	now_us = 5000 * SEC;
	return 0;
}

/* Path i: least_us on the way, of it behind_us behind the queue that it met. */
static void see(u32 i, u32 least_us, s32 queue_us, u32 noise_us, bool steady)
{
	u32 took = least_us + (u32)queue_us + roll(noise_us);

	coupling_sample(&c, i, now_us - took, CLOCK_AHEAD + took, steady, now_us);
}

static void look(void)
{
	coupling_look(&c, now_us);
	now_us += STEP_US;
}

/* Two paths of the least delays given, in one queue or each in its own; runs so long and tells for what part of it they counted as one. */
static double together(u32 seconds, bool one_queue, u32 least0_us, u32 least1_us, u32 noise_us)
{
	struct walk own[2] = { { 0, 60000 }, { 0, 60000 } };
	u32 steps = (u32)(seconds * SEC / STEP_US), seen = 0;

	for (u32 k = 0; k < steps; k++) {
		step(&own[0]);
		step(&own[1]);
		see(0, least0_us, own[0].us, noise_us, true);
		see(1, least1_us, own[one_queue ? 0 : 1].us, noise_us, true);
		look();
		seen += coupling_shares(&c, 0, now_us) == 2;
	}
	return (double)seen / steps;
}

static void one_queue_is_found(void **state)
{
	static const struct { u32 least[2], noise; } paths[] = {
		{ { 20000, 20000 }, 0 }, { { 20000, 25000 }, 500 }, { { 5000, 5000 }, 3000 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(paths); i++) {
		begin(state);
		assert_true(together(60, true, paths[i].least[0], paths[i].least[1], paths[i].noise) > 0.85);
		assert_int_equal(coupling_shares(&c, 1, now_us), 2);
	}
}

static void two_queues_are_not_taken_for_one(void **state)
{
	for (u32 seed = 1; seed <= 5; seed++) {
		begin(state);
		rand_seeded(&dice, seed);
		assert_true(together(60, false, 20000, 30000, 500) < 0.02);
	}
}

static void a_queue_near_the_sender_is_seen_later_by_the_longer_path(void **state)
{
	static s32 past[64];
	struct walk q = { 0, 60000 };

	(void)state;
	for (u32 k = 0; k < 6000; k++) {
		step(&q);
		past[k % 64] = q.us;
		see(0, 10000, q.us, 200, true);
		see(1, 90000, past[(k + 48) % 64], 200, true);	/* 16 steps of 5 ms ago */
		look();
	}
	assert_int_equal(coupling_shares(&c, 0, now_us), 2);
}

static void growing_in_step_is_no_proof(void **state)
{
	(void)state;
	for (u32 k = 0; k < 12000; k++) {	/* saw teeth of one slope and period, 6 s, that drop 1 s apart: alike for 5 s */
		see(0, 20000, (s32)(k % 1200) * 40, 3000, true);
		see(1, 20000, (s32)((k + 200) % 1200) * 40, 3000, true);
		look();
		assert_int_equal(coupling_shares(&c, 0, now_us), 1);
	}
}

static void a_quiet_queue_tells_nothing(void **state)
{
	(void)state;
	for (u32 k = 0; k < 4000; k++) {
		s32 same = (s32)roll(1500);

		see(0, 20000, same, 100, true);
		see(1, 20000, same, 100, true);
		look();
	}
	assert_int_equal(coupling_shares(&c, 0, now_us), 1);
}

static void beginning_together_is_no_proof(void **state)
{
	struct walk q = { 0, 60000 };

	(void)state;
	for (u32 k = 0; k < 4000; k++) {
		step(&q);
		see(0, 20000, q.us, 100, false);
		see(1, 20000, q.us, 100, false);
		look();
	}
	assert_int_equal(coupling_shares(&c, 0, now_us), 1);
}

static void it_does_not_flap(void **state)
{
	u32 changes = 0, shares, before = 2;
	struct walk q[2] = { { 0, 60000 }, { 0, 60000 } };

	assert_true(together(20, true, 20000, 20000, 500) > 0.5);
	/* 2 s of every 10 each waits in a queue of its own as well */
	for (u32 k = 0; k < 20000; k++) {
		step(&q[0]);
		step(&q[1]);
		see(0, 20000, q[0].us, 500, true);
		see(1, 20000, q[0].us + (k % 2000 < 400 ? q[1].us : 0), 500, true);
		look();
		shares = coupling_shares(&c, 0, now_us);
		changes += shares != before;
		before = shares;
	}
	assert_true(changes <= 20);	/* in 100 s; each look alone would turn it far more often */
	(void)state;
}

static void they_part_when_one_moves(void **state)
{
	(void)state;
	together(20, true, 20000, 20000, 500);
	assert_int_equal(coupling_shares(&c, 0, now_us), 2);
	together(15, false, 20000, 20000, 500);
	assert_int_equal(coupling_shares(&c, 0, now_us), 1);
}

static void what_was_found_is_believed_for_a_minute(void **state)
{
	(void)state;
	together(20, true, 20000, 20000, 500);
	for (u32 k = 0; k < 50 * SEC / STEP_US; k++) {
		see(0, 20000, 0, 100, true);
		see(1, 20000, 0, 100, true);
		look();
	}
	assert_int_equal(coupling_shares(&c, 0, now_us), 2);
	for (u32 k = 0; k < 20 * SEC / STEP_US; k++) {
		see(0, 20000, 0, 100, true);
		see(1, 20000, 0, 100, true);
		look();
	}
	assert_int_equal(coupling_shares(&c, 0, now_us), 1);
}

static void three_of_four_share(void **state)
{
	struct walk q = { 0, 60000 }, other = { 0, 60000 };
	static const u32 expected[] = { 3, 1, 3, 3 };

	(void)state;
	for (u32 k = 0; k < 8000; k++) {
		step(&q);
		step(&other);
		for (u32 i = 0; i < 4; i++)
			see(i, 20000 + 1000 * i, i == 1 ? other.us : q.us, 300, true);
		look();
	}
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(coupling_shares(&c, i, now_us), expected[i]);
	coupling_forget(&c, 2);
	assert_int_equal(coupling_shares(&c, 0, now_us), 2);
	assert_int_equal(coupling_shares(&c, 2, now_us), 1);
	now_us += 6 * SEC;	/* nobody is heard any more */
	assert_int_equal(coupling_shares(&c, 0, now_us), 1);
}

/* ---- what follows from it ---- */

static void gains_are_divided(void **state)
{
	struct rate one = { .phase = RATE_PROBE, .probe_hits = 1, .most = 1000000, .min_rtt_us = 40000 }, two = one;

	(void)state;
	two.shares = 2;
	assert_int_equal(rate_pace(&one, false), 1250000);
	assert_int_equal(rate_pace(&two, false), 1120000);
	one.phase = two.phase = RATE_CRUISE;
	one.competing = two.competing = true;
	assert_int_equal(rate_pace(&one, false), 1050000);
	assert_int_equal(rate_pace(&two, false), 1020000);
	assert_int_equal(rate_window(&two, false) * 4, rate_window(&one, false) * 3);
	two.shares = 1;
	assert_int_equal(rate_window(&two, false), rate_window(&one, false));
}

/* The curve of CUBIC with a quarter of its constant: from the cut back to where it was takes the cube root of 4 times as long. */
static double seconds_to_recover(u32 shares)
{
	struct rate r = { .control = RATE_CUBIC, .window = 280000, .threshold = 280000, .window_most = 400000, .shares = shares };
	struct rate_news news = { .acked_packets = 10, .acked_bytes = 14000, .rtt_us = 40000, .min_rtt_us = 40000 };
	u64 now = SEC;

	r.epoch_us = r.acked_us = now;
	r.rtt_us = 40000;
	while (r.window < 399000 && now < 100 * SEC) {
		now += 40000 * news.acked_bytes / r.window;
		news.in_flight = r.window;
		rate_acked(&r, &news, now);
	}
	return (double)(now - SEC) / SEC;
}

static void cubic_grows_as_one(void **state)
{
	double alone = seconds_to_recover(0), two = seconds_to_recover(2);

	(void)state;
	assert_true(alone > 2 && alone < 8);
	assert_true(two / alone > 1.45 && two / alone < 1.75);
	assert_true(seconds_to_recover(1) == alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_queue_is_found, begin),
		cmocka_unit_test_setup(two_queues_are_not_taken_for_one, begin),
		cmocka_unit_test_setup(a_queue_near_the_sender_is_seen_later_by_the_longer_path, begin),
		cmocka_unit_test_setup(growing_in_step_is_no_proof, begin),
		cmocka_unit_test_setup(a_quiet_queue_tells_nothing, begin),
		cmocka_unit_test_setup(beginning_together_is_no_proof, begin),
		cmocka_unit_test_setup(it_does_not_flap, begin),
		cmocka_unit_test_setup(they_part_when_one_moves, begin),
		cmocka_unit_test_setup(what_was_found_is_believed_for_a_minute, begin),
		cmocka_unit_test_setup(three_of_four_share, begin),
		cmocka_unit_test(gains_are_divided),
		cmocka_unit_test(cubic_grows_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
