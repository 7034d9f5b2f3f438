// SPDX-License-Identifier: MIT
/* tunnel_test.c - client and server engines against each other, in virtual time */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/client_path.h"

static struct world w;

static u64 client_drops(enum tg_drop reason)
{
	return tunnel_counters(w.client.tunnel)->drops[reason];
}

static u64 server_drops(enum tg_drop reason)
{
	return tunnel_counters(w.server.tunnel)->drops[reason];
}

static struct tunnel_path_info client_path(u32 link)
{
	return world_client_path(&w, link);
}

static void connect_links(u32 links)
{
	world_init(&w, 7);
	world_start(&w, links);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
	for (u32 i = 1; i <= links; i++)
		assert_int_equal(client_path(i).state, TUNNEL_PATH_UP);
}

static void a_session_opens_and_carries_packets_both_ways(void **state)
{
	(void)state;
	connect_links(1);
	assert_memory_equal(w.config.ip4, "\x0a\x00\x55\x02", 4);
	world_send(&w, &w.client, 1, 1400);
	world_send(&w, &w.server, 2, 1400);
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.server.delivered, 1);
	assert_int_equal(w.client.delivered, 1);
	assert_int_equal(world_drops(&w.client) + world_drops(&w.server), 0);
	world_end(&w);
}

static void further_links_join_the_session(void **state)
{
	(void)state;
	connect_links(4);
	assert_int_equal(w.opened, 1);
	assert_int_equal(w.server.tunnel->session_count, 1);
	world_end(&w);
}

static void bulk_uses_all_links_and_keeps_its_order(void **state)
{
	u32 n;

	(void)state;
	connect_links(2);
	/* 7 MB/s need both links; they are not filled, so nothing may be lost. */
	w.links[1].rate_bytes = w.links[2].rate_bytes = 5000000;
	n = world_flow(&w, &w.client, 4 * SEC, 200, 1400, 1);
	world_run(&w, SEC);
	assert_true(w.server.delivered >= n - n / 50);
	assert_true(w.server.out_of_order < n / 100);
	assert_true(client_path(1).sent_bytes > 8000000);
	assert_true(client_path(2).sent_bytes > 4000000);
	world_end(&w);
}

static void ecmp_aware_spread_one_flow_over_all_links(void **state)
{
	u64 one, other;

	(void)state;
	world_init(&w, 7);
	w.client_settings.strategy = SCHED_ECMP_AWARE;
	w.client_settings.no_copies = true;
	world_start(&w, 2);
	world_run(&w, SEC);
	w.links[1].rate_bytes = w.links[2].rate_bytes = 5000000;
	world_flow(&w, &w.client, 2 * SEC, 200, 1400, 1);	/* more than one link carries */
	world_run(&w, SEC);
	one = client_path(1).sent_bytes;
	other = client_path(2).sent_bytes;
	assert_true(MAX(one, other) > 5000000);
	assert_true(MIN(one, other) * 8 < MAX(one, other));	/* the other one carries repairs, which go where they arrive first */
	world_end(&w);
}

static void sparse_traffic_takes_the_faster_link(void **state)
{
	(void)state;
	world_init(&w, 7);
	w.client_settings.no_copies = true;
	world_start(&w, 2);
	world_run(&w, SEC);
	world_flow(&w, &w.client, 2 * SEC, 20 * MSEC, 100, 1);
	assert_true(client_path(1).sent_bytes > 4 * client_path(2).sent_bytes);
	world_end(&w);
}

/* Sparse packets as well as bulk stay on the path that the user wants, though another is as good; and leave it when it is silent. */
static void packets_stay_on_the_path_that_is_wanted(void **state)
{
	u64 before;

	(void)state;
	connect_links(2);
	w.links[1].rate_bytes = w.links[2].rate_bytes = 5000000;
	before = client_path(1).sent_bytes;
	w.wanted_path = client_path(2).id + 1;
	world_flow(&w, &w.client, 2 * SEC, 20 * MSEC, 100, 1);
	world_flow(&w, &w.client, 2 * SEC, MSEC, 1400, 1000);
	assert_true(client_path(2).sent_bytes > 2500000);
	assert_true(client_path(1).sent_bytes - before < 100000);	/* acks, repairs */
	w.links[2].cut = true;
	before = w.server.delivered;
	world_flow(&w, &w.client, 2 * SEC, 2 * MSEC, 1400, 10000);
	world_run(&w, SEC);
	assert_true(w.server.delivered - before > 800);
	world_end(&w);
}

static void note_line(void *packets, const struct tunnel_session_info *info)
{
	*(u64 *)packets = info->line_packets;
}

/* It could always send, and got nothing: the search for something for it took 300 ms of packets out of the managed queue. The two links that
 * carry need few: what waits for the farther one until both arrive together, and what may be sent at once. */
