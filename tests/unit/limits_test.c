// SPDX-License-Identifier: MIT
/* limits_test.c - rate and quota of an uplink: what really crosses the links, both ways */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

#define CAP 500000u		/* bytes/s */
#define OUTER 28u		/* IP and UDP, which the cap counts as well */

static struct world w;
static u64 up[WORLD_LINKS + 1], down[WORLD_LINKS + 1];	/* bytes that crossed a link since clear() */
static u32 lose_limits;		/* so many datagrams that may hold LIMITS are lost */

static bool count(void *arg, struct flying *f)
{
	(void)arg;
	if (!f->to_server) {
		down[f->from.link] += f->len + OUTER;
		return true;
	}
	for (u32 i = 1; i <= WORLD_LINKS; i++)
		if (addr_equal(&w.links[i].address, &f->from.remote))
			up[i] += f->len + OUTER;
	if (lose_limits && f->len == TG_HEADER_BYTES + TG_TAG_BYTES + 19) {	/* one frame of 16 bytes */
		lose_limits--;
		return false;
	}
	return true;
}

static void clear(void)
{
	memset(up, 0, sizeof(up));
	memset(down, 0, sizeof(down));
}

static void start(u32 links)
{
	world_init(&w, 31);
	w.tap = count;
	w.client_settings.no_copies = w.server_settings.no_copies = true;
	world_start(&w, links);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
	clear();
}

static struct path *server_path(u32 id)
{
	for (u32 i = 0; i < w.server.tunnel->by_handle.size; i++)
		if (w.server.tunnel->by_handle.entries[i].value)
			return ((struct session *)w.server.tunnel->by_handle.entries[i].value)->paths[id];
	return NULL;
}

/* 4 MB/s for 3 s. */
static void flood(struct world_end *from, u32 first)
{
	world_flow(&w, from, 3 * SEC, 300, 1200, first);
}

static void a_rate_is_never_exceeded_either_way(void **state)
{
	(void)state;
	start(1);
	assert_int_equal(tunnel_path_limit(w.client.tunnel, 1, CAP, TG_QUOTA_NONE, w.now_us), 0);
	assert_int_equal(tunnel_path_limit(w.client.tunnel, 9, CAP, TG_QUOTA_NONE, w.now_us), -ENOENT);
	flood(&w.client, 1);
	assert_true(up[1] <= 3 * CAP + CAP / 20);
	assert_true(up[1] >= 3 * CAP * 9 / 10);
	world_run(&w, 2 * SEC);
	clear();
	flood(&w.server, 20000);
	assert_true(down[1] <= 3 * CAP + CAP / 20);
	assert_true(down[1] >= 3 * CAP * 9 / 10);
	world_run(&w, 2 * SEC);

	assert_int_equal(tunnel_path_limit(w.client.tunnel, 1, 0, TG_QUOTA_NONE, w.now_us), 0);
	world_run(&w, SEC);
	clear();
	flood(&w.server, 40000);
	assert_true(down[1] > 9 * 1200 * 1000);	/* all of it: nothing limits it any more */
	world_end(&w);
}

static void congestion_control_none_obeys_it_too(void **state)
{
	(void)state;
	world_init(&w, 32);
	w.tap = count;
	w.client_settings.congestion = RATE_NONE;
	world_start(&w, 1);
	world_run(&w, SEC);
	clear();
	tunnel_path_limit(w.client.tunnel, 1, CAP, TG_QUOTA_NONE, w.now_us);
	flood(&w.client, 1);
	assert_true(up[1] <= 3 * CAP + CAP / 20);
	world_end(&w);
}

static void the_others_carry_what_a_capped_path_may_not(void **state)
{
	(void)state;
	start(2);
	tunnel_path_limit(w.client.tunnel, 1, CAP, TG_QUOTA_NONE, w.now_us);
	world_flow(&w, &w.client, 3 * SEC, 1000, 1200, 1);	/* 1.2 MB/s */
	assert_true(up[1] <= 3 * CAP + CAP / 20);
	assert_true(up[1] + up[2] >= 3 * 1200 * 1000);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, 3000);
	assert_true(w.server.out_of_order < 30);	/* those that came while the rate had just changed */
	world_end(&w);
}

