// SPDX-License-Identifier: MIT
/* hist.h - a histogram of times, 50 us fine up to 2 s, for percentiles */
#ifndef TG_TESTS_SIM_HIST_H
#define TG_TESTS_SIM_HIST_H

#include "base/types.h"

#define HIST_STEP_US 50u
#define HIST_STEPS 40000u

struct hist {
	u32 counts[HIST_STEPS + 1];	/* the last: everything above */
	u64 total;
	u64 max_us;
};

static inline void hist_add(struct hist *h, u64 us)
{
	h->counts[MIN(us / HIST_STEP_US, HIST_STEPS)]++;
	h->total++;
	h->max_us = MAX(h->max_us, us);
}

/* The time that `permille` of all do not exceed; 0 when there are none. */
static inline u64 hist_at(const struct hist *h, u32 permille)
{
	u64 rank = (h->total * permille + 999) / 1000, seen = 0;

	for (u32 i = 0; i < HIST_STEPS && h->total; i++) {
		seen += h->counts[i];
		if (seen >= MAX(rank, 1))
			return MIN((u64)(i + 1) * HIST_STEP_US, h->max_us);
	}
	return h->max_us;
}

#endif
