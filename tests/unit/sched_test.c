// SPDX-License-Identifier: MIT
/* sched_test.c - choice of a path, on tables and on two simulated links */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/rate.h"
#include "path/rtt.h"
#include "path/sched.h"
#include "path/sent.h"

#define MBIT 125000ULL		/* bytes per second */

static struct sched_path path(u64 rate, u32 delay_us, u64 in_flight)
{
	return (struct sched_path){
		.tier = SCHED_TIER_GOOD,
		.rate = rate,
		.rate_measured = true,
		.delay_us = delay_us,
		.srtt_us = 2 * delay_us,
		.in_flight = in_flight,
	};
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

static void better_tiers_go_first(void **state)
{
	static const struct { enum sched_tier tiers[3]; int expected; } facts[] = {
		{ { SCHED_TIER_OUT, SCHED_TIER_OUT, SCHED_TIER_OUT }, -1 },
		{ { SCHED_TIER_OUT, SCHED_TIER_SUSPECT, SCHED_TIER_OUT }, 1 },
		{ { SCHED_TIER_SUSPECT, SCHED_TIER_SUSPECT, SCHED_TIER_BACKUP }, 2 },
		{ { SCHED_TIER_BACKUP, SCHED_TIER_GOOD, SCHED_TIER_SUSPECT }, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		for (int strategy = 0; strategy < SCHED_STRATEGIES; strategy++) {
			struct sched s = { .strategy = (enum sched_strategy)strategy };
			struct sched_path p[3];

			for (int k = 0; k < 3; k++) {
				p[k] = path(10 * MBIT, 10000, 0);
				p[k].tier = facts[i].tiers[k];
			}
			assert_int_equal(sched_pick_bulk(&s, p, 3, 1500), facts[i].expected);
			assert_int_equal(sched_pick_latency(&s, p, 3), facts[i].expected);
			assert_int_equal(sched_pick_pinned(&s, p, 3, 77), facts[i].expected);
			assert_false(sched_may_stripe(&s, p, 3));
		}
}

static void no_paths_no_choice(void **state)
{
	struct sched s = { 0 };
	struct sched_path none[1] = { 0 };

	(void)state;
	assert_int_equal(sched_pick_bulk(&s, none, 0, 1500), -1);
	assert_int_equal(sched_pick_latency(&s, none, 0), -1);
	assert_int_equal(sched_pick_pinned(&s, none, 0, 1), -1);
	assert_false(sched_may_stripe(&s, none, 0));
}

/* 100 Mbit/s with 20 ms of round trip beside 50 Mbit/s with 80 ms: 250 kB and 500 kB fit the wires. */
static void adaptive_takes_the_earliest_arrival(void **state)
{
	static const struct { u64 fast, slow; u32 last; int expected; } facts[] = {
		{ 0, 0, 0, 0 },
		{ 250000, 0, 0, 0 },		/* the wire is full, nothing queues */
		{ 250000 + 350000, 0, 0, 0 },	/* 28 ms of queue against 30 ms of delay */
		{ 250000 + 400000, 0, 0, 1 },	/* 32 ms */
		{ 250000 + 400000, 600000, 0, 0 },	/* but the other has a queue of 16 ms as well */
		{ 250000 + 625000, 500000 + 125000, 0, 0 },	/* equal: stay */
		{ 250000 + 625000, 500000 + 125000, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO, .last = facts[i].last };
		struct sched_path p[2] = { path(100 * MBIT, 10000, facts[i].fast), path(50 * MBIT, 40000, facts[i].slow) };

		assert_int_equal(sched_pick_bulk(&s, p, 2, 0), facts[i].expected);
	}
}

static void runs_stay_together(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_FULL };
	struct sched_path p[2] = { path(100 * MBIT, 10000, 250000), path(100 * MBIT, 10000, 250000) };
	u32 changes = 0, runs = 0;
	int last = 0;

	(void)state;
	for (; runs < 1000; runs++) {
		int i = sched_pick_bulk(&s, p, 2, 1500);

		p[i].in_flight += 1500;
		changes += i != last;
		last = i;
	}
	assert_in_range(changes, 50, 150);	/* about 12 kB, a millisecond, to each in turn */
	assert_in_range(p[0].in_flight - 250000, 700000, 800000);
}

static void an_unmeasured_path_is_tried(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO };
	struct sched_path p[2] = { path(100 * MBIT, 10000, 500000), path(1250000, 10000, 100000) };

	(void)state;
	assert_int_equal(sched_pick_bulk(&s, p, 2, 12000), 0);	/* it is known to be slow */
	p[1].rate_measured = false;
	assert_int_equal(sched_pick_bulk(&s, p, 2, 12000), 1);	/* that was a guess: it counts as half of the other */
}

static void an_idle_path_with_a_bad_estimate_is_tried_now_and_then(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO };
	struct sched_path p[2] = { path(100 * MBIT, 10000, 500000), path(10000, 20000, 0) };
	u32 tried = 0;

