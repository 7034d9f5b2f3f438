// SPDX-License-Identifier: MIT
/* rate_test.c - the estimate of what a path carries, on tables, and the controller around it, on a modelled bottleneck */
#include "unit/unit.h"

#include <stdlib.h>

#include "unit/bottleneck.h"

static struct bottleneck link;

static int end(void **state)
{
	(void)state;
	bottleneck_end(&link);
	return 0;
}

/* ---- the estimate ---- */

/* Without a controller nothing but the estimate is touched. */
static void sample(struct rate *r, u64 bytes_per_second, bool app_limited, bool round)
{
	struct rate_news news = {
		.sample = bytes_per_second,
		.app_limited = app_limited,
		.round = round,
		.acked_packets = 1,
	};

	r->control = RATE_NONE;
	rate_acked(r, &news, SEC);
}

static void starts_with_a_guess(void **state)
{
	struct rate r = { 0 };

	(void)state;
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	sample(&r, 1000, true, true);	/* limited and smaller: tells nothing */
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	assert_false(r.measured);
	sample(&r, 1000, false, true);
	assert_true(r.measured);
	assert_int_equal(rate_estimate(&r), 1000);
}

/* Once a thin link beside a fast one, never given enough to be measured, was taken for ten times what it was, for as long as the session lasted:
 * it lost four packets of five. */
static void a_guess_that_loses_most_is_given_up(void **state)
{
	struct rate_news news = { .sample = 125000, .app_limited = true, .round = true, .acked_packets = 20, .rtt_us = 120 * MSEC,
				  .min_rtt_us = 80 * MSEC };
	struct rate r = { 0 };

	(void)state;
	rate_acked(&r, &news, SEC);
	news.queue_us = 40 * MSEC;	/* of somebody else: nothing is lost */
	rate_acked(&r, &news, SEC);
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	news.lost_packets = 80;
	rate_acked(&r, &news, SEC);	/* who still opens loses much at once, and may carry a thousand times more: once a path of 7 Gbit/s was at 16 Mbit/s */
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	r.phase = RATE_DRAIN;
	for (u32 i = 0; i < 10; i++)
		rate_acked(&r, &news, SEC);
	assert_int_equal(rate_estimate(&r), 125000);
	assert_false(r.measured);
}

static void a_larger_limited_sample_counts(void **state)
{
	struct rate r = { 0 };

	(void)state;
	sample(&r, 2 * RATE_INITIAL_BYTES, true, false);
	assert_int_equal(rate_estimate(&r), 2 * RATE_INITIAL_BYTES);
	assert_false(r.measured);
	sample(&r, 3 * RATE_INITIAL_BYTES, true, false);
	sample(&r, RATE_INITIAL_BYTES, true, false);
	assert_int_equal(rate_estimate(&r), 3 * RATE_INITIAL_BYTES);
}

static void the_best_lasts_ten_rounds(void **state)
{
	struct rate r = { 0 };

	(void)state;
	sample(&r, 9000000, false, true);
	for (u32 i = 0; i < RATE_ROUNDS - 1; i++) {
		sample(&r, 5000000 - i, false, true);
		sample(&r, 100, false, false);
		assert_int_equal(rate_estimate(&r), 9000000);
	}
	sample(&r, 1000000, false, true);
	assert_int_equal(rate_estimate(&r), 5000000);
}

static void a_quiet_application_does_not_age_it(void **state)
{
	struct rate r = { 0 };

	(void)state;
	sample(&r, 9000000, false, true);
	for (u32 i = 0; i < 10 * RATE_ROUNDS; i++)
		sample(&r, 50000, true, true);
	assert_int_equal(rate_estimate(&r), 9000000);
	assert_in_range(r.delivered_ema, 50000, 60000);	/* but people see what went through */
}

static void rounds_that_begin_limited_still_pass(void **state)
{
	struct rate r = { 0 };

	(void)state;
	sample(&r, 9000000, false, true);
	for (u32 i = 0; i < RATE_ROUNDS; i++) {
		sample(&r, 50000, true, true);
		sample(&r, 2000000, false, false);
	}
	assert_int_equal(rate_estimate(&r), 2000000);
}

