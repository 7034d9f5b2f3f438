// SPDX-License-Identifier: MIT
/* why_test.c - what is said of a flow is what the engine then does with it */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include <triglav/flow.h>

#include "unit/world.h"

static struct world w;
static struct tunnel_why why;

/* The flow of world_send(), as the client sends it. */
static struct tg_flow client_flow(void)
{
	return (struct tg_flow){ .family = 4, .protocol = TG_PROTO_UDP, .sport = 4000, .dport = 5000, .src = { 10, 0, 85, 2 },
				 .dst = { 203, 0, 113, 5 } };
}

static void ask(struct world_end *end)
{
	struct tg_flow flow = client_flow();

	assert_int_equal(tunnel_why(end->tunnel, &flow, 0, &why, w.now_us), 0);	/* the engine's own hash has no key */
}

static const struct tunnel_why_path *path_named(char letter)
{
	for (u32 i = 0; i < why.path_count; i++)
		if (why.paths[i].name[0] == letter)
			return &why.paths[i];
	fail_msg("no path %c", letter);
	return NULL;
}

static void start(u32 links)
{
	world_start(&w, links);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
}

static void a_flow_is_unseen_then_sparse_then_bulk(void **state)
{
	(void)state;
	world_init(&w, 41);
	start(2);
	ask(&w.client);
	assert_false(why.seen);
	assert_int_equal(why.path_count, 2);

	world_flow(&w, &w.client, SEC, 20 * MSEC, 100, 1);
	ask(&w.client);
	assert_true(why.seen && !why.bulk);
	assert_int_equal(why.numbered, 0);
	assert_true(why.idle_us <= 120 * MSEC);
	assert_int_equal(why.paths[why.sparse_path].name[0], 'a');	/* 10 ms against 20 */
	assert_int_equal(why.paths[why.copy_path].name[0], 'b');
	assert_true(path_named('a')->samples >= 2);
	assert_int_equal(path_named('b')->samples, 0);

	world_flow(&w, &w.client, SEC, MSEC, 1000, 100);
	ask(&w.client);
	assert_true(why.seen && why.bulk && why.stripe && why.ordered);
	assert_true(why.numbered > 900 && why.numbered <= 1000);
	assert_int_equal(why.session.carried_packets, 1050);
	assert_true(path_named('a')->samples + path_named('b')->samples >= 70);
	world_end(&w);
}

static u32 marked_link;		/* by which the first datagram with the packet of 1400 bytes left */

static bool watch_marked(void *arg, struct flying *f)
{
	(void)arg;
	for (u32 i = 1; f->to_server && f->len > 1400 && !marked_link && i <= WORLD_LINKS; i++)
		if (addr_equal(&w.links[i].address, &f->from.remote))
			marked_link = i;
	return true;
}

/* The next bulk packet takes the path that was named. Acks that come meanwhile may change the plan: seldom enough. */
static void what_is_foretold_happens(void **state)
{
	u32 right = 0, by_link[3] = { 0 };

	(void)state;
	world_init(&w, 42);
	w.tap = watch_marked;
	w.links[1].rate_bytes = w.links[2].rate_bytes = 1250000;
	start(2);
	world_flow(&w, &w.client, SEC, 420, 1000, 1);
	for (u32 i = 0; i < 100; i++) {
		world_flow(&w, &w.client, 20 * MSEC, 425 + i % 4 * 10, 1000, 10000 + 100 * i);
		ask(&w.client);
		assert_in_range(why.bulk_path, 0, 1);
		marked_link = 0;
		world_send(&w, &w.client, 10000 + 100 * i + 95, 1400);
		world_run(&w, 30 * MSEC);
		assert_in_range(marked_link, 1, 2);
		by_link[marked_link]++;
		right += why.paths[why.bulk_path].name[0] == (char)('a' + marked_link - 1);
	}
	print_message("%u of 100 right; %u by a, %u by b\n", right, by_link[1], by_link[2]);
	assert_true(by_link[1] >= 20 && by_link[2] >= 20);
	assert_true(right >= 75);
	world_end(&w);
}

static void paths_say_why_they_are_left_out(void **state)
{
	(void)state;
	world_init(&w, 43);
	w.links[3].delay_us = 400 * MSEC;
	start(4);
	world_run(&w, 3 * SEC);
	tunnel_path_limit(w.client.tunnel, 4, 0, 0, w.now_us);
	tunnel_path_set(w.client.tunnel, 2, 1, TG_LINK_BACKUP);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	ask(&w.client);
	assert_string_equal(path_named('a')->left_out, "");
	assert_string_equal(path_named('b')->left_out, "a backup, and others are up");
	assert_string_equal(path_named('d')->left_out, "its quota is used up");
	assert_string_equal(path_named('c')->left_out, sched_exclusion_name(SCHED_TOO_SLOW));
	assert_true(path_named('c')->arrival_us > path_named('a')->arrival_us + 350 * MSEC);

	w.links[1].cut = true;
	world_flow(&w, &w.client, SEC, MSEC, 1000, 3000);
	ask(&w.client);
	assert_string_equal(path_named('a')->left_out, "it is silent");
	assert_false(path_named('a')->usable);
	tunnel_path_carrier(w.client.tunnel, 1, false, w.now_us);
	ask(&w.client);
	assert_string_equal(path_named('a')->left_out, "the link is gone");
	world_end(&w);
}

static void a_server_finds_the_session_from_either_end(void **state)
{
	struct tg_flow flow = client_flow(), stranger = client_flow();

	(void)state;
	world_init(&w, 44);
	start(2);
	world_flow(&w, &w.server, SEC, MSEC, 1000, 1);
	ask(&w.server);		/* the client's flow the other way round: another one than that */
	assert_false(why.seen);
	flow.sport = 5000;
	flow.dport = 4000;
	assert_int_equal(tunnel_why(w.server.tunnel, &flow, 0, &why, w.now_us), 0);	/* as the client's packets would leave */
	assert_true(why.seen && why.bulk);
	flow = (struct tg_flow){ .family = 4, .protocol = TG_PROTO_UDP, .sport = 4000, .dport = 5000, .src = { 203, 0, 113, 5 },
				 .dst = { 10, 0, 85, 2 } };
	assert_int_equal(tunnel_why(w.server.tunnel, &flow, 0, &why, w.now_us), 0);	/* as the server's do */
	assert_true(why.seen && why.bulk);
	stranger.src[3] = 77;
	assert_int_equal(tunnel_why(w.server.tunnel, &stranger, 0, &why, w.now_us), -ENOENT);
	world_end(&w);
}

static void one_open_path_goes_straight(void **state)
{
	(void)state;
	world_init(&w, 45);
	w.links[1].delay_us = MSEC;
	start(1);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	ask(&w.client);
	assert_true(why.straight && !why.stripe && !why.ordered);
	assert_false(why.seen);
	tunnel_path_limit(w.client.tunnel, 1, 500000, TG_QUOTA_NONE, w.now_us);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 2000);
	ask(&w.client);
	assert_true(!why.straight && why.seen && why.bulk);
	assert_true(why.waiting_packets > 0);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_unseen_then_sparse_then_bulk),
		cmocka_unit_test(what_is_foretold_happens),
		cmocka_unit_test(paths_say_why_they_are_left_out),
		cmocka_unit_test(a_server_finds_the_session_from_either_end),
		cmocka_unit_test(one_open_path_goes_straight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
