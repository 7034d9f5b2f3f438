// SPDX-License-Identifier: MIT
/* rate.h - what a path can carry: the largest delivery rate of the last 10 rounds */
#ifndef TG_PATH_RATE_H
#define TG_PATH_RATE_H

#include "base/types.h"

#define RATE_ROUNDS 10u
#define RATE_INITIAL_BYTES 1250000u	/* 10 Mbit/s until something has been measured */

struct rate {
	u64 round;
	u64 best[RATE_ROUNDS];	/* largest sample of each round, ring */
	u64 most;		/* largest of them */
	bool round_passed;	/* since the last sample that counted */
	bool measured;		/* a sample that was not limited by the application has come */
	u64 delivered_ema;	/* recent throughput, bytes/s, for people */
};

/* All zero is the start. */

/* Takes a delivery rate sample. An app-limited sample counts only when it is larger than the estimate.
 * new_round: a round trip has passed. Rounds without a sample that counts do not age the estimate. */
void rate_sample(struct rate *r, u64 bytes_per_second, bool app_limited, bool new_round);

/* The estimate in bytes/s, RATE_INITIAL_BYTES before any. */
u64 rate_estimate(const struct rate *r);

#endif
