// SPDX-License-Identifier: MIT
/* stretch_test.c - seconds of near and far paths as tables: when is bulk stretched, how far, and when no more? */
#include "unit/unit.h"

#include <string.h>

#include "path/stretch.h"

#define MB 1000000u
#define LOOKS 50u		/* in a second */

enum { NEAR, FAR, MIDDLE, PATHS };

static struct stretch s;
static struct stretch_path p[PATHS];
static u64 now_us, told, waited_us;

/* 10 MB/s and a round trip of 20 ms; 5 MB/s and so many microseconds farther, one way. The third path is not there. */
static void begin_with(u32 farther_us)
{
	memset(&s, 0, sizeof(s));
	memset(p, 0, sizeof(p));
	told = waited_us = 0;
	now_us = 1000 * SEC;
	p[NEAR] = (struct stretch_path){ .counts = true, .measured = true, .rate = 10 * MB, .min_rtt_us = 20000 };
	p[FAR] = (struct stretch_path){ .counts = true, .rate = 5 * MB, .min_rtt_us = 20000 + 2 * farther_us, .farther_us = farther_us };
	stretch_look(&s, p, PATHS, told, waited_us, now_us);
}

static int begin(void **state)
{
	(void)state;
	begin_with(100000);
	return 0;
}

/* A second in which the near path carries so much, the far one has room at `far_spare` of 50 looks and carries so much. The stretch at its end. */
static u32 second(u64 near_bytes, u32 far_spare, u64 far_bytes)
{
	for (u32 i = 0; i < LOOKS; i++) {
		now_us += SEC / LOOKS;
		p[NEAR].carried_bytes += near_bytes / LOOKS;
		p[FAR].carried_bytes += far_bytes / LOOKS;
		p[NEAR].spare = i % 2;
		p[FAR].spare = i < far_spare;
		stretch_look(&s, p, PATHS, told, waited_us, now_us);
	}
	return s.us;
}

/* What BBR does where a near path leads: that is full, the other idle. */
static u32 bbr_second(void)
{
	return second(10 * MB, LOOKS, 0);
}

static void bbr_for(u32 seconds)
{
	while (seconds--)
		bbr_second();
}

static void a_far_path_idle_beside_a_full_near_one_begins_it(void **state)
{
	static const struct { u32 farther_us; u64 near_bytes; u32 far_spare; u64 far_bytes; bool measured, begins; } rows[] = {
		{ 100000, 10 * MB, LOOKS, 0, true, true },
		{ 100000, 9 * MB, 46, 100000, true, true },
		{ 100000, 8100000, LOOKS, 0, true, true },	/* BBR where packets are lost: it believes what came through */
		{ 100000, 7900000, LOOKS, 0, true, false },	/* the near one is not full */
		{ 100000, 10 * MB, LOOKS, 0, false, false },	/* nobody knows what full is: the rate is its own */
		{ 100000, 10 * MB, 40, MB, true, false },	/* the far one is used */
		{ 100000, 10 * MB, 0, 5 * MB, true, false },
		{ 100000, 10 * MB, LOOKS, 400000, true, true },
		{ 100000, 10 * MB, LOOKS, 600000, true, false },	/* CUBIC begins to find it */
		{ 6000, 10 * MB, LOOKS, 0, true, true },
		{ 4000, 10 * MB, LOOKS, 0, true, false },	/* so close that senders find it */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 us = 0;

		begin_with(rows[i].farther_us);
		p[NEAR].measured = rows[i].measured;
		for (u32 k = 0; k < 6; k++)
			us = second(rows[i].near_bytes, rows[i].far_spare, rows[i].far_bytes);
		assert_int_equal(us > 0, rows[i].begins);
	}
}

/* CUBIC finds a link that is back within some seconds. */
static void four_seconds_are_not_enough(void **state)
{
	(void)state;
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(bbr_second(), 0);
		assert_int_equal(stretch_is_wanted(&s), i > 0);
	}
	second(10 * MB, 0, 5 * MB);
	assert_false(stretch_is_wanted(&s));
	assert_int_equal(bbr_second(), 0);
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

/* CUBIC at 100 Mbit/s between two of its losses, beside 2 Mbit/s of which nobody knows more than the first guess. */
static void who_lets_more_than_a_round_trip_wait_is_not_bbr(void **state)
{
	(void)state;
	p[FAR].rate = 1200000;
	waited_us = 28500;
	for (u32 i = 0; i < 20; i++)
		assert_int_equal(bbr_second(), 0);
	waited_us = 27500;
	bbr_for(6);
	assert_true(s.us > 0);
	begin_with(100000);
	p[FAR].rate = 1600000;		/* so much is worth it in any case */
	waited_us = 50000;
	bbr_for(6);
	assert_true(s.us > 0);
}

