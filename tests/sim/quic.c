// SPDX-License-Identifier: MIT
/* quic.c - a QUIC-like sender over UDP, as RFC 9002 has it: packet threshold 3, time threshold 9/8, CUBIC, paced
 *
 * What is lost goes out again as new packets. Acks come every second packet or after 25 ms, at once out of order. The
 * packet number is the flow's serial; `number` is the chunk of stream data in it.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/cc.h"
#include "sim/flow.h"

#define QUIC_PACKET 1280u	/* UDP payload of 1252 bytes: what most send */
#define QUIC_PAYLOAD 1210u
#define QUIC_ACK 64u
#define QUIC_RING 32768u
#define QUIC_THRESHOLD 3u
#define QUIC_MAX_ACK_DELAY_NS (25 * NS_PER_MS)
#define GRANULARITY_NS NS_PER_MS
#define QUIC_BURST 10
#define QUIC_SACKS 30u

enum sent_state { SENT_OUT = 1, SENT_ACKED, SENT_LOST };

struct sent {
	u64 sent_ns;
	u32 chunk;
	u8 state;
};

struct quic {
	struct flow f;
	struct cc cc;
	struct sent *ring;		/* by packet number */
	u32 oldest, largest_acked;	/* nothing before `oldest` is out */
	u32 in_flight;
	u32 *again;			/* chunks to send again, a ring */
	u32 again_head, again_tail, next_chunk;
	u64 srtt_ns, rttvar_ns, min_rtt_ns, delivered;
	u32 recovery_from;		/* packets from here on count as another loss */
	u32 backoff;
	bool window_limited;
	u64 pace_ns;
	struct event timer, pacer;
	/* receiver */
	struct seg_range got[FLOW_RANGES];	/* packet numbers, the newest first */
	u32 got_count, pending;
	bool ack_now;
	u64 newest_ns, newest_at_ns;
	u8 *chunks;			/* bit per chunk of the ring */
	u32 next_in_order, highest_chunk;
	struct event delayed;
};

static struct quic *of(struct flow *f)
{
	return (struct quic *)f;
}

static struct sent *sent_at(struct quic *q, u32 number)
{
	return &q->ring[number % QUIC_RING];
}

/* ---- sender ---- */

static void send_packet(struct quic *q, u32 chunk, bool again)
{
	struct packet *p = flow_send_udp(&q->f, 0, chunk, QUIC_PACKET, NULL);

	p->retransmit = again;
	*sent_at(q, p->serial) = (struct sent){ .sent_ns = p->sent_ns, .chunk = chunk, .state = SENT_OUT };
	q->in_flight++;
	q->f.retransmits += again;
}

static void send_one(struct quic *q)
{
	if (q->again_tail != q->again_head)
		send_packet(q, q->again[q->again_tail++ % QUIC_RING], true);
	else
		send_packet(q, q->next_chunk++, false);
}

static bool may_send(const struct quic *q)
{
	bool room = q->f.way[0]->sent + 1 - q->oldest < QUIC_RING / 2 && q->next_chunk - q->next_in_order < QUIC_RING - 2;
	bool data = q->again_tail != q->again_head || !flow_is_over(&q->f);

	return q->in_flight < (u32)q->cc.window && room && data;
}

static void arm_timer(struct quic *q);

static void send_more(struct quic *q)
{
	u64 now = flow_now(&q->f);
	double per_packet = q->srtt_ns ? (double)q->srtt_ns / q->cc.window / 1.25 : 0;

	/* Paced at 1.25 windows per round trip with a burst of ten in hand. */
	q->pace_ns = MAX(q->pace_ns, now - MIN(now, (u64)(QUIC_BURST * per_packet)));
	while (may_send(q) && q->pace_ns <= now) {
		send_one(q);
		q->pace_ns += (u64)per_packet;
	}
	q->window_limited = q->in_flight + QUIC_BURST >= (u32)q->cc.window;
	event_set(&q->f.sim->events, &q->pacer, may_send(q) ? q->pace_ns : TIME_NEVER);
	arm_timer(q);
}

static void declare_lost(struct quic *q, u32 number)
{
	struct sent *s = sent_at(q, number);

	s->state = SENT_LOST;
	q->in_flight--;
	q->f.lost++;
	q->again[q->again_head++ % QUIC_RING] = s->chunk;
	if (number < q->recovery_from)
		return;
	q->recovery_from = q->f.way[0]->sent + 1;
	cc_reduce(&q->cc, flow_now(&q->f));
	q->cc.window = MAX(q->cc.ssthresh, 2);
}

