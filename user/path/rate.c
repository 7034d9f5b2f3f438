// SPDX-License-Identifier: MIT
/* rate.c - windowed maximum of delivery rate samples
 *
 * Only rounds that brought a sample that counts move the window. So the estimate survives while the
 * application sends little: that a path carried little then says nothing about what it can carry.
 */
#include "path/rate.h"

#define EMA_SHIFT 3

static void next_round(struct rate *r)
{
	r->round++;
	r->best[r->round % RATE_ROUNDS] = 0;
	r->round_passed = false;
}

static u64 largest(const u64 *samples)
{
	u64 most = 0;

	for (u32 i = 0; i < RATE_ROUNDS; i++)
		most = MAX(most, samples[i]);
	return most;
}

static void note_throughput(struct rate *r, u64 bytes_per_second)
{
	if (!r->delivered_ema)
		r->delivered_ema = bytes_per_second;
	else
		r->delivered_ema += (u64)(((s64)bytes_per_second - (s64)r->delivered_ema) / (1 << EMA_SHIFT));
}

void rate_sample(struct rate *r, u64 bytes_per_second, bool app_limited, bool new_round)
{
	u64 *best;

	r->round_passed |= new_round;
	if (!bytes_per_second)
		return;
	note_throughput(r, bytes_per_second);
	if (app_limited && bytes_per_second <= rate_estimate(r))
		return;

	if (r->round_passed)
		next_round(r);
	best = &r->best[r->round % RATE_ROUNDS];
	*best = MAX(*best, bytes_per_second);
	r->measured |= !app_limited;
	r->most = largest(r->best);
}

u64 rate_estimate(const struct rate *r)
{
	return r->most ? r->most : RATE_INITIAL_BYTES;
}