	(void)state;
	for (u32 i = 0; i < 10000; i++)
		tried += sched_pick_bulk(&s, p, 2, 12000) == 1;
	assert_in_range(tried, 5, 15);
	p[1].delay_us = 400000;		/* not when it is known to be far behind */
	tried = 0;
	for (u32 i = 0; i < 10000; i++)
		tried += sched_pick_bulk(&s, p, 2, 12000) == 1;
	assert_int_equal(tried, 0);
}

static void latency_has_hysteresis(void **state)
{
	static const struct { u32 srtt0, srtt1; int expected; } steps[] = {
		{ 20000, 40000, 0 },
		{ 20000, 19000, 0 },	/* 5 % better is not worth it */
		{ 20000, 17000, 1 },
		{ 16000, 17000, 1 },
		{ 15000, 17000, 0 },
		{ 15000, 0, 0 },	/* unknown */
	};
	struct sched s = { .strategy = SCHED_LOWEST_LATENCY };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct sched_path p[2] = { path(MBIT, 5000, 0), path(MBIT, 5000, 0) };

		p[0].srtt_us = steps[i].srtt0;
		p[1].srtt_us = steps[i].srtt1;
		assert_int_equal(sched_pick_latency(&s, p, 2), steps[i].expected);
		assert_int_equal(sched_pick_bulk(&s, p, 2, 1500), steps[i].expected);
	}
}

static void latency_minds_queue_jitter_and_loss(void **state)
{
	struct sched s = { 0 };
	struct sched_path p[2] = { path(10 * MBIT, 10000, 0), path(10 * MBIT, 15000, 0) };

	(void)state;
	assert_int_equal(sched_pick_latency(&s, p, 2), 0);
	p[0].in_flight = 10 * MBIT / 10;	/* 100 ms to drain */
	assert_int_equal(sched_pick_latency(&s, p, 2), 1);
	p[0].in_flight = 0;
	assert_int_equal(sched_pick_latency(&s, p, 2), 0);
	p[0].rttvar_us = 20000;
	assert_int_equal(sched_pick_latency(&s, p, 2), 1);
	p[0].rttvar_us = 0;
	p[0].loss_ppm = 500000;
	assert_int_equal(sched_pick_latency(&s, p, 2), 1);
	p[1].tier = SCHED_TIER_OUT;	/* hysteresis does not hold on to what is gone */
	assert_int_equal(sched_pick_latency(&s, p, 2), 0);
}

