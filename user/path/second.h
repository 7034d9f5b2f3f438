/* SPDX-License-Identifier: MIT */
/* second.h - how much of a growing total came within the last second, without a timer
 *
 * The total is written down a few times a second, whenever somebody passes by. Asking later works as well: what stood still
 * since then shows as nothing.
 */
#ifndef TG_PATH_SECOND_H
#define TG_PATH_SECOND_H

#include "base/types.h"

#define SECOND_MARKS 8u
#define SECOND_STEP_US (SEC / 4)

struct second {
	u64 at_us[SECOND_MARKS];	/* ring; 0: empty */
	u64 total[SECOND_MARKS];
	u32 last;
};

/* All zero is the start. */

/* The total is so much now. Call it as often as you like. */
void second_note(struct second *s, u64 total, u64 now_us);

/* What came within about a second (1 to 1.25 s), as per second; `total` as of now. Totals begin at 0. */
u64 second_rate(const struct second *s, u64 total, u64 now_us);

#endif
