// SPDX-License-Identifier: MIT
/* codel_test.c - CoDel leaves bursts alone, and brings a standing queue down to its target */
#include "unit/unit.h"

#include <string.h>

#include "path/codel.h"
#include "path/ecn.h"
#include "unit/packet.h"

#define MTU 1514u

static const struct codel_limits usual = { .target_us = 5 * MSEC, .interval_us = 100 * MSEC };

static bool signals(struct codel *c, u64 waited_us, u64 now_us)
{
	return codel_signals(c, &usual, waited_us, 100000, MTU, now_us);
}

static void a_short_wait_is_never_signalled(void **state)
{
	struct codel c = { 0 };

	(void)state;
	for (u64 now = 1 * SEC; now < 3 * SEC; now += MSEC)
		assert_false(signals(&c, 5 * MSEC - 1, now));
}

static void a_burst_shorter_than_the_interval_passes(void **state)
{
	struct codel c = { 0 };

	(void)state;
	for (u64 burst = 0; burst < 10; burst++) {
		u64 start = SEC + burst * 200 * MSEC;

		for (u64 at = 0; at < 100 * MSEC; at += MSEC)
			assert_false(signals(&c, 50 * MSEC, start + at));
		assert_false(signals(&c, 0, start + 100 * MSEC));
	}
}

/* Times of the signals in a queue that never gets shorter: the first after an interval, then at interval /
 * sqrt(count). */
static void signals_come_at_the_distances_of_the_rfc(void **state)
{
	static const u64 at_us[] = { 100000, 200000, 270710, 328445, 378445, 423166, 463990 };
	struct codel c = { 0 };
	u32 found = 0;

	(void)state;
	for (u64 now = 0; now <= 470 * MSEC && found < ARRAY_SIZE(at_us); now += 10) {
		if (!signals(&c, 50 * MSEC, SEC + now))
			continue;
		assert_in_range(now, at_us[found], at_us[found] + 20);
		found++;
	}
	assert_int_equal(found, ARRAY_SIZE(at_us));
}

/* Half of a flow's capacity has gone, and what waited for both links waits for one. One drop makes the window smaller; it takes a
 * round trip and the wait until that shows in the wait of those that leave. The queue itself shows it sooner. */
static void a_sender_that_answers_was_told_twice_more(void **state)
{
	struct codel answers = { 0 }, stays = { 0 };
	u32 told = 0, told_again = 0;

	(void)state;
	for (u64 now = 0; now < 350 * MSEC; now += MSEC) {
		u32 left = now < 160 * MSEC ? 200000 : now > 300 * MSEC ? 100000 : 200000 - (u32)(now - 160 * MSEC) * 100 / 140;

		told += codel_signals(&answers, &usual, 70 * MSEC, left, MTU, SEC + now);
		told_again += codel_signals(&stays, &usual, 70 * MSEC, 200000, MTU, SEC + now);
	}
	assert_int_equal(told, 1);
	assert_int_equal(told_again, 4);
}

static void the_last_full_packet_is_spared(void **state)
{
	struct codel c = { 0 };

	(void)state;
	for (u64 now = SEC; now < 3 * SEC; now += MSEC)
		assert_false(codel_signals(&c, &usual, SEC, MTU, MTU, now));
	assert_false(c.dropping);
	for (u64 now = 3 * SEC; now < 3 * SEC + 100 * MSEC; now += MSEC)
		assert_false(codel_signals(&c, &usual, SEC, MTU + 1, MTU, now));
	assert_true(codel_signals(&c, &usual, SEC, MTU + 1, MTU, 3 * SEC + 100 * MSEC));
	assert_false(codel_signals(&c, &usual, SEC, MTU, MTU, 5 * SEC));
	assert_false(c.dropping);
}

static u32 signals_between(struct codel *c, u64 from, u64 to)
{
	u32 n = 0;

	for (u64 now = from; now < to; now += MSEC)
		n += signals(c, 50 * MSEC, now);
	return n;
}

