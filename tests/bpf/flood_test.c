// SPDX-License-Identifier: MIT
/* flood_test.c - how many first messages get through: token buckets, and the sketch of sources */
#include "bpf/world.h"

#include "base/rand.h"
#include "bpf/frame.h"

#define SEC_NS 1000000000ULL

static struct tg_rate rate;
static struct tg_known one_proof;
static u64 now_ns;

static struct tg_settings limits(u32 per_cpu, u32 per_source)
{
	return (struct tg_settings){ .handshakes_per_cpu = per_cpu, .handshakes_per_source = per_source, .hash_key = 99 };
}

static int begin(void **state)
{
	(void)state;
	memset(&rate, 0, sizeof(rate));
	memset(&one_proof, 0, sizeof(one_proof));
	now_ns = 1000 * SEC_NS;
	return 0;
}

/* So many of n get through; each from a prefix of its own unless told. */
static u32 admitted(const struct tg_settings *set, u32 n, bool known, bool one_source)
{
	static u32 source;
	u32 passed = 0;

	for (u32 i = 0; i < n; i++) {
		struct tg_known proof = { 0 }, *of = !known ? NULL : one_source ? &one_proof : &proof;
		u8 ip[16] = { 10 };

		if (!one_source)
			source++;
		put_be32(ip, one_source ? 0x0a000001 : source << 8);
		passed += (u32)tg_flood_admit(&rate, set, 4, ip, of, now_ns);
	}
	return passed;
}

static void the_bucket_fills_at_the_rate(void **state)
{
	struct tg_settings set = limits(100, 0);

	(void)state;
	assert_int_equal(admitted(&set, 1000, false, false), 50);	/* half a second's worth at once */
	now_ns += SEC_NS / 10;
	assert_int_equal(admitted(&set, 1000, false, false), 10);
	now_ns += 100 * SEC_NS;
	assert_int_equal(admitted(&set, 1000, false, false), 50);
	now_ns -= 50 * SEC_NS;		/* no clock does that, but it must not lock anybody out */
	assert_true(admitted(&set, 1000, false, false) <= 50);
	now_ns += SEC_NS / 10;
	assert_int_equal(admitted(&set, 1000, false, false), 10);
}

static void no_rate_means_no_limit(void **state)
{
	struct tg_settings set = limits(0, 1);

	(void)state;
	assert_int_equal(admitted(&set, 1000, false, true), 1000);
}

static void forged_sources_leave_the_known_their_share(void **state)
{
	struct tg_settings set = limits(100, 0);

	(void)state;
	assert_int_equal(admitted(&set, 1000, false, false), 50);
	assert_int_equal(admitted(&set, 1000, true, false), 50);
	for (u32 i = 0; i < 10; i++) {
		now_ns += SEC_NS / 10;
		admitted(&set, 1000, false, false);
	}
	assert_in_range(admitted(&set, 1000, true, false), 24, 26);	/* a quarter of the rate */
}

static void one_source_cannot_take_everything(void **state)
{
	struct tg_settings set = limits(1000, 20);

	(void)state;
	assert_int_equal(admitted(&set, 1000, false, true), 20);
	assert_int_equal(admitted(&set, 400, false, false), 400);
	now_ns += 2 * SEC_NS;
	assert_int_equal(admitted(&set, 1000, false, true), 20);
}

/* Whoever wrote the address of a known client on his packets emptied both buckets, for all. */
static void one_known_address_cannot_take_everything(void **state)
{
	struct tg_settings set = limits(160, 20);

	(void)state;
	assert_int_equal(admitted(&set, 1000, true, true), 10);
	assert_int_equal(admitted(&set, 70, true, false), 70);		/* the others' share; */
	assert_int_equal(admitted(&set, 1000, false, false), 80);	/* and anybody's is whole */
	now_ns += 2 * SEC_NS;
	assert_int_equal(admitted(&set, 1000, true, true), 10);
}

/* And so many forged addresses that the sketch takes all for busy do not lock the known out. */
static void a_full_sketch_says_nothing_of_the_known(void **state)
{
	struct tg_settings set = limits(160, 1);

	(void)state;
	admitted(&set, 20000, false, false);
	assert_int_equal(admitted(&set, 1000, true, true), 10);
}

/* Never less than the truth; and rarely much more while there are not far more sources than columns. */
static void the_sketch_counts_at_least_the_truth(void **state)
{
	enum { PREFIXES = 500, MESSAGES = 5000 };
	static u32 truth[PREFIXES];
	struct rand_source rand;
	u32 wrong = 0;

	(void)state;
	rand_seeded(&rand, 3);
	memset(truth, 0, sizeof(truth));
	for (u32 i = 0; i < MESSAGES; i++) {
		u32 n = rand_u32(&rand) % PREFIXES, before;
		u8 ip[16] = { 0x20, 1, (u8)(n >> 8), (u8)n };

		before = tg_flood_count(&rate, tg_flood_hash(6, ip, 5), now_ns);
		assert_true(before >= truth[n]);
		wrong += before != truth[n];
		truth[n]++;
	}
	assert_true(wrong < MESSAGES / 20);
}

