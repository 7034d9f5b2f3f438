// SPDX-License-Identifier: MIT
/* sent_test.c - loss, round trip and delivery rate of what was sent */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/rand.h"
#include "path/sent.h"

#define BYTES 1000u

static struct sent s;
static struct sent_news news;

static int begin(void **state)
{
	(void)state;
	sent_init(&s);
	return 0;
}

static int end(void **state)
{
	(void)state;
	sent_free(&s);
	return 0;
}

static void send_many(u32 count, u64 now_us)
{
	while (count--)
		assert_int_equal(sent_note(&s, BYTES, true, false, now_us), 0);
}

/* Acks one range, and a second one below unless its last is 0. */
static int ack(u64 first, u64 last, u64 first2, u64 last2, u64 now_us)
{
	struct ack a = { .largest = last, .range_count = last2 ? 2 : 1, .ranges = { { first, last }, { first2, last2 } } };

	return sent_ack(&s, &a, &news, now_us);
}

static void check_sums(u64 sent_eliciting)
{
	assert_int_equal(s.acked_packets + s.lost_packets + s.in_flight_eliciting, sent_eliciting);
	assert_int_equal(s.in_flight_bytes, (u64)s.in_flight_eliciting * BYTES);
	assert_true(s.oldest <= s.next);
	assert_true((s.oldest == s.next) == (s.in_flight_eliciting == 0));
}

static void an_ack_settles_packets(void **state)
{
	(void)state;
	assert_true(sent_oldest_us(&s) == TIME_NEVER);
	send_many(5, 100);
	send_many(5, 200);
	assert_int_equal(sent_oldest_us(&s), 100);
	assert_int_equal(s.last_eliciting_us, 200);
	assert_int_equal(ack(0, 5, 0, 0, 1000), 0);
	assert_int_equal(news.acked_packets, 6);
	assert_int_equal(news.acked_bytes, 6 * BYTES);
	assert_true(news.has_rtt);
	assert_int_equal(news.rtt_us, 800);
	assert_int_equal(sent_oldest_us(&s), 200);
	check_sums(10);

	assert_int_equal(ack(0, 5, 0, 0, 1100), 0);	/* the same again */
	assert_int_equal(news.acked_packets, 0);
	assert_false(news.has_rtt);
	assert_int_equal(news.rate_bytes, 0);
	assert_int_equal(ack(1, 3, 0, 0, 1200), 0);	/* one that was overtaken */
	assert_int_equal(news.acked_packets, 0);
	check_sums(10);
}

static void ack_delay_is_passed_on(void **state)
{
	struct ack a = { .largest = 0, .delay_us = 300, .range_count = 1 };

	(void)state;
	send_many(2, 100);
	sent_ack(&s, &a, &news, 1100);
	assert_int_equal(news.rtt_us, 1000);
	assert_int_equal(news.ack_delay_us, 300);
	a = (struct ack){ .largest = 1, .delay_us = UINT32_MAX, .range_count = 1, .ranges = { { 0, 1 } } };
	sent_ack(&s, &a, &news, 1200);
	assert_int_equal(news.rtt_us, 1100);
	assert_int_equal(news.ack_delay_us, UINT32_MAX);
}

static void three_later_ones_make_a_loss(void **state)
{
	(void)state;
	send_many(10, 100);
	ack(0, 0, 0, 0, 200);
	ack(2, 3, 0, 0, 300);
	assert_int_equal(news.lost_packets, 0);
	ack(2, 4, 0, 0, 400);
	assert_int_equal(news.lost_packets, 1);
	assert_int_equal(news.lost_bytes, BYTES);
	assert_int_equal(s.lost_packets, 1);
	assert_true(s.loss_ppm > 0);
	assert_int_equal(s.oldest, 5);
	check_sums(10);
}

static void a_late_ack_takes_the_loss_back(void **state)
{
	(void)state;
	send_many(50, 100);
	ack(1, 5, 0, 0, 200);
	assert_int_equal(s.lost_packets, 1);
	ack(0, 5, 0, 0, 300);
	assert_int_equal(news.late_packets, 1);
	assert_int_equal(news.acked_packets, 1);
	assert_false(news.has_rtt);
	assert_int_equal(s.lost_packets, 0);
	assert_int_equal(s.loss_ppm, 0);
	assert_int_equal(s.reordering, 6);	/* came when the one five later was there */
	check_sums(50);

	ack(7, 11, 0, 5, 400);			/* the next hole is given more time */
	assert_int_equal(s.lost_packets, 0);
	ack(7, 12, 0, 5, 500);
	assert_int_equal(s.lost_packets, 1);
	ack(7, 40, 0, 5, 600);
	ack(6, 40, 0, 5, 700);
	assert_int_equal(s.reordering, 16);	/* and never more than this */
	check_sums(50);
}

