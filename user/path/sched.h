// SPDX-License-Identifier: MIT
/* sched.h - which path the next packets take
 *
 * Pure choice over a view of the paths. A choice may fall on a path that cannot send just now: the caller then books the
 * packet there (free_us grows) without sending it and asks again for the one behind it. So a plan comes about anew
 * at every turn, nothing is bound before it leaves, and a slow path gets the packets that will be wanted when it delivers.
 */
#ifndef TG_PATH_SCHED_H
#define TG_PATH_SCHED_H

#include <triglav/maps.h>

#include "base/types.h"

#define SCHED_MAX_PATHS 16u

enum sched_strategy {
	SCHED_ADAPTIVE,			/* earliest arrival */
	SCHED_LOWEST_LATENCY,
	SCHED_LOWEST_LOSS,
	SCHED_BANDWIDTH_PROPORTIONAL,	/* smooth weighted round robin by measured rate */
	SCHED_WEIGHTED_ROUND_ROBIN,	/* by configured weights, 5 % at least */
	SCHED_PRIMARY_BACKUP,		/* first path in order of weight, others only when it fails */
	SCHED_REDUNDANT,		/* every packet on all usable paths */
	SCHED_ECMP_AWARE,		/* a flow stays on a path, drawn by quality */
	SCHED_MINRTT,			/* the ready path of least round trip */
	SCHED_BLEST,			/* the same, but a slow one only when it will not block */
	SCHED_ECF,			/* the same, but a slow one only when it finishes earlier */
	SCHED_STRATEGIES
};

enum sched_aggregation { SCHED_NONE, SCHED_FULL, SCHED_AUTO };	/* "none": a flow stays on one path; "full": stripe; "adaptive" */

enum sched_tier {		/* smaller is better */
	SCHED_TIER_GOOD,
	SCHED_TIER_METERED,	/* costs money: when the good ones are full */
	SCHED_TIER_BACKUP,	/* when no other is there */
	SCHED_TIER_SPENT,	/* its quota is used up: when not even a backup is there */
	SCHED_TIER_SUSPECT,	/* silent: only when there is nothing else */
	SCHED_TIER_OUT,		/* never */
};

enum sched_exclusion {		/* why a path of the best tier carries no striped bulk */
	SCHED_INCLUDED,
	SCHED_TOO_SLOW,		/* its delay is too far from that of the path that carries most */
	SCHED_TOO_THIN,		/* would add little and hold up much */
	SCHED_TOO_LOSSY,	/* adds little, and what it loses holds up the rest for the time of a repair */
	SCHED_NO_GAIN,		/* with it the bundle was slower than the best path alone */
};

/* What the scheduler knows about a path. Its index is its identity: leave a hole of SCHED_TIER_OUT for one that is gone. */
struct sched_path {
	enum sched_tier tier;
	bool ready;		/* can send now */
	u32 weight;		/* configured; 0 counts as 1 */
	u64 rate;		/* bytes/s that it delivers, > 0 */
	bool rate_measured;
	bool rate_grows;	/* rate_grows(): nothing has shown yet that it carries no more */
	u64 free_us;		/* when what was given to it will have left; now or earlier: idle */
	u32 wait_us;		/* until then, from now */
	u32 held_us;		/* how long the packet that is placed must still wait before it may leave by this path (stretch.h) */
	u64 held_free_us;	/* when what is held for it will have left, too */
	u32 delay_us;		/* one way with its present queue, above that of the fastest */
	u32 least_delay_us;	/* the same without queues */
	u32 jitter_us;
	u32 srtt_us;		/* 0: unknown */
	u32 rttvar_us;
	u32 min_rtt_us;
	u32 loss_ppm;
	u32 in_a_row;		/* packets that came since one was lost */
	u64 in_flight;		/* bytes sent and not acked */
	u64 window;		/* of them allowed */
};