static void addresses_of_one_prefix_are_one_source(void **state)
{
	static const struct { u8 family; u8 ip[16], other[16]; bool same; } facts[] = {
		{ 4, { 192, 0, 2, 1 }, { 192, 0, 2, 99 }, true },
		{ 4, { 192, 0, 2, 1 }, { 192, 0, 3, 1 }, false },
		{ 6, { 0x20, 1, 0xd, 0xb8, 0, 1, 0, 1 }, { 0x20, 1, 0xd, 0xb8, 0, 1, 9, 9, 7 }, true },
		{ 6, { 0x20, 1, 0xd, 0xb8, 0, 1 }, { 0x20, 1, 0xd, 0xb8, 0, 2 }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		assert_int_equal(tg_flood_hash(facts[i].family, facts[i].ip, 1) == tg_flood_hash(facts[i].family, facts[i].other, 1),
				 facts[i].same);
}

/* ---- the program, on this CPU and by the real clock ---- */

static void settle(u32 per_cpu, u32 per_source)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	world_reset();
	world_add_end(WORLD_IFINDEX, 4, NULL, FRAME_PORT, TG_END_SERVER);
	world.settings.handshakes_per_cpu = per_cpu;
	world.settings.handshakes_per_source = per_source;
}

/* Sends n first messages; the prefix is that of 10.first.i.0, or always 10.0.0.0. */
static u32 program_admits(u32 n, bool one_source)
{
	static const struct frame f;
	static const struct payload p = { .type = TG_TYPE_FIRST };
	u8 packet[FRAME_BYTES];
	u32 bytes = frame_write(packet, &f, &p), passed = 0;

	for (u32 i = 0; i < n; i++) {
		struct outcome o;

		put_be32(packet + TG_ETHERNET_BYTES + 12, 0x0a000001u | (one_source ? 0 : (i + 1) << 8));
		world.settings.heartbeat_ns[0] = clock_now_us() * 1000;
		o = run_program(packet, bytes, true);
		if (o.verdict == TG_VERDICT_DROP)
			assert_int_equal(o.reason, TG_DROP_RATE);
		passed += o.verdict == TG_VERDICT_PASS;
	}
	return passed;
}

static void the_program_has_the_same_bucket(void **state)
{
	u64 began = clock_now_us(), us;
	u32 passed;

	(void)state;
	settle(200, 0);
	passed = program_admits(2000, false);
	us = clock_now_us() - began;
	assert_in_range(passed, 100, 101 + us * 200 / SEC);
	assert_true(passed < 2000 || us > 9 * SEC);
}

static void the_program_limits_a_source(void **state)
{
	u64 began = clock_now_us(), epochs;
	u32 passed;

	(void)state;
	settle(1000000, 20);
	passed = program_admits(500, true);
	epochs = 2 + (clock_now_us() - began) / SEC;
	assert_in_range(passed, 20, 20 * epochs);
	assert_int_equal(program_admits(100, false), 100);
}

static void the_program_knows_who_proved_an_address(void **state)
{
	struct addr from = { .family = 4, .ip = { 10, 0, 0, 1 } };
	u64 began;
	u32 passed;

	(void)state;
	settle(64, 0);
	program_admits(200, false);
	began = clock_now_us();
	passed = program_admits(20, true);
	assert_in_range(passed, 0, 1 + (clock_now_us() - began) * 64 / SEC);
	world_know(&from, clock_now_us() + 100 * SEC);
	passed = program_admits(100, true);
	assert_in_range(passed, 4, 8 + (clock_now_us() - began) * 4 / SEC);	/* four in each epoch */
	world_reset();
}

/* Other settings of a server that runs reached the engine, but not the filter. */
static void the_rates_follow_the_settings(void **state)
{
	(void)state;
	datapath_set_rates(world.d, 1u << 20, 7);
	assert_true(world.d->settings->handshakes_per_cpu > 7);
	assert_int_equal(world.d->settings->handshakes_per_source, 7);
	datapath_set_rates(world.d, 1, 0);
	assert_int_equal(world.d->settings->handshakes_per_cpu, 1);
	assert_int_equal(world.d->settings->handshakes_per_source, 0);
	datapath_set_rates(world.d, 0, 0);
	assert_int_equal(world.d->settings->handshakes_per_cpu, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_bucket_fills_at_the_rate, begin),
		cmocka_unit_test_setup(no_rate_means_no_limit, begin),
		cmocka_unit_test_setup(forged_sources_leave_the_known_their_share, begin),
		cmocka_unit_test_setup(one_source_cannot_take_everything, begin),
		cmocka_unit_test_setup(one_known_address_cannot_take_everything, begin),
		cmocka_unit_test_setup(a_full_sketch_says_nothing_of_the_known, begin),
		cmocka_unit_test_setup(the_sketch_counts_at_least_the_truth, begin),
		cmocka_unit_test(addresses_of_one_prefix_are_one_source),
		cmocka_unit_test(the_program_has_the_same_bucket),
		cmocka_unit_test(the_program_limits_a_source),
		cmocka_unit_test(the_rates_follow_the_settings),
		cmocka_unit_test(the_program_knows_who_proved_an_address),
	};
	int skip = world_open(&(struct datapath_settings){ .server = true });

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
