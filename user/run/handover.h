// SPDX-License-Identifier: MIT
/* handover.h - between the workers of a server: datagrams that the NIC or the kernel gave to another than their owner
 *
 *   worker 0 --ring--> worker 1        a ring for each ordered pair; every worker has one
 *      ^  '----ring--> worker 2        eventfd that the others ring, once for a whole batch
 *      '------ring---- ...
 *
 * A session belongs to the worker whose number its receiver indices and its handle bear (triglav/steer.h). Sockets of a SO_REUSEPORT group are
 * chosen by these bits, but which receive queue a NIC takes, and with it which AF_XDP socket, follows from addresses and ports.
 * Whoever gets a stranger's datagram copies it into the owner's ring. A full ring drops (TG_DROP_HANDOVER_FULL): the owner does not keep up, and to
 * wait for it would make two slow workers of one.
 */
#ifndef TG_RUN_HANDOVER_H
#define TG_RUN_HANDOVER_H

#include "base/datagrams.h"

#define HANDOVER_RUNS 16u	/* a worker takes so many at a time */

struct handover;

/* Written by the worker they are about. Datagrams. */
struct handover_counters {
	u64 given;		/* to others */
	u64 taken;		/* from others */
	u64 full;		/* lost: the other's ring had no room */
};

/* For so many workers, 2 or more. 0 or a negative errno. */
int handover_open(struct handover **out, u32 workers);
void handover_close(struct handover *h);	/* no worker runs any more; NULL is fine */

int handover_fd(const struct handover *h, u32 me);	/* readable: handover_take() */

/* Cuts a run into pieces of one owner each, from *at on (bytes; begins with 0). False: there is no more. What names no worker is `me`'s,
 * but a newcomer's first message belongs to a worker that follows from its source when spread is set: always the same one, because cookies
 * are a worker's own. */
bool handover_piece(const struct handover *h, u32 me, const struct datagrams *run, bool spread, u32 *at, struct datagrams *piece, u32 *owner);

/* Gives a piece to its owner, who finds `link` in its endpoint. Returns how many datagrams were lost. handover_wake() must follow before the turn
 * ends: it rings once for each worker that has got something. */
u32 handover_give(struct handover *h, u32 me, u32 owner, const struct datagrams *piece, u32 link);
void handover_wake(struct handover *h, u32 me);

/* The next runs that others have put, at most HANDOVER_RUNS; valid until the next call, which gives their room back, so call until 0. */
u32 handover_take(struct handover *h, u32 me, struct datagrams runs[HANDOVER_RUNS]);
/* The rest later: rings oneself. */
void handover_again(struct handover *h, u32 me);

void handover_count(const struct handover *h, u32 me, struct handover_counters *out);

#endif