static void assert_line_is_short(u64 third_delay_us, u8 third_flags)
{
	u64 packets = 0;

	world_init(&w, 7);
	w.links[3].delay_us = third_delay_us;
	w.link_flags[3] = third_flags;
	world_start(&w, 3);
	world_run(&w, SEC);
	w.links[1].rate_bytes = w.links[2].rate_bytes = 5000000;
	world_flow(&w, &w.client, 3 * SEC, 100, 1400, 1);
	assert_true(client_path(2).sent_bytes > 5000000);
	tunnel_each_session(w.client.tunnel, note_line, &packets, w.now_us);
	assert_in_range(packets, 0, 2 * 5000000 / 1400 * 30 / 1000);
	world_end(&w);
}

static void a_link_left_out_did_not_draw_out_the_line(void **state)
{
	(void)state;
	assert_line_is_short(400 * MSEC, 0);
}

static void an_idle_backup_did_not_draw_out_the_line(void **state)
{
	(void)state;
	assert_line_is_short(30 * MSEC, TG_LINK_BACKUP);
}

/* A packet that had to wait for the slow link stopped the walk, and those behind it that had a free link waited as well. */
static void flows_of_a_slow_link_did_not_hold_up_those_of_a_fast_one(void **state)
{
	u64 before = 0;
	u32 number = 1;

	(void)state;
	connect_links(2);
	w.links[1].rate_bytes = 10000000;
	w.links[2].rate_bytes = 1000000;
	for (u32 ms = 0; ms < 4000; ms++) {
		if (ms == 2000)
			before = client_path(1).sent_bytes;
		for (w.flow = 0; w.flow < 8; w.flow++) {
			w.wanted_path = client_path(1 + w.flow % 2).id + 1;
			world_send(&w, &w.client, number++, 1400);
		}
		world_run(&w, MSEC);
	}
	assert_true(client_path(2).sent_bytes > 3000000);
	assert_true(client_path(1).sent_bytes - before > 2 * 4500000);	/* of the 5.6 MB/s that want it */
	world_end(&w);
}

static void redundant_copies_are_delivered_once(void **state)
{
	u32 n;

	(void)state;
	world_init(&w, 8);
	w.client_settings.strategy = SCHED_REDUNDANT;
	world_start(&w, 2);
	world_run(&w, SEC);
	w.links[1].loss_permille = w.links[2].loss_permille = 50;
	n = world_flow(&w, &w.client, SEC, 5 * MSEC, 200, 1);
	world_run(&w, SEC);
	assert_true(w.server.delivered <= n);
	assert_true(w.server.delivered >= n - n / 50);	/* 0.25 % both lost */
	assert_true(server_drops(TG_DROP_COPY) > n / 2);
	world_end(&w);
}

static void a_silent_link_is_left_and_taken_back(void **state)
{
	u32 n;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	w.links[1].cut = true;
	world_flow(&w, &w.client, 300 * MSEC, MSEC, 1000, 2000);
	assert_int_equal(client_path(1).state, TUNNEL_PATH_SUSPECT);
	w.server.delivered = 0;
	n = world_flow(&w, &w.client, SEC, MSEC, 1000, 4000);
	world_run(&w, 200 * MSEC);
	assert_true(w.server.delivered >= n);
	w.links[1].cut = false;
	world_flow(&w, &w.client, 2 * SEC, MSEC, 1000, 6000);
	assert_int_equal(client_path(1).state, TUNNEL_PATH_UP);
	world_end(&w);
}

static void a_silent_link_is_noticed_when_only_the_server_sends(void **state)
{
	u32 n;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.server, SEC, MSEC, 1000, 1);
	w.links[1].cut = true;
	world_flow(&w, &w.server, 300 * MSEC, MSEC, 1000, 2000);
	w.client.delivered = 0;
	n = world_flow(&w, &w.server, SEC, MSEC, 1000, 4000);
	world_run(&w, 200 * MSEC);
	assert_true(w.client.delivered >= n);
	world_end(&w);
}

static void a_link_that_netlink_reports_gone_carries_nothing(void **state)
{
	u64 before;

	(void)state;
	connect_links(2);
	w.links[1].cut = true;
	tunnel_path_carrier(w.client.tunnel, 1, false, w.now_us);
	before = client_path(1).sent_bytes;
	world_flow(&w, &w.client, SEC, MSEC, 1000, 1);
	assert_int_equal(client_path(1).sent_bytes, before);
	w.links[1].cut = false;
	tunnel_path_carrier(w.client.tunnel, 1, true, w.now_us);
	world_run(&w, 200 * MSEC);
	assert_int_equal(client_path(1).state, TUNNEL_PATH_UP);
	world_end(&w);
}

static struct path *path_at_server(u32 link)
{
	const struct session *s = map_get(&w.server.tunnel->by_handle, w.client.tunnel->session->handle);

	return s->paths[client_path(link).id];
}

/* Netlink tells the client at once, and that the server by the other link; what came by the dying link just then is acked
 * by the other as well, and later. It was sent on the dead link again, first of all what had just been repaired. */
