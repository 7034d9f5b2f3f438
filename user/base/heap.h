// SPDX-License-Identifier: MIT
/* heap.h - things with a deadline, the earliest first (binary heap, intrusive) */
#ifndef TG_BASE_HEAP_H
#define TG_BASE_HEAP_H

#include "base/types.h"

/* Embed one; zero-initialised is "in no heap". */
struct heap_node {
	u64 due_us;
	u32 place;		/* 1 + index in the heap; 0: not in it */
};

struct heap {
	struct heap_node **nodes;
	u32 count, size;
};

/* Sets a node's deadline: inserts, moves or (TIME_NEVER) removes it. -ENOMEM only when inserting. */
int heap_set(struct heap *h, struct heap_node *n, u64 due_us);

/* The node with the earliest deadline, or NULL. It stays in the heap. */
struct heap_node *heap_first(const struct heap *h);

/* Frees the heap's own memory. */
void heap_free(struct heap *h);

#endif
