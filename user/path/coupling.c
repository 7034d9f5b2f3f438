// SPDX-License-Identifier: MIT
/* coupling.c - which paths share a bottleneck
 *
 * That delays betray a shared bottleneck is the idea of RFC 8382 (Hayes, Ferlin, Welzl, Hiorth: "Shared Bottleneck Detection for
 * Coupled Congestion Control for RTP Media"). It groups flows by summary statistics, as its senders share no clock. Ours do, so we
 * compare the delays themselves, in two ways that must agree:
 *
 *   level     2 cov(x, y) / (var x + var y), a concordance (Lin, Biometrics 1989, without the means): 1 when both move by the same
 *             amount. Two queues that happen to grow during the same seconds rarely do that.
 *   change    correlation of what delays did within 100 ms. Slow drifts of unrelated paths correlate by chance; their changes
 *             do not. There are about 38 independent ones in the window: 0.55 is beyond chance (p < 0.001).
 *
 * The paths' stretches before and behind the queue differ. If the queue is near the receiver both see it at the same time
 * of arrival, if it is near the sender, shifted by the difference of their least delays. All shifts in between are tried.
 */
#include "path/coupling.h"

#include <math.h>
#include <string.h>

#define CHANGE_BINS 5u			/* 100 ms */
#define PAIRS_LEAST 64u			/* bins that both have */
#define SHIFT_MOST 8			/* bins: paths farther apart are not striped over anyway */
#define NOISE_US2 1e6			/* variance: a queue that moves by less than 1 ms tells nothing */
#define LEVEL_TOGETHER 0.85
#define LEVEL_APART 0.45
#define CHANGE_TOGETHER 0.55
#define CHANGE_APART 0.2
#define VERDICTS_TOGETHER 5u
#define VERDICTS_APART 6u
#define BELIEVED_US (60 * SEC)		/* without a verdict: who shares well leaves no queue to judge by */
#define HEARD_US (5 * SEC)

/* ---- samples ---- */

void coupling_forget(struct coupling *c, u32 i)
{
	u32 pair = 0;

	memset(&c->tracks[i], 0, sizeof(c->tracks[i]));
	for (u32 a = 0; a < COUPLING_PATHS; a++)
		for (u32 b = a + 1; b < COUPLING_PATHS; b++, pair++)
			if (a == i || b == i)
				c->pairs[pair] = (struct coupling_pair){ 0 };
}

/* Never one that an entry without a sample has. */
static u32 bin_of(u64 arrival_us)
{
	return (u32)(arrival_us / COUPLING_BIN_US) + 2 * COUPLING_BINS;
}

void coupling_sample(struct coupling *c, u32 i, u64 sent_us, u32 delay_us, bool steady, u64 now_us)
{
	struct coupling_track *t = &c->tracks[i];
	u32 bin, at;
	s32 delay;

	if (!c->any)
		c->base_us = delay_us;
	c->any = true;
	delay = (s32)(delay_us - c->base_us);
	bin = bin_of(sent_us + (u64)(s64)delay);
	at = bin % COUPLING_BINS;
	if (!t->any)
		*t = (struct coupling_track){ .any = true, .last = bin, .least_us = delay };
	t->heard_us = now_us;
	t->least_us = MIN(t->least_us, delay);
	if (!steady)
		return;
	if (t->bin[at] != bin)
		t->delay_us[at] = delay;
	t->bin[at] = bin;
	t->delay_us[at] = MIN(t->delay_us[at], delay);
	t->last = (s32)(bin - t->last) > 0 ? bin : t->last;
}

static bool has(const struct coupling_track *t, u32 bin, double *delay)
{
	u32 at = bin % COUPLING_BINS;

	*delay = t->delay_us[at];
	return t->bin[at] == bin;
}

/* ---- comparing two ---- */

struct moments {
	u32 n;
	double x, y, xx, yy, xy;
};

static void add(struct moments *m, double x, double y)
{
	m->n++;
	m->x += x;
	m->y += y;
	m->xx += x * x;
	m->yy += y * y;
	m->xy += x * y;
}

static double covariance(u32 n, double sum_xy, double sum_x, double sum_y)
{
	return (sum_xy - sum_x * sum_y / n) / n;
}

struct likeness {
	bool known;
	double level, change;
};

/* Lays y, `shift` bins later, over x. */
static struct likeness compare(const struct coupling_track *x, const struct coupling_track *y, s32 shift)
{
	u32 newest = (s32)(y->last - (u32)shift - x->last) < 0 ? y->last - (u32)shift : x->last;
	struct moments level = { 0 }, change = { 0 };
	struct likeness out = { 0 };
	double vx, vy, x1, y1, x0, y0;

