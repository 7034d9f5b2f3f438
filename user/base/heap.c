// SPDX-License-Identifier: MIT
/* heap.c - things with a deadline, the earliest first */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

static void put_at(struct heap *h, u32 i, struct heap_node *n)
{
	h->nodes[i] = n;
	n->place = i + 1;
}

static void sift_up(struct heap *h, u32 i, struct heap_node *n)
{
	while (i && h->nodes[(i - 1) / 2]->due_us > n->due_us) {
		put_at(h, i, h->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(h, i, n);
}

static void sift_down(struct heap *h, u32 i, struct heap_node *n)
{
	for (;;) {
		u32 child = 2 * i + 1;

		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->nodes[child + 1]->due_us < h->nodes[child]->due_us)
			child++;
		if (h->nodes[child]->due_us >= n->due_us)
			break;
		put_at(h, i, h->nodes[child]);
		i = child;
	}
	put_at(h, i, n);
}

static void settle(struct heap *h, u32 i, struct heap_node *n)
{
	if (i && h->nodes[(i - 1) / 2]->due_us > n->due_us)
		sift_up(h, i, n);
	else
		sift_down(h, i, n);
}

static int grow(struct heap *h)
{
	u32 size = h->size ? 2 * h->size : 16;
	struct heap_node **nodes;

	if (h->count < h->size)
		return 0;
	nodes = realloc(h->nodes, size * sizeof(struct heap_node *));
	if (!nodes)
		return -ENOMEM;
	h->nodes = nodes;
	h->size = size;
	return 0;
}

static void take_out(struct heap *h, struct heap_node *n)
{
	u32 i = n->place - 1;
	struct heap_node *last = h->nodes[--h->count];

	n->place = 0;
	if (last != n)
		settle(h, i, last);
}

int heap_set(struct heap *h, struct heap_node *n, u64 due_us)
{
	if (due_us == TIME_NEVER) {
		if (n->place)
			take_out(h, n);
		n->due_us = due_us;
		return 0;
	}
	if (n->place && n->due_us == due_us)
		return 0;
	n->due_us = due_us;
	if (n->place) {
		settle(h, n->place - 1, n);
		return 0;
	}
	if (grow(h))
		return -ENOMEM;
	sift_up(h, h->count++, n);
	return 0;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count ? h->nodes[0] : NULL;
}

void heap_free(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){ 0 };
}