static void no_sample_is_no_sample(void **state)
{
	struct rate r = { 0 };

	(void)state;
	sample(&r, 0, false, true);
	assert_false(r.measured);
	assert_int_equal(rate_estimate(&r), RATE_INITIAL_BYTES);
	assert_int_equal(r.delivered_ema, 0);
}

static void names_are_understood(void **state)
{
	(void)state;
	for (int i = RATE_ADAPTIVE; i <= RATE_NONE; i++)
		assert_int_equal(rate_parse_control(rate_control_name((enum rate_control)i)), i);
	assert_int_equal(rate_parse_control("reno"), -1);
	assert_int_equal(rate_parse_control(""), -1);
	assert_string_equal(rate_control_name((enum rate_control)99), "unknown");
	assert_string_equal(rate_phase_name(RATE_CRUISE), "cruise");
	assert_string_equal(rate_phase_name((enum rate_phase)99), "unknown");
}

static void a_queue_within_a_tenth_of_the_round_trip_is_none(void **state)
{
	static const struct { u32 min_rtt_us, allowed_us; } facts[] = {
		{ 0, 3000 }, { 10000, 3000 }, { 30000, 3000 }, { 50000, 5000 }, { 600000, 60000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct rate r = { .min_rtt_us = facts[i].min_rtt_us };

		assert_int_equal(rate_queue_allowed_us(&r), facts[i].allowed_us);
	}
}

static void without_control_everything_goes(void **state)
{
	struct rate r = { .control = RATE_NONE };

	(void)state;
	sample(&r, 1000, false, true);
	assert_int_equal(rate_pace(&r, false), 0);
	assert_true(rate_window(&r, false) == UINT64_MAX);
}

/* ---- steady links ---- */

static const struct { u64 mbit; u32 round_trip_us; } links[] = {
	{ 10, 40000 }, { 50, 80000 }, { 100, 10000 }, { 100, 20000 }, { 300, 6000 }, { 1000, 2000 },
};

static void a_steady_link_is_known_within_two_percent(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		u64 rate = links[i].mbit * MBIT, lowest = UINT64_MAX, highest = 0, carried = 0;

		bottleneck_begin(&link, rate, links[i].round_trip_us);
		bottleneck_run(&link, 5 * SEC);
		for (u32 k = 0; k < 50; k++) {
			carried += bottleneck_throughput(&link, 100 * MSEC) / 50;
			lowest = MIN(lowest, rate_estimate(&link.control));
			highest = MAX(highest, rate_estimate(&link.control));
		}
		if (lowest < rate * 98 / 100 || highest > rate * 102 / 100 || carried < rate * 96 / 100)
			fail_msg("%u Mbit/s, %u us: estimate %u to %u, carried %u kbit/s", (u32)links[i].mbit,
				 links[i].round_trip_us, (u32)(lowest * 8 / 1000), (u32)(highest * 8 / 1000),
				 (u32)(carried * 8 / 1000));
		bottleneck_end(&link);
	}
}

/* It takes one or two intervals to see that a queue stands, one more to believe it, and what tells of it has to pass
 * the queue itself. What it comes to meanwhile is less than a modem holds. */
static void the_start_ends_when_the_queue_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		u64 shows_us = 0, ends_us;
		u32 threshold_us = MAX(4 * MSEC, links[i].round_trip_us / 8), patience_us;

		bottleneck_begin(&link, links[i].mbit * MBIT, links[i].round_trip_us);
		while (link.control.phase == RATE_OPEN && link.now_us < 10 * SEC) {
			bottleneck_step(&link);
			if (!shows_us && bottleneck_queue_us(&link) > threshold_us)
				shows_us = link.now_us;
		}
		ends_us = link.now_us;
		assert_true(shows_us);
		bottleneck_run(&link, 100 * MSEC);
		patience_us = 4 * MAX(links[i].round_trip_us, (u32)(10 * MSEC)) + link.queue_most_us;
		if (ends_us - shows_us > patience_us || link.queue_most_us >= link.buffer_us)
			fail_msg("%u Mbit/s, %u us: open for %u ms with a queue, %u ms at most", (u32)links[i].mbit,
				 links[i].round_trip_us, (u32)((ends_us - shows_us) / MSEC),
				 (u32)(link.queue_most_us / MSEC));
		bottleneck_end(&link);
	}
}

