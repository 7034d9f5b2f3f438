// SPDX-License-Identifier: MIT
/* lossy_path_test.c - one of two links loses much for a while: bulk leaves it, and is back soon after that is over */
#include <errno.h>
#include <stdio.h>

#include "unit/client_path.h"
#include "unit/unit.h"
#include "unit/world.h"

#define LINK_BYTES 2500000u		/* per second, each */
#define GAP_US 230u			/* between packets of 1000 bytes: more than one carries, less than both */
#define STEP_US (100 * MSEC)

static struct world w;
static u32 number = 1;

static void flow(u64 us)
{
	world_flow(&w, &w.client, us, GAP_US, 1000, number);
	number += (u32)(us / GAP_US) + 1;
}

static enum sched_exclusion exclusion_of_second(void)
{
	return w.client.tunnel->session->sched.exclusion[world_client_path(&w, 2).id];
}

/* How long until it is, or is not, left out for its loss; TIME_NEVER: longer than most_us. */
static u64 until_left_out_us(bool out, u64 most_us)
{
	u64 began = w.now_us;

	while (w.now_us - began < most_us) {
		flow(STEP_US);
		if ((exclusion_of_second() == SCHED_TOO_LOSSY) == out)
			return w.now_us - began;
	}
	return TIME_NEVER;
}

static u64 sent_on_second_in(u64 us)
{
	u64 before = world_client_path(&w, 2).sent_bytes;

	flow(us);
	return world_client_path(&w, 2).sent_bytes - before;
}

static void a_storm_of_loss_is_left_alone_and_its_end_is_noticed(void **state)
{
	(void)state;
	world_init(&w, 63);
	w.links[1].rate_bytes = w.links[2].rate_bytes = LINK_BYTES;
	w.links[1].delay_us = w.links[2].delay_us = 20 * MSEC;
	world_start(&w, 2);
	flow(2 * SEC);
	assert_true(sent_on_second_in(SEC) > LINK_BYTES / 3);
	w.links[2].loss_permille = 300;
	assert_true(until_left_out_us(true, 5 * SEC) <= 5 * SEC);
	flow(SEC);		/* what was under way */
	assert_true(sent_on_second_in(SEC) < LINK_BYTES / 50);		/* pings, repairs */
	assert_int_equal(exclusion_of_second(), SCHED_TOO_LOSSY);
	w.links[2].loss_permille = 0;
	assert_true(until_left_out_us(false, 3 * SEC) <= 3 * SEC);
	assert_true(sent_on_second_in(SEC) > LINK_BYTES / 3);		/* open at once, not probing for seconds */
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_storm_of_loss_is_left_alone_and_its_end_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
