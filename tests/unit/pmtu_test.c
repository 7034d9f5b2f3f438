// SPDX-License-Identifier: MIT
/* pmtu_test.c - a simulated path that swallows what is too large for it, and how soon that is found out */
#include "unit/unit.h"

#include <string.h>

#include "base/rand.h"
#include "path/pmtu.h"

#define IP4 28u
#define IP6 48u
#define ROUND_US (40 * MSEC)
#define FLIGHT 4096u

/* A path of round trip 40 ms. It carries a small packet every 50 ms, and large ones when `data_us` is set. */
struct line {
	u32 mtu;		/* IP packet; 0: carries nothing */
	u32 overhead;
	u32 loss_permille;
	bool silent;		/* losses are not reported: only the timer finds them */
	u64 data_us;		/* distance of packets of the size that pmtu allows; 0: none */
	u64 now_us, next_small_us, next_data_us;
	u64 number;
	struct { u64 at_us, number; u32 size; bool probe, lost; } flight[FLIGHT];
	u32 head, tail;
	struct rand_source r;
};

static struct line line;
static struct pmtu p;

static void start(u32 mtu, u32 link, u32 overhead, u64 seed)
{
	memset(&line, 0, sizeof(line));
	line.mtu = mtu;
	line.overhead = overhead;
	line.now_us = 5 * SEC;
	rand_seeded(&line.r, seed);
	pmtu_init(&p, link, overhead);
}

static u64 line_send(u32 size, bool probe)
{
	u32 i = line.tail++ % FLIGHT;
	bool lost = size + line.overhead > line.mtu || rand_u32(&line.r) % 1000 < line.loss_permille;

	assert_true(line.tail - line.head <= FLIGHT);
	line.flight[i].at_us = line.now_us + ROUND_US;
	line.flight[i].number = line.number;
	line.flight[i].size = size;
	line.flight[i].probe = probe;
	line.flight[i].lost = lost;
	return line.number++;
}

static void hear(u32 i)
{
	u64 number = line.flight[i].number;
	u32 size = line.flight[i].size;

	if (line.flight[i].lost && line.silent)
		return;
	if (line.flight[i].probe)
		line.flight[i].lost ? pmtu_lost(&p, number, line.now_us) : pmtu_acked(&p, number, line.now_us);
	else if (line.flight[i].lost)
		pmtu_data_lost(&p, size, line.now_us);
	else
		pmtu_data_acked(&p, size, line.now_us);
}

/* One millisecond. */
static void step(void)
{
	u32 size;

	line.now_us += MSEC;
	while (line.head != line.tail && line.flight[line.head % FLIGHT].at_us <= line.now_us)
		hear(line.head++ % FLIGHT);
	if (line.now_us >= line.next_small_us) {
		line_send(100, false);
		line.next_small_us = line.now_us + 50 * MSEC;
	}
	if (line.data_us && line.now_us >= line.next_data_us) {
		line_send(pmtu_current(&p), false);
		line.next_data_us = line.now_us + line.data_us;
	}
	if (line.now_us < pmtu_due_us(&p))
		return;
	size = pmtu_probe_size(&p, line.now_us);
	if (size)
		pmtu_sent(&p, line_send(size, true), size, line.now_us);
	else
		assert_true(pmtu_due_us(&p) > line.now_us);
}

static bool is_searching(void)
{
	return p.out || p.search_us <= line.now_us;
}

/* Until the search is over; how long did that take? */
static u64 search(u64 limit_us)
{
	u64 from = line.now_us;

	do
		step();
	while (is_searching() && line.now_us < from + limit_us);
	assert_false(is_searching());
	return line.now_us - from;
}

static void run_for(u64 us)
{
	for (u64 until = line.now_us + us; line.now_us < until;)
		step();
}

