// SPDX-License-Identifier: MIT
/* filtered_test.c - the engine behind a filter that drops second copies: the peer still learns what arrived
 *
 * The filter is that of the uplinks (triglav/filter.h), with arrays for maps, in front of the server.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/internal.h"
#include "unit/world.h"

#define INDICES 64u

static struct world w;
static struct { u32 index; struct tg_index entry; bool used; } indices[INDICES];
static struct tg_seen window;
static struct tg_skips noted;
static struct tg_settings settings;
static bool seen_taken;
static u32 used, freed, filtered, forged;
static bool forging;

/* ---- the filter's tables ---- */

static const struct tg_settings *tg_find_settings(void)
{
	return &settings;
}

static const struct tg_end *tg_find_end(const struct tg_end_key *key)
{
	(void)key;
	return NULL;
}

static struct tg_index *tg_find_index(__u32 index)
{
	for (u32 i = 0; i < INDICES; i++)
		if (indices[i].used && indices[i].index == index)
			return &indices[i].entry;
	return NULL;
}

static const struct tg_seen *tg_find_seen(__u32 slot)
{
	return slot == 0 ? &window : NULL;
}

static struct tg_skips *tg_find_skips(__u32 slot)
{
	return slot == 0 ? &noted : NULL;
}

static struct tg_rate *tg_find_rate(void)
{
	return NULL;
}

static struct tg_known *tg_find_known(const struct tg_source *source)
{
	(void)source;
	return NULL;
}

static __u64 tg_find_now(void)
{
	return w.now_us * 1000;
}

#include <triglav/filter.h>

/* ---- what the engine tells ---- */

static bool is_server(void *ctx)
{
	return ctx == &w.server;
}

static void on_index_used(void *ctx, u32 index, u32 slot, u32 path)
{
	struct tg_index *known = tg_find_index(index);

	if (!is_server(ctx))
		return;
	if (known) {
		*known = (struct tg_index){ .seen = slot, .path = path };
		return;
	}
	used++;
	for (u32 i = 0; i < INDICES; i++) {
		if (indices[i].used)
			continue;
		indices[i].used = true;
		indices[i].index = index;
		indices[i].entry = (struct tg_index){ .seen = slot, .path = path };
		return;
	}
	fail_msg("more than %u indices at a time", INDICES);
}

static void on_index_freed(void *ctx, u32 index)
{
	if (!is_server(ctx))
		return;
	freed++;
	for (u32 i = 0; i < INDICES; i++)
		if (indices[i].index == index)
			indices[i].used = false;
}

static bool on_seen_take(void *ctx, u32 *slot, struct tg_seen **ids, struct tg_skips **dropped)
{
	if (!is_server(ctx) || seen_taken)
		return false;
	seen_taken = true;
	memset(&window, 0, sizeof(window));
	memset(&noted, 0, sizeof(noted));
	*slot = 0;
	*ids = &window;
	*dropped = &noted;
	return true;
}

static void on_seen_give(void *ctx, u32 slot)
{
	assert_true(is_server(ctx) && seen_taken && slot == 0);
	seen_taken = false;
}

/* ---- the filter ---- */

/* Somebody who sees the traffic sends copies of it with other numbers. */
static void forge(const u8 *p)
{
	u8 copy[TG_HEADER_BYTES + TG_COPY_ID_BYTES];
	struct tg_end end = { 0 };

	memcpy(copy, p, sizeof(copy));
	for (u32 i = 0; i < 3; i++) {
		put_be32(copy + 8, i ? get_be32(p + 8) + rand_u32(&w.random) % 300 : rand_u32(&w.random));
		forged += tg_filter_packet(&settings, &end, copy, tg_find_now()) == TG_DROP_COPY;
	}
}

static bool on_arrival(void *arg, struct flying *f)
{
	struct tg_end end = { .flags = TG_END_SERVER };
	enum tg_drop reason;

	(void)arg;
	if (!f->to_server || (f->data[0] != TG_TYPE_DATA && f->data[0] != TG_TYPE_CONTROL))
		return true;
	reason = tg_filter_packet(&settings, &end, f->data, tg_find_now());
	assert_int_not_equal(reason, TG_DROP_NO_SESSION);
	filtered += reason == TG_DROP_COPY;
	if (forging && reason == TG_DROP_COPY)
		forge(f->data);
	return reason == TG_DROP_COUNT;
}

static struct tunnel_events events;

static void begin(void)
{
	memset(indices, 0, sizeof(indices));
	seen_taken = forging = false;
	used = freed = filtered = forged = 0;
	events = world_events;
	events.index_used = on_index_used;
	events.index_freed = on_index_freed;
	events.seen_take = on_seen_take;
	events.seen_give = on_seen_give;
	world_init(&w, 5);
	w.events = &events;
	w.filter = on_arrival;
	w.client_settings.strategy = SCHED_REDUNDANT;
	world_start(&w, 2);
	world_run(&w, SEC);
}

static struct tunnel_path_info path_of(u32 link)
{
	struct tunnel_path_info paths[TG_MAX_PATHS];
	u32 n = tunnel_paths(w.client.tunnel, paths, TG_MAX_PATHS, w.now_us);

	for (u32 i = 0; i < n; i++)
		if (paths[i].link == link)
			return paths[i];
	fail_msg("no path of link %u", link);
	return paths[0];
}

