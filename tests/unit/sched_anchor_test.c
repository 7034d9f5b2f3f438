// SPDX-License-Identifier: MIT
/* sched_anchor_test.c - a rate that nobody has measured excludes no path whose rate is known */
#include "unit/unit.h"

#include "path/sched.h"

#define MBIT 125000u

static struct sched_path path(u64 rate, bool measured, u32 delay_us)
{
	return (struct sched_path){ .rate = rate, .rate_measured = measured, .delay_us = delay_us, .least_delay_us = delay_us,
				    .srtt_us = 20000 + 2 * delay_us, .min_rtt_us = 20000 + 2 * delay_us, .ready = true };
}

static void a_guess_is_no_anchor(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[3] = { path(4 * MBIT, true, 0), path(8 * MBIT, true, 5000), path(10 * MBIT, false, 290000) };

	(void)state;
	sched_judge(&s, p, 3, false, 1000 * SEC);
	assert_int_equal(s.anchor, 1);
	assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
	assert_int_equal(s.exclusion[2], SCHED_TOO_SLOW);
	assert_true(sched_may_stripe(&s, p, 3));

	p[2].rate_measured = true;	/* once it is known, it counts */
	sched_judge(&s, p, 3, false, 1000 * SEC);
	assert_int_equal(s.anchor, 1);	/* but not by a quarter more */
	p[2].rate = 11 * MBIT;
	sched_judge(&s, p, 3, false, 1000 * SEC);
	assert_int_equal(s.anchor, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guess_is_no_anchor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
