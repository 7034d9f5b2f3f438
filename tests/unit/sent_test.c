// SPDX-License-Identifier: MIT
/* sent_test.c - loss, round trip and delivery rate of what was sent, and where the kept packets go */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/rand.h"
#include "path/sent.h"

#define BYTES 1000u
#define POOL_BUFS 2048u
#define PEER_CLOCK 0xfffe0000u	/* ahead of ours by this: wraps within the first 131 ms */

static struct sent s;
static struct sent_news news;
static struct buf_pool *pool;

static int begin(void **state)
{
	(void)state;
	sent_init(&s);
	pool = buf_pool_new(POOL_BUFS);
	return pool ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	sent_free(&s);
	if (buf_pool_left(pool) != POOL_BUFS)
		return -1;	/* every buf comes back, whatever became of its packet */
	buf_pool_free(pool);
	return 0;
}

static u32 out(void)
{
	return POOL_BUFS - buf_pool_left(pool);
}

/* Sends packets that are kept; each buf says in `order` which it is. */
static void send_kept(u32 count, u64 now_us)
{
	while (count--) {
		struct buf *b = buf_take(pool);

		assert_non_null(b);
		b->order = (u32)s.next;
		assert_int_equal(sent_note(&s, BYTES, true, b, now_us), 0);
	}
}

/* The queue holds the packets from..to, oldest first, and is emptied. */
static void expect_bufs(struct buf_queue *q, u32 from, u32 to)
{
	assert_int_equal(q->count, to - from + 1);
	for (u32 n = from; n <= to; n++) {
		struct buf *b = buf_queue_take(q);

		assert_int_equal(b->order, n);
		buf_put(b);
	}
	assert_null(q->head);
}

static void send_many(u32 count, u64 now_us)
{
	while (count--)
		assert_int_equal(sent_note(&s, BYTES, true, NULL, now_us), 0);
}

/* Acks one range, and a second one below unless its last is 0. */
static int ack(u64 first, u64 last, u64 first2, u64 last2, u64 now_us)
{
	struct ack a = {
		.largest = last,
		.arrival = (u32)now_us + PEER_CLOCK,
		.range_count = last2 ? 2 : 1,
		.ranges = { { first, last }, { first2, last2 } },
	};

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
	struct buf_queue again = { 0 };

	(void)state;
	assert_int_equal(ack(0, 0, 0, 0, 100), -EPROTO);
	sent_give_up(&s, &again);
	sent_take_tail(&s, 10, &again);
	sent_lose_older(&s, 0, &news);
	assert_int_equal(again.count, 0);
	assert_true(sent_after_acked_us(&s) == TIME_NEVER);
	check_sums(0);
}

static void packets_that_only_ack_weigh_nothing(void **state)
{
	(void)state;
	for (u32 i = 0; i < 100000; i++)
		assert_int_equal(sent_note(&s, 60, false, NULL, i), 0);
	assert_int_equal(s.in_flight_bytes, 0);
	assert_int_equal(s.lost_packets, 0);
	assert_true(sent_oldest_us(&s) == TIME_NEVER);
	assert_true(s.size <= 256);	/* nobody acks them: they may not pile up */
	send_many(1, 200000);
	sent_note(&s, 60, false, NULL, 201000);
	ack(100000, 100001, 0, 0, 202000);
	assert_int_equal(news.acked_packets, 1);
	assert_int_equal(news.rtt_us, 1000);	/* of the largest number, whatever it carried */
	check_sums(1);
}

