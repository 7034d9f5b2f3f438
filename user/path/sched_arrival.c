// SPDX-License-Identifier: MIT
/* sched_arrival.c - strategies that ask when a packet would arrive
 *
 * Earliest arrival: a path is busy with what it was given until free_us; then come the packet itself and the way. At light load
 * the fastest path wins. Once its backlog is worth the difference in delay both arrive together, and packets divide
 * in proportion to the rates, in the order in which they were numbered.
 */
#include "path/sched_parts.h"

#define STAY_US 500u			/* a better path must be better by this: keeps runs together */
#define METERED_COST_US (30 * MSEC)	/* the others are full when they are so far behind */
#define JITTER_MOST_US (20 * MSEC)
#define MINRTT_BAND_PERCENT 110u	/* round trips within this count as equal */
#define BLEST_REORDER_US (100 * MSEC)	/* what the receiver can hold back, as time at the sum of the rates */
#define ECF_PATIENCE_PERCENT 25u	/* once waiting, wait on until the slow path is so much better */

u64 sched_arrival_us(const struct sched_path *p, u32 bytes, u64 now_us)
{
	u64 wait_us = p->free_us > now_us ? p->free_us - now_us : 0;
	u64 cost_us = p->tier == SCHED_TIER_METERED ? METERED_COST_US : 0;

	if (p->held_us)
		wait_us = MAX(MAX(wait_us, (u64)p->held_us), p->held_free_us > now_us ? p->held_free_us - now_us : 0);
	return wait_us + bytes * SEC / MAX(p->rate, 1u) + p->delay_us + MIN(p->jitter_us, (u32)JITTER_MOST_US) + cost_us;
}

u32 sched_earliest(struct sched *s, const struct choice *c, u32 bytes, u64 now_us)
{
	u64 best_us = UINT64_MAX, last_us = UINT64_MAX;
	u32 best = first_choice(c);

	for_each_choice(c, i) {
		u64 us = sched_arrival_us(&c->paths[i], bytes, now_us);

		if (i == s->last)
			last_us = us;
		if (us < best_us) {
			best_us = us;
			best = i;
		}
	}
	if (last_us > best_us + STAY_US)
		s->last = best;
	return s->last;
}

/* ---- those of MPTCP: the path of least round trip that has room, and when not to take a slower one ---- */

static u32 rtt_of(const struct sched_path *p)
{
	return p->srtt_us ? p->srtt_us : UINT32_MAX / 2;
}

static u32 fastest(const struct choice *c)
{
	u32 best = first_choice(c);

	for_each_choice(c, i)
		if (rtt_of(&c->paths[i]) < rtt_of(&c->paths[best]))
			best = i;
	return best;
}

static u64 room(const struct sched_path *p)
{
	return p->window > p->in_flight ? p->window - p->in_flight : 0;
}

int sched_minrtt(const struct choice *c)
{
	u64 least_us = UINT64_MAX;
	int best = -1;

	for_each_choice(c, i)
		if (c->paths[i].ready)
			least_us = MIN(least_us, rtt_of(&c->paths[i]));
	for_each_choice(c, i) {
		const struct sched_path *p = &c->paths[i];

		if (!p->ready || (u64)rtt_of(p) * 100 > least_us * MINRTT_BAND_PERCENT)
			continue;
		if (best < 0 || room(p) > room(&c->paths[best]))
			best = (int)i;
	}
	return best;
}

/* Ferlin, Alay, Mehani, Boreli: "BLEST: Blocking estimation-based MPTCP scheduler", IFIP Networking 2016: while a packet is on
 * the slow path, the fast one could send X bytes; if these do not fit beside it, it would block them. */
int sched_blest(const struct choice *c, u32 bytes)
{
	u32 fast = fastest(c);
	int slow = sched_minrtt(c);
	u64 sum = 0, could_send;

	if (slow < 0 || (u32)slow == fast || c->paths[fast].ready)
		return slow;
	for_each_choice(c, i)
		sum += c->paths[i].rate;
	could_send = c->paths[fast].rate * rtt_of(&c->paths[slow]) / SEC;
	return could_send + bytes + c->paths[slow].in_flight > sum * BLEST_REORDER_US / SEC ? -1 : slow;
}

/* Lim, Nahum, Towsley, Gibbens: "ECF: An MPTCP path scheduler to manage heterogeneous paths", CoNEXT 2017: wait for the
 * fast path where all that waits would be through it before the slow one has delivered. */
int sched_ecf(struct sched *s, const struct choice *c, u64 backlog)
{
	u32 fast = fastest(c);
	int slow = sched_minrtt(c);
	const struct sched_path *f = &c->paths[fast];
	u64 margin_us, through_fast_us, through_slow_us;
	bool waiting = s->last == SCHED_MAX_PATHS;

	if (slow < 0 || (u32)slow == fast || f->ready) {
		s->last = fast;
		return slow;
	}
	margin_us = MAX(f->rttvar_us, c->paths[slow].rttvar_us);
	through_fast_us = rtt_of(f) + backlog * SEC / MAX(f->rate, 1u);
	through_slow_us = rtt_of(&c->paths[slow]) + margin_us;
	if (waiting)
		through_slow_us += through_slow_us * ECF_PATIENCE_PERCENT / 100;
	if (through_fast_us < through_slow_us) {
		s->last = SCHED_MAX_PATHS;
		return -1;
	}
	s->last = fast;
	return slow;
}
