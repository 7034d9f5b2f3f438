// SPDX-License-Identifier: MIT
/* fec_test.c - when a repair is due, what it covers, and that what gets lost comes back, byte by byte */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "unit/fec_ends.h"

/* ---- how much ---- */

static void it_is_wanted_on_long_paths_and_for_interactive_flows(void **state)
{
	static const struct {
		u32 rtt_us, loss_ppm;
		bool interactive, wanted;
		u32 rate_ppm;
	} facts[] = {
		{ 60000, 5000, false, false, 30000 },
		{ 100000, 5000, false, false, 30000 },
		{ 100001, 5000, false, true, 30000 },
		{ 600000, 0, false, false, 0 },
		{ 600000, 1, false, true, 6 },
		{ 600000, 9999, false, true, 59994 },
		{ 600000, 300000, false, true, 60000 },
		{ 600000, UINT32_MAX, false, true, 60000 },
		{ 5000, 0, true, false, 0 },
		{ 5000, 1, true, true, 50000 },
		{ 5000, 5000, true, true, 100000 },
		{ 5000, 10000, true, true, 200000 },
		{ 5000, UINT32_MAX, true, true, 200000 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		assert_int_equal(fec_wanted(facts[i].rtt_us, facts[i].loss_ppm, facts[i].interactive), facts[i].wanted);
		assert_int_equal(fec_rate_ppm(facts[i].loss_ppm, facts[i].interactive), facts[i].rate_ppm);
	}
}

/* What repairs cost stays at the rate, in bytes, whatever the sizes. */
static void repairs_keep_to_the_rate(void **state)
{
	static const u32 rates[] = { 1000, 20000, 50000, 200000 };
	struct ends w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		u64 source_bytes = 0, repair_bytes = 0;
		struct fec_repair r;

		ends_init(&w, KEEP, 1424);
		fec_encoder_tune(w.e, rates[i], 32);
		for (u64 n = 0; n < 20000; n++) {
			add(&w, n);
			source_bytes += packet_of(n, 1424)->len;
			if (!fec_encoder_due(w.e))
				continue;
			assert_true(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
			assert_false(fec_encoder_due(w.e));	/* nothing new to cover */
			repair_bytes += TG_REPAIR_BYTES + r.len;
		}
		assert_true(repair_bytes <= source_bytes * rates[i] / 1000000 + 3000);
		assert_true(repair_bytes >= source_bytes * rates[i] / 1000000 - 3000);
		ends_free(&w);
	}
}

static void no_rate_no_repairs_and_no_saving_up(void **state)
{
	struct fec_repair r;
	struct ends w;
	u32 due = 0;

	(void)state;
	ends_init(&w, KEEP, 1424);
	for (u64 n = 0; n < 1000; n++) {
		add(&w, n);
		assert_false(fec_encoder_due(w.e));
	}
	fec_encoder_tune(w.e, 20000, 32);
	for (u64 n = 1000; n < 2000; n++)
		add(&w, n);	/* nobody asked for a repair all the while */
	for (u64 n = 2000; n < 2020; n++) {
		add(&w, n);
		if (fec_encoder_due(w.e)) {
			assert_true(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
			due++;
		}
	}
	assert_true(due >= 1 && due <= 3);
	ends_free(&w);
}

/* ---- the window ---- */

static void the_map_tells_the_window(void **state)
{
	static const struct {
		u32 count, window;
		u64 numbers[6];
		u32 first;
		u64 map;
	} facts[] = {
		{ 1, 64, { 7 }, 7, 1 },
		{ 3, 64, { 7, 8, 9 }, 7, 7 },
		{ 3, 2, { 7, 8, 9 }, 8, 3 },
		{ 3, 0, { 7, 8, 9 }, 9, 1 },
		{ 4, 64, { 10, 12, 13, 17 }, 10, 1 | 1 << 2 | 1 << 3 | 1 << 7 },
		{ 2, 64, { 0, 63 }, 0, 1 | 1ULL << 63 },
		{ 2, 64, { 0, 64 }, 64, 1 },		/* too far apart for one map */
		{ 4, 64, { 1, 2, 60, 66 }, 60, 1 | 1 << 6 },
		{ 4, 64, { 1, 3, 60, 66 }, 3, 1 | 1ULL << 57 | 1ULL << 63 },
		{ 4, 64, { 7, 8, 3, 4 }, 3, 3 },	/* the path began anew */
		{ 3, 64, { 7, 8, 8 }, 8, 1 },
		{ 2, 64, { 0xffffffffULL, 0x100000001ULL }, 0xffffffff, 5 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct fec_repair r;
		struct ends w;

		ends_init(&w, KEEP, 300);
		assert_false(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
		fec_encoder_tune(w.e, 20000, facts[i].window);
		for (u32 n = 0; n < facts[i].count; n++)
			add(&w, facts[i].numbers[n]);
		assert_true(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
		assert_int_equal(r.path, 3);
		assert_int_equal(r.first, facts[i].first);
		assert_true(r.numbers == facts[i].map);
		ends_free(&w);
	}
}

static void what_is_too_long_or_a_copy_is_left_out(void **state)
{
	static u8 plain[FEC_PLAIN_BYTES + 1];
	struct fec_repair r;
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	fec_encoder_add(w.e, 1, 0, plain, FEC_PLAIN_BYTES + 1);
	fec_encoder_add(w.e, 2, TG_FLAG_COPY, plain, 100);
	fec_encoder_add(w.e, 3, 0, plain, TG_ORDER_BYTES);	/* no packet in it */
	assert_false(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
	fec_encoder_add(w.e, 4, 0, plain, FEC_PLAIN_BYTES);
	fec_encoder_add(w.e, 5, 0, plain, 100);
	fec_encoder_add(w.e, 6, 0, plain, 101);
	assert_true(fec_encoder_repair(w.e, 104, &r));
	assert_int_equal(r.first, 5);
	assert_int_equal(r.numbers, 3);
	assert_int_equal(r.len, 104);
	assert_true(fec_encoder_repair(w.e, 103, &r));
	assert_int_equal(r.numbers, 1);
	assert_int_equal(r.len, 103);
	assert_false(fec_encoder_repair(w.e, 102, &r));
	assert_true(fec_encoder_repair(w.e, FEC_SYMBOL_BYTES, &r));
	assert_int_equal(r.first, 4);
	assert_int_equal(r.len, FEC_SYMBOL_BYTES);
	ends_free(&w);
}

/* ---- losses come back ---- */

static void one_loss_comes_back_whole(void **state)
{
	struct ends w;

	(void)state;
	for (u64 lost = 0; lost < 32; lost++) {
		ends_init(&w, FEC_KEEP_LEAST, FEC_PLAIN_BYTES);
		for (u64 n = 0; n < 32; n++) {
			add(&w, n);
			if (n != lost)
				assert_true(come(&w, n));
		}
		repair_goes(&w);
		assert_int_equal(w.recovered, 1);
		assert_int_equal(w.news.packets[0].number, lost);
		ends_free(&w);
	}
}

/* Numbers with gaps, as control datagrams take some: `count` of them, all within one map. */
static u32 pick_numbers(struct rand_source *rand, u64 base, u32 count, u64 numbers[FEC_WINDOW])
{
	u32 n = 0;

	for (u32 i = 0; i < FEC_WINDOW && n < count; i++)
		if (FEC_WINDOW - i == count - n || rand_u32(rand) % FEC_WINDOW < count)
			numbers[n++] = base + i;
	return n;
}

/* Any k of a window and any k of the repairs over it: a Cauchy matrix leaves no bad luck. */
static void any_k_losses_come_back_with_k_repairs(void **state)
{
	struct rand_source rand;
	struct ends w;
	u32 failed = 0;

	(void)state;
	rand_seeded(&rand, 11);
	ends_init(&w, KEEP, 200);
	for (u32 trial = 0; trial < 10000; trial++) {
		u64 numbers[FEC_WINDOW], base = rand_u64(&rand) >> 20;
		u32 order[FEC_WINDOW];
		u32 count = pick_numbers(&rand, base, 1 + rand_u32(&rand) % FEC_WINDOW, numbers);
		u32 lost = 1 + rand_u32(&rand) % MIN(count, 16u);

		fec_encoder_reset(w.e);
		fec_decoder_reset(w.d);
		come(&w, base - 1);
		w.recovered = 0;
		for (u32 i = 0; i < count; i++) {
			add(&w, numbers[i]);
			order[i] = i;
		}
		shuffle(&rand, order, count);
		for (u32 i = lost; i < count; i++)
			come(&w, numbers[order[i]]);
		for (u32 sent = 0, came = 0; came < lost; sent++) {
			struct kept_repair k;

			repair_keep(&w, &k);
			if (sent % 3 == trial % 3)
				continue;	/* this repair is lost as well */
			assert_int_equal(repair_comes(&w, &k.r), 0);
			came++;
		}
		failed += w.recovered != lost;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(fec_decoder_counters(w.d)->bad, 0);
	ends_free(&w);
}

/* Can each unknown have a repair of its own? Then all but bad luck lets them be worked out. */
static bool match(u32 unknown, const u32 *covers, u32 repairs, u32 tried, int *owner)
{
	for (u32 r = 0; r < repairs; r++) {
		if (!(covers[r] >> unknown & 1) || tried >> r & 1)
			continue;
		tried |= 1u << r;
		if (owner[r] < 0 || match((u32)owner[r], covers, repairs, tried, owner)) {
			owner[r] = (int)unknown;
			return true;
		}
	}
	return false;
}

/* Windows of 8 slide by 2 over 24 packets; packets and repairs get lost. Where repairs suffice, at least 99 % is to come back. */
static void sliding_windows_mend_what_they_can(void **state)
{
	enum { PACKETS = 24, REPAIRS = PACKETS / 2 };
	struct rand_source rand;
	struct ends w;
	u32 possible = 0, failed = 0;

	(void)state;
	rand_seeded(&rand, 12);
	ends_init(&w, FEC_KEEP_LEAST, 100);
	fec_encoder_tune(w.e, 0, 8);
	for (u32 trial = 0; trial < 20000; trial++) {
		u32 lost = 0, covers[REPAIRS], repairs = 0, matched = 0;
		u64 base = 1000 + trial * 1000ULL;
		int owner[REPAIRS];

		fec_encoder_reset(w.e);
		fec_decoder_reset(w.d);
		come(&w, base - 1);
		w.recovered = 0;
		for (u32 i = 0; i < PACKETS; i++) {
			struct kept_repair k;

			add(&w, base + i);
			if (rand_u32(&rand) % 4 == 0)
				lost |= 1u << i;
			else
				come(&w, base + i);
			if (i % 2 == 0)
				continue;
			repair_keep(&w, &k);
			if (rand_u32(&rand) % 5 == 0)
				continue;
			assert_int_equal(repair_comes(&w, &k.r), 0);
			owner[repairs] = -1;
			covers[repairs++] = (u32)(k.r.numbers << (k.r.first - (u32)base)) & lost;
		}
		for (u32 i = 0; i < PACKETS; i++)
			matched += lost >> i & 1 && match(i, covers, repairs, 0, owner);
		if (!lost || matched != (u32)__builtin_popcount(lost))
			continue;
		possible++;
		failed += w.recovered != matched;
	}
	assert_true(possible > 5000);
	print_message("%u of %u solvable patterns not solved\n", failed, possible);
	assert_true(failed * 100 < possible);
	assert_int_equal(fec_decoder_counters(w.d)->bad, 0);
	ends_free(&w);
}

/* The end to end sum: a long stream at 20 %, 2 % of everything lost. */
static void a_stream_with_random_loss_loses_little(void **state)
{
	struct rand_source rand;
	struct ends w;
	u32 lost = 0;

	(void)state;
	rand_seeded(&rand, 13);
	ends_init(&w, FEC_KEEP_LEAST, 1424);
	fec_encoder_tune(w.e, fec_rate_ppm(20000, true), 32);
	for (u64 n = 0; n < 20000; n++) {
		if (n % 7 == 3)
			continue;	/* a control datagram */
		add(&w, n);
		if (rand_u32(&rand) % 50)
			assert_true(come(&w, n));
		else
			lost++;
		if (fec_encoder_due(w.e)) {
			struct kept_repair k;

			repair_keep(&w, &k);
			if (rand_u32(&rand) % 50)
				assert_int_equal(repair_comes(&w, &k.r), 0);
		}
	}
	print_message("%u lost, %u came back\n", lost, w.recovered);
	assert_true(lost > 200);
	assert_true(w.recovered >= lost - lost / 50 && w.recovered <= lost);
	assert_true(fec_decoder_counters(w.d)->useless > 0);
	assert_int_equal(fec_decoder_counters(w.d)->bad, 0);
	ends_free(&w);
}

static void the_last_packets_come_back_too(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	for (u64 n = 0; n < 20; n++) {
		add(&w, n);
		if (n < 17)
			come(&w, n);
	}
	repair_goes(&w);
	repair_goes(&w);
	assert_int_equal(w.recovered, 0);
	repair_goes(&w);
	assert_int_equal(w.recovered, 3);
	ends_free(&w);
}

/* The repair took the faster path: it waits until all but one packet are there. */
static void a_repair_that_comes_first_waits(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	come(&w, 0);
	for (u64 n = 1; n <= 40; n++)
		add(&w, n);
	repair_goes(&w);
	assert_int_equal(w.recovered, 0);
	for (u64 n = 1; n <= 39; n++) {
		if (n == 23)
			continue;
		assert_true(come(&w, n));
		assert_int_equal(w.recovered, 0);
	}
	assert_true(come(&w, 40));
	assert_int_equal(w.recovered, 1);
	assert_int_equal(w.news.packets[0].number, 23);
	ends_free(&w);
}

static void what_was_recovered_and_comes_after_all_is_a_copy(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	for (u64 n = 0; n < 10; n++) {
		add(&w, n);
		if (n != 4)
			assert_true(come(&w, n));
	}
	repair_goes(&w);
	assert_int_equal(w.recovered, 1);
	assert_false(come(&w, 4));
	assert_false(come(&w, 4));
	repair_goes(&w);	/* nothing is missing any more */
	assert_int_equal(w.recovered, 1);
	assert_int_equal(fec_decoder_counters(w.d)->useless, 1);
	assert_true(come(&w, 10));
	ends_free(&w);
}

/* The other way round: it came before the repair could be used. */
static void what_comes_late_is_not_recovered_again(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	for (u64 n = 0; n < 10; n++) {
		add(&w, n);
		if (n != 4 && n != 7)
			come(&w, n);
	}
	repair_goes(&w);
	assert_true(come(&w, 4));
	assert_int_equal(w.recovered, 1);
	assert_int_equal(w.news.packets[0].number, 7);
	assert_false(come(&w, 7));
	ends_free(&w);
}

static void old_repairs_are_given_up(void **state)
{
	struct kept_repair k;
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	for (u64 n = 0; n < 10; n++) {
		add(&w, n);
		if (n != 4 && n != 7)
			come(&w, n);
	}
	repair_keep(&w, &k);
	assert_int_equal(repair_comes(&w, &k.r), 0);
	for (u64 n = 10; n < 4 + FEC_KEEP_LEAST; n++)
		come(&w, n);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 0);
	come(&w, 4 + FEC_KEEP_LEAST);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 1);
	assert_true(come(&w, 4));	/* later than anything we remember: not for us to judge */
	assert_int_equal(w.recovered, 0);
	assert_int_equal(repair_comes(&w, &k.r), 0);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 2);
	ends_free(&w);
}

/* A repair that tells of later numbers ages the others as those numbers themselves would. */
static void repairs_move_the_window(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	fec_encoder_tune(w.e, 0, 2);
	come(&w, 0);
	add(&w, 1);
	add(&w, 2);
	repair_goes(&w);
	add(&w, FEC_KEEP_LEAST - 1);
	add(&w, FEC_KEEP_LEAST);
	repair_goes(&w);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 0);
	add(&w, FEC_KEEP_LEAST + 1);
	repair_goes(&w);
	assert_int_equal(fec_decoder_counters(w.d)->stale, 1);
	ends_free(&w);
}

/* Repairs of two holes come mixed: that for the one must not be lost among those for the other. */
static void two_holes_at_once(void **state)
{
	struct kept_repair a[2], b[2];
	struct ends w;

	(void)state;
	ends_init(&w, KEEP, 300);
	fec_encoder_tune(w.e, 0, 3);
	come(&w, 0);
	for (u64 n = 1; n <= 3; n++)
		add(&w, n);
	repair_keep(&w, &a[0]);
	repair_keep(&w, &a[1]);
	for (u64 n = 4; n <= 6; n++)
		add(&w, n);
	repair_keep(&w, &b[0]);
	repair_keep(&w, &b[1]);
	come(&w, 2);
	come(&w, 4);
	repair_comes(&w, &a[0].r);
	repair_comes(&w, &b[0].r);
	assert_int_equal(w.recovered, 0);
	repair_comes(&w, &a[1].r);
	assert_int_equal(w.recovered, 2);
	repair_comes(&w, &b[1].r);
	assert_int_equal(w.recovered, 4);
	ends_free(&w);
}

/* Two chains in one system: a later line has to be fetched for a column. */
static void repairs_of_overlapping_windows_in_any_order(void **state)
{
	struct kept_repair repairs[6];
	struct rand_source rand;
	struct ends w;

	(void)state;
	rand_seeded(&rand, 15);
	for (u32 trial = 0; trial < 200; trial++) {
		u32 order[6] = { 0, 1, 2, 3, 4, 5 };

		ends_init(&w, KEEP, 100);
		fec_encoder_tune(w.e, 0, 4);
		come(&w, 0);
		for (u64 n = 1; n <= 10; n++) {
			add(&w, n);
			if (n % 3 == 1 && n > 1) {
				repair_keep(&w, &repairs[2 * (n / 3 - 1)]);
				repair_keep(&w, &repairs[2 * (n / 3 - 1) + 1]);
			}
		}
		for (u64 n = 2; n <= 8; n += 3)
			come(&w, n);
		come(&w, 10);
		/* Left: 1 3 4 | 4 6 7 | 7 9, with two repairs each. */
		shuffle(&rand, order, 6);
		for (u32 i = 0; i < 6; i++)
			repair_comes(&w, &repairs[order[i]].r);
		assert_int_equal(w.recovered, 6);
		ends_free(&w);
	}
}

/* More unknowns hang together than a system has columns for: the equations beyond wait until enough packets have come. */
static void a_chain_of_too_many_unknowns(void **state)
{
	enum { COUNT = 3 * FEC_ROWS + 1 };
	struct rand_source rand;
	struct ends w;

	(void)state;
	rand_seeded(&rand, 16);
	ends_init(&w, KEEP, 100);
	for (u32 trial = 0; trial < 300; trial++) {
		u32 order[COUNT], came = 0;
		u64 base = 1000 + trial * 1000ULL;

		fec_encoder_reset(w.e);
		fec_decoder_reset(w.d);
		fec_encoder_tune(w.e, 0, 4);
		come(&w, base - 1);
		w.recovered = 0;
		for (u32 i = 0; i < COUNT; i++) {
			order[i] = i;
			add(&w, base + i);
			if (i && i % 3 == 0)
				repair_goes(&w);
		}
		assert_int_equal(w.recovered, 0);
		shuffle(&rand, order, COUNT);
		for (u32 i = 0; i < COUNT; i++)
			came += come(&w, base + order[i]);
		assert_true(w.recovered > 0);
		assert_int_equal(w.recovered + came, COUNT);
	}
	assert_int_equal(fec_decoder_counters(w.d)->bad, 0);
	ends_free(&w);
}

static void numbers_pass_32_bits(void **state)
{
	struct ends w;
	u64 base = 0xffffffffULL - 20;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	for (u64 n = base; n < base + 40; n++) {
		add(&w, n);
		if (n != 0xffffffffULL && n != 0x100000000ULL && n != 0x100000005ULL)
			come(&w, n);
	}
	for (u32 i = 0; i < 3; i++)
		repair_goes(&w);
	assert_int_equal(w.recovered, 3);
	ends_free(&w);
}

static void a_path_may_begin_anew(void **state)
{
	struct ends w;

	(void)state;
	ends_init(&w, FEC_KEEP_LEAST, 300);
	for (u64 n = 5000; n < 5010; n++) {
		add(&w, n);
		if (n != 5004 && n != 5005)
			come(&w, n);
	}
	repair_goes(&w);	/* waits */
	fec_encoder_reset(w.e);
	fec_decoder_reset(w.d);
	for (u64 n = 0; n < 10; n++) {
		add(&w, n);
		if (n != 4)
			come(&w, n);
	}
	repair_goes(&w);
	assert_int_equal(w.recovered, 1);
	/* The same numbers once more: the repair of their former life must not be applied. */
	for (u64 n = 5000; n < 5005; n++)
		come(&w, n);
	assert_int_equal(w.recovered, 1);
	ends_free(&w);
}

static void sizes_of_a_decoder(void **state)
{
	static const struct {
		u32 kept;
		bool made;
	} facts[] = { { 0, false },   { 32, false }, { 63, false },   { 64, true },
		      { 100, false }, { 256, true }, { 1024, true }, { 2048, false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		struct fec_decoder *d = fec_decoder_new(facts[i].kept);

		assert_int_equal(d != NULL, facts[i].made);
		fec_decoder_free(d);
	}
}

/* TG_BENCH=1: what a repair costs, made and used. */
static void bench(void)
{
	static struct kept_repair k[1000];
	static u8 plain[1424];
	u64 began, made, used;
	struct ends w;

	ends_init(&w, KEEP, FEC_PLAIN_BYTES);
	memset(k, 0, sizeof(k));
	memset(plain, 0xff, sizeof(plain));
	for (u64 n = 0; n < FEC_WINDOW; n++) {
		fec_encoder_add(w.e, n, 0, plain, sizeof(plain));
		if (n != 20)
			fec_decoder_source(w.d, n, 0, plain, sizeof(plain), &w.news);
	}
	began = clock_now_us();
	for (u32 i = 0; i < ARRAY_SIZE(k); i++)
		repair_keep(&w, &k[i]);
	made = clock_now_us();
	for (u32 i = 0; i < ARRAY_SIZE(k); i++) {
		k[i].symbol[1] ^= 1;	/* a wrong length makes no packet, so that every repair is worked on */
		fec_decoder_repair(w.d, &k[i].r, &w.news);
	}
	used = clock_now_us();
	printf("a repair over %u packets of 1424 bytes: made in %.1f us, used in %.1f us\n", FEC_WINDOW,
	       (double)(made - began) / ARRAY_SIZE(k), (double)(used - made) / ARRAY_SIZE(k));
	ends_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_wanted_on_long_paths_and_for_interactive_flows),
		cmocka_unit_test(repairs_keep_to_the_rate),
		cmocka_unit_test(no_rate_no_repairs_and_no_saving_up),
		cmocka_unit_test(the_map_tells_the_window),
		cmocka_unit_test(what_is_too_long_or_a_copy_is_left_out),
		cmocka_unit_test(one_loss_comes_back_whole),
		cmocka_unit_test(any_k_losses_come_back_with_k_repairs),
		cmocka_unit_test(sliding_windows_mend_what_they_can),
		cmocka_unit_test(a_stream_with_random_loss_loses_little),
		cmocka_unit_test(the_last_packets_come_back_too),
		cmocka_unit_test(a_repair_that_comes_first_waits),
		cmocka_unit_test(what_was_recovered_and_comes_after_all_is_a_copy),
		cmocka_unit_test(what_comes_late_is_not_recovered_again),
		cmocka_unit_test(old_repairs_are_given_up),
		cmocka_unit_test(repairs_move_the_window),
		cmocka_unit_test(two_holes_at_once),
		cmocka_unit_test(repairs_of_overlapping_windows_in_any_order),
		cmocka_unit_test(a_chain_of_too_many_unknowns),
		cmocka_unit_test(numbers_pass_32_bits),
		cmocka_unit_test(a_path_may_begin_anew),
		cmocka_unit_test(sizes_of_a_decoder),
	};

	if (getenv("TG_BENCH"))
		bench();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
