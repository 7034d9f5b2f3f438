// SPDX-License-Identifier: MIT
/* halves_test.c - inner packets larger than a path carries cross it in halves, between two engines */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

static struct world w;

static struct session *session_at(const struct world_end *end)
{
	struct session *s = w.client.tunnel->session;

	return end == &w.client ? s : map_get(&w.server.tunnel->by_handle, s->handle);
}

/* Paths of 10 ms and more, so that bulk is paced and ordered on a lone one as well. */
static void connect_links(u32 links, u32 mtu1, u32 mtu2)
{
	world_init(&w, 11);
	w.client_settings.mtu = w.server_settings.mtu = 1500;
	w.links[1].mtu = mtu1;
	w.links[2].mtu = mtu2;
	w.links[1].delay_us = w.links[2].delay_us = 10 * MSEC;
	world_start(&w, links);
	world_run(&w, 15 * SEC);
	assert_int_equal(w.connected, 1);
}

static u64 data_drops(const struct world_end *end)
{
	static const enum tg_drop reasons[] = { TG_DROP_FRAGMENT, TG_DROP_TOO_LARGE, TG_DROP_INNER_MALFORMED, TG_DROP_COPY,
						TG_DROP_NO_BUFFER, TG_DROP_QUEUE_FULL, TG_DROP_QUEUE_DELAY };
	u64 sum = 0;

	for (u32 i = 0; i < ARRAY_SIZE(reasons); i++)
		sum += tunnel_counters(end->tunnel)->drops[reasons[i]];
	return sum;
}

/* Packets of both kinds, both ways. Returns how many each end sent. */
static u32 talk(u32 len, u64 gap_us, u64 us)
{
	u64 until = w.now_us + us;
	u32 n = 0;

	for (; w.now_us < until; n++) {
		world_send(&w, &w.client, n, len);
		world_send(&w, &w.server, n, len);
		world_run(&w, gap_us);
	}
	world_run(&w, SEC);
	return n;
}

static void packets_of_1500_cross_any_path_whole(void **state)
{
	static const struct {
		const char *what;
		u32 links, mtu1, mtu2;
		u64 gap_us;
	} ways[] = {
		{ "a wide path, sparse", 1, 1500, 0, 100 * MSEC },
		{ "a wide path, bulk", 1, 1500, 0, MSEC },
		{ "a narrow path, sparse", 1, 1400, 0, 100 * MSEC },
		{ "a narrow path, bulk", 1, 1400, 0, MSEC },
		{ "the narrowest, bulk", 1, 1200, 0, MSEC },
		{ "both, sparse", 2, 1500, 1400, 100 * MSEC },
		{ "both, bulk", 2, 1500, 1400, MSEC },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		u32 n;

		connect_links(ways[i].links, ways[i].mtu1, ways[i].mtu2);
		n = talk(1500, ways[i].gap_us, 3 * SEC);
		if (w.server.delivered != n || w.client.delivered != n || w.server.out_of_order)
			print_message("%s: %u and %u of %u, %u out of order\n", ways[i].what, w.server.delivered,
				      w.client.delivered, n, w.server.out_of_order);
		assert_int_equal(w.server.delivered, n);
		assert_int_equal(w.client.delivered, n);
		assert_int_equal(w.server.out_of_order, 0);
		assert_int_equal(data_drops(&w.client) + data_drops(&w.server), 0);
		assert_true(session_at(&w.client)->halved > 0);
		assert_int_equal(session_at(&w.server)->halves.joined, session_at(&w.client)->halved);
		assert_int_equal(session_at(&w.server)->delivered_packets, n);
		world_end(&w);
	}
}

static void what_fits_is_never_cut(void **state)
{
	(void)state;
	connect_links(2, 1500, 1400);
	talk(1400 - 28 - 32, MSEC, SEC);
	assert_int_equal(session_at(&w.client)->halved, 0);
	talk(1400 - 28 - 32 + 1, MSEC, SEC);
	assert_true(session_at(&w.client)->halved > 500);
	world_end(&w);
}

static void lost_halves_are_repaired(void **state)
{
	u32 n;

	(void)state;
	connect_links(2, 1400, 1400);
	w.links[1].loss_permille = 30;
	n = talk(1500, MSEC, 5 * SEC);
	assert_true(session_at(&w.client)->repaired > 50);
	assert_true(w.server.delivered >= n - n / 500);
	assert_int_equal(session_at(&w.server)->halves.held, 0);
	world_end(&w);
}

