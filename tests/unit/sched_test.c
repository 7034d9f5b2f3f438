// SPDX-License-Identifier: MIT
/* sched_test.c - choice of a path, on tables, and a planner that drives it in virtual time */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/sched.h"

#define MBIT 125000ULL		/* bytes per second */
#define NOW (7 * SEC)
#define PACKET 1500u

static struct sched_path path(u64 rate, u32 delay_us)
{
	return (struct sched_path){
		.tier = SCHED_TIER_GOOD,
		.ready = true,
		.rate = rate,
		.rate_measured = true,
		.delay_us = delay_us,
		.least_delay_us = delay_us,
		.srtt_us = 20000 + 2 * delay_us,
		.min_rtt_us = 20000 + 2 * delay_us,
		.window = 1 << 30,
	};
}

static int bulk(struct sched *s, const struct sched_path *p, u32 n)
{
	return sched_pick_bulk(s, p, n, PACKET, PACKET, NOW);
}

static void names_are_understood(void **state)
{
	(void)state;
	for (int i = 0; i < SCHED_STRATEGIES; i++)
		assert_int_equal(sched_parse_strategy(sched_strategy_name((enum sched_strategy)i)), i);
	for (int i = SCHED_NONE; i <= SCHED_AUTO; i++)
		assert_int_equal(sched_parse_aggregation(sched_aggregation_name((enum sched_aggregation)i)), i);
	assert_int_equal(sched_parse_strategy("latency"), SCHED_LOWEST_LATENCY);
	assert_string_equal(sched_strategy_name(SCHED_LOWEST_LATENCY), "lowest_latency");
	assert_int_equal(sched_parse_strategy("fastest"), -1);
	assert_int_equal(sched_parse_strategy(""), -1);
	assert_int_equal(sched_parse_aggregation("some"), -1);
}

/* ---- tiers ---- */

enum { GOOD = SCHED_TIER_GOOD, METERED = SCHED_TIER_METERED, BACKUP = SCHED_TIER_BACKUP, SPENT = SCHED_TIER_SPENT,
       SUSPECT = SCHED_TIER_SUSPECT, OUT = SCHED_TIER_OUT };