static void a_link_that_keeps_its_word_takes_one_probe(void **state)
{
	static const struct { u32 link, overhead; } table[] = {
		{ 1500, IP4 }, { 1500, IP6 }, { 0, IP4 }, { 1492, IP4 }, { 1280, IP6 }, { 9000, IP4 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		u32 mtu = table[i].link ? table[i].link : 1500;

		start(mtu, table[i].link, table[i].overhead, i);
		assert_int_equal(pmtu_current(&p), 1200 - table[i].overhead);
		assert_true(search(SEC) <= 2 * ROUND_US);
		assert_int_equal(pmtu_current(&p), mtu - table[i].overhead);
		assert_int_equal(p.probes, 1);
		assert_true(pmtu_due_us(&p) == TIME_NEVER);
	}
}

static void a_link_no_larger_than_the_base_takes_none(void **state)
{
	(void)state;
	start(1200, 1200, IP4, 0);
	assert_true(pmtu_due_us(&p) == TIME_NEVER);
	assert_int_equal(pmtu_probe_size(&p, SEC), 0);
	start(1200, 600, IP4, 0);
	assert_int_equal(pmtu_current(&p), 1200 - IP4);
}

static void sizes_that_links_have_are_found_exactly(void **state)
{
	static const u16 sizes[] = { 1280, 1358, 1380, 1400, 1412, 1420, 1428, 1440, 1450, 1454, 1460, 1472, 1476,
				     1480, 1492 };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
		u32 mtu = sizes[i / 2], overhead = i % 2 ? IP6 : IP4;

		start(mtu, 1500, overhead, i);
		search(10 * SEC);
		assert_int_equal(pmtu_current(&p), mtu - overhead);
		assert_true(p.probes <= 22);
	}
}

static void any_size_is_found_within_8_bytes(void **state)
{
	u64 most = 0, longest = 0;

	(void)state;
	for (u32 mtu = 1200; mtu <= 1500; mtu++) {
		u64 us;

		start(mtu, 1500, IP4, mtu);
		us = search(10 * SEC);
		longest = MAX(longest, us);
		assert_in_range(pmtu_current(&p) + IP4, mtu - 7, mtu);
		most = MAX(most, p.probes);
	}
	print_message("at most %llu probes and %llu ms\n", (unsigned long long)most,
		      (unsigned long long)(longest / MSEC));
	assert_true(most <= 30);
	assert_true(longest <= 4 * SEC);
}

static void large_frames_are_found_as_well(void **state)
{
	static const u32 sizes[] = { 1500, 1600, 2048, 4352, 8996, 9000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		start(sizes[i], 9000, IP4, i);
		search(20 * SEC);
		assert_in_range(pmtu_current(&p) + IP4, sizes[i] - 7, sizes[i]);
	}
}

static void the_timer_finds_what_nobody_reports(void **state)
{
	(void)state;
	start(1400, 1500, IP4, 1);
	line.silent = true;
	pmtu_set_wait(&p, 3 * ROUND_US);
	search(20 * SEC);
	assert_int_equal(pmtu_current(&p), 1400 - IP4);
}

/* 5 in 100 packets lost at random: three in a row of one size are rare, and never is a size believed that does not
 * pass. */
static void random_loss_seldom_misleads(void **state)
{
	u32 wrong = 0, runs = 0;

	(void)state;
	for (u32 mtu = 1200; mtu <= 1500; mtu += 3)
		for (u64 seed = 0; seed < 5; seed++) {
			start(mtu, 1500, IP4, mtu * 100 + seed);
			line.loss_permille = 50;
			line.data_us = 5 * MSEC;
			search(20 * SEC);
			assert_true(pmtu_current(&p) + IP4 <= mtu);
			assert_true(pmtu_current(&p) >= p.base);
			wrong += pmtu_current(&p) + IP4 + 7 < mtu;
			assert_int_equal(p.holes, 0);
			runs++;
		}
	print_message("%u of %u runs found less than there is\n", wrong, runs);
	assert_true(wrong <= runs / 100);
}

static void random_loss_is_no_hole(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 5; seed++) {
		start(1500, 1500, IP4, seed);
		line.loss_permille = 50 + (u32)seed * 30;
		line.data_us = 5 * MSEC;
		search(20 * SEC);
		run_for(120 * SEC);
		assert_int_equal(p.holes, 0);
		assert_int_equal(pmtu_current(&p), 1500 - IP4);
	}
}