static u64 loss_delay(const struct quic *q)
{
	return MAX(q->srtt_ns * 9 / 8, GRANULARITY_NS);
}

static void skip_settled(struct quic *q)
{
	while (q->oldest <= q->f.way[0]->sent && sent_at(q, q->oldest)->state != SENT_OUT)
		q->oldest++;
}

static void detect_losses(struct quic *q)
{
	u64 now = flow_now(&q->f);

	for (u32 n = q->oldest; n < q->largest_acked; n++) {
		struct sent *s = sent_at(q, n);

		if (s->state == SENT_OUT && (n + QUIC_THRESHOLD <= q->largest_acked || s->sent_ns + loss_delay(q) <= now))
			declare_lost(q, n);
	}
	skip_settled(q);
}

static void note_rtt(struct quic *q, u64 rtt, u64 held)
{
	u64 off;

	hist_add(&q->f.rtt, rtt / NS_PER_US);
	q->min_rtt_ns = q->min_rtt_ns ? MIN(q->min_rtt_ns, rtt) : rtt;
	if (rtt > q->min_rtt_ns + held)
		rtt -= held;
	off = q->srtt_ns > rtt ? q->srtt_ns - rtt : rtt - q->srtt_ns;
	q->rttvar_ns = q->srtt_ns ? (3 * q->rttvar_ns + off) / 4 : rtt / 2;
	q->srtt_ns = q->srtt_ns ? (7 * q->srtt_ns + rtt) / 8 : rtt;
}

static void acked(struct quic *q, u32 number, struct cc_sample *sample)
{
	struct sent *s = sent_at(q, number);

	if (s->state == SENT_LOST)
		q->f.spurious++;
	if (s->state == SENT_OUT) {
		q->in_flight--;
		q->delivered++;
		sample->acked += number >= q->recovery_from || !q->recovery_from;
	}
	s->state = SENT_ACKED;
}

static void take_ack(struct quic *q, const struct ack_info *a)
{
	struct cc_sample sample = { .now_ns = flow_now(&q->f) };
	u32 newest = a->count ? a->ranges[0].to - 1 : 0;

	if (newest > q->largest_acked) {
		q->largest_acked = newest;
		note_rtt(q, sample.now_ns - sent_at(q, newest)->sent_ns, a->held_ns);
		sample.rtt_ns = sample.now_ns - sent_at(q, newest)->sent_ns;
	}
	/* Lost ones may still turn up: acks are looked at some way below the oldest that is out. */
	for (u32 i = 0; i < a->count; i++)
		for (u32 n = MAX(a->ranges[i].from, q->oldest - MIN(q->oldest - 1, 256)); n < a->ranges[i].to; n++)
			if (sent_at(q, n)->state != SENT_ACKED)
				acked(q, n, &sample);
	detect_losses(q);
	q->backoff = 0;
	sample.min_rtt_ns = q->min_rtt_ns;
	sample.srtt_ns = q->srtt_ns;
	sample.delivered = q->delivered;
	sample.in_flight = q->in_flight;
	sample.window_limited = q->window_limited;
	if (sample.acked)
		q->cc.ops->acked(&q->cc, &sample);
	q->cc.window = MIN(q->cc.window, QUIC_RING / 2 - 8);
	send_more(q);
}

static u64 pto_ns(const struct quic *q)
{
	u64 pto = q->srtt_ns ? q->srtt_ns + MAX(4 * q->rttvar_ns, GRANULARITY_NS) + QUIC_MAX_ACK_DELAY_NS : NS_PER_SEC;

	return pto << MIN(q->backoff, 8);
}

static void arm_timer(struct quic *q)
{
	u64 now = flow_now(&q->f), at = TIME_NEVER;

	if (q->in_flight && q->oldest < q->largest_acked)
		at = sent_at(q, q->oldest)->sent_ns + loss_delay(q);
	else if (q->in_flight)
		at = now + pto_ns(q);
	event_set(&q->f.sim->events, &q->timer, at);
}

/* A probe is new data beyond the window; what is out is not thought lost by it. */
static void fire_timer(struct event *e)
{
	struct quic *q = container_of(e, struct quic, timer);

	if (q->oldest < q->largest_acked) {
		detect_losses(q);
	} else {
		q->backoff++;
		q->f.timeouts++;
		send_packet(q, sent_at(q, q->oldest)->chunk, true);
	}
	send_more(q);
}

static void fire_pacer(struct event *e)
{
	send_more(container_of(e, struct quic, pacer));
}

/* ---- receiver ---- */

