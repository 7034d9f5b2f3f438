// SPDX-License-Identifier: MIT
/* buf.c - fixed pools of packet buffers */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

struct buf_pool {
	struct buf *free;	/* used before and given back */
	u32 fresh;		/* slots never used lie from here on; their pages are untouched */
	u32 count;
	u32 out;
	struct buf *slots;
};

struct buf_pool *buf_pool_new(u32 count)
{
	struct buf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->slots = mmap(NULL, (size_t)count * sizeof(struct buf), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->slots == MAP_FAILED) {
		free(pool);
		return NULL;
	}
	pool->count = count;
	return pool;
}

void buf_pool_free(struct buf_pool *pool)
{
	if (!pool)
		return;
	assert(pool->out == 0);
	munmap(pool->slots, (size_t)pool->count * sizeof(struct buf));
	free(pool);
}

u32 buf_pool_left(const struct buf_pool *pool)
{
	return pool->count - pool->out;
}

struct buf *buf_take(struct buf_pool *pool)
{
	struct buf *b = pool->free;

	if (b) {
		pool->free = b->next;
		__builtin_prefetch(pool->free, 1);	/* bufs are taken in rows: the next one is not in cache yet */
	} else if (pool->fresh < pool->count) {
		b = &pool->slots[pool->fresh++];
	} else {
		return NULL;
	}

	pool->out++;
	b->next = NULL;
	b->pool = pool;
	b->data = b->area + BUF_HEADROOM;
	b->len = 0;
	b->csum_partial = false;
	b->path = 0;
	b->flow_hash = 0;
	b->order = 0;
	b->half = 0;
	b->bulk = false;
	b->wanted_class = 0;
	b->wanted_path = 0;
	b->pinned_path = 0;
	b->rounds = 0;
	b->time_us = 0;
	return b;
}

void buf_put(struct buf *b)
{
	if (!b)
		return;
	b->next = b->pool->free;
	b->pool->free = b;
	b->pool->out--;
}

void buf_queue_drop(struct buf_queue *q)
{
	struct buf *b;

	while ((b = buf_queue_take(q)))
		buf_put(b);
}
