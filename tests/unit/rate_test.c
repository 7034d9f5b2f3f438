// SPDX-License-Identifier: MIT
/* rate_test.c - windowed maximum of delivery rates */
#include "unit/unit.h"

#include "path/rate.h"

static void starts_with_a_guess(void **state)
{
	struct rate r = { 0 };

	(void)state;
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	rate_sample(&r, 1000, true, true);	/* limited and smaller: tells nothing */
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	assert_false(r.measured);
	rate_sample(&r, 1000, false, true);
	assert_true(r.measured);
	assert_int_equal(rate_estimate(&r), 1000);
}

static void a_larger_limited_sample_counts(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_sample(&r, 2 * RATE_INITIAL_BYTES, true, false);
	assert_int_equal(rate_estimate(&r), 2 * RATE_INITIAL_BYTES);
	assert_false(r.measured);
	rate_sample(&r, 3 * RATE_INITIAL_BYTES, true, false);
	rate_sample(&r, RATE_INITIAL_BYTES, true, false);
	assert_int_equal(rate_estimate(&r), 3 * RATE_INITIAL_BYTES);
}

static void the_best_lasts_ten_rounds(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_sample(&r, 9000000, false, true);
	for (u32 i = 0; i < RATE_ROUNDS - 1; i++) {
		rate_sample(&r, 5000000 - i, false, true);
		rate_sample(&r, 100, false, false);
		assert_int_equal(rate_estimate(&r), 9000000);
	}
	rate_sample(&r, 1000000, false, true);
	assert_int_equal(rate_estimate(&r), 5000000);
}

static void a_quiet_application_does_not_age_it(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_sample(&r, 9000000, false, true);
	for (u32 i = 0; i < 10 * RATE_ROUNDS; i++)
		rate_sample(&r, 50000, true, true);
	assert_int_equal(rate_estimate(&r), 9000000);
	assert_in_range(r.delivered_ema, 50000, 60000);	/* but people see what went through */
}

static void rounds_that_begin_limited_still_pass(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_sample(&r, 9000000, false, true);
	for (u32 i = 0; i < RATE_ROUNDS; i++) {
		rate_sample(&r, 50000, true, true);
		rate_sample(&r, 2000000, false, false);
	}
	assert_int_equal(rate_estimate(&r), 2000000);
}

static void no_sample_is_no_sample(void **state)
{
	struct rate r = { 0 };

	(void)state;
	rate_sample(&r, 0, false, true);
	assert_false(r.measured);
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	assert_int_equal(r.delivered_ema, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_with_a_guess),
		cmocka_unit_test(a_larger_limited_sample_counts),
		cmocka_unit_test(the_best_lasts_ten_rounds),
		cmocka_unit_test(a_quiet_application_does_not_age_it),
		cmocka_unit_test(rounds_that_begin_limited_still_pass),
		cmocka_unit_test(no_sample_is_no_sample),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
