// SPDX-License-Identifier: MIT
/* parity_test.c - two engines over long or lossy paths, with and without forward error correction */
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

struct way {
	u32 links;
	u64 delay_us;
	u32 loss_permille;	/* of link 1 */
	u64 gap_us;
	u32 len;
	bool fec;
};

struct outcome {
	u32 sent, delivered, out_of_order;
	u64 repairs, recovered;
	u64 late;		/* more than a quarter beyond the way's own delay */
};

/* Packets say when they left in the word of their number: what is late is seen when they are delivered. */
static struct {
	u64 begun_us, bound_us;
	u64 late;
} clock_of;


static void deliver_timed(void *ctx, struct buf_queue *q)
{
	struct world_end *end = ctx;

	for (const struct buf *b = q->head; b; b = b->next)
		if (end == &w.server && w.now_us - clock_of.begun_us - get_be32(b->data + 28) > clock_of.bound_us)
			clock_of.late++;
	world_deliver(ctx, q);
}

static struct tunnel_events timed_events;

static void connect_way(const struct way *way)
{
	world_init(&w, 21);
	timed_events = world_events;
	timed_events.deliver = deliver_timed;
	w.client_settings.no_fec = w.server_settings.no_fec = !way->fec;
	for (u32 i = 1; i <= way->links; i++)
		w.links[i].delay_us = way->delay_us;
	world_start(&w, way->links);
	w.server.tunnel->events = &timed_events;
	world_run(&w, 2 * SEC);
	w.links[1].loss_permille = way->loss_permille;
}

static void send_over(const struct way *way, u64 us)
{
	u64 until = w.now_us + us;

	for (; w.now_us < until; world_run(&w, way->gap_us))
		world_send(&w, &w.client, (u32)(w.now_us - clock_of.begun_us), way->len);
}

/* Loss has to show before anything is done about it: the first 3 s are not looked at. */
static struct outcome run_way(const struct way *way)
{
	struct outcome o = { 0 };

	connect_way(way);
	clock_of.begun_us = w.now_us;
	clock_of.bound_us = way->delay_us + way->delay_us / 4;
	send_over(way, 3 * SEC);
	world_run(&w, SEC);
	clock_of.late = 0;
	w.server.delivered = 0;
	o.sent = (u32)session_at(&w.client)->carried_packets;
	send_over(way, 5 * SEC);
	world_run(&w, SEC);
	o.sent = (u32)session_at(&w.client)->carried_packets - o.sent;
	o.delivered = w.server.delivered;
	o.late = clock_of.late;
	o.repairs = session_at(&w.client)->parity_sent;
	o.recovered = session_at(&w.server)->parity_recovered;
	world_end(&w);
	return o;
}

static void bulk_on_a_long_path_is_late_less_often(void **state)
{
	struct way way = { .links = 1, .delay_us = 75 * MSEC, .loss_permille = 10, .gap_us = 500, .len = 1400 };
	struct outcome without = run_way(&way), with;

	(void)state;
	way.fec = true;
	with = run_way(&way);
	print_message("late %llu of %u without, %llu of %u with %llu repairs, %llu recovered\n", (unsigned long long)without.late,
		      without.sent, (unsigned long long)with.late, with.sent, (unsigned long long)with.repairs,
		      (unsigned long long)with.recovered);
	assert_int_equal(without.repairs + without.recovered, 0);
	assert_true(with.recovered > 50);
	assert_true(with.late < without.late / 2);
	assert_true(with.delivered >= with.sent - with.sent / 500);
	assert_true(with.delivered <= with.sent);
	assert_true(with.repairs < with.sent / 10);
}

static void interactive_packets_are_lost_less_often(void **state)
{
	struct way way = { .links = 1, .delay_us = 20 * MSEC, .loss_permille = 50, .gap_us = 20 * MSEC, .len = 200 };
	struct outcome without = run_way(&way), with;

	(void)state;
	way.fec = true;
	with = run_way(&way);
	print_message("lost %u of %u without, %u with\n", without.sent - without.delivered, without.sent, with.sent - with.delivered);
	assert_true(without.sent - without.delivered >= 5);
	assert_true(with.sent - with.delivered < (without.sent - without.delivered) / 2);
}

static void nobody_pays_without_need(void **state)
{
	static const struct way ways[] = {
		{ .links = 1, .delay_us = 75 * MSEC, .gap_us = 500, .len = 1400, .fec = true },
		{ .links = 1, .delay_us = 20 * MSEC, .loss_permille = 10, .gap_us = 500, .len = 1400, .fec = true },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++)
		assert_int_equal(run_way(&ways[i]).repairs, 0);
}

/* Bytes of datagrams larger than an ack, by link. */
static u64 control_bytes[WORLD_LINKS + 1];

