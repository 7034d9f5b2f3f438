// SPDX-License-Identifier: MIT
/* handover_test.c - runs from one thread to another: order, wrap-around, a full ring; and whose a datagram is
 *
 * tests/tsan.sh runs it under ThreadSanitizer as well.
 */
#include "unit/unit.h"

#include <endian.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <triglav/steer.h>

#include "run/handover.h"
#include "run/ring.h"

#define RUNS 6000u		/* some hundred times around */

/* Every run bears its number, in all of its bytes, and a size that follows from it. */
static u32 size_of(u32 number)
{
	static const u32 sizes[] = { 1, 16, 1400, 61000, 15, 9000, DATAGRAMS_MAX_BYTES, 4242 };

	return sizes[number % ARRAY_SIZE(sizes)];
}

static struct datagrams run_of(u32 number, u8 *area)
{
	struct datagrams d = { .data = area, .len = size_of(number), .segment_bytes = MIN(size_of(number), 1300u), .arrived_us = number };

	memset(area, (int)(number & 0xff), d.len);
	return d;
}

static void check_run(const struct datagrams *d, u32 number, u32 link)
{
	assert_int_equal(d->arrived_us, number);
	assert_int_equal(d->len, size_of(number));
	assert_int_equal(d->where.link, link);
	assert_int_equal(d->data[0], number & 0xff);
	assert_int_equal(d->data[d->len - 1], number & 0xff);
	assert_true(!memcmp(d->data, d->data + 1, d->len - 1));	/* all bytes equal */
}

static void test_wrong_sizes(void **state)
{
	(void)state;
	assert_null(ring_new(RING_MIN_BYTES / 2));
	assert_null(ring_new(RING_MIN_BYTES + 4096));
	ring_close(NULL);
}

static void test_nothing_before_it_is_shown(void **state)
{
	static u8 area[DATAGRAMS_MAX_BYTES];
	struct ring *r = ring_new(RING_MIN_BYTES);
	struct datagrams out[4], d = run_of(2, area);

	(void)state;
	assert_non_null(r);
	assert_false(ring_show(r));
	assert_true(ring_put(r, &d, 7));
	assert_int_equal(ring_take(r, out, 4), 0);
	assert_true(ring_show(r));
	assert_false(ring_show(r));
	assert_int_equal(ring_take(r, out, 4), 1);
	check_run(&out[0], 2, 7);
	assert_int_equal(ring_take(r, out, 4), 0);
	ring_close(r);
}

/* What lies in it stays as it is until the reader gives it back, and then there is room again, wherever it begins. */
static void test_full(void **state)
{
	static u8 area[DATAGRAMS_MAX_BYTES];
	struct ring *r = ring_new(RING_MIN_BYTES);
	struct datagrams out[64], d;
	u32 put = 0, taken = 0, n;

	(void)state;
	for (u32 round = 0; round < 200; round++) {
		for (;;) {
			d = run_of(put, area);
			if (!ring_put(r, &d, put))
				break;
			put++;
		}
		ring_show(r);
		n = ring_take(r, out, 1 + round % 5);
		assert_true(n);
		d = run_of(put, area);
		if (round % 3 == 0)
			assert_false(ring_put(r, &d, 0));	/* taken is not given back */
		for (u32 i = 0; i < n; i++, taken++)
			check_run(&out[i], taken, taken);
		ring_free_taken(r);
		while (round % 4 == 0 && (n = ring_take(r, out, 64))) {
			for (u32 i = 0; i < n; i++, taken++)
				check_run(&out[i], taken, taken);
			ring_free_taken(r);
		}
	}
	assert_true(taken > 400 && put >= taken);	/* some 30 fit in: more than ten times around */
	ring_close(r);
}

static void test_too_long(void **state)
{
	static u8 area[DATAGRAMS_MAX_BYTES + 1];
	struct ring *r = ring_new(RING_MIN_BYTES);
	struct datagrams d = { .data = area, .len = sizeof(area), .segment_bytes = 1000 };

	(void)state;
	assert_false(ring_put(r, &d, 0));
	ring_close(r);
}

static void *write_all(void *arg)
{
	static u8 area[DATAGRAMS_MAX_BYTES];
	struct ring *r = arg;

	for (u32 number = 0; number < RUNS;) {
		struct datagrams d = run_of(number, area);

		if (!ring_put(r, &d, number)) {
			ring_show(r);
			sched_yield();
			continue;
		}
		if (number++ % 7 == 0)
			ring_show(r);
	}
	ring_show(r);
	return NULL;
}

static void test_two_threads(void **state)
{
	struct ring *r = ring_new(RING_MIN_BYTES);
	struct datagrams out[5];
	pthread_t writer;
	u32 seen = 0;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_all, r), 0);
	while (seen < RUNS) {
		u32 n = ring_take(r, out, ARRAY_SIZE(out));

		for (u32 i = 0; i < n; i++, seen++)
			check_run(&out[i], seen, seen);
		ring_free_taken(r);
		if (!n)
			sched_yield();
	}
	pthread_join(writer, NULL);
	ring_close(r);
}

/* ---- whose a datagram is ---- */

#define WORKERS 4u

static void put_data(u8 *at, u32 receiver)
{
	struct tg_header h = { .type = TG_TYPE_DATA, .receiver = htobe32(receiver) };

	memcpy(at, &h, sizeof(h));
}

