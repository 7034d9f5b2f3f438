// SPDX-License-Identifier: MIT
/* returns.h - how long a link that was silent takes until it carries its share again
 *
 * Its share is of what all links carried, in the 2.5 s before it fell silent. It is back when it carries 80 % of that for
 * 100 ms: what tests/lab/multipath_cut.py says of real links.
 */
#ifndef TG_TESTS_SIM_RETURNS_H
#define TG_TESTS_SIM_RETURNS_H

#include "sim/sim.h"

#define RETURNS_STEP_NS (10 * NS_PER_MS)

struct returns {
	u64 (*moved)[SIM_LINKS];	/* bytes that left each link's queue, in each step */
	u64 passed[SIM_LINKS];		/* until the last step */
	u32 count, size;
};

/* At the end of each step. */
void returns_note(struct returns *r, const struct sim *s, u32 side);

/* The longest of all returns, in ms; negative: none. From `from_ns` on, and of links that carried something worth the name. */
double returns_longest_ms(const struct returns *r, const struct sim *s, u64 from_ns);

void returns_free(struct returns *r);

#endif
