// SPDX-License-Identifier: MIT
/* hold_test.c - seconds of a near and a far path as tables: when is bulk held back, for how long, and when no more? */
#include "unit/unit.h"

#include <string.h>

#include "path/hold.h"

#define MB 1000000u
#define LOOKS 50u		/* in a second */
#define NEAR 0
#define FAR 1

static struct hold h;
static struct hold_path p[2];
static u64 now_us, told;

/* 10 MB/s and a round trip of 20 ms; and so many microseconds farther, one way. */
static void begin_with(u32 farther_us)
{
	memset(&h, 0, sizeof(h));
	told = 0;
	now_us = 1000 * SEC;
	p[NEAR] = (struct hold_path){ .counts = true, .rate = 10 * MB, .min_rtt_us = 20000 };
	p[FAR] = (struct hold_path){ .counts = true, .rate = 5 * MB, .min_rtt_us = 20000 + 2 * farther_us, .farther_us = farther_us };
	hold_look(&h, p, 2, told, now_us);
}

static int begin(void **state)
{
	(void)state;
	begin_with(100000);
	return 0;
}

/* A second in which the near path has room at `near_spare` of 50 looks, the far one at `far_spare`, and they carry so much. The hold at its end. */
static u32 second(u32 near_spare, u64 near_bytes, u32 far_spare, u64 far_bytes)
{
	u32 hold_us = 0;

	for (u32 i = 0; i < LOOKS; i++) {
		now_us += SEC / LOOKS;
		p[NEAR].carried_bytes += near_bytes / LOOKS;
		p[FAR].carried_bytes += far_bytes / LOOKS;
		p[NEAR].spare = i < near_spare;
		p[FAR].spare = i < far_spare;
		hold_us = hold_look(&h, p, 2, told, now_us);
	}
	return hold_us;
}

/* What BBR does where a near path leads: that is full, the other idle. */
static u32 bbr_second(void)
{
	return second(5, 10 * MB, LOOKS, 0);
}

static void a_far_path_idle_beside_a_full_near_one_begins_it(void **state)
{
	static const struct { u32 farther_us, near_spare, far_spare; u64 near_bytes, far_bytes; bool holds; } rows[] = {
		{ 100000, 5, LOOKS, 10 * MB, 0, true },
		{ 100000, 5, 46, 9 * MB, 100000, true },
		{ 100000, 5, 40, 10 * MB, MB, false },		/* it is used */
		{ 100000, 5, 0, 10 * MB, 5 * MB, false },
		{ 100000, 5, LOOKS, 10 * MB, 400000, true },
		{ 100000, 5, LOOKS, 10 * MB, 600000, false },	/* CUBIC begins to find it */
		{ 100000, 40, LOOKS, 8100000, 0, true },	/* BBR where packets are lost: it believes what came through */
		{ 100000, 5, LOOKS, 7900000, 0, false },	/* the near one is not full */
		{ 6000, 5, LOOKS, 10 * MB, 0, true },
		{ 4000, 5, LOOKS, 10 * MB, 0, false },		/* so close that senders find it */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 hold_us = 0;

		begin_with(rows[i].farther_us);
		for (u32 k = 0; k < 6; k++)
			hold_us = second(rows[i].near_spare, rows[i].near_bytes, rows[i].far_spare, rows[i].far_bytes);
		assert_int_equal(hold_us > 0, rows[i].holds);
	}
}

/* CUBIC finds a link that is back within some seconds. */
static void four_seconds_are_not_enough(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(bbr_second(), 0);
		assert_true(hold_is_wanted(&h));
	}
	second(5, 10 * MB, 0, 5 * MB);
	assert_false(hold_is_wanted(&h));
	assert_int_equal(bbr_second(), 0);
}

/* What is held back costs a sender on a lossy path a little: that is no reason to give up what makes up for it. */
static void half_full_is_full_enough_once_it_has_begun(void **state)
{
	(void)state;
	for (u32 i = 0; i < 6; i++)
		bbr_second();
	for (u32 i = 0; i < 30; i++)
		assert_true(second(40, 6 * MB, LOOKS, 2 * MB) > 0);
	assert_int_equal(h.goal_us, 96640);		/* 20 ms times 1.8, three times, less 20 */
}

