// SPDX-License-Identifier: MIT
/* report.h - what a simulation looks like from outside, as text */
#ifndef TG_TESTS_SIM_REPORT_H
#define TG_TESTS_SIM_REPORT_H

#include "sim/sim.h"

/* One line about the second that ends now; keeps what it needs between calls in `last` (zero before the first). */
struct report_last {
	u64 bytes[SIM_FLOWS];
	u64 sent[SIM_LINKS][2];
};
void report_second(struct sim *s, struct report_last *last);

/* All about links, flows and engines; `ns` is how long was counted. */
void report_all(struct sim *s, u64 ns);

#endif
