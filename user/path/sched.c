// SPDX-License-Identifier: MIT
/* sched.c - which path the next run of packets takes
 *
 * Earliest arrival: what is in flight on a path is partly on the wire (up to rate * least round trip) and for the
 * rest queued in front of the bottleneck. A new run waits for that queue, then needs its own serialisation and the one-way
 * delay. So the fast path is taken until its queue is worth the difference in delay; from there on both arrive
 * at the same time, and runs divide in proportion to the rates.
 */
#include "path/sched.h"

#include <math.h>
#include <string.h>

#define STAY_MARGIN_US 1000u		/* a better path must be better by this: keeps runs together */
#define SLOWER_LIMIT_US (100 * MSEC)	/* farther behind the least delay, a path only makes holes */
#define DELAY_UNKNOWN_US (500 * MSEC)	/* to sort behind whatever has been measured */
#define TRY_AGAIN_RUNS 1024u		/* an idle path gets one run after this many, or a bad estimate would stay for ever */
#define SHARES 1024u			/* weights of the round robin are parts of this, so credits survive a change of rates */

/* ---- names ---- */

struct name {
	const char *text;
	int value;
};

static const struct name strategies[] = {	/* the first of a value is the one printed */
	{ "adaptive", SCHED_ADAPTIVE },
	{ "lowest_latency", SCHED_LOWEST_LATENCY },
	{ "latency", SCHED_LOWEST_LATENCY },
	{ "bandwidth_proportional", SCHED_BANDWIDTH_PROPORTIONAL },
	{ "weighted_round_robin", SCHED_WEIGHTED_ROUND_ROBIN },
	{ "primary_backup", SCHED_PRIMARY_BACKUP },
	{ "redundant", SCHED_REDUNDANT },
};

static const struct name aggregations[] = {
	{ "none", SCHED_NONE },
	{ "full", SCHED_FULL },
	{ "adaptive", SCHED_AUTO },
};

static int value_of(const struct name *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i].text, text) == 0)
			return names[i].value;
	return -1;
}

static const char *text_of(const struct name *names, size_t n, int value)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].value == value)
			return names[i].text;
	return "unknown";
}

int sched_parse_strategy(const char *name)
{
	return value_of(strategies, ARRAY_SIZE(strategies), name);
}

int sched_parse_aggregation(const char *name)
{
	return value_of(aggregations, ARRAY_SIZE(aggregations), name);
}

const char *sched_strategy_name(enum sched_strategy s)
{
	return text_of(strategies, ARRAY_SIZE(strategies), (int)s);
}

const char *sched_aggregation_name(enum sched_aggregation a)
{
	return text_of(aggregations, ARRAY_SIZE(aggregations), (int)a);
}

/* ---- the paths to choose from ---- */

/* The choice of one turn: the paths of the best tier, and what fills in for what they do not know. */
struct choice {
	const struct sched_path *paths;
	u32 n;
	u32 usable;		/* bit per path */
	u32 count;
	u64 best_rate;		/* largest measured rate, 0: none */
	u32 least_delay_us, most_delay_us;	/* of those that know theirs */
};

static bool in_choice(const struct choice *c, u32 i)
{
	return i < c->n && (c->usable >> i & 1);
}

static void choose_from(struct choice *c, const struct sched_path *paths, u32 n)
{
	enum sched_tier tier = SCHED_TIER_OUT;

	*c = (struct choice){ .paths = paths, .n = MIN(n, SCHED_MAX_PATHS), .least_delay_us = UINT32_MAX };
	for (u32 i = 0; i < c->n; i++)
		tier = MIN(tier, paths[i].tier);
	if (tier == SCHED_TIER_OUT)
		return;

	for (u32 i = 0; i < c->n; i++) {
		const struct sched_path *p = &paths[i];

		if (p->tier != tier)
			continue;
		c->usable |= 1u << i;
		c->count++;
		if (p->rate_measured)
			c->best_rate = MAX(c->best_rate, p->rate);
		if (p->srtt_us) {
			c->least_delay_us = MIN(c->least_delay_us, p->delay_us);
			c->most_delay_us = MAX(c->most_delay_us, p->delay_us);
		}
	}
	c->least_delay_us = MIN(c->least_delay_us, c->most_delay_us);	/* none knows: 0 */
}

static u64 rate_of(const struct choice *c, const struct sched_path *p)
{
	u64 rate = p->rate_measured ? p->rate : MAX(p->rate, c->best_rate / 2);

	return MAX(rate, 1u);
}