static bool count_control(void *arg, struct flying *f)
{
	(void)arg;
	for (u32 i = 1; i <= WORLD_LINKS; i++)
		if (f->to_server && f->data[0] == TG_TYPE_CONTROL && f->len > 600 && addr_equal(&f->from.remote, &w.links[i].address))
			control_bytes[i] += f->len;
	return true;
}

static void repairs_take_the_other_path(void **state)
{
	struct way way = { .links = 2, .delay_us = 75 * MSEC, .loss_permille = 10, .gap_us = 500, .len = 1400, .fec = true };

	(void)state;
	memset(control_bytes, 0, sizeof(control_bytes));
	connect_way(&way);
	w.tap = count_control;
	clock_of.begun_us = w.now_us;
	send_over(&way, 4 * SEC);
	world_run(&w, SEC);
	assert_true(session_at(&w.client)->parity_sent > 20);
	assert_true(session_at(&w.server)->parity_recovered > 5);
	assert_true(control_bytes[2] > 20000);
	assert_true(control_bytes[1] < 6000);
	assert_int_equal(tunnel_counters(w.server.tunnel)->drops[TG_DROP_BAD_FRAME], 0);
	world_end(&w);
}

static void encoder_and_decoder_go_when_they_are_not_needed(void **state)
{
	struct way way = { .links = 1, .delay_us = 75 * MSEC, .loss_permille = 20, .gap_us = MSEC, .len = 1400, .fec = true };

	(void)state;
	connect_way(&way);
	clock_of.begun_us = w.now_us;
	send_over(&way, 3 * SEC);
	assert_non_null(session_at(&w.client)->paths[0]->parity.encoder);
	assert_non_null(session_at(&w.server)->paths[0]->parity.decoder);
	assert_int_equal(w.server.tunnel->decoders, 1);
	assert_int_equal(w.client.tunnel->decoders, 0);
	w.links[1].loss_permille = 0;
	send_over(&way, 20 * SEC);
	assert_null(session_at(&w.client)->paths[0]->parity.encoder);
	world_run(&w, 60 * SEC);
	assert_null(session_at(&w.server)->paths[0]->parity.decoder);
	assert_int_equal(w.server.tunnel->decoders, 0);
	world_end(&w);
}

/* Ten seconds of a call that loses 2 %. */
static void lossy_call(u64 delay_us)
{
	struct way call = { .links = 1, .delay_us = delay_us, .loss_permille = 20, .gap_us = 20 * MSEC, .len = 200, .fec = true };

	connect_way(&call);
	clock_of.begun_us = w.now_us;
	send_over(&call, 10 * SEC);
}

/* Once bulk after a lossy call was copied into both for as long as it went on: 4 % of what a gigabyte cost. */
static void bulk_that_is_not_covered_is_not_copied(void **state)
{
	struct way bulk = { .gap_us = 100, .len = 1400 };

	(void)state;
	lossy_call(5 * MSEC);
	assert_true(session_at(&w.client)->paths[0]->parity.covers);
	assert_non_null(session_at(&w.server)->paths[0]->parity.decoder);
	send_over(&bulk, 3 * SEC);
	assert_false(session_at(&w.client)->paths[0]->parity.covers);
	assert_null(session_at(&w.server)->paths[0]->parity.decoder);
	world_end(&w);
}

/* A transfer that filled the receiver's socket as it began was covered like a call, as there had been little in the second before. */
static void a_transfer_that_begins_is_no_call(void **state)
{
	struct way way = { .links = 1, .delay_us = 5 * MSEC, .loss_permille = 20, .gap_us = 500, .len = 1400, .fec = true };

	(void)state;
	connect_way(&way);
	clock_of.begun_us = w.now_us;
	send_over(&way, 3 * SEC);
	assert_int_equal(session_at(&w.client)->parity_sent, 0);
	assert_null(session_at(&w.client)->paths[0]->parity.encoder);
	world_end(&w);
}

/* Nor is one on a path known to lose, after a pause: it was covered for a second, with 430 repairs. */
static void a_transfer_after_a_pause_is_no_call(void **state)
{
	struct way bulk = { .gap_us = 500, .len = 1400 };
	u64 repairs;

	(void)state;
	lossy_call(5 * MSEC);
	world_run(&w, 20 * SEC);
	repairs = session_at(&w.client)->parity_sent;
	send_over(&bulk, 3 * SEC);
	print_message("%llu repairs\n", (unsigned long long)(session_at(&w.client)->parity_sent - repairs));
	assert_true(session_at(&w.client)->parity_sent - repairs < 100);
	assert_false(session_at(&w.client)->paths[0]->parity.covers);
	world_end(&w);
}