static u64 copies_at_server(void)
{
	return tunnel_counters(w.server.tunnel)->drops[TG_DROP_COPY];
}

static void end(void)
{
	world_end(&w);
	assert_int_equal(used, freed);
	assert_false(seen_taken);
}

/* ---- facts ---- */

static void dropped_copies_are_acked(void **state)
{
	u32 n;

	(void)state;
	begin();
	n = world_flow(&w, &w.client, 300 * MSEC, 50, 500, 1);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, n);
	assert_in_range(filtered, n * 85 / 100, n);
	assert_in_range(filtered + copies_at_server(), n - 10, n);
	for (u32 link = 1; link <= 2; link++) {
		assert_int_equal(path_of(link).state, TUNNEL_PATH_UP);
		assert_int_equal(path_of(link).lost_packets, 0);
	}
	end();
}

static void sparse_copies_pass_and_keep_their_path_measured(void **state)
{
	(void)state;
	begin();
	world_flow(&w, &w.client, SEC, 5 * MSEC, 200, 1);
	world_run(&w, SEC);
	assert_int_equal(filtered, 0);
	assert_int_equal(path_of(2).lost_packets, 0);
	end();
}

/* What ends a burst is noted, but nothing comes behind that would have it acked. */
static void bursts_of_copies_do_not_make_their_path_look_silent(void **state)
{
	u32 n = 0, suspects = 0;

	(void)state;
	begin();
	for (u32 burst = 0; burst < 20; burst++) {
		u64 rest_until = w.now_us + 200 * MSEC;

		n += world_flow(&w, &w.client, 2 * MSEC, 50, 500, 1 + n);
		for (; w.now_us < rest_until; world_run(&w, 2 * MSEC))
			suspects += path_of(1).state != TUNNEL_PATH_UP || path_of(2).state != TUNNEL_PATH_UP;
	}
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, n);
	assert_true(filtered > n / 2);
	assert_int_equal(suspects, 0);
	assert_int_equal(path_of(2).lost_packets, 0);
	end();
}

static void what_is_lost_is_still_noticed(void **state)
{
	u32 n;

	(void)state;
	begin();
	w.links[2].loss_permille = 100;
	n = world_flow(&w, &w.client, 300 * MSEC, 50, 500, 1);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, n);
	assert_true(filtered > n / 2);
	assert_in_range(path_of(2).lost_packets, n * 7 / 100, n * 13 / 100);
	assert_int_equal(path_of(1).lost_packets, 0);
	end();
}

static void keys_change_under_it(void **state)
{
	u32 n;

	(void)state;
	begin();
	world_end(&w);
	assert_int_equal(used, freed);
	begin();
	w.client_settings.rekey_us = SEC;
	tunnel_free(w.client.tunnel);
	world_start_client(&w, 2);
	world_run(&w, SEC);
	filtered = 0;
	n = world_flow(&w, &w.client, 3 * SEC, 250, 300, 1);
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, n);
	assert_true(tunnel_counters(w.server.tunnel)->rekeys >= 4);
	assert_true(filtered > n / 2);
	assert_int_equal(path_of(2).lost_packets, 0);
	end();
}

/* Whoever forges copies can hide a loss, but makes nothing up: no number is acked that was not sent, and no packet is lost by it. */
static void forged_copies_do_little(void **state)
{
	u32 n;

	(void)state;
	begin();
	forging = true;
	n = world_flow(&w, &w.client, 300 * MSEC, 50, 500, 1);
	world_run(&w, SEC);
	assert_true(forged > n);
	assert_int_equal(w.server.delivered, n);
	assert_int_equal(tunnel_counters(w.client.tunnel)->drops[TG_DROP_BAD_FRAME], 0);
	assert_int_equal(path_of(1).state, TUNNEL_PATH_UP);
	assert_int_equal(path_of(2).state, TUNNEL_PATH_UP);
	assert_in_range(path_of(2).lost_packets, 0, n / 50);
	end();
}

static struct session *session_at_server(void)
{
	struct map *m = &w.server.tunnel->by_handle;

	for (u32 i = 0; i < m->size; i++)
		if (m->entries[i].value)
			return m->entries[i].value;
	fail_msg("no session");
	return NULL;
}

/* A path that is made anew counts from 0; numbers noted for the one before it made lost packets of the new one arrive. */
static void a_new_path_has_no_numbers_of_the_one_before(void **state)
{
	static const struct tg_skip none;
	struct session *s;
	struct path *p;

	(void)state;
	begin();
	world_flow(&w, &w.client, 300 * MSEC, 50, 500, 1);
	s = session_at_server();
	assert_ptr_equal(s->skips, &noted);
	memset(&noted.paths[9], 0xff, sizeof(noted.paths[9]));
	p = path_new(w.server.tunnel, s, 9);
	assert_non_null(p);
	assert_memory_equal(&noted.paths[9], &none, sizeof(none));
	path_free(p);
	world_run(&w, SEC);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dropped_copies_are_acked),
		cmocka_unit_test(sparse_copies_pass_and_keep_their_path_measured),
		cmocka_unit_test(bursts_of_copies_do_not_make_their_path_look_silent),
		cmocka_unit_test(what_is_lost_is_still_noticed),
		cmocka_unit_test(keys_change_under_it),
		cmocka_unit_test(forged_copies_do_little),
		cmocka_unit_test(a_new_path_has_no_numbers_of_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
