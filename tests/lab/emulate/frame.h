// SPDX-License-Identifier: MIT
/* frame.h - one Ethernet frame under way, and the pool that all links share */
#ifndef TG_LAB_FRAME_H
#define TG_LAB_FRAME_H

#include "base/types.h"

#define FRAME_ROOM 2024		/* bytes; a frame and its bookkeeping fill half a page */

struct frame {
	struct frame *next;
	u64 time_ns;		/* when it came in; later: when it is due at the far end */
	u32 len;
	u8 data[FRAME_ROOM];
};

/* First in, first out. */
struct frame_list {
	struct frame *first, *last;
	u32 count;
};

/* NULL when the pool's 256 MB are under way. The frame used last comes first, so that a
 * short queue stays in the cache. */
struct frame *frame_take(void);
void frame_release(struct frame *f);

static inline void frame_append(struct frame_list *l, struct frame *f)
{
	f->next = NULL;
	if (l->first)
		l->last->next = f;
	else
		l->first = f;
	l->last = f;
	l->count++;
}

static inline struct frame *frame_pop(struct frame_list *l)
{
	struct frame *f = l->first;

	l->first = f->next;
	l->count--;
	return f;
}

#endif
