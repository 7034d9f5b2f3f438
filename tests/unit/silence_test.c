// SPDX-License-Identifier: MIT
/* silence_test.c - one path falls silent: what that does to the others, and how long it takes to notice */
#include <errno.h>
#include <stdio.h>

#include "unit/client_path.h"
#include "unit/unit.h"
#include "unit/world.h"

#define STEP_US (5 * MSEC)

static struct world w;

/* With flags of links and this distance of each, one way. */
static void connect_links(u32 links, u8 last_flags, u64 last_delay_us)
{
	world_init(&w, 61);
	w.link_flags[links] = last_flags;
	w.links[links].delay_us = last_delay_us;
	world_start(&w, links);
	world_run(&w, SEC);
	for (u32 i = 1; i <= links; i++)
		assert_int_equal(world_client_path(&w, i).state, TUNNEL_PATH_UP);
}

/* The client sends a packet a millisecond. How long until its path on this link is suspect; TIME_NEVER: not within `most_us`. */
static u64 silence_after_us(u32 link, u64 most_us)
{
	u64 began = w.now_us;

	for (u32 n = 100000; w.now_us - began < most_us; n += 100) {
		world_flow(&w, &w.client, STEP_US, MSEC, 1000, n);
		if (world_client_path(&w, link).state == TUNNEL_PATH_SUSPECT)
			return w.now_us - began;
	}
	return TIME_NEVER;
}

/* Acks of all paths come by the best one. When that dies they come by another, before the rest look silent, too. */
static void a_dead_best_path_does_not_make_the_others_look_silent(void **state)
{
	(void)state;
	world_init(&w, 62);
	w.client_settings.strategy = SCHED_WEIGHTED_ROUND_ROBIN;
	w.links[1].delay_us = 95 * MSEC;
	w.links[2].delay_us = w.links[3].delay_us = 120 * MSEC;
	world_start(&w, 3);
	world_run(&w, SEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	w.links[1].cut = true;
	for (u32 n = 0; n < 100; n++) {
		world_flow(&w, &w.client, STEP_US, MSEC, 1000, 10000 + 100 * n);
		assert_int_equal(world_client_path(&w, 2).state, TUNNEL_PATH_UP);
		assert_int_equal(world_client_path(&w, 3).state, TUNNEL_PATH_UP);
	}
	assert_int_equal(world_client_path(&w, 1).state, TUNNEL_PATH_SUSPECT);
	world_end(&w);
}

/* Both links that carry traffic die at once, and only the satellite is left to tell: its round trip is waited for once, not several times. */
static void a_far_backup_makes_us_wait_once(void **state)
{
	u64 near_us;

	(void)state;
	connect_links(2, 0, 20 * MSEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	w.links[1].cut = w.links[2].cut = true;
	near_us = silence_after_us(1, 3 * SEC);
	assert_true(near_us < 3 * SEC);
	world_end(&w);
	connect_links(3, TG_LINK_BACKUP, 300 * MSEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	w.links[1].cut = w.links[2].cut = true;
	assert_true(silence_after_us(1, 3 * SEC) <= near_us + 600 * MSEC + STEP_US);
	world_end(&w);
}

/* CoDel lets so much wait that the farthest path which carries traffic is filled; a backup carries none. */
static void an_idle_backup_does_not_let_the_queue_grow(void **state)
{
	u64 alone_us, beside_us;

	(void)state;
	connect_links(1, 0, 10 * MSEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	alone_us = w.client.tunnel->session->queue.codel.target_us;
	world_end(&w);
	connect_links(2, TG_LINK_BACKUP, 60 * MSEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	assert_int_equal(w.client.tunnel->session->queue.codel.target_us, alone_us);
	world_end(&w);
	connect_links(2, 0, 60 * MSEC);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	beside_us = w.client.tunnel->session->queue.codel.target_us;
	assert_true(beside_us > alone_us);
	world_end(&w);
}

/* ---- what came before the silence ---- */

#define THIN_BYTES 125000u	/* a second */
#define THIN_LATER_US (120 * MSEC)

/* A fast link and a thin one, learnt as both get more than they carry: one packet of 1000 bytes in gap_us. The fast one dies, and acks by the
 * other take longer than ever: our clock knows before anybody tells. Until then the peer has what was on its way, and nobody knows of that, as its acks died as well. */
static void cut_before_anybody_tells(u64 gap_us)
{
	world_init(&w, 63);
	w.links[1].rate_bytes = 1250000;
	w.links[2].rate_bytes = THIN_BYTES;
	w.links[1].delay_us = 40 * MSEC;
	w.links[2].delay_us = 60 * MSEC;
	world_start(&w, 2);
	world_run(&w, SEC);
	world_flow(&w, &w.client, 6 * SEC, gap_us, 1000, 1);
	w.links[1].cut = true;
	w.links[2].delay_us = THIN_LATER_US;
	for (u32 n = 0; world_client_path(&w, 1).state == TUNNEL_PATH_UP && n < 100; n++)
		world_flow(&w, &w.client, STEP_US, gap_us, 1000, 100000 + 100 * n);
	assert_int_equal(world_client_path(&w, 1).state, TUNNEL_PATH_SUSPECT);
}

static const struct reorder *server_reorder(void)
{
	const struct session *s = map_get(&w.server.tunnel->by_handle, w.client.tunnel->session->handle);

	return &s->reorder;
}

/* The thin link carried again what the peer had long had, and what it missed waited behind that. Only what left before the peer's word
 * can have come, the thin link's round trip, may be in vain. */
static void what_came_before_a_silence_is_not_sent_again(void **state)
{
	static const u64 gaps_us[] = { 680, 700, 710, 720, 740 };
	const u64 bound = 2 * THIN_LATER_US * THIN_BYTES / 1000 / SEC;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(gaps_us); i++) {
		const struct session *s;
		u64 copies;

		cut_before_anybody_tells(gaps_us[i]);
		s = w.client.tunnel->session;
		assert_true(s->again.count > 100);
		copies = server_reorder()->copies;
		for (u32 n = 0; s->again.count && n < 5; n++)
			world_run(&w, SEC);
		assert_int_equal(s->again.count, 0);
		print_message("%llu copies\n", (unsigned long long)(server_reorder()->copies - copies));
		assert_true(server_reorder()->copies - copies <= bound);
		world_end(&w);
	}
}

/* A late ack of the few that came before took a dead path for alive, and all that was to be repaired went there. */
static void late_acks_of_a_few_do_not_raise_a_dead_path(void **state)
{
	(void)state;
	cut_before_anybody_tells(700);
	for (u32 n = 0; n < 2000; n++) {
		world_run(&w, MSEC);
		assert_int_equal(world_client_path(&w, 1).state, TUNNEL_PATH_SUSPECT);
	}
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_best_path_does_not_make_the_others_look_silent),
		cmocka_unit_test(a_far_backup_makes_us_wait_once),
		cmocka_unit_test(an_idle_backup_does_not_let_the_queue_grow),
		cmocka_unit_test(what_came_before_a_silence_is_not_sent_again),
		cmocka_unit_test(late_acks_of_a_few_do_not_raise_a_dead_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
