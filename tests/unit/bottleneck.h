// SPDX-License-Identifier: MIT
/* bottleneck.h - one path through a bottleneck, in virtual time, with the estimators that a session has
 *
 *   source -> pace, window -> queue of the bottleneck -> rate -> half a round trip -> random loss -> receiver
 *               ^                     ^                                                               |
 *               |                     +- somebody else's packets, a fixed window of them              |
 *               +---- rtt, delay, rate <- ack <--------------- half a round trip -------------- acks -+
 *
 * The receiver acks as the tunnel does (ack.h), and what an ack tells goes the way of path_acked() in timers.c. Nothing
 * here reads a clock; the same seed gives the same run.
 */
#ifndef TG_TESTS_BOTTLENECK_H
#define TG_TESTS_BOTTLENECK_H

#include <string.h>

#include "base/rand.h"
#include "path/delay.h"
#include "path/rate.h"
#include "path/rtt.h"
#include "path/sent.h"

#define MBIT 125000ULL			/* bytes per second */
#define BOTTLENECK_PACKET 1500u
#define BOTTLENECK_STEP_US 50u
#define BOTTLENECK_EARLY_NS 100000u	/* as in pump.c: a turn begins so early and hands over so much */
#define BOTTLENECK_AHEAD_NS 1000000u
#define BOTTLENECK_CATCH_UP_NS 1000000u
#define BOTTLENECK_BURST_NS 10000000u	/* of a source that was held back */
#define BOTTLENECK_PEER_CLOCK 0xff800000u	/* the peer's clock is ahead by this: wraps after 8 s */

enum { BOTTLENECK_WIRE = 1 << 17, BOTTLENECK_ACKS = 1 << 12 };

struct bottleneck {
	/* The link: change it at any time. */
	u64 rate;		/* bytes/s */
	u32 half_us;		/* half of the round trip */
	u32 buffer_us;		/* what its queue holds at its rate */
	u32 loss_ppm;		/* behind the queue: a radio */
	u64 other_window;	/* bytes that somebody else keeps in flight through it; 0: nobody */
	bool silent;		/* swallows everything */
	u32 wake_us;		/* the receiver looks only so often; 0: at once */
	/* The source. */
	u64 offered;		/* bytes/s; 0: as much as goes */
	bool alone;		/* the session has no other path: unpaced, it skips the pump, and nobody marks its samples */
	bool may_probe;

	/* The path. */
	struct sent sent;
	struct received received;
	struct rtt rtt;
	struct delay delay;
	struct rate control;
	u64 now_us, free_ns, source_ns;

	/* On the way, in order. */
	struct { u64 at_us, number; bool lost; } wire[BOTTLENECK_WIRE];
	u64 wire_first, wire_next;
	struct { u64 at_us; struct ack ack; } acks[BOTTLENECK_ACKS];
	u64 ack_first, ack_next;
	u64 other_at_us[BOTTLENECK_WIRE];
	u64 other_first, other_next;
	u64 link_free_ns;
	struct rand_source rand;

	/* What came of it. Set to 0 at will. */
	u64 arrived_bytes, sent_packets, overflowed, rounds;
	u32 queue_most_us;
};

static inline void bottleneck_begin(struct bottleneck *b, u64 rate, u32 round_trip_us)
{
	memset(b, 0, sizeof(*b));
	b->rate = rate;
	b->half_us = round_trip_us / 2;
	b->buffer_us = 200 * MSEC;
	b->may_probe = true;
	b->now_us = SEC;	/* 0 means never in places */
	rand_seeded(&b->rand, 17);
	sent_init(&b->sent);
	received_init(&b->received);
}

static inline void bottleneck_end(struct bottleneck *b)
{
	sent_free(&b->sent);
}

/* ---- the link ---- */

static inline u32 bottleneck_queue_us(const struct bottleneck *b)
{
	u64 now_ns = b->now_us * 1000;

	return b->link_free_ns > now_ns ? (u32)((b->link_free_ns - now_ns) / 1000) : 0;
}