/* At each moment the round trip is less than twice the least of the ten seconds before. */
static void the_round_trip_never_doubles_within_ten_seconds(void **state)
{
	u32 us[50];

	(void)state;
	for (u32 i = 0; i < 50; i++) {
		us[i] = bbr_second();
		for (u32 k = i < 10 ? 0 : i - 10; k < i; k++)
			assert_true(20000 + us[i] < 2 * (20000 + us[k]));
	}
	assert_int_equal(us[49], 100000);
}

/* The delays are above that of a fast path that carries no bulk, a backup say: they count from the nearest that does. */
static void it_counts_from_the_nearest_that_counts(void **state)
{
	(void)state;
	p[NEAR].farther_us += 30000;
	p[FAR].farther_us += 30000;
	bbr_for(50);
	assert_int_equal(s.us, 100000);
}

static void the_farthest_of_three_sets_the_goal(void **state)
{
	(void)state;
	p[MIDDLE] = (struct stretch_path){ .counts = true, .rate = 5 * MB, .min_rtt_us = 60000, .farther_us = 20000 };
	bbr_for(50);
	assert_int_equal(s.us, 100000);
}

static void it_stays_while_all_are_full(void **state)
{
	(void)state;
	bbr_for(50);
	for (u32 i = 0; i < 60; i++)
		assert_int_equal(second(10 * MB, 0, 5 * MB), 100000);
	assert_int_equal(second(4 * MB, LOOKS, MB), 100000);	/* BBR probes for the round trip */
	assert_int_equal(second(10 * MB, 0, 5 * MB), 100000);
}

/* A sender on a lossy path carries a little less by it: that is no reason to give up what makes up for it. */
static void half_full_is_full_enough_once_it_has_begun(void **state)
{
	(void)state;
	bbr_for(6);
	for (u32 i = 0; i < 30; i++)
		assert_true(second(6 * MB, LOOKS, 2 * MB) > 0);
	assert_int_equal(s.goal_us, 96640);		/* 20 ms times 1.8, three times, less 20 */
}

/* CUBIC that loses somewhere behind the tunnel leaves the far path idle as well, and a longer round trip costs it. */
static void who_carries_less_than_before_is_left_alone_for_a_minute(void **state)
{
	(void)state;
	bbr_for(8);
	assert_true(s.us > 0);
	for (u32 i = 0; i < 4; i++)
		second(5500000, LOOKS, 0);
	assert_int_equal(s.us, 0);
	for (u32 i = 0; i < 60; i++) {
		assert_int_equal(bbr_second(), 0);
		assert_false(stretch_is_wanted(&s) && i < 59);
	}
	bbr_for(6);
	assert_true(s.us > 0);
	for (u32 i = 0; i < 4; i++)
		second(5500000, LOOKS, 0);
	for (u32 i = 0; i < 120; i++)
		assert_int_equal(bbr_second(), 0);
}

/* What was a gain once may carry less later: a second download has ended. */
static void after_a_gain_nothing_is_held_against_it(void **state)
{
	(void)state;
	bbr_for(50);
	for (u32 i = 0; i < 4; i++)
		second(10 * MB, 0, 5 * MB);
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(second(6 * MB, 0, 0), 100000);
}

static void a_far_path_that_stays_idle_when_all_are_equally_far_ends_it(void **state)
{
	u32 i;

	(void)state;
	bbr_for(50);
	for (i = 0; i < 30 && s.us; i++)
		bbr_second();
	assert_in_range(i, 1, 29);
	for (i = 0; i < 55; i++)
		assert_int_equal(bbr_second(), 0);
}

/* The head of the line is as old as the stretch is long. */
static void the_stretch_itself_is_not_what_waits(void **state)
{
	(void)state;
	p[FAR].rate = MB;
	for (u32 i = 0; i < 55; i++) {
		waited_us = s.us + 15000;
		bbr_second();
	}
	assert_int_equal(s.us, 100000);
}

static void three_seconds_without_a_full_path_end_it(void **state)
{
	(void)state;
	bbr_for(50);
	assert_int_equal(second(MB, LOOKS, 0), 100000);
	assert_int_equal(second(MB, LOOKS, 0), 100000);
	assert_int_equal(second(MB, LOOKS, 0), 0);
}

static void a_pause_ends_it(void **state)
{
	(void)state;
	bbr_for(50);
	assert_int_equal(stretch_now(&s, now_us + 2 * SEC), 100000);
	assert_int_equal(stretch_now(&s, now_us + 4 * SEC), 0);
	now_us += 4 * SEC;
	stretch_look(&s, p, PATHS, told, waited_us, now_us);
	assert_int_equal(s.us, 0);
}