static void an_ack_of_before_the_silence_is_no_sign_of_life(void **state)
{
	const struct path *p;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.server, SEC, 200, 1200, 1);
	p = path_at_server(1);
	assert_int_equal(p->state, TUNNEL_PATH_UP);
	w.links[1].cut = true;
	tunnel_path_carrier(w.client.tunnel, 1, false, w.now_us);
	world_flow(&w, &w.server, 22 * MSEC, 200, 1200, 10000);
	for (u32 i = 0; i < 400; i++) {
		assert_int_equal(p->state, TUNNEL_PATH_SUSPECT);
		world_flow(&w, &w.server, 200, 200, 1200, 20000 + i);
	}
	w.links[1].cut = false;
	tunnel_path_carrier(w.client.tunnel, 1, true, w.now_us);
	world_flow(&w, &w.server, 150 * MSEC, 200, 1200, 30000);
	assert_int_equal(p->state, TUNNEL_PATH_UP);
	world_end(&w);
}

static void all_links_may_go_and_come_back(void **state)
{
	u32 before;

	(void)state;
	connect_links(2);
	w.links[1].cut = w.links[2].cut = true;
	world_flow(&w, &w.client, 20 * SEC, 100 * MSEC, 500, 1);
	w.links[1].cut = w.links[2].cut = false;
	world_flow(&w, &w.client, SEC, 50 * MSEC, 500, 1000);
	before = w.server.delivered;
	world_flow(&w, &w.client, SEC, 50 * MSEC, 500, 2000);
	assert_true(w.server.delivered >= before + 19);
	assert_int_equal(w.opened, 1);	/* a late answer to an opening does not replace the session */
	world_end(&w);
}

static void a_restarted_server_is_opened_anew_within_two_seconds(void **state)
{
	u32 before;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.client, SEC, 10 * MSEC, 500, 1);
	tunnel_free(w.server.tunnel);
	w.server.tunnel = NULL;
	world_flow(&w, &w.client, 3 * SEC, 10 * MSEC, 500, 1000);
	world_start_server(&w);
	world_flow(&w, &w.client, 2 * SEC, 10 * MSEC, 500, 2000);
	before = w.server.delivered;
	world_flow(&w, &w.client, SEC, 10 * MSEC, 500, 3000);
	assert_true(w.server.delivered >= before + 95);
	assert_int_equal(w.opened, 2);
	world_end(&w);
}

static void rekeying_every_second_under_loss_costs_no_packet(void **state)
{
	static const enum tg_drop key_reasons[] = { TG_DROP_NO_SESSION, TG_DROP_FORGED, TG_DROP_KEY_EXPIRED,
						    TG_DROP_REPLAY, TG_DROP_NO_PATH };

	(void)state;
	world_init(&w, 9);
	w.client_settings.rekey_us = SEC;
	world_start(&w, 2);
	world_run(&w, SEC);
	w.links[1].loss_permille = w.links[2].loss_permille = 50;
	world_flow(&w, &w.client, 10 * SEC, MSEC, 800, 1);
	world_flow(&w, &w.server, 10 * SEC, MSEC, 800, 1);
	assert_true(tunnel_counters(w.client.tunnel)->rekeys >= 25);
	for (u32 i = 0; i < ARRAY_SIZE(key_reasons); i++) {
		assert_int_equal(client_drops(key_reasons[i]), 0);
		assert_int_equal(server_drops(key_reasons[i]), 0);
	}
	world_end(&w);
}

static void a_wrong_secret_meets_silence(void **state)
{
	(void)state;
	world_init(&w, 10);
	w.client_settings.client_secret[5] ^= 1;
	world_start(&w, 2);
	world_run(&w, 20 * SEC);
	assert_int_equal(w.connected, 0);
	assert_int_equal(w.bytes_to_client, 0);
	assert_int_equal(w.server.tunnel->session_count, 0);
	assert_int_equal(tunnel_counters(w.server.tunnel)->half_open, 0);
	assert_true(server_drops(TG_DROP_WRONG_SECRET) > 10);
	assert_int_equal(w.unused, server_drops(TG_DROP_WRONG_SECRET));	/* every reserved address came back */
	world_end(&w);
}

static void strangers_and_holders_of_tg1_meet_silence(void **state)
{
	(void)state;
	world_init(&w, 11);
	w.client_settings.has_credential = false;
	world_start(&w, 1);
	world_run(&w, 5 * SEC);
	assert_int_equal(w.connected, 0);
	assert_int_equal(w.bytes_to_client, 0);
	assert_true(server_drops(TG_DROP_NOT_ADMITTED) > 0);
	world_end(&w);
}

static void an_open_server_admits_without_credential(void **state)
{
	(void)state;
	world_init(&w, 12);
	w.client_settings.has_credential = false;
	w.open = true;
	world_start(&w, 2);
	world_run(&w, SEC);
	assert_int_equal(w.connected, 1);
	assert_int_equal(client_path(2).state, TUNNEL_PATH_UP);
	world_end(&w);
}

