// SPDX-License-Identifier: MIT
/* delay_test.c - one-way delays by two clocks, and the queue that stands in them */
#include "unit/unit.h"

#include "base/rand.h"
#include "path/delay.h"

#define INTERVAL_US 20000u

static void the_first_sample_is_everything(void **state)
{
	struct delay d = { 0 };

	(void)state;
	assert_false(d.any);
	delay_sample(&d, 12345, INTERVAL_US, SEC);
	assert_true(d.any);
	assert_int_equal(d.latest_us, 12345);
	assert_int_equal(d.min_us, 12345);
	assert_int_equal(d.smooth_us, 12345);
	assert_int_equal(d.jitter_us, 0);
	assert_int_equal(delay_queue_us(&d), 0);
}

/* One sample per millisecond, from `from_us` on, each `delay_us`. */
static u64 stream(struct delay *d, u64 from_us, u32 count, u32 delay_us)
{
	for (u32 i = 0; i < count; i++, from_us += MSEC)
		delay_sample(d, delay_us, INTERVAL_US, from_us);
	return from_us;
}

static void a_queue_counts_when_it_stands_for_an_interval(void **state)
{
	struct delay d = { 0 };
	u64 now = stream(&d, SEC, 100, 50000);

	(void)state;
	now = stream(&d, now, 10, 58000);
	assert_int_equal(delay_queue_us(&d), 0);	/* half an interval says nothing */
	now = stream(&d, now, 35, 58000);
	assert_int_equal(delay_queue_us(&d), 8000);
	now = stream(&d, now, 45, 61000);
	assert_int_equal(delay_queue_us(&d), 11000);
	stream(&d, now, 1, 51000);
	assert_int_equal(delay_queue_us(&d), 1000);	/* gone is gone at once */
}

/* A late wake-up delays all that came meanwhile: 12 ms of every 20. */
static void batches_are_no_queue(void **state)
{
	struct delay d = { 0 };
	u64 now = SEC;

	(void)state;
	for (u32 i = 0; i < 200; i++) {
		now = stream(&d, now, 8, 30000);
		now = stream(&d, now, 12, 42000);
		assert_int_equal(delay_queue_us(&d), 0);
		assert_int_equal(d.latest_us, 42000);
	}
}