static void better_tiers_go_first(void **state)
{
	static const struct { u8 tiers[3]; int expected; } facts[] = {
		{ { OUT, OUT, OUT }, -1 },
		{ { OUT, SUSPECT, OUT }, 1 },
		{ { SUSPECT, SUSPECT, BACKUP }, 2 },
		{ { SPENT, SUSPECT, BACKUP }, 2 },
		{ { SUSPECT, OUT, SPENT }, 2 },
		{ { BACKUP, GOOD, SUSPECT }, 1 },
		{ { BACKUP, SUSPECT, METERED }, 2 },
		{ { BACKUP, BACKUP, GOOD }, 2 },
		{ { SPENT, BACKUP, OUT }, 1 },
		{ { SUSPECT, SPENT, OUT }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		for (int strategy = 0; strategy < SCHED_STRATEGIES; strategy++) {
			struct sched s = { .strategy = (enum sched_strategy)strategy, .aggregation = SCHED_FULL };
			struct sched_path p[3];

			for (int k = 0; k < 3; k++) {
				p[k] = path(10 * MBIT, 10000);
				p[k].tier = facts[i].tiers[k];
			}
			sched_judge(&s, p, 3, false, NOW);
			assert_int_equal(bulk(&s, p, 3), facts[i].expected);
			assert_int_equal(sched_pick_latency(&s, p, 3), facts[i].expected);
			assert_int_equal(sched_pick_pinned(&s, p, 3, 77), facts[i].expected);
			assert_int_equal(sched_pick_again(p, 3, PACKET, -1, NOW), facts[i].expected);
			assert_false(sched_may_stripe(&s, p, 3));
		}
}

static void no_paths_no_choice(void **state)
{
	struct sched s = { 0 };
	struct sched_path none[1] = { 0 };

	(void)state;
	sched_judge(&s, none, 0, false, NOW);
	assert_int_equal(bulk(&s, none, 0), -1);
	assert_int_equal(sched_pick_latency(&s, none, 0), -1);
	assert_int_equal(sched_pick_second(none, 0, -1), -1);
	assert_int_equal(sched_pick_again(none, 0, PACKET, 0, NOW), -1);
	assert_int_equal(sched_pick_pinned(&s, none, 0, 1), -1);
	assert_false(sched_may_stripe(&s, none, 0));
}

/* Bulk that is spread takes it when the others are 30 ms behind; nobody else takes it beside a good one. */
static void a_metered_path_takes_what_others_cannot(void **state)
{
	static const struct { u32 behind_us; int expected; } facts[] = {
		{ 0, 0 }, { 29000, 0 }, { 31000, 1 }, { 90000, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		for (int strategy = 0; strategy < SCHED_STRATEGIES; strategy++) {
			struct sched s = { .strategy = (enum sched_strategy)strategy, .aggregation = SCHED_FULL };
			struct sched_path p[2] = { path(100 * MBIT, 0), path(100 * MBIT, 0) };

			p[1].tier = SCHED_TIER_METERED;
			p[0].free_us = NOW + facts[i].behind_us;
			p[0].wait_us = facts[i].behind_us;
			sched_judge(&s, p, 2, false, NOW);
			assert_int_equal(bulk(&s, p, 2), strategy == SCHED_ADAPTIVE ? facts[i].expected : 0);
			assert_int_equal(sched_pick_latency(&s, p, 2), 0);
			assert_int_equal(sched_pick_pinned(&s, p, 2, 5), 0);
			assert_int_equal(sched_pick_second(p, 2, 0), -1);
		}
}

/* ---- earliest arrival ---- */

/* 100 Mbit/s beside 50 Mbit/s that is 30 ms farther. */
static void adaptive_takes_the_earliest_arrival(void **state)
{
	static const struct { u32 busy0_us, busy1_us, last; int expected; } facts[] = {
		{ 0, 0, 0, 0 },
		{ 29000, 0, 0, 0 },
		{ 31000, 0, 0, 1 },
		{ 31000, 2000, 0, 0 },
		{ 30120, 0, 0, 0 },		/* the same to half a millisecond: stay */
		{ 30120, 0, 1, 1 },
		{ 90000, 60000, 0, 0 },
		{ 90000, 55000, 0, 1 },
		{ 90000, 0, 9, 1 },		/* the last one is gone */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL, .last = facts[i].last };
		struct sched_path p[2] = { path(100 * MBIT, 0), path(50 * MBIT, 30000) };

		p[0].free_us = NOW + facts[i].busy0_us;
		p[1].free_us = NOW + facts[i].busy1_us;
		assert_int_equal(bulk(&s, p, 2), facts[i].expected);
	}
}

static void an_arrival_is_waiting_sending_and_the_way(void **state)
{
	struct sched_path p = path(10 * MBIT, 7000);

	(void)state;
	assert_int_equal(sched_arrival_us(&p, 1250, NOW), 1000 + 7000);
	p.free_us = NOW - SEC;		/* idle for long: no credit */
	assert_int_equal(sched_arrival_us(&p, 1250, NOW), 1000 + 7000);
	p.free_us = NOW + 400;
	p.jitter_us = 300;
	assert_int_equal(sched_arrival_us(&p, 1250, NOW), 400 + 1000 + 7000 + 300);
	p.jitter_us = 900000;		/* a path that jumps wildly is not out for ever */
	assert_in_range(sched_arrival_us(&p, 1250, NOW), 28400, 28400);
	p.tier = SCHED_TIER_METERED;
	assert_int_equal(sched_arrival_us(&p, 1250, NOW), 28400 + 30000);
	p.rate = 0;			/* nonsense is survived */
	assert_true(sched_arrival_us(&p, 1250, NOW) > SEC);
}

static void runs_stay_together(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(100 * MBIT, 0), path(100 * MBIT, 0) };
	u32 changes = 0, got[2] = { 0 };
	int last = 0;

	(void)state;
	for (u32 n = 0; n < 1000; n++) {
		int i = bulk(&s, p, 2);

		p[i].free_us = MAX(p[i].free_us, NOW) + PACKET * SEC / p[i].rate;
		got[i]++;
		changes += i != last;
		last = i;
	}
	assert_in_range(changes, 50, 250);	/* about ten packets, a millisecond, to each in turn */
	assert_in_range(got[0], 480, 520);
}

/* ---- a planner, as send_line() in pump.c ---- */

enum { PLAN_PACKETS = 30000, PLAN_LINE = 2048, PLAN_STEP_US = 100, PLAN_AHEAD_US = 1000, PLAN_MOST_US = 300000 };

struct plan_run {
	struct sched s;
	struct sched_path p[3];
	u32 n;
	u64 link_free_us[3];
	u32 line[PLAN_LINE], line_count, next, limit;	/* at most `limit` packets wait; the source fills up */
	u64 arrives_us[PLAN_PACKETS];
	u32 got[3], left, most_planned;
};

static bool plan_any_ready(struct plan_run *r, u64 now)
{
	bool any = false;

	for (u32 i = 0; i < r->n; i++)
		any |= r->p[i].ready = r->p[i].tier < SCHED_TIER_OUT && r->p[i].free_us <= now + PLAN_AHEAD_US;
	return any;
}

static void plan_send(struct plan_run *r, struct sched_path *real, u32 at, u32 i, u64 now)
{
	u64 took_us = PACKET * SEC / real[i].rate;
	u32 number = r->line[at];

	memmove(&r->line[at], &r->line[at + 1], (--r->line_count - at) * sizeof(r->line[0]));
	real[i].free_us = r->p[i].free_us = MAX(real[i].free_us, now) + took_us;
	r->link_free_us[i] = MAX(r->link_free_us[i], now) + took_us;
	r->arrives_us[number] = r->link_free_us[i] + real[i].delay_us;
	sched_charge(&r->s, r->p, r->n, i, PACKET);
	r->got[i]++;
	r->left++;
}

static void plan_turn(struct plan_run *r, struct sched_path *real, u64 now)
{
	struct sched plan = r->s;
	u32 at = 0;

	memcpy(r->p, real, sizeof(r->p));
	sched_judge(&r->s, r->p, r->n, false, now);
	while (plan_any_ready(r, now)) {
		int i;

		if (at == r->line_count) {
			if (r->line_count == r->limit || r->next == PLAN_PACKETS)
				return;
			r->line[r->line_count++] = r->next++;
		}
		i = sched_pick_bulk(&plan, r->p, r->n, PACKET, (u64)(r->limit - at) * PACKET, now);
		assert_in_range(i, 0, r->n - 1);
		if (r->p[i].ready) {
			plan_send(r, real, at, (u32)i, now);
			continue;
		}
		r->p[i].free_us = MAX(r->p[i].free_us, now) + PACKET * SEC / r->p[i].rate;
		if (r->p[i].free_us > now + PLAN_MOST_US)
			return;
		at++;
		r->most_planned = MAX(r->most_planned, at);
	}
}

/* Sends until all have left; returns how far the worst packet came behind one with a higher number. */
static u64 plan_all(struct plan_run *r, const struct sched_path *paths, u32 n, u32 limit)
{
	struct sched_path real[3];
	u64 earliest_us = UINT64_MAX, worst_us = 0, now = NOW;

	memset(r, 0, sizeof(*r));
	r->s = (struct sched){ .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	r->n = n;
	r->limit = limit;
	memcpy(real, paths, n * sizeof(paths[0]));
	for (; r->left < PLAN_PACKETS; now += PLAN_STEP_US) {
		assert_true(now < NOW + 60 * SEC);
		plan_turn(r, real, now);
	}
	for (u32 number = PLAN_PACKETS; number--; earliest_us = MIN(earliest_us, r->arrives_us[number]))
		if (r->arrives_us[number] > earliest_us)
			worst_us = MAX(worst_us, r->arrives_us[number] - earliest_us);
	return worst_us;
}

static void unlike_paths_deliver_in_order_and_by_their_rates(void **state)
{
	static const struct { u32 mbit[3], delay_us[3], n, percent[3]; } facts[] = {
		{ { 100, 50 }, { 10000, 40000 }, 2, { 67, 33 } },
		{ { 100, 100 }, { 10000, 10000 }, 2, { 50, 50 } },
		{ { 50, 100 }, { 10000, 40000 }, 2, { 33, 67 } },
		{ { 100, 25 }, { 10000, 70000 }, 2, { 80, 20 } },
		{ { 100, 50, 50 }, { 10000, 40000, 25000 }, 3, { 50, 25, 25 } },
	};
	static struct plan_run run;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched_path p[3];
		u64 worst_us;

		for (u32 k = 0; k < facts[i].n; k++)
			p[k] = path(facts[i].mbit[k] * MBIT, facts[i].delay_us[k]);
		worst_us = plan_all(&run, p, facts[i].n, PLAN_LINE);
		for (u32 k = 0; k < facts[i].n; k++) {
			u32 expected = PLAN_PACKETS / 100 * facts[i].percent[k];

			assert_in_range(run.got[k], expected - PLAN_PACKETS / 80, expected + PLAN_PACKETS / 80);
		}
		if (worst_us > MSEC)
			fail_msg("set %zu: %u us behind", i, (u32)worst_us);
	}
}

/* The slow path takes what lies as deep as the fast one will be by then: 30 ms at 100 Mbit/s are 250 packets. */
static void the_slow_path_takes_from_deep_in_the_line(void **state)
{
	static struct plan_run run;
	struct sched_path p[2] = { path(100 * MBIT, 10000), path(50 * MBIT, 40000) };

	(void)state;
	plan_all(&run, p, 2, PLAN_LINE);
	assert_in_range(run.most_planned, 240, 280);
	plan_all(&run, p, 2, 200);	/* not so much waits: the slow one could only come late */
	assert_int_equal(run.got[1], 0);
	assert_int_equal(run.got[0], PLAN_PACKETS);
}

/* ---- exclusion ---- */

static void a_path_too_far_is_left_out_until_it_is_clearly_nearer(void **state)
{
	static const struct { enum sched_aggregation aggregation; u32 delay_us; enum sched_exclusion expected; } steps[] = {
		{ SCHED_FULL, 149000, SCHED_INCLUDED },
		{ SCHED_FULL, 151000, SCHED_TOO_SLOW },
		{ SCHED_FULL, 130000, SCHED_TOO_SLOW },
		{ SCHED_FULL, 121000, SCHED_TOO_SLOW },
		{ SCHED_FULL, 119000, SCHED_INCLUDED },
		{ SCHED_FULL, 149000, SCHED_INCLUDED },
		{ SCHED_AUTO, 99000, SCHED_INCLUDED },
		{ SCHED_AUTO, 101000, SCHED_TOO_SLOW },
		{ SCHED_AUTO, 81000, SCHED_TOO_SLOW },
		{ SCHED_AUTO, 79000, SCHED_INCLUDED },
		{ SCHED_AUTO, 99000, SCHED_INCLUDED },
	};
	struct sched s = { .strategy = SCHED_ADAPTIVE };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(100 * MBIT, 0), path(100 * MBIT, steps[i].delay_us) };

		s.aggregation = steps[i].aggregation;
		p[0].free_us = NOW + 10 * SEC;		/* whatever waits there */
		sched_judge(&s, p, 2, false, NOW);
		assert_int_equal(s.exclusion[1], steps[i].expected);
		assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
		assert_int_equal(bulk(&s, p, 2), steps[i].expected == SCHED_INCLUDED ? 1 : 0);
		assert_int_equal(sched_may_stripe(&s, p, 2), steps[i].expected == SCHED_INCLUDED);
	}
}

