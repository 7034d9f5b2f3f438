// SPDX-License-Identifier: MIT
/* scenarios.h - the table of scenarios, and how one becomes a setup to run */
#ifndef TG_TESTS_SIM_SCENARIOS_H
#define TG_TESTS_SIM_SCENARIOS_H

#include "sim/run.h"

#define SCENARIO_LINKS 4u
#define SCENARIO_FLOWS 4u

struct scenario {
	const char *family, *name;
	u32 seconds, skip;
	bool up;
	bool quick;			/* part of `make check` */
	const char *links[SCENARIO_LINKS];
	const char *flows[SCENARIO_FLOWS];
	const char *strategy;		/* NULL: adaptive */
	const char *congestion;		/* NULL: adaptive */
	const char *expect;
};

extern const struct scenario scenarios[];
extern const u32 scenario_count;

const struct scenario *scenario_find(const char *name);

/* Fills the setup. `vary`: the seed also draws other rates, delays, losses and times around those of the table; then only what
 * is relative to the links alone ("best") remains of the expectations. Ends the program when the table makes no sense. */
void scenario_setup(const struct scenario *sc, u64 seed, bool vary, struct run_setup *setup);

#endif
