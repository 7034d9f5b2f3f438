// SPDX-License-Identifier: MIT
/* rand.h - where random bytes come from: the kernel, or a seed in tests */
#ifndef TG_BASE_RAND_H
#define TG_BASE_RAND_H

#include "base/types.h"

struct rand_source {
	void (*fill)(struct rand_source *r, void *out, size_t len);
	u64 state;		/* of the seeded source */
};

/* The kernel's generator. Never fails (waits for entropy at first boot). */
void rand_system(struct rand_source *r);

/* Repeatable bytes for tests and the simulator; not for secrets. splitmix64 (Steele, Lea,
 * Flood: "Fast splittable pseudorandom number generators", 2014). */
void rand_seeded(struct rand_source *r, u64 seed);

static inline void rand_fill(struct rand_source *r, void *out, size_t len)
{
	r->fill(r, out, len);
}

static inline u32 rand_u32(struct rand_source *r)
{
	u32 v;
	r->fill(r, &v, sizeof(v));
	return v;
}

static inline u64 rand_u64(struct rand_source *r)
{
	u64 v;
	r->fill(r, &v, sizeof(v));
	return v;
}

#endif
