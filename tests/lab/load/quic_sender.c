// SPDX-License-Identifier: MIT
/* quic_sender.c - loss detection and CUBIC of the QUIC-like sender */
#include "load/quic_sender.h"

#include <math.h>

enum { OUT = 1, ACKED, LOST };

#define THRESHOLD 3
#define GRANULARITY_US 1000ULL
#define ACK_DELAY_US 25000ULL	/* what the receiver promises at most */
#define FIRST_RTT_US 333000ULL
#define FIRST_WINDOW 10.0
#define LEAST_WINDOW 2.0
#define BETA 0.7
#define CUBIC_C 0.4
#define ROUND_SAMPLES 8
#define CSS_ROUNDS 5
#define LOOK_BACK 1024		/* a late packet may well be so far behind */

static struct quic_packet *packet(struct quic_sender *q, u64 number)
{
	return &q->ring[number % QUIC_RING];
}

void quic_sender_init(struct quic_sender *q)
{
	q->window = FIRST_WINDOW;
	q->threshold = INFINITY;
	q->smoothed_us = FIRST_RTT_US;
	q->variation_us = FIRST_RTT_US / 2;
	q->least_rtt_us = TIME_NEVER;
	q->loss_us = TIME_NEVER;
	q->round_rtt_us = TIME_NEVER;
	q->last_round_rtt_us = TIME_NEVER;
}

/* --- slow start -------------------------------------------------------------------------------- */

static bool in_slow_start(const struct quic_sender *q)
{
	return q->window < q->threshold;
}

/* The round trip rises: the queue begins to fill. First grow slower (CSS), then stop. */
static void judge_round(struct quic_sender *q)
{
	u64 step = MIN(MAX(q->last_round_rtt_us / 8, 4000ULL), 16000ULL);

	if (q->round_samples < ROUND_SAMPLES || q->last_round_rtt_us == TIME_NEVER || q->round_rtt_us == TIME_NEVER)
		return;
	if (q->css_base_us && q->round_rtt_us < q->css_base_us) {
		q->css_base_us = 0;
		q->css_rounds = 0;
	} else if (!q->css_base_us && q->round_rtt_us >= q->last_round_rtt_us + step) {
		q->css_base_us = q->round_rtt_us;
	}
}

static void next_round(struct quic_sender *q)
{
	if (q->css_base_us && ++q->css_rounds >= CSS_ROUNDS)
		q->threshold = q->window;
	q->last_round_rtt_us = q->round_rtt_us;
	q->round_rtt_us = TIME_NEVER;
	q->round_samples = 0;
	q->round_end = q->next;
}

static void grow_slow_start(struct quic_sender *q, u32 acked)
{
	q->window += q->css_base_us ? acked / 4.0 : acked;
	q->round_rtt_us = MIN(q->round_rtt_us, q->latest_rtt_us);
	q->round_samples++;
	judge_round(q);
	if (q->largest_acked > q->round_end)
		next_round(q);
}

/* --- CUBIC ------------------------------------------------------------------------------------- */

static double cubic_window(const struct quic_sender *q, double t)
{
	double d = t - q->cubic_origin_s;

	return CUBIC_C * d * d * d + q->cubic_most;
}

static void begin_epoch(struct quic_sender *q, u64 now)
{
	q->cubic_start_us = now;
	q->cubic_reno = q->window;
	if (q->window < q->cubic_most) {
		q->cubic_origin_s = cbrt((q->cubic_most - q->window) / CUBIC_C);
	} else {
		q->cubic_most = q->window;
		q->cubic_origin_s = 0;
	}
}

static void grow_cubic(struct quic_sender *q, u32 acked, u64 now)
{
	double t, target, alpha = q->cubic_reno < q->cubic_most ? 3 * (1 - BETA) / (1 + BETA) : 1;

	if (!q->cubic_start_us)
		begin_epoch(q, now);
	t = (double)(now - q->cubic_start_us) / SEC;
	q->cubic_reno += alpha * acked / q->window;
	if (cubic_window(q, t) < q->cubic_reno) {
		q->window = MAX(q->window, q->cubic_reno);
		return;
	}
	target = cubic_window(q, t + (double)q->smoothed_us / SEC);
	target = MIN(MAX(target, q->window), 1.5 * q->window);
	q->window += acked * (target - q->window) / q->window;
}

static void reduce(struct quic_sender *q, u64 sent_us, u64 now)
{
	if (sent_us <= q->recovery_us)
		return;
	q->recovery_us = now;
	q->cubic_most = q->window < q->cubic_most ? q->window * (1 + BETA) / 2 : q->window;
	q->window = MAX(q->window * BETA, LEAST_WINDOW);
	q->threshold = q->window;
	q->cubic_start_us = 0;
	q->reductions++;
}

/* --- losses ------------------------------------------------------------------------------------ */

static void lose(struct quic_sender *q, struct quic_packet *p, u64 now)
{
	p->state = LOST;
	q->in_flight--;
	q->lost++;
	q->again[q->again_last++ % QUIC_RING] = p->chunk;
	reduce(q, p->sent_us, now);
}

static void settle(struct quic_sender *q)
{
	while (q->oldest < q->next && packet(q, q->oldest)->state != OUT)
		q->oldest++;
}

