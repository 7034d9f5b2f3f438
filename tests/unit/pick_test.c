// SPDX-License-Identifier: MIT
/* pick_test.c - choosing a path by weights, in integers */
#include "unit/unit.h"

#include <math.h>

#include <triglav/pick.h>

#include "base/types.h"

static void draws_are_logarithms(void **state)
{
	static const u32 edges[] = { 0, 1, 2, 3, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff };
	double scale = 1 << TG_PICK_BITS;

	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		u32 x = i < ARRAY_SIZE(edges) ? edges[i] : i * 2654435761u;
		double exact = -log2((x + 0.5) / 4294967296.0), drawn = tg_pick_draw(x) / scale;

		assert_true(tg_pick_draw(x) > 0);
		assert_true(fabs(exact - drawn) < 4e-7);	/* a few units of the last place */
	}
}

static void weights_become_steps(void **state)
{
	static const struct { u64 weight; u32 step; } facts[] = {
		{ 0, 1 }, { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 4 }, { 6, 6 }, { 7, 6 }, { 8, 8 }, { 11, 8 }, { 12, 12 },
		{ 0xbfffffff, 0x80000000 }, { 0xc0000000, 0xc0000000 }, { 0xffffffff, 0xc0000000 }, { 1ULL << 40, 0xc0000000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		assert_int_equal(tg_pick_coarse(facts[i].weight), facts[i].step);
}

static void shares_follow_the_weights(void **state)
{
	enum { FLOWS = 60000 };
	struct tg_weights w = { .paths = { [0] = { .weight = 0xc0000000 }, [5] = { .weight = 0x40000000 }, [15] = { .weight = 0x80000000 } } };
	u32 got[TG_MAX_PATHS] = { 0 };

	(void)state;
	for (u32 flow = 0; flow < FLOWS; flow++)
		got[tg_pick_path(&w, flow * 2654435761u)]++;
	assert_in_range(got[0], FLOWS / 2 * 97 / 100, FLOWS / 2 * 103 / 100);
	assert_in_range(got[5], FLOWS / 6 * 95 / 100, FLOWS / 6 * 105 / 100);
	assert_int_equal(got[0] + got[5] + got[15], FLOWS);
}

static void without_weights_there_is_no_path(void **state)
{
	struct tg_weights w = { 0 };

	(void)state;
	for (u32 flow = 1; flow < 1000; flow++)
		assert_int_equal(tg_pick_path(&w, flow * 2654435761u), TG_PICK_NONE);
	w.paths[7].weight = 1;
	for (u32 flow = 1; flow < 1000; flow++)
		assert_int_equal(tg_pick_path(&w, flow * 2654435761u), 7);
}

/* The engine skips what cannot win, the programs do not. */
static void both_ways_are_one(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		struct tg_weights w = { 0 };
		u32 chosen = i * 2654435761u;

		for (u32 path = 0; path < TG_MAX_PATHS; path++)
			w.paths[path].weight = chosen >> path & 1 ? 1 + (chosen ^ path * 0x85ebca6bu) : 0;
		assert_int_equal(tg_pick_path(&w, ~chosen), tg_pick_path_quickly(&w, ~chosen));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_are_logarithms),
		cmocka_unit_test(weights_become_steps),
		cmocka_unit_test(shares_follow_the_weights),
		cmocka_unit_test(without_weights_there_is_no_path),
		cmocka_unit_test(both_ways_are_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
