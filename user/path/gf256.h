// SPDX-License-Identifier: MIT
/* gf256.h - arithmetic of GF(2^8), and the one operation that costs: adding a multiple of one row of bytes to another
 *
 * Polynomial x^8 + x^4 + x^3 + x^2 + 1, as in RFC 8681. Adding is xor. There is no global state: who needs the field keeps a
 * struct gf256 (8.5 kB of tables).
 */
#ifndef TG_PATH_GF256_H
#define TG_PATH_GF256_H

#include "base/types.h"

enum gf256_kind {
	GF256_TABLE,	/* plain C, two look-ups per byte */
	GF256_SSSE3,	/* 16 bytes at a time */
	GF256_AVX2,	/* 32 bytes at a time */
	GF256_KINDS,
};

/* What a byte can become when multiplied by one factor: the product of each low and of each high half. */
struct gf256_products {
	u8 low[16], high[16];
} __attribute__((aligned(16)));

struct gf256 {
	void (*muladd)(const struct gf256_products *by, u8 *out, const u8 *in, u32 len);
	struct gf256_products products[256];	/* by factor */
	u8 inverse[256];			/* inverse[0] is 0 */
};

/* The fastest kind this processor has. */
enum gf256_kind gf256_best(void);

/* Fills the tables. False, and g is untouched, when this processor has no such kind. */
bool gf256_init(struct gf256 *g, enum gf256_kind kind);

static inline u8 gf256_multiply(const struct gf256 *g, u8 a, u8 b)
{
	return g->products[a].low[b & 15] ^ g->products[a].high[b >> 4];
}

/* out += factor * in, len bytes of any alignment; out and in are the same row or do not overlap. */
static inline void gf256_muladd(const struct gf256 *g, u8 *out, const u8 *in, u8 factor, u32 len)
{
	if (factor)
		g->muladd(&g->products[factor], out, in, len);
}

/* row = factor * row: adding (factor - 1) times itself, where subtracting is xor as well. */
static inline void gf256_scale(const struct gf256 *g, u8 *row, u8 factor, u32 len)
{
	gf256_muladd(g, row, row, factor ^ 1, len);
}

#endif