/* Half a round trip and more lies between the queue and who is told of it: probing may make more, cruising not. */
static void the_queue_stays_in_the_tunnel(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		u64 cruising = 0, above = 0, sum_us = 0, steps = 0;
		u32 allowed_us;

		bottleneck_begin(&link, links[i].mbit * MBIT, links[i].round_trip_us);
		bottleneck_run(&link, 5 * SEC);
		link.overflowed = 0;
		allowed_us = rate_queue_allowed_us(&link.control);
		for (; steps < 100000; steps++) {
			bottleneck_step(&link);
			sum_us += bottleneck_queue_us(&link);
			if (link.control.phase != RATE_CRUISE)
				continue;
			cruising++;
			above += bottleneck_queue_us(&link) > allowed_us;
		}
		if (cruising < steps / 2 || above > cruising / 20 || sum_us / steps > allowed_us || link.overflowed)
			fail_msg("%u Mbit/s, %u us: cruises %u %%, of it %u %% with too much; mean queue %u us, %u dropped",
				 (u32)links[i].mbit, links[i].round_trip_us, (u32)(cruising * 100 / steps),
				 (u32)(above * 100 / MAX(cruising, 1u)), (u32)(sum_us / steps), (u32)link.overflowed);
		bottleneck_end(&link);
	}
}

/* ---- links that change ---- */

static void begin_steady(u64 rate, u32 round_trip_us)
{
	bottleneck_begin(&link, rate, round_trip_us);
	bottleneck_run(&link, 5 * SEC);
	assert_int_not_equal(link.control.phase, RATE_OPEN);
	assert_in_range(rate_estimate(&link.control), rate * 97 / 100, rate * 103 / 100);
	link.queue_most_us = 0;
	link.overflowed = link.rounds = 0;
}

static void a_link_that_doubled_is_found(void **state)
{
	(void)state;
	begin_steady(50 * MBIT, 20000);
	bottleneck_becomes(&link, 100 * MBIT);
	bottleneck_run(&link, 2 * SEC);
	assert_in_range(rate_estimate(&link.control), 98 * MBIT, 102 * MBIT);
	assert_true(bottleneck_throughput(&link, SEC) > 95 * MBIT);
}

/* A round trip until the first packet that met the queue is acked, one more until it stands: those are longer by the queue, of 40 ms. */
static void a_link_that_halved_is_believed_in_three_round_trips(void **state)
{
	u64 began_us;

	(void)state;
	begin_steady(100 * MBIT, 20000);
	bottleneck_becomes(&link, 50 * MBIT);
	began_us = link.now_us;
	while (rate_pace(&link.control, false) > 50 * MBIT && link.now_us < began_us + SEC)
		bottleneck_step(&link);
	if (link.rounds > 3 || link.now_us - began_us > 2 * (20 + 40) * MSEC)
		fail_msg("took %u rounds, %u ms, the queue came to %u ms", (u32)link.rounds,
			 (u32)((link.now_us - began_us) / MSEC), (u32)(link.queue_most_us / MSEC));
}

/* What comes through while the queue is drained is what we send, not what the path carries. */
static void draining_does_not_undershoot(void **state)
{
	u64 lowest = UINT64_MAX;

	(void)state;
	begin_steady(100 * MBIT, 20000);
	bottleneck_becomes(&link, 50 * MBIT);
	for (u32 i = 0; i < 100; i++) {
		bottleneck_run(&link, 10 * MSEC);
		lowest = MIN(lowest, rate_estimate(&link.control));
	}
	if (lowest < 45 * MBIT)
		fail_msg("the estimate of 50 Mbit/s fell to %u kbit/s", (u32)(lowest * 8 / 1000));
	assert_true(bottleneck_throughput(&link, SEC) > 48 * MBIT);
}

