// SPDX-License-Identifier: MIT
/* guard_test.c - seconds of a bundle as tables: when is it shrunk to the anchor, for how long, and when is that taken back? */
#include "unit/unit.h"

#include <string.h>

#include "path/guard.h"

#define MB 1000000u
#define LOOKS 50u		/* in a second */

static struct guard g;
static struct guard_view v;
static u64 now_us;

static int begin(void **state)
{
	(void)state;
	memset(&g, 0, sizeof(g));
	v = (struct guard_view){ .anchor_rate = 10 * MB, .backlogged = true, .striping = true };
	now_us = 1000 * SEC;
	guard_look(&g, &v, now_us);
	return 0;
}

/* A second in which so much is delivered, `late` of 1000 striped packets late. True: only the anchor carries at its end. */
static bool second(u64 bytes, u32 late)
{
	u64 until_us = 0;

	for (u32 i = 0; i < LOOKS; i++) {
		now_us += SEC / LOOKS;
		v.delivered_bytes += bytes / LOOKS;
		v.striped_packets += 1000 / LOOKS;
		v.late_packets += i == LOOKS / 2 ? late : 0;
		until_us = guard_look(&g, &v, now_us);
	}
	v.striping = until_us <= now_us;
	return !v.striping;
}

/* How many seconds the anchor stays alone while it carries `bytes` in each. */
static u32 seconds_alone(u64 bytes)
{
	u32 count = 0;

	while (second(bytes, 0) && count < 200)
		count++;
	return count + 1;
}

static void two_short_seconds_in_a_row_shrink(void **state)
{
	static const struct { u64 bytes[4]; bool shrinks; } rows[] = {
		{ { 9 * MB, 9 * MB }, true },
		{ { 9690000, 9690000 }, true },
		{ { 9710000, 9710000, 9710000, 9710000 }, false },
		{ { 15 * MB, 15 * MB, 15 * MB, 15 * MB }, false },
		{ { 9 * MB, 11 * MB, 9 * MB, 11 * MB }, false },
		{ { 11 * MB, 11 * MB, 9 * MB, 9 * MB }, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		bool shrunk = false;

		begin(state);
		for (u32 k = 0; k < 4 && rows[i].bytes[k] && !shrunk; k++)
			shrunk = second(rows[i].bytes[k], 0);
		assert_int_equal(shrunk, rows[i].shrinks);
		assert_int_equal(g.shrinks, rows[i].shrinks);
	}
}

static void who_offers_little_proves_nothing(void **state)
{
	(void)state;
	v.backlogged = false;
	for (u32 i = 0; i < 20; i++)
		assert_false(second(MB, 0));
}

/* Something waits at times, as behind a sender that probes for its rate. */
static void six_slow_seconds_shrink(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20; i++) {	/* every sixth is fair */
		v.backlogged = false;
		now_us += 1000;
		guard_look(&g, &v, now_us);
		v.backlogged = true;
		assert_false(second(i % 6 == 5 ? 9100000 : 5 * MB, 0));
	}
	for (u32 i = 0; i < 6; i++) {
		v.backlogged = false;
		now_us += 1000;
		guard_look(&g, &v, now_us);
		v.backlogged = true;
		if (second(8900000, 0))
			return;
	}
	fail_msg("not shrunk");
}

/* A sender that left slow start early needs many seconds to fill two links; they were taken from it meanwhile. */
static void a_sender_that_comes_up_was_not_held_down(void **state)
{
	(void)state;
	for (u32 i = 0; i < 16; i++) {
		v.backlogged = false;
		now_us += 1000;
		guard_look(&g, &v, now_us);
		v.backlogged = true;
		assert_false(second(MB + i * MB / 2, 0));
	}
}

/* Half a second with more than the anchor carries, half a second of rest. On average it is slow, and something waits at times; but
 * the anchor alone would let the bursts wait, and drop of them. */
static void who_sends_in_bursts_is_not_held_down(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20 * LOOKS; i++) {
		bool on = i % LOOKS < LOOKS / 2;

		now_us += SEC / LOOKS;
		v.backlogged = on;
		v.delivered_bytes += on ? 15 * MB / LOOKS : 0;
		v.striped_packets += 1000 / LOOKS;
		assert_true(guard_look(&g, &v, now_us) <= now_us);
	}
	assert_int_equal(g.shrinks, 0);
}

