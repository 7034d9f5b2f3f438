// SPDX-License-Identifier: MIT
/* fec_hostile_test.c - a peer that lies in its repairs gets nowhere, and the largest systems cost bounded work */
#include "unit/unit.h"

#include <errno.h>
#include <time.h>

#include "path/fec_solve.h"
#include "unit/fec_ends.h"

static void nonsense_headers_are_refused(void **state)
{
	static const u8 symbol[FEC_SYMBOL_BYTES];
	static const struct {
		struct fec_repair r;
		int err;
		u32 stale;
	} facts[] = {
		{ { .row = TG_REPAIR_ROWS, .len = 100, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .row = 255, .len = 100, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = 100, .first = 1000, .numbers = 0 }, -EBADMSG, 0 },
		{ { .len = 100, .first = 1000, .numbers = 2 }, -EBADMSG, 0 },
		{ { .len = 0, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = 3, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = FEC_SYMBOL_BYTES + 1, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = 65535, .first = 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = 100, .first = 0xfffffff0, .numbers = 1 }, -EBADMSG, 0 },	/* before 0 */
		{ { .len = 100, .first = 0x80000000 + 1000, .numbers = 1 }, -EBADMSG, 0 },
		{ { .len = 100, .first = 1000 + 64, .numbers = 1 }, 0, 1 },		/* far ahead */
		{ { .len = 100, .first = 1001, .numbers = 1 | 1ULL << 63 }, 0, 1 },
		{ { .len = 100, .first = 0x80000000 + 999, .numbers = 1 }, 0, 1 },
		{ { .len = 100, .first = 1000 - 64, .numbers = 1 }, 0, 1 },		/* long gone */
		{ { .len = 100, .first = 0, .numbers = ~0ULL }, 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct fec_repair r = facts[i].r;
		struct ends w;

		ends_init(&w, FEC_KEEP_LEAST, 300);
		come(&w, 1000);
		r.symbol = symbol;
		assert_int_equal(repair_comes(&w, &r), facts[i].err);
		assert_int_equal(fec_decoder_counters(w.d)->stale, facts[i].stale);
		assert_int_equal(w.recovered, 0);
		ends_free(&w);
	}
}

static void a_repair_before_anything_else_is_of_no_use(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	add(&w, 5);
	repair_goes(&w);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 1);
	assert_int_equal(w.recovered, 0);
	ends_free(&w);
}

