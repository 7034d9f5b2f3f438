// SPDX-License-Identifier: MIT
/* queue.c - where inner packets wait for a path: FlowQueue-CoDel (RFC 8290), in two classes
 *
 *   queue_push_priority --> priority ------------------------\
 *                                                             >--> queue_take_sparse
 *   queue_push --> bucket --> turn of sparse flows ----------/
 *                    |             | too many bytes
 *                    |             v
 *                    \------> turn of bulk flows --> CoDel ------> queue_take_bulk
 *
 * A bucket stands in one of the two turns exactly while packets of it wait.
 */
#include "path/queue.h"

#include <stdlib.h>
#include <string.h>

#include <triglav/maps.h>

#include "path/ecn.h"

#define QUANTUM 1514		/* bytes of a bulk flow per turn: a full Ethernet frame, as RFC 8290 has it */
#define FULL_PACKET 1514u
#define BULK_BYTES 30000u	/* in a window */
#define BULK_BACKLOG 10000u
#define REALTIME_BACKLOG 100000u	/* the others may not starve for long, whatever somebody has called realtime */
#define OVERFLOW_PACKETS 64u	/* most that go at once */
#define IDLE_US (30 * SEC)
#define CODEL_TARGET_US (5 * MSEC)
#define CODEL_INTERVAL_US (100 * MSEC)

/* Of a flow's busy times only about a millisecond matters. 32 bits of 1024 us wrap after 50 days: a flow that comes
 * back just then is bulk for half a second without having earned it. */
#define TICKS(us) ((u32)((us) >> 10))
#define BULK_WINDOW TICKS(100 * MSEC)
#define BULK_STAYS TICKS(500 * MSEC)
#define BULK_STAYS_LONG TICKS(2 * SEC)

#define WAYS 8u
#define SETS (QUEUE_FLOWS / WAYS)

#define PRIORITY QUEUE_FLOWS	/* stands for the packets with priority where flows are numbered */

struct flow {
	struct buf *head, *tail;	/* linked by buf->next; tail only counts while head is not NULL */
	struct codel codel;
	u32 packets;
	u32 window_bytes;	/* brought since window_tick */
	u32 window_tick;
	u32 busy_tick;		/* of a bulk flow: when it last was busy enough to be one */
	u16 before, behind;	/* neighbours in its turn */
	s16 deficit;		/* bytes it may still send in this turn; below 0 after a packet larger than that */
	bool bulk;
	bool shared;		/* packets of a flow wait here that has no bucket of its own */
};
_Static_assert(sizeof(struct flow) == 64, "one cache line per packet");

struct queue_table {
	struct flow flows[QUEUE_FLOWS];
	u32 waiting[QUEUE_FLOWS];	/* bytes per flow, together so that finding the largest is quick */
	u32 owner[QUEUE_FLOWS];		/* hash of the flow that has the bucket */
} __attribute__((aligned(64)));

/* ---- buckets ---- */

static bool is_used(const struct flow *f)
{
	return f->packets || f->window_bytes;
}

/* The bucket that the flow has, QUEUE_FLOWS: none. */
static u32 bucket_find(const struct queue_table *t, u32 hash)
{
	u32 set = hash % SETS * WAYS;

	for (u32 i = set; i < set + WAYS; i++)
		if (t->owner[i] == hash && is_used(&t->flows[i]))
			return i;
	return QUEUE_FLOWS;
}

/* The bucket of the set of which nothing waits and that brought nothing for longest, QUEUE_FLOWS: all wait. */
static u32 bucket_idle(const struct queue_table *t, u32 hash, u32 tick)
{
	u32 set = hash % SETS * WAYS, found = QUEUE_FLOWS, most = 0;

	for (u32 i = set; i < set + WAYS; i++) {
		const struct flow *f = &t->flows[i];
		u32 silent = is_used(f) ? tick - f->window_tick : ~0u;

		if (!f->packets && (found == QUEUE_FLOWS || silent > most)) {
			found = i;
			most = silent;
		}
	}
	return found;
}

/* A flow that finds all buckets taken shares one until that is empty, so that nothing of it overtakes. One that has lost its bucket
 * to another begins anew. */