static void a_queue_that_comes_back_soon_is_met_with_what_was_learned(void **state)
{
	struct codel soon = { 0 }, late = { 0 };

	(void)state;
	assert_int_equal(signals_between(&soon, SEC, 3 * SEC), signals_between(&late, SEC, 3 * SEC));
	assert_false(signals(&soon, 0, 3 * SEC));
	assert_false(signals(&late, 0, 3 * SEC));
	assert_true(signals_between(&soon, 3 * SEC + 10 * MSEC, 4 * SEC) >
		    2 * signals_between(&late, 33 * SEC, 34 * SEC - 10 * MSEC));
}

/* ---- a link of 20 Mbit/s, and a sender that halves its window when told ---- */

#define LINK_US 600u		/* a packet of 1500 bytes */
#define ROUND_US (40 * MSEC)	/* without the queue */
#define PACKETS 8192u

struct loop {
	u64 queue[PACKETS];		/* when each packet was queued */
	u32 head, tail;
	struct { u64 at_us; bool signal; } back[PACKETS];	/* what the sender will hear */
	u32 heard, told;
	u32 out;			/* packets not heard of */
	double window;
	u64 cut_us;			/* when the window was cut last */
	u64 waited_us, sent, lost;	/* of packets that left, after warming up */
};

static struct loop loop;

static void hear(struct loop *l, u64 now, bool obeys)
{
	while (l->heard != l->told && l->back[l->heard % PACKETS].at_us <= now) {
		bool signal = l->back[l->heard++ % PACKETS].signal;

		l->out--;
		if (!signal || !obeys)
			l->window += obeys ? 1 / l->window : 0;
		else if (now - l->cut_us > ROUND_US) {
			l->window = MAX(2.0, l->window / 2);
			l->cut_us = now;
		}
	}
	while (l->out < (u32)l->window && l->tail - l->head < PACKETS) {
		l->queue[l->tail++ % PACKETS] = now;
		l->out++;
	}
}

static void leave(struct loop *l, struct codel *c, const struct codel_limits *limits, u64 now, bool counts)
{
	while (l->head != l->tail) {
		u64 waited = now - l->queue[l->head++ % PACKETS];
		bool lost = codel_signals(c, limits, waited, (l->tail - l->head) * 1500, MTU, now);
		u32 place = l->told++ % PACKETS;

		l->back[place].at_us = now + ROUND_US;
		l->back[place].signal = lost;
		if (counts) {
			l->lost += lost;
			l->sent += !lost;
			l->waited_us += lost ? 0 : waited;
		}
		if (!lost)
			return;
	}
}

static void run(struct loop *l, const struct codel_limits *limits, u64 warm_us, u64 end_us)
{
	struct codel c = { 0 };

	memset(l, 0, sizeof(*l));
	l->window = 400;	/* comes in with a queue of about 200 ms */
	for (u64 now = SEC; now < SEC + end_us; now += LINK_US) {
		hear(l, now, true);
		leave(l, &c, limits, now, now > SEC + warm_us);
	}
}

/* What one sender with halving loses of the link depends on the queue it may keep: a quarter of a round is nearly
 * enough. */
static void a_sender_that_obeys_is_held_near_the_target(void **state)
{
	static const struct { u64 target_us, used_percent; } table[] = {
		{ 5 * MSEC, 83 }, { 10 * MSEC, 90 }, { 20 * MSEC, 95 },
	};
	u64 slots = (60 - 10) * SEC / LINK_US;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct codel_limits limits = { .target_us = table[i].target_us, .interval_us = 100 * MSEC };
		u64 wait;

		run(&loop, &limits, 10 * SEC, 60 * SEC);
		wait = loop.waited_us / loop.sent;
		print_message("target %llu us: mean wait %llu us, %llu of %llu slots used, %llu lost\n",
			      (unsigned long long)limits.target_us, (unsigned long long)wait,
			      (unsigned long long)loop.sent, (unsigned long long)slots, (unsigned long long)loop.lost);
		assert_in_range(wait, limits.target_us / 5, limits.target_us * 3 / 2);
		assert_true(loop.sent > slots * table[i].used_percent / 100);
		assert_true(loop.lost > 10);
	}
}

