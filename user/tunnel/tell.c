// SPDX-License-Identifier: MIT
/* tell.c - a path dies under load: those who send are told by one of the packets that it lost
 *
 * Their windows were sized for one path more. CoDel tells them when the queue stands that the rest cannot carry, and then what TCP
 * sends again for the packet dropped waits behind all of it: for one of two like links, that is 50 ms longer than a round trip.
 *
 *   cut     noticed             repairs arrive      acks of them: senders go on
 *    |---------|---------------------|-------------------|--------------------------> the queue grows
 *              |                     |                   told: windows are cut
 *              one packet is not repaired
 *
 * Until the first repairs arrive senders hear nothing and send nothing. So what is lost anyway tells them before that queue has
 * grown. A packet that understands ECN is marked and repaired.
 */
#include "tunnel/internal.h"

#include <string.h>

#include "path/ecn.h"

#define STEADY_US (10 * SEC)	/* a path that comes and goes is soon back, and its windows are wanted */
#define STEADY_LOSS_PPM 20000u		/* what a worse one lost may be its radio's; its senders know loss enough */

/* What the paths that are left hold before CoDel objects; 0: nobody knows. */
static u64 rest_holds(const struct session *s)
{
	u64 rate = 0, bytes = 0, most_us = 0, least_us = TIME_NEVER;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];
		u64 carries;

		if (!p || path_tier(p) >= SCHED_TIER_SUSPECT)
			continue;
		if (!p->rate.measured || !p->rtt.any)
			return 0;
		carries = limits_rate(p, rate_estimate(&p->rate));
		rate += carries;
		bytes += carries * p->rtt.min_us / SEC;
		most_us = MAX(most_us, p->rtt.min_us);
		least_us = MIN(least_us, p->rtt.min_us);
	}
	return rate ? bytes + rate * pump_target_us(most_us, (most_us - least_us) / 2) / SEC : 0;
}

/* What senders have on their way: what all paths carried lately, for a round trip, and what waits. What can be seen of it now is
 * less, as their acks may have gone the way of the path. */
static u64 windows(const struct session *s, const struct path *dead)
{
	u64 bytes = s->queue.bulk_bytes + dead->rate.delivered_ema * dead->rtt.min_us / SEC;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];

		if (p && p != dead && path_tier(p) < SCHED_TIER_SUSPECT)
			bytes += p->rate.delivered_ema * p->rtt.min_us / SEC;
	}
	return bytes;
}

/* Of flows whose packets were lost. */
struct losers {
	u8 seen[TG_ORDER_SLOTS];	/* packets of each slot, up to 2 */
	u32 count;			/* of slots with 2 */
};

/* The second of a slot may tell: something is repaired before it, and something comes behind. */
static bool is_second(struct losers *l, const struct buf *b)
{
	u32 slot = b->order >> TG_ORDER_SEQ_BITS;

	return b->bulk && !b->half && slot < TG_ORDER_SLOTS && l->seen[slot] < 2 && ++l->seen[slot] == 2;
}

static void count_losers(struct losers *l, const struct buf *b)
{
	*l = (struct losers){ 0 };
	for (; b; b = b->next)
		l->count += is_second(l, b);
}

/* How many flows have to be told, each of which then cuts its window by 30 % (CUBIC). */
static u32 flows_to_tell(u32 flows, u64 bytes, u64 held)
{
	return (u32)MIN((flows * (bytes - held) * 10 + 3 * bytes - 1) / (3 * bytes), (u64)flows);
}

static struct buf *behind(const struct buf_queue *q, u32 n)
{
	struct buf *b = q->head;

	while (b && n--)
		b = b->next;
	return b;
}

static bool was_steady(const struct path *dead)
{
	return dead->tunnel->now_us - dead->up_since_us >= STEADY_US && dead->sent.loss_ppm < STEADY_LOSS_PPM;
}

void tell_senders(struct path *dead, struct buf_queue *again, u32 unsure)
{
	struct session *s = dead->session;
	u64 held = rest_holds(s), bytes = windows(s, dead);
	struct buf_queue kept = { 0 };
	struct losers l;
	struct buf *b;
	u32 left;

	if (!was_steady(dead))
		return;
	count_losers(&l, behind(again, unsure));
	if (!held || bytes <= held || !l.count)
		return;
	left = flows_to_tell(l.count, bytes, held);
	memset(l.seen, 0, sizeof(l.seen));
	while ((b = buf_queue_take(again))) {
		bool sure = !unsure, tells = sure && left && is_second(&l, b);

		unsure -= !sure;
		left -= tells;
		if (tells && !ecn_mark(b->data, b->len)) {
			s->queue.drops_codel++;
			repair_give_up(s, b);
			continue;
		}
		s->queue.marks += tells;
		buf_queue_add(&kept, b);
	}
	*again = kept;
}