/* What follows a call that lost packets queued for ten seconds more, for the sake of repairs that nobody wanted. */
static void bulk_after_a_lossy_call_goes_straight(void **state)
{
	struct way bulk = { .gap_us = 100, .len = 1400 };

	(void)state;
	lossy_call(200);
	assert_true(session_at(&w.client)->paths[0]->parity.covers);
	assert_int_equal(session_goes_straight(session_at(&w.client)), 0);
	w.links[1].loss_permille = 0;
	send_over(&bulk, SEC);
	assert_non_null(session_at(&w.client)->paths[0]->parity.encoder);
	assert_true(session_goes_straight(session_at(&w.client)) >= 1400);
	world_end(&w);
}

/* What an authenticated peer may send by malice: the client's own engine seals it. */
static void send_repair(const struct fec_repair *r)
{
	struct path *p = w.client.tunnel->session->paths[0];
	struct aead_job *job;

	assert_non_null(out_add(p, &p->where, TG_TYPE_CONTROL, 0, 0, NULL, FRAMES_REPAIR_BYTES + r->len, true, NULL, &job));
	frames_put_repair(job->out, r);
	out_flush(w.client.tunnel);
	world_run(&w, 200 * MSEC);
}

static void hostile_repairs_bring_nothing_and_cost_little(void **state)
{
	struct way way = { .links = 1, .delay_us = 20 * MSEC, .gap_us = 10 * MSEC, .len = 400, .fec = true };
	u8 lies[FEC_SYMBOL_BYTES];
	u32 before;

	(void)state;
	connect_way(&way);
	send_over(&way, SEC);
	world_run(&w, SEC);
	before = w.server.delivered;
	rand_fill(&w.random, lies, sizeof(lies));
	for (u32 i = 0; i < 300; i++) {
		struct path *p = w.client.tunnel->session->paths[0];

		send_repair(&(struct fec_repair){ .path = (u8)(i % 4 ? 0 : i % 20), .row = (u8)i, .len = (u16)(1 + i * 5 % 1400), .symbol = lies,
						  .first = (u32)p->sent.next - i % 90, .numbers = i % 3 ? rand_u64(&w.random) | 1 : i });
	}
	assert_int_equal(w.server.delivered, before);
	assert_int_equal(w.server.tunnel->decoders, 1);		/* of the one path there is */
	assert_true(tunnel_counters(w.server.tunnel)->drops[TG_DROP_BAD_FRAME] > 50);
	send_over(&way, SEC);		/* honest packets still come */
	world_run(&w, SEC);
	assert_int_equal(w.server.delivered, before + 100);
	world_end(&w);
}

/* A symbol that works out to a packet with a foreign source address: lies of a peer that knows the code. */
static void what_is_worked_out_is_screened(void **state)
{
	struct way way = { .links = 1, .delay_us = 20 * MSEC, .gap_us = 10 * MSEC, .len = 400, .fec = true };
	struct fec_encoder *e = fec_encoder_new(0);
	struct path *p;
	struct fec_repair r;
	u8 plain[104] = { 0xff, 0xff, 0xff, 0xff, 0x45, 0, 0, 100 };
	u32 before;

	(void)state;
	memcpy(plain + 16, "\x0a\x00\x55\x4d", 4);	/* 10.0.85.77 is not the client's */
	connect_way(&way);
	send_over(&way, SEC);
	world_run(&w, SEC);
	before = w.server.delivered;
	p = w.client.tunnel->session->paths[0];
	fec_encoder_add(e, p->sent.next, 0, plain, sizeof(plain));
	assert_true(fec_encoder_repair(e, FEC_SYMBOL_BYTES, &r));
	send_repair(&r);		/* makes the decoder; knows nothing yet */
	send_over(&way, 100 * MSEC);
	fec_encoder_reset(e);
	fec_encoder_add(e, p->sent.next + 1, 0, plain, sizeof(plain));
	assert_true(fec_encoder_repair(e, FEC_SYMBOL_BYTES, &r));
	send_repair(&r);
	assert_int_equal(session_at(&w.server)->parity_recovered, 1);
	assert_int_equal(tunnel_counters(w.server.tunnel)->drops[TG_DROP_INNER_SOURCE], 1);
	assert_int_equal(w.server.delivered, before + 10);
	fec_encoder_free(e);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bulk_on_a_long_path_is_late_less_often),
		cmocka_unit_test(interactive_packets_are_lost_less_often),
		cmocka_unit_test(nobody_pays_without_need),
		cmocka_unit_test(repairs_take_the_other_path),
		cmocka_unit_test(encoder_and_decoder_go_when_they_are_not_needed),
		cmocka_unit_test(bulk_that_is_not_covered_is_not_copied),
		cmocka_unit_test(a_transfer_that_begins_is_no_call),
		cmocka_unit_test(a_transfer_after_a_pause_is_no_call),
		cmocka_unit_test(bulk_after_a_lossy_call_goes_straight),
		cmocka_unit_test(hostile_repairs_bring_nothing_and_cost_little),
		cmocka_unit_test(what_is_worked_out_is_screened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
