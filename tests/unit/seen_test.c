// SPDX-License-Identifier: MIT
/* seen_test.c - window of copy ids */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "triglav/seen.h"

#define SEEN_IDS (TG_SEEN_WORDS * 32u)

static struct tg_seen seen;

static int clean(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	return 0;
}

static void an_id_is_new_once(void **state)
{
	static const struct { u32 id; int fresh; } steps[] = {
		{ 0, 1 }, { 0, 0 }, { 31, 1 }, { 32, 1 }, { 31, 0 }, { 1, 1 }, { 32, 0 },
		{ SEEN_IDS - 1, 1 }, { SEEN_IDS - 1, 0 }, { 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(tg_seen_has(&seen, steps[i].id), !steps[i].fresh);
		assert_int_equal(tg_seen_mark(&seen, steps[i].id), steps[i].fresh);
		assert_true(tg_seen_has(&seen, steps[i].id));
	}
}

static void another_lap_is_not_taken_for_this_one(void **state)
{
	(void)state;
	assert_int_equal(tg_seen_mark(&seen, 100), 1);
	assert_false(tg_seen_has(&seen, 100 + SEEN_IDS));
	assert_int_equal(tg_seen_mark(&seen, 100 + SEEN_IDS), 1);
	assert_true(tg_seen_has(&seen, 100 + SEEN_IDS));
	assert_false(tg_seen_has(&seen, 100));
}

static void an_id_of_the_lap_before_passes_and_erases_nothing(void **state)
{
	(void)state;
	tg_seen_mark(&seen, 100 + SEEN_IDS);
	assert_int_equal(tg_seen_mark(&seen, 100), 1);
	assert_true(tg_seen_has(&seen, 100 + SEEN_IDS));
	assert_int_equal(tg_seen_mark(&seen, 100 + SEEN_IDS), 0);
}

/* Shuffled within the window, some twice: each is new exactly once. */
static void random_order_within_the_window(void **state)
{
	enum { IDS = 100000 };
	static u8 marked[IDS];
	struct rand_source rand;

	(void)state;
	memset(marked, 0, sizeof(marked));
	rand_seeded(&rand, 3);
	for (u32 head = 4000; head < IDS; head++) {
		u32 id = head - rand_u32(&rand) % 4000;

		assert_int_equal(tg_seen_mark(&seen, id), !marked[id]);
		marked[id] = 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_id_is_new_once, clean),
		cmocka_unit_test_setup(another_lap_is_not_taken_for_this_one, clean),
		cmocka_unit_test_setup(an_id_of_the_lap_before_passes_and_erases_nothing, clean),
		cmocka_unit_test_setup(random_order_within_the_window, clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