static void a_revoked_client_is_told_and_stays_out(void **state)
{
	(void)state;
	connect_links(2);
	w.refuse = true;
	assert_int_equal(tunnel_close_client(w.server.tunnel, (const u8 *)"client 1", TG_CLOSE_REVOKED, w.now_us), 1);
	world_run(&w, 10 * SEC);
	assert_int_equal(w.disconnected, 1);
	assert_int_equal(w.close_code, TG_CLOSE_REVOKED);
	assert_int_equal(w.server.tunnel->session_count, 0);
	world_end(&w);
}

static void both_suites_work(void **state)
{
	static const u8 suites[] = { 1 << TG_SUITE_CHACHAPOLY, 1 << TG_SUITE_AESGCM };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(suites); i++) {
		if (suites[i] == 1 << TG_SUITE_AESGCM && !aead_has(AEAD_AESGCM))
			continue;
		world_init(&w, 13 + i);
		w.client_settings.suites = suites[i];
		world_start(&w, 1);
		world_run(&w, SEC);
		assert_int_equal(w.connected, 1);
		assert_int_equal(1 << w.client.tunnel->session->suite, suites[i]);
		world_end(&w);
	}
}

static void a_suite_the_server_lacks_is_refused_not_replaced(void **state)
{
	(void)state;
	world_init(&w, 15);
	w.client_settings.suites = 1 << TG_SUITE_CHACHAPOLY;
	w.server_settings.suites = 1 << TG_SUITE_AESGCM;
	world_start(&w, 1);
	world_run(&w, 3 * SEC);
	assert_int_equal(w.connected, 0);
	assert_true(server_drops(TG_DROP_SUITE) > 0);
	world_end(&w);
}

/* ---- hostile networks ---- */

struct record {
	struct flying *all;
	u32 count;
};

static bool record_all(void *arg, struct flying *f)
{
	struct record *r = arg;

	r->all = realloc(r->all, (r->count + 1) * sizeof(*f));
	r->all[r->count++] = *f;
	return true;
}

static void replayed_datagrams_are_never_accepted(void **state)
{
	struct record r = { 0 };
	u32 to_server, to_client;

	(void)state;
	world_init(&w, 16);
	w.tap = record_all;
	w.tap_arg = &r;
	world_start(&w, 2);
	world_run(&w, SEC);
	world_flow(&w, &w.client, SEC, MSEC, 600, 1);
	world_flow(&w, &w.server, SEC, MSEC, 600, 1);
	world_run(&w, SEC);
	w.tap = NULL;
	to_server = w.server.delivered;
	to_client = w.client.delivered;
	assert_true(r.count > 2000);
	for (u32 i = 0; i < r.count; i++) {
		r.all[i].at_us = w.now_us;
		world_put(&w, &r.all[i]);
		if (i % 100 == 0)
			world_run(&w, MSEC);
	}
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, to_server);
	assert_int_equal(w.client.delivered, to_client);
	assert_int_equal(w.opened, 1);
	assert_int_equal(w.server.tunnel->session_count, 1);
	free(r.all);
	world_end(&w);
}

static bool keep_last_data(void *arg, struct flying *f)
{
	if (f->to_server && f->data[0] == TG_TYPE_DATA) {
		*(struct flying *)arg = *f;
		return false;	/* the original never arrives */
	}
	return true;
}

static void every_flipped_bit_is_refused(void **state)
{
	struct flying f = { 0 };

	(void)state;
	connect_links(1);
	w.tap = keep_last_data;
	w.tap_arg = &f;
	world_send(&w, &w.client, 1, 100);
	w.tap = NULL;
	assert_true(f.len > 100);
	for (u32 bit = 0; bit < f.len * 8; bit++) {
		struct flying bad = f;

		bad.data[bit / 8] ^= (u8)(1 << bit % 8);
		bad.at_us = w.now_us;
		world_put(&w, &bad);
		world_run(&w, 10);
	}
	assert_int_equal(w.server.delivered, 0);
	assert_true(world_drops(&w.server) >= f.len * 8);
	f.at_us = w.now_us;
	world_put(&w, &f);
	world_run(&w, MSEC);
	assert_int_equal(w.server.delivered, 1);	/* the true one was not spoilt by the false ones */
	world_end(&w);
}

static void random_datagrams_get_no_answer_and_leave_no_state(void **state)
{
	u32 sessions;
	u64 before;

	(void)state;
	connect_links(1);
	world_run(&w, 2 * SEC);
	sessions = w.server.tunnel->session_count;
	before = w.bytes_to_client;
	for (u32 i = 0; i < 100000; i++) {
		struct flying f = { .to_server = true, .at_us = w.now_us, .len = 1 + rand_u32(&w.random) % 300 };

		rand_fill(&w.random, f.data, f.len);
		f.data[0] = (u8)(1 + i % 7);
		if (i % 3 == 0)
			f.len = 224;
		f.from.remote = w.links[2].address;
		world_put(&w, &f);
		if (i % 50 == 0)
			world_run(&w, 1);
	}
	world_run(&w, 1);
	assert_int_equal(w.bytes_to_client, before);
	assert_int_equal(w.server.tunnel->session_count, sessions);
	assert_int_equal(tunnel_counters(w.server.tunnel)->half_open, 0);
	world_end(&w);
}