static void hostile_acks_change_nothing(void **state)
{
	static const struct ack bad[] = {
		{ .largest = 10, .range_count = 1, .ranges = { { 0, 10 } } },		/* never sent */
		{ .largest = UINT64_MAX, .range_count = 1, .ranges = { { 0, UINT64_MAX } } },
		{ .largest = 9, .range_count = 0 },
		{ .largest = 9, .range_count = ACK_MAX_RANGES + 1, .ranges = { { 9, 9 } } },
		{ .largest = 9, .range_count = 1, .ranges = { { 5, 8 } } },		/* largest is not in it */
		{ .largest = 5, .range_count = 1, .ranges = { { 5, 9 } } },
		{ .largest = 9, .range_count = 1, .ranges = { { UINT64_MAX, 9 } } },	/* backwards */
		{ .largest = 9, .range_count = 2, .ranges = { { 5, 9 }, { 3, 5 } } },	/* overlap */
		{ .largest = 9, .range_count = 2, .ranges = { { 5, 9 }, { 9, 20 } } },
		{ .largest = 9, .range_count = 2, .ranges = { { 5, 9 }, { 4, 3 } } },
	};
	struct sent before;

	(void)state;
	send_many(10, 100);
	before = s;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(sent_ack(&s, &bad[i], &news, 200), -EPROTO);
		assert_memory_equal(&s, &before, sizeof(s));
		assert_int_equal(news.acked_packets, 0);
	}
}

static void nothing_sent_nothing_acked(void **state)
{
	(void)state;
	assert_int_equal(ack(0, 0, 0, 0, 100), -EPROTO);
	sent_give_up(&s);
	check_sums(0);
}

static void packets_that_only_ack_weigh_nothing(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100000; i++)
		assert_int_equal(sent_note(&s, 60, false, false, i), 0);
	assert_int_equal(s.in_flight_bytes, 0);
	assert_int_equal(s.lost_packets, 0);
	assert_true(sent_oldest_us(&s) == TIME_NEVER);
	assert_true(s.size <= 256);	/* nobody acks them: they may not pile up */
	send_many(1, 200000);
	sent_note(&s, 60, false, false, 201000);
	ack(100000, 100001, 0, 0, 202000);
	assert_int_equal(news.acked_packets, 1);
	assert_int_equal(news.rtt_us, 1000);	/* of the largest number, whatever it carried */
	check_sums(1);
}

static void trouble_gives_up_all_and_late_acks_bring_it_back(void **state)
{
	(void)state;
	send_many(1000, 100);
	ack(0, 99, 0, 0, 200);
	sent_give_up(&s);
	assert_int_equal(s.lost_packets, 900);
	assert_int_equal(s.loss_ppm, 0);	/* an outage is not a loss ratio */
	assert_true(sent_oldest_us(&s) == TIME_NEVER);
	check_sums(1000);
	ack(0, 999, 0, 0, 300);
	assert_int_equal(news.late_packets, 900);
	assert_int_equal(s.lost_packets, 0);
	assert_int_equal(s.reordering, 3);
	check_sums(1000);
}

static void the_ring_grows_and_then_drops_the_oldest(void **state)
{
	(void)state;
	send_many(SENT_MAX_RECORDS, 100);
	assert_int_equal(s.size, SENT_MAX_RECORDS);
	assert_int_equal(s.lost_packets, 0);
	send_many(10, 200);
	assert_int_equal(s.lost_packets, 10);
	assert_int_equal(s.oldest, 10);
	check_sums(SENT_MAX_RECORDS + 10);
	ack(0, SENT_MAX_RECORDS + 9, 0, 0, 300);	/* of the first ten nothing is known any more */
	assert_int_equal(news.acked_packets, SENT_MAX_RECORDS);
	check_sums(SENT_MAX_RECORDS + 10);
}

static void loss_ratio_settles_at_the_real_one(void **state)
{
	(void)state;
	for (u64 n = 0; n < 20000; n += 10) {	/* one of ten is lost */
		send_many(10, n);
		ack(n + 1, n + 9, 0, 0, n + 1);
	}
	assert_in_range(s.loss_ppm, 80000, 120000);
	for (u64 n = 20000; n < 40000; n += 10) {
		send_many(10, n);
		ack(n, n + 9, 0, 0, n + 1);
	}
	assert_in_range(s.loss_ppm, 0, 10);
}

/* A link of 1000 bytes per 100 us and 10 ms of round trip: a steady window, acked as it arrives. */
static void rate_is_what_the_link_delivers(void **state)
{
	u64 leaves[600], rounds = 0;

	(void)state;
	for (u64 n = 0; n < 600; n++) {
		u64 ready = n < 150 ? 0 : leaves[n - 150] + 10000;	/* window of 150: 50 more than fit the wire */

		leaves[n] = MAX(ready, n ? leaves[n - 1] + 100 : 0);
	}
	for (u64 sent = 0, acked = 0; acked < 600; acked++) {
		for (; sent < 600 && sent < acked + 150; sent++)
			sent_note(&s, BYTES, true, false, acked ? leaves[acked - 1] + 10000 : 0);
		ack(acked, acked, 0, 0, leaves[acked] + 10000);
		rounds += news.round;
		if (acked >= 300)	/* before, the burst at the start is measured */
			assert_in_range(news.rate_bytes, 9900000, 10100000);
		assert_int_equal(news.app_limited, acked < 8);
	}
	assert_in_range(rounds, 4, 6);
}

