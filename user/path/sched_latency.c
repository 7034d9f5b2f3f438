// SPDX-License-Identifier: MIT
/* sched_latency.c - the path of least delay, and that of least loss
 *
 * Both stay where they are until another path is clearly better: a packet that changes paths may overtake.
 */
#include "path/sched_parts.h"

#define SWITCH_US 1000u			/* the new path must be better by this and by a tenth of the round trip */
#define DELAY_UNKNOWN_US (500 * MSEC)	/* to sort behind whatever has been measured */
#define LOSS_STEP_PPM 2000u		/* differences in loss below this are none */

/* One way, jitter three times; a lost packet costs about a round trip. */
static u64 expected_us(const struct sched_path *p)
{
	if (!p->srtt_us)
		return DELAY_UNKNOWN_US;
	return p->wait_us + p->delay_us + 3 * (u64)p->jitter_us + (u64)p->srtt_us * p->loss_ppm / 1000000;
}

u32 sched_least_delay(struct sched *s, const struct choice *c)
{
	u64 best_us = UINT64_MAX, last_us;
	u32 best = first_choice(c);

	for_each_choice(c, i) {
		u64 us = expected_us(&c->paths[i]);

		if (us < best_us) {
			best_us = us;
			best = i;
		}
	}
	if (in_choice(c, s->latency_last)) {
		last_us = expected_us(&c->paths[s->latency_last]);
		if (best_us + SWITCH_US + c->paths[best].srtt_us / 10 >= last_us)
			return s->latency_last;
	}
	s->latency_last = best;
	return best;
}

u32 sched_least_loss(struct sched *s, const struct choice *c)
{
	u32 best = in_choice(c, s->loss_last) ? s->loss_last : first_choice(c);

	for_each_choice(c, i) {
		const struct sched_path *p = &c->paths[i], *b = &c->paths[best];

		if (p->loss_ppm + LOSS_STEP_PPM < b->loss_ppm)
			best = i;
		else if (p->loss_ppm <= b->loss_ppm + LOSS_STEP_PPM && expected_us(p) + SWITCH_US + b->srtt_us / 10 < expected_us(b))
			best = i;
	}
	s->loss_last = best;
	return best;
}
