// SPDX-License-Identifier: MIT
/* ring.c - runs of datagrams from one thread to another
 *
 * Positions count bytes and only grow; where a position lies is its remainder. The writer owns `end`, the reader `begin`; each
 * releases its own when it is done with the bytes before it, and acquires the other's, of which it keeps a copy to
 * look at the shared line seldom. A run that would not fit before the end of the area begins at its start, and a record
 * without a run fills what is left.
 */
#include "run/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LINE 64		/* bytes of a cache line: the two sides shall not share one */
#define ALIGNED(n) (((n) + 15u) & ~15u)

struct record {
	u32 bytes;		/* of the record, ALIGNED */
	bool filler;		/* no run, the next record is at the start of the area */
	struct datagrams run;	/* data is set by the reader */
};

struct ring {
	u8 *area;
	u32 size;

	/* The writer's. */
	u64 put __attribute__((aligned(LINE)));	/* where the next record goes */
	u64 begin_seen;
	u64 end;		/* shared: the reader may read up to here */

	/* The reader's. */
	u64 taken __attribute__((aligned(LINE)));	/* what it has been given ends here */
	u64 end_seen;
	u64 begin;		/* shared: the writer may write up to here + size */
};

_Static_assert(ALIGNED(sizeof(struct record)) + DATAGRAMS_MAX_BYTES + 64u < RING_MIN_BYTES / 2, "a run fits at any place");

struct ring *ring_new(u32 bytes)
{
	struct ring *r;

	if (bytes < RING_MIN_BYTES || bytes & (bytes - 1))
		return NULL;
	r = aligned_alloc(LINE, sizeof(*r));
	if (!r)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->size = bytes;
	r->area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->area == MAP_FAILED) {
		free(r);
		return NULL;
	}
	return r;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	munmap(r->area, r->size);
	free(r);
}

/* ---- writer ---- */

static struct record *at(const struct ring *r, u64 position)
{
	return (struct record *)(r->area + (position & (r->size - 1)));
}

static bool has_room(struct ring *r, u32 bytes)
{
	if (r->put + bytes - r->begin_seen <= r->size)
		return true;
	r->begin_seen = __atomic_load_n(&r->begin, __ATOMIC_ACQUIRE);
	return r->put + bytes - r->begin_seen <= r->size;
}

/* Bytes from here to the end of the area, when the record does not fit in there; 0: it does. A multiple of 16, but perhaps too
 * few for a whole record: the reader looks at the first two fields only. */
static u32 gap(const struct ring *r, u32 bytes)
{
	u32 left = r->size - (u32)(r->put & (r->size - 1));

	return left < bytes ? left : 0;
}

bool ring_put(struct ring *r, const struct datagrams *run, u32 link)
{
	u32 bytes = ALIGNED((u32)sizeof(struct record) + run->len), skip = gap(r, bytes);
	struct record *to;

	if (run->len > DATAGRAMS_MAX_BYTES || !has_room(r, skip + bytes))
		return false;
	if (skip) {
		at(r, r->put)->bytes = skip;
		at(r, r->put)->filler = true;
		r->put += skip;
	}
	to = at(r, r->put);
	to->bytes = bytes;
	to->filler = false;
	to->run = *run;
	to->run.where.link = link;
	memcpy(to + 1, run->data, run->len);
	r->put += bytes;
	return true;
}

bool ring_show(struct ring *r)
{
	if (r->end == r->put)
		return false;
	__atomic_store_n(&r->end, r->put, __ATOMIC_RELEASE);
	return true;
}

/* ---- reader ---- */

u32 ring_take(struct ring *r, struct datagrams *runs, u32 max)
{
	u32 count = 0;

	if (r->taken == r->end_seen)
		r->end_seen = __atomic_load_n(&r->end, __ATOMIC_ACQUIRE);
	while (count < max && r->taken != r->end_seen) {
		struct record *from = at(r, r->taken);

		if (!from->filler) {
			runs[count] = from->run;
			runs[count++].data = (u8 *)(from + 1);
		}
		r->taken += from->bytes;
	}
	return count;
}

void ring_free_taken(struct ring *r)
{
	__atomic_store_n(&r->begin, r->taken, __ATOMIC_RELEASE);
}