/* One that has not been measured yet is taken for as slow as the slowest. */
static u32 delay_of(const struct choice *c, const struct sched_path *p)
{
	return p->srtt_us ? p->delay_us : c->most_delay_us;
}

/* Not much slower than the path of least delay. */
static bool is_near(const struct choice *c, const struct sched_path *p)
{
	return delay_of(c, p) <= c->least_delay_us + SLOWER_LIMIT_US;
}

static int only_one(const struct choice *c)
{
	return __builtin_ctz(c->usable);
}

/* ---- adaptive ---- */

static u64 arrival_us(const struct choice *c, const struct sched_path *p, u32 bytes)
{
	u64 rate = rate_of(c, p);
	u64 delay_us = delay_of(c, p);
	u64 on_wire = rate * 2 * delay_us / SEC;
	u64 queued = p->in_flight > on_wire ? p->in_flight - on_wire : 0;

	return (queued + bytes) * SEC / rate + delay_us;
}

/* An idle path that has been passed over for long, or -1. */
static int one_to_try(const struct sched *s, const struct choice *c)
{
	for (u32 i = 0; i < c->n; i++)
		if (in_choice(c, i) && s->passed_over[i] >= TRY_AGAIN_RUNS && !c->paths[i].in_flight && is_near(c, &c->paths[i]))
			return (int)i;
	return -1;
}

static void note_run(struct sched *s, const struct choice *c, u32 taken)
{
	for (u32 i = 0; i < c->n; i++)
		if (s->passed_over[i] < TRY_AGAIN_RUNS)
			s->passed_over[i]++;
	s->passed_over[taken] = 0;
}

static u32 earliest(const struct sched *s, const struct choice *c, u32 bytes)
{
	u64 best_us = UINT64_MAX, last_us = UINT64_MAX;
	u32 best = (u32)only_one(c);

	for (u32 i = 0; i < c->n; i++) {
		u64 us;

		if (!in_choice(c, i) || (s->aggregation != SCHED_FULL && !is_near(c, &c->paths[i])))
			continue;
		us = arrival_us(c, &c->paths[i], bytes);
		if (i == s->last)
			last_us = us;
		if (us < best_us) {
			best_us = us;
			best = i;
		}
	}
	return last_us <= best_us + STAY_MARGIN_US && last_us != UINT64_MAX ? s->last : best;
}

static u32 pick_adaptive(struct sched *s, const struct choice *c, u32 bytes)
{
	int try = one_to_try(s, c);
	u32 pick = try >= 0 ? (u32)try : earliest(s, c, bytes);

	note_run(s, c, pick);
	if (try < 0)
		s->last = pick;
	return pick;
}

/* ---- lowest latency ---- */

/* Round trip as a packet would find it now; jitter and loss make it longer. */
static u64 latency_us(const struct choice *c, const struct sched_path *p)
{
	u64 us = p->srtt_us ? p->srtt_us : DELAY_UNKNOWN_US;
	u64 rate = rate_of(c, p);

	if (p->in_flight * SEC > us * rate)	/* rarely; saves the division, as this is asked for every small packet */
		us = p->in_flight * SEC / rate;
	us += 2 * (u64)p->rttvar_us;
	return us + us * 2 * p->loss_ppm / 1000000;
}

static u32 pick_latency(struct sched *s, const struct choice *c)
{
	u64 best_us = UINT64_MAX, last_us;
	u32 best = (u32)only_one(c);

	for (u32 i = 0; i < c->n; i++) {
		u64 us = in_choice(c, i) ? latency_us(c, &c->paths[i]) : UINT64_MAX;

		if (us < best_us) {
			best_us = us;
			best = i;
		}
	}
	if (in_choice(c, s->latency_last)) {
		last_us = latency_us(c, &c->paths[s->latency_last]);
		if (best_us >= last_us - last_us / 10)
			return s->latency_last;
	}
	s->latency_last = best;
	return best;
}

/* ---- round robin ---- */

static u64 weight_of(const struct sched *s, const struct choice *c, u32 i)
{
	if (s->strategy == SCHED_WEIGHTED_ROUND_ROBIN)
		return MAX(c->paths[i].weight, 1u);
	return rate_of(c, &c->paths[i]);
}

/* Smooth weighted round robin (as nginx does it), in bytes: all earn their share of the run, the richest is taken and pays
 * the whole of it. */
