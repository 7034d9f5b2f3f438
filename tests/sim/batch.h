// SPDX-License-Identifier: MIT
/* batch.h - many scenarios on all processors, a line each */
#ifndef TG_TESTS_SIM_BATCH_H
#define TG_TESTS_SIM_BATCH_H

#include "base/types.h"

struct batch {
	const char *program;	/* for the command that replays */
	const char *family;	/* only this one; NULL: all */
	bool all, quick;	/* every scenario as it stands; the quick ones */
	u32 runs;		/* then so many random variations */
	u64 seed;		/* of the scenarios; the n-th variation has seed + n */
	u32 jobs;
	double simulated_s;	/* comes out */
};

/* Prints a line per run and what failed; returns how many runs failed. */
u32 batch_run(struct batch *b);

#endif
