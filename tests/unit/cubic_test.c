// SPDX-License-Identifier: MIT
/* cubic_test.c - the window of RFC 9438: its growth and cuts on tables, and what it makes of a bottleneck */
#include "unit/unit.h"

#include <math.h>
#include <stdlib.h>

#include "path/cubic.h"
#include "unit/bottleneck.h"

#define SEGMENT 1400u
#define RTT_US 50000u

static struct bottleneck path;

static int end(void **state)
{
	(void)state;
	bottleneck_end(&path);
	return 0;
}

/* Acks a window of segments over one round trip, from *now on; the window is in use. */
static void round_trip(struct rate *r, u64 *now, u32 queue_us)
{
	u32 segments = (u32)(cubic_window(r) / SEGMENT);

	for (u32 i = 0; i < segments; i++) {
		struct rate_news news = {
			.acked_packets = 1,
			.acked_bytes = SEGMENT,
			.in_flight = cubic_window(r) - SEGMENT,
			.rtt_us = RTT_US,
			.min_rtt_us = RTT_US,
			.queue_us = queue_us,
		};

		*now += RTT_US / segments;
		rate_acked(r, &news, *now);
	}
}

static void lose(struct rate *r, u64 now)
{
	struct rate_news news = {
		.lost_packets = 1,
		.acked_packets = 3,
		.acked_bytes = 3 * SEGMENT,
		.in_flight = cubic_window(r),
		.rtt_us = RTT_US,
		.min_rtt_us = RTT_US,
	};

	rate_acked(r, &news, now);
}

static void the_start_doubles_until_a_queue_or_loss_shows(void **state)
{
	struct rate r = { .control = RATE_CUBIC };
	u64 now = SEC, window = cubic_window(&r);

	(void)state;
	assert_int_equal(window, 10 * SEGMENT);
	for (u32 i = 0; i < 5; i++, window *= 2) {
		assert_in_range(cubic_window(&r), window * 98 / 100, window);
		round_trip(&r, &now, 0);
	}
	window = cubic_window(&r);
	round_trip(&r, &now, MAX(4000u, RTT_US / 8) + 1);	/* a queue: on from here as in congestion avoidance */
	assert_in_range(cubic_window(&r), window, window * 120 / 100);
	assert_int_equal(rate_window(&r, true), cubic_window(&r));
}

static void loss_takes_three_tenths_once_per_round_trip(void **state)
{
	struct rate r = { .control = RATE_CUBIC, .window = 1000 * SEGMENT, .threshold = 1 };

	(void)state;
	r.rtt_us = RTT_US;
	lose(&r, SEC);
	assert_in_range(cubic_window(&r), 700 * SEGMENT - 1, 700 * SEGMENT);
	lose(&r, SEC + RTT_US / 2);		/* of the same window */
	lose(&r, SEC + RTT_US - 1);
	assert_in_range(cubic_window(&r), 700 * SEGMENT - 1, 700 * SEGMENT);
	lose(&r, SEC + RTT_US);
	assert_in_range(cubic_window(&r), 490 * SEGMENT - 2, 490 * SEGMENT);
	assert_in_range(r.window_most, 595 * SEGMENT - 2, 595 * SEGMENT);	/* (1 + 0.7) / 2: it makes room */
	for (u64 now = 2 * SEC; now < 20 * SEC; now += SEC)
		lose(&r, now);
	assert_int_equal(cubic_window(&r), 4 * SEGMENT);
}

/* After a cut at W the window is back at W after K = cbrt(0.3 W / 0.4) seconds, flat there, and beyond afterwards. */
static void growth_is_the_cubic_of_rfc_9438(void **state)
{
	static const u32 peaks[] = { 300, 1000, 5000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(peaks); i++) {
		struct rate r = { .control = RATE_CUBIC, .window = (u64)peaks[i] * SEGMENT, .threshold = 1 };
		double k = cbrt(peaks[i] * 0.3 / 0.4);
		u64 now = SEC, cut_us;

		r.rtt_us = RTT_US;
		lose(&r, now);
		cut_us = now;
		while (now < cut_us + (u64)(1.5 * k * SEC)) {
			double t, expected;

			round_trip(&r, &now, 0);
			t = (double)(now - cut_us) / SEC - k;
			expected = 0.4 * t * t * t + peaks[i];
			if (fabs((double)cubic_window(&r) / SEGMENT - expected) > 0.01 * peaks[i])
				fail_msg("%.1f s after a cut at %u segments: %u, not %u", t + k, peaks[i],
					 (u32)(cubic_window(&r) / SEGMENT), (u32)expected);
		}
		assert_true(cubic_window(&r) > peaks[i] * SEGMENT);
	}
}

