// SPDX-License-Identifier: MIT
/* buf_test.c - the pool of packet buffers */
#include "unit/unit.h"

#include "base/buf.h"

#define BUFS 5u

static void who_was_given_back_last_is_taken_first(void **state)
{
	struct buf_pool *pool = buf_pool_new(BUFS);
	struct buf *taken[BUFS];

	(void)state;
	for (u32 i = 0; i < BUFS; i++) {
		assert_int_equal(buf_pool_left(pool), BUFS - i);
		taken[i] = buf_take(pool);
		assert_non_null(taken[i]);
	}
	assert_null(buf_take(pool));
	for (u32 i = 0; i < BUFS; i++) {
		buf_put(taken[i]);
		assert_int_equal(buf_pool_left(pool), i + 1);
	}
	for (u32 i = BUFS; i--;)
		assert_ptr_equal(buf_take(pool), taken[i]);
	assert_null(buf_take(pool));
	for (u32 i = 0; i < BUFS; i++)
		buf_put(taken[i]);
	buf_put(NULL);
	buf_pool_free(pool);
}

static void a_buf_is_empty_whatever_it_held(void **state)
{
	struct buf_pool *pool = buf_pool_new(1);
	struct buf *b = buf_take(pool);

	(void)state;
	*b = (struct buf){ .pool = pool, .data = b->area, .len = 9, .csum_partial = true, .rounds = 1, .flow_hash = 2, .order = 3, .half = 1,
			   .bulk = true, .wanted_class = 1, .wanted_path = 1, .pinned_path = 1, .time_us = 1 };
	buf_put(b);
	assert_ptr_equal(buf_take(pool), b);
	assert_ptr_equal(b->data, b->area + BUF_HEADROOM);
	assert_int_equal(b->len + b->csum_partial + b->path + b->rounds + b->flow_hash + b->order + b->half + b->bulk, 0);
	assert_int_equal(b->wanted_class + b->wanted_path + b->pinned_path + b->time_us, 0);
	buf_put(b);
	buf_pool_free(pool);
}

static void buf_queues_keep_their_order(void **state)
{
	struct buf_pool *pool = buf_pool_new(3);
	struct buf *a = buf_take(pool), *b = buf_take(pool);
	struct buf_queue q = { 0 };

	(void)state;
	buf_queue_add(&q, a);
	buf_queue_add(&q, b);
	assert_int_equal(q.count, 2);
	assert_ptr_equal(buf_queue_take(&q), a);
	buf_queue_drop(&q);
	assert_null(buf_queue_take(&q));
	buf_put(a);
	assert_int_equal(buf_pool_left(pool), 3);
	buf_pool_free(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_given_back_last_is_taken_first),
		cmocka_unit_test(a_buf_is_empty_whatever_it_held),
		cmocka_unit_test(buf_queues_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
