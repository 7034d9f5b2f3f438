// SPDX-License-Identifier: MIT
/* event.h - virtual time: what happens when, the earliest first
 *
 * A binary heap of events that live in whatever they belong to. Times are nanoseconds, as a datagram on a fast link
 * takes less than a microsecond's fraction matters; equal times keep the order in which they were set.
 */
#ifndef TG_TESTS_SIM_EVENT_H
#define TG_TESTS_SIM_EVENT_H

#include "base/types.h"

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_SEC 1000000000ULL

/* Embed one, set fire; otherwise zero-initialised is "not planned". */
struct event {
	u64 at_ns;
	u64 order;
	u32 place;		/* 1 + index in the heap; 0: not planned */
	void (*fire)(struct event *e);
};

struct events {
	struct event **nodes;
	u32 count, size;
	u64 now_ns;
	u64 next_order;
};

/* Plans, moves or (TIME_NEVER) takes an event back. Times gone by mean now. */
void event_set(struct events *q, struct event *e, u64 at_ns);

/* Fires the earliest event if it is due by until_ns and sets the time to its; else sets the time to until_ns and says no. */
bool event_step(struct events *q, u64 until_ns);

/* Frees the heap's own memory. */
void events_free(struct events *q);

#endif
