// SPDX-License-Identifier: MIT
/* reorder.h - hand striped packets over in the order the other side numbered them
 *
 * One ring per flow slot in use. A hole holds back what came after it until it fills, until the
 * sender says it will not come, or until its time is up; what comes later still is delivered late, never
 * thrown away, unless it is a copy. A copy is recognised among the last REORDER_WINDOW sequences of its slot; what is
 * older still is taken for one.
 */
#ifndef TG_PATH_REORDER_H
#define TG_PATH_REORDER_H

#include "base/buf.h"

#define REORDER_WINDOW 16384u

struct reorder_slot;

struct reorder {
	struct reorder_slot **slots;	/* TG_ORDER_SLOTS pointers, made with the first ordered packet; NULL before */
	u32 held;			/* bufs waiting now */
	u32 limit;			/* most bufs that may wait; above it the oldest hole is given up */
	u64 hold_us;			/* how long a hole may hold others back */
	struct reorder_slot *waiting;	/* slots with a hole, ordered by deadline */
	struct reorder_slot *waiting_last;
	u32 ring_entries;		/* of all slots, bounded as a multiple of the limit */
	u64 in_order, late, copies, gaps_filled, gaps_expired;	/* counters */
	u64 lateness_us;		/* decaying maximum of how long filled gaps took; a late packet counts as hold + 1 ms */
};

void reorder_init(struct reorder *r, u32 limit);

/* Gives all waiting bufs back and frees the slots. */
void reorder_free(struct reorder *r);

/* How long a hole may wait: set from the spread of path delays; clamped to 1..250 ms. */
void reorder_set_hold(struct reorder *r, u64 hold_us);

/* Takes b (b->order is not TG_ORDER_NONE) and appends to `out` what can go now, b included or not. Copies go back to
 * the pool and are counted. A buf that has to wait gets time_us = now_us. -ENOMEM: no memory for the slot; b is then
 * appended to out unordered, as it is when its slot is none of TG_ORDER_SLOTS. */
int reorder_push(struct reorder *r, struct buf *b, struct buf_queue *out, u64 now_us);

/* These `count` sequences from `first` will not come (but are delivered should they come). Those that lie ahead are
 * remembered. Nonsense is ignored. */
void reorder_skip(struct reorder *r, u32 slot, u32 first, u32 count, struct buf_queue *out, u64 now_us);

/* Earliest deadline; TIME_NEVER when nothing waits. */
u64 reorder_due_us(const struct reorder *r);

/* Gives up holes whose time is over. */
void reorder_expire(struct reorder *r, struct buf_queue *out, u64 now_us);

#endif