/* One look without anything waiting is enough. */
static void a_whole_second_must_be_backlogged(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20; i++) {
		v.backlogged = false;
		now_us += 1000;
		guard_look(&g, &v, now_us);
		v.backlogged = true;
		assert_false(second(9500000, 0));
	}
}

static void one_path_is_not_judged(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20; i++) {
		v.striping = false;
		assert_false(second(5 * MB, 10));
	}
}

static void many_late_packets_shrink_whatever_is_delivered(void **state)
{
	(void)state;
	v.backlogged = false;
	assert_false(second(15 * MB, 5));	/* 0.5 %: just not */
	assert_false(second(15 * MB, 5));
	assert_false(second(15 * MB, 6));
	assert_true(second(15 * MB, 6));
}

static void few_late_packets_shrink_when_the_anchor_would_do(void **state)
{
	static const struct { u64 bytes; u32 late; } good[] = { { 15 * MB, 1 }, { 15 * MB, 1 }, { 5 * MB, 1 }, { 15 * MB, 0 }, { 5 * MB, 1 } };

	(void)state;
	v.backlogged = false;
	for (u32 i = 0; i < ARRAY_SIZE(good); i++)	/* a good second between: the senders recovered */
		assert_false(second(good[i].bytes, good[i].late));
	for (u32 i = 0; i < 6; i++)
		assert_false(second(5 * MB, 0));	/* the last one is too long ago */
	assert_false(second(5 * MB, 1));
	assert_false(second(5 * MB, 0));
	assert_true(second(5 * MB, 1));
}

static void the_pause_doubles_up_to_80_s_and_is_forgotten(void **state)
{
	static const u32 pauses[] = { 10, 20, 40, 80, 80 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(pauses); i++) {
		second(9 * MB, 0);
		assert_true(second(9 * MB, 0));
		assert_in_range(seconds_alone(10 * MB), pauses[i] - 1, pauses[i] + 1);
	}
	for (u32 i = 0; i < 60; i++)
		assert_false(second(15 * MB, 0));
	second(9 * MB, 0);
	assert_true(second(9 * MB, 0));
	assert_in_range(seconds_alone(10 * MB), 9, 11);
	assert_int_equal(g.shrinks, 6);
	assert_int_equal(g.regrets, 0);
}

/* The estimate promised 10 MB/s, alone 6 came. */
static void a_wrong_shrink_is_taken_back_after_a_trial(void **state)
{
	(void)state;
	second(9 * MB, 0);
	assert_true(second(9 * MB, 0));
	assert_in_range(seconds_alone(6 * MB), 3, 5);
	assert_int_equal(g.regrets, 1);
	for (u32 i = 0; i < 25; i++)
		assert_false(second(9 * MB, 0));
	for (u32 i = 0; i < 8; i++)	/* doubted for 30 s, no longer */
		second(9 * MB, 0);
	assert_int_equal(g.shrinks, 2);
}

static void a_long_rest_is_no_short_second(void **state)
{
	(void)state;
	for (u32 i = 0; i < 10; i++) {
		now_us += 30 * SEC;
		assert_int_equal(guard_look(&g, &v, now_us), 0);
		assert_false(second(15 * MB, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(two_short_seconds_in_a_row_shrink, begin),
		cmocka_unit_test_setup(who_offers_little_proves_nothing, begin),
		cmocka_unit_test_setup(six_slow_seconds_shrink, begin),
		cmocka_unit_test_setup(a_sender_that_comes_up_was_not_held_down, begin),
		cmocka_unit_test_setup(who_sends_in_bursts_is_not_held_down, begin),
		cmocka_unit_test_setup(a_whole_second_must_be_backlogged, begin),
		cmocka_unit_test_setup(one_path_is_not_judged, begin),
		cmocka_unit_test_setup(many_late_packets_shrink_whatever_is_delivered, begin),
		cmocka_unit_test_setup(few_late_packets_shrink_when_the_anchor_would_do, begin),
		cmocka_unit_test_setup(the_pause_doubles_up_to_80_s_and_is_forgotten, begin),
		cmocka_unit_test_setup(a_wrong_shrink_is_taken_back_after_a_trial, begin),
		cmocka_unit_test_setup(a_long_rest_is_no_short_second, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
