// SPDX-License-Identifier: MIT
/* fragment.c - inner packets too large for their path, sent as two halves and joined again */
#include "path/fragment.h"

#include <errno.h>
#include <string.h>

#include "triglav/wire.h"

/* ---- cutting ---- */

int fragment_split(struct buf *whole, u32 most, struct buf *second)
{
	u32 first = (whole->len + 1u) / 2, rest = whole->len - first;

	if (!rest)
		return -EINVAL;
	if (first > most)
		return -EMSGSIZE;
	memcpy(second->data, whole->data + first, rest);
	second->len = (u16)rest;
	second->csum_partial = whole->csum_partial;
	second->path = whole->path;
	second->flow_hash = whole->flow_hash;
	second->bulk = whole->bulk;
	second->ahead = whole->ahead;
	second->stretched = whole->stretched;
	second->waited_ms = whole->waited_ms;
	second->time_us = whole->time_us;
	second->half = TG_FLAG_LAST;
	whole->len = (u16)first;
	whole->half = TG_FLAG_FIRST;
	return 0;
}

u32 fragment_next_order(u32 order)
{
	return (order & ~TG_ORDER_SEQ_MASK) | ((order + 1) & TG_ORDER_SEQ_MASK);
}

/* ---- joining ---- */

/* Where the first half of this order word waits. Neighbouring words fall apart, so that one missing half does not
 * have to go for the next pair of its flow. */
static struct buf **place_of(struct fragments *f, u32 order)
{
	return &f->firsts[order * 0x9e3779b1u >> 28];
}
_Static_assert(FRAGMENT_PLACES == 1u << (32 - 28), "place_of uses all places and no more");

static struct buf *empty_place(struct fragments *f, struct buf **place)
{
	struct buf *b = *place;

	*place = NULL;
	f->held--;
	return b;
}

static void drop(struct fragments *f, struct buf *b)
{
	f->drops++;
	buf_put(b);
}

static void keep_first(struct fragments *f, struct buf *b, u64 now_us)
{
	struct buf **place = place_of(f, b->order);

	if (*place)
		drop(f, empty_place(f, place));
	b->time_us = now_us;
	*place = b;
	f->held++;
}

/* The first half that waits for this last one, taken out; NULL: none. */
static struct buf *first_of(struct fragments *f, const struct buf *last, u64 now_us)
{
	u32 order = (last->order & ~TG_ORDER_SEQ_MASK) | ((last->order - 1) & TG_ORDER_SEQ_MASK);
	struct buf **place = place_of(f, order), *first = *place;

	if (!first || first->order != order || now_us - first->time_us > FRAGMENT_WAIT_US)
		return NULL;
	return empty_place(f, place);
}

static bool fit(const struct buf *first, const struct buf *last)
{
	const u8 *end = first->area + BUF_HEADROOM + BUF_MAX_PACKET;

	return first->len && last->len && first->csum_partial == last->csum_partial &&
	       first->len + last->len <= end - first->data;
}

static struct buf *join(struct buf *first, struct buf *last)
{
	memcpy(first->data + first->len, last->data, last->len);
	first->len += last->len;
	first->half = 0;
	first->time_us = last->time_us;
	buf_put(last);
	return first;
}

static struct buf *join_last(struct fragments *f, struct buf *last, u64 now_us)
{
	struct buf *first = first_of(f, last, now_us);

	if (!first) {
		drop(f, last);
		return NULL;
	}
	if (!fit(first, last)) {
		drop(f, first);
		drop(f, last);
		return NULL;
	}
	f->joined++;
	return join(first, last);
}

struct buf *fragment_join(struct fragments *f, struct buf *b, u64 now_us)
{
	bool ordered = b->order >> TG_ORDER_SEQ_BITS < TG_ORDER_SLOTS;

	if (ordered && b->half == TG_FLAG_LAST)
		return join_last(f, b, now_us);
	if (ordered && b->half == TG_FLAG_FIRST)
		keep_first(f, b, now_us);
	else
		drop(f, b);	/* without a sequence nothing tells which halves belong together */
	return NULL;
}

u64 fragment_due_us(const struct fragments *f)
{
	u64 oldest = TIME_NEVER;

	if (!f->held)
		return TIME_NEVER;
	for (u32 i = 0; i < FRAGMENT_PLACES; i++)
		if (f->firsts[i])
			oldest = MIN(oldest, f->firsts[i]->time_us);
	return oldest + FRAGMENT_WAIT_US;
}

void fragment_expire(struct fragments *f, u64 now_us)
{
	for (u32 i = 0; i < FRAGMENT_PLACES; i++)
		if (f->firsts[i] && now_us - f->firsts[i]->time_us >= FRAGMENT_WAIT_US)
			drop(f, empty_place(f, &f->firsts[i]));
}

void fragment_free(struct fragments *f)
{
	for (u32 i = 0; i < FRAGMENT_PLACES; i++)
		if (f->firsts[i])
			buf_put(empty_place(f, &f->firsts[i]));
}