static void find_lost(struct quic_sender *q, u64 now)
{
	u64 patience = MAX(MAX(q->latest_rtt_us, q->smoothed_us) * 9 / 8, GRANULARITY_US);

	q->loss_us = TIME_NEVER;
	for (u64 n = q->oldest; n < q->largest_acked; n++) {
		struct quic_packet *p = packet(q, n);

		if (p->state != OUT)
			continue;
		if (n + THRESHOLD <= q->largest_acked - 1 || p->sent_us + patience <= now)
			lose(q, p, now);
		else
			q->loss_us = MIN(q->loss_us, p->sent_us + patience);
	}
	settle(q);
}

/* --- acknowledgements -------------------------------------------------------------------------- */

static void measure_rtt(struct quic_sender *q, u64 rtt, u64 delay)
{
	bool first = q->least_rtt_us == TIME_NEVER;
	u64 off;

	q->least_rtt_us = MIN(q->least_rtt_us, rtt);
	if (rtt >= q->least_rtt_us + MIN(delay, ACK_DELAY_US))
		rtt -= MIN(delay, ACK_DELAY_US);
	q->latest_rtt_us = rtt;
	if (first) {
		q->smoothed_us = rtt;
		q->variation_us = rtt / 2;
		return;
	}
	off = rtt > q->smoothed_us ? rtt - q->smoothed_us : q->smoothed_us - rtt;
	q->variation_us = (3 * q->variation_us + off) / 4;
	q->smoothed_us = (7 * q->smoothed_us + rtt) / 8;
}

/* Returns how many of the range count towards the window: those sent since the last reduction. */
static u32 take_range(struct quic_sender *q, const struct quic_range *r)
{
	/* Those declared lost are looked at too. */
	u64 first = MAX(r->first, q->oldest > LOOK_BACK ? q->oldest - LOOK_BACK : 0);
	u32 grows = 0;

	for (u64 n = first; n <= r->last && n < q->next; n++) {
		struct quic_packet *p = packet(q, n);

		if (p->state == ACKED)
			continue;
		if (p->state == OUT) {
			q->in_flight--;
			grows += p->sent_us > q->recovery_us;
		} else {
			q->spurious++;
		}
		p->state = ACKED;
		q->done[p->chunk / 8] |= (u8)(1 << p->chunk % 8);
	}
	return grows;
}

void quic_take_ack(struct quic_sender *q, const struct quic_ack *a, u64 now)
{
	u32 before = q->in_flight, grows = 0;
	u64 reductions = q->reductions;
	u64 largest = a->count ? a->range[0].last : q->next;

	if (largest >= q->next)
		return;		/* says nothing, or what cannot be */
	if (largest + 1 > q->largest_acked && packet(q, largest)->state == OUT)
		measure_rtt(q, now - packet(q, largest)->sent_us, a->delay_us);
	q->largest_acked = MAX(q->largest_acked, largest + 1);
	for (u32 i = 0; i < a->count; i++)
		grows += take_range(q, &a->range[i]);
	find_lost(q, now);
	if (q->in_flight < before)
		q->probes = 0;
	if (!grows || before < q->window / 2 || q->reductions != reductions)
		return;		/* nothing new; the window was not what held it back; all sent before a reduction */
	if (in_slow_start(q))
		grow_slow_start(q, grows);
	else
		grow_cubic(q, grows, now);
}

/* --- sending ----------------------------------------------------------------------------------- */

bool quic_may_send(const struct quic_sender *q)
{
	if (q->next - q->oldest >= QUIC_RING || q->next_chunk >= QUIC_CHUNKS)
		return false;
	return q->probe_credit || q->in_flight < q->window;
}

static u32 next_chunk(struct quic_sender *q)
{
	while (q->again_first != q->again_last) {
		u32 chunk = q->again[q->again_first++ % QUIC_RING];

		if (!(q->done[chunk / 8] & 1 << chunk % 8))
			return chunk;
	}
	return q->next_chunk++;
}

u64 quic_send(struct quic_sender *q, u64 now, u32 *chunk)
{
	struct quic_packet *p = packet(q, q->next);

	*chunk = next_chunk(q);
	*p = (struct quic_packet){ .sent_us = now, .chunk = *chunk, .state = OUT };
	q->in_flight++;
	q->last_sent_us = now;
	q->probe_credit -= q->probe_credit > 0;
	return q->next++;
}

static u64 probe_time(const struct quic_sender *q)
{
	u64 wait = q->smoothed_us + MAX(4 * q->variation_us, GRANULARITY_US) + ACK_DELAY_US;

	return q->last_sent_us + (wait << MIN(q->probes, 6u));
}

u64 quic_timer(const struct quic_sender *q)
{
	if (q->loss_us != TIME_NEVER)
		return q->loss_us;
	return q->in_flight ? probe_time(q) : TIME_NEVER;
}

void quic_run_timer(struct quic_sender *q, u64 now)
{
	if (q->loss_us <= now) {
		find_lost(q, now);
	} else if (q->loss_us == TIME_NEVER && q->in_flight && probe_time(q) <= now) {
		q->probe_credit = 2;
		q->last_sent_us = now;
		if (++q->probes == 3)
			q->window = LEAST_WINDOW;	/* persistent congestion */
	}
}

double quic_pace(const struct quic_sender *q)
{
	return (in_slow_start(q) ? 2 : 1.25) * q->window * SEC / (double)q->smoothed_us;
}
