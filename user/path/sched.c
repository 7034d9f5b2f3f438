// SPDX-License-Identifier: MIT
/* sched.c - which paths there are to choose from, which of them may carry striped bulk, and who chooses
 *
 * The path that carries most is the anchor. Another one is left out where it would cost the bundle more than it adds: when its
 * delay is far from the anchor's, or when it is thin and not close, or thin and lossy. So the bundle is never much worse than the anchor.
 */
#include "path/sched_parts.h"

#include <string.h>

#include <triglav/pick.h>

#include "path/rate.h"

#define APART_LIMIT_US (150 * MSEC)	/* farther from the anchor's delay, a path is left out */
#define APART_AGAIN_US (120 * MSEC)
#define AUTO_LIMIT_US (100 * MSEC)	/* aggregation "adaptive" */
#define AUTO_AGAIN_US (80 * MSEC)
#define THIN_PERCENT 15u		/* of the sum; thinner is left out when farther than a round trip */
#define THIN_AGAIN_PERCENT 18u
#define LOSSY_PPM 100000u		/* a thin one that loses more is left out */
#define LOSSY_AGAIN_PPM 50000u
#define RECENT_RUN 8u			/* the average remembers what a queue lost that is gone: has one of the last few been lost, too? */
#define CLEAN_RUN 64u			/* packets in a row: by the rule of three (sent.h) less than that is lost */
#define ANCHOR_PERCENT 125u		/* a new anchor must carry so much more than the old */
#define TRIAL_AFTER_US (3 * SEC)	/* of waiting all the time */
#define BACKLOG_PAUSE_US (200 * MSEC)	/* a shorter one is none */
#define TRIAL_US (20 * SEC)		/* a far path lets TCP grow slowly */
#define TRIAL_AGAIN_US (300 * SEC)

/* ---- tiers ---- */

static u32 paths_of_tier(const struct sched_path *paths, u32 n, enum sched_tier tier)
{
	u32 found = 0;

	for (u32 i = 0; i < MIN(n, SCHED_MAX_PATHS); i++)
		if (paths[i].tier == tier)
			found |= 1u << i;
	return found;
}

static void choose_from(struct choice *c, const struct sched_path *paths, u32 usable)
{
	*c = (struct choice){ .paths = paths, .usable = usable, .count = (u32)__builtin_popcount(usable) };
}

/* The best tier that is there. */
static u32 best_tier(const struct sched_path *paths, u32 n)
{
	for (enum sched_tier tier = SCHED_TIER_GOOD; tier < SCHED_TIER_OUT; tier++) {
		u32 found = paths_of_tier(paths, n, tier);

		if (found)
			return found;
	}
	return 0;
}

/* For bulk metered paths stand beside the good ones: the price is in their arrival. */
static u32 bulk_tier(const struct sched *s, const struct sched_path *paths, u32 n)
{
	u32 found = best_tier(paths, n);

	if (s->strategy == SCHED_ADAPTIVE && found & paths_of_tier(paths, n, SCHED_TIER_GOOD))
		found |= paths_of_tier(paths, n, SCHED_TIER_METERED);
	return found;
}

static u32 included(const struct sched *s, const struct sched_path *paths, u32 n)
{
	u32 usable = bulk_tier(s, paths, n), kept = usable;

	for (u32 i = 0; i < SCHED_MAX_PATHS; i++)
		if (s->exclusion[i])
			kept &= ~(1u << i);
	return kept ? kept : usable;
}

u32 sched_bulk_paths(const struct sched *s, const struct sched_path *paths, u32 n, bool pinned)
{
	return pinned ? best_tier(paths, n) : included(s, paths, n);
}

/* ---- exclusion ---- */

static u32 least_delay(const struct choice *c)
{
	u32 best = first_choice(c);

	for_each_choice(c, i)
		if (c->paths[i].srtt_us && (!c->paths[best].srtt_us || c->paths[i].least_delay_us < c->paths[best].least_delay_us))
			best = i;
	return best;
}

/* What a path is worth as an anchor: the rate that everybody begins with is only a guess. */
static u64 anchor_rate(const struct sched_path *p)
{
	return p->rate_measured || p->rate > RATE_INITIAL_BYTES ? p->rate : 0;
}