static bool keep_first(void *arg, struct flying *f)
{
	struct flying *kept = arg;

	if (f->to_server && f->data[0] == TG_TYPE_FIRST && !kept->len)
		*kept = *f;
	return true;
}

static void a_replayed_first_message_opens_nothing(void **state)
{
	struct flying f = { 0 };

	(void)state;
	world_init(&w, 17);
	w.tap = keep_first;
	w.tap_arg = &f;
	world_start(&w, 1);
	world_run(&w, SEC);
	assert_int_equal(w.opened, 1);
	for (u32 i = 0; i < 20; i++) {
		f.at_us = w.now_us;
		world_put(&w, &f);
		world_run(&w, 100 * MSEC);
	}
	assert_int_equal(w.opened, 1);
	assert_int_equal(server_drops(TG_DROP_OLD_HANDSHAKE), 20);
	world_end(&w);
}

static void a_join_by_a_stranger_costs_no_curve_arithmetic(void **state)
{
	struct flying f = { .to_server = true, .len = sizeof(struct tg_first) };
	struct tg_first *m = (struct tg_first *)f.data;
	u64 before;

	(void)state;
	connect_links(1);
	m->type = TG_TYPE_FIRST;
	m->version = TG_VERSION_WIRE;
	m->pattern = TG_PATTERN_NKPSK0;
	m->suite = TG_SUITE_CHACHAPOLY;
	put_be64(m->handle, w.client.tunnel->session->handle);
	/* The stranger knows the handle and the server's key, but not the session's join key. */
	cookie_mac(w.server.tunnel->mac1_key, 32, m, offsetof(struct tg_first, mac1), m->mac1);
	f.from.remote = w.links[3].address;
	f.at_us = w.now_us;
	before = noise_dh_count();
	world_put(&w, &f);
	world_run(&w, MSEC);
	assert_int_equal(noise_dh_count(), before);
	assert_int_equal(server_drops(TG_DROP_BAD_MAC), 1);
	world_end(&w);
}

static void under_load_a_client_must_show_its_address(void **state)
{
	(void)state;
	world_init(&w, 18);
	w.server_settings.handshakes_per_second = 2;
	world_start(&w, 1);
	w.server.tunnel->handshake_tokens_us = w.now_us;	/* the bucket is dry */
	world_run(&w, 200 * MSEC);
	assert_true(tunnel_counters(w.server.tunnel)->cookies_sent > 0);
	assert_int_equal(w.connected, 1);
	world_end(&w);
}

static bool set_version_3(void *arg, struct flying *f)
{
	struct tg_first *m = (struct tg_first *)f->data;

	if (f->data[0] == TG_TYPE_FIRST) {
		m->version = 3;
		cookie_mac(arg, 32, m, offsetof(struct tg_first, mac1), m->mac1);
	}
	return true;
}

static void an_unknown_version_gets_a_note_not_a_timeout(void **state)
{
	(void)state;
	world_init(&w, 19);
	world_start_server(&w);
	w.tap = set_version_3;
	w.tap_arg = w.server.tunnel->mac1_key;
	world_start_client(&w, 1);
	world_run(&w, 200 * MSEC);
	assert_true(w.version_notes > 0);
	assert_int_equal(w.connected, 0);
	world_end(&w);
}

static void half_open_handshakes_stay_in_their_pool(void **state)
{
	(void)state;
	connect_links(1);
	for (u32 i = 0; i < 2000; i++) {
		struct world_end stranger = { .world = &w };
		struct tunnel_uplink u = { .link = 1 + i % WORLD_LINKS, .remote = w.server_address };

		rand_seeded(&stranger.random, i);
		stranger.pool = w.client.pool;
		w.client_settings.wall_at_zero_ns += 1000000000;
		stranger.tunnel = tunnel_new(&w.client_settings, &world_events, &w.client, stranger.pool,
					     &stranger.random, w.now_us);
		tunnel_path_add(stranger.tunnel, &u, w.now_us);
		tunnel_free(stranger.tunnel);
		world_run(&w, 2 * MSEC);
		assert_true(tunnel_counters(w.server.tunnel)->half_open <= HALF_OPEN_MAX);
	}
	assert_int_equal(w.server.tunnel->session_count, 1);
	world_run(&w, 10 * SEC);
	assert_int_equal(tunnel_counters(w.server.tunnel)->half_open, 0);
	world_end(&w);
}

/* ---- addresses that change ---- */

static void a_rebound_nat_keeps_the_path(void **state)
{
	u32 n;

	(void)state;
	connect_links(1);
	world_flow(&w, &w.client, SEC, 5 * MSEC, 300, 1);
	addr_parse(&w.links[1].address, "192.0.2.99:4242", 0);
	world_flow(&w, &w.client, SEC, 5 * MSEC, 300, 1000);
	w.client.delivered = 0;
	n = world_flow(&w, &w.server, SEC, 5 * MSEC, 300, 1);
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.client.delivered, n);
	assert_int_equal(tunnel_counters(w.server.tunnel)->migrations, 1);
	assert_int_equal(w.opened, 1);
	world_end(&w);
}