static u32 pick_round_robin(struct sched *s, const struct choice *c, u32 bytes)
{
	u64 sum = 0;
	s64 paid = 0;
	int pick = -1;

	for (u32 i = 0; i < c->n; i++) {
		if (in_choice(c, i))
			sum += weight_of(s, c, i);
		else
			s->credit[i] = 0;
	}
	for (u32 i = 0; i < c->n; i++) {
		s64 earned;

		if (!in_choice(c, i))
			continue;
		earned = (s64)(MAX(weight_of(s, c, i) * SHARES / sum, 1u) * bytes);
		s->credit[i] += earned;
		paid += earned;
		if (pick < 0 || s->credit[i] > s->credit[pick])
			pick = (int)i;
	}
	s->credit[pick] -= paid;
	s->last = (u32)pick;
	return s->last;
}

/* ---- primary and backup ---- */

static u32 pick_primary(const struct choice *c)
{
	u32 best = (u32)only_one(c);

	for (u32 i = 0; i < c->n; i++)
		if (in_choice(c, i) && MAX(c->paths[i].weight, 1u) > MAX(c->paths[best].weight, 1u))
			best = i;
	return best;
}

/* ---- pinned ---- */

/* Rates waver; a flow must not move for that. Steps of 1, 1.5, 2, 3, 4, 6 ... */
static u64 coarse(u64 rate)
{
	u32 top = 63 - (u32)__builtin_clzll(rate | 1);
	u64 half = top ? 1ULL << (top - 1) : 0;

	return (1ULL << top) + (rate & half);
}

/* Spreads the bits of both numbers (the finaliser of MurmurHash3, by Austin Appleby). */
static u32 mix(u32 flow_hash, u32 i)
{
	u32 h = flow_hash ^ (i + 1) * 0x9e3779b9u;

	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

/* Weighted rendezvous (Schindelhauer, Schomaker, 2005): the least of exponential draws with the weights as rates. */
static u32 pick_rendezvous(const struct sched *s, const struct choice *c, u32 flow_hash)
{
	double least = INFINITY;
	u32 pick = (u32)only_one(c);

	for (u32 i = 0; i < c->n; i++) {
		double draw;

		if (!in_choice(c, i))
			continue;
		draw = -log((mix(flow_hash, i) + 0.5) / 4294967296.0) / (double)coarse(weight_of(s, c, i));
		if (draw < least) {
			least = draw;
			pick = i;
		}
	}
	return pick;
}

/* ---- what others call ---- */

/* Fills the choice; true when there is none to make, and *pick is the answer: the only path, or -1. */
static bool is_settled(struct choice *c, const struct sched_path *paths, u32 n, int *pick)
{
	choose_from(c, paths, n);
	*pick = c->count ? only_one(c) : -1;
	return c->count < 2;
}

int sched_pick_bulk(struct sched *s, const struct sched_path *paths, u32 n, u32 bytes)
{
	struct choice c;
	int pick;

	if (is_settled(&c, paths, n, &pick))
		return pick;

	switch (s->strategy) {
	case SCHED_BANDWIDTH_PROPORTIONAL:
	case SCHED_WEIGHTED_ROUND_ROBIN:
		return (int)pick_round_robin(s, &c, bytes);
	case SCHED_PRIMARY_BACKUP:
		return (int)pick_primary(&c);
	case SCHED_LOWEST_LATENCY:
	case SCHED_REDUNDANT:
		return (int)pick_latency(s, &c);
	default:
		return (int)pick_adaptive(s, &c, bytes);
	}
}

int sched_pick_latency(struct sched *s, const struct sched_path *paths, u32 n)
{
	struct choice c;
	int pick;

	return is_settled(&c, paths, n, &pick) ? pick : (int)pick_latency(s, &c);
}

int sched_pick_pinned(struct sched *s, const struct sched_path *paths, u32 n, u32 flow_hash)
{
	struct choice c;
	int pick;

	if (is_settled(&c, paths, n, &pick))
		return pick;

	switch (s->strategy) {
	case SCHED_PRIMARY_BACKUP:
		return (int)pick_primary(&c);
	case SCHED_LOWEST_LATENCY:
	case SCHED_REDUNDANT:
		return (int)pick_latency(s, &c);
	default:
		return (int)pick_rendezvous(s, &c, flow_hash);
	}
}

bool sched_may_stripe(const struct sched *s, const struct sched_path *paths, u32 n)
{
	struct choice c;
	u32 near = 0;

	if (s->aggregation == SCHED_NONE || s->strategy == SCHED_PRIMARY_BACKUP || s->strategy == SCHED_LOWEST_LATENCY)
		return false;
	choose_from(&c, paths, n);
	if (s->aggregation == SCHED_FULL)
		return c.count >= 2;
	for (u32 i = 0; i < c.n; i++)
		near += in_choice(&c, i) && is_near(&c, &c.paths[i]);
	return near >= 2;
}