static void test_owners(void **state)
{
	/* receivers of a run's datagrams; pieces as owner and datagrams */
	static const struct {
		u32 receivers[5], count, pieces, owner[5], each[5];
	} tests[] = {
		{ { 64 }, 1, 1, { 0 }, { 1 } },
		{ { 65, 129, 1 }, 3, 1, { 1 }, { 3 } },
		{ { 64, 65, 66, 67, 64 }, 5, 5, { 0, 1, 2, 3, 0 }, { 1, 1, 1, 1, 1 } },
		{ { 66, 66, 64, 64, 67 }, 5, 3, { 2, 0, 3 }, { 2, 2, 1 } },
		{ { 64 + 5, 66 }, 2, 2, { 1, 2 }, { 1, 1 } },	/* no such worker: who got it */
	};
	struct handover *h;

	(void)state;
	assert_int_equal(handover_open(&h, WORKERS), 0);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		u8 area[5 * 100] = { 0 };
		struct datagrams run = { .data = area, .segment_bytes = 100, .len = (tests[i].count - 1) * 100 + 40, .taken = 0x15 }, piece;
		u32 at = 0, owner, n = 0, before = 0;

		if (tests[i].count == 1)
			run.segment_bytes = run.len;
		for (u32 k = 0; k < tests[i].count; k++)
			put_data(area + k * 100, tests[i].receivers[k]);
		while (handover_piece(h, 1, &run, true, &at, &piece, &owner)) {
			assert_true(n < tests[i].pieces);
			assert_int_equal(owner, tests[i].owner[n]);
			assert_int_equal(datagrams_count(&piece), tests[i].each[n]);
			assert_int_equal(piece.taken, run.taken >> before);	/* the same datagrams as before */
			before += tests[i].each[n++];
		}
		assert_int_equal(n, tests[i].pieces);
		assert_int_equal(at, run.len);
	}
	handover_close(h);
}

/* Joins say their worker; other first messages are spread by source where the NIC did not, always to the same worker. */
static void test_first_messages(void **state)
{
	struct tg_first first = { .type = TG_TYPE_FIRST, .pattern = TG_PATTERN_NKPSK0 };
	struct datagrams run = { .data = (u8 *)&first, .len = sizeof(first), .segment_bytes = sizeof(first) }, piece;
	u32 seen[WORKERS] = { 0 }, at, owner, again;
	struct handover *h;

	(void)state;
	assert_int_equal(handover_open(&h, WORKERS), 0);
	for (u32 worker = 0; worker < WORKERS; worker++) {
		((u8 *)&first)[TG_STEER_HANDLE_AT] = (u8)(0x40 | worker);
		at = 0;
		assert_true(handover_piece(h, 0, &run, false, &at, &piece, &owner));
		assert_int_equal(owner, worker);
	}
	first.pattern = 0;
	for (u32 i = 0; i < 400; i++) {
		run.where.remote = (struct addr){ .family = 4, .port = (u16)(1000 + i), .ip = { 192, 0, 2, (u8)i } };
		at = 0;
		assert_true(handover_piece(h, 3, &run, false, &at, &piece, &owner));
		assert_int_equal(owner, 3);
		at = 0;
		assert_true(handover_piece(h, 3, &run, true, &at, &piece, &owner));
		at = 0;
		assert_true(handover_piece(h, 1, &run, true, &at, &piece, &again));
		assert_int_equal(owner, again);
		seen[owner]++;
	}
	for (u32 worker = 0; worker < WORKERS; worker++)
		assert_in_range(seen[worker], 50, 200);
	handover_close(h);
}

/* ---- among workers ---- */

static bool is_rung(const struct handover *h, u32 worker)
{
	struct pollfd p = { .fd = handover_fd(h, worker), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_one_bell_for_a_batch(void **state)
{
	static u8 area[DATAGRAMS_MAX_BYTES];
	struct datagrams out[HANDOVER_RUNS], d;
	struct handover_counters count;
	struct handover *h;
	u32 lost = 0;

	(void)state;
	assert_int_equal(handover_open(&h, WORKERS), 0);
	for (u32 i = 0; i < 3; i++) {
		d = run_of(2, area);
		assert_int_equal(handover_give(h, 0, 2, &d, 5), 0);
		assert_int_equal(handover_give(h, 3, 2, &d, 6), 0);
	}
	assert_false(is_rung(h, 2));
	handover_wake(h, 0);
	assert_true(is_rung(h, 2));
	assert_false(is_rung(h, 1));
	assert_int_equal(handover_take(h, 2, out), 3);
	check_run(&out[0], 2, 5);
	handover_wake(h, 3);
	assert_int_equal(handover_take(h, 2, out), 3);
	check_run(&out[2], 2, 6);
	assert_int_equal(handover_take(h, 2, out), 0);
	assert_true(is_rung(h, 2));	/* by the second one, which was taken with the first */
	assert_int_equal(handover_take(h, 2, out), 0);
	assert_false(is_rung(h, 2));
	handover_count(h, 2, &count);
	assert_int_equal(count.taken, 6 * 2);	/* 1400 bytes in datagrams of 1300 */

	/* A full ring: what does not fit is lost and counted, and others' rings are as empty as before. */
	for (u32 i = 0; i < 1000; i++) {
		d = run_of(2, area);
		lost += handover_give(h, 0, 1, &d, 0);
	}
	assert_in_range(lost, 2, 2000);
	handover_count(h, 0, &count);
	assert_int_equal(count.full, lost);
	assert_int_equal(count.given, 3 * 2 + 2000 - lost);
	assert_int_equal(handover_give(h, 0, 3, &d, 0), 0);
	handover_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_sizes),
		cmocka_unit_test(test_nothing_before_it_is_shown),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_two_threads),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_first_messages),
		cmocka_unit_test(test_one_bell_for_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