/* When a packet given to the link now leaves it; 0: its queue is full. */
static inline u64 bottleneck_pass(struct bottleneck *b, u32 bytes)
{
	if (bottleneck_queue_us(b) >= b->buffer_us)
		return 0;
	b->link_free_ns = MAX(b->link_free_ns, b->now_us * 1000) + bytes * 1000000000ULL / b->rate;
	b->queue_most_us = MAX(b->queue_most_us, bottleneck_queue_us(b));
	return b->link_free_ns / 1000;
}

/* The link carries on at another rate: what is in its queue, too. */
static inline void bottleneck_becomes(struct bottleneck *b, u64 rate)
{
	u64 now_us = b->now_us, left = 0;

	for (u64 i = b->wire_first; i < b->wire_next; i++)
		left += b->wire[i % BOTTLENECK_WIRE].at_us > now_us + b->half_us;
	b->rate = rate;
	b->link_free_ns = now_us * 1000;
	for (u64 i = b->wire_next - left; i < b->wire_next; i++) {
		b->link_free_ns += BOTTLENECK_PACKET * 1000000000ULL / rate;
		b->wire[i % BOTTLENECK_WIRE].at_us = b->link_free_ns / 1000 + b->half_us;
	}
}

static inline void bottleneck_others(struct bottleneck *b)
{
	while (b->other_first < b->other_next && b->other_at_us[b->other_first % BOTTLENECK_WIRE] <= b->now_us)
		b->other_first++;
	while ((b->other_next - b->other_first) * BOTTLENECK_PACKET < b->other_window) {
		u64 leaves_us = bottleneck_pass(b, BOTTLENECK_PACKET);

		if (!leaves_us)
			return;
		b->other_at_us[b->other_next++ % BOTTLENECK_WIRE] = leaves_us + 2 * b->half_us;
	}
}

static inline void bottleneck_send(struct bottleneck *b)
{
	u64 leaves_us = bottleneck_pass(b, BOTTLENECK_PACKET), number = b->sent.next;

	assert_int_equal(sent_note(&b->sent, BOTTLENECK_PACKET, true, NULL, b->now_us), 0);
	b->sent_packets++;
	b->overflowed += !leaves_us;
	if (!leaves_us || b->silent)
		return;
	assert_true(b->wire_next - b->wire_first < BOTTLENECK_WIRE);
	b->wire[b->wire_next % BOTTLENECK_WIRE].at_us = leaves_us + b->half_us;
	b->wire[b->wire_next % BOTTLENECK_WIRE].number = number;
	b->wire[b->wire_next++ % BOTTLENECK_WIRE].lost = rand_u32(&b->rand) % 1000000 < b->loss_ppm;
}

/* ---- the receiver ---- */

static inline void bottleneck_receive(struct bottleneck *b)
{
	u64 peer_us = b->now_us + BOTTLENECK_PEER_CLOCK;

	for (; b->wire_first < b->wire_next; b->wire_first++) {
		u64 i = b->wire_first % BOTTLENECK_WIRE;

		if (b->wire[i].at_us > b->now_us)
			break;
		if (b->wire[i].lost)
			continue;
		b->arrived_bytes += BOTTLENECK_PACKET;
		received_note(&b->received, b->wire[i].number, BOTTLENECK_PACKET, 0, false, true,
			      ack_interval_us(b->rtt.min_us), 0, peer_us);
	}
	if (received_due_us(&b->received) <= peer_us) {
		u64 i = b->ack_next++ % BOTTLENECK_ACKS;

		assert_true(b->ack_next - b->ack_first < BOTTLENECK_ACKS);
		received_fill(&b->received, 0, &b->acks[i].ack, peer_us);
		b->acks[i].at_us = b->now_us + b->half_us;
	}
}

/* ---- the sender ---- */

