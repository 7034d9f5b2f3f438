// SPDX-License-Identifier: MIT
/* gf256.c - arithmetic of GF(2^8)
 *
 * A product is the sum of the products of both halves of a byte, so two tables of 16 bytes hold a whole row of the
 * multiplication table. They fit the registers of a byte shuffle, which looks up 16 or 32 bytes at once (the way of Plank,
 * Greenan, Miller: "Screaming fast Galois field arithmetic using Intel SIMD instructions", 2013).
 */
#include "path/gf256.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#define POLYNOMIAL 0x11du

static void muladd_table(const struct gf256_products *by, u8 *out, const u8 *in, u32 len)
{
	for (u32 i = 0; i < len; i++)
		out[i] ^= by->low[in[i] & 15] ^ by->high[in[i] >> 4];
}

#ifdef __x86_64__

__attribute__((target("ssse3"))) static void muladd_ssse3(const struct gf256_products *by, u8 *out, const u8 *in, u32 len)
{
	const __m128i low = _mm_load_si128((const __m128i *)by->low);
	const __m128i high = _mm_load_si128((const __m128i *)by->high);
	const __m128i half = _mm_set1_epi8(15);
	u32 i;

	for (i = 0; i + 16 <= len; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(in + i));
		__m128i y = _mm_loadu_si128((const __m128i *)(out + i));

		y = _mm_xor_si128(y, _mm_shuffle_epi8(low, _mm_and_si128(x, half)));
		y = _mm_xor_si128(y, _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi64(x, 4), half)));
		_mm_storeu_si128((__m128i *)(out + i), y);
	}
	muladd_table(by, out + i, in + i, len - i);
}

__attribute__((target("avx2"))) static void muladd_avx2(const struct gf256_products *by, u8 *out, const u8 *in, u32 len)
{
	const __m256i low = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)by->low));
	const __m256i high = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)by->high));
	const __m256i half = _mm256_set1_epi8(15);
	u32 i;

	for (i = 0; i + 32 <= len; i += 32) {
		__m256i x = _mm256_loadu_si256((const __m256i *)(in + i));
		__m256i y = _mm256_loadu_si256((const __m256i *)(out + i));

		y = _mm256_xor_si256(y, _mm256_shuffle_epi8(low, _mm256_and_si256(x, half)));
		y = _mm256_xor_si256(y, _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi64(x, 4), half)));
		_mm256_storeu_si256((__m256i *)(out + i), y);
	}
	muladd_table(by, out + i, in + i, len - i);
}

static bool has_ssse3(void)
{
	return __builtin_cpu_supports("ssse3");
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

#endif

static bool has_table(void)
{
	return true;
}

static const struct {
	void (*muladd)(const struct gf256_products *by, u8 *out, const u8 *in, u32 len);
	bool (*is_here)(void);
} kinds[GF256_KINDS] = {
	[GF256_TABLE] = { muladd_table, has_table },
#ifdef __x86_64__
	[GF256_SSSE3] = { muladd_ssse3, has_ssse3 },
	[GF256_AVX2] = { muladd_avx2, has_avx2 },
#endif
};

static bool is_here(enum gf256_kind kind)
{
	return kinds[kind].muladd && kinds[kind].is_here();
}

enum gf256_kind gf256_best(void)
{
	enum gf256_kind kind = GF256_KINDS - 1;

	while (!is_here(kind))
		kind--;
	return kind;
}

static u8 twice(u8 a)
{
	return (u8)(a << 1 ^ (a & 0x80 ? POLYNOMIAL : 0));
}

/* Products of one factor: those with single bits by doubling, the others as sums of two that are there. */
static void fill_products(struct gf256_products *p, u8 factor)
{
	u8 power = factor;

	p->low[0] = p->high[0] = 0;
	for (u32 bit = 1; bit < 16; bit *= 2, power = twice(power))
		for (u32 i = 0; i < bit; i++)
			p->low[bit + i] = power ^ p->low[i];
	for (u32 bit = 1; bit < 16; bit *= 2, power = twice(power))
		for (u32 i = 0; i < bit; i++)
			p->high[bit + i] = power ^ p->high[i];
}

bool gf256_init(struct gf256 *g, enum gf256_kind kind)
{
	if (!is_here(kind))
		return false;
	g->muladd = kinds[kind].muladd;
	for (u32 a = 0; a < 256; a++)
		fill_products(&g->products[a], (u8)a);
	g->inverse[0] = 0;
	for (u32 a = 1; a < 256; a++)
		for (u32 b = 1; b < 256; b++)
			if (gf256_multiply(g, (u8)a, (u8)b) == 1)
				g->inverse[a] = (u8)b;
	return true;
}