static bool copy_ahead(void *arg, struct flying *f)
{
	struct flying copy = *f;

	(void)arg;
	if (!f->to_server || f->data[0] < TG_TYPE_DATA)
		return true;
	addr_parse(&copy.from.remote, "203.0.113.66:666", 0);	/* sends on faster than the original travels */
	copy.at_us = w.now_us + 5 * MSEC;
	world_put(&w, &copy);
	return true;
}

static void a_copier_that_races_the_original_gets_no_traffic(void **state)
{
	u32 n;

	(void)state;
	connect_links(1);
	w.tap = copy_ahead;
	world_flow(&w, &w.client, 2 * SEC, 5 * MSEC, 300, 1);
	w.client.delivered = 0;
	n = world_flow(&w, &w.server, SEC, 5 * MSEC, 300, 1);
	w.tap = NULL;
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.client.delivered, n);
	assert_int_equal(tunnel_counters(w.server.tunnel)->migrations, 0);
	world_end(&w);
}

static void a_foreign_inner_source_is_dropped(void **state)
{
	struct buf_queue q = { 0 };
	struct buf *b;

	(void)state;
	connect_links(1);
	b = buf_take(w.client.pool);
	memset(b->data, 0, 40);
	b->len = 40;
	b->data[0] = 0x45;
	put_be16(b->data + 2, 40);
	memcpy(b->data + 12, "\x0a\x00\x55\x07", 4);
	buf_queue_add(&q, b);
	tunnel_send(w.client.tunnel, &q, w.now_us);
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.server.delivered, 0);
	assert_int_equal(server_drops(TG_DROP_INNER_SOURCE), 1);
	world_end(&w);
}

static void an_idle_session_ends_and_its_grant_is_returned(void **state)
{
	(void)state;
	world_init(&w, 20);
	w.server_settings.idle_timeout_us = 30 * SEC;
	world_start(&w, 1);
	world_run(&w, SEC);
	w.links[1].cut = true;
	world_run(&w, 40 * SEC);
	assert_int_equal(w.closed, 1);
	assert_int_equal(w.server.tunnel->session_count, 0);
	world_end(&w);
}

static void a_goodbye_is_not_answered_and_does_not_reopen(void **state)
{
	u64 before;

	(void)state;
	connect_links(2);
	before = w.bytes_to_client;
	tunnel_close_all(w.client.tunnel, TG_CLOSE_BYE, "bye", w.now_us);
	world_run(&w, 5 * SEC);
	assert_int_equal(w.closed, 1);
	assert_int_equal(w.opened, 1);
	assert_int_equal(w.bytes_to_client, before);
	world_end(&w);
}

static void a_removed_link_leaves_the_session(void **state)
{
	u32 n;

	(void)state;
	connect_links(2);
	assert_int_equal(tunnel_path_remove(w.client.tunnel, 1, w.now_us), 0);
	world_run(&w, 100 * MSEC);
	n = world_flow(&w, &w.server, SEC, 5 * MSEC, 300, 1);
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.client.delivered, n);
	assert_int_equal(server_drops(TG_DROP_NO_PATH), 0);
	world_end(&w);
}

static void days_of_idling_keep_the_session(void **state)
{
	(void)state;
	connect_links(2);
	world_run(&w, 6 * 3600 * SEC);
	assert_int_equal(w.opened, 1);
	assert_int_equal(client_path(1).state, TUNNEL_PATH_UP);
	world_send(&w, &w.client, 1, 100);
	world_run(&w, 100 * MSEC);
	assert_int_equal(w.server.delivered, 1);
	world_end(&w);
}

/* ---- what a review found ---- */

static void put_junk_answer(u32 index)
{
	struct flying f = { .at_us = w.now_us, .len = sizeof(struct tg_answer) };
	struct tg_answer *m = (struct tg_answer *)f.data;

	m->type = TG_TYPE_ANSWER;
	m->version = TG_VERSION_WIRE;
	m->pattern = TG_PATTERN_NKPSK0;
	m->receiver = htobe32(index);
	f.from.remote = w.server_address;
	f.from.link = 1;
	world_put(&w, &f);
}

static bool first_answer_only(void *arg, struct flying *f)
{
	u32 *answers = arg;

	return f->to_server || (f->data[0] == TG_TYPE_ANSWER && !(*answers)++);
}

static void answers_to_attempts_of_a_forgotten_session_do_no_harm(void **state)
{
	u32 answers = 0;

	(void)state;
	world_init(&w, 21);
	w.tap = first_answer_only;
	w.tap_arg = &answers;
	world_start(&w, 1);
	for (u32 i = 0; i < 800; i++) {
		for (u32 k = 0; k < TRIES; k++)
			if (w.client.tunnel->uplinks[0]->attempts[k].active)
				put_junk_answer(w.client.tunnel->uplinks[0]->attempts[k].local_index);
		world_run(&w, 10 * MSEC);
	}
	assert_int_equal(w.connected, 0);
	w.tap = NULL;
	world_run(&w, 3 * SEC);
	assert_int_equal(w.connected, 1);
	world_end(&w);
}