static inline void bottleneck_acked(struct bottleneck *b, const struct ack *a)
{
	struct sent_news news;
	struct rate_news told;

	assert_int_equal(sent_ack(&b->sent, a, &news, b->now_us), 0);
	if (news.has_rtt) {
		rtt_sample(&b->rtt, news.rtt_us, news.ack_delay_us, b->now_us);
		delay_sample(&b->delay, news.delay_us, MAX(b->rtt.min_us, (u32)(10 * MSEC)), b->now_us);
	}
	sent_lose_older(&b->sent, (u64)MAX(b->rtt.srtt_us, b->rtt.latest_us) * 9 / 8 + MSEC, &news);
	b->rounds += news.round;
	told = (struct rate_news){
		.sample = news.rate_bytes,
		.app_limited = news.app_limited,
		.round = news.round,
		.acked_packets = news.acked_packets,
		.lost_packets = news.lost_packets,
		.acked_bytes = news.acked_bytes,
		.queue_us = delay_queue_us(&b->delay),
		.straight = !rate_pace(&b->control, b->alone),
		.rtt_us = b->rtt.srtt_us,
		.min_rtt_us = b->rtt.min_us,
		.in_flight = b->sent.in_flight_bytes,
		.may_probe = b->may_probe,
	};
	rate_acked(&b->control, &told, b->now_us);
}

static inline void bottleneck_take_acks(struct bottleneck *b)
{
	for (; b->ack_first < b->ack_next && b->acks[b->ack_first % BOTTLENECK_ACKS].at_us <= b->now_us; b->ack_first++)
		bottleneck_acked(b, &b->acks[b->ack_first % BOTTLENECK_ACKS].ack);
}

/* One packet less to offer; false: the source has none now. */
static inline bool bottleneck_offers(struct bottleneck *b)
{
	if (!b->offered)
		return true;
	if (b->source_ns > b->now_us * 1000)
		return false;
	b->source_ns = MAX(b->source_ns + BOTTLENECK_BURST_NS, b->now_us * 1000) - BOTTLENECK_BURST_NS +
		       BOTTLENECK_PACKET * 1000000000ULL / b->offered;
	return true;
}

/* As session_pump(): a turn begins when the path is free, hands it a millisecond, and says so when there was not enough. */
static inline void bottleneck_pump(struct bottleneck *b)
{
	u64 pace = rate_pace(&b->control, b->alone), window = rate_window(&b->control, b->alone);
	u64 now_ns = b->now_us * 1000, ahead_ns = BOTTLENECK_EARLY_NS;

	while ((!pace || b->free_ns <= now_ns + ahead_ns) && b->sent.in_flight_bytes < window) {
		if (!bottleneck_offers(b)) {
			if (!b->alone || pace)
				sent_app_limited(&b->sent);
			return;
		}
		bottleneck_send(b);
		if (pace)
			b->free_ns = MAX(b->free_ns + BOTTLENECK_CATCH_UP_NS, now_ns) - BOTTLENECK_CATCH_UP_NS +
				     BOTTLENECK_PACKET * 1000000000ULL / pace;
		ahead_ns = BOTTLENECK_AHEAD_NS;
	}
}

static inline void bottleneck_step(struct bottleneck *b)
{
	b->now_us += BOTTLENECK_STEP_US;
	bottleneck_others(b);
	if (!b->wake_us || b->now_us % b->wake_us == 0)
		bottleneck_receive(b);
	bottleneck_take_acks(b);
	bottleneck_pump(b);
}

static inline void bottleneck_run(struct bottleneck *b, u64 us)
{
	for (u64 end_us = b->now_us + us; b->now_us < end_us;)
		bottleneck_step(b);
}

/* The same, and returns the bytes/s that arrived meanwhile. */
static inline u64 bottleneck_throughput(struct bottleneck *b, u64 us)
{
	u64 before = b->arrived_bytes;

	bottleneck_run(b, us);
	return (b->arrived_bytes - before) * SEC / us;
}

#endif
