// SPDX-License-Identifier: MIT
/* health_test.c - the state machine of a path */
#include "unit/unit.h"

#include "path/health.h"

static void failures_step_down_and_success_heals(void **state)
{
	static const struct { u32 failures; enum health_state expected; } steps[] = {
		{ 1, HEALTH_HEALTHY }, { 2, HEALTH_HEALTHY }, { 3, HEALTH_DEGRADED }, { 5, HEALTH_DEGRADED },
		{ 6, HEALTH_UNHEALTHY }, { 9, HEALTH_UNHEALTHY }, { 10, HEALTH_DOWN }, { 1000, HEALTH_DOWN },
	};
	struct health h = { 0 };
	u32 failed = 0;

	(void)state;
	assert_int_equal(h.state, HEALTH_UNKNOWN);
	assert_true(health_success(&h, 0, 10000, 1));
	assert_false(health_success(&h, 0, 10000, 2));
	assert_int_equal(h.since_us, 1);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		for (; failed < steps[i].failures; failed++) {
			enum health_state before = h.state;
			bool changed = health_failure(&h, 100 + failed);

			assert_int_equal(changed, before != h.state);
		}
		assert_int_equal(h.state, steps[i].expected);
	}
	assert_int_equal(h.since_us, 109);	/* when it went down */
	assert_true(health_success(&h, 0, 10000, 5000));
	assert_int_equal(h.state, HEALTH_HEALTHY);
	assert_int_equal(h.since_us, 5000);
	assert_false(health_failure(&h, 5001));	/* counts from one again */
	assert_int_equal(h.failures, 1);
}

static void loss_and_delay_hold_it_back(void **state)
{
	static const struct { u32 loss_ppm, srtt_us; enum health_state expected; } facts[] = {
		{ 0, 1000, HEALTH_HEALTHY },
		{ 100000, 1000000, HEALTH_HEALTHY },
		{ 100001, 1000, HEALTH_DEGRADED },
		{ 0, 1000001, HEALTH_DEGRADED },
		{ 300000, 5000000, HEALTH_DEGRADED },
		{ 300001, 1000, HEALTH_UNHEALTHY },
		{ 0, 5000001, HEALTH_UNHEALTHY },
		{ 1000000, UINT32_MAX, HEALTH_UNHEALTHY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct health h = { 0 };

		health_success(&h, facts[i].loss_ppm, facts[i].srtt_us, 1);
		assert_int_equal(h.state, facts[i].expected);
	}
}

static void failures_never_improve_a_state(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_success(&h, 400000, 1000, 1);
	for (int i = 0; i < 9; i++) {
		health_failure(&h, 2);
		assert_int_equal(h.state, HEALTH_UNHEALTHY);
	}
	assert_true(health_failure(&h, 3));
	assert_int_equal(h.state, HEALTH_DOWN);
}

static void a_path_that_never_answered_goes_down_too(void **state)
{
	struct health h = { 0 };

	(void)state;
	health_failure(&h, 1);
	health_failure(&h, 1);
	assert_int_equal(h.state, HEALTH_UNKNOWN);
	for (int i = 0; i < 8; i++)
		health_failure(&h, 2);
	assert_int_equal(h.state, HEALTH_DOWN);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(health_name(HEALTH_UNKNOWN), "unknown");
	assert_string_equal(health_name(HEALTH_HEALTHY), "healthy");
	assert_string_equal(health_name(HEALTH_DEGRADED), "degraded");
	assert_string_equal(health_name(HEALTH_UNHEALTHY), "unhealthy");
	assert_string_equal(health_name(HEALTH_DOWN), "down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_step_down_and_success_heals),
		cmocka_unit_test(loss_and_delay_hold_it_back),
		cmocka_unit_test(failures_never_improve_a_state),
		cmocka_unit_test(a_path_that_never_answered_goes_down_too),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
