// SPDX-License-Identifier: MIT
/* sending_test.c - what the settings of how an end sends do to real traffic between two engines */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/client_path.h"

#define SLOW_BYTES 1250000u	/* 10 Mbit/s */

static struct world w;

static struct tunnel_path_info client_path(u32 link)
{
	return world_client_path(&w, link);
}

static void start(u32 links)
{
	world_start(&w, links);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
}

static u64 client_lost(u32 links)
{
	u64 lost = 0;

	for (u32 i = 1; i <= links; i++)
		lost += client_path(i).lost_packets;
	return lost;
}

/* Twice what two slow links carry. */
static void overload(enum rate_control congestion)
{
	world_init(&w, 21);
	w.client_settings.congestion = congestion;
	w.links[1].rate_bytes = w.links[2].rate_bytes = SLOW_BYTES;
	start(2);
	world_flow(&w, &w.client, 3 * SEC, 240, 1200, 1);
}

static void congestion_control_keeps_an_overloaded_link_from_losing(void **state)
{
	u64 adaptive, cubic, none, window;

	(void)state;
	overload(RATE_ADAPTIVE);
	adaptive = client_lost(2);
	assert_true(client_path(1).pace_bytes > SLOW_BYTES / 2 && client_path(1).pace_bytes < 2 * SLOW_BYTES);
	world_end(&w);

	overload(RATE_CUBIC);
	cubic = client_lost(2);
	window = client_path(1).window_bytes;
	assert_true(window > 10000 && window < SLOW_BYTES);	/* the delay and the link's queue hold less than a quarter of that */
	world_end(&w);

	overload(RATE_NONE);
	none = client_lost(2);
	assert_int_equal(client_path(1).pace_bytes, 0);
	assert_true(client_path(1).window_bytes == UINT64_MAX);
	world_end(&w);

	print_message("lost: adaptive %llu, cubic %llu, none %llu\n", (unsigned long long)adaptive, (unsigned long long)cubic,
		      (unsigned long long)none);
	assert_true(none > 3000);
	assert_true(adaptive < none / 10);
	assert_true(cubic < none / 4);
}

/* Once it made up for 5 ms at once, and whatever came after it waited so long at the link: a call beside downloads, 6 ms at p99. */
static void a_late_turn_does_not_make_up_for_all_it_missed(void **state)
{
	u64 before;

	(void)state;
	overload(RATE_ADAPTIVE);
	before = client_path(1).sent_bytes;
	w.now_us += 8 * MSEC;
	tunnel_tick(w.client.tunnel, w.now_us);
	/* A millisecond that was missed, one ahead, and a packet of 1200 bytes that was due. */
	assert_in_range(client_path(1).sent_bytes - before, 1200, SLOW_BYTES * 2 / 1000 + 1400);
	world_end(&w);
}

static void a_server_sends_by_its_own_strategy(void **state)
{
	(void)state;
	world_init(&w, 22);
	w.server_settings.strategy = SCHED_REDUNDANT;
	start(2);
	world_flow(&w, &w.server, SEC, 5 * MSEC, 1000, 1);
	world_run(&w, SEC);
	assert_int_equal(w.client.delivered, 200);
	assert_true(tunnel_counters(w.client.tunnel)->drops[TG_DROP_COPY] >= 190);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1000);	/* the client's is not changed by it */
	assert_true(tunnel_counters(w.server.tunnel)->drops[TG_DROP_COPY] < 100);
	world_end(&w);
}

/* A flow of small packets, and the faster link falls silent under it. Returns how many of n did not arrive. */
static u32 lost_by_a_cut(bool no_copies, u32 *late)
{
	u32 n;

	world_init(&w, 23);
	w.client_settings.no_copies = no_copies;
	start(2);
	n = world_flow(&w, &w.client, SEC, 20 * MSEC, 100, 1);
	w.links[1].cut = true;
	n += world_flow(&w, &w.client, SEC, 20 * MSEC, 100, n + 1);
	world_run(&w, SEC);
	*late = w.server.out_of_order;
	assert_int_equal(client_path(1).state, TUNNEL_PATH_SUSPECT);
	return n - w.server.delivered;
}

static void a_cut_link_costs_a_copied_flow_no_packet(void **state)
{
	u32 late;

	(void)state;
	assert_int_equal(lost_by_a_cut(false, &late), 0);
	assert_int_equal(late, 0);
	assert_true(tunnel_counters(w.server.tunnel)->drops[TG_DROP_COPY] >= 45);
	world_end(&w);

	assert_true(lost_by_a_cut(true, &late) > 0);
	assert_int_equal(tunnel_counters(w.server.tunnel)->drops[TG_DROP_COPY], 0);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(congestion_control_keeps_an_overloaded_link_from_losing),
		cmocka_unit_test(a_late_turn_does_not_make_up_for_all_it_missed),
		cmocka_unit_test(a_server_sends_by_its_own_strategy),
		cmocka_unit_test(a_cut_link_costs_a_copied_flow_no_packet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