static void trouble_gives_up_all_and_late_acks_bring_it_back(void **state)
{
	struct buf_queue again = { 0 };

	(void)state;
	send_many(500, 100);
	send_kept(500, 100);
	ack(0, 99, 0, 0, 200);
	sent_give_up(&s, &again);
	expect_bufs(&again, 500, 999);	/* those that were kept */
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
	send_kept(8, 100);
	send_many(SENT_MAX_RECORDS - 8, 100);
	assert_int_equal(out(), 8);	/* they moved along whenever the ring grew */
	assert_int_equal(s.size, SENT_MAX_RECORDS);
	assert_int_equal(s.lost_packets, 0);
	send_many(10, 200);
	assert_int_equal(s.lost_packets, 10);
	assert_int_equal(s.oldest, 10);
	assert_int_equal(out(), 0);	/* too late to send them again */
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

/* A fifth was lost, then the path is left out and carries pings: an average over a thousand packets would remember for minutes. */
static void a_run_tells_that_heavy_loss_is_over(void **state)
{
	(void)state;
	for (u64 n = 0; n < 5000; n += 5) {
		send_many(5, n);
		ack(n + 1, n + 4, 0, 0, n + 1);
	}
	assert_int_equal(s.in_a_row, 0);
	sent_believe_run(&s);	/* of nothing */
	assert_in_range(s.loss_ppm, 150000, 250000);
	for (u64 n = 5000; n < 5064; n++) {
		send_many(1, n);
		ack(n, n, 0, 0, n + 1);
	}
	assert_int_equal(s.in_a_row, 64);
	assert_in_range(s.loss_ppm, 150000, 250000);
	sent_believe_run(&s);
	assert_in_range(s.loss_ppm, 46000, 47000);	/* 3 of 64 */
	send_many(4, 6000);
	ack(5065, 5067, 0, 0, 6001);	/* the next one lost weighs as ever, and ends the run */
	assert_int_equal(news.lost_packets, 1);
	assert_int_equal(s.in_a_row, 0);
	assert_in_range(s.loss_ppm, 46000, 48000);
}

/* A link of 1000 bytes per 100 us and 10 ms of round trip. */
enum { LINK_PACKETS = 1600, LINK_WINDOW = 250, LINK_US = 100, LINK_HALF_US = 5000, PACE_US = 90 };

/* Runs it, filled by a window (150 packets more than fit the wire) or, `paced`, a little faster than it carries. How
 * long the ack of a packet takes back beyond the link's own time is told by `extra_us`; they may not overtake each other.
 * Returns the number of rounds; every sample of the second half is the link's rate within 1 %. */
static u64 run_link(bool paced, u32 (*extra_us)(u32 number))
{
	static u64 left[LINK_PACKETS], leaves[LINK_PACKETS], told[LINK_PACKETS];
	const u64 rate = BYTES * SEC / LINK_US;
	u64 rounds = 0;

	for (u32 n = 0; n < LINK_PACKETS; n++) {
		left[n] = paced ? n * PACE_US : n < LINK_WINDOW ? 0 : told[n - LINK_WINDOW];
		leaves[n] = MAX(left[n], n ? leaves[n - 1] : 0) + LINK_US;
		told[n] = leaves[n] + 2 * LINK_HALF_US + extra_us(n);
	}
	for (u32 sent = 0, acked = 0; acked < LINK_PACKETS; acked++) {
		struct ack a = { .largest = acked, .range_count = 1, .ranges = { { acked, acked } } };

		for (; sent < LINK_PACKETS && (sent <= acked || left[sent] < told[acked]); sent++)
			assert_int_equal(sent_note(&s, BYTES, true, NULL, left[sent]), 0);
		a.arrival = (u32)(leaves[acked] + LINK_HALF_US) + PEER_CLOCK;
		assert_int_equal(sent_ack(&s, &a, &news, told[acked]), 0);
		assert_int_equal(news.rtt_us, told[acked] - left[acked]);
		assert_int_equal(news.delay_us, a.arrival - (u32)left[acked]);
		assert_int_equal(news.app_limited, acked < 8);
		if (left[acked] < told[0])
			assert_int_equal(news.rate_bytes, 0);	/* left before the peer's clock was known */
		if (acked >= LINK_PACKETS / 2)		/* before, the burst at the start is measured */
			assert_in_range(news.rate_bytes, rate * 99 / 100, rate * 101 / 100);
		rounds += news.round;
	}
	return rounds;
}

static u32 at_once(u32 number)
{
	(void)number;
	return 0;
}

/* The way back hands over 80 acks in one go every 8 ms. */
static u32 in_batches(u32 number)
{
	return (79 - number % 80) * LINK_US;
}

static void rate_is_what_the_link_delivers(void **state)
{
	(void)state;
	assert_in_range(run_link(false, at_once), 5, 7);
}

/* By when acks came the rate of such batches is anything from half to several times the link's. */
static void what_acks_meet_on_their_way_does_not_blur_the_rate(void **state)
{
	(void)state;
	run_link(true, in_batches);
}

/* A link that is not full: 1000 bytes each ms arrive in pairs, as if something on the way had bundled them. It is
 * the sending that tells the rate. */
static void bundled_arrivals_are_no_faster_than_the_sending(void **state)
{
	(void)state;
	for (u32 n = 0; n < 400; n++) {
		send_many(1, n * MSEC);
		if (n >= 20 && n % 8 == 7) {	/* eight arrive together, 10 ms later */
			struct ack a = { .largest = n - 10, .range_count = 1, .ranges = { { 0, n - 10 } } };

			a.arrival = (u32)(n * MSEC - 5 * MSEC) + PEER_CLOCK;
			assert_int_equal(sent_ack(&s, &a, &news, n * MSEC), 0);
			if (n > 100)
				assert_in_range(news.rate_bytes, 900000, 1020000);
		}
	}
}

/* When packets came is told of the newest only: acks that fill old holes give no sample. */
static void filled_holes_give_no_sample(void **state)
{
	(void)state;
	send_many(20, 0);
	ack(0, 19, 0, 0, 10000);
	send_many(20, 20000);
	ack(30, 39, 20, 25, 30000);
	assert_true(news.rate_bytes > 0);
	ack(20, 39, 0, 0, 31000);
	assert_int_equal(news.acked_packets, 4);
	assert_int_equal(news.rate_bytes, 0);
}

static void limited_samples_are_marked(void **state)
{
	(void)state;
	send_many(1, 0);
	ack(0, 0, 0, 0, 10000);
	assert_true(news.app_limited);
	assert_int_equal(news.rate_bytes, 0);	/* the first: nothing to count from */
	send_many(1, 10000);
	ack(0, 1, 0, 0, 20000);
	assert_true(news.app_limited);
	assert_int_equal(news.rate_bytes, 100000);	/* 1000 bytes in 10 ms */
	send_many(10, 20000);		/* plenty to send from here on */
	ack(1, 6, 0, 0, 30000);
	assert_true(news.app_limited);	/* but these left before that showed */
	send_many(10, 30000);
	ack(1, 21, 0, 0, 40000);
	assert_false(news.app_limited);
}

/* Until all that was out when the application ran dry has been delivered, samples are its own rate. */
static void an_application_that_ran_dry_is_remembered(void **state)
{
	(void)state;
	send_many(20, 0);
	ack(0, 9, 0, 0, 10000);
	sent_app_limited(&s);		/* ten are out */
	send_many(20, 11000);		/* marked, all of them */
	ack(0, 18, 0, 0, 12000);
	assert_false(news.app_limited);	/* left before */
	send_many(1, 13000);
	ack(0, 25, 0, 0, 14000);	/* delivers what was out then */
	assert_true(news.app_limited);
	send_many(10, 15000);
	ack(0, 39, 0, 0, 16000);
	assert_true(news.app_limited);
	ack(0, 40, 0, 0, 17000);
	assert_true(news.app_limited);
	ack(0, 50, 0, 0, 18000);	/* left after that ack */
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
		assert_int_equal(news.rate_bytes, n ? 50000 : 0);
	}
	send_many(12, 400000);
	ack(0, 31, 0, 0, 420000);
	assert_false(news.app_limited);
}