struct sched {
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	s64 credit[SCHED_MAX_PATHS];	/* smooth weighted round robin */
	u32 last;			/* path of the last bulk packet; stay on it while it is as good */
	u32 latency_last, loss_last;	/* likewise for small packets and for least loss */
	u32 anchor;			/* path that carries most: others are judged against it */
	u8 exclusion[SCHED_MAX_PATHS];	/* enum sched_exclusion */
	u32 mended;			/* bits of those that were SCHED_TOO_LOSSY until the last sched_judge() */
	bool stretches;			/* bulk leaves by near paths later than it could (stretch.h) */
	u32 full_paths;			/* bits of those that were full in the last few seconds */
	u64 no_gain_until_us;		/* only the anchor carries bulk until then */
	u64 backlog_us, backlogged_since_us;	/* when bulk waited last, and since when it does */
	u32 trial;			/* bit of the path that is the anchor for a while, to see what it carries; 0: none */
	u32 anchor_before;		/* to go back to */
	u64 trial_until_us;
	u64 tried_us[SCHED_MAX_PATHS];
};

/* Names as people write them; -1 when unknown. "latency" is short for "lowest_latency". */
int sched_parse_strategy(const char *name);
int sched_parse_aggregation(const char *name);
const char *sched_strategy_name(enum sched_strategy s);
const char *sched_aggregation_name(enum sched_aggregation a);
const char *sched_exclusion_name(enum sched_exclusion e);

/* Decides which paths carry striped bulk; once per turn, before picking. With hysteresis: a path that was left out comes
 * back only when it is clearly better than what led to that. One whose delay is too far from the others' and of which
 * nobody knows what it carries is tried once bulk waits all the time (`backlogged`), alone, for some seconds. */
void sched_judge(struct sched *s, const struct sched_path *paths, u32 n, bool backlogged, u64 now_us);

/* The paths that bulk may take, a bit each: those of its tier without what sched_judge() leaves out; flows that are `pinned` may be on
 * any of the best tier. */
u32 sched_bulk_paths(const struct sched *s, const struct sched_path *paths, u32 n, bool pinned);

/* Path for `bytes` bytes of bulk, or -1: none may be used now, wait. `backlog`: bytes that wait, these included.
 * Call it on a copy of *s while planning; it remembers the pick there. */
int sched_pick_bulk(struct sched *s, const struct sched_path *paths, u32 n, u32 bytes, u64 backlog, u64 now_us);

/* A packet has really left by path i. */
void sched_charge(struct sched *s, const struct sched_path *paths, u32 n, u32 i, u32 bytes);

/* The path of least delay for small packets that wait for nobody, with hysteresis. */
int sched_pick_latency(struct sched *s, const struct sched_path *paths, u32 n);

/* The next best for a copy of such a packet: not `first`, of the good tier; -1: none. */
int sched_pick_second(const struct sched_path *paths, u32 n, int first);

/* For a packet that was lost: where it arrives first, not on `except` (-1: any) if another is there. */
int sched_pick_again(const struct sched_path *paths, u32 n, u32 bytes, int except, u64 now_us);

/* How flows that stay on a path are shared among the paths, by rate, weight or quality: fills the weights of out, zeroes the rest. What
 * BPF programs pick by (triglav/pick.h) is this same snapshot. */
void sched_weigh(struct sched *s, const struct sched_path *paths, u32 n, struct tg_weights *out);

/* The path a flow stays on: tg_pick_path() by these weights, so that a vanishing path moves only its own flows. */
int sched_pick_pinned(struct sched *s, const struct sched_path *paths, u32 n, u32 flow_hash);

/* May bulk be striped over more than one path now? Needs two usable paths; "adaptive" also needs their delays
 * (of two of them at least) within 100 ms of the least. Strategies that use one path at a time never stripe. */
bool sched_may_stripe(const struct sched *s, const struct sched_path *paths, u32 n);

/* When a packet given to the path now would arrive, relative to now on the fastest path (us). */
u64 sched_arrival_us(const struct sched_path *p, u32 bytes, u64 now_us);

/* Quality as shown to people, 0..100: round trip 35, loss 35, rate 20, NAT 10 (behind NAT: half of these). */
u32 sched_score(const struct sched_path *p, u64 best_rate, bool nat);

#endif