static u32 bucket_of(struct queue_table *t, u32 hash, u32 tick)
{
	u32 i = bucket_find(t, hash), home = hash % SETS * WAYS + hash / SETS % WAYS;

	if (i < QUEUE_FLOWS)
		return i;
	i = t->flows[home].shared ? QUEUE_FLOWS : bucket_idle(t, hash, tick);
	if (i == QUEUE_FLOWS) {
		t->flows[home].shared = true;
		return home;
	}
	t->flows[i] = (struct flow){ .window_tick = tick };
	t->owner[i] = hash;
	return i;
}

/* ---- turns ---- */

static struct queue_turn *turn_of(struct queue *q, const struct flow *f)
{
	return f->bulk ? &q->bulk : &q->sparse;
}

static void turn_join(struct queue *q, u32 i)
{
	struct flow *f = &q->table->flows[i];
	struct queue_turn *turn = turn_of(q, f);

	if (turn->count)
		q->table->flows[turn->last].behind = (u16)i;
	else
		turn->first = (u16)i;
	f->before = turn->last;
	turn->last = (u16)i;
	turn->count++;
}

static void turn_leave(struct queue *q, u32 i)
{
	struct flow *flows = q->table->flows, *f = &flows[i];
	struct queue_turn *turn = turn_of(q, f);

	if (turn->first == i)
		turn->first = f->behind;
	else
		flows[f->before].behind = f->behind;
	if (turn->last == i)
		turn->last = f->before;
	else
		flows[f->behind].before = f->before;
	turn->count--;
}

/* ---- a flow's packets ---- */

/* What waits has changed by so much. Differences may be negative: unsigned arithmetic gets them right. */
static void count_waiting(struct queue *q, bool bulk, u32 packets, u64 bytes)
{
	q->packets += packets;
	q->bytes += bytes;
	if (bulk) {
		q->bulk_packets += packets;
		q->bulk_bytes += bytes;
	}
}

static void flow_add(struct queue *q, u32 i, struct buf *b)
{
	struct flow *f = &q->table->flows[i];

	b->next = NULL;
	if (f->head)
		f->tail->next = b;
	else
		f->head = b;
	f->tail = b;
	f->packets++;
	q->table->waiting[i] += b->len;
	count_waiting(q, f->bulk, 1, b->len);
}

static struct buf *flow_take(struct queue *q, u32 i)
{
	struct flow *f = &q->table->flows[i];
	struct buf *b = f->head;

	f->head = b->next;
	__builtin_prefetch(f->head, 1);
	b->next = NULL;
	f->packets--;
	q->table->waiting[i] -= b->len;
	count_waiting(q, f->bulk, -1u, -(u64)b->len);
	if (!f->head) {
		turn_leave(q, i);
		f->shared = false;
	}
	return b;
}

/* ---- classes ---- */

/* Does this packet show that its flow moves much data? */
static bool is_busy(struct flow *f, u32 waiting, u32 bytes, u32 tick)
{
	if (tick - f->window_tick > BULK_WINDOW) {
		f->window_tick = tick;
		f->window_bytes = 0;
	}
	f->window_bytes += bytes;
	return f->window_bytes >= BULK_BYTES || waiting + bytes > BULK_BACKLOG || (f->bulk && waiting >= FULL_PACKET);
}

/* A flow that waits changes its turn with all that waits of it, so nothing of it overtakes. */
static void become_bulk(struct queue *q, u32 i)
{
	struct flow *f = &q->table->flows[i];
	u32 packets = f->packets;
	u64 bytes = q->table->waiting[i];

	if (packets)
		turn_leave(q, i);
	f->bulk = true;
	f->deficit = QUANTUM;
	if (packets)
		turn_join(q, i);
	q->bulk_packets += packets;
	q->bulk_bytes += bytes;
}

/* Is its flow to be bulk now? */
static bool is_bulk(struct flow *f, u32 waiting, const struct buf *b, u32 tick)
{
	bool busy = is_busy(f, waiting, b->len, tick);

	switch (b->wanted_class) {
	case TG_CLASS_REALTIME:
		return waiting + b->len > REALTIME_BACKLOG;
	case TG_CLASS_BULK:
		return true;
	default:
		return busy;
	}
}