static void one_way_delay_is_by_both_clocks(void **state)
{
	struct ack a = { .largest = 2, .arrival = 1000, .range_count = 1, .ranges = { { 0, 2 } } };

	(void)state;
	send_many(3, 5000);		/* the peer's clock is behind ours */
	sent_ack(&s, &a, &news, 30000);
	assert_int_equal((s32)news.delay_us, -4000);
	assert_int_equal(s.delay_us, news.delay_us);
	send_many(1, (1ULL << 32) + 500);	/* ours has wrapped */
	a = (struct ack){ .largest = 3, .arrival = UINT32_MAX - 400, .range_count = 1, .ranges = { { 0, 3 } } };
	sent_ack(&s, &a, &news, (1ULL << 32) + 30500);
	assert_int_equal((s32)news.delay_us, -901);
	assert_int_equal(news.rtt_us, 30000);
}

/* ---- what was kept ---- */

static void an_acked_packet_is_not_kept(void **state)
{
	(void)state;
	send_kept(10, 100);
	assert_int_equal(out(), 10);
	ack(0, 6, 0, 0, 200);
	assert_int_equal(out(), 3);
	assert_int_equal(news.lost.count, 0);
	ack(0, 6, 0, 0, 300);
	assert_int_equal(out(), 3);
}

