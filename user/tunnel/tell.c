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

#include "path/ecn.h"

#define STEADY_US (10 * SEC)		/* a path that comes and goes is soon back, and its windows are wanted */
#define STEADY_LOSS_PPM 20000u		/* what a worse one lost may be its radio's; its senders know loss enough */
#define LOST_LEAST 20u			/* packets: a flow of fewer has no window to cut, nor enough behind to tell it soon */
#define TOLD_MOST 32u			/* flows */

/* Bytes of bulk. */
struct balance {
	u64 out;	/* what senders have on their way */
	u64 held;	/* what the paths that are left hold before CoDel objects; 0: nobody knows */
};

/* Out is what all paths carried lately, for a round trip, and what waits. What can be seen of it now is less, as their acks may have gone
 * the way of the path. */
static struct balance strike(const struct session *s, const struct path *dead)
{
	struct balance b = { .out = s->queue.bulk_bytes + dead->rate.delivered_ema * dead->rtt.min_us / SEC };
	enum sched_tier in_use = session_tier_in_use(s);

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = s->paths[i];

		if (!p || path_tier(p) > in_use)
			continue;
		if (in_use >= SCHED_TIER_SUSPECT || !p->rate.measured || !p->rtt.any)
			return (struct balance){ 0 };
		b.out += p->rate.delivered_ema * p->rtt.min_us / SEC;
		b.held += limits_rate(p, rate_estimate(&p->rate)) * (p->rtt.min_us + s->queue.codel.target_us) / SEC;
	}
	return b;
}

/* Of flows whose packets were lost, by their slots. */
struct losers {
	u32 lost[TG_ORDER_SLOTS];	/* packets; 0 when it is to be told */
	u8 until[TG_ORDER_SLOTS];	/* so many packets on it is told; 0: it is not */
	u32 all;
};

static u32 slot_of(const struct buf *b)
{
	return b->order >> TG_ORDER_SEQ_BITS;
}

static bool is_new_bulk(const struct buf *b)
{
	return b->bulk && !b->half && !b->rounds && slot_of(b) < TG_ORDER_SLOTS;
}

static void count_losers(struct losers *l, const struct buf *b)
{
	for (; b; b = b->next) {
		if (!is_new_bulk(b))
			continue;
		l->lost[slot_of(b)]++;
		l->all++;
	}
}

static u32 largest(const struct losers *l)
{
	u32 best = 0;

	for (u32 i = 1; i < TG_ORDER_SLOTS; i++)
		if (l->lost[i] > l->lost[best])
			best = i;
	return best;
}

/* Each that is told cuts its window by 30 % (CUBIC, RFC 9438): the largest, until that is what is too much. Windows are as the
 * losses. The second packet tells: one before it is repaired, and most come behind. */
static void choose(struct losers *l, const struct balance *b)
{
	u64 wanted = l->all * (b->out - b->held) / b->out * 10 / 3, told = 0;

	for (u32 n = 0; n < TOLD_MOST && told < wanted; n++) {
		u32 slot = largest(l);

		if (l->lost[slot] < LOST_LEAST)
			return;
		told += l->lost[slot];
		l->lost[slot] = 0;
		l->until[slot] = 2;
	}
}

/* What is not marked has had its rounds: repair.c gives it up, with all the rest that it does. */
static void tell(struct session *s, struct buf *b)
{
	if (ecn_mark(b->data, b->len)) {
		s->queue.marks++;
		return;
	}
	s->queue.drops_codel++;
	b->rounds = REPAIRS;
}

static bool was_steady(const struct path *dead)
{
	return dead->tunnel->now_us - dead->up_since_us >= STEADY_US && dead->sent.loss_ppm < STEADY_LOSS_PPM;
}

static struct buf *behind(const struct buf_queue *q, u32 n)
{
	struct buf *b = q->head;

	while (b && n--)
		b = b->next;
	return b;
}

void tell_senders(struct path *dead, const struct buf_queue *again, u32 unsure)
{
	struct balance balance = strike(dead->session, dead);
	struct buf *sure = behind(again, unsure);
	struct losers l = { 0 };

	if (!balance.held || balance.out <= balance.held || !was_steady(dead))
		return;
	count_losers(&l, sure);
	choose(&l, &balance);
	for (struct buf *b = sure; b; b = b->next)
		if (is_new_bulk(b) && l.until[slot_of(b)] && --l.until[slot_of(b)] == 0)
			tell(dead->session, b);
}
