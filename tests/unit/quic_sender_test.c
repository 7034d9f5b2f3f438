// SPDX-License-Identifier: MIT
/* quic_sender_test.c - the lab's QUIC-like sender takes for lost what RFC 9002 says, and no more
 *
 * Every fact sends packets 0, 1, 2, ... one per ms, acks some of them, and looks.
 */
#include "unit.h"

#include <string.h>

#include "load/quic_sender.c"

#define RTT_US 50000ULL

static struct quic_sender q;

static void send_packets(u32 n, u64 from_us)
{
	u32 chunk;

	for (u32 i = 0; i < n; i++)
		quic_send(&q, from_us + i * MSEC, &chunk);
}

static void ack_range(u64 first, u64 last, u64 now)
{
	struct quic_ack a = { .count = 1, .range = { { first, last } } };

	quic_take_ack(&q, &a, now);
}

static void begin(u32 packets)
{
	memset(&q, 0, sizeof(q));
	quic_sender_init(&q);
	send_packets(packets, 1 * SEC);
}

static const struct {
	const char *what;
	u64 first, last;	/* acked at once, a round trip after they were sent */
	u64 lost;
	double window;		/* of 10; slow start adds what was acked */
} gaps[] = {
	{ "nothing is missing", 0, 4, 0, 15 },
	{ "one later number is not enough", 1, 1, 0, 11 },
	{ "nor are two", 1, 2, 0, 12 },
	{ "three are", 1, 3, 1, 7 },
	{ "of two missing, the second has two later ones", 2, 3, 1, 7 },
	{ "both have three", 2, 4, 2, 7 },
};

static void test_packet_threshold(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(gaps); i++) {
		begin(10);
		ack_range(gaps[i].first, gaps[i].last, 1 * SEC + gaps[i].last * MSEC + RTT_US);
		if (q.lost != gaps[i].lost || (u32)(q.window + 0.5) != (u32)gaps[i].window)
			fail_msg("%s: lost %llu, window %.1f", gaps[i].what, (unsigned long long)q.lost, q.window);
	}
}

static void test_time_threshold(void **state)
{
	u64 due = 1 * SEC + RTT_US * 9 / 8;

	(void)state;
	begin(2);
	ack_range(1, 1, 1 * SEC + MSEC + RTT_US);
	assert_int_equal(quic_timer(&q), due);
	quic_run_timer(&q, due - 1);
	assert_int_equal(q.lost, 0);
	quic_run_timer(&q, due);
	assert_int_equal(q.lost, 1);
	assert_int_equal(q.in_flight, 0);
}

static void test_lost_chunk_goes_first_unless_it_came_after_all(void **state)
{
	u32 chunk;

	(void)state;
	begin(10);
	ack_range(1, 3, 1 * SEC + 3 * MSEC + RTT_US);
	quic_send(&q, 2 * SEC, &chunk);
	assert_int_equal(chunk, 0);

	begin(10);
	ack_range(1, 3, 1 * SEC + 3 * MSEC + RTT_US);
	ack_range(0, 3, 1 * SEC + 4 * MSEC + RTT_US);
	assert_int_equal(q.spurious, 1);
	quic_send(&q, 2 * SEC, &chunk);
	assert_int_equal(chunk, 10);
	assert_int_equal(q.in_flight, 7);
}

/* One reduction for all that was sent before it, another for what was sent after. */
static void test_one_reduction_a_round_trip(void **state)
{
	double after;

	(void)state;
	begin(10);
	ack_range(1, 3, 1 * SEC + 3 * MSEC + RTT_US);
	after = q.window;
	assert_true(after > 6.9 && after < 7.1);
	ack_range(5, 9, 1 * SEC + 9 * MSEC + RTT_US);
	assert_int_equal(q.lost, 2);
	assert_int_equal(q.reductions, 1);
	assert_true(q.window == after);

	send_packets(6, 2 * SEC);
	ack_range(12, 15, 2 * SEC + 5 * MSEC + RTT_US);
	assert_int_equal(q.reductions, 2);
	assert_true(q.window < after);
}

static void test_window_stops_and_probe_passes(void **state)
{
	(void)state;
	begin(10);
	assert_false(quic_may_send(&q));
	quic_run_timer(&q, quic_timer(&q));
	assert_true(quic_may_send(&q));
	send_packets(2, 3 * SEC);
	assert_false(quic_may_send(&q));
}

/* Nonsense from the network must not hurt. */
static void test_ack_of_what_was_never_sent(void **state)
{
	(void)state;
	begin(3);
	ack_range(0, 7, 2 * SEC);
	assert_int_equal(q.in_flight, 3);
	assert_int_equal(q.largest_acked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_threshold),
		cmocka_unit_test(test_time_threshold),
		cmocka_unit_test(test_lost_chunk_goes_first_unless_it_came_after_all),
		cmocka_unit_test(test_one_reduction_a_round_trip),
		cmocka_unit_test(test_window_stops_and_probe_passes),
		cmocka_unit_test(test_ack_of_what_was_never_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