static void a_lost_packet_is_handed_over(void **state)
{
	(void)state;
	send_kept(5, 100);
	send_many(5, 100);
	ack(3, 9, 0, 0, 200);
	assert_int_equal(news.lost_packets, 3);
	expect_bufs(&news.lost, 0, 2);
	ack(0, 9, 0, 0, 300);		/* late: the buf is the caller's by now */
	assert_int_equal(news.late_packets, 3);
	assert_int_equal(news.lost.count, 0);
	send_many(3, 400);
	ack(11, 12, 0, 9, 500);
	sent_lose_older(&s, 0, &news);	/* the lost one had not been kept */
	assert_int_equal(news.lost_packets, 1);
	assert_int_equal(news.lost.count, 0);
}

static void packets_left_behind_for_long_are_lost(void **state)
{
	(void)state;
	send_kept(2, 1000);
	send_kept(1, 5000);
	send_kept(1, 9000);
	send_kept(2, 20000);
	sent_lose_older(&s, 0, &news);	/* nothing was acked: nothing to be behind of */
	assert_int_equal(s.lost_packets, 0);
	ack(3, 3, 0, 0, 30000);
	assert_int_equal(news.lost_packets, 1);	/* 0 has three later ones behind it */
	sent_lose_older(&s, 8001, &news);
	assert_int_equal(news.lost_packets, 1);
	sent_lose_older(&s, 8000, &news);
	assert_int_equal(news.lost_packets, 2);
	assert_int_equal(news.lost_bytes, 2 * BYTES);
	sent_lose_older(&s, 0, &news);		/* never one that left after the newest acked */
	expect_bufs(&news.lost, 0, 2);
	assert_int_equal(s.in_flight_eliciting, 2);
	check_sums(6);
}

static void the_tail_is_taken_but_stays_out(void **state)
{
	struct buf_queue tail = { 0 };

	(void)state;
	send_kept(6, 100);
	send_many(2, 100);		/* not kept: they are passed over */
	send_kept(2, 100);
	sent_take_tail(&s, 3, &tail);
	assert_int_equal(tail.count, 3);
	assert_int_equal(tail.head->order, 5);
	buf_put(buf_queue_take(&tail));
	expect_bufs(&tail, 8, 9);
	assert_int_equal(s.in_flight_eliciting, 10);
	assert_int_equal(s.lost_packets, 0);
	sent_take_tail(&s, 100, &tail);	/* not twice */
	expect_bufs(&tail, 0, 4);
	sent_take_tail(&s, 100, &tail);
	assert_int_equal(tail.count, 0);
	ack(4, 9, 0, 0, 200);
	assert_int_equal(news.lost_packets, 4);
	assert_int_equal(news.lost.count, 0);
	check_sums(10);
}

static void the_first_after_the_acked_is_the_oldest_that_tells(void **state)
{
	(void)state;
	assert_true(sent_after_acked_us(&s) == TIME_NEVER);
	send_many(1, 100);
	assert_int_equal(sent_after_acked_us(&s), 100);
	send_many(2, 200);
	sent_note(&s, 60, false, NULL, 300);
	send_many(1, 400);
	ack(2, 2, 0, 0, 500);		/* 0 and 1 are still out, but say nothing new */
	assert_int_equal(sent_oldest_us(&s), 100);
	assert_int_equal(sent_after_acked_us(&s), 400);	/* the quiet one is owed nothing */
	ack(4, 4, 0, 2, 600);
	assert_true(sent_after_acked_us(&s) == TIME_NEVER);
	send_many(1, 700);
	assert_int_equal(sent_after_acked_us(&s), 700);
}