/* A path that was never full is full at no rate we know: the fastest of these will do. */
static u32 pick_anchor(const struct sched *s, const struct choice *c)
{
	bool known = in_choice(c, s->anchor) && c->paths[s->anchor].rate_measured;
	u32 best = known ? s->anchor : least_delay(c);
	u64 least = anchor_rate(&c->paths[best]) * (known ? ANCHOR_PERCENT : 100) / 100;


	for_each_choice(c, i) {
		if (anchor_rate(&c->paths[i]) <= least)
			continue;
		least = anchor_rate(&c->paths[i]);
		best = i;
	}
	return best;
}

static bool is_below(const struct choice *c, u64 rate, bool was)
{
	u64 sum = 0;

	for_each_choice(c, i)
		sum += c->paths[i].rate;
	return rate * 100 < sum * (was ? THIN_AGAIN_PERCENT : THIN_PERCENT);
}

static bool adds_little(const struct choice *c, const struct sched_path *p, const struct sched_path *anchor, bool was)
{
	return p->rate_measured && anchor->rate_measured && is_below(c, p->rate, was);
}

/* A guess is of what leaves. One that loses so much may never become a measurement: the flow grows too slowly over it. */
static bool arrives_little(const struct choice *c, const struct sched_path *p, const struct sched_path *anchor, bool was)
{
	u64 rate = p->rate_measured ? p->rate : p->rate * (1000000 - MIN(p->loss_ppm, 1000000u)) / 1000000;

	return anchor->rate_measured && is_below(c, rate, was);
}

/* A near one is, at light load and for a sender that only ever fills that, the better path: not before the far one is full anyway. */
static bool is_needed(const struct sched *s, const struct sched_path *p, const struct sched_path *anchor)
{
	return p->least_delay_us < anchor->least_delay_us && (s->stretches || !(s->full_paths >> s->anchor & 1));
}

static bool is_thin(const struct choice *c, const struct sched_path *p, const struct sched_path *anchor, u32 apart_us, bool was)
{
	u32 fast_rtt_us = p->least_delay_us < anchor->least_delay_us ? p->min_rtt_us : anchor->min_rtt_us;

	return !p->rate_grows && fast_rtt_us && apart_us > fast_rtt_us && adds_little(c, p, anchor, was);
}

/* What is lost beside a queue is what was too much, and rate.c sees to that. */
static bool has_queue(const struct sched_path *p)
{
	return p->delay_us > p->least_delay_us + p->min_rtt_us / 4;
}

/* Each packet that it loses comes a round trip later, by another path, and all behind it wait for that: with one loss per round
 * trip the whole flow is as far away as if the path were. */
static bool is_lossy(const struct choice *c, const struct sched_path *p, const struct sched_path *anchor, bool was)
{
	bool loses = was ? p->loss_ppm > LOSSY_AGAIN_PPM && p->in_a_row < CLEAN_RUN
			 : p->loss_ppm > LOSSY_PPM && p->in_a_row < RECENT_RUN && !has_queue(p);

	return loses && arrives_little(c, p, anchor, was);
}

static enum sched_exclusion judge(const struct sched *s, const struct choice *c, u32 i, u64 now_us)
{
	const struct sched_path *p = &c->paths[i], *anchor = &c->paths[s->anchor];
	bool automatic = s->aggregation == SCHED_AUTO, was = s->exclusion[i] == SCHED_TOO_SLOW;
	u64 limit_us = automatic ? was ? AUTO_AGAIN_US : AUTO_LIMIT_US : was ? APART_AGAIN_US : APART_LIMIT_US;
	u32 apart_us;

	if (i == s->anchor)
		return SCHED_INCLUDED;
	if (now_us < s->no_gain_until_us)
		return SCHED_NO_GAIN;
	if (!p->srtt_us || !anchor->srtt_us)
		return SCHED_INCLUDED;
	apart_us = MAX(p->least_delay_us, anchor->least_delay_us) - MIN(p->least_delay_us, anchor->least_delay_us);
	if (apart_us > limit_us)
		return SCHED_TOO_SLOW;
	if (is_lossy(c, p, anchor, s->exclusion[i] == SCHED_TOO_LOSSY))
		return SCHED_TOO_LOSSY;
	if (is_needed(s, p, anchor))
		return SCHED_INCLUDED;
	return is_thin(c, p, anchor, apart_us, s->exclusion[i] == SCHED_TOO_THIN) ? SCHED_TOO_THIN : SCHED_INCLUDED;
}