static void round_robin_shares_by_bytes(void **state)
{
	static const u32 weights[3] = { 1, 2, 5 };
	struct sched s = { .strategy = SCHED_WEIGHTED_ROUND_ROBIN };
	struct sched_path p[3];
	struct rand_source rand;
	u64 got[3] = { 0 }, sum = 0;

	(void)state;
	rand_seeded(&rand, 5);
	for (int i = 0; i < 3; i++) {
		p[i] = path((u64)(3 - i) * 100 * MBIT, 10000, 0);
		p[i].weight = weights[i];
	}
	for (int run = 0; run < 10000; run++) {
		u32 bytes = 1 + rand_u32(&rand) % 40000;

		got[sched_pick_bulk(&s, p, 3, bytes)] += bytes;
		sum += bytes;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(got[i], sum * weights[i] / 8 * 97 / 100, sum * weights[i] / 8 * 103 / 100);

	memset(got, 0, sizeof(got));
	s.strategy = SCHED_BANDWIDTH_PROPORTIONAL;
	for (int run = 0; run < 6000; run++)
		got[sched_pick_bulk(&s, p, 3, 1500)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(got[i], (3 - (u64)i) * 970, (3 - (u64)i) * 1030);
}

static void a_path_that_was_away_has_saved_no_credit(void **state)
{
	struct sched s = { .strategy = SCHED_WEIGHTED_ROUND_ROBIN };
	struct sched_path p[3] = { path(MBIT, 1, 0), path(MBIT, 1, 0), path(MBIT, 1, 0) };
	u32 got = 0;

	(void)state;
	p[2].tier = SCHED_TIER_OUT;
	for (int i = 0; i < 1000; i++)
		assert_int_not_equal(sched_pick_bulk(&s, p, 3, 1500), 2);
	p[2].tier = SCHED_TIER_GOOD;
	for (int i = 0; i < 30; i++)
		got += sched_pick_bulk(&s, p, 3, 1500) == 2;
	assert_in_range(got, 8, 12);
}

static void primary_until_it_fails(void **state)
{
	struct sched s = { .strategy = SCHED_PRIMARY_BACKUP };
	struct sched_path p[3] = { path(MBIT, 1, 0), path(MBIT, 50000, 900000), path(MBIT, 1, 0) };

	(void)state;
	p[1].weight = 10;
	p[2].weight = 5;
	assert_int_equal(sched_pick_bulk(&s, p, 3, 1500), 1);
	assert_int_equal(sched_pick_pinned(&s, p, 3, 99), 1);
	p[1].tier = SCHED_TIER_SUSPECT;
	assert_int_equal(sched_pick_bulk(&s, p, 3, 1500), 2);
	p[2].tier = SCHED_TIER_OUT;
	assert_int_equal(sched_pick_bulk(&s, p, 3, 1500), 0);
	p[0].tier = SCHED_TIER_OUT;
	assert_int_equal(sched_pick_bulk(&s, p, 3, 1500), 1);
}

static void pinned_flows_spread_by_rate_and_only_orphans_move(void **state)
{
	enum { FLOWS = 20000 };
	static int before[FLOWS];
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_NONE };
	struct sched_path p[3] = { path(1 << 20, 1, 0), path(1 << 21, 1, 0), path(1 << 22, 1, 0) };
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

static void striping_needs_two_paths_that_match(void **state)
{
	static const struct {
		enum sched_strategy strategy;
		enum sched_aggregation aggregation;
		u32 delay1_us, delay2_us;
		bool expected;
	} facts[] = {
		{ SCHED_ADAPTIVE, SCHED_AUTO, 10000, 110000, true },
		{ SCHED_ADAPTIVE, SCHED_AUTO, 10000, 111000, false },
		{ SCHED_ADAPTIVE, SCHED_FULL, 10000, 900000, true },
		{ SCHED_ADAPTIVE, SCHED_NONE, 10000, 10000, false },
		{ SCHED_WEIGHTED_ROUND_ROBIN, SCHED_FULL, 10000, 10000, true },
		{ SCHED_PRIMARY_BACKUP, SCHED_FULL, 10000, 10000, false },
		{ SCHED_LOWEST_LATENCY, SCHED_FULL, 10000, 10000, false },
		{ SCHED_REDUNDANT, SCHED_FULL, 10000, 10000, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct sched s = { .strategy = facts[i].strategy, .aggregation = facts[i].aggregation };
		struct sched_path p[2] = { path(MBIT, facts[i].delay1_us, 0), path(MBIT, facts[i].delay2_us, 0) };

		assert_int_equal(sched_may_stripe(&s, p, 2), facts[i].expected);
		p[1].tier = SCHED_TIER_BACKUP;
		assert_false(sched_may_stripe(&s, p, 2));
	}
}

static void a_path_far_behind_is_left_out(void **state)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO };
	struct sched_path p[2] = { path(10 * MBIT, 10000, 1000000), path(10 * MBIT, 300000, 0) };

	(void)state;
	assert_int_equal(sched_pick_bulk(&s, p, 2, 1500), 0);
	s.aggregation = SCHED_FULL;
	assert_int_equal(sched_pick_bulk(&s, p, 2, 1500), 1);
}

/* ---- a closed loop: two links with a queue each, a greedy source with a window, the real estimators ---- */

enum { LINK_PACKETS = 1 << 16, PACKET = 1500, RUN = 8 };

struct sim_link {
	u64 rate;
	u32 delay_us;
	u64 free_us;			/* when the bottleneck is done with what it has */
	u64 acked_at[LINK_PACKETS];	/* ring by number */
	u64 acked;			/* numbers below are acked */
	u64 delivered_bytes;
	struct sent sent;
	struct rtt rtt;
	struct rate estimate;
};

static void link_send(struct sim_link *l, u64 now_us)
{
	u64 number = l->sent.next;

	l->free_us = MAX(l->free_us, now_us) + PACKET * SEC / l->rate;
	l->acked_at[number % LINK_PACKETS] = l->free_us + 2 * l->delay_us;
	assert_int_equal(sent_note(&l->sent, PACKET, true, false, now_us), 0);
}

static void link_ack(struct sim_link *l, u64 now_us)
{
	struct sent_news news;
	struct ack a = { .range_count = 1 };
	u64 from = l->acked;

	while (l->acked < l->sent.next && l->acked_at[l->acked % LINK_PACKETS] <= now_us)
		l->acked++;
	if (l->acked == from)
		return;
	a.largest = a.ranges[0].last = l->acked - 1;
	a.delay_us = (u32)(now_us - l->acked_at[a.largest % LINK_PACKETS]);
	assert_int_equal(sent_ack(&l->sent, &a, &news, now_us), 0);
	l->delivered_bytes += news.acked_bytes;
	if (news.has_rtt)
		rtt_sample(&l->rtt, news.rtt_us, news.ack_delay_us, now_us);
	rate_sample(&l->estimate, news.rate_bytes, news.app_limited, news.round);
}

static struct sched_path link_view(const struct sim_link *l)
{
	return (struct sched_path){
		.tier = SCHED_TIER_GOOD,
		.rate = rate_estimate(&l->estimate),
		.rate_measured = l->estimate.measured,
		.delay_us = l->rtt.any ? l->rtt.min_us / 2 : 0,
		.srtt_us = l->rtt.srtt_us,
		.rttvar_us = l->rtt.rttvar_us,
		.in_flight = l->sent.in_flight_bytes,
	};
}

/* Fills `window` bytes for 10 s, acks every millisecond, and returns what came through in the last 5 s. */
static void run_links(struct sim_link *links, u64 window, u64 *delivered)
{
	struct sched s = { .strategy = SCHED_ADAPTIVE, .aggregation = SCHED_AUTO };

	for (u32 i = 0; i < 2; i++) {
		sent_init(&links[i].sent);
		link_send(&links[i], 0);	/* a handshake, say: gives the first round trip */
	}
	for (u64 now = 0; now < 10 * SEC; now += MSEC) {
		for (u32 i = 0; i < 2; i++) {
			link_ack(&links[i], now);
			if (now == 5 * SEC)
				links[i].delivered_bytes = 0;
		}
		while (now > 100 * MSEC && links[0].sent.in_flight_bytes + links[1].sent.in_flight_bytes < window) {
			struct sched_path p[2] = { link_view(&links[0]), link_view(&links[1]) };
			int pick = sched_pick_bulk(&s, p, 2, RUN * PACKET);

			assert_in_range(pick, 0, 1);
			for (u32 k = 0; k < RUN; k++)
				link_send(&links[pick], now);
		}
	}
	for (u32 i = 0; i < 2; i++) {
		delivered[i] = links[i].delivered_bytes;
		sent_free(&links[i].sent);
	}
}

static void unlike_links_are_filled_in_proportion(void **state)
{
	static const u64 windows[] = { 1300000, 1600000, 2500000 };	/* 1.125 MB fill both at equal arrival */
	static struct sim_link links[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		u64 got[2];

		memset(links, 0, sizeof(links));
		links[0].rate = 100 * MBIT;
		links[0].delay_us = 10000;
		links[1].rate = 50 * MBIT;
		links[1].delay_us = 40000;
		run_links(links, windows[i], got);
		assert_in_range(got[0] * 100 / got[1], 170, 230);
		assert_true(got[0] + got[1] > 5 * 150 * MBIT * 93 / 100);
	}
}

static void a_small_window_stays_on_the_fast_link(void **state)
{
	static struct sim_link links[2];
	u64 got[2];

	(void)state;
	memset(links, 0, sizeof(links));
	links[0].rate = 100 * MBIT;
	links[0].delay_us = 10000;
	links[1].rate = 50 * MBIT;
	links[1].delay_us = 40000;
	run_links(links, 200000, got);
	assert_true(got[0] > 20 * got[1]);
	assert_true(got[0] > 5 * 100 * MBIT * 70 / 100);	/* 200 kB of the 250 kB that fit */
}

static void like_links_are_filled_alike(void **state)
{
	static struct sim_link links[2];
	u64 got[2];

	(void)state;
	memset(links, 0, sizeof(links));
	for (u32 i = 0; i < 2; i++) {
		links[i].rate = 100 * MBIT;
		links[i].delay_us = 10000;
	}
	run_links(links, 700000, got);
	assert_in_range(got[0] * 100 / got[1], 90, 110);
	assert_true(got[0] + got[1] > 5 * 200 * MBIT * 95 / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_understood),
		cmocka_unit_test(better_tiers_go_first),
		cmocka_unit_test(no_paths_no_choice),
		cmocka_unit_test(adaptive_takes_the_earliest_arrival),
		cmocka_unit_test(runs_stay_together),
		cmocka_unit_test(an_unmeasured_path_is_tried),
		cmocka_unit_test(an_idle_path_with_a_bad_estimate_is_tried_now_and_then),
		cmocka_unit_test(latency_has_hysteresis),
		cmocka_unit_test(latency_minds_queue_jitter_and_loss),
		cmocka_unit_test(round_robin_shares_by_bytes),
		cmocka_unit_test(a_path_that_was_away_has_saved_no_credit),
		cmocka_unit_test(primary_until_it_fails),
		cmocka_unit_test(pinned_flows_spread_by_rate_and_only_orphans_move),
		cmocka_unit_test(striping_needs_two_paths_that_match),
		cmocka_unit_test(a_path_far_behind_is_left_out),
		cmocka_unit_test(unlike_links_are_filled_in_proportion),
		cmocka_unit_test(a_small_window_stays_on_the_fast_link),
		cmocka_unit_test(like_links_are_filled_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
