// SPDX-License-Identifier: MIT
/* buf.h - one inner packet, with room around it, from a fixed pool
 *
 * A buf holds an inner IP packet in the clear. Sealing reads from a buf and
 * writes into a send area; opening reads from a receive area and writes into a
 * buf: nothing else is ever copied. Pools belong to one worker; no locks.
 */
#ifndef TG_BASE_BUF_H
#define TG_BASE_BUF_H

#include <stddef.h>

#include "base/types.h"

#define BUF_HEADROOM 64u	/* order word, and headers a link may put in front */
#define BUF_AREA_BYTES 1920u	/* headroom, packet, tag */
#define BUF_MAX_PACKET (BUF_AREA_BYTES - BUF_HEADROOM - 16u)

struct buf_pool;

struct buf {
	struct buf *next;		/* of the queue that holds it */
	struct buf_pool *pool;
	u8 *data;			/* first byte of the inner IP packet */
	u16 len;			/* bytes of it */
	bool csum_partial;		/* TCP/UDP checksum holds only the pseudo header's sum */
	u8 path;			/* id of the path it came by, or left by last */
	u8 rounds;			/* sender: times it was sent again */
	u32 flow_hash;			/* tg_flow_hash() of its 5-tuple; 0: not parsed yet */
	u32 order;			/* order word of the wire, host byte order */
	u8 half;			/* TG_FLAG_FIRST or TG_FLAG_LAST: half of an inner packet; 0: whole */
	bool bulk;			/* sender: its flow is one that moves much data (queue.h) */
	u8 wanted_class;		/* sender: enum tg_class, as the user wants it; 0: by what its flow does */
	u8 wanted_path;			/* sender: id of the path the user wants it on, plus one; 0: any */
	u8 pinned_path;			/* sender: likewise, that the kernel's classifier has picked for its flow, should flows stay on paths; 0: it did not say */
	bool by_bulk : 1;		/* sender: it came by the bulk lane, where there are lanes */
	bool ahead : 1;			/* sender: interactive, may overtake bulk at the receiver (TG_FLAG_AHEAD) */
	bool stretched;			/* sender: in the line; leaves by near paths later than it could (stretch.h) */
	u8 waited_ms;			/* sender: in the queue, before it joined the line; 255: or longer */
	u64 time_us;			/* arrival; where bufs wait: since when */
	u64 number;			/* sender: of its path, that it left under last */
	u8 area[BUF_AREA_BYTES] __attribute__((aligned(16)));
} __attribute__((aligned(64)));	/* what stands before the area shares one cache line */

_Static_assert(offsetof(struct buf, area) == 64, "one cache line");

/* A list of bufs, oldest first. Zero-initialised is empty. */
struct buf_queue {
	struct buf *head;
	struct buf *tail;
	u32 count;
};

/* Makes a pool of `count` bufs; all memory is reserved here, touched when used.
 * Returns NULL when there is no memory. */
struct buf_pool *buf_pool_new(u32 count);

/* Frees the pool. Every buf of it must have come back. NULL is fine. */
void buf_pool_free(struct buf_pool *pool);

/* Bufs that can still be taken. */
u32 buf_pool_left(const struct buf_pool *pool);

/* Takes an empty buf (data at BUF_HEADROOM, len 0), or NULL when the pool is dry;
 * the caller counts that as a drop. Most recently returned first: still in cache. */
struct buf *buf_take(struct buf_pool *pool);

/* Gives a buf back to its pool. NULL is fine. */
void buf_put(struct buf *b);

static inline void buf_queue_add(struct buf_queue *q, struct buf *b)
{
	b->next = NULL;
	if (q->tail)
		q->tail->next = b;
	else
		q->head = b;
	q->tail = b;
	q->count++;
}

/* Oldest buf, or NULL. */
static inline struct buf *buf_queue_take(struct buf_queue *q)
{
	struct buf *b = q->head;

	if (!b)
		return NULL;
	q->head = b->next;
	__builtin_prefetch(q->head, 1);
	if (!q->head)
		q->tail = NULL;
	q->count--;
	b->next = NULL;
	return b;
}

/* Gives everything in the queue back to its pool. */
void buf_queue_drop(struct buf_queue *q);

#endif
