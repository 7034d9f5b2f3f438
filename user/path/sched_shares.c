// SPDX-License-Identifier: MIT
/* sched_shares.c - strategies that divide by shares: round robin, one first and the others behind, flows that stay */
#include "path/sched_parts.h"

#include <triglav/pick.h>

#define SHARES 1024u			/* weights of the round robin are parts of this, so credits survive a change of rates */

/* ---- round robin ---- */

static u64 weight_of(const struct sched *s, const struct choice *c, u32 i)
{
	switch (s->strategy) {
	case SCHED_WEIGHTED_ROUND_ROBIN:
		return MAX(c->paths[i].weight, 1u);
	case SCHED_ECMP_AWARE:
		return sched_score(&c->paths[i], 0, false);
	default:
		return MAX(c->paths[i].rate, 1u);
	}
}

/* The user's weights leave everybody a twentieth. */
static u64 share_of(const struct sched *s, const struct choice *c, u32 i, u64 sum)
{
	u64 least = s->strategy == SCHED_WEIGHTED_ROUND_ROBIN ? SHARES / 20 : 1;

	return MAX(weight_of(s, c, i) * SHARES / sum, least);
}

/* Smooth weighted round robin (as nginx does it), in bytes: all earn their share of the packet; who is taken pays what all earned. */
static s64 earn(struct sched *s, const struct choice *c, u32 bytes)
{
	u64 sum = 0;
	s64 earned = 0;

	for (u32 i = 0; i < SCHED_MAX_PATHS; i++) {
		if (in_choice(c, i))
			sum += weight_of(s, c, i);
		else
			s->credit[i] = 0;
	}
	for_each_choice(c, i) {
		s64 share = (s64)(share_of(s, c, i, sum) * bytes);

		s->credit[i] += share;
		earned += share;
	}
	return earned;
}

u32 sched_round_robin(struct sched *s, const struct choice *c, u32 bytes)
{
	s64 earned = earn(s, c, bytes);
	u32 pick = first_choice(c);

	for_each_choice(c, i)
		if (s->credit[i] > s->credit[pick])
			pick = i;
	s->credit[pick] -= earned;
	return pick;
}

void sched_round_robin_charge(struct sched *s, const struct choice *c, u32 i, u32 bytes)
{
	s64 earned = earn(s, c, bytes);

	s->credit[i] -= earned;
}

/* ---- primary and backup ---- */

u32 sched_primary(const struct choice *c)
{
	u32 best = first_choice(c);

	for (u32 i = 0; i < SCHED_MAX_PATHS; i++)
		if (in_choice(c, i) && MAX(c->paths[i].weight, 1u) > MAX(c->paths[best].weight, 1u))
			best = i;
	return best;
}

/* ---- pinned ---- */

void sched_rendezvous(const struct sched *s, const struct choice *c, struct tg_weights *out)
{
	for_each_choice(c, i)
		out->paths[i].weight = tg_pick_coarse(weight_of(s, c, i));
}
