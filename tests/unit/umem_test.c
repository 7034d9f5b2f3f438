// SPDX-License-Identifier: MIT
/* umem_test.c - frames: each has one holder, and comes back once */
#include "unit/unit.h"

#include <errno.h>

#include "link/umem.h"

#define FRAMES 64u

static void test_all_different(void **state)
{
	bool seen[FRAMES] = { 0 };
	struct umem *m;

	(void)state;
	assert_int_equal(umem_open(&m, FRAMES), 0);
	for (u32 i = 0; i < FRAMES; i++) {
		u64 addr = umem_take(m, 1);

		assert_int_equal(addr % UMEM_FRAME_BYTES, 0);
		assert_in_range(addr / UMEM_FRAME_BYTES, 0, FRAMES - 1);
		assert_false(seen[addr / UMEM_FRAME_BYTES]);
		seen[addr / UMEM_FRAME_BYTES] = true;
		umem_area(m)[addr] = umem_area(m)[addr + UMEM_FRAME_BYTES - 1] = 1;
	}
	assert_int_equal(umem_free(m), 0);
	assert_true(umem_take(m, 1) == UMEM_NONE);
	umem_close(m);
}

static void test_given_once(void **state)
{
	struct umem *m;
	u64 addr;

	(void)state;
	assert_int_equal(umem_open(&m, FRAMES), 0);
	addr = umem_take(m, 7);
	assert_false(umem_give(m, 8, addr));
	assert_true(umem_give(m, 7, addr + 300));	/* the kernel gives addresses of data */
	assert_false(umem_give(m, 7, addr));
	assert_int_equal(umem_free(m), FRAMES);
	assert_false(umem_give(m, 7, umem_bytes(m)));
	assert_false(umem_give(m, 7, UINT64_MAX));
	umem_close(m);
}

static void test_holds(void **state)
{
	struct umem *m;
	u64 addr;

	(void)state;
	assert_int_equal(umem_open(&m, FRAMES), 0);
	addr = umem_take(m, 3);
	assert_true(umem_holds(m, 3, addr, UMEM_FRAME_BYTES));
	assert_true(umem_holds(m, 3, addr + 256, UMEM_FRAME_BYTES - 256));
	assert_false(umem_holds(m, 3, addr + 256, UMEM_FRAME_BYTES - 255));
	assert_false(umem_holds(m, 4, addr, 1));
	assert_false(umem_holds(m, 3, umem_bytes(m) + addr, 1));
	umem_close(m);
}

static void test_give_all(void **state)
{
	struct umem *m;

	(void)state;
	assert_int_equal(umem_open(&m, FRAMES), 0);
	for (u32 i = 0; i < FRAMES; i++)
		umem_take(m, 1 + i % 3);
	assert_int_equal(umem_give_all(m, 1), 22);
	assert_int_equal(umem_give_all(m, 1), 0);
	assert_int_equal(umem_give_all(m, 2), 21);
	assert_int_equal(umem_free(m), 43);
	umem_close(m);
}

static void test_owners(void **state)
{
	struct umem *m;
	u32 first;

	(void)state;
	assert_int_equal(umem_open(&m, FRAMES), 0);
	first = umem_new_owner(m);
	assert_true(first && umem_new_owner(m) != first);
	umem_close(m);
	assert_int_equal(umem_open(&m, 0), -EINVAL);
	assert_int_equal(umem_open(&m, 48), -EINVAL);
	umem_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_different), cmocka_unit_test(test_given_once), cmocka_unit_test(test_holds),
		cmocka_unit_test(test_give_all), cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
