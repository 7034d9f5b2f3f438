// SPDX-License-Identifier: MIT
/* halves.c - inner packets that their path does not carry in one datagram: cut before they are sent, joined behind the reorder buffer
 *
 *   pump.c   too large for some path in use:  b  ->  FIRST, LAST    consecutive sequences of the flow's slot, both kept for repair
 *   reorder  ... FIRST, LAST ...  ->  joining  ->  one packet, looked at as if it had just come  ->  deliver
 *
 * A session whose peer never sends halves does not pass through `joining` at all.
 */
#include "tunnel/internal.h"

/* ---- cutting ---- */

struct buf *halves_cut(struct session *s, struct buf *b, u32 most)
{
	struct buf *rest = buf_take(s->tunnel->pool);

	if (!rest)
		return NULL;
	if (b->order == TG_ORDER_NONE)
		pump_number(s, b);
	if (b->order == TG_ORDER_NONE || fragment_split(b, most, rest)) {
		buf_put(rest);
		return NULL;
	}
	pump_number(s, rest);
	rest->rounds = b->rounds;
	s->halved++;
	return rest;
}

/* ---- joining ---- */

struct buf_queue *halves_out(struct session *s)
{
	return s->halves_come ? &s->joining : &s->tunnel->deliver;
}

static void deliver(struct session *s, struct buf *b)
{
	enum tg_drop bad = receive_screen(s, b);

	if (bad != TG_DROP_COUNT) {
		drop(s->tunnel, bad);
		buf_put(b);
		return;
	}
	s->delivered_packets++;
	s->delivered_bytes += b->len;
	flows_received(&s->tunnel->flows, s->handle, b, s->tunnel->now_us);
	buf_queue_add(&s->tunnel->deliver, b);
}

static void count_drops(struct session *s, u64 before)
{
	s->tunnel->counters.drops[TG_DROP_FRAGMENT] += s->halves.drops - before;
}

void halves_join(struct session *s)
{
	u64 before = s->halves.drops;
	struct buf *b;

	while ((b = buf_queue_take(&s->joining))) {
		if (!b->half) {
			buf_queue_add(&s->tunnel->deliver, b);
			continue;
		}
		b = fragment_join(&s->halves, b, s->tunnel->now_us);
		if (b)
			deliver(s, b);
	}
	count_drops(s, before);
}

u64 halves_due_us(const struct session *s)
{
	return fragment_due_us(&s->halves);
}

void halves_tick(struct session *s)
{
	u64 before = s->halves.drops;

	if (s->tunnel->now_us < halves_due_us(s))
		return;
	fragment_expire(&s->halves, s->tunnel->now_us);
	count_drops(s, before);
}

void halves_free(struct session *s)
{
	fragment_free(&s->halves);
	buf_queue_drop(&s->joining);
}
