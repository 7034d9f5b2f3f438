// SPDX-License-Identifier: MIT
/* second_test.c - how much came within the last second */
#include "unit/unit.h"

#include "path/second.h"

#define STEP (10 * MSEC)

static void a_steady_flow_is_its_rate(void **state)
{
	struct second s = { 0 };
	u64 now = 1000 * SEC, total = 0;

	(void)state;
	for (u32 i = 0; i < 1000; i++) {
		now += STEP;
		total += 500;
		second_note(&s, total, now);
	}
	assert_in_range(second_rate(&s, total, now), 49000, 51000);
}

static void what_stood_still_is_nothing(void **state)
{
	struct second s = { 0 };
	u64 now = 1000 * SEC, total = 0;

	(void)state;
	for (u32 i = 0; i < 300; i++) {
		now += STEP;
		total += 500;
		second_note(&s, total, now);
	}
	assert_in_range(second_rate(&s, total, now + SEC / 2), 20000, 35000);
	assert_in_range(second_rate(&s, total, now + 5 * SEC), 0, 12500);	/* what came since the last mark */
	second_note(&s, total, now + 5 * SEC);
	assert_int_equal(second_rate(&s, total, now + 7 * SEC), 0);
}

static void after_a_pause_all_is_new(void **state)
{
	struct second s = { 0 };
	u64 now = 1000 * SEC;

	(void)state;
	assert_int_equal(second_rate(&s, 0, now), 0);
	second_note(&s, 1000, now);
	assert_int_equal(second_rate(&s, 1000, now), 1000);	/* it began just now */
	second_note(&s, 1000, now + 60 * SEC);
	second_note(&s, 8000, now + 60 * SEC + SEC / 2);
	assert_int_equal(second_rate(&s, 9000, now + 60 * SEC + SEC / 2), 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_flow_is_its_rate),
		cmocka_unit_test(what_stood_still_is_nothing),
		cmocka_unit_test(after_a_pause_all_is_new),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