/* The anchor carries most, also when it is the slow one: then the fast one is too far from it. */
static void the_anchor_is_who_carries_most(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(100 * MBIT, 0), path(90 * MBIT, 200000) };

	(void)state;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.anchor, 0);
	assert_int_equal(s.exclusion[1], SCHED_TOO_SLOW);
	p[1].rate = 124 * MBIT;		/* more, but not by a quarter: no swinging to and fro */
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.anchor, 0);
	p[1].rate = 126 * MBIT;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.anchor, 1);
	assert_int_equal(s.exclusion[0], SCHED_TOO_SLOW);
	assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
	assert_int_equal(bulk(&s, p, 2), 1);
	p[1].rate = 101 * MBIT;		/* nor back */
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.anchor, 1);
	p[1].tier = SCHED_TIER_OUT;	/* who is gone holds nobody up */
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.anchor, 0);
	assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
	assert_int_equal(bulk(&s, p, 2), 0);
}

/* Beside 100 Mbit/s with 20 ms of round trip. 15 % of the sum are 17.6 Mbit/s, 18 % are 22. */
static void a_thin_path_that_is_far_is_left_out(void **state)
{
	static const struct { u32 mbit, delay_us; bool measured; enum sched_exclusion expected; } steps[] = {
		{ 10, 15000, true, SCHED_INCLUDED },	/* near enough */
		{ 18, 30000, true, SCHED_INCLUDED },	/* thick enough */
		{ 17, 30000, true, SCHED_TOO_THIN },
		{ 21, 30000, true, SCHED_TOO_THIN },
		{ 23, 30000, true, SCHED_INCLUDED },
		{ 18, 30000, true, SCHED_INCLUDED },
		{ 10, 30000, false, SCHED_INCLUDED },	/* a guess is not held against it */
		{ 10, 30000, true, SCHED_TOO_THIN },
		{ 10, 19000, true, SCHED_INCLUDED },
	};
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(100 * MBIT, 0), path(steps[i].mbit * MBIT, steps[i].delay_us) };

		p[1].rate_measured = steps[i].measured;
		sched_judge(&s, p, 2, false, NOW);
		assert_int_equal(s.exclusion[1], steps[i].expected);
		assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
	}
}