static void note_backlog(struct sched *s, bool backlogged, u64 now_us)
{
	if (now_us - s->backlog_us > BACKLOG_PAUSE_US)
		s->backlogged_since_us = now_us;
	if (backlogged)
		s->backlog_us = now_us;
}

static void begin_trial(struct sched *s, const struct choice *c, u64 now_us)
{
	if (now_us - s->backlogged_since_us < TRIAL_AFTER_US)
		return;
	for_each_choice(c, i) {
		bool again = !s->tried_us[i] || now_us - s->tried_us[i] >= TRIAL_AGAIN_US;

		if (s->exclusion[i] != SCHED_TOO_SLOW || c->paths[i].rate_measured || !again)
			continue;
		s->trial = 1u << i;
		s->anchor_before = s->anchor;
		s->trial_until_us = now_us + TRIAL_US;
		s->tried_us[i] = now_us;
		return;
	}
}

/* It ends when the path has shown what it carries. */
static bool trial_goes_on(const struct sched *s, const struct choice *c, u64 now_us)
{
	u32 i = (u32)__builtin_ctz(s->trial);

	return in_choice(c, i) && !c->paths[i].rate_measured && now_us < s->trial_until_us;
}

static void decide(struct sched *s, u32 i, enum sched_exclusion e)
{
	if (s->exclusion[i] == SCHED_TOO_LOSSY && e == SCHED_INCLUDED)
		s->mended |= 1u << i;
	s->exclusion[i] = (u8)e;
}

/* Who falls silent has not; who has become a backup, say, is not asked. */
static bool has_not_mended(const struct sched *s, const struct sched_path *paths, u32 n, u32 i)
{
	return s->exclusion[i] == SCHED_TOO_LOSSY && (i >= n || paths[i].tier >= SCHED_TIER_SUSPECT);
}

void sched_judge(struct sched *s, const struct sched_path *paths, u32 n, bool backlogged, u64 now_us)
{
	struct choice c;

	s->mended = 0;
	note_backlog(s, backlogged, now_us);

	choose_from(&c, paths, bulk_tier(s, paths, n));
	for (u32 i = 0; i < SCHED_MAX_PATHS; i++)
		if (!in_choice(&c, i) && !has_not_mended(s, paths, n, i))
			s->exclusion[i] = SCHED_INCLUDED;
	if (!c.count)
		return;
	if (s->trial && !trial_goes_on(s, &c, now_us)) {
		s->trial = 0;
		s->anchor = s->anchor_before;	/* and now by what has been seen */
	}
	s->anchor = s->trial ? (u32)__builtin_ctz(s->trial) : pick_anchor(s, &c);
	for_each_choice(&c, i)
		decide(s, i, s->strategy == SCHED_ADAPTIVE ? judge(s, &c, i, now_us) : SCHED_INCLUDED);
	if (!s->trial)
		begin_trial(s, &c, now_us);
}

bool sched_may_stripe(const struct sched *s, const struct sched_path *paths, u32 n)
{
	u32 usable = included(s, paths, n);

	if (s->aggregation == SCHED_NONE)
		return false;
	switch (s->strategy) {
	case SCHED_PRIMARY_BACKUP:
	case SCHED_LOWEST_LATENCY:
	case SCHED_LOWEST_LOSS:
	case SCHED_ECMP_AWARE:
		return false;
	default:
		return (usable & (usable - 1)) != 0;
	}
}

/* ---- who chooses ---- */