static void a_path_that_was_silent_begins_at_half(void **state)
{
	struct buf_queue again = { 0 };
	u64 before;

	(void)state;
	begin_steady(100 * MBIT, 20000);
	link.silent = true;
	bottleneck_run(&link, SEC);
	sent_give_up(&link.sent, &again);
	before = rate_estimate(&link.control);
	link.silent = false;
	rate_restart(&link.control, link.now_us);
	assert_int_equal(link.control.phase, RATE_OPEN);
	assert_in_range(rate_estimate(&link.control), before / 2 - 1, before / 2);
	assert_int_equal(rate_planned(&link.control), before);	/* half of it got half of its share, for as long as nobody had more to send */
	bottleneck_run(&link, SEC);
	assert_int_equal(rate_planned(&link.control), rate_estimate(&link.control));
	assert_true(bottleneck_throughput(&link, SEC) > 95 * MBIT);
	assert_in_range(rate_estimate(&link.control), 98 * MBIT, 102 * MBIT);
}

/* ---- loss ---- */

static void the_loss_of_a_radio_does_not_slow_it(void **state)
{
	static const u32 loss_ppm[] = { 1000, 10000, 50000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(loss_ppm); i++) {
		u64 carried, left = 100 * MBIT / 1000000 * (1000000 - loss_ppm[i]);

		bottleneck_begin(&link, 100 * MBIT, 20000);
		link.loss_ppm = loss_ppm[i];
		bottleneck_run(&link, 3 * SEC);
		carried = bottleneck_throughput(&link, 5 * SEC);
		if (carried < left * 96 / 100)
			fail_msg("%u ppm: %u kbit/s of %u", loss_ppm[i], (u32)(carried * 8 / 1000), (u32)(left * 8 / 1000));
		/* Learnt in the few rounds in which the path is not full. */
		assert_in_range(link.control.random_loss_ppm, loss_ppm[i] / 4, loss_ppm[i] * 2);
		bottleneck_end(&link);
	}
}