static void limited_samples_are_marked(void **state)
{
	(void)state;
	sent_note(&s, BYTES, true, true, 0);
	ack(0, 0, 0, 0, 10000);
	assert_true(news.app_limited);
	assert_int_equal(news.rate_bytes, 100000);	/* 1000 bytes in 10 ms */
	send_many(10, 20000);		/* plenty to send from here on */
	ack(1, 5, 0, 0, 30000);
	assert_true(news.app_limited);	/* but these left before that showed */
	send_many(10, 30000);
	ack(1, 20, 0, 0, 40000);
	assert_false(news.app_limited);
}

/* Once taken for the rate of the path: 1000 bytes a round trip made a 100 Mbit/s link look like 400 kbit/s. */
static void pings_do_not_measure_a_path(void **state)
{
	(void)state;
	for (u64 n = 0; n < 20; n++) {
		send_many(1, n * 20000);
		ack(0, n, 0, 0, n * 20000 + 20000);
		assert_true(news.app_limited);
		assert_int_equal(news.rate_bytes, 50000);
	}
	send_many(12, 400000);
	ack(0, 31, 0, 0, 420000);
	assert_false(news.app_limited);
}

/* A shuffling, losing network with lost and shuffled acks, against an array of what was told. */
enum { MODEL_PACKETS = 30000, MODEL_DELAY = 40 };

static void random_network_keeps_the_sums(void **state)
{
	static u8 eliciting[MODEL_PACKETS], told[MODEL_PACKETS];
	static u64 arrives[MODEL_PACKETS];
	struct ack waiting[4];
	u32 waiting_count = 0;
	u64 noted = 0, acked = 0, late = 0;
	struct received r;
	struct rand_source rand;

	(void)state;
	rand_seeded(&rand, 11);
	received_init(&r);
	memset(told, 0, sizeof(told));
	for (u64 now = 0; now < MODEL_PACKETS; now++) {
		eliciting[now] = rand_u32(&rand) % 5 != 0;
		noted += eliciting[now];
		assert_int_equal(sent_note(&s, BYTES, eliciting[now], rand_u32(&rand) % 9 == 0, now), 0);
		arrives[now] = rand_u32(&rand) % 50 ? now + 10 + rand_u32(&rand) % (rand_u32(&rand) % 4 ? 3 : 30) : 0;
		for (u64 n = now > MODEL_DELAY ? now - MODEL_DELAY : 0; n <= now; n++)
			if (arrives[n] == now && now)
				received_note(&r, n, BYTES, 0, false, eliciting[n], 5, now);
		if (received_due_us(&r) <= now) {
			struct ack a;

			received_fill(&r, 0, &a, now);
			if (rand_u32(&rand) % 4 && waiting_count < 4)
				waiting[waiting_count++] = a;
		}
		if (waiting_count && rand_u32(&rand) % 3 == 0) {
			struct ack a = waiting[rand_u32(&rand) % waiting_count];

			waiting_count = rand_u32(&rand) % 2 ? 0 : waiting_count;	/* else some come again */
			assert_int_equal(sent_ack(&s, &a, &news, now), 0);
			late += news.late_packets;
			for (u32 i = 0; i < a.range_count; i++)
				for (u64 n = a.ranges[i].first; n <= a.ranges[i].last; n++) {
					acked += eliciting[n] && !told[n];
					told[n] = 1;
				}
			assert_int_equal(s.acked_packets, acked);
		}
		if (now % 5000 == 4999)
			sent_give_up(&s);
		check_sums(noted);
		assert_in_range(s.reordering, 3, 16);
		assert_true(s.loss_ppm <= 1000000);
	}
	assert_true(late > 100);
	assert_true(s.lost_packets > MODEL_PACKETS / 100);
	assert_true(s.acked_packets > MODEL_PACKETS / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_ack_settles_packets),
		TEST(ack_delay_is_passed_on),
		TEST(three_later_ones_make_a_loss),
		TEST(a_late_ack_takes_the_loss_back),
		TEST(hostile_acks_change_nothing),
		TEST(nothing_sent_nothing_acked),
		TEST(packets_that_only_ack_weigh_nothing),
		TEST(trouble_gives_up_all_and_late_acks_bring_it_back),
		TEST(the_ring_grows_and_then_drops_the_oldest),
		TEST(loss_ratio_settles_at_the_real_one),
		TEST(rate_is_what_the_link_delivers),
		TEST(limited_samples_are_marked),
		TEST(pings_do_not_measure_a_path),
		TEST(random_network_keeps_the_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
