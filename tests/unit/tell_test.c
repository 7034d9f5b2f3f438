// SPDX-License-Identifier: MIT
/* tell_test.c - which senders learn of a dead link by one of the packets that it lost */
#include <errno.h>
#include <stdio.h>

#include "unit/client_path.h"
#include "unit/unit.h"
#include "unit/world.h"

#define PACKET 1200u
#define SHORT_FLOW 16u		/* packets */

static struct world w;

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

/* Links of 10 Mbit/s each, whose rates have been learnt, and ten seconds old: one that has come lately may be gone for a moment only. */
static void connect_links(u32 links, u8 last_flags)
{
	world_init(&w, 23);
	for (u32 i = 1; i <= links; i++) {
		w.links[i].rate_bytes = 1250000;
		w.links[i].delay_us = 25 * MSEC;
	}
	w.link_flags[links] = last_flags;
	w.client_settings.aggregation = SCHED_FULL;
	world_start(&w, links);
	world_run(&w, 10 * SEC);
	world_flow(&w, &w.client, 2 * SEC, PACKET * SEC / 5000000, PACKET, 1);
	world_run(&w, SEC);
}

/* Sends so many bytes per second, in flows of so many packets. */
static void load(u64 us, u64 bytes_per_second, u32 flow_packets)
{
	u64 until = w.now_us + us;

	for (u32 n = 0; w.now_us < until; n++) {
		if (n && n % flow_packets == 0)
			w.flow++;
		world_send(&w, &w.client, 100000 + n, PACKET);
		world_run(&w, PACKET * SEC / bytes_per_second);
	}
}

/* How many packets were not repaired when the first link died under such a load. */
static u64 skipped_at_a_cut(u64 bytes_per_second, u32 flow_packets)
{
	const struct session *s = w.client.tunnel->session;
	u64 before;

	load(SEC, bytes_per_second, flow_packets);
	before = s->skipped;
	w.links[1].cut = true;
	load(400 * MSEC, bytes_per_second, flow_packets);
	assert_int_equal(world_client_path(&w, 1).state, TUNNEL_PATH_SUSPECT);
	return s->skipped - before;
}

static void a_sender_is_told_that_a_link_is_dead(void **state)
{
	(void)state;
	connect_links(2, 0);
	assert_int_equal(skipped_at_a_cut(2300000, UINT32_MAX), 1);
}

static void nobody_is_told_when_the_other_link_carries_it(void **state)
{
	(void)state;
	connect_links(2, 0);
	assert_int_equal(skipped_at_a_cut(600000, UINT32_MAX), 0);
}

/* They have no window to cut, and what is not repaired may be their last packet, which nothing tells of. */
static void short_flows_lose_nothing(void **state)
{
	(void)state;
	connect_links(2, 0);
	assert_int_equal(skipped_at_a_cut(2300000, SHORT_FLOW), 0);
}

/* It carries nothing while another does, and what it could is unknown. */
static void an_idle_backup_changes_nothing(void **state)
{
	(void)state;
	connect_links(3, TG_LINK_BACKUP);
	assert_int_equal(skipped_at_a_cut(2300000, UINT32_MAX), 1);
}

static void who_knows_ecn_is_marked_and_repaired(void **state)
{
	u64 before;

	(void)state;
	connect_links(2, 0);
	w.tos = 2;	/* ECT(0) */
	load(SEC, 600000, UINT32_MAX);
	before = w.client.tunnel->session->queue.marks;
	assert_int_equal(skipped_at_a_cut(2300000, UINT32_MAX), 0);
	assert_true(w.client.tunnel->session->queue.marks > before);
}

static void a_link_that_has_come_lately_tells_nobody(void **state)
{
	(void)state;
	connect_links(2, 0);
	w.links[1].cut = true;
	load(400 * MSEC, 600000, UINT32_MAX);
	w.links[1].cut = false;
	load(3 * SEC, 600000, UINT32_MAX);
	assert_int_equal(world_client_path(&w, 1).state, TUNNEL_PATH_UP);
	assert_int_equal(skipped_at_a_cut(2300000, UINT32_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_sender_is_told_that_a_link_is_dead, end),
		cmocka_unit_test_teardown(nobody_is_told_when_the_other_link_carries_it, end),
		cmocka_unit_test_teardown(short_flows_lose_nothing, end),
		cmocka_unit_test_teardown(an_idle_backup_changes_nothing, end),
		cmocka_unit_test_teardown(who_knows_ecn_is_marked_and_repaired, end),
		cmocka_unit_test_teardown(a_link_that_has_come_lately_tells_nobody, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