static void classify(struct queue *q, u32 i, const struct buf *b, u32 tick)
{
	u32 stays = q->bulk_stays_long ? BULK_STAYS_LONG : BULK_STAYS;
	struct flow *f = &q->table->flows[i];
	bool realtime = b->wanted_class == TG_CLASS_REALTIME;

	if (is_bulk(f, q->table->waiting[i], b, tick)) {
		if (!f->bulk)
			become_bulk(q, i);
		f->busy_tick = tick;
	} else if (f->bulk && !f->packets && (realtime || tick - f->busy_tick >= stays)) {
		f->bulk = false;
	}
}

/* ---- too many ---- */

static u32 fattest(const struct queue *q)
{
	u64 most = q->priority_bytes;
	u32 found = PRIORITY;

	for (u32 i = 0; q->table && i < QUEUE_FLOWS; i++)
		if (q->table->waiting[i] > most) {
			most = q->table->waiting[i];
			found = i;
		}
	return found;
}

static struct buf *priority_take(struct queue *q)
{
	struct buf *b = buf_queue_take(&q->priority);

	if (b) {
		q->priority_bytes -= b->len;
		count_waiting(q, false, -1u, -(u64)b->len);
	}
	return b;
}

static struct buf *take_from(struct queue *q, u32 i)
{
	if (i == PRIORITY)
		return priority_take(q);
	return q->table->flows[i].packets ? flow_take(q, i) : NULL;
}

/* Finding the fattest costs a walk over all flows, so it loses a batch. Its oldest packets: who sends learns of it
 * soonest. */
static void drop_batch(struct queue *q)
{
	u32 i = fattest(q), packets = 0;
	u64 half = (i == PRIORITY ? q->priority_bytes : q->table->waiting[i]) / 2, bytes = 0;
	struct buf *b;

	do {
		b = take_from(q, i);
		if (!b)
			return;
		bytes += b->len;
		q->drops_overflow++;
		buf_put(b);
	} while (++packets < OVERFLOW_PACKETS && bytes < half);
}

/* ---- in ---- */

void queue_push_priority(struct queue *q, struct buf *b, u64 now_us)
{
	b->time_us = q->last_us = now_us;
	buf_queue_add(&q->priority, b);
	q->priority_bytes += b->len;
	count_waiting(q, false, 1, b->len);
	if (q->packets > q->limit)
		drop_batch(q);
}

static bool has_table(struct queue *q)
{
	if (!q->table) {
		q->table = aligned_alloc(64, sizeof(*q->table));
		if (q->table)
			memset(q->table, 0, sizeof(*q->table));
	}
	return q->table;
}

/* A flow that had nothing to send comes last, so a whole round passes before its turn: it has the bytes of that. */
static void begin_waiting(struct queue *q, u32 i)
{
	struct flow *f = &q->table->flows[i];

	if (f->deficit <= 0)
		f->deficit += QUANTUM;
	turn_join(q, i);
}

bool queue_push(struct queue *q, struct buf *b, u64 now_us)
{
	struct flow *f;
	u32 i;

	if (!has_table(q)) {
		q->drops_memory++;
		buf_put(b);
		return false;
	}
	i = bucket_of(q->table, b->flow_hash, TICKS(now_us));
	f = &q->table->flows[i];
	b->time_us = q->last_us = now_us;
	classify(q, i, b, TICKS(now_us));
	flow_add(q, i, b);
	if (f->packets == 1)
		begin_waiting(q, i);
	if (q->packets > q->limit)
		drop_batch(q);
	return f->bulk;
}

/* ---- out ---- */

struct buf *queue_take_sparse(struct queue *q, u64 now_us)
{
	struct buf *b = priority_take(q);
	u32 i;

	(void)now_us;
	if (!b && q->sparse.count) {
		i = q->sparse.first;
		b = flow_take(q, i);
		if (q->table->flows[i].packets) {
			turn_leave(q, i);
			turn_join(q, i);
		}
	}
	if (b) {
		b->bulk = false;
		b->ahead = !b->by_bulk;	/* what went before it may not have been known here */
	}
	return b;
}

