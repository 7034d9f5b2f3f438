// SPDX-License-Identifier: MIT
/* gf256_test.c - the field against its definition, and each way to multiply rows against the field
 *
 * TG_BENCH=1 prints how fast each way is here.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rand.h"
#include "path/gf256.h"

#define ROW 1440u

/* Multiplication of polynomials, bit by bit: slow, and nothing in common with the tables. */
static u8 multiply(u32 a, u32 b)
{
	u32 sum = 0;

	for (u32 bit = 0; bit < 8; bit++)
		if (b >> bit & 1)
			sum ^= a << bit;
	for (u32 bit = 14; bit >= 8; bit--)
		if (sum >> bit & 1)
			sum ^= 0x11du << (bit - 8);
	return (u8)sum;
}

static void products_are_those_of_the_field(void **state)
{
	struct gf256 g;

	(void)state;
	assert_true(gf256_init(&g, GF256_TABLE));
	for (u32 a = 0; a < 256; a++)
		for (u32 b = 0; b < 256; b++)
			assert_int_equal(gf256_multiply(&g, (u8)a, (u8)b), multiply(a, b));
	assert_int_equal(g.inverse[0], 0);
	for (u32 a = 1; a < 256; a++)
		assert_int_equal(multiply(a, g.inverse[a]), 1);
}

/* All factors, all lengths around the vector sizes, unaligned; what lies beside the row stays. */
static void every_kind_agrees(void **state)
{
	static u8 in[ROW + 64], out[ROW + 64], expected[ROW + 64];
	struct rand_source rand;
	u32 kinds = 0;

	(void)state;
	rand_seeded(&rand, 1);
	for (u32 kind = 0; kind < GF256_KINDS; kind++) {
		struct gf256 g;

		if (!gf256_init(&g, kind))
			continue;
		kinds++;
		for (u32 i = 0; i < 4096; i++) {
			u8 factor = (u8)i;
			u32 len = i < 2048 ? i % 128 : rand_u32(&rand) % ROW;
			u32 from = rand_u32(&rand) % 32, to = rand_u32(&rand) % 32;

			rand_fill(&rand, in, sizeof(in));
			rand_fill(&rand, out, sizeof(out));
			memcpy(expected, out, sizeof(out));
			for (u32 n = 0; n < len; n++)
				expected[to + n] ^= multiply(factor, in[from + n]);
			gf256_muladd(&g, out + to, in + from, factor, len);
			assert_memory_equal(out, expected, sizeof(out));
		}
	}
	assert_true(kinds >= 1);
	assert_true(gf256_best() == GF256_TABLE || kinds >= 2);
}

static void a_row_is_scaled_in_place(void **state)
{
	u8 row[100], expected[100];

	(void)state;
	for (u32 kind = 0; kind < GF256_KINDS; kind++) {
		struct gf256 g;

		if (!gf256_init(&g, kind))
			continue;
		for (u32 factor = 0; factor < 256; factor++) {
			for (u32 i = 0; i < sizeof(row); i++) {
				row[i] = (u8)(i * 7 + factor);
				expected[i] = multiply(row[i], factor);
			}
			gf256_scale(&g, row, (u8)factor, sizeof(row));
			assert_memory_equal(row, expected, sizeof(row));
		}
	}
}

static void bench(const char *name, enum gf256_kind kind)
{
	static u8 in[ROW], out[ROW];
	struct gf256 g;
	u64 start, spent, bytes = 0;

	if (!gf256_init(&g, kind)) {
		printf("%-6s not here\n", name);
		return;
	}
	start = clock_now_us();
	do {
		for (u32 i = 0; i < 256; i++)
			gf256_muladd(&g, out, in, (u8)i, ROW);
		bytes += 255 * ROW;
		spent = clock_now_us() - start;
	} while (spent < 200 * MSEC);
	printf("%-6s %6.2f GB/s\n", name, (double)bytes / (double)spent / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_are_those_of_the_field),
		cmocka_unit_test(every_kind_agrees),
		cmocka_unit_test(a_row_is_scaled_in_place),
	};

	if (getenv("TG_BENCH")) {
		bench("table", GF256_TABLE);
		bench("ssse3", GF256_SSSE3);
		bench("avx2", GF256_AVX2);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