/* Symbols that would become a packet of bad flags, bad length, or with something behind its end. */
static void what_makes_no_packet_is_thrown_away(void **state)
{
	static const struct {
		u8 head[3];
		u8 last;
		bool good;
	} facts[] = {
		{ { 0, 0, 97 }, 9, true },
		{ { 0, 0, 96 }, 0, true },
		{ { 0, 0, 96 }, 9, false },
		{ { TG_FLAG_CSUM, 0, 97 }, 9, true },
		{ { TG_FLAG_COPY, 0, 97 }, 9, false },
		{ { 0x80, 0, 97 }, 9, false },
		{ { 0, 0, 98 }, 9, false },
		{ { 0, 0xff, 0xff }, 9, false },
		{ { 0, 0, TG_ORDER_BYTES + 1 }, 0, true },
		{ { 0, 0, TG_ORDER_BYTES }, 0, false },
		{ { 0, 0, 0 }, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		static u8 plain[] = { 1, 2, 3, 4, 5, 6 };
		u8 symbol[100] = { 0 };
		struct fec_repair r = { .len = sizeof(symbol), .first = 101, .numbers = 1, .symbol = symbol };
		struct fec_decoder *d = fec_decoder_new(FEC_KEEP_LEAST);
		struct fec_news news;
		struct gf256 g;

		assert_true(gf256_init(&g, GF256_TABLE));
		fec_decoder_source(d, 100, 0, plain, sizeof(plain), &news);
		memcpy(symbol, facts[i].head, 3);
		symbol[99] = facts[i].last;
		gf256_scale(&g, symbol, fec_factor(&g, 0, 101), sizeof(symbol));
		assert_int_equal(fec_decoder_repair(d, &r, &news), 0);
		assert_int_equal(news.count, facts[i].good);
		assert_int_equal(fec_decoder_counters(d)->bad, !facts[i].good);
		/* The packet itself is still welcome where the repair was a lie. */
		assert_int_equal(fec_decoder_source(d, 101, 0, plain, sizeof(plain), &news), !facts[i].good);
		fec_decoder_free(d);
	}
}

/* A symbol that is shorter than a packet it says it covers. */
static void a_symbol_too_short_for_its_window_is_a_lie(void **state)
{
	struct kept_repair k;
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	for (u64 n = 0; n < 10; n++) {
		add(&w, n);
		if (n != 4)
			come(&w, n);
	}
	repair_keep(&w, &k);
	k.r.len = 20;
	assert_int_equal(repair_comes(&w, &k.r), 0);
	assert_int_equal(fec_decoder_counters(w.d)->bad, 1);
	assert_int_equal(w.recovered, 0);
	repair_goes(&w);	/* an honest one still works */
	assert_int_equal(w.recovered, 1);

	for (u64 n = 10; n < 20; n++)
		add(&w, n);
	repair_keep(&w, &k);
	k.r.len = 20;		/* nothing of the new ones came yet: the lie shows when they do */
	repair_comes(&w, &k.r);
	for (u64 n = 10; n < 20; n++)
		assert_true(come(&w, n));
	assert_int_equal(w.recovered, 1);
	assert_true(fec_decoder_counters(w.d)->bad >= 2);

	come(&w, 30);
	for (u64 n = 31; n < 36; n++) {
		add(&w, n);
		if (n > 32)
			come(&w, n);
	}
	fec_encoder_tune(w.e, 0, 5);
	repair_keep(&w, &k);
	k.r.len = 4;		/* two are missing: it must not wait for one of them */
	repair_comes(&w, &k.r);
	assert_int_equal(fec_decoder_counters(w.d)->bad, 3);
	ends_free(&w);
}

/* A repair that gives 102 once 101 is there, but is too short to cover 101: seen before it is used, whether 101 is in it or not. */
static void a_lie_is_seen_before_it_is_used(void **state)
{
	static const u8 plain[200];	/* nothing but zero */

	(void)state;
	for (u32 with = 0; with < 2; with++) {
		u8 symbol[20] = { 0, 0, 17 };
		struct fec_repair r = { .len = sizeof(symbol), .first = 101, .numbers = 3, .symbol = symbol };
		struct fec_decoder *d = fec_decoder_new(FEC_KEEP_LEAST);
		struct fec_news news;
		struct gf256 g;

		assert_true(gf256_init(&g, GF256_TABLE));
		gf256_scale(&g, symbol, fec_factor(&g, 0, 102), sizeof(symbol));
		if (with)	/* all there is of 101 in the first 20 bytes is its length */
			symbol[2] ^= gf256_multiply(&g, fec_factor(&g, 0, 101), sizeof(plain));
		fec_decoder_source(d, 100, 0, plain, 10, &news);
		assert_int_equal(fec_decoder_repair(d, &r, &news), 0);
		assert_int_equal(news.count, 0);
		assert_true(fec_decoder_source(d, 101, 0, plain, sizeof(plain), &news));
		assert_int_equal(news.count, 0);
		assert_int_equal(fec_decoder_counters(d)->bad, 1);
		fec_decoder_free(d);
	}
}

/* What did not fit leaves no trace in the equation that is put in its place. */
static void an_equation_that_does_not_fit_leaves_no_trace(void **state)
{
	struct fec_system s;
	struct gf256 g;
	const u8 *factors;
	u64 number;

	(void)state;
	assert_true(gf256_init(&g, gf256_best()));
	fec_system_init(&s);
	assert_true(fec_system_add(&s, &g, 0, 1000, (1ULL << 60) - 1));
	assert_false(fec_system_add(&s, &g, 1, 1050, (1ULL << 20) - 1));
	assert_true(fec_system_add(&s, &g, 2, 2000, 15));	/* takes the last places */
	assert_false(fec_system_add(&s, &g, 3, 2000, 31));
	assert_true(fec_system_add(&s, &g, 4, 2001, 1));
	assert_int_equal(s.unknowns, FEC_UNKNOWNS);
	assert_int_equal(fec_system_solve(&s, &g), 3);
	assert_null(fec_system_solved(&s, 0, &number));
	assert_null(fec_system_solved(&s, 1, &number));
	factors = fec_system_solved(&s, 2, &number);
	assert_non_null(factors);
	assert_int_equal(number, 2001);
	assert_int_equal(factors[0], 0);
	assert_int_equal(factors[1], 0);
	assert_int_equal(gf256_multiply(&g, factors[2], fec_factor(&g, 4, 2001)), 1);
}

/* As many unknowns as a decoder takes, solved by one call. */
static void the_largest_system_is_solved(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, FEC_PLAIN_BYTES);
	come(&w, 0);
	for (u64 n = 1; n <= FEC_ROWS; n++)
		add(&w, n);
	for (u32 i = 0; i < FEC_ROWS; i++) {
		assert_int_equal(w.recovered, 0);
		repair_goes(&w);
	}
	assert_int_equal(w.recovered, FEC_ROWS);
	assert_int_equal(w.news.count, FEC_ROWS);
	ends_free(&w);
}