/* 7 Mbit/s at 14 ms beside 100 Mbit/s at 74: a sender that fills the near one only had the far one alone, and did not fill that either. */
static void a_thin_path_that_is_near_stays_until_the_far_one_is_full(void **state)
{
	static const struct { u32 full; bool stretches; enum sched_exclusion expected; } steps[] = {
		{ 0, false, SCHED_INCLUDED },
		{ 1, false, SCHED_INCLUDED },
		{ 2, true, SCHED_INCLUDED },
		{ 2, false, SCHED_TOO_THIN },
		{ 3, true, SCHED_INCLUDED },
		{ 3, false, SCHED_TOO_THIN },
		{ 0, false, SCHED_INCLUDED },
	};
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(7 * MBIT, 0), path(100 * MBIT, 30000) };

		s.full_paths = steps[i].full;
		s.stretches = steps[i].stretches;
		sched_judge(&s, p, 2, false, NOW);
		assert_int_equal(s.exclusion[0], steps[i].expected);
		assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
	}
}

static void what_is_held_back_arrives_as_much_later(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(10 * MBIT, 0), path(10 * MBIT, 30000) };

	(void)state;
	assert_int_equal(bulk(&s, p, 2), 0);
	p[0].held_us = 29000;
	assert_int_equal(bulk(&s, p, 2), 0);
	p[0].held_us = 31000;
	assert_int_equal(bulk(&s, p, 2), 1);
	p[1].wait_us = 2000;
	p[1].free_us = NOW + 2000;
	assert_int_equal(bulk(&s, p, 2), 0);
	p[0].free_us = NOW + 31000;	/* busy for so long anyway */
	assert_int_equal(bulk(&s, p, 2), 0);
	p[0].free_us = 0;
	p[0].held_free_us = NOW + 40000;	/* behind others that are held */
	assert_int_equal(bulk(&s, p, 2), 1);
	p[0].held_us = 0;			/* which need not concern who is not */
	assert_int_equal(bulk(&s, p, 2), 0);
}

/* Beside 50 Mbit/s, not farther. A fifth of 2 Mbit/s lost was enough to keep all waiting for repairs all the time. */
static void a_thin_path_that_loses_much_is_left_out(void **state)
{
	static const struct { u32 mbit, loss_ppm, in_a_row; bool measured; enum sched_exclusion expected; u32 queue_us; } steps[] = {
		{ 2, 100000, 0, true, SCHED_INCLUDED, 0 },	/* its repairs are few */
		{ 12, 200000, 0, true, SCHED_INCLUDED, 0 },	/* thick enough: it is for the guard to say */
		{ 12, 200000, 0, false, SCHED_INCLUDED, 0 },	/* of a guess that much may arrive, 16 % of the sum */
		{ 10, 200000, 0, false, SCHED_TOO_LOSSY, 0 },	/* 13 % */
		{ 2, 50000, 0, false, SCHED_INCLUDED, 0 },
		{ 2, 110000, 0, true, SCHED_TOO_LOSSY, 0 },
		{ 2, 60000, 0, true, SCHED_TOO_LOSSY, 0 },
		{ 2, 50000, 0, true, SCHED_INCLUDED, 0 },
		{ 2, 60000, 0, true, SCHED_INCLUDED, 0 },
		{ 8, 200000, 0, true, SCHED_TOO_LOSSY, 0 },
		{ 10, 200000, 0, true, SCHED_TOO_LOSSY, 0 },	/* 17 % of the sum */
		{ 11, 200000, 0, true, SCHED_INCLUDED, 0 },
		{ 2, 200000, 0, true, SCHED_TOO_LOSSY, 0 },
		{ 2, 190000, 63, true, SCHED_TOO_LOSSY, 0 },
		{ 2, 190000, 64, true, SCHED_INCLUDED, 0 },	/* it is over, whatever the average remembers */
		{ 2, 190000, 0, true, SCHED_INCLUDED, 6000 },	/* a queue loses */
		{ 2, 190000, 8, true, SCHED_INCLUDED, 5000 },	/* it did so a while ago */
		{ 2, 190000, 7, true, SCHED_TOO_LOSSY, 5000 },
	};
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(50 * MBIT, 0), path(steps[i].mbit * MBIT, 0) };

		p[1].rate_measured = steps[i].measured;
		p[1].rate_grows = true;		/* a path that falls silent again and again begins anew each time */
		p[1].loss_ppm = steps[i].loss_ppm;
		p[1].in_a_row = steps[i].in_a_row;
		p[1].delay_us += steps[i].queue_us;
		sched_judge(&s, p, 2, false, NOW);
		assert_int_equal(s.exclusion[1], steps[i].expected);
		assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
	}
}

