// SPDX-License-Identifier: MIT
/* buf.c - fixed pools of packet buffers */
#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PREFETCH_AHEAD 4u	/* bufs are taken in rows, and the next ones are not in the nearest cache yet */

struct buf_pool {
	struct buf **given;	/* a stack of those given back: no buf need be looked at to find the next */
	u32 given_count;
	u32 fresh;		/* slots never used lie from here on; their pages are untouched */
	u32 count;
	struct buf *slots;
};

static size_t pool_bytes(u32 count)
{
	return (size_t)count * (sizeof(struct buf) + sizeof(struct buf *));
}

struct buf_pool *buf_pool_new(u32 count)
{
	struct buf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->slots = mmap(NULL, pool_bytes(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->slots == MAP_FAILED) {
		free(pool);
		return NULL;
	}
	pool->given = (struct buf **)(void *)(pool->slots + count);
	pool->count = count;
	return pool;
}

void buf_pool_free(struct buf_pool *pool)
{
	if (!pool)
		return;
	assert(pool->given_count == pool->fresh);
	munmap(pool->slots, pool_bytes(pool->count));
	free(pool);
}

u32 buf_pool_left(const struct buf_pool *pool)
{
	return pool->count - pool->fresh + pool->given_count;
}

struct buf *buf_take(struct buf_pool *pool)
{
	struct buf *b;

	if (pool->given_count) {
		b = pool->given[--pool->given_count];
		if (pool->given_count >= PREFETCH_AHEAD)
			__builtin_prefetch(pool->given[pool->given_count - PREFETCH_AHEAD], 1);
	} else if (pool->fresh < pool->count) {
		b = &pool->slots[pool->fresh++];
	} else {
		return NULL;
	}

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
	b->by_bulk = false;
	b->ahead = false;
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
	assert(b->pool->given_count < b->pool->fresh);
	b->pool->given[b->pool->given_count++] = b;
}

void buf_queue_drop(struct buf_queue *q)
{
	struct buf *b;

	while ((b = buf_queue_take(q)))
		buf_put(b);
}