static struct path *server_path(u32 id)
{
	struct session *s = map_get(&w.server.tunnel->by_handle, w.client.tunnel->session->handle);

	return s->paths[id];
}

/* As if the sender's direction had carried so many packets already. */
static void set_numbers(struct path *sender, struct path *receiver, u64 number)
{
	sent_free(&sender->sent);
	sent_init(&sender->sent);
	sender->sent.next = sender->sent.oldest = number;
	sender->current->first_number = number;
	received_init(&receiver->received);
	receiver->largest_received = number - 1;
	receiver->current->first_received = number - 1;
}

static void rekeys_go_on_beyond_2_to_the_32_packets(void **state)
{
	u64 number = (1ULL << 32) + 5, rekeys;
	u32 n;

	(void)state;
	connect_links(1);
	w.client.tunnel->set.rekey_us = SEC;
	world_run(&w, 100 * MSEC);
	set_numbers(w.client.tunnel->uplinks[0], server_path(0), number);
	set_numbers(server_path(0), w.client.tunnel->uplinks[0], number);
	rekeys = tunnel_counters(w.client.tunnel)->rekeys;
	w.server.delivered = 0;
	n = world_flow(&w, &w.client, 5 * SEC, 5 * MSEC, 300, 1);
	world_run(&w, 100 * MSEC);
	assert_true(tunnel_counters(w.client.tunnel)->rekeys >= rekeys + 4);
	assert_int_equal(w.server.delivered, n);
	assert_int_equal(server_drops(TG_DROP_FORGED), 0);
	world_end(&w);
}

static void an_aes_gcm_key_is_renewed_before_its_limit(void **state)
{
	struct path_key *k;
	u64 number;

	(void)state;
	if (!aead_has(AEAD_AESGCM)) {
		print_message("no AES instructions here\n");
		skip();
	}
	connect_links(1);
	assert_int_equal(tunnel_counters(w.client.tunnel)->rekeys, 0);
	k = w.client.tunnel->uplinks[0]->current;
	k->first_number -= REKEY_AFTER_PACKETS_GCM;
	world_flow(&w, &w.client, 200 * MSEC, 10 * MSEC, 300, 1);
	assert_int_equal(tunnel_counters(w.client.tunnel)->rekeys, 1);
	/* Past the hard limit nothing is sent under a key. */
	w.links[1].cut = true;
	k = w.client.tunnel->uplinks[0]->current;
	k->first_number -= KEY_HARD_LIMIT_GCM;
	number = w.client.tunnel->uplinks[0]->sent.next;
	world_send(&w, &w.client, 1, 300);
	assert_int_equal(w.client.tunnel->uplinks[0]->sent.next, number);
	/* What came meanwhile goes under the next one. */
	w.links[1].cut = false;
	w.server.delivered = 0;
	world_run(&w, SEC);
	assert_true(w.client.tunnel->uplinks[0]->current != k);
	assert_int_equal(w.server.delivered, 1);
	world_end(&w);
}

static void a_path_the_server_forgot_joins_afresh(void **state)
{
	struct path *p;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.client, SEC, MSEC, 500, 1);
	p = server_path(0);
	p->session->paths[0] = NULL;
	path_free(p);
	world_flow(&w, &w.client, 4 * SEC, 5 * MSEC, 500, 2000);
	world_flow(&w, &w.server, SEC, 5 * MSEC, 500, 1);
	assert_int_equal(client_path(1).state, TUNNEL_PATH_UP);
	assert_int_equal(server_path(0)->state, TUNNEL_PATH_UP);
	assert_int_equal(client_drops(TG_DROP_BAD_FRAME) + server_drops(TG_DROP_BAD_FRAME), 0);
	assert_int_equal(w.opened, 1);
	world_end(&w);
}

static void a_sleep_of_hours_ends_in_a_working_session(void **state)
{
	u32 before;

	(void)state;
	connect_links(2);
	world_flow(&w, &w.client, SEC, 10 * MSEC, 300, 1);
	w.now_us += 4 * 3600 * SEC;	/* nobody ran, and time went on */
	world_flow(&w, &w.client, 3 * SEC, 10 * MSEC, 300, 1000);
	before = w.server.delivered;
	world_flow(&w, &w.client, SEC, 10 * MSEC, 300, 5000);
	assert_true(w.server.delivered >= before + 95);
	world_end(&w);
}

static void a_replayed_join_costs_no_curve_arithmetic(void **state)
{
	struct record r = { 0 };
	u64 before, joins = 0;

	(void)state;
	world_init(&w, 22);
	w.tap = record_all;
	w.tap_arg = &r;
	world_start(&w, 3);
	world_run(&w, SEC);
	w.tap = NULL;
	before = noise_dh_count();
	for (u32 i = 0; i < r.count; i++) {
		if (!r.all[i].to_server || r.all[i].data[0] != TG_TYPE_FIRST || r.all[i].data[2] != TG_PATTERN_NKPSK0)
			continue;
		r.all[i].at_us = w.now_us;
		world_put(&w, &r.all[i]);
		world_run(&w, MSEC);
		joins++;
	}
	assert_true(joins >= 2);
	assert_int_equal(noise_dh_count(), before);
	assert_int_equal(server_drops(TG_DROP_OLD_HANDSHAKE), joins);
	free(r.all);
	world_end(&w);
}