int sched_pick_bulk(struct sched *s, const struct sched_path *paths, u32 n, u32 bytes, u64 backlog, u64 now_us)
{
	struct choice c;

	choose_from(&c, paths, included(s, paths, n));
	if (c.count < 2)
		return c.count ? (int)first_choice(&c) : -1;
	switch (s->strategy) {
	case SCHED_BANDWIDTH_PROPORTIONAL:
	case SCHED_WEIGHTED_ROUND_ROBIN:
		return (int)sched_round_robin(s, &c, bytes);
	case SCHED_PRIMARY_BACKUP:
		return (int)sched_primary(&c);
	case SCHED_LOWEST_LATENCY:
	case SCHED_REDUNDANT:
		return (int)sched_least_delay(s, &c);
	case SCHED_LOWEST_LOSS:
		return (int)sched_least_loss(s, &c);
	case SCHED_MINRTT:
		return sched_minrtt(&c);
	case SCHED_BLEST:
		return sched_blest(&c, bytes);
	case SCHED_ECF:
		return sched_ecf(s, &c, backlog);
	default:
		return (int)sched_earliest(s, &c, bytes, now_us);
	}
}

void sched_charge(struct sched *s, const struct sched_path *paths, u32 n, u32 i, u32 bytes)
{
	struct choice c;

	s->last = i;
	if (s->strategy != SCHED_BANDWIDTH_PROPORTIONAL && s->strategy != SCHED_WEIGHTED_ROUND_ROBIN)
		return;
	choose_from(&c, paths, included(s, paths, n));
	if (in_choice(&c, i))
		sched_round_robin_charge(s, &c, i, bytes);
}

int sched_pick_latency(struct sched *s, const struct sched_path *paths, u32 n)
{
	struct choice c;

	choose_from(&c, paths, best_tier(paths, n));
	if (c.count < 2)
		return c.count ? (int)first_choice(&c) : -1;
	if (s->strategy == SCHED_PRIMARY_BACKUP)
		return (int)sched_primary(&c);
	return (int)sched_least_delay(s, &c);
}

int sched_pick_second(const struct sched_path *paths, u32 n, int first)
{
	u64 best_us = UINT64_MAX;
	int best = -1;

	for (u32 i = 0; i < MIN(n, SCHED_MAX_PATHS); i++) {
		if ((int)i == first || paths[i].tier != SCHED_TIER_GOOD || paths[i].delay_us >= best_us)
			continue;
		best_us = paths[i].delay_us;
		best = (int)i;
	}
	return best;
}

int sched_pick_again(const struct sched_path *paths, u32 n, u32 bytes, int except, u64 now_us)
{
	struct sched any = { 0 };
	struct choice c;
	u32 usable = best_tier(paths, n);

	any.last = SCHED_MAX_PATHS;
	if (except >= 0 && usable & ~(1u << except))
		usable &= ~(1u << except);
	choose_from(&c, paths, usable);
	return c.count ? (int)sched_earliest(&any, &c, bytes, now_us) : -1;
}

void sched_weigh(struct sched *s, const struct sched_path *paths, u32 n, struct tg_weights *out)
{
	struct choice c;

	memset(out, 0, sizeof(*out));
	choose_from(&c, paths, best_tier(paths, n));
	if (!c.count)
		return;
	switch (s->strategy) {
	case SCHED_PRIMARY_BACKUP:
		out->paths[sched_primary(&c)].weight = 1;
		break;
	case SCHED_LOWEST_LATENCY:
	case SCHED_REDUNDANT:
		out->paths[sched_least_delay(s, &c)].weight = 1;
		break;
	case SCHED_LOWEST_LOSS:
		out->paths[sched_least_loss(s, &c)].weight = 1;
		break;
	default:
		sched_rendezvous(s, &c, out);
	}
}

int sched_pick_pinned(struct sched *s, const struct sched_path *paths, u32 n, u32 flow_hash)
{
	struct tg_weights weights;

	sched_weigh(s, paths, n, &weights);
	return tg_pick_path_quickly(&weights, flow_hash);
}

u32 sched_score(const struct sched_path *p, u64 best_rate, bool nat)
{
	u32 rtt_ms = p->srtt_us / 1000;
	u32 delay = rtt_ms < 500 ? 35 - rtt_ms * 35 / 500 : 0;
	u32 loss = p->loss_ppm < 100000 ? 35 - p->loss_ppm * 35 / 100000 : 0;
	u32 rate = best_rate ? (u32)(MIN(p->rate, best_rate) * 20 / best_rate) : 20;

	return delay + loss + rate + (nat ? 5 : 10);
}