/* One loss more than repairs that may wait: the oldest repair gives way, nothing breaks, and one packet that comes settles it. */
static void more_repairs_than_may_wait(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	come(&w, 0);
	for (u64 n = 1; n <= FEC_ROWS + 1; n++)
		add(&w, n);
	for (u32 i = 0; i < 3 * FEC_ROWS; i++)
		repair_goes(&w);
	assert_int_equal(w.recovered, 0);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 2 * FEC_ROWS);
	assert_true(come(&w, 5));
	assert_int_equal(w.recovered, FEC_ROWS);
	ends_free(&w);
}

/* It is the oldest that gives way. */
static void the_oldest_repair_gives_way(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	fec_encoder_tune(w.e, 0, 2);
	come(&w, 0);
	for (u64 n = 1; n <= 2 * (FEC_ROWS + 1); n++) {
		add(&w, n);
		if (n % 2 == 0)
			repair_goes(&w);
	}
	for (u64 n = 1; n <= 2 * (FEC_ROWS + 1); n += 2) {
		come(&w, n);
		assert_int_equal(w.recovered, n / 2);
	}
	ends_free(&w);
}

/* Full-size repairs with dense and with random maps, never one that fits, as fast as a peer likes. The CPU time allowed is many
 * times what it takes with the plain table; a search that grows with what is sent would never end in it. */
static void a_flood_of_lies_costs_bounded_work(void **state)
{
	static u8 symbol[FEC_SYMBOL_BYTES];
	struct rand_source rand;
	struct fec_decoder *d = fec_decoder_new(FEC_KEEP_MOST);
	struct fec_news news;
	clock_t began = clock();
	u64 newest = 1 << 20;

	(void)state;
	rand_seeded(&rand, 14);
	rand_fill(&rand, symbol, sizeof(symbol));
	fec_decoder_source(d, newest, 0, symbol, 1000, &news);
	for (u32 i = 0; i < 5000; i++) {
		u64 map = i % 2 ? 0xffffffff : rand_u64(&rand) & rand_u64(&rand);
		struct fec_repair r = {
			.row = (u8)(rand_u32(&rand) % TG_REPAIR_ROWS),
			.len = FEC_SYMBOL_BYTES,
			.first = (u32)(newest - rand_u32(&rand) % (i % 3 ? 64 : 512)),
			.numbers = map | 1,
			.symbol = symbol,
		};

		assert_int_equal(fec_decoder_repair(d, &r, &news), 0);
		assert_true(news.count <= FEC_ROWS);
		if (i % 4 == 0)
			fec_decoder_source(d, newest += rand_u32(&rand) % 8, 0, symbol, 1000, &news);
	}
	print_message("%u ms\n", (u32)((clock() - began) * 1000 / CLOCKS_PER_SEC));
	assert_true(clock() - began < 60 * CLOCKS_PER_SEC);
	fec_decoder_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_headers_are_refused),
		cmocka_unit_test(a_repair_before_anything_else_is_of_no_use),
		cmocka_unit_test(what_makes_no_packet_is_thrown_away),
		cmocka_unit_test(a_symbol_too_short_for_its_window_is_a_lie),
		cmocka_unit_test(a_lie_is_seen_before_it_is_used),
		cmocka_unit_test(an_equation_that_does_not_fit_leaves_no_trace),
		cmocka_unit_test(the_largest_system_is_solved),
		cmocka_unit_test(more_repairs_than_may_wait),
		cmocka_unit_test(the_oldest_repair_gives_way),
		cmocka_unit_test(a_flood_of_lies_costs_bounded_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
