// SPDX-License-Identifier: MIT
/* event.c - virtual time: what happens when, the earliest first */
#include "sim/event.h"

#include <stdlib.h>

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put_at(struct events *q, u32 i, struct event *e)
{
	q->nodes[i] = e;
	e->place = i + 1;
}

static void sift_up(struct events *q, u32 i, struct event *e)
{
	while (i && earlier(e, q->nodes[(i - 1) / 2])) {
		put_at(q, i, q->nodes[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put_at(q, i, e);
}

static void sift_down(struct events *q, u32 i, struct event *e)
{
	for (;;) {
		u32 child = 2 * i + 1;

		if (child >= q->count)
			break;
		if (child + 1 < q->count && earlier(q->nodes[child + 1], q->nodes[child]))
			child++;
		if (!earlier(q->nodes[child], e))
			break;
		put_at(q, i, q->nodes[child]);
		i = child;
	}
	put_at(q, i, e);
}

static void settle(struct events *q, u32 i, struct event *e)
{
	if (i && earlier(e, q->nodes[(i - 1) / 2]))
		sift_up(q, i, e);
	else
		sift_down(q, i, e);
}

static void take_out(struct events *q, struct event *e)
{
	u32 i = e->place - 1;
	struct event *last = q->nodes[--q->count];

	e->place = 0;
	if (last != e)
		settle(q, i, last);
}

void event_set(struct events *q, struct event *e, u64 at_ns)
{
	if (at_ns == TIME_NEVER) {
		if (e->place)
			take_out(q, e);
		return;
	}
	e->at_ns = MAX(at_ns, q->now_ns);
	e->order = q->next_order++;
	if (e->place) {
		settle(q, e->place - 1, e);
		return;
	}
	if (q->count == q->size) {
		q->size = q->size ? 2 * q->size : 64;
		q->nodes = realloc(q->nodes, q->size * sizeof(struct event *));
		if (!q->nodes)
			abort();
	}
	sift_up(q, q->count++, e);
}

bool event_step(struct events *q, u64 until_ns)
{
	struct event *e = q->count ? q->nodes[0] : NULL;

	if (!e || e->at_ns > until_ns) {
		q->now_ns = MAX(q->now_ns, until_ns);
		return false;
	}
	take_out(q, e);
	q->now_ns = e->at_ns;
	e->fire(e);
	return true;
}

void events_free(struct events *q)
{
	free(q->nodes);
	*q = (struct events){ 0 };
}