/* The bulk flow whose turn it is, QUEUE_FLOWS: none. Who has used its bytes up gets new ones and waits for the others; who may not
 * leave lets them pass. */
static u32 next_bulk(struct queue *q, queue_may_leave *may_leave, void *arg)
{
	u32 passed = 0;		/* in a row: when it was all of them, none may leave */

	while (passed < q->bulk.count) {
		u32 i = q->bulk.first;
		struct flow *f = &q->table->flows[i];
		bool may = !may_leave || may_leave(f->head, arg);

		if (may && f->deficit > 0)
			return i;
		passed = may ? 0 : passed + 1;
		f->deficit += may ? QUANTUM : 0;
		turn_leave(q, i);
		turn_join(q, i);
	}
	return QUEUE_FLOWS;
}

/* Does CoDel want b dropped? A mark says the same, where it is understood. */
static bool is_dropped(struct queue *q, u32 i, struct buf *b, u64 now_us)
{
	struct codel *c = &q->table->flows[i].codel;

	if (!codel_signals(c, &q->codel, now_us - b->time_us, q->table->waiting[i], FULL_PACKET, now_us))
		return false;
	if (ecn_mark(b->data, b->len)) {
		q->marks++;
		return false;
	}
	q->drops_codel++;
	return true;
}

struct buf *queue_take_bulk_if(struct queue *q, queue_may_leave *may_leave, void *arg, u64 now_us)
{
	u32 i;

	while ((i = next_bulk(q, may_leave, arg)) < QUEUE_FLOWS) {
		struct buf *b = flow_take(q, i);

		if (is_dropped(q, i, b, now_us)) {
			buf_put(b);
			continue;
		}
		q->table->flows[i].deficit -= (s16)b->len;
		b->bulk = true;
		b->ahead = false;
		return b;
	}
	return NULL;
}

struct buf *queue_take_bulk(struct queue *q, u64 now_us)
{
	return queue_take_bulk_if(q, NULL, NULL, now_us);
}

/* ---- the whole ---- */

void queue_init(struct queue *q, u32 limit_packets)
{
	memset(q, 0, sizeof(*q));
	q->limit = MAX(limit_packets, 1u);
	queue_set_codel(q, CODEL_TARGET_US, CODEL_INTERVAL_US);
}

void queue_free(struct queue *q)
{
	struct buf *b;

	while ((b = queue_take_sparse(q, 0)))
		buf_put(b);
	while (q->bulk.count)
		buf_put(flow_take(q, q->bulk.first));
	free(q->table);
	q->table = NULL;
}

void queue_set_codel(struct queue *q, u64 target_us, u64 interval_us)
{
	q->codel = (struct codel_limits){ .target_us = target_us, .interval_us = interval_us };
}

void queue_keep_bulk(struct queue *q, bool longer)
{
	q->bulk_stays_long = longer;
}

u64 queue_bulk_head_age(const struct queue *q, u64 now_us)
{
	u64 oldest = now_us;
	u32 i = q->bulk.first;

	for (u32 n = 0; n < q->bulk.count; n++) {
		const struct flow *f = &q->table->flows[i];

		oldest = MIN(oldest, f->head->time_us);
		i = f->behind;
	}
	return now_us - oldest;
}

void queue_look(const struct queue *q, u32 flow_hash, u64 now_us, struct queue_flow *out)
{
	u32 i = q->table ? bucket_find(q->table, flow_hash) : QUEUE_FLOWS;
	const struct flow *f;

	*out = (struct queue_flow){ 0 };
	if (i == QUEUE_FLOWS)
		return;
	f = &q->table->flows[i];
	*out = (struct queue_flow){
		.seen = true,
		.bulk = f->bulk,
		.packets = f->packets,
		.bytes = q->table->waiting[i],
		.idle_us = (u64)(u32)(TICKS(now_us) - f->window_tick) << 10,
	};
}

void queue_shrink(struct queue *q, u64 now_us)
{
	if (q->packets || !q->table || now_us - q->last_us < IDLE_US)
		return;
	free(q->table);
	q->table = NULL;
}
