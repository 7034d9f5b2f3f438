// SPDX-License-Identifier: MIT
/* ring.h - runs of datagrams from one thread to another: bounded, without a lock
 *
 *        one writer                               one reader
 *   ring_put, ring_put, ring_show  --bytes-->  ring_take, (use), ring_free_taken
 *
 * Runs lie in it one behind the other, each in one piece, so the reader works on them where they lie. Nothing is allocated
 * after ring_new(), and pages nobody has written to take no memory. Waking the reader is the writer's affair.
 */
#ifndef TG_RUN_RING_H
#define TG_RUN_RING_H

#include "base/datagrams.h"

/* The least size that every run fits into at any place. */
#define RING_MIN_BYTES (256u << 10)

struct ring;

/* A power of two, RING_MIN_BYTES or more; else NULL, as without memory. */
struct ring *ring_new(u32 bytes);
void ring_close(struct ring *r);	/* neither side uses it any more; NULL is fine */

/* (writer) Copies a run into it; `link` is put into its endpoint on the other side in place of its own. False: it has no room. */
bool ring_put(struct ring *r, const struct datagrams *run, u32 link);
/* (writer) The reader may have all that was put. False: there was nothing new. */
bool ring_show(struct ring *r);

/* (reader) The oldest runs that it has not been given yet, at most `max`; they stay valid until ring_free_taken(), which makes room for others. */
u32 ring_take(struct ring *r, struct datagrams *runs, u32 max);
void ring_free_taken(struct ring *r);

#endif
