// SPDX-License-Identifier: MIT
/* sched.h - which path the next run of packets takes
 *
 * Pure choice over a view of the paths. A suspect or standby path is taken only when no better one is there.
 */
#ifndef TG_PATH_SCHED_H
#define TG_PATH_SCHED_H

#include "base/types.h"

#define SCHED_MAX_PATHS 16u

enum sched_strategy {
	SCHED_ADAPTIVE,			/* earliest arrival, from measured rate, delay and what is in flight */
	SCHED_LOWEST_LATENCY,
	SCHED_BANDWIDTH_PROPORTIONAL,	/* smooth weighted round robin by measured rate */
	SCHED_WEIGHTED_ROUND_ROBIN,	/* by configured weights */
	SCHED_PRIMARY_BACKUP,		/* first path in order of weight, others only when it fails */
	SCHED_REDUNDANT,		/* every packet on all usable paths */
	SCHED_STRATEGIES
};

enum sched_aggregation { SCHED_NONE, SCHED_FULL, SCHED_AUTO };	/* "none": a flow stays on one path; "full": stripe; "adaptive" */

enum sched_tier {		/* smaller is better */
	SCHED_TIER_GOOD,
	SCHED_TIER_BACKUP,	/* metered or backup link */
	SCHED_TIER_SUSPECT,	/* silent: only when there is nothing else */
	SCHED_TIER_OUT,		/* never */
};

/* What the scheduler knows about a path. Its index is its identity: leave a hole of SCHED_TIER_OUT for one that is gone. */
struct sched_path {
	enum sched_tier tier;
	u32 weight;		/* configured; 0 counts as 1 */
	u64 rate;		/* estimate, bytes/s, > 0 */
	bool rate_measured;
	u32 delay_us;		/* one-way estimate without our own queue: min RTT / 2 */
	u32 srtt_us;		/* 0: unknown */
	u32 rttvar_us;
	u32 loss_ppm;
	u64 in_flight;		/* bytes sent and not acked */
};

struct sched {
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	s64 credit[SCHED_MAX_PATHS];	/* smooth weighted round robin */
	u32 last;			/* path of the last bulk run; stay on it while it is as good */
	u32 latency_last;		/* same for lowest latency: switch only for > 10 % (hysteresis) */
	u32 passed_over[SCHED_MAX_PATHS];	/* bulk runs since the path had one; an idle one is tried now and then */
};

/* Names as people write them ("adaptive", "lowest_latency" or short "latency", "bandwidth_proportional",
 * "weighted_round_robin", "primary_backup", "redundant"; "none", "full", "adaptive"). -1 when unknown. */
int sched_parse_strategy(const char *name);
int sched_parse_aggregation(const char *name);
const char *sched_strategy_name(enum sched_strategy s);
const char *sched_aggregation_name(enum sched_aggregation a);

/* Index of the path for a run of `bytes` bytes of bulk, or -1 when no path may be used. Charges the round robin credits.
 * adaptive: earliest arrival = drain time of what is in flight beyond the path's own round trip, delay and serialisation
 * (a path 100 ms slower than the least is left out unless aggregation is "full"). redundant: the path of least delay; the
 * caller sends the copies. */
int sched_pick_bulk(struct sched *s, const struct sched_path *paths, u32 n, u32 bytes);

/* The path of least delay for small packets that wait for nobody, with hysteresis. */
int sched_pick_latency(struct sched *s, const struct sched_path *paths, u32 n);

/* The path a flow stays on with aggregation "none": weighted rendezvous by rate estimate or weight, so that a
 * vanishing path moves only its own flows. */
int sched_pick_pinned(struct sched *s, const struct sched_path *paths, u32 n, u32 flow_hash);

/* May bulk be striped over more than one path now? Needs two usable paths of the best tier; "adaptive" also needs their delays
 * (of two of them at least) within 100 ms of the least. Strategies that use one path at a time never stripe. */
bool sched_may_stripe(const struct sched *s, const struct sched_path *paths, u32 n);

#endif