static void a_window_that_is_not_used_does_not_grow(void **state)
{
	struct rate r = { .control = RATE_CUBIC, .window = 100 * SEGMENT, .threshold = 1 };
	struct rate_news news = { .acked_packets = 1, .acked_bytes = SEGMENT, .in_flight = 10 * SEGMENT, .rtt_us = RTT_US,
				  .min_rtt_us = RTT_US };

	(void)state;
	for (u64 now = SEC; now < 10 * SEC; now += 10 * MSEC)
		rate_acked(&r, &news, now);
	assert_int_equal(cubic_window(&r), 100 * SEGMENT);
	news.in_flight = 100 * SEGMENT;
	news.app_limited = true;
	for (u64 now = 10 * SEC; now < 20 * SEC; now += 10 * MSEC)
		rate_acked(&r, &news, now);
	assert_int_equal(cubic_window(&r), 100 * SEGMENT);
}

/* A pause is not time in which a window grew: after it the window may not leap. */
static void a_pause_does_not_make_it_leap(void **state)
{
	struct rate r = { .control = RATE_CUBIC, .window = 300 * SEGMENT, .threshold = 1 };
	u64 now = SEC, before;

	(void)state;
	r.rtt_us = RTT_US;
	lose(&r, now);
	for (u32 i = 0; i < 20; i++)
		round_trip(&r, &now, 0);
	before = cubic_window(&r);
	now += 60 * SEC;
	round_trip(&r, &now, 0);
	if (cubic_window(&r) > before * 115 / 100)
		fail_msg("%u segments became %u in the first round trip after a minute", (u32)(before / SEGMENT),
			 (u32)(cubic_window(&r) / SEGMENT));
}

static void pacing_is_a_quarter_faster_than_the_window(void **state)
{
	struct rate r = { .control = RATE_CUBIC };

	(void)state;
	assert_int_equal(rate_pace(&r, false), 0);	/* no round trip is known */
	r.window = 400000;
	r.rtt_us = 40000;
	assert_int_equal(rate_pace(&r, false), 12500000);
	assert_int_equal(rate_pace(&r, true), 12500000);
}

/* ---- on a bottleneck ---- */

static void a_link_with_a_buffer_is_filled(void **state)
{
	static const struct { u64 mbit; u32 round_trip_us, buffer_us; } facts[] = {
		{ 50, 40000, 40000 }, { 100, 20000, 20000 }, { 20, 100000, 100000 }, { 100, 10000, 50000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		u64 carried;

		bottleneck_begin(&path, facts[i].mbit * MBIT, facts[i].round_trip_us);
		path.control.control = RATE_CUBIC;
		path.buffer_us = facts[i].buffer_us;
		bottleneck_run(&path, 10 * SEC);
		path.overflowed = path.sent_packets = 0;
		carried = bottleneck_throughput(&path, 20 * SEC);
		if (carried < facts[i].mbit * MBIT * 97 / 100 || path.overflowed * 200 > path.sent_packets)
			fail_msg("%u Mbit/s, %u us: %u kbit/s, %u of %u lost", (u32)facts[i].mbit, facts[i].round_trip_us,
				 (u32)(carried * 8 / 1000), (u32)path.overflowed, (u32)path.sent_packets);
		bottleneck_end(&path);
	}
}

/* What sets it apart from the adaptive control: 1 % of loss leaves little of 100 Mbit/s. */
static void loss_of_any_kind_slows_it(void **state)
{
	u64 carried;

	(void)state;
	bottleneck_begin(&path, 100 * MBIT, 40000);
	path.control.control = RATE_CUBIC;
	path.loss_ppm = 10000;
	bottleneck_run(&path, 5 * SEC);
	carried = bottleneck_throughput(&path, 10 * SEC);
	assert_in_range(carried, MBIT, 20 * MBIT);
}

int main(void)
{
#define ON_LINK(name) cmocka_unit_test_setup_teardown(name, NULL, end)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_start_doubles_until_a_queue_or_loss_shows),
		cmocka_unit_test(loss_takes_three_tenths_once_per_round_trip),
		cmocka_unit_test(growth_is_the_cubic_of_rfc_9438),
		cmocka_unit_test(a_window_that_is_not_used_does_not_grow),
		cmocka_unit_test(a_pause_does_not_make_it_leap),
		cmocka_unit_test(pacing_is_a_quarter_faster_than_the_window),
		ON_LINK(a_link_with_a_buffer_is_filled),
		ON_LINK(loss_of_any_kind_slows_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
