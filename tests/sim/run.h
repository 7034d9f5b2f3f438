// SPDX-License-Identifier: MIT
/* run.h - one experiment: links, flows, how long; and the figures that come out of it
 *
 * What must hold is written as "share>=0.90 gap<=200 ping.p99<=25": names of figures, see figure_names in run.c.
 */
#ifndef TG_TESTS_SIM_RUN_H
#define TG_TESTS_SIM_RUN_H

#include "sim/flow.h"

#define RUN_FLOW_SPECS 12u

struct run_setup {
	const char *name;
	struct link_spec links[SIM_LINKS];
	u32 link_count;
	struct flow_spec flows[RUN_FLOW_SPECS];
	u32 flow_count;
	u32 seconds, skip;
	u64 seed;
	int strategy, aggregation, congestion;
	bool no_fec;			/* neither end uses repair symbols */
	u64 slack_us;
	u64 rest_us, rest_every_us;
	bool single;			/* each link alone, too */
	bool verbose;
	const char *expect;		/* may be NULL */
};

enum figure {
	FIGURE_GOODPUT,		/* Mbit/s, of the flows in the tunnel that take what they get (TCP, QUIC) */
	FIGURE_TAKEN,		/* share of these in what they and those outside the tunnel get */
	FIGURE_SHARE,		/* of the sum of the links alone */
	FIGURE_BEST,		/* of the best link alone */
	FIGURE_GAP,		/* ms, longest silence of one of those flows */
	FIGURE_STALL,		/* ms, longest time in which the application behind one of those of TCP got nothing */
	FIGURE_BACK,		/* ms, until a link that was silent carried 80 % of its share again */
	FIGURE_SPURIOUS,	/* retransmissions per mille of segments that were not needed */
	FIGURE_TIMEOUTS,	/* of TCP and QUIC */
	FIGURE_UDP_LOST,	/* per cent, of all UDP flows */
	FIGURE_UDP_LATE,	/* per cent, after a later one */
	FIGURE_UDP_P99,		/* ms one way, worst flow */
	FIGURE_UDP_GAP,		/* ms */
	FIGURE_PING_P50,	/* ms */
	FIGURE_PING_P99,
	FIGURE_PING_ADDED,	/* ms, p99 above the idle round trip of the best link at time 0 */
	FIGURE_PING_LOST,	/* per cent */
	FIGURE_PING_GAP,	/* ms */
	FIGURE_DONE_P99,	/* ms, chunks of TCP */
	FIGURE_EXTRA,		/* per cent: outer bytes beyond headers / inner bytes */
	FIGURE_SHRUNK,		/* times a side found its bundle a loss, since the flows began */
	FIGURE_COUNT
};

extern const char *const figure_names[FIGURE_COUNT];

struct run_result {
	double figures[FIGURE_COUNT];	/* negative: does not apply */
	double alone[SIM_LINKS];	/* Mbit/s of each link alone; when asked for */
	double simulated_s;		/* all runs of it */
	u32 failures;			/* of invariants and of expectations */
	char text[8 * CHECK_TEXT];	/* what failed, a line each */
};

/* Runs the setup (and each link alone, if its `single` or expectations ask for that). `print`: tells all about it. */
void run_setup(const struct run_setup *setup, struct run_result *result, bool print);

/* Names and numbers of an expectation are well-formed: 0 or -EINVAL. */
int run_expect_valid(const char *expect);

#endif