static void a_skip_of_too_many_is_refused(void **state)
{
	struct frames f = { .len = 13, .bytes = { TG_FRAME_SKIP, 0, 10 } };

	(void)state;
	connect_links(1);
	put_be32(f.bytes + 9, SKIP_MAX + 1);
	control_send(w.client.tunnel->uplinks[0], &f, NULL);
	out_flush(w.client.tunnel);
	world_run(&w, 100 * MSEC);
	assert_int_equal(server_drops(TG_DROP_BAD_FRAME), 1);
	world_end(&w);
}

static void holes_do_not_drain_the_pool(void **state)
{
	struct buf *kept[WORLD_POOL - 200];

	(void)state;
	connect_links(2);
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		kept[i] = buf_take(w.client.pool);	/* as if other sessions held them */
	w.links[1].loss_permille = w.links[2].loss_permille = 100;
	world_flow(&w, &w.server, 2 * SEC, 200, 1400, 1);
	assert_int_equal(client_drops(TG_DROP_NO_BUFFER), 0);
	for (u32 i = 0; i < ARRAY_SIZE(kept); i++)
		buf_put(kept[i]);
	world_run(&w, SEC);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_opens_and_carries_packets_both_ways),
		cmocka_unit_test(further_links_join_the_session),
		cmocka_unit_test(bulk_uses_all_links_and_keeps_its_order),
		cmocka_unit_test(ecmp_aware_spread_one_flow_over_all_links),
		cmocka_unit_test(sparse_traffic_takes_the_faster_link),
		cmocka_unit_test(packets_stay_on_the_path_that_is_wanted),
		cmocka_unit_test(a_link_left_out_did_not_draw_out_the_line),
		cmocka_unit_test(an_idle_backup_did_not_draw_out_the_line),
		cmocka_unit_test(flows_of_a_slow_link_did_not_hold_up_those_of_a_fast_one),
		cmocka_unit_test(redundant_copies_are_delivered_once),
		cmocka_unit_test(a_silent_link_is_left_and_taken_back),
		cmocka_unit_test(a_silent_link_is_noticed_when_only_the_server_sends),
		cmocka_unit_test(a_link_that_netlink_reports_gone_carries_nothing),
		cmocka_unit_test(an_ack_of_before_the_silence_is_no_sign_of_life),
		cmocka_unit_test(all_links_may_go_and_come_back),
		cmocka_unit_test(a_restarted_server_is_opened_anew_within_two_seconds),
		cmocka_unit_test(rekeying_every_second_under_loss_costs_no_packet),
		cmocka_unit_test(a_wrong_secret_meets_silence),
		cmocka_unit_test(strangers_and_holders_of_tg1_meet_silence),
		cmocka_unit_test(an_open_server_admits_without_credential),
		cmocka_unit_test(a_revoked_client_is_told_and_stays_out),
		cmocka_unit_test(both_suites_work),
		cmocka_unit_test(a_suite_the_server_lacks_is_refused_not_replaced),
		cmocka_unit_test(replayed_datagrams_are_never_accepted),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(random_datagrams_get_no_answer_and_leave_no_state),
		cmocka_unit_test(a_replayed_first_message_opens_nothing),
		cmocka_unit_test(a_join_by_a_stranger_costs_no_curve_arithmetic),
		cmocka_unit_test(under_load_a_client_must_show_its_address),
		cmocka_unit_test(an_unknown_version_gets_a_note_not_a_timeout),
		cmocka_unit_test(half_open_handshakes_stay_in_their_pool),
		cmocka_unit_test(a_rebound_nat_keeps_the_path),
		cmocka_unit_test(a_copier_that_races_the_original_gets_no_traffic),
		cmocka_unit_test(a_foreign_inner_source_is_dropped),
		cmocka_unit_test(an_idle_session_ends_and_its_grant_is_returned),
		cmocka_unit_test(a_goodbye_is_not_answered_and_does_not_reopen),
		cmocka_unit_test(a_removed_link_leaves_the_session),
		cmocka_unit_test(days_of_idling_keep_the_session),
		cmocka_unit_test(answers_to_attempts_of_a_forgotten_session_do_no_harm),
		cmocka_unit_test(rekeys_go_on_beyond_2_to_the_32_packets),
		cmocka_unit_test(an_aes_gcm_key_is_renewed_before_its_limit),
		cmocka_unit_test(a_path_the_server_forgot_joins_afresh),
		cmocka_unit_test(a_sleep_of_hours_ends_in_a_working_session),
		cmocka_unit_test(a_replayed_join_costs_no_curve_arithmetic),
		cmocka_unit_test(a_skip_of_too_many_is_refused),
		cmocka_unit_test(holes_do_not_drain_the_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
