// SPDX-License-Identifier: MIT
/* sched_parts.h - what the files of the scheduler offer each other
 *
 *   sched.c           tiers, exclusion, dispatch         sched_names.c   names people write
 *   sched_arrival.c   by when a packet arrives           sched_shares.c  by shares: round robin, rendezvous
 *   sched_latency.c   small packets, least loss
 */
#ifndef TG_PATH_SCHED_PARTS_H
#define TG_PATH_SCHED_PARTS_H

#include "path/sched.h"

/* The paths there are to choose from. */
struct choice {
	const struct sched_path *paths;
	u32 usable;		/* bit per path */
	u32 count;
};

#define for_each_choice(c, i) \
	for (u32 left_ = (c)->usable, i; left_ && (i = (u32)__builtin_ctz(left_), true); left_ &= left_ - 1)

static inline bool in_choice(const struct choice *c, u32 i)
{
	return i < SCHED_MAX_PATHS && (c->usable >> i & 1);
}

static inline u32 first_choice(const struct choice *c)
{
	return (u32)__builtin_ctz(c->usable);
}

/* All return a path of a choice that has at least one; -1 where they say so. */
u32 sched_earliest(struct sched *s, const struct choice *c, u32 bytes, u64 now_us);
int sched_minrtt(const struct choice *c);					/* -1: none is ready */
int sched_blest(const struct choice *c, u32 bytes);				/* -1: wait for the fast one */
int sched_ecf(struct sched *s, const struct choice *c, u64 backlog);		/* -1: wait for the fast one */
u32 sched_round_robin(struct sched *s, const struct choice *c, u32 bytes);	/* charges it, too */
void sched_round_robin_charge(struct sched *s, const struct choice *c, u32 i, u32 bytes);
u32 sched_primary(const struct choice *c);
void sched_rendezvous(const struct sched *s, const struct choice *c, struct tg_weights *out);	/* weights of those in the choice */
u32 sched_least_delay(struct sched *s, const struct choice *c);
u32 sched_least_loss(struct sched *s, const struct choice *c);

#endif