/* CUBIC, that has been told that it fills too much, and grows again. */
static void who_is_told_by_the_queue_finds_the_far_path_alone(void **state)
{
	(void)state;
	for (u32 i = 0; i < 20; i++) {
		told += i % 2;
		assert_int_equal(bbr_second(), 0);
	}
}

/* At each moment the round trip is less than twice the least of the ten seconds before. */
static void the_round_trip_never_doubles_within_ten_seconds(void **state)
{
	u32 hold_us[60];

	(void)state;
	for (u32 i = 0; i < 60; i++) {
		hold_us[i] = bbr_second();
		for (u32 k = i < 10 ? 0 : i - 10; k < i; k++)
			assert_true(20000 + hold_us[i] < 2 * (20000 + hold_us[k]));
	}
	assert_int_equal(hold_us[59], 100000);
}

static void it_grows_to_the_difference_and_stays_while_all_are_full(void **state)
{
	(void)state;
	for (u32 i = 0; i < 60; i++)
		bbr_second();
	for (u32 i = 0; i < 60; i++)
		assert_int_equal(second(0, 10 * MB, 0, 5 * MB), 100000);
	assert_int_equal(second(0, 5 * MB, LOOKS, MB), 100000);		/* BBR probes for the round trip */
	assert_int_equal(second(0, 10 * MB, 0, 5 * MB), 100000);
}

static void three_seconds_without_a_full_path_end_it(void **state)
{
	(void)state;
	for (u32 i = 0; i < 60; i++)
		bbr_second();
	assert_int_equal(second(LOOKS, MB, LOOKS, 0), 100000);
	assert_int_equal(second(LOOKS, MB, LOOKS, 0), 100000);
	assert_int_equal(second(LOOKS, MB, LOOKS, 0), 0);
}

static void a_pause_ends_it(void **state)
{
	(void)state;
	for (u32 i = 0; i < 60; i++)
		bbr_second();
	now_us += 4 * SEC;
	assert_int_equal(hold_look(&h, p, 2, told, now_us), 0);
}

static void it_is_no_longer_than_the_farthest_path_is_far(void **state)
{
	(void)state;
	for (u32 i = 0; i < 60; i++)
		bbr_second();
	p[FAR].farther_us = 30000;
	assert_int_equal(bbr_second(), 30000);
	p[FAR].counts = false;
	assert_int_equal(bbr_second(), 0);
}

static void full_is_remembered_for_three_seconds(void **state)
{
	(void)state;
	assert_false(hold_is_full(&h, NEAR, now_us));
	bbr_second();
	assert_true(hold_is_full(&h, NEAR, now_us));
	assert_false(hold_is_full(&h, FAR, now_us));
	second(LOOKS, MB, LOOKS, 0);
	second(LOOKS, MB, LOOKS, 0);
	assert_true(hold_is_full(&h, NEAR, now_us));
	second(LOOKS, MB, LOOKS, 0);
	assert_false(hold_is_full(&h, NEAR, now_us));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_far_path_idle_beside_a_full_near_one_begins_it, begin),
		cmocka_unit_test_setup(four_seconds_are_not_enough, begin),
		cmocka_unit_test_setup(half_full_is_full_enough_once_it_has_begun, begin),
		cmocka_unit_test_setup(who_is_told_by_the_queue_finds_the_far_path_alone, begin),
		cmocka_unit_test_setup(the_round_trip_never_doubles_within_ten_seconds, begin),
		cmocka_unit_test_setup(it_grows_to_the_difference_and_stays_while_all_are_full, begin),
		cmocka_unit_test_setup(three_seconds_without_a_full_path_end_it, begin),
		cmocka_unit_test_setup(a_pause_ends_it, begin),
		cmocka_unit_test_setup(it_is_no_longer_than_the_farthest_path_is_far, begin),
		cmocka_unit_test_setup(full_is_remembered_for_three_seconds, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
