// SPDX-License-Identifier: MIT
/* ahead_test.c - interactive packets that are delivered before bulk that waits at the receiver
 *
 * What arrives at the server is held back and handed over by the test: as runs of one datagram, or joined as GRO would.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

#define HELD 64u

static struct world w;
static struct flying held[HELD];
static struct datagrams runs[HELD];
static u32 held_count, flagged;
static bool holding;

static bool on_arrival(void *arg, struct flying *f)
{
	(void)arg;
	if (!f->to_server)
		return true;
	flagged += f->data[0] == TG_TYPE_DATA && f->data[1] & TG_FLAG_AHEAD;
	if (!holding)
		return true;
	assert_true(held_count < HELD);
	held[held_count] = *f;
	runs[held_count] = (struct datagrams){ .where = f->from, .data = held[held_count].data, .len = f->len, .segment_bytes = f->len };
	held_count++;
	return false;
}

static struct path *path_at_server(void)
{
	struct map *m = &w.server.tunnel->by_handle;

	for (u32 i = 0; i < m->size; i++)
		if (m->entries[i].value)
			return ((struct session *)m->entries[i].value)->paths[0];
	fail_msg("no session");
	return NULL;
}

static struct tunnel_path_info path_at_client(void)
{
	struct tunnel_path_info p;

	assert_int_equal(tunnel_paths(w.client.tunnel, &p, 1, w.now_us), 1);
	return p;
}

static u64 drops(enum tg_drop reason)
{
	return tunnel_counters(w.server.tunnel)->drops[reason];
}

enum { BULK = 1, CALL = 2, BEFORE = 100, WAITING = 30 };

static void send_of(u16 flow, u32 number, u32 len)
{
	w.flow = flow;
	world_send(&w, &w.client, number, len);
}

/* A transfer that runs; then of it and of a call comes what waits: the call's three packets last. */
static void begin(void)
{
	world_init(&w, 11);
	w.filter = on_arrival;
	held_count = flagged = 0;
	holding = false;
	world_start(&w, 1);
	world_run(&w, SEC);
	for (u32 i = 0; i < BEFORE; i++) {
		send_of(BULK, i, 1400);
		world_run(&w, 100);
	}
	world_run(&w, 50 * MSEC);
	assert_int_equal(w.server.delivered, BEFORE);
	holding = true;
	for (u32 i = 0; i < WAITING; i++) {
		send_of(BULK, BEFORE + i, 1400);
		world_run(&w, 300);	/* no faster than the path is believed to be */
	}
	for (u32 i = 0; i < 3; i++)
		send_of(CALL, BEFORE + WAITING + i, 100);
	world_run(&w, 12 * MSEC);
	holding = false;
	assert_int_equal(held_count, WAITING + 3);
}

static void receive_all(void)
{
	tunnel_receive(w.server.tunnel, runs, held_count, w.now_us);
	world_run(&w, SEC);
}

static void end(void)
{
	world_end(&w);
}

static void a_call_does_not_wait_for_what_came_before(void **state)
{
	u64 largest;

	(void)state;
	begin();
	largest = path_at_server()->largest_received;
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(w.server.delivered, BEFORE + 3);
	assert_int_equal(w.server.highest, BEFORE + WAITING + 2);
	assert_int_equal(path_at_server()->largest_received, largest);
	receive_all();
	assert_int_equal(w.server.delivered, BEFORE + WAITING + 3);
	assert_int_equal(world_drops(&w.server), 0);
	end();
}

/* An ack that names a packet of the call while thirty before it wait would have these sent again. */
static void what_waits_is_not_taken_for_lost(void **state)
{
	(void)state;
	begin();
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	world_run(&w, 5 * MSEC);
	receive_all();
	assert_int_equal(path_at_client().lost_packets, 0);
	assert_int_equal(w.client.tunnel->session->repaired, 0);
	assert_int_equal(w.server.delivered, BEFORE + WAITING + 3);
	end();
}

static void what_was_delivered_ahead_is_acked_in_its_turn(void **state)
{
	struct path *p;

	(void)state;
	begin();
	p = path_at_server();
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	tunnel_receive(w.server.tunnel, runs, WAITING, w.now_us);

	u64 largest = p->largest_received, packets = p->received_packets;

	tunnel_receive(w.server.tunnel, runs + WAITING, 3, w.now_us);
	assert_int_equal(p->largest_received, largest + 3);
	assert_int_equal(p->received_packets, packets + 3);
	world_run(&w, SEC);
	assert_int_equal(path_at_client().lost_packets, 0);
	end();
}