/* It was let in again whenever it had been suspect for a moment. */
static void a_lossy_path_that_fell_silent_has_not_mended(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(50 * MBIT, 0), path(8 * MBIT, 0) };

	(void)state;
	p[1].loss_ppm = 200000;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_TOO_LOSSY);
	p[1].tier = SCHED_TIER_SUSPECT;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.mended, 0);
	p[1].tier = p[0].tier;
	p[1].rate = 10 * MBIT;		/* 17 % of the sum: thick enough for one that was not left out */
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_TOO_LOSSY);
	p[1].in_a_row = 64;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
	assert_int_equal(s.mended, 1u << 1);
}

/* It was shown as left out, and asked every 20 ms. */
static void a_lossy_path_that_became_a_backup_is_not_left_out(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(50 * MBIT, 0), path(2 * MBIT, 0) };

	(void)state;
	p[1].loss_ppm = 200000;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_TOO_LOSSY);
	p[1].tier = SCHED_TIER_BACKUP;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
}

static void a_path_nothing_is_known_of_is_tried(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO };
	struct sched_path p[2] = { path(100 * MBIT, 0), path(10 * MBIT, 500000) };

	(void)state;
	p[1].srtt_us = 0;
	sched_judge(&s, p, 2, false, NOW);
	assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
}

static void only_the_anchor_while_the_bundle_is_no_gain(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL, .no_gain_until_us = NOW + SEC };
	struct sched_path p[3] = { path(50 * MBIT, 0), path(100 * MBIT, 0), path(50 * MBIT, 0) };

	(void)state;
	p[1].free_us = NOW + SEC;
	sched_judge(&s, p, 3, false, NOW);
	assert_int_equal(s.exclusion[0], SCHED_NO_GAIN);
	assert_int_equal(s.exclusion[1], SCHED_INCLUDED);
	assert_int_equal(s.exclusion[2], SCHED_NO_GAIN);
	assert_int_equal(bulk(&s, p, 3), 1);
	sched_judge(&s, p, 3, false, NOW + SEC);
	assert_int_equal(s.exclusion[0], SCHED_INCLUDED);
	assert_int_not_equal(bulk(&s, p, 3), 1);
}

static void only_adaptive_leaves_paths_out(void **state)
{
	(void)state;
	for (int strategy = 0; strategy < SCHED_STRATEGIES; strategy++) {
		struct sched s = { .strategy = (enum sched_strategy)strategy, .aggregation = SCHED_FULL };
		struct sched_path p[2] = { path(100 * MBIT, 0), path(100 * MBIT, 400000) };

		s.exclusion[1] = SCHED_TOO_THIN;	/* from before the strategy was changed */
		sched_judge(&s, p, 2, false, NOW);
		assert_int_equal(s.exclusion[1], strategy == SCHED_ADAPTIVE ? SCHED_TOO_SLOW : SCHED_INCLUDED);
	}
}

static void striping_is_for_those_who_spread(void **state)
{
	static const struct { enum sched_strategy strategy; bool expected; } facts[] = {
		{ SCHED_ADAPTIVE, true }, { SCHED_LOWEST_LATENCY, false }, { SCHED_LOWEST_LOSS, false },
		{ SCHED_BANDWIDTH_PROPORTIONAL, true }, { SCHED_WEIGHTED_ROUND_ROBIN, true },
		{ SCHED_PRIMARY_BACKUP, false }, { SCHED_REDUNDANT, true }, { SCHED_ECMP_AWARE, false },
		{ SCHED_MINRTT, true }, { SCHED_BLEST, true }, { SCHED_ECF, true },
	};

	(void)state;
	assert_int_equal(ARRAY_SIZE(facts), SCHED_STRATEGIES);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = facts[i].strategy, .aggregation = SCHED_FULL };
		struct sched_path p[2] = { path(MBIT, 0), path(MBIT, 1000) };

		assert_int_equal(sched_may_stripe(&s, p, 2), facts[i].expected);
		s.aggregation = SCHED_NONE;
		assert_false(sched_may_stripe(&s, p, 2));
		s.aggregation = SCHED_FULL;
		p[1].tier = SCHED_TIER_BACKUP;
		assert_false(sched_may_stripe(&s, p, 2));
	}
}

/* ---- least delay, least loss ---- */

static void latency_has_hysteresis(void **state)
{
	static const struct { u32 delay0_us, delay1_us; int expected; } steps[] = {
		{ 0, 10000, 0 },
		{ 2500, 0, 0 },		/* less than a millisecond and a tenth of the round trip better */
		{ 4000, 0, 1 },
		{ 0, 2500, 1 },
		{ 0, 4000, 0 },
	};
	static const enum sched_strategy strategies[] = { SCHED_LOWEST_LATENCY, SCHED_REDUNDANT };

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(strategies); k++) {
		struct sched s = { .strategy = strategies[k] };

		for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
			struct sched_path p[2] = { path(MBIT, steps[i].delay0_us), path(MBIT, steps[i].delay1_us) };

			p[0].srtt_us = p[1].srtt_us = 20000;
			assert_int_equal(sched_pick_latency(&s, p, 2), steps[i].expected);
			assert_int_equal(bulk(&s, p, 2), steps[i].expected);
			assert_int_equal(sched_pick_pinned(&s, p, 2, 3), steps[i].expected);
		}
	}
}

static void latency_minds_queue_jitter_and_loss(void **state)
{
	struct sched s = { 0 };
	struct sched_path good[2] = { path(10 * MBIT, 0), path(10 * MBIT, 5000) }, p[2];

	(void)state;
	for (u32 i = 0; i < 5; i++) {
		memcpy(p, good, sizeof(p));
		assert_int_equal(sched_pick_latency(&s, p, 2), 0);
		switch (i) {
		case 0:
			p[0].wait_us = 20000;
			break;
		case 1:
			p[0].jitter_us = 5000;
			break;
		case 2:
			p[0].loss_ppm = 500000;
			break;
		case 3:
			p[0].srtt_us = 0;	/* not known yet */
			break;
		default:
			p[0].tier = SCHED_TIER_OUT;	/* hysteresis does not hold on to what is gone */
		}
		assert_int_equal(sched_pick_latency(&s, p, 2), 1);
	}
}

