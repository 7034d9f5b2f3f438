// SPDX-License-Identifier: MIT
/* ack_test.c - ranges of received numbers, and when an ack is due */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/ack.h"

#define INTERVAL (4 * MSEC)

static void note(struct received *r, u64 number, u64 now_us)
{
	received_note(r, number, 100, (u16)number, false, true, INTERVAL, 0, now_us);
}

static void numbers_become_ranges(void **state)
{
	static const struct {
		u32 count;
		u64 numbers[5];
		struct ack_range ranges[4];
		u32 range_count;
	} facts[] = {
		{ 1, { 0 }, { { 0, 0 } }, 1 },
		{ 3, { 0, 1, 2 }, { { 0, 2 } }, 1 },
		{ 3, { 5, 6, 8 }, { { 8, 8 }, { 5, 6 } }, 2 },
		{ 3, { 5, 7, 6 }, { { 5, 7 } }, 1 },
		{ 3, { 5, 9, 7 }, { { 9, 9 }, { 7, 7 }, { 5, 5 } }, 3 },
		{ 4, { 5, 9, 7, 6 }, { { 9, 9 }, { 5, 7 } }, 2 },
		{ 4, { 5, 9, 7, 8 }, { { 7, 9 }, { 5, 5 } }, 2 },
		{ 3, { 9, 8, 7 }, { { 7, 9 } }, 1 },
		{ 2, { 9, 4 }, { { 9, 9 }, { 4, 4 } }, 2 },
		{ 4, { 9, 4, 3, 5 }, { { 9, 9 }, { 3, 5 } }, 2 },
		{ 5, { 1, 3, 5, 4, 2 }, { { 1, 5 } }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct received r;
		struct ack a;

		received_init(&r);
		for (u32 n = 0; n < facts[i].count; n++)
			note(&r, facts[i].numbers[n], 1000 + n);
		assert_true(received_fill(&r, 3, &a, 2000));
		assert_int_equal(a.path_id, 3);
		assert_int_equal(a.range_count, facts[i].range_count);
		assert_memory_equal(a.ranges, facts[i].ranges, a.range_count * sizeof(a.ranges[0]));
		assert_int_equal(a.largest, a.ranges[0].last);
		assert_int_equal(a.stamp, (u16)a.largest);
		assert_int_equal(a.packets, facts[i].count);
		assert_int_equal(a.bytes, facts[i].count * 100);
	}
}

static void the_largest_gives_stamp_and_delay(void **state)
{
	struct received r;
	struct ack a;

	(void)state;
	received_init(&r);
	assert_false(received_fill(&r, 0, &a, 5));
	received_note(&r, 7, 10, 77, true, true, INTERVAL, 0, 0x100000005ULL);
	received_note(&r, 3, 20, 33, false, true, INTERVAL, 0, 0x100000009ULL);
	received_note(&r, 7, 99, 11, true, true, INTERVAL, 0, 0x100000010ULL);	/* again: ignored */
	assert_true(received_fill(&r, 0, &a, 0x100000025ULL));
	assert_int_equal(a.stamp, 77);
	assert_int_equal(a.arrival, 5);
	assert_int_equal(a.delay_us, 0x20);
	assert_int_equal(a.packets, 2);
	assert_int_equal(a.bytes, 30);
	assert_int_equal(a.ce, 1);
}

static void acks_wait_for_the_interval(void **state)
{
	struct received r;
	struct ack a;

	(void)state;
	received_init(&r);
	assert_true(received_due_us(&r) == TIME_NEVER);
	received_note(&r, 0, 1, 0, false, false, INTERVAL, 0, 10 * MSEC);
	assert_true(received_due_us(&r) == TIME_NEVER);	/* acks are not acked */
	note(&r, 1, 11 * MSEC);
	note(&r, 2, 12 * MSEC);
	assert_int_equal(received_due_us(&r), 11 * MSEC + INTERVAL);
	assert_true(received_fill(&r, 0, &a, 15 * MSEC));
	assert_true(received_due_us(&r) == TIME_NEVER);
	note(&r, 3, 20 * MSEC);
	assert_int_equal(received_due_us(&r), 20 * MSEC + INTERVAL);
}

static void gaps_and_many_packets_hurry_it(void **state)
{
	struct received r;
	struct ack a;
	u64 n, now = 50 * MSEC;

	(void)state;
	received_init(&r);
	note(&r, 0, now);
	note(&r, 5, now);	/* four missing, one beyond: may be shuffled */
	note(&r, 6, now);
	assert_int_equal(received_due_us(&r), now + INTERVAL);
	note(&r, 7, now + 1);	/* the third beyond the gap proves it */
	assert_int_equal(received_due_us(&r), now + 1);

	received_fill(&r, 0, &a, now + 1);
	note(&r, 18, now + 2);
	note(&r, 19, now + 2);
	note(&r, 20, now + 2);	/* never more than one in a millisecond */
	assert_int_equal(received_due_us(&r), now + 1 + MSEC);

	received_fill(&r, 0, &a, now + 1 + MSEC);
	now += 10 * MSEC;
	for (n = 21; n < 21 + 31; n++)
		note(&r, n, now + n);
	assert_int_equal(received_due_us(&r), now + 21 + INTERVAL);
	note(&r, n, now + n);
	assert_int_equal(received_due_us(&r), now + n);
}

static void a_thin_path_back_is_spared(void **state)
{
	struct received r;

	(void)state;
	received_init(&r);
	for (u64 n = 0; n < 100; n++)
		received_note(&r, n, 100, (u16)n, false, true, 20 * MSEC, 0, n);
	assert_int_equal(received_due_us(&r), 20 * MSEC);
}

static void what_waited_to_be_read_arrived_before(void **state)
{
	struct received r;
	struct ack a;

	(void)state;
	received_init(&r);
	received_note(&r, 0, 100, 0, false, true, INTERVAL, 7 * MSEC, 50 * MSEC);
	assert_true(received_fill(&r, 0, &a, 51 * MSEC));
	assert_int_equal(a.arrival, 43 * MSEC);
	assert_int_equal(a.delay_us, 8 * MSEC);
}

static void the_first_number_is_no_gap(void **state)
{
	struct received r;

	(void)state;
	received_init(&r);
	note(&r, 1000, 7 * MSEC);
	assert_int_equal(received_due_us(&r), 7 * MSEC + INTERVAL);
}

static void old_ranges_are_forgotten(void **state)
{
	struct received r;
	struct ack a;

	(void)state;
	received_init(&r);
	for (u64 n = 0; n < 20; n++)
		note(&r, n * 10, n);
	received_fill(&r, 0, &a, 100);
	assert_int_equal(a.range_count, ACK_MAX_RANGES);
	assert_int_equal(a.ranges[ACK_MAX_RANGES - 1].first, 40);
	note(&r, 5, 101);	/* older than all that are kept: counted, not told */
	received_fill(&r, 0, &a, 102);
	assert_int_equal(a.range_count, ACK_MAX_RANGES);
	assert_int_equal(a.ranges[ACK_MAX_RANGES - 1].first, 40);
	assert_int_equal(a.packets, 21);
	note(&r, 45, 103);	/* in the middle of a full list: the oldest goes */
	received_fill(&r, 0, &a, 104);
	assert_int_equal(a.ranges[ACK_MAX_RANGES - 1].first, 45);
}

static void intervals(void **state)
{
	(void)state;
	assert_int_equal(ack_interval_us(0), 2000);
	assert_int_equal(ack_interval_us(16000), 2000);
	assert_int_equal(ack_interval_us(24000), 3000);
	assert_int_equal(ack_interval_us(40000), 5000);
	assert_int_equal(ack_interval_us(UINT32_MAX), 5000);
}

/* Random arrival against a plain array of what came. */
static void ranges_match_a_model(void **state)
{
	enum { NUMBERS = 4000 };
	static bool came[NUMBERS];
	struct rand_source rand;
	struct received r;
	struct ack a;
	u64 head = 0, distinct = 0;

	(void)state;
	rand_seeded(&rand, 7);
	received_init(&r);
	memset(came, 0, sizeof(came));
	while (head < NUMBERS - 20) {
		u64 number = head + rand_u32(&rand) % 6;

		if (rand_u32(&rand) % 8 == 0 && head > 30)
			number = head - rand_u32(&rand) % 30;
		note(&r, number, head);
		distinct += !came[number];
		came[number] = true;
		head = MAX(head, number + 1);

		received_fill(&r, 0, &a, head);
		assert_int_equal(a.largest, head - 1);
		for (u32 i = 0; i < a.range_count; i++) {
			for (u64 n = a.ranges[i].first; n <= a.ranges[i].last; n++)
				assert_true(came[n]);
			assert_false(came[a.ranges[i].last + 1]);
			if (i)
				assert_true(a.ranges[i].last + 1 < a.ranges[i - 1].first);
			if (i || a.range_count == 1)
				continue;
			for (u64 n = a.ranges[1].last + 1; n < a.ranges[0].first; n++)
				assert_false(came[n]);
		}
	}
	assert_true(a.packets >= distinct);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_become_ranges),
		cmocka_unit_test(the_largest_gives_stamp_and_delay),
		cmocka_unit_test(acks_wait_for_the_interval),
		cmocka_unit_test(gaps_and_many_packets_hurry_it),
		cmocka_unit_test(a_thin_path_back_is_spared),
		cmocka_unit_test(what_waited_to_be_read_arrived_before),
		cmocka_unit_test(the_first_number_is_no_gap),
		cmocka_unit_test(old_ranges_are_forgotten),
		cmocka_unit_test(intervals),
		cmocka_unit_test(ranges_match_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