static void note_number(struct quic *q, u32 n)
{
	struct seg_range *g = q->got;
	u32 i = 0;

	while (i < q->got_count && n < g[i].from - 1)
		i++;
	if (i < q->got_count && n >= g[i].from - 1 && n <= g[i].to) {
		g[i].from = MIN(g[i].from, n);
		g[i].to = MAX(g[i].to, n + 1);
		if (i && g[i - 1].from == g[i].to) {
			g[i - 1].from = g[i].from;
			memmove(&g[i], &g[i + 1], (--q->got_count - i) * sizeof(*g));
		} else if (i + 1 < q->got_count && g[i + 1].to == g[i].from) {
			g[i].from = g[i + 1].from;
			memmove(&g[i + 1], &g[i + 2], (--q->got_count - i - 1) * sizeof(*g));
		}
		return;
	}
	if (i == FLOW_RANGES)
		return;
	q->got_count = MIN(q->got_count + 1, FLOW_RANGES);
	memmove(&g[i + 1], &g[i], (q->got_count - 1 - i) * sizeof(*g));
	g[i] = (struct seg_range){ n, n + 1 };
}

static void note_chunk(struct quic *q, u32 chunk)
{
	if (chunk < q->next_in_order || chunk >= q->next_in_order + QUIC_RING)
		return;
	q->chunks[chunk % QUIC_RING] = 1;
	while (q->chunks[q->next_in_order % QUIC_RING]) {
		q->chunks[q->next_in_order++ % QUIC_RING] = 0;
		q->f.bytes += QUIC_PAYLOAD;
	}
}

static void send_ack(struct quic *q)
{
	struct ack_info a = { .copy = UINT32_MAX, .echo_ns = q->newest_ns, .held_ns = flow_now(&q->f) - q->newest_at_ns };

	a.count = MIN(q->got_count, QUIC_SACKS);
	memcpy(a.ranges, q->got, a.count * sizeof(a.ranges[0]));
	flow_send_udp(&q->f, 1, 0, QUIC_ACK + 4 * a.count, &a);
	q->pending = 0;
	q->ack_now = false;
	event_set(&q->f.sim->events, &q->delayed, TIME_NEVER);
}

static void fire_delayed(struct event *e)
{
	send_ack(container_of(e, struct quic, delayed));
}

static void take_data(struct quic *q, const struct packet *p)
{
	bool next = q->got_count ? p->serial == q->got[0].to : true;

	if (!next)
		q->ack_now = true;
	if (!q->got_count || p->serial >= q->got[0].to) {
		q->newest_ns = p->sent_ns;
		q->newest_at_ns = flow_now(&q->f);
	}
	note_number(q, p->serial);
	note_chunk(q, p->number);
	q->pending++;
}

/* ---- the flow ---- */

static void quic_begin(struct flow *f)
{
	struct quic *q = of(f);

	q->ring = calloc(QUIC_RING, sizeof(*q->ring));
	q->again = calloc(QUIC_RING, sizeof(*q->again));
	q->chunks = calloc(QUIC_RING, 1);
	if (!q->ring || !q->again || !q->chunks)
		abort();
	q->oldest = 1;
	q->timer.fire = fire_timer;
	q->pacer.fire = fire_pacer;
	q->delayed.fire = fire_delayed;
	cc_begin(&q->cc, &cc_cubic, !f->spec.no_hystart);
	f->waits_since_ns = flow_now(f);
	send_more(q);
}

static void quic_arrived(struct flow *f, u32 direction, const struct packet *p)
{
	if (direction)
		take_ack(of(f), p->ack);
	else
		take_data(of(f), p);
}

static void quic_batch_over(struct flow *f)
{
	struct quic *q = of(f);

	if (q->ack_now || q->pending >= 2)
		send_ack(q);
	else if (q->pending && !q->delayed.place)
		event_set(&f->sim->events, &q->delayed, flow_now(f) + QUIC_MAX_ACK_DELAY_NS);
}

static void quic_end(struct flow *f)
{
	struct quic *q = of(f);

	event_set(&f->sim->events, &q->timer, TIME_NEVER);
	event_set(&f->sim->events, &q->pacer, TIME_NEVER);
	event_set(&f->sim->events, &q->delayed, TIME_NEVER);
	free(q->ring);
	free(q->again);
	free(q->chunks);
}

const struct flow_ops quic_flow_ops = {
	.bytes = sizeof(struct quic),
	.begin = quic_begin,
	.arrived = quic_arrived,
	.batch_over = quic_batch_over,
	.end = quic_end,
};