static void limits_are_told_until_the_server_has_them(void **state)
{
	(void)state;
	start(2);
	assert_int_equal(server_path(1)->limits.rate, 0);
	lose_limits = 3;
	tunnel_path_limit(w.client.tunnel, 2, CAP, 12345678, w.now_us);
	world_run(&w, 5 * SEC);
	assert_int_equal(lose_limits, 0);
	assert_int_equal(server_path(0)->limits.rate, 0);
	assert_int_equal(server_path(1)->limits.rate, CAP);
	assert_true(limits_left(server_path(1)) <= 12345678 && limits_left(server_path(1)) > 12300000);
	assert_false(w.client.tunnel->uplinks[1]->limits.unconfirmed);

	tunnel_free(w.server.tunnel);	/* it restarts and knows nothing */
	world_start_server(&w);
	world_flow(&w, &w.client, 5 * SEC, 20 * MSEC, 100, 1);
	assert_non_null(server_path(1));
	assert_int_equal(server_path(1)->limits.rate, CAP);
	world_end(&w);
}

static void a_spent_path_stands_by(void **state)
{
	(void)state;
	start(2);
	tunnel_path_limit(w.client.tunnel, 1, 0, 300000, w.now_us);
	world_flow(&w, &w.client, 2 * SEC, MSEC, 1000, 1);
	world_flow(&w, &w.server, SEC, MSEC, 1000, 1);
	assert_true(up[1] + down[1] > 300000 && up[1] + down[1] < 400000);
	assert_true(limits_spent(server_path(0)));
	assert_false(limits_spent(server_path(1)));
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, 2000);

	clear();
	world_flow(&w, &w.client, 2 * SEC, MSEC, 1000, 3000);
	world_flow(&w, &w.server, 2 * SEC, 20 * MSEC, 100, 3000);
	assert_true(up[1] + down[1] < 1000);	/* nothing of it, but what keeps the NAT binding */

	w.links[2].cut = true;		/* now it is all there is */
	world_flow(&w, &w.client, 500 * MSEC, MSEC, 1000, 6000);
	w.server.delivered = 0;
	world_flow(&w, &w.client, SEC, MSEC, 1000, 7000);
	world_run(&w, SEC);
	assert_true(w.server.delivered >= 1000);

	w.links[2].cut = false;
	world_flow(&w, &w.client, 3 * SEC, MSEC, 1000, 9000);
	clear();
	tunnel_path_limit(w.client.tunnel, 1, 0, 10000000, w.now_us);	/* the next month */
	world_flow(&w, &w.client, 2 * SEC, MSEC, 1000, 13000);
	assert_true(up[1] > 100000);
	assert_false(limits_spent(server_path(0)));
	world_end(&w);
}

static void redundancy_spares_a_spent_path(void **state)
{
	(void)state;
	world_init(&w, 33);
	w.tap = count;
	w.client_settings.strategy = SCHED_REDUNDANT;
	world_start(&w, 2);
	world_run(&w, SEC);
	tunnel_path_limit(w.client.tunnel, 1, 0, 0, w.now_us);
	world_run(&w, SEC);
	clear();
	world_flow(&w, &w.client, SEC, 5 * MSEC, 1000, 1);
	assert_true(up[1] < 1000);
	assert_true(up[2] > 200 * 1000);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, 200);
	world_end(&w);
}

static void a_path_whose_limit_goes_is_used_again(void **state)
{
	(void)state;
	world_init(&w, 34);
	w.tap = count;
	w.links[1].rate_bytes = 2500000;
	w.links[2].rate_bytes = 1250000;
	world_start(&w, 2);
	world_run(&w, SEC);
	tunnel_path_limit(w.client.tunnel, 1, CAP / 4, TG_QUOTA_NONE, w.now_us);
	flood(&w.client, 1);
	tunnel_path_limit(w.client.tunnel, 1, 0, TG_QUOTA_NONE, w.now_us);
	clear();
	world_flow(&w, &w.client, SEC / 2, 300, 1200, 20000);
	assert_true(up[1] > 2500000 / 2 * 6 / 10);	
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_never_exceeded_either_way),
		cmocka_unit_test(congestion_control_none_obeys_it_too),
		cmocka_unit_test(the_others_carry_what_a_capped_path_may_not),
		cmocka_unit_test(a_path_whose_limit_goes_is_used_again),
		cmocka_unit_test(limits_are_told_until_the_server_has_them),
		cmocka_unit_test(a_spent_path_stands_by),
		cmocka_unit_test(redundancy_spares_a_spent_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
