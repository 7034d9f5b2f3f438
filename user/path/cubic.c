// SPDX-License-Identifier: MIT
/* cubic.c - RFC 9438: W(t) = C (t - K)^3 + W_max, in segments; slow start as RFC 9406's rule on delay */
#include "path/cubic.h"

#include <math.h>

#define SEGMENT 1400u
#define FIRST_WINDOW (10u * SEGMENT)
#define LEAST_WINDOW (4u * SEGMENT)
#define CUBIC_C 0.4
#define CUBIC_BETA 0.7
#define PACE_GAIN_PERCENT 125u

static u64 window_of(const struct rate *r)
{
	return r->window ? r->window : FIRST_WINDOW;
}

static bool in_slow_start(const struct rate *r)
{
	return !r->threshold || window_of(r) < r->threshold;
}

static void cut(struct rate *r, u64 now_us)
{
	u64 window = window_of(r);

	/* Fast convergence: a flow that did not reach its last peak makes room. */
	r->window_most = window < r->window_most ? (u64)((double)window * (1 + CUBIC_BETA) / 2) : window;
	r->window = MAX((u64)((double)window * CUBIC_BETA), LEAST_WINDOW);
	r->threshold = r->window;
	r->epoch_us = now_us;
	r->recovery_until_us = now_us + MAX(r->rtt_us, 1u);
}

/* Windows of n paths in one bottleneck: growth is scaled as RFC 6356 couples Reno's windows of equal size, where each grows
 * by 1/n of what one of their sum would, 1/n^2 of what it would alone. Each still cuts its own part only. */
static double growth_of(const struct rate *r)
{
	double n = MAX(r->shares, 1u);

	return CUBIC_C / (n * n);
}

static double cubic_target(const struct rate *r, u64 now_us)
{
	double most = (double)r->window_most / SEGMENT;
	double c = growth_of(r), k = cbrt(most * (1 - CUBIC_BETA) / c);
	double t = (double)(now_us - r->epoch_us + r->rtt_us) / SEC - k;

	return (c * t * t * t + most) * SEGMENT;
}

static void grow(struct rate *r, u64 acked_bytes, u64 now_us)
{
	double window = (double)window_of(r), target;

	if (in_slow_start(r)) {
		r->window = window_of(r) + acked_bytes;
		if (r->queue_us > MAX(4 * (u32)MSEC, r->min_rtt_us / 8))
			r->threshold = r->window;
		return;
	}
	if (!r->epoch_us) {
		r->epoch_us = now_us;
		r->window_most = window_of(r);
	}
	target = fmin(fmax(cubic_target(r, now_us), window), 1.5 * window);
	r->window = (u64)(window + (target - window) * (double)acked_bytes / window + 0.5);
}

/* Time in which the window was not in use is none of the curve's: or the window would leap after a pause. */
static void keep_epoch(struct rate *r, bool used, u64 now_us)
{
	u64 gap_us = now_us - r->acked_us, busy_us = used ? r->rtt_us : 0;

	if (r->epoch_us && gap_us > busy_us)
		r->epoch_us += gap_us - busy_us;
	r->acked_us = now_us;
}

void cubic_acked(struct rate *r, const struct rate_news *news, u64 now_us)
{
	bool used = 2 * news->in_flight + 2 * news->acked_bytes >= window_of(r) && (!news->app_limited || in_slow_start(r));

	keep_epoch(r, used || news->lost_packets, now_us);
	if (news->lost_packets) {
		if (now_us >= r->recovery_until_us)
			cut(r, now_us);
		return;
	}
	if (news->acked_bytes && used)
		grow(r, news->acked_bytes, now_us);
}

void cubic_restart(struct rate *r)
{
	if (!r->window)
		return;
	r->window = MAX(r->window / 2, LEAST_WINDOW);
	r->threshold = r->window;
	r->epoch_us = 0;
}

u64 cubic_window(const struct rate *r)
{
	return window_of(r);
}

u64 cubic_pace(const struct rate *r)
{
	return r->rtt_us ? window_of(r) * SEC / r->rtt_us * PACE_GAIN_PERCENT / 100 : 0;
}