static void the_interval_is_the_callers(void **state)
{
	static const struct { u64 interval_us; u32 queue_us; } facts[] = { { 10000, 5000 }, { 30000, 5000 }, { 60000, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct delay d = { 0 };

		for (u64 now = SEC; now < SEC + 180 * MSEC; now += MSEC)
			delay_sample(&d, now < SEC + 120 * MSEC ? 1000 : 6000, facts[i].interval_us, now);
		assert_int_equal(delay_queue_us(&d), facts[i].queue_us);
	}
}

/* A route that became longer by 30 ms looks like a queue, for one window at least and two at most. */
static void a_longer_route_is_believed_in_the_end(void **state)
{
	struct delay d = { 0 };
	u64 now = stream(&d, SEC, 5000, 10000), changed = now, believed = 0;

	(void)state;
	for (; now < changed + 2 * DELAY_MIN_WINDOW_US && !believed; now += MSEC) {
		delay_sample(&d, 40000, INTERVAL_US, now);
		if (!delay_queue_us(&d) && now > changed + 50 * MSEC)
			believed = now;
	}
	assert_in_range(believed - changed, DELAY_MIN_WINDOW_US, 2 * DELAY_MIN_WINDOW_US - 1);
	assert_int_equal(d.min_us, 40000);
}

static void the_least_is_kept_for_ten_seconds(void **state)
{
	struct delay d = { 0 };
	u64 dip = SEC + 7 * SEC, now = stream(&d, SEC, 7000, 20000);

	(void)state;
	now = stream(&d, now, 1, 15000);
	for (; now < dip + DELAY_MIN_WINDOW_US; now += MSEC) {
		delay_sample(&d, 20000, INTERVAL_US, now);
		assert_int_equal(d.min_us, 15000);
	}
	stream(&d, now, 10001, 20000);
	assert_int_equal(d.min_us, 20000);
}

/* Nothing for half a minute: what was the least then says nothing now. */
static void after_a_pause_only_the_new_counts(void **state)
{
	struct delay d = { 0 };
	u64 now = stream(&d, SEC, 100, 10000) + 30 * SEC;

	(void)state;
	now = stream(&d, now, 2, 25000);
	assert_int_equal(d.min_us, 25000);
	stream(&d, now, 40, 25000);
	assert_int_equal(delay_queue_us(&d), 0);
}

/* The peer's clock may be anywhere: the same delays at any offset, those that wrap among them, say the same. */
static void offsets_of_the_clocks_do_not_matter(void **state)
{
	static const u32 offsets[] = { 0, 1, 0x7fffffff, 0x80000000, UINT32_MAX, UINT32_MAX - 12000, UINT32_MAX - 20000 };
	struct delay plain = { 0 }, plain_other = { 0 };
	struct rand_source rand;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct delay d = { 0 }, other = { 0 };

		rand_seeded(&rand, 3);
		plain = plain_other = d;
		for (u64 now = SEC; now < 30 * SEC; now += 5 * MSEC) {
			u32 us = 10000 + rand_u32(&rand) % 30000;

			delay_sample(&plain, us, INTERVAL_US, now);
			delay_sample(&plain_other, us + 7000, INTERVAL_US, now);
			delay_sample(&d, us + offsets[i], INTERVAL_US, now);
			delay_sample(&other, us + 7000 + offsets[i], INTERVAL_US, now);
			assert_int_equal(delay_queue_us(&d), delay_queue_us(&plain));
			assert_int_equal(d.jitter_us, plain.jitter_us);
			assert_int_equal(d.smooth_us, plain.smooth_us + offsets[i]);
			assert_int_equal(delay_beyond(&other, &d), delay_beyond(&plain_other, &plain));
			assert_int_equal(delay_min_beyond(&d, &other), -7000);
		}
	}
}

static void differences_between_paths_are_signed(void **state)
{
	struct delay fast = { 0 }, slow = { 0 };
	u64 now = stream(&fast, SEC, 50, (u32)-5000);	/* the peer's clock is behind ours */

	(void)state;
	stream(&slow, SEC, 50, 25000);
	assert_int_equal(delay_beyond(&slow, &fast), 30000);
	assert_int_equal(delay_beyond(&fast, &slow), -30000);
	stream(&fast, now, 60, 40000);			/* 45 ms of queue: it is the slower one now */
	assert_int_equal(delay_beyond(&slow, &fast), -15000);
	assert_int_equal(delay_min_beyond(&slow, &fast), 30000);
}

static void jitter_is_the_mean_distance(void **state)
{
	struct delay d = { 0 };
	u64 now = SEC;

	(void)state;
	for (u32 i = 0; i < 1000; i++)
		now = stream(&d, now, 1, i % 2 ? 30000 : 34000);
	assert_in_range(d.smooth_us, 31500, 32500);
	assert_in_range(d.jitter_us, 1800, 2300);
	stream(&d, now, 200, 30000);
	assert_true(d.jitter_us < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_sample_is_everything),
		cmocka_unit_test(a_queue_counts_when_it_stands_for_an_interval),
		cmocka_unit_test(batches_are_no_queue),
		cmocka_unit_test(the_interval_is_the_callers),
		cmocka_unit_test(a_longer_route_is_believed_in_the_end),
		cmocka_unit_test(the_least_is_kept_for_ten_seconds),
		cmocka_unit_test(after_a_pause_only_the_new_counts),
		cmocka_unit_test(offsets_of_the_clocks_do_not_matter),
		cmocka_unit_test(differences_between_paths_are_signed),
		cmocka_unit_test(jitter_is_the_mean_distance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
