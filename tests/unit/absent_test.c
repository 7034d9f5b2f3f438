// SPDX-License-Identifier: MIT
/* absent_test.c - how long bulk may wait while a path that fell silent may soon be back */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

#define FAST 5000000u	/* bytes/s */
#define SLOW 1000000u

static struct world w;
static u32 sent;

static struct path *path_on(u32 link)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = w.client.tunnel->session->paths[i];

		if (p && p->where.link == link)
			return p;
	}
	fail_msg("no path on link %u", link);
	return NULL;
}

static u64 patience_us(void)
{
	return absent_patience_us(w.client.tunnel->session);
}

/* More than both links carry. */
static void transfer(u64 us)
{
	sent += world_flow(&w, &w.client, us, 200, 1300, sent);
}

static void cut_for(u64 us)
{
	w.links[1].cut = true;
	transfer(us);
	w.links[1].cut = false;
}

static void until_up(void)
{
	for (u32 i = 0; i < 100 && path_on(1)->state != TUNNEL_PATH_UP; i++)
		transfer(50 * MSEC);
	assert_int_equal(path_on(1)->state, TUNNEL_PATH_UP);
}

/* The fast link, and one with a fifth of its rate. */
static void begin(void)
{
	world_init(&w, 3);
	sent = 0;
	w.links[1].rate_bytes = FAST;
	w.links[1].delay_us = 20 * MSEC;
	w.links[2].rate_bytes = SLOW;
	w.links[2].delay_us = 30 * MSEC;
	world_start(&w, 2);
	world_run(&w, SEC);
	transfer(4 * SEC);
	assert_int_equal(patience_us(), 0);
}

static void end(void)
{
	world_run(&w, 2 * SEC);
	world_end(&w);
}

static void bulk_may_wait_as_long_as_the_lost_window_takes(void **state)
{
	u64 window = FAST * 40 * MSEC / SEC, took = window * SEC / SLOW;

	(void)state;
	begin();
	cut_for(SEC);
	assert_int_equal(path_on(1)->state, TUNNEL_PATH_SUSPECT);
	assert_in_range(patience_us(), took / 2, took * 3 / 2);
	assert_true(w.client.tunnel->session->queue.codel.target_us >= patience_us());
	until_up();
	assert_int_equal(patience_us(), 0);
	end();
}

static void no_longer_than_an_outage_may_last(void **state)
{
	(void)state;
	begin();
	w.links[1].cut = true;
	transfer(14 * SEC);
	assert_true(patience_us() > 0);
	transfer(2 * SEC);
	assert_int_equal(patience_us(), 0);
	end();
}

static void an_outage_is_expected_to_last_like_the_one_before(void **state)
{
	u64 lasted;

	(void)state;
	begin();
	cut_for(2 * SEC);
	until_up();
	lasted = path_on(1)->absence.last_us;
	assert_in_range(lasted, 18 * SEC / 10, 3 * SEC);
	transfer(3 * SEC);
	w.links[1].cut = true;
	transfer(lasted);
	assert_true(patience_us() > 0);
	transfer(lasted);
	assert_int_equal(patience_us(), 0);
	end();
}

static void no_longer_than_a_second_however_little_is_left(void **state)
{
	(void)state;
	begin();
	cut_for(SEC);
	path_on(1)->absence.window_bytes *= 100;
	assert_int_equal(patience_us(), SEC);
	end();
}

/* On its way there was nothing: nobody's window needs it. */
static void a_path_that_carried_nothing_is_not_waited_for(void **state)
{
	(void)state;
	begin();
	world_run(&w, 2 * SEC);
	w.links[1].cut = true;
	sent += world_flow(&w, &w.client, 2 * SEC, 20 * MSEC, 100, sent);
	assert_int_equal(path_on(1)->state, TUNNEL_PATH_SUSPECT);
	transfer(SEC);
	assert_in_range(patience_us(), 0, 50 * MSEC);	/* the whole window takes 200 */
	end();
}

/* What waits may neither overflow nor take everybody's bufs. */
static void no_more_waits_than_half_the_queue(void **state)
{
	struct session *s;

	(void)state;
	begin();
	cut_for(SEC);
	s = w.client.tunnel->session;
	path_on(1)->absence.window_bytes *= 1000;
	s->queue.limit = 64;
	assert_in_range(patience_us(), 1, (u64)(64 / 2 * 1500) * SEC / (SLOW / 2));
	s->queue.limit = 4096;
	end();
}

/* Nobody knows when a cable is plugged in again. */
static void a_link_that_is_gone_is_not_waited_for(void **state)
{
	(void)state;
	begin();
	tunnel_path_carrier(w.client.tunnel, 1, false, w.now_us);
	transfer(SEC);
	assert_int_equal(patience_us(), 0);
	tunnel_path_carrier(w.client.tunnel, 1, true, w.now_us);
	until_up();
	assert_int_equal(path_on(1)->absence.last_us, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_may_wait_as_long_as_the_lost_window_takes),
		cmocka_unit_test(no_longer_than_an_outage_may_last),
		cmocka_unit_test(an_outage_is_expected_to_last_like_the_one_before),
		cmocka_unit_test(no_longer_than_a_second_however_little_is_left),
		cmocka_unit_test(a_path_that_carried_nothing_is_not_waited_for),
		cmocka_unit_test(no_more_waits_than_half_the_queue),
		cmocka_unit_test(a_link_that_is_gone_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