static void the_copy_goes_by_the_next_best(void **state)
{
	struct sched_path p[4] = { path(MBIT, 0), path(MBIT, 30000), path(MBIT, 20000), path(MBIT, 10000) };

	(void)state;
	p[3].tier = SCHED_TIER_METERED;		/* costs money */
	assert_int_equal(sched_pick_second(p, 4, 0), 2);
	assert_int_equal(sched_pick_second(p, 4, 2), 0);
	p[2].tier = SCHED_TIER_SUSPECT;
	assert_int_equal(sched_pick_second(p, 4, 0), 1);
	p[1].tier = SCHED_TIER_BACKUP;
	assert_int_equal(sched_pick_second(p, 4, 0), -1);
}

static void least_loss_first_then_least_delay(void **state)
{
	static const struct { u32 loss_ppm[2], delay_us[2]; int expected; } steps[] = {
		{ { 10000, 0 }, { 0, 90000 }, 1 },
		{ { 0, 1000 }, { 90000, 90000 }, 1 },	/* the difference is none: stay */
		{ { 0, 5000 }, { 90000, 90000 }, 0 },
		{ { 1000, 1000 }, { 90000, 0 }, 1 },	/* alike: by delay */
		{ { 1000, 1000 }, { 0, 2000 }, 1 },
		{ { 0, 100000 }, { 90000, 0 }, 0 },
	};
	struct sched s = { .strategy = SCHED_LOWEST_LOSS, .aggregation = SCHED_FULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(MBIT, steps[i].delay_us[0]), path(MBIT, steps[i].delay_us[1]) };

		for (u32 k = 0; k < 2; k++) {
			p[k].loss_ppm = steps[i].loss_ppm[k];
			p[k].srtt_us = 20000;
		}
		assert_int_equal(bulk(&s, p, 2), steps[i].expected);
		assert_int_equal(sched_pick_pinned(&s, p, 2, 8), steps[i].expected);
	}
}

/* ---- shares ---- */

/* Sends 20000 packets of random size as the pump does: chosen on a copy, charged when they leave. */
static void share_out(enum sched_strategy strategy, const struct sched_path *p, u32 n, u64 *percent)
{
	struct sched s = { .strategy = strategy, .aggregation = SCHED_FULL };
	u64 got[3] = { 0 }, sum = 0;
	struct rand_source rand;

	rand_seeded(&rand, 5);
	for (u32 k = 0; k < 20000; k++) {
		u32 bytes = 40 + rand_u32(&rand) % 1460;
		struct sched plan = s;
		int i = sched_pick_bulk(&plan, p, n, bytes, bytes, NOW);

		sched_charge(&s, p, n, (u32)i, bytes);
		assert_memory_equal(s.credit, plan.credit, sizeof(s.credit));
		got[i] += bytes;
		sum += bytes;
	}
	for (u32 i = 0; i < n; i++)
		percent[i] = (got[i] * 1000 / sum + 5) / 10;
}

static void round_robin_shares_by_bytes(void **state)
{
	static const struct { enum sched_strategy strategy; u32 weights[3], mbit[3], percent[3]; } facts[] = {
		{ SCHED_WEIGHTED_ROUND_ROBIN, { 1, 2, 5 }, { 300, 200, 100 }, { 12, 25, 63 } },
		{ SCHED_WEIGHTED_ROUND_ROBIN, { 0, 1, 2 }, { 300, 200, 100 }, { 25, 25, 50 } },
		{ SCHED_WEIGHTED_ROUND_ROBIN, { 1, 1000, 1000 }, { 1, 1, 1 }, { 5, 48, 48 } },	/* a twentieth at least */
		{ SCHED_BANDWIDTH_PROPORTIONAL, { 1, 2, 5 }, { 300, 200, 100 }, { 50, 33, 17 } },
		{ SCHED_BANDWIDTH_PROPORTIONAL, { 9, 1, 1 }, { 1, 100, 99 }, { 0, 50, 49 } },	/* there it is not */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched_path p[3];
		u64 percent[3];

		for (u32 k = 0; k < 3; k++) {
			p[k] = path(facts[i].mbit[k] * MBIT, 0);
			p[k].weight = facts[i].weights[k];
		}
		share_out(facts[i].strategy, p, 3, percent);
		for (u32 k = 0; k < 3; k++)
			assert_in_range(percent[k] + 1, facts[i].percent[k], facts[i].percent[k] + 2);
	}
}

static void a_path_that_was_away_has_saved_no_credit(void **state)
{
	struct sched s = { .strategy = SCHED_WEIGHTED_ROUND_ROBIN };
	struct sched_path p[3] = { path(MBIT, 1), path(MBIT, 1), path(MBIT, 1) };
	u32 got = 0;

	(void)state;
	bulk(&s, p, 3);
	assert_true(s.credit[2] > 0);
	p[2].tier = SCHED_TIER_OUT;
	bulk(&s, p, 3);
	assert_int_equal(s.credit[2], 0);
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(bulk(&s, p, 3), 2);
	p[2].tier = SCHED_TIER_GOOD;
	for (int i = 0; i < 30; i++)
		got += bulk(&s, p, 3) == 2;
	assert_in_range(got, 8, 12);
}

