/* SPDX-License-Identifier: MIT */
/* pick.h - the path a flow stays on, from weights that were published as a whole
 *
 * Weighted rendezvous (Schindelhauer, Schomaker, 2005): each path draws an exponential number from the flow's hash, with its weight as
 * the rate, and the least wins. So each gets its share, and a path that vanishes moves only its own flows. The
 * engine and the BPF programs call the same function, in integers, since BPF has no others.
 */
#ifndef TRIGLAV_PICK_H
#define TRIGLAV_PICK_H

#include <triglav/maps.h>

#define TG_PICK_NONE (-1)
#define TG_PICK_BITS 24		/* of the fraction of a draw */

/* Spreads the bits of both numbers (the finaliser of MurmurHash3, by Austin Appleby). */
static inline __u32 tg_pick_mix(__u32 flow_hash, __u32 path)
{
	__u32 h = flow_hash ^ (path + 1) * 0x9e3779b9u;

	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

/* Place of the highest bit of v > 0, without a comparison: BPF has no instruction for it, and makes branches of comparisons. All below it are set
 * and counted, in pairs, fours, bytes (Warren, "Hacker's Delight", 5-1). */
static inline __u32 tg_pick_top(__u64 v)
{
	v |= v >> 1;
	v |= v >> 2;
	v |= v >> 4;
	v |= v >> 8;
	v |= v >> 16;
	v |= v >> 32;
	v -= v >> 1 & 0x5555555555555555ULL;
	v = (v & 0x3333333333333333ULL) + (v >> 2 & 0x3333333333333333ULL);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (__u32)(v * 0x0101010101010101ULL >> 56) - 1;
}

/* 33 - log2(2 x + 1), in units of 2^-TG_PICK_BITS: -log2 of a number in (0, 1) that has x as its bits. The integer part is the place
 * of the highest bit; the fraction comes bit by bit, by squaring what is left. No branches: the verifier would walk both sides. */
static inline __u32 tg_pick_draw(__u32 x)
{
	__u64 m = 2 * (__u64)x + 1, bit;
	__u32 top = tg_pick_top(m) & 63, fraction = 0;
	int i;

	m <<= (32 - top) & 63;
	m >>= 1;		/* 1.31, so that its square fits */
	for (i = 0; i < TG_PICK_BITS; i++) {
		m = m * m >> 31;
		bit = m >> 32;
		m >>= bit;
		fraction = fraction << 1 | (__u32)bit;
	}
	return (33u << TG_PICK_BITS) - (top << TG_PICK_BITS) - fraction;
}

/* One question per path: a weight of 0 never wins, and what stands there first always loses. Every other question would multiply the states
 * that the verifier looks at, so only who has none skips what cannot win. */
static inline int tg_pick_from(const struct tg_weights *w, __u32 flow_hash, int skipping)
{
	__u64 best_draw = 1, best_weight = 0;
	int best = TG_PICK_NONE;
	__u32 i;

	for (i = 0; i < TG_MAX_PATHS; i++) {
		__u64 weight = w->paths[i].weight, draw;

		if (skipping && !weight)
			continue;
		draw = tg_pick_draw(tg_pick_mix(flow_hash, i));
		/* draw / weight >= best_draw / best_weight; 30 and 32 bits, so the products fit */
		if (draw * best_weight >= best_draw * weight)
			continue;
		best = (int)i;
		best_draw = draw;
		best_weight = weight;
	}
	return best;
}

/* The path, or TG_PICK_NONE when none has a weight. */
static inline int tg_pick_path(const struct tg_weights *w, __u32 flow_hash)
{
	return tg_pick_from(w, flow_hash, 0);
}

/* The same path, in less time where most have no weight. Not for BPF programs. */
static inline int tg_pick_path_quickly(const struct tg_weights *w, __u32 flow_hash)
{
	return tg_pick_from(w, flow_hash, 1);
}

/* Weights waver; a flow must not move for that. Steps of 1, 1.5, 2, 3, 4, 6 ... Never 0. */
static inline __u32 tg_pick_coarse(__u64 weight)
{
	__u32 top = 0;

	if (weight > 0xffffffff)
		weight = 0xffffffff;
	while (weight >> top > 1)
		top++;
	return (__u32)((1ULL << top) + (top ? weight & 1ULL << (top - 1) : 0));
}

#endif