static void a_far_path_that_is_left_out_for_a_moment_undoes_nothing(void **state)
{
	(void)state;
	bbr_for(50);
	p[FAR].counts = false;
	bbr_for(2);
	assert_int_equal(s.us, 100000);
	p[FAR].counts = true;
	bbr_for(1);
	assert_int_equal(s.us, 100000);
	p[FAR].farther_us = 30000;
	bbr_for(4);
	assert_int_equal(s.us, 30000);
	p[FAR].counts = false;
	bbr_for(4);
	assert_int_equal(s.us, 0);
}

static void a_path_that_comes_or_begins_anew_within_a_second_was_not_full(void **state)
{
	(void)state;
	p[NEAR].counts = false;
	p[NEAR].carried_bytes = 1000 * MB;
	bbr_second();
	p[NEAR].counts = true;
	bbr_second();
	assert_false(stretch_is_full(&s, NEAR, now_us));
	bbr_second();
	assert_true(stretch_is_full(&s, NEAR, now_us));
	stretch_forget(&s, NEAR);
	assert_false(stretch_is_full(&s, NEAR, now_us));
	bbr_for(1);
	p[NEAR].carried_bytes = 0;
	stretch_forget(&s, NEAR);
	bbr_second();
	assert_false(stretch_is_full(&s, FAR, now_us));
}

static void full_is_remembered_for_three_seconds(void **state)
{
	(void)state;
	assert_false(stretch_is_full(&s, NEAR, now_us));
	bbr_second();
	assert_true(stretch_is_full(&s, NEAR, now_us));
	assert_false(stretch_is_full(&s, FAR, now_us));
	second(MB, LOOKS, 0);
	second(MB, LOOKS, 0);
	assert_true(stretch_is_full(&s, NEAR, now_us));
	second(MB, LOOKS, 0);
	assert_false(stretch_is_full(&s, NEAR, now_us));
}

static void tcp_and_quic_look_for_their_rate(void **state)
{
	static const struct { u8 protocol; u16 sport, dport; bool expected; } rows[] = {
		{ TG_PROTO_TCP, 40000, 22, true },
		{ TG_PROTO_UDP, 40000, 443, true },
		{ TG_PROTO_UDP, 443, 40000, true },
		{ TG_PROTO_UDP, 40000, 5004, false },
		{ TG_PROTO_UDP, 47873, 40000, false },		/* 443 with its bytes swapped */
		{ TG_PROTO_UDP, 0, 0, false },			/* a fragment */
		{ 50, 0, 0, false },				/* ESP */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tg_flow f = { .protocol = rows[i].protocol, .sport = rows[i].sport, .dport = rows[i].dport };

		assert_int_equal(stretch_suits(&f), rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_far_path_idle_beside_a_full_near_one_begins_it, begin),
		cmocka_unit_test_setup(four_seconds_are_not_enough, begin),
		cmocka_unit_test_setup(who_is_told_by_the_queue_finds_the_far_path_alone, begin),
		cmocka_unit_test_setup(who_lets_more_than_a_round_trip_wait_is_not_bbr, begin),
		cmocka_unit_test_setup(the_round_trip_never_doubles_within_ten_seconds, begin),
		cmocka_unit_test_setup(it_counts_from_the_nearest_that_counts, begin),
		cmocka_unit_test_setup(the_farthest_of_three_sets_the_goal, begin),
		cmocka_unit_test_setup(it_stays_while_all_are_full, begin),
		cmocka_unit_test_setup(half_full_is_full_enough_once_it_has_begun, begin),
		cmocka_unit_test_setup(who_carries_less_than_before_is_left_alone_for_a_minute, begin),
		cmocka_unit_test_setup(after_a_gain_nothing_is_held_against_it, begin),
		cmocka_unit_test_setup(a_far_path_that_stays_idle_when_all_are_equally_far_ends_it, begin),
		cmocka_unit_test_setup(the_stretch_itself_is_not_what_waits, begin),
		cmocka_unit_test_setup(three_seconds_without_a_full_path_end_it, begin),
		cmocka_unit_test_setup(a_pause_ends_it, begin),
		cmocka_unit_test_setup(a_far_path_that_is_left_out_for_a_moment_undoes_nothing, begin),
		cmocka_unit_test_setup(a_path_that_comes_or_begins_anew_within_a_second_was_not_full, begin),
		cmocka_unit_test_setup(full_is_remembered_for_three_seconds, begin),
		cmocka_unit_test(tcp_and_quic_look_for_their_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