static void a_forged_one_is_counted_once_in_its_turn(void **state)
{
	(void)state;
	begin();
	held[WAITING].data[40] ^= 1;
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(w.server.delivered, BEFORE + 2);
	assert_int_equal(world_drops(&w.server), 0);
	receive_all();
	assert_int_equal(drops(TG_DROP_FORGED), 1);
	assert_int_equal(world_drops(&w.server), 1);
	end();
}

static void a_replayed_one_is_delivered_once(void **state)
{
	(void)state;
	begin();
	held[held_count] = held[held_count - 1];
	runs[held_count] = runs[held_count - 1];
	runs[held_count].data = held[held_count].data;
	held_count++;
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(w.server.delivered, BEFORE + 3);
	receive_all();
	assert_int_equal(w.server.delivered, BEFORE + WAITING + 3);
	assert_int_equal(drops(TG_DROP_REPLAY), 1);
	end();
}

/* As GRO joins them: the call's packets behind one another, the last shorter. */
static void joined_datagrams_go_ahead_one_by_one(void **state)
{
	static u8 joined[3 * 2048];
	struct datagrams *run = &runs[WAITING];
	u32 len = 0;

	(void)state;
	begin();
	for (u32 i = 0; i < 3; i++) {
		memcpy(joined + len, held[WAITING + i].data, held[WAITING + i].len);
		len += held[WAITING + i].len;
	}
	*run = (struct datagrams){ .where = run->where, .data = joined, .len = len, .segment_bytes = held[WAITING].len };
	held_count = WAITING + 1;
	joined[held[WAITING].len + 1] &= (u8)~TG_FLAG_AHEAD;	/* the second: it waits, and the tag shows that somebody changed it */
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(run->taken, 1 | 1 << 2);
	assert_int_equal(w.server.delivered, BEFORE + 2);
	receive_all();
	assert_int_equal(drops(TG_DROP_FORGED), 1);
	assert_int_equal(w.server.delivered, BEFORE + WAITING + 2);
	end();
}

/* Repair symbols are worked out from what comes in the order of numbers. */
static void where_repair_symbols_come_all_waits(void **state)
{
	struct fec_decoder *d = fec_decoder_new(64);

	(void)state;
	begin();
	assert_non_null(d);
	path_at_server()->parity.decoder = d;
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(w.server.delivered, BEFORE);
	path_at_server()->parity.decoder = NULL;
	fec_decoder_free(d);
	receive_all();
	assert_int_equal(w.server.delivered, BEFORE + WAITING + 3);
	end();
}

static void a_key_that_dies_meanwhile_is_no_harm(void **state)
{
	(void)state;
	begin();
	tunnel_receive_ahead(w.server.tunnel, runs, held_count, w.now_us);
	tunnel_close_all(w.server.tunnel, TG_CLOSE_BYE, "", w.now_us);
	tunnel_receive(w.server.tunnel, runs, held_count, w.now_us);
	assert_int_equal(w.server.delivered, BEFORE + 3);
	assert_int_equal(drops(TG_DROP_NO_SESSION), WAITING);
	end();
}

static void a_peer_that_does_not_know_is_not_told(void **state)
{
	u32 before;

	(void)state;
	begin();
	before = flagged;
	assert_true(before > 0);
	w.client.tunnel->session->peer_ahead = false;
	for (u32 i = 0; i < 20; i++) {
		send_of(CALL, 1000 + i, 100);
		world_run(&w, 20 * MSEC);
	}
	assert_int_equal(flagged, before);
	w.client.tunnel->session->peer_ahead = true;
	send_of(CALL, 1020, 100);
	world_run(&w, 50 * MSEC);
	assert_int_equal(flagged, before + 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_does_not_wait_for_what_came_before),
		cmocka_unit_test(what_waits_is_not_taken_for_lost),
		cmocka_unit_test(what_was_delivered_ahead_is_acked_in_its_turn),
		cmocka_unit_test(a_forged_one_is_counted_once_in_its_turn),
		cmocka_unit_test(a_replayed_one_is_delivered_once),
		cmocka_unit_test(joined_datagrams_go_ahead_one_by_one),
		cmocka_unit_test(where_repair_symbols_come_all_waits),
		cmocka_unit_test(a_key_that_dies_meanwhile_is_no_harm),
		cmocka_unit_test(a_peer_that_does_not_know_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