static void primary_until_it_fails(void **state)
{
	struct sched s = { .strategy = SCHED_PRIMARY_BACKUP };
	struct sched_path p[3] = { path(MBIT, 1), path(MBIT, 50000), path(MBIT, 1) };

	(void)state;
	p[1].weight = 10;
	p[2].weight = 5;
	assert_int_equal(bulk(&s, p, 3), 1);
	assert_int_equal(sched_pick_pinned(&s, p, 3, 99), 1);
	p[1].tier = SCHED_TIER_SUSPECT;
	assert_int_equal(bulk(&s, p, 3), 2);
	p[2].tier = SCHED_TIER_OUT;
	assert_int_equal(bulk(&s, p, 3), 0);
	p[0].tier = SCHED_TIER_OUT;
	assert_int_equal(bulk(&s, p, 3), 1);
}

static void pinned_flows_spread_by_rate_and_only_orphans_move(void **state)
{
	enum { FLOWS = 20000 };
	static int before[FLOWS];
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_NONE };
	struct sched_path p[3] = { path(1 << 20, 1), path(1 << 21, 1), path(1 << 22, 1) };
	u32 got[3] = { 0 };

	(void)state;
	for (u32 flow = 0; flow < FLOWS; flow++) {
		before[flow] = sched_pick_pinned(&s, p, 3, flow * 2654435761u);
		got[before[flow]]++;
	}
	for (u32 i = 0; i < 3; i++)
		assert_in_range(got[i], (FLOWS << i) / 7 * 92 / 100, (FLOWS << i) / 7 * 108 / 100);

	p[1].tier = SCHED_TIER_OUT;
	p[2].rate += p[2].rate / 8;	/* and a rate that wavers moves nobody */
	for (u32 flow = 0; flow < FLOWS; flow++) {
		int now = sched_pick_pinned(&s, p, 3, flow * 2654435761u);

		assert_int_not_equal(now, 1);
		if (before[flow] != 1)
			assert_int_equal(now, before[flow]);
	}
}

/* By quality: 500 ms and 10 % of loss leave 30 points of 100, and points count in steps of 1, 1.5, 2, 3: 4 to 1. */
static void ecmp_aware_draws_by_quality(void **state)
{
	struct sched s = { .strategy = SCHED_ECMP_AWARE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(MBIT, 0), path(100 * MBIT, 0) };
	u32 got[2] = { 0 };

	(void)state;
	p[0].srtt_us = 1;
	p[1].srtt_us = 500000;
	p[1].loss_ppm = 100000;
	for (u32 flow = 0; flow < 20000; flow++) {
		int i = sched_pick_pinned(&s, p, 2, flow * 2654435761u);

		assert_int_equal(sched_pick_pinned(&s, p, 2, flow * 2654435761u), i);
		got[i]++;
	}
	assert_in_range(got[1], 3600, 4400);
}

/* ---- those of MPTCP ---- */

static void minrtt_takes_the_ready_path_of_least_round_trip(void **state)
{
	static const struct { bool ready[3]; u32 srtt_us[3]; u64 in_flight[3]; int expected; } facts[] = {
		{ { 1, 1, 1 }, { 20000, 80000, 50000 }, { 900, 0, 0 }, 0 },
		{ { 0, 1, 1 }, { 20000, 80000, 50000 }, { 900, 0, 0 }, 2 },
		{ { 0, 1, 0 }, { 20000, 80000, 50000 }, { 900, 0, 0 }, 1 },
		{ { 0, 0, 0 }, { 20000, 80000, 50000 }, { 900, 0, 0 }, -1 },
		{ { 1, 1, 1 }, { 20000, 21900, 22100 }, { 900, 100, 0 }, 1 },	/* within a tenth: who has more room */
		{ { 1, 1, 1 }, { 0, 0, 50000 }, { 0, 0, 900 }, 2 },		/* unknown ones last */
		{ { 1, 0, 0 }, { 0, 0, 50000 }, { 0, 0, 900 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = SCHED_MINRTT, .aggregation = SCHED_FULL };
		struct sched_path p[3];

		for (u32 k = 0; k < 3; k++) {
			p[k] = path(10 * MBIT, 0);
			p[k].ready = facts[i].ready[k];
			p[k].srtt_us = facts[i].srtt_us[k];
			p[k].in_flight = facts[i].in_flight[k];
			p[k].window = 1000;
		}
		assert_int_equal(bulk(&s, p, 3), facts[i].expected);
	}
}

static void begin_pair(struct sched_path *p, bool fast_ready, bool slow_ready, u32 slow_srtt_us)
{
	p[0] = path(100 * MBIT, 0);
	p[1] = path(50 * MBIT, 0);
	p[0].srtt_us = 20000;
	p[1].srtt_us = slow_srtt_us;
	p[0].ready = fast_ready;
	p[1].ready = slow_ready;
}

/* The receiver holds back 100 ms at 150 Mbit/s: 1.875 MB. In 80 ms the fast path sends 1 MB, in 160 ms 2 MB. */
static void blest_waits_where_the_slow_one_would_block(void **state)
{
	static const struct { bool fast, slow; u32 slow_srtt_us; u64 in_flight; int expected; } facts[] = {
		{ true, true, 80000, 0, 0 },
		{ true, true, 160000, 0, 0 },
		{ false, true, 80000, 0, 1 },
		{ false, true, 80000, 870000, 1 },
		{ false, true, 80000, 880000, -1 },
		{ false, true, 160000, 0, -1 },
		{ true, false, 160000, 0, 0 },
		{ false, false, 80000, 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = SCHED_BLEST, .aggregation = SCHED_FULL };
		struct sched_path p[2];

		begin_pair(p, facts[i].fast, facts[i].slow, facts[i].slow_srtt_us);
		p[1].in_flight = facts[i].in_flight;
		assert_int_equal(bulk(&s, p, 2), facts[i].expected);
	}
}

/* What waits is through the fast path in 20 ms and 80 us per kB; the slow one delivers in 80 ms. */
static void ecf_waits_where_the_fast_one_is_through_earlier(void **state)
{
	static const struct { bool fast, slow; u64 backlog; int expected; } steps[] = {
		{ true, true, 1500, 0 },
		{ false, true, 760000, 1 },
		{ false, true, 740000, -1 },
		{ false, true, 760000, -1 },	/* once waiting, for a quarter more */
		{ false, true, 990000, -1 },
		{ false, true, 1010000, 1 },
		{ false, true, 990000, 1 },	/* no longer waiting */
		{ false, true, 1500, -1 },
		{ true, true, 1500, 0 },
		{ false, true, 760000, 1 },
		{ false, false, 1500, -1 },
	};
	struct sched s = { .strategy = SCHED_ECF, .aggregation = SCHED_FULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2];

		begin_pair(p, steps[i].fast, steps[i].slow, 80000);
		assert_int_equal(sched_pick_bulk(&s, p, 2, PACKET, steps[i].backlog, NOW), steps[i].expected);
	}
}