	for (u32 k = 0; k < COUPLING_BINS - CHANGE_BINS - SHIFT_MOST; k++) {
		u32 bin = newest - k;

		if (!has(x, bin, &x1) || !has(y, bin + (u32)shift, &y1))
			continue;
		add(&level, x1, y1);
		if (has(x, bin - CHANGE_BINS, &x0) && has(y, bin + (u32)shift - CHANGE_BINS, &y0))
			add(&change, x1 - x0, y1 - y0);
	}
	if (level.n < PAIRS_LEAST || change.n < PAIRS_LEAST / 2)
		return out;
	vx = covariance(level.n, level.xx, level.x, level.x);
	vy = covariance(level.n, level.yy, level.y, level.y);
	if (vx < NOISE_US2 || vy < NOISE_US2)
		return out;
	out.known = true;
	out.level = 2 * covariance(level.n, level.xy, level.x, level.y) / (vx + vy);
	vx = covariance(change.n, change.xx, change.x, change.x);
	vy = covariance(change.n, change.yy, change.y, change.y);
	out.change = vx > 0 && vy > 0 ? covariance(change.n, change.xy, change.x, change.y) / sqrt(vx * vy) : 0;
	return out;
}

/* The best of all shifts. */
static struct likeness look_at(const struct coupling_track *x, const struct coupling_track *y)
{
	s32 most = (y->least_us - x->least_us) / (s32)COUPLING_BIN_US, step = most < 0 ? -1 : 1;
	struct likeness best = { .level = -1, .change = -1 };

	most = MIN(MAX(most, -SHIFT_MOST), SHIFT_MOST);
	for (s32 shift = 0;; shift += step) {
		struct likeness l = compare(x, y, shift);

		if (l.known && l.level + l.change > best.level + best.change)
			best = l;
		if (shift == most)
			return best;
	}
}

/* ---- verdicts ---- */

/* True when it changed what is believed of the pair. */
static bool judge(struct coupling_pair *p, const struct likeness *l, u64 now_us)
{
	bool was = p->together, alike, unlike;

	if (!l->known) {
		if (now_us - p->seen_us > BELIEVED_US)
			p->together = false;
		return p->together != was;
	}
	p->seen_us = now_us;
	alike = l->level >= LEVEL_TOGETHER && l->change >= CHANGE_TOGETHER;
	/* A queue that moves slowly has changes lost in noise: they are no evidence against levels that agree. */
	unlike = l->level < LEVEL_APART || (l->level < LEVEL_TOGETHER && l->change < CHANGE_APART);
	p->for_it = alike ? (u8)MIN(p->for_it + 1u, VERDICTS_TOGETHER) : 0;
	p->against_it = unlike ? (u8)MIN(p->against_it + 1u, VERDICTS_APART) : 0;
	if (p->for_it >= VERDICTS_TOGETHER)
		p->together = true;
	if (p->against_it >= VERDICTS_APART)
		p->together = false;
	return p->together != was;
}

static bool is_heard(const struct coupling_track *t, u64 now_us)
{
	return t->any && now_us - t->heard_us < HEARD_US;
}

static u32 pair_of(u32 a, u32 b)
{
	u32 low = MIN(a, b), high = MAX(a, b);

	return low * (2 * COUPLING_PATHS - low - 1) / 2 + high - low - 1;
}

/* The pair behind the last one looked at of which both are heard; false: there is none. */
static bool next_pair(struct coupling *c, u32 *a, u32 *b, u32 *count, u64 now_us)
{
	u32 first = COUPLING_PAIRS, after = COUPLING_PAIRS, chosen;
	u32 pair = 0;

	*count = 0;
	for (u32 i = 0; i < COUPLING_PATHS; i++) {
		for (u32 k = i + 1; k < COUPLING_PATHS; k++, pair++) {
			if (!is_heard(&c->tracks[i], now_us) || !is_heard(&c->tracks[k], now_us))
				continue;
			++*count;
			first = MIN(first, pair);
			if (pair >= c->next_pair)
				after = MIN(after, pair);
		}
	}
	chosen = after < COUPLING_PAIRS ? after : first;
	c->next_pair = chosen + 1;
	for (*a = 0; *a < COUPLING_PATHS; ++*a)
		for (*b = *a + 1; *b < COUPLING_PATHS; ++*b)
			if (pair_of(*a, *b) == chosen)
				return true;
	return false;
}

bool coupling_look(struct coupling *c, u64 now_us)
{
	struct likeness l;
	u32 a, b, count;

	if (now_us < c->due_us)
		return false;
	c->due_us = now_us + COUPLING_EVERY_US;
	if (!next_pair(c, &a, &b, &count, now_us))
		return false;
	c->due_us = now_us + COUPLING_EVERY_US / count;
	l = look_at(&c->tracks[a], &c->tracks[b]);
	return judge(&c->pairs[pair_of(a, b)], &l, now_us);
}

/* Who shares with one that shares is of the group, too. */
u32 coupling_shares(const struct coupling *c, u32 i, u64 now_us)
{
	u32 group = 1u << i, before = 0;

	while (group != before) {
		before = group;
		for (u32 a = 0; a < COUPLING_PATHS; a++)
			for (u32 b = 0; before >> a & 1 && b < COUPLING_PATHS; b++)
				if (b != a && c->pairs[pair_of(a, b)].together && is_heard(&c->tracks[b], now_us))
					group |= 1u << b;
	}
	return (u32)__builtin_popcount(group);
}