static void without_codel_the_same_sender_would_stand_far_above_it(void **state)
{
	u64 wait = 0, n = 0;

	(void)state;
	memset(&loop, 0, sizeof(loop));
	loop.window = 400;
	for (u64 now = SEC; now < 5 * SEC; now += LINK_US) {
		hear(&loop, now, false);
		wait += now - loop.queue[loop.head++ % PACKETS];
		n++;
		loop.back[loop.told % PACKETS].signal = false;
		loop.back[loop.told++ % PACKETS].at_us = now + ROUND_US;
	}
	assert_true(wait / n > 100 * MSEC);
}

/* ---- marks ---- */

static void a_mark_leaves_a_right_header(void **state)
{
	static const struct { u8 family, tos, after; bool marked; } table[] = {
		{ 4, 0x00, 0x00, false }, { 4, 0x01, 0x03, true }, { 4, 0x02, 0x03, true }, { 4, 0x03, 0x03, true },
		{ 4, 0xb8, 0xb8, false }, { 4, 0xba, 0xbb, true }, { 4, 0xfd, 0xff, true }, { 6, 0x00, 0x00, false },
		{ 6, 0x01, 0x03, true },  { 6, 0x02, 0x03, true }, { 6, 0x03, 0x03, true }, { 6, 0xb8, 0xb8, false },
		{ 6, 0xb9, 0xbb, true },
	};
	u8 before[1500], ip[1500];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct packet k = { .family = table[i].family, .protocol = 6, .tos = table[i].tos, .ttl = 64, .host = 3,
				    .sport = 1, .dport = 2, .payload = 100 };
		u32 len = packet_build(before, &k, PACKET_FULL), head = packet_l4_offset(&k);

		memcpy(ip, before, len);
		assert_int_equal(ecn_mark(ip, len), table[i].marked);
		assert_true(packet_is_right(ip, len));
		assert_int_equal((u8)(k.family == 4 ? ip[1] : get_be16(ip) >> 4), table[i].after);
		assert_memory_equal(ip + head, before + head, len - head);
	}
}

/* Every header checksum there can be, among them the two zeros of ones' complement. */
static void every_checksum_is_corrected(void **state)
{
	struct packet k = { .family = 4, .protocol = 17, .tos = 2, .ttl = 64, .host = 3 };
	u8 ip[64] = { 0 };

	(void)state;
	for (u32 id = 0; id <= 0xffff; id++) {
		k.id = (u16)id;
		put_be16(ip + 10, 0);
		packet_build_ip(ip, &k, 48);
		assert_true(ecn_mark(ip, 48));
		assert_int_equal(packet_sum(0, ip, 20), 0xffff);
	}
}

static void what_is_no_ip_packet_is_not_touched(void **state)
{
	static const struct { u8 first, second; u32 len; } table[] = {
		{ 0x45, 2, 0 }, { 0x45, 2, 19 }, { 0x60, 0x20, 39 }, { 0x05, 2, 60 }, { 0xf5, 0x22, 60 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		u8 ip[64] = { table[i].first, table[i].second }, same[64];

		memcpy(same, ip, sizeof(ip));
		assert_false(ecn_mark(ip, table[i].len));
		assert_memory_equal(ip, same, sizeof(ip));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_wait_is_never_signalled),
		cmocka_unit_test(a_burst_shorter_than_the_interval_passes),
		cmocka_unit_test(signals_come_at_the_distances_of_the_rfc),
		cmocka_unit_test(a_sender_that_answers_was_told_twice_more),
		cmocka_unit_test(the_last_full_packet_is_spared),
		cmocka_unit_test(a_queue_that_comes_back_soon_is_met_with_what_was_learned),
		cmocka_unit_test(a_sender_that_obeys_is_held_near_the_target),
		cmocka_unit_test(without_codel_the_same_sender_would_stand_far_above_it),
		cmocka_unit_test(a_mark_leaves_a_right_header),
		cmocka_unit_test(every_checksum_is_corrected),
		cmocka_unit_test(what_is_no_ip_packet_is_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
