// SPDX-License-Identifier: MIT
/* cc_bbr.c - a model of BBR version 1 (Cardwell, Cheng, Gunn, Yeganeh, Jacobson: "BBR: Congestion-Based Congestion
 * Control", 2016; draft-cardwell-iccrg-bbr-congestion-control-00)
 *
 *   STARTUP --no 25 % growth in 3 rounds--> DRAIN --queue empty--> PROBE_BW <--> PROBE_RTT (least round trip 10 s old)
 */
#include "sim/cc.h"

#include <string.h>

#define HIGH_GAIN 2.885
#define WINDOW_GAIN 2.0
#define LEAST_WINDOW 4.0
#define MIN_RTT_NS (10 * NS_PER_SEC)
#define PROBE_RTT_NS (200 * NS_PER_MS)

enum { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

static const double cycle[8] = { 1.25, 0.75, 1, 1, 1, 1, 1, 1 };

static double bandwidth(const struct cc_bbr *b)
{
	double most = 0;

	for (u32 i = 0; i < BBR_ROUNDS; i++)
		most = MAX(most, b->bw[i]);
	return most;
}

static double bdp(const struct cc_bbr *b)
{
	return bandwidth(b) * (double)b->min_rtt_ns / 1e9;
}

static void bbr_begin(struct cc *c, bool hystart)
{
	(void)hystart;
	c->bbr.gain = c->bbr.window_gain = HIGH_GAIN;
	c->bbr.min_rtt_ns = UINT64_MAX;
}

/* Old maxima go when a new sample comes, not before: a pause must not erase what is known. */
static void note_rate(struct cc_bbr *b, double rate)
{
	for (u32 i = 0; i < BBR_ROUNDS; i++)
		if (b->bw_round[i] + BBR_ROUNDS <= b->round)
			b->bw[i] = 0;
	b->bw[b->round % BBR_ROUNDS] = MAX(b->bw[b->round % BBR_ROUNDS], rate);
	b->bw_round[b->round % BBR_ROUNDS] = b->round;
}

static bool note_round(struct cc_bbr *b, const struct cc_sample *s)
{
	bool begins = s->prior_delivered >= b->round_end;
	bool limited = s->app_limited || s->prior_delivered < b->small_until;

	if (begins) {
		b->round_end = s->delivered;
		b->round++;
	}
	if (s->rate > 0 && (!limited || s->rate > bandwidth(b)))
		note_rate(b, s->rate);
	return begins;
}

static void note_full(struct cc_bbr *b, const struct cc_sample *s)
{
	double bw = bandwidth(b);

	if (b->full || s->app_limited)
		return;
	if (bw >= b->full_bw * 1.25) {
		b->full_bw = bw;
		b->full_rounds = 0;
		return;
	}
	b->full = ++b->full_rounds >= 3;
}

static void enter_probe_bw(struct cc_bbr *b, u64 now)
{
	b->mode = PROBE_BW;
	b->phase = 2 + (u32)(now / NS_PER_MS % 6);	/* anywhere but in the drain phase */
	b->phase_ns = now;
	b->window_gain = WINDOW_GAIN;
	b->gain = cycle[b->phase];
}

static void next_phase(struct cc_bbr *b, const struct cc_sample *s)
{
	bool over = s->now_ns - b->phase_ns > b->min_rtt_ns;

	if (cycle[b->phase] > 1)
		over = over && (s->lost || s->in_flight >= cycle[b->phase] * bdp(b));
	else if (cycle[b->phase] < 1)
		over = over || s->in_flight <= bdp(b);
	if (!over)
		return;
	b->phase = (b->phase + 1) % 8;
	b->phase_ns = s->now_ns;
	b->gain = cycle[b->phase];
}

static void note_min_rtt(struct cc *c, const struct cc_sample *s)
{
	struct cc_bbr *b = &c->bbr;
	bool old = b->min_rtt_at_ns && s->now_ns - b->min_rtt_at_ns > MIN_RTT_NS;

	if (s->rtt_ns && (s->rtt_ns < b->min_rtt_ns || old)) {
		b->min_rtt_ns = s->rtt_ns;
		b->min_rtt_at_ns = s->now_ns;
	}
	if (old && b->mode != PROBE_RTT) {
		b->mode = PROBE_RTT;
		b->prior_window = c->window;
		b->gain = 1;
		b->probe_end_ns = 0;
	}
	if (b->mode != PROBE_RTT)
		return;
	b->small_until = s->delivered + s->in_flight;
	if (!b->probe_end_ns && s->in_flight <= LEAST_WINDOW)
		b->probe_end_ns = s->now_ns + MAX(PROBE_RTT_NS, s->srtt_ns);
	if (!b->probe_end_ns || s->now_ns < b->probe_end_ns)
		return;
	b->min_rtt_at_ns = s->now_ns;
	c->window = MAX(c->window, b->prior_window);
	if (b->full) {
		enter_probe_bw(b, s->now_ns);
	} else {
		b->mode = STARTUP;
		b->gain = b->window_gain = HIGH_GAIN;
	}
}

static void set_window(struct cc *c, const struct cc_sample *s)
{
	struct cc_bbr *b = &c->bbr;
	double target = bdp(b) * b->window_gain + 3 * MAX(2.0, c->pace / 1000);	/* and what offloads keep back */

	if (b->min_rtt_ns == UINT64_MAX)
		target = c->window;
	if (b->full)
		c->window = MIN(c->window + s->acked, target);
	else if (c->window < target || s->delivered < CC_FIRST_WINDOW)
		c->window += s->acked;
	c->window = MAX(c->window, LEAST_WINDOW);
	if (b->mode == PROBE_RTT)
		c->window = MIN(c->window, LEAST_WINDOW);
}

static void bbr_acked(struct cc *c, const struct cc_sample *s)
{
	struct cc_bbr *b = &c->bbr;

	if (note_round(b, s))
		note_full(b, s);
	if (b->mode == STARTUP && b->full) {
		b->mode = DRAIN;
		b->gain = 1 / HIGH_GAIN;
	}
	if (b->mode == DRAIN && s->in_flight <= bdp(b))
		enter_probe_bw(b, s->now_ns);
	if (b->mode == PROBE_BW)
		next_phase(b, s);
	note_min_rtt(c, s);
	if (bandwidth(b) > 0 && (b->full || bandwidth(b) * b->gain > c->pace))
		c->pace = bandwidth(b) * b->gain;
	else if (!c->pace && s->srtt_ns)
		c->pace = HIGH_GAIN * c->window * 1e9 / (double)s->srtt_ns;
	set_window(c, s);
}

static void bbr_reduce(struct cc *c, u64 now_ns)
{
	(void)c, (void)now_ns;
}

const struct cc_ops cc_bbr = { .begin = bbr_begin, .acked = bbr_acked, .reduce = bbr_reduce, .is_model = true };