static void copies_of_halves_are_joined_once(void **state)
{
	u32 n;

	(void)state;
	world_init(&w, 5);
	w.client_settings.mtu = w.server_settings.mtu = 1500;
	w.client_settings.strategy = SCHED_REDUNDANT;
	w.links[1].mtu = w.links[2].mtu = 1400;
	w.links[1].loss_permille = 20;
	world_start(&w, 2);
	world_run(&w, 15 * SEC);
	n = world_flow(&w, &w.client, 2 * SEC, 5 * MSEC, 1500, 1);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, n);
	assert_int_equal(session_at(&w.server)->halves.joined, n);
	world_end(&w);
}

/* The way becomes narrow in the middle of a flow; what is lost of it is not our sender's to send again here. */
static void a_hole_stops_a_flow_for_3_s_at_most(void **state)
{
	u32 before;

	(void)state;
	connect_links(1, 0, 0);
	talk(1420, 10 * MSEC, SEC);
	w.links[1].mtu = 1350;
	world_flow(&w, &w.client, 3 * SEC, 10 * MSEC, 1420, 1000);
	before = w.server.delivered;
	world_flow(&w, &w.client, SEC, 10 * MSEC, 1420, 2000);
	world_run(&w, SEC);
	assert_true(w.server.delivered >= before + 95);
	world_end(&w);
}

/* A path beside it carries them: they are repaired there, not given up. */
static void a_hole_on_one_of_two_paths_loses_little(void **state)
{
	u32 n;

	(void)state;
	connect_links(2, 0, 0);
	w.links[1].mtu = 1350;
	n = world_flow(&w, &w.client, 5 * SEC, 2 * MSEC, 1420, 1);
	world_run(&w, SEC);
	assert_true(session_at(&w.client)->paths[0]->pmtu.current < 1350);
	if (w.server.delivered < n - n / 20)
		print_message("%u of %u\n", w.server.delivered, n);
	assert_true(w.server.delivered >= n - n / 20);
	world_end(&w);
}

static void a_peer_that_cannot_join_gets_none(void **state)
{
	(void)state;
	connect_links(1, 1400, 0);
	session_at(&w.client)->peer_halves = false;
	world_flow(&w, &w.client, SEC, 10 * MSEC, 1500, 1);
	assert_int_equal(session_at(&w.client)->halved, 0);
	world_end(&w);
}

/* Every last half is taken away: the first ones are given up, and their bufs come back. */
static bool only_first_halves(void *arg, struct flying *f)
{
	(void)arg;
	return f->data[0] != TG_TYPE_DATA || !(f->data[1] & TG_FLAG_LAST);
}

static void a_half_alone_is_given_up(void **state)
{
	(void)state;
	connect_links(1, 1400, 0);
	w.tap = only_first_halves;
	world_flow(&w, &w.client, SEC, 100 * MSEC, 1500, 1);
	world_run(&w, 3 * SEC);
	assert_int_equal(w.server.delivered, 0);
	assert_int_equal(session_at(&w.server)->halves.held, 0);
	assert_true(tunnel_counters(w.server.tunnel)->drops[TG_DROP_FRAGMENT] >= 10);
	world_end(&w);
}

/* Whoever may send halves may still not send from foreign addresses. */
static void joined_packets_are_screened(void **state)
{
	static const u8 stolen[4] = { 10, 0, 85, 77 };
	struct buf_queue q = { 0 };
	struct buf *b;

	(void)state;
	connect_links(1, 1400, 0);
	b = buf_take(w.client.pool);
	memset(b->data, 0, 1500);
	b->len = 1500;
	b->data[0] = 0x45;
	put_be16(b->data + 2, 1500);
	b->data[9] = 17;
	memcpy(b->data + 12, stolen, 4);
	buf_queue_add(&q, b);
	tunnel_send(w.client.tunnel, &q, w.now_us);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, 0);
	assert_int_equal(tunnel_counters(w.server.tunnel)->drops[TG_DROP_INNER_SOURCE], 1);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_1500_cross_any_path_whole),
		cmocka_unit_test(what_fits_is_never_cut),
		cmocka_unit_test(lost_halves_are_repaired),
		cmocka_unit_test(copies_of_halves_are_joined_once),
		cmocka_unit_test(a_hole_stops_a_flow_for_3_s_at_most),
		cmocka_unit_test(a_hole_on_one_of_two_paths_loses_little),
		cmocka_unit_test(a_peer_that_cannot_join_gets_none),
		cmocka_unit_test(a_half_alone_is_given_up),
		cmocka_unit_test(joined_packets_are_screened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
