// SPDX-License-Identifier: MIT
/* change_test.c - other settings for an engine that runs: what flows goes on, under the new ones */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

static struct world w;

static void start(u64 seed)
{
	world_init(&w, seed);
	w.links[1].rate_bytes = w.links[2].rate_bytes = 1250000;
	world_start(&w, 2);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
}

/* The share of 2 s of 1 MB/s that arrives, in percent: less than both links carry, more than one would with a copy of each packet. */
static u32 arrives(u32 first)
{
	u32 before = w.server.delivered, sent = world_flow(&w, &w.client, 2 * SEC, MSEC, 1000, first);

	world_run(&w, SEC / 2);
	return (w.server.delivered - before) * 100 / sent;
}

static void congestion_control(void **state)
{
	static const enum rate_control turns[] = { RATE_CUBIC, RATE_ADAPTIVE, RATE_NONE, RATE_CUBIC, RATE_NONE, RATE_ADAPTIVE };
	struct tunnel_settings set;
	u32 first = 1;

	(void)state;
	start(91);
	set = w.client_settings;
	for (size_t i = 0; i < ARRAY_SIZE(turns); i++, first += 10000) {
		u32 percent;

		set.congestion = turns[i];
		tunnel_change(w.client.tunnel, &set, w.now_us);
		for (u32 k = 0; k < TG_MAX_PATHS; k++)
			if (w.client.tunnel->uplinks[k])
				assert_int_equal(w.client.tunnel->uplinks[k]->rate.control, turns[i]);
		percent = arrives(first);
		print_message("%s: %u %%\n", rate_control_name(turns[i]), percent);
		assert_in_range(percent, 97, 100);
	}
	world_end(&w);
}

static void strategy_and_keys(void **state)
{
	struct tunnel_settings set;
	u64 before;

	(void)state;
	start(92);
	arrives(1);
	before = w.bytes_to_server;
	arrives(10000);
	assert_in_range(w.bytes_to_server - before, 2000000, 2600000);

	set = w.client_settings;
	set.strategy = SCHED_REDUNDANT;
	set.rekey_us = SEC / 2;
	tunnel_change(w.client.tunnel, &set, w.now_us);
	before = w.bytes_to_server;
	assert_in_range(arrives(20000), 97, 100);
	assert_in_range(w.bytes_to_server - before, 3900000, 5000000);		/* everything twice */
	assert_true(tunnel_counters(w.client.tunnel)->rekeys >= 4);

	set.strategy = SCHED_ADAPTIVE;
	set.rekey_us = 0;			/* 0 is the default here as well */
	tunnel_change(w.client.tunnel, &set, w.now_us);
	assert_int_equal(w.client.tunnel->set.rekey_us, REKEY_AFTER_US);
	arrives(30000);
	before = w.bytes_to_server;
	arrives(40000);
	assert_in_range(w.bytes_to_server - before, 2000000, 2600000);
	world_end(&w);
}

/* The server's end: its sessions send otherwise from now on; and idle ones are forgotten sooner. */
static void a_server(void **state)
{
	struct tunnel_settings set;
	u64 before;

	(void)state;
	start(93);
	set = w.server_settings;
	set.strategy = SCHED_REDUNDANT;
	set.idle_timeout_us = 40 * SEC;
	tunnel_change(w.server.tunnel, &set, w.now_us);
	before = w.bytes_to_client;
	world_flow(&w, &w.server, SEC, MSEC, 1000, 1);
	world_run(&w, SEC / 2);
	assert_in_range(w.bytes_to_client - before, 1950000, 2500000);
	w.links[1].cut = w.links[2].cut = true;
	world_run(&w, 60 * SEC);
	assert_int_equal(w.closed, 1);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(congestion_control),
		cmocka_unit_test(strategy_and_keys),
		cmocka_unit_test(a_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
