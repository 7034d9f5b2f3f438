// SPDX-License-Identifier: MIT
/* cc.c - CUBIC (RFC 9438, with HyStart as Linux has it) and NewReno (RFC 5681) */
#include "sim/cc.h"

#include <math.h>
#include <string.h>

#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define LEAST_WINDOW 2.0
#define FIRST_GROWTH 20		/* at least 5 % per round trip until the first loss, as Linux has it */
#define HYSTART_LOW_WINDOW 16
#define HYSTART_SAMPLES 8
#define HYSTART_TRAIN_NS (2 * NS_PER_MS)

void cc_begin(struct cc *c, const struct cc_ops *ops, bool hystart)
{
	memset(c, 0, sizeof(*c));
	c->ops = ops;
	c->window = CC_FIRST_WINDOW;
	c->ssthresh = 1e9;
	ops->begin(c, hystart);
}

void cc_reduce(struct cc *c, u64 now_ns)
{
	c->prior_window = c->window;
	c->prior_ssthresh = c->ssthresh;
	c->ops->reduce(c, now_ns);
}

void cc_undo(struct cc *c)
{
	c->window = MAX(c->window, c->prior_window);
	c->ssthresh = MAX(c->ssthresh, c->prior_ssthresh);
}

/* What is left of the acked segments once slow start is through. */
static double slow_start(struct cc *c, double acked)
{
	double step = MIN(acked, c->ssthresh - c->window);

	if (step <= 0)
		return acked;
	c->window += step;
	return acked - step;
}

/* ---- NewReno ---- */

static void reno_begin(struct cc *c, bool hystart)
{
	(void)c, (void)hystart;
}

static void reno_acked(struct cc *c, const struct cc_sample *s)
{
	if (s->window_limited)
		c->window += slow_start(c, s->acked) / c->window;
}

static void reno_reduce(struct cc *c, u64 now_ns)
{
	(void)now_ns;
	c->ssthresh = MAX(c->window / 2, LEAST_WINDOW);
}

const struct cc_ops cc_reno = { .begin = reno_begin, .acked = reno_acked, .reduce = reno_reduce };

/* ---- CUBIC ---- */

static void cubic_begin(struct cc *c, bool hystart)
{
	c->cubic.hystart = hystart;
}

static void new_round(struct cc_cubic *k, const struct cc_sample *s, double window)
{
	k->round_end = s->delivered + (u64)window;
	k->round_rtt_ns = UINT64_MAX;
	k->round_samples = 0;
	k->round_start_ns = k->last_ack_ns = s->now_ns;
}

/* Slow start has filled the path when the acks of a round come as a train as long as half the delay, or when a round's
 * least round trip has grown by an eighth (4 to 16 ms). */
static void hystart(struct cc *c, const struct cc_sample *s)
{
	struct cc_cubic *k = &c->cubic;
	u64 more;

	if (!k->hystart || k->found || c->window >= c->ssthresh)
		return;
	if (s->delivered >= k->round_end)
		new_round(k, s, c->window);
	if (c->window < HYSTART_LOW_WINDOW)
		return;
	if (s->now_ns - k->last_ack_ns <= HYSTART_TRAIN_NS) {
		k->last_ack_ns = s->now_ns;
		k->found = s->now_ns - k->round_start_ns > s->min_rtt_ns / 2;
	}
	if (s->rtt_ns && k->round_samples < HYSTART_SAMPLES) {
		k->round_rtt_ns = MIN(k->round_rtt_ns, s->rtt_ns);
		k->round_samples++;
	} else if (k->round_samples == HYSTART_SAMPLES) {
		more = MIN(MAX(s->min_rtt_ns / 8, 4 * NS_PER_MS), 16 * NS_PER_MS);
		k->found |= k->round_rtt_ns > s->min_rtt_ns + more;
	}
	if (k->found)
		c->ssthresh = c->window;
}

static void begin_epoch(struct cc *c, u64 now_ns)
{
	struct cc_cubic *k = &c->cubic;

	k->epoch_ns = now_ns;
	k->w_begin = k->w_est = c->window;
	if (c->window >= k->w_max)
		k->w_max = c->window;
	k->k = cbrt((k->w_max - c->window) / CUBIC_C);
}

static void grow(struct cc *c, const struct cc_sample *s, double acked)
{
	struct cc_cubic *k = &c->cubic;
	double t, target, step, alpha = 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA);

	if (!k->epoch_ns)
		begin_epoch(c, s->now_ns);
	t = (double)(s->now_ns - k->epoch_ns + s->srtt_ns) / 1e9;
	target = k->w_max + CUBIC_C * pow(t - k->k, 3);
	target = MIN(MAX(target, c->window), 1.5 * c->window);
	k->w_est += alpha * acked / c->window;	/* RFC 9438 lets it grow faster above the last maximum; Linux does not */
	step = acked * (target - c->window) / c->window;
	if (!k->reduced)
		step = MAX(step, acked / FIRST_GROWTH);
	c->window += step;
	if (c->window < k->w_est)
		c->window = k->w_est;
}

static void cubic_acked(struct cc *c, const struct cc_sample *s)
{
	double left;

	hystart(c, s);
	if (!s->window_limited)
		return;
	left = slow_start(c, s->acked);
	if (left > 0)
		grow(c, s, left);
}

static void cubic_reduce(struct cc *c, u64 now_ns)
{
	struct cc_cubic *k = &c->cubic;

	(void)now_ns;
	k->reduced = true;
	k->w_max = c->window < k->w_max ? c->window * (1 + CUBIC_BETA) / 2 : c->window;	/* fast convergence */
	k->epoch_ns = 0;
	c->ssthresh = MAX(c->window * CUBIC_BETA, LEAST_WINDOW);
}

const struct cc_ops cc_cubic = { .begin = cubic_begin, .acked = cubic_acked, .reduce = cubic_reduce };