/* A full queue swallows large packets for 400 ms while small ones still fit. */
static void a_burst_of_losses_is_no_hole(void **state)
{
	(void)state;
	start(1500, 1500, IP4, 3);
	pmtu_set_wait(&p, 3 * ROUND_US);
	line.data_us = 2 * MSEC;
	search(SEC);
	for (u32 i = 0; i < 20; i++) {
		line.mtu = 500;
		run_for(400 * MSEC);
		line.mtu = 1500;
		run_for(1 * SEC);
	}
	assert_int_equal(p.holes, 0);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);
}

/* How long from the beginning of the hole until the tunnel sends nothing larger than the base. */
static u64 hole_found_us(u32 mtu, u64 data_us, u32 loss_permille, bool silent)
{
	u64 from;

	start(1500, 1500, IP4, mtu + data_us);
	search(SEC);
	line.data_us = data_us;
	line.loss_permille = loss_permille;
	run_for(3 * SEC + 17 * MSEC);
	assert_int_equal(p.holes, 0);
	line.mtu = mtu;
	line.silent = silent;
	from = line.now_us;
	while (!p.holes && line.now_us < from + 20 * SEC)
		step();
	assert_int_equal(p.holes, 1);
	return line.now_us - from;
}

static void a_hole_is_found_within_3_seconds(void **state)
{
	static const u32 sizes[] = { 1200, 1280, 1400, 1460, 1492, 1499 };
	static const u64 distances[] = { 1 * MSEC, 10 * MSEC, 100 * MSEC, 300 * MSEC };
	u64 longest = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t k = 0; k < ARRAY_SIZE(distances); k++)
			for (u32 loss = 0; loss <= 50; loss += 50) {
				u64 us = hole_found_us(sizes[i], distances[k], loss, false);

				longest = MAX(longest, us);
				assert_in_range(us, 500 * MSEC, 3 * SEC);
			}
	print_message("found after at most %llu ms\n", (unsigned long long)(longest / MSEC));
}

static void after_a_hole_the_new_size_is_found(void **state)
{
	static const u32 sizes[] = { 1200, 1280, 1333, 1400, 1492 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		hole_found_us(sizes[i], 10 * MSEC, 0, false);
		assert_int_equal(pmtu_current(&p), 1200 - IP4);
		search(10 * SEC);
		assert_in_range(pmtu_current(&p) + IP4, sizes[i] - 7, sizes[i]);
		run_for(30 * SEC);
		assert_int_equal(p.holes, 1);
	}
}

static void a_dead_path_is_no_hole_and_refutes_nothing(void **state)
{
	(void)state;
	start(1500, 1500, IP4, 3);
	line.data_us = 10 * MSEC;
	search(SEC);
	for (u32 i = 0; i < 5; i++) {
		u64 probes;

		line.mtu = 0;
		run_for(1 * SEC);
		probes = p.probes;
		run_for(10 * SEC);
		assert_true(p.probes <= probes + 4);	/* asks no further */
		line.mtu = 1500;
		line.data_us = i % 2 ? 10 * MSEC : 0;
		run_for(2 * SEC);
		assert_int_equal(p.row, 0);
		line.data_us = 10 * MSEC;
		run_for(1 * SEC);
	}
	assert_int_equal(p.holes, 0);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);

	start(0, 1500, IP4, 3);
	run_for(20 * SEC);
	assert_true(p.probes >= 3);
	line.mtu = 1500;
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);
}

static void a_path_that_grows_is_found_after_ten_minutes(void **state)
{
	u64 probes;

	(void)state;
	start(1400, 1500, IP4, 3);
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p), 1400 - IP4);
	probes = p.probes;
	line.mtu = 1500;
	run_for(590 * SEC);
	assert_int_equal(p.probes, probes);
	run_for(12 * SEC);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);
	assert_int_equal(p.probes, probes + 1);
}