/* A shuffling, losing network with lost and shuffled acks, against an array of what was told. */
enum { MODEL_PACKETS = 30000, MODEL_DELAY = 40 };

static void what_left_soon_after_the_acked_may_have_come(void **state)
{
	(void)state;
	for (u32 i = 0; i < 10; i++)
		send_kept(1, SEC + i * MSEC);
	assert_int_equal(sent_kept_within(&s, 4 * MSEC), 10);	/* nothing acked: nobody knows */
	assert_int_equal(ack(2, 2, 0, 0, SEC + 20 * MSEC), 0);
	assert_int_equal(sent_kept_within(&s, 0), 2);			/* 0 and 1 */
	assert_int_equal(sent_kept_within(&s, 3 * MSEC), 5);
	assert_int_equal(sent_kept_within(&s, SEC), 9);
}

static void random_network_keeps_the_sums(void **state)
{
	static u8 eliciting[MODEL_PACKETS], told[MODEL_PACKETS];
	static u64 arrives[MODEL_PACKETS];
	struct ack waiting[4];
	u32 waiting_count = 0;
	u64 noted = 0, acked = 0, late = 0, handed = 0;
	struct buf_queue again = { 0 };
	struct received r;
	struct rand_source rand;

	(void)state;
	rand_seeded(&rand, 11);
	received_init(&r);
	memset(told, 0, sizeof(told));
	for (u64 now = 0; now < MODEL_PACKETS; now++) {
		struct buf *keep;

		eliciting[now] = rand_u32(&rand) % 5 != 0;
		noted += eliciting[now];
		if (rand_u32(&rand) % 9 == 0)
			sent_app_limited(&s);
		keep = eliciting[now] && rand_u32(&rand) % 3 ? buf_take(pool) : NULL;
		assert_int_equal(sent_note(&s, BYTES, eliciting[now], keep, now), 0);
		arrives[now] = rand_u32(&rand) % 50 ? now + 10 + rand_u32(&rand) % (rand_u32(&rand) % 4 ? 3 : 30) : 0;
		for (u64 n = now > MODEL_DELAY ? now - MODEL_DELAY : 0; n <= now; n++)
			if (arrives[n] == now && now)
				received_note(&r, n, BYTES, 0, false, eliciting[n], 5, 0, now);
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
			if (rand_u32(&rand) % 2)
				sent_lose_older(&s, MODEL_DELAY, &news);
			late += news.late_packets;
			handed += news.lost.count;
			buf_queue_drop(&news.lost);
			for (u32 i = 0; i < a.range_count; i++)
				for (u64 n = a.ranges[i].first; n <= a.ranges[i].last; n++) {
					acked += eliciting[n] && !told[n];
					told[n] = 1;
				}
			assert_int_equal(s.acked_packets, acked);
		}
		if (now % 500 == 499)
			sent_take_tail(&s, 8, &again);
		if (now % 5000 == 4999)
			sent_give_up(&s, &again);
		buf_queue_drop(&again);
		assert_true(out() <= s.in_flight_eliciting);
		check_sums(noted);
		assert_in_range(s.reordering, 3, 16);
		assert_true(s.loss_ppm <= 1000000);
	}
	assert_true(late > 100);
	assert_true(handed > 100);
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
		TEST(a_run_tells_that_heavy_loss_is_over),
		TEST(rate_is_what_the_link_delivers),
		TEST(what_acks_meet_on_their_way_does_not_blur_the_rate),
		TEST(bundled_arrivals_are_no_faster_than_the_sending),
		TEST(filled_holes_give_no_sample),
		TEST(limited_samples_are_marked),
		TEST(an_application_that_ran_dry_is_remembered),
		TEST(pings_do_not_measure_a_path),
		TEST(one_way_delay_is_by_both_clocks),
		TEST(an_acked_packet_is_not_kept),
		TEST(a_lost_packet_is_handed_over),
		TEST(packets_left_behind_for_long_are_lost),
		TEST(the_tail_is_taken_but_stays_out),
		TEST(the_first_after_the_acked_is_the_oldest_that_tells),
		TEST(what_left_soon_after_the_acked_may_have_come),
		TEST(random_network_keeps_the_sums),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
