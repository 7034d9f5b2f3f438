// SPDX-License-Identifier: MIT
/* replay_test.c - the window at its edges, against a plain list of what was accepted */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "crypto/replay.h"

#define W ((u64)REPLAY_WINDOW)

static const struct {
	u64 number;
	bool fresh;
} steps[] = {
	{ 9, true },		{ 8, true },		{ 9, false },		{ 8, false },
	{ 0, true },		{ 0, false },		{ 9 + W, true },	{ 9, false },
	{ 10, true },		{ 10, false },		{ 7, false },		{ 8 + W, true },
	{ 9 + W, false },	{ 9 + 3 * W, true },	{ 9 + 2 * W, false },	{ 10 + 2 * W, true },
	{ 1ull << 60, true },	{ 10 + 3 * W, false },	{ (1ull << 60) - W + 1, true },
	{ (1ull << 60) - W, false },			{ UINT64_MAX, true },	{ UINT64_MAX, false },
	{ UINT64_MAX - W + 1, true },			{ UINT64_MAX - W, false },
	{ 0, false },
};

static void numbers_are_accepted_once(void **state)
{
	struct replay w = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		assert_int_equal(replay_is_fresh(&w, steps[i].number), steps[i].fresh);
		assert_int_equal(replay_mark(&w, steps[i].number), steps[i].fresh);
		assert_false(replay_is_fresh(&w, steps[i].number));
	}
}

/* The first number may be any; what is far below it is old. */
static void the_first_number_may_be_large(void **state)
{
	struct replay w = { 0 };

	(void)state;
	assert_true(replay_mark(&w, 1000000));
	assert_true(replay_mark(&w, 1000000 - W + 1));
	assert_false(replay_mark(&w, 1000000 - W));
}

static void asking_changes_nothing(void **state)
{
	struct replay w = { 0 }, before;

	(void)state;
	replay_mark(&w, 70);
	before = w;
	replay_is_fresh(&w, 71);
	replay_is_fresh(&w, 70 + 2 * W);
	replay_is_fresh(&w, 3);
	assert_memory_equal(&w, &before, sizeof(w));
}

/* Every number of a long run, with gaps of every kind, against a table of what was accepted. */
#define RUN 400000u

static u64 next_number(struct rand_source *r, u64 largest)
{
	u32 dice = rand_u32(r) % 1000, step = rand_u32(r);

	if (dice < 500)
		return largest + 1;
	if (dice >= 990)
		return largest + step % (dice < 995 ? 300 : 20000);
	step %= dice < 900 ? 200 : 2 * REPLAY_WINDOW;
	return largest - MIN(largest, step);
}

static void random_runs_match_a_plain_list(void **state)
{
	bool *accepted = calloc(RUN, 1);
	struct replay w = { 0 };
	struct rand_source r;
	u64 largest = 0, step = 0;

	(void)state;
	assert_non_null(accepted);
	rand_seeded(&r, 3);
	for (; largest < RUN - 30000; step++) {
		u64 number = next_number(&r, largest);
		bool expected = !accepted[number] && (number > largest || largest - number < W);

		assert_int_equal(replay_is_fresh(&w, number), expected);
		assert_int_equal(replay_mark(&w, number), expected);
		accepted[number] |= expected;
		largest = MAX(largest, number);
	}
	assert_true(step > 1000);
	free(accepted);
}

#define K (1ull << 32)

static const struct {
	u64 expected;
	u32 low;
	u64 number;
} recoveries[] = {
	{ 0, 0, 0 },
	{ 0, 5, 5 },
	{ 0, 0xffffffff, 0xffffffff },			/* nothing below 0 */
	{ 5, 3, 3 },
	{ K - 1, 0, K },
	{ K, 0xffffffff, K - 1 },
	{ K + 7, 9, K + 9 },
	{ 3 * K + 10, 0xfffffff0, 2 * K + 0xfffffff0 },
	{ 3 * K + 0xfffffff0, 2, 4 * K + 2 },
	{ 3 * K, 0x7fffffff, 3 * K + 0x7fffffff },
	{ 3 * K, 0x80000001, 2 * K + 0x80000001 },
	{ UINT64_MAX, 3, UINT64_MAX - 0xffffffff + 3 },	/* nothing beyond the end */
	{ UINT64_MAX, 0xffffffff, UINT64_MAX },
};

static void the_nearest_number_is_recovered(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recoveries); i++)
		assert_int_equal(replay_recover(recoveries[i].expected, recoveries[i].low), recoveries[i].number);
}

static void recovery_inverts_truncation(void **state)
{
	struct rand_source r;

	(void)state;
	rand_seeded(&r, 4);
	for (u32 i = 0; i < 100000; i++) {
		u64 expected = (rand_u64(&r) >> rand_u32(&r) % 32) + 2 * K;
		s64 shift = (s64)(rand_u64(&r) % (K - 1)) - (s64)(K / 2 - 1);
		u64 number = expected + (u64)shift;

		if ((shift > 0) == (number > expected))
			assert_int_equal(replay_recover(expected, (u32)number), number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_accepted_once),
		cmocka_unit_test(the_first_number_may_be_large),
		cmocka_unit_test(asking_changes_nothing),
		cmocka_unit_test(random_runs_match_a_plain_list),
		cmocka_unit_test(the_nearest_number_is_recovered),
		cmocka_unit_test(recovery_inverts_truncation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
