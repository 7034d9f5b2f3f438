// SPDX-License-Identifier: MIT
/* rtt_test.c - smoothing and the windowed least of round trips */
#include "unit/unit.h"

#include "path/rtt.h"

static void first_sample_sets_everything(void **state)
{
	struct rtt r = { 0 };

	(void)state;
	assert_int_equal(rtt_patience_us(&r, 12345), 300 * MSEC);
	rtt_sample(&r, 40000, 0, 1000);
	assert_true(r.any);
	assert_int_equal(r.srtt_us, 40000);
	assert_int_equal(r.rttvar_us, 20000);
	assert_int_equal(r.min_us, 40000);
	assert_int_equal(rtt_patience_us(&r, 5000), 40000 + 4 * 20000 + 5000);
}

static void smoothing_follows_rfc6298(void **state)
{
	static const struct { u32 sample, srtt, rttvar; } steps[] = {
		{ 8000, 8000, 4000 },
		{ 16000, 9000, 5000 },		/* |8000 - 16000| / 4 + 3/4 * 4000 */
		{ 1000, 8000, 5750 },
		{ 8000, 8000, 4312 },
	};
	struct rtt r = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		rtt_sample(&r, steps[i].sample, 0, i);
		assert_int_equal(r.latest_us, steps[i].sample);
		assert_int_equal(r.srtt_us, steps[i].srtt);
		assert_int_equal(r.rttvar_us, steps[i].rttvar);
	}
}

static void least_forgets_after_its_window(void **state)
{
	static const struct { u64 at_us; u32 sample, least; } steps[] = {
		{ 0, 20000, 20000 },
		{ 3 * SEC, 10000, 10000 },
		{ 9 * SEC, 30000, 10000 },
		{ 11 * SEC, 30000, 10000 },	/* 10000 came 8 s ago */
		{ 20 * SEC, 30000, 10000 },
		{ 22 * SEC, 30000, 30000 },
		{ 23 * SEC, 25000, 25000 },
		{ 100 * SEC, 50000, 50000 },	/* nothing heard for long: all before is too old */
	};
	struct rtt r = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		rtt_sample(&r, steps[i].sample, 0, 5 + steps[i].at_us);
		assert_int_equal(r.min_us, steps[i].least);
	}
}

static void extremes_do_not_overflow(void **state)
{
	struct rtt r = { 0 };

	(void)state;
	rtt_sample(&r, 0, 0, 0);
	assert_int_equal(r.min_us, 1);	/* 0 means unknown */
	assert_int_equal(rtt_patience_us(&r, 0), 10 * MSEC);
	for (int i = 0; i < 100; i++)
		rtt_sample(&r, UINT32_MAX, 0, 1);
	assert_true(r.srtt_us > UINT32_MAX - 100000);
	assert_true(rtt_patience_us(&r, 0) >= r.srtt_us);
	for (int i = 0; i < 300; i++)
		rtt_sample(&r, 1000, 0, 2);
	assert_in_range(r.srtt_us, 1000, 1010);
	assert_in_range(r.rttvar_us, 0, 10);
}

static void a_delay_comes_off_only_where_the_least_leaves_room(void **state)
{
	struct rtt r = { 0 };

	(void)state;
	rtt_sample(&r, 10000, 0, 1);
	rtt_sample(&r, 14000, 3000, 2);
	assert_int_equal(r.latest_us, 11000);
	rtt_sample(&r, 12000, 5000, 3);		/* would be less than there ever was */
	assert_int_equal(r.latest_us, 12000);
	rtt_sample(&r, 9000, UINT32_MAX, 4);	/* a lie */
	assert_int_equal(r.latest_us, 9000);
	assert_int_equal(r.min_us, 9000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delay_comes_off_only_where_the_least_leaves_room),
		cmocka_unit_test(first_sample_sets_everything),
		cmocka_unit_test(smoothing_follows_rfc6298),
		cmocka_unit_test(least_forgets_after_its_window),
		cmocka_unit_test(extremes_do_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
