// SPDX-License-Identifier: MIT
/* queue.h - where inner packets wait for a path: FlowQueue-CoDel (RFC 8290), in two classes
 *
 * Packets wait per flow: QUEUE_FLOWS buckets, in order within a bucket. A flow has a bucket of the eight that its hash leads to (a set-associative
 * hash, as in Hoeiland-Joergensen, Taht, Morton: "Piece of CAKE", 2018), so that a call meets a download in one bucket only where packets of eight
 * flows wait in all eight; with one bucket for each hash one of 1024 downloads would meet it. A flow is *bulk* once
 *
 *   - it brought 30 kB within a window of 100 ms, or
 *   - more than 10 kB of it wait,
 *
 * and then stays bulk while it has a backlog, and for 500 ms after it last was that busy or found a full packet of
 * its own waiting. (A slow link never sees 30 kB in 100 ms, and CoDel keeps less than 10 kB waiting there; such a
 * flow may not flap.) All others are *sparse*. They go first, a packet of each in turn. A sparse flow that asks for
 * more than its share builds a backlog and so becomes bulk: sparse ones cannot starve the others for long.
 *
 * What the user wants (buf.h, wanted_class) comes first: bulk flows are bulk from their first packet on, and realtime ones stay sparse until
 * more than 100 kB of them wait, which no path that keeps up with them ever sees.
 *
 * Bulk flows share by bytes (deficit round robin), and CoDel tells each one to slow down: an ECN mark where the
 * packet's sender knows ECN, else a drop. Both happen when a packet is taken out, before anybody numbers it.
 *
 * T. Hoeiland-Joergensen, P. McKenney, D. Taht, J. Gettys, E. Dumazet: "The Flow Queue CoDel Packet Scheduler and
 * Active Queue Management Algorithm", RFC 8290. Its new and old flows are sparse and bulk ones here. M. Shreedhar, G.
 * Varghese: "Efficient fair queuing using deficit round-robin", 1996.
 *
 * Owned by one worker; no locks, no clock. Nothing is allocated per packet: 72 KB come with the first packet.
 */
#ifndef TG_PATH_QUEUE_H
#define TG_PATH_QUEUE_H

#include "base/buf.h"
#include "path/codel.h"

#define QUEUE_FLOWS 1024u

struct queue_table;

/* Flows that wait in turn: indices of buckets; meaningful while count is not 0. */
struct queue_turn {
	u16 first, last;
	u32 count;
};

struct queue {
	struct queue_table *table;	/* the flows; NULL until a packet comes */
	struct buf_queue priority;	/* before all flows */
	struct queue_turn sparse, bulk;
	struct codel_limits codel;
	bool bulk_stays_long;		/* see queue_keep_bulk() */
	u32 limit;			/* packets */
	u32 packets, bulk_packets;	/* that wait now: all, and those of bulk flows */
	u64 bytes, bulk_bytes, priority_bytes;
	u64 last_us;			/* when a packet came last */
	u64 drops_codel, drops_overflow, drops_memory, marks;	/* counters of packets */
};

/* At most limit_packets (at least 1) will wait. CoDel starts with 5 ms and 100 ms. */
void queue_init(struct queue *q, u32 limit_packets);

/* Gives what waits back to its pool, uncounted, and frees the flows' memory. The queue is then empty and can be used
 * again. */
void queue_free(struct queue *q);

/* What counts as a standing queue of a bulk flow, from now on. */
void queue_set_codel(struct queue *q, u64 target_us, u64 interval_us);

/* Bulk flows stay bulk for 2 s instead of 500 ms after they were busy last: through the time in which BBR sends next to nothing, to learn the round trip. */
void queue_keep_bulk(struct queue *q, bool longer);

/* Puts b behind its flow (b->flow_hash; all with 0 are one flow); b->time_us becomes now_us. b is the queue's from
 * here on. When too many wait, the flow with most bytes loses packets from its head, up to 64 or half its bytes: b
 * may be among them. Is b's flow bulk now? Tells nothing about a b that was dropped. */
bool queue_push(struct queue *q, struct buf *b, u64 now_us);

/* Puts b (a pure TCP ACK, say) before all flows, behind others like it. CoDel does not apply; when too many
 * packets wait, these count as one flow. */
void queue_push_priority(struct queue *q, struct buf *b, u64 now_us);

/* Takes the next packet of those with priority, or else of the sparse flow whose turn it is. NULL: none. b->bulk is
 * false. */
struct buf *queue_take_sparse(struct queue *q, u64 now_us);

/* Takes the next packet of the bulk flow whose turn it is, after CoDel has had its say. NULL: none. b->bulk is true. */
struct buf *queue_take_bulk(struct queue *q, u64 now_us);

/* The same among those flows whose next packet may leave now; the others keep their packets, and their place by bytes. Asks
 * each flow that waits at most a few times. */
typedef bool queue_may_leave(const struct buf *next, void *arg);
struct buf *queue_take_bulk_if(struct queue *q, queue_may_leave *may_leave, void *arg, u64 now_us);

/* What the queue knows of the flow with this hash. */
struct queue_flow {
	bool seen;		/* lately */
	bool bulk;
	u32 packets, bytes;	/* that wait */
	u64 idle_us;		/* about when it brought its last packet: up to 100 ms less */
};

void queue_look(const struct queue *q, u32 flow_hash, u64 now_us, struct queue_flow *out);

/* How long the oldest packet of all bulk flows has been waiting, 0: there is none. Looks at each flow that waits. */
u64 queue_bulk_head_age(const struct queue *q, u64 now_us);

/* Frees the flows' memory when no packet came for 30 s and none waits. Call it now and then. */
void queue_shrink(struct queue *q, u64 now_us);

#endif