/* Nothing shows there but loss, and that only when probing. */
static void a_shallow_buffer_is_filled_without_much_loss(void **state)
{
	static const struct { u32 buffer_us, least_percent, loss_ppm; } facts[] = {
		{ 5000, 97, 10000 },
		{ 1000, 95, 30000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		u64 carried, lost;

		bottleneck_begin(&link, 100 * MBIT, 20000);
		link.buffer_us = facts[i].buffer_us;
		bottleneck_run(&link, 3 * SEC);
		link.overflowed = link.sent_packets = 0;
		carried = bottleneck_throughput(&link, 5 * SEC);
		lost = link.overflowed * 1000000 / link.sent_packets;
		if (carried < 100 * MBIT * facts[i].least_percent / 100 || lost > facts[i].loss_ppm)
			fail_msg("%u us: %u kbit/s, %u ppm lost", facts[i].buffer_us, (u32)(carried * 8 / 1000), (u32)lost);
		bottleneck_end(&link);
	}
}

/* ---- others ---- */

/* Somebody keeps 2.5 times what fits the wire in flight. With two of what fits it for us the shares would be 4 to 5. */
static void beside_one_who_fills_the_queue_it_keeps_a_share(void **state)
{
	u64 least = UINT64_MAX, carried = 0;

	(void)state;
	begin_steady(100 * MBIT, 20000);
	link.other_window = 625000;
	bottleneck_run(&link, 2 * SEC);
	assert_true(link.control.competing);
	for (u32 i = 0; i < 10; i++) {
		u64 second = bottleneck_throughput(&link, SEC);

		least = MIN(least, second);
		carried += second / 10;
	}
	if (carried < 20 * MBIT || least < 15 * MBIT)
		fail_msg("%u kbit/s, %u in its worst second", (u32)(carried * 8 / 1000), (u32)(least * 8 / 1000));
	link.other_window = 0;
	bottleneck_run(&link, 2 * SEC);
	assert_false(link.control.competing);
	assert_true(bottleneck_throughput(&link, SEC) > 95 * MBIT);
	assert_true(bottleneck_queue_us(&link) < 10000);
}

static void a_path_probes_only_when_it_may(void **state)
{
	(void)state;
	begin_steady(100 * MBIT, 20000);
	bottleneck_run(&link, 200 * MSEC);
	link.may_probe = false;
	while (link.control.phase != RATE_CRUISE)
		bottleneck_step(&link);
	for (u32 i = 0; i < 20000; i++) {
		bottleneck_step(&link);
		assert_int_not_equal(link.control.phase, RATE_PROBE);
	}
	link.may_probe = true;
	for (u32 i = 0; link.control.phase != RATE_PROBE; i++) {
		assert_true(i < 20000);
		bottleneck_step(&link);
	}
}

/* Other paths take what there is from then on: no sample counts, and no round passes. */
static void a_probed_path_that_gets_little_does_not_drain_for_ever(void **state)
{
	(void)state;
	begin_steady(100 * MBIT, 20000);
	while (link.control.phase != RATE_PROBE)
		bottleneck_step(&link);
	while (link.control.phase != RATE_DRAIN)
		bottleneck_step(&link);
	link.offered = 5 * MBIT;
	bottleneck_run(&link, 200 * MSEC);
	assert_int_equal(link.control.phase, RATE_CRUISE);
}

/* A receiver that wakes up late stamps many packets with one time. */
static void late_wake_ups_do_not_blur_the_estimate(void **state)
{
	static const struct { u32 wake_us, round_trip_us; } facts[] = { { 1000, 1000 }, { 2000, 2000 }, { 4000, 5000 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		bottleneck_begin(&link, 300 * MBIT, facts[i].round_trip_us);
		link.wake_us = facts[i].wake_us;
		bottleneck_run(&link, 3 * SEC);
		for (u32 k = 0; k < 30; k++) {
			assert_true(bottleneck_throughput(&link, 100 * MSEC) > 280 * MBIT);
			assert_in_range(rate_estimate(&link.control), 294 * MBIT, 306 * MBIT);
		}
		bottleneck_end(&link);
	}
}

/* A processor, not the path, is the limit: a wrong estimate must not become a pace. */
static void a_path_that_is_never_full_stays_open(void **state)
{
	(void)state;
	for (u32 alone = 0; alone < 2; alone++) {
		bottleneck_begin(&link, 1000 * MBIT, 2000);
		link.offered = 200 * MBIT;
		link.alone = alone;
		assert_true(bottleneck_throughput(&link, 3 * SEC) > 198 * MBIT);
		assert_int_equal(link.control.phase, RATE_OPEN);
		assert_true(alone ? rate_pace(&link.control, true) == 0 : rate_pace(&link.control, false) > 220 * MBIT);
		assert_true((rate_window(&link.control, alone) == UINT64_MAX) == alone);
		bottleneck_end(&link);
	}
}

int main(void)
{
#define ON_LINK(name) cmocka_unit_test_setup_teardown(name, NULL, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_with_a_guess),
		cmocka_unit_test(a_guess_that_loses_most_is_given_up),
		cmocka_unit_test(a_larger_limited_sample_counts),
		cmocka_unit_test(the_best_lasts_ten_rounds),
		cmocka_unit_test(a_quiet_application_does_not_age_it),
		cmocka_unit_test(rounds_that_begin_limited_still_pass),
		cmocka_unit_test(no_sample_is_no_sample),
		cmocka_unit_test(names_are_understood),
		cmocka_unit_test(a_queue_within_a_tenth_of_the_round_trip_is_none),
		cmocka_unit_test(without_control_everything_goes),
		ON_LINK(a_steady_link_is_known_within_two_percent),
		ON_LINK(the_start_ends_when_the_queue_shows),
		ON_LINK(the_queue_stays_in_the_tunnel),
		ON_LINK(a_link_that_doubled_is_found),
		ON_LINK(a_link_that_halved_is_believed_in_three_round_trips),
		ON_LINK(draining_does_not_undershoot),
		ON_LINK(a_path_that_was_silent_begins_at_half),
		ON_LINK(the_loss_of_a_radio_does_not_slow_it),
		ON_LINK(a_shallow_buffer_is_filled_without_much_loss),
		ON_LINK(beside_one_who_fills_the_queue_it_keeps_a_share),
		ON_LINK(a_path_probes_only_when_it_may),
		ON_LINK(a_probed_path_that_gets_little_does_not_drain_for_ever),
		ON_LINK(late_wake_ups_do_not_blur_the_estimate),
		ON_LINK(a_path_that_is_never_full_stays_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
