// SPDX-License-Identifier: MIT
/* rand.c - random bytes */
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void fill_system(struct rand_source *r, void *out, size_t len)
{
	u8 *p = out;

	(void)r;
	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR)
			abort();	/* no kernel we support gets here; going on would be worse */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static u64 next_seeded(struct rand_source *r)
{
	u64 z = (r->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void fill_seeded(struct rand_source *r, void *out, size_t len)
{
	u8 *p = out;

	while (len) {
		u64 v = next_seeded(r);
		size_t n = MIN(len, sizeof(v));

		memcpy(p, &v, n);
		p += n;
		len -= n;
	}
}

void rand_system(struct rand_source *r)
{
	r->fill = fill_system;
	r->state = 0;
}

void rand_seeded(struct rand_source *r, u64 seed)
{
	r->fill = fill_seeded;
	r->state = seed;
}