/* ---- again, score ---- */

static void a_lost_packet_goes_where_it_arrives_first(void **state)
{
	static const struct { u32 busy0_us; int except, expected; } facts[] = {
		{ 0, -1, 0 }, { 0, 0, 1 }, { 0, 1, 0 }, { 25000, -1, 1 }, { 45000, 1, 0 }, { 25000, 2, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched_path p[3] = { path(100 * MBIT, 0), path(100 * MBIT, 20000), path(10 * MBIT, 60000) };

		p[0].free_us = NOW + facts[i].busy0_us;
		assert_int_equal(sched_pick_again(p, 3, PACKET, facts[i].except, NOW), facts[i].expected);
		p[1].tier = p[2].tier = SCHED_TIER_BACKUP;	/* alone, it has to do it again */
		assert_int_equal(sched_pick_again(p, 3, PACKET, 0, NOW), 0);
	}
}

static void the_score_has_four_parts(void **state)
{
	static const struct { u32 srtt_us, loss_ppm; u64 rate, best; bool nat; u32 expected; } facts[] = {
		{ 0, 0, 10, 10, false, 100 },
		{ 0, 0, 10, 10, true, 95 },
		{ 100000, 0, 10, 10, false, 93 },
		{ 500000, 0, 10, 10, false, 65 },
		{ 5000000, 0, 10, 10, false, 65 },
		{ 0, 20000, 10, 10, false, 93 },
		{ 0, 100000, 10, 10, false, 65 },
		{ 0, 1000000, 10, 10, false, 65 },
		{ 0, 0, 5, 10, false, 90 },
		{ 0, 0, 0, 10, false, 80 },
		{ 0, 0, 20, 10, false, 100 },
		{ 0, 0, 1, 0, false, 100 },	/* nothing to compare with */
		{ 500000, 100000, 0, 10, true, 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched_path p = {
			.srtt_us = facts[i].srtt_us,
			.loss_ppm = facts[i].loss_ppm,
			.rate = facts[i].rate * MBIT,
		};

		assert_int_equal(sched_score(&p, facts[i].best * MBIT, facts[i].nat), facts[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_understood),
		cmocka_unit_test(better_tiers_go_first),
		cmocka_unit_test(no_paths_no_choice),
		cmocka_unit_test(a_metered_path_takes_what_others_cannot),
		cmocka_unit_test(adaptive_takes_the_earliest_arrival),
		cmocka_unit_test(an_arrival_is_waiting_sending_and_the_way),
		cmocka_unit_test(runs_stay_together),
		cmocka_unit_test(unlike_paths_deliver_in_order_and_by_their_rates),
		cmocka_unit_test(the_slow_path_takes_from_deep_in_the_line),
		cmocka_unit_test(a_path_too_far_is_left_out_until_it_is_clearly_nearer),
		cmocka_unit_test(the_anchor_is_who_carries_most),
		cmocka_unit_test(a_thin_path_that_is_far_is_left_out),
		cmocka_unit_test(a_thin_path_that_is_near_stays_until_the_far_one_is_full),
		cmocka_unit_test(what_is_held_back_arrives_as_much_later),
		cmocka_unit_test(a_thin_path_that_loses_much_is_left_out),
		cmocka_unit_test(a_lossy_path_that_fell_silent_has_not_mended),
		cmocka_unit_test(a_lossy_path_that_became_a_backup_is_not_left_out),
		cmocka_unit_test(a_path_nothing_is_known_of_is_tried),
		cmocka_unit_test(only_the_anchor_while_the_bundle_is_no_gain),
		cmocka_unit_test(only_adaptive_leaves_paths_out),
		cmocka_unit_test(striping_is_for_those_who_spread),
		cmocka_unit_test(latency_has_hysteresis),
		cmocka_unit_test(latency_minds_queue_jitter_and_loss),
		cmocka_unit_test(the_copy_goes_by_the_next_best),
		cmocka_unit_test(least_loss_first_then_least_delay),
		cmocka_unit_test(round_robin_shares_by_bytes),
		cmocka_unit_test(a_path_that_was_away_has_saved_no_credit),
		cmocka_unit_test(primary_until_it_fails),
		cmocka_unit_test(pinned_flows_spread_by_rate_and_only_orphans_move),
		cmocka_unit_test(ecmp_aware_draws_by_quality),
		cmocka_unit_test(minrtt_takes_the_ready_path_of_least_round_trip),
		cmocka_unit_test(blest_waits_where_the_slow_one_would_block),
		cmocka_unit_test(ecf_waits_where_the_fast_one_is_through_earlier),
		cmocka_unit_test(a_lost_packet_goes_where_it_arrives_first),
		cmocka_unit_test(the_score_has_four_parts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