static void one_that_does_not_grow_is_asked_every_ten_minutes(void **state)
{
	u64 probes;

	(void)state;
	start(1400, 1500, IP4, 3);
	search(10 * SEC);
	probes = p.probes;
	run_for(1900 * SEC);
	assert_in_range(p.probes, probes + 3 * 3, probes + 3 * 25);
	assert_int_equal(pmtu_current(&p), 1400 - IP4);
}

static void another_link_begins_another_search(void **state)
{
	(void)state;
	start(1500, 1400, IP4, 3);
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p), 1400 - IP4);
	pmtu_set_link(&p, 1500, line.now_us);
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);
	pmtu_set_link(&p, 1300, line.now_us);
	assert_int_equal(pmtu_current(&p), 1300 - IP4);
}

static void what_the_kernel_refuses_is_not_tried_again(void **state)
{
	(void)state;
	start(1500, 1500, IP4, 3);
	line.now_us += MSEC;
	assert_int_equal(pmtu_probe_size(&p, line.now_us), 1500 - IP4);
	pmtu_refused(&p, 1500 - IP4, line.now_us);
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p) + IP4, 1492);

	pmtu_refused(&p, 1401 - IP4, line.now_us);
	assert_int_equal(pmtu_current(&p), 1200 - IP4);
	search(10 * SEC);
	assert_int_equal(pmtu_current(&p) + IP4, 1400);
	pmtu_refused(&p, 100, line.now_us);
	pmtu_refused(&p, 1500, line.now_us);
	assert_int_equal(pmtu_current(&p) + IP4, 1400);
}

static void a_late_ack_of_an_earlier_try_counts(void **state)
{
	(void)state;
	pmtu_init(&p, 1500, IP4);
	pmtu_sent(&p, 7, pmtu_probe_size(&p, SEC), SEC);
	assert_int_equal(pmtu_probe_size(&p, SEC + 999 * MSEC), 0);
	assert_int_equal(pmtu_probe_size(&p, SEC + 1000 * MSEC), 0);	/* lost now; the next a little later */
	assert_int_equal(pmtu_probe_size(&p, SEC + 1050 * MSEC), 1500 - IP4);
	pmtu_sent(&p, 9, 1500 - IP4, SEC + 1050 * MSEC);
	pmtu_lost(&p, 7, SEC + 1060 * MSEC);	/* known already */
	assert_true(p.out);
	pmtu_acked(&p, 8, SEC + 1060 * MSEC);	/* another packet */
	assert_int_equal(pmtu_current(&p), 1200 - IP4);
	pmtu_acked(&p, 7, SEC + 1060 * MSEC);
	assert_int_equal(pmtu_current(&p), 1500 - IP4);
	assert_true(pmtu_due_us(&p) == TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_that_keeps_its_word_takes_one_probe),
		cmocka_unit_test(a_link_no_larger_than_the_base_takes_none),
		cmocka_unit_test(sizes_that_links_have_are_found_exactly),
		cmocka_unit_test(any_size_is_found_within_8_bytes),
		cmocka_unit_test(large_frames_are_found_as_well),
		cmocka_unit_test(the_timer_finds_what_nobody_reports),
		cmocka_unit_test(random_loss_seldom_misleads),
		cmocka_unit_test(random_loss_is_no_hole),
		cmocka_unit_test(a_burst_of_losses_is_no_hole),
		cmocka_unit_test(a_hole_is_found_within_3_seconds),
		cmocka_unit_test(after_a_hole_the_new_size_is_found),
		cmocka_unit_test(a_dead_path_is_no_hole_and_refutes_nothing),
		cmocka_unit_test(a_path_that_grows_is_found_after_ten_minutes),
		cmocka_unit_test(one_that_does_not_grow_is_asked_every_ten_minutes),
		cmocka_unit_test(another_link_begins_another_search),
		cmocka_unit_test(what_the_kernel_refuses_is_not_tried_again),
		cmocka_unit_test(a_late_ack_of_an_earlier_try_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
