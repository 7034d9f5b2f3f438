// SPDX-License-Identifier: MIT
/* reorder.c - hand striped packets over in the order the other side numbered them
 *
 *   sequence:   ... 7 8 9 | _ _ 12 13 _ 15 . . .       _ missing, . not seen yet
 *               delivered ^ next: the hole that holds up 12, 13 and 15
 *
 * What is ahead of `next` waits in a ring indexed by sequence. The hole at `next` was revealed by the earliest
 * arrival among all that waits. Only a packet that was the highest when it came can become that earliest one (a lower
 * one leaves before a higher one that was there first), so these are chained in order of arrival, which is
 * also the order of their sequences: the head of the chain always tells since when the slot has been waiting. Slots
 * that wait are kept in that same order; hold_us is common to all, so it is the order of their deadlines.
 *
 * Behind `next` a bit per sequence tells delivered ones from those given up. Owned by one worker; no locks.
 */
#include "path/reorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "triglav/wire.h"

#define SEQ_HALF (1u << (TG_ORDER_SEQ_BITS - 1))
#define SEQ_JUMP (1u << 18)	/* farther ahead than any real hole: start again from there */
#define RING_FIRST 64u
#define RING_MOST 65536u
#define RINGS_PER_LIMIT 8u	/* ring entries of all slots for each buf that may wait */
#define RINGS_LEAST 4096u
#define HOLD_FIRST_US (50 * MSEC)
#define HOLD_LEAST_US (1 * MSEC)
#define HOLD_MOST_US (250 * MSEC)
#define LATENESS_FADE 6		/* 1/64 for each filled gap */

struct reorder_slot {
	u32 next;		/* sequence to deliver next */
	u32 ahead;		/* ring entries in use: bufs and skip marks */
	u32 held;		/* of them bufs */
	u32 highest;		/* largest held sequence; meaningful while any is held */
	u32 size;		/* of the ring, power of two or 0 */
	struct buf **ring;
	struct buf *revealing;	/* chain through buf->next, see above */
	struct buf *revealing_last;
	struct reorder_slot *earlier, *later;	/* in the list of waiting slots */
	u64 delivered[REORDER_WINDOW / 64];	/* of the sequences before next */
};

static struct buf skip_mark;	/* stands in a ring for a sequence that will not come; never written */

static u32 seq_distance(u32 from, u32 to)
{
	return (to - from) & TG_ORDER_SEQ_MASK;
}

static struct buf **entry(const struct reorder_slot *s, u32 seq)
{
	return &s->ring[seq & (s->size - 1)];
}

static u64 bit_of(u32 seq)
{
	return 1ULL << (seq % 64);
}

static u64 *word_of(struct reorder_slot *s, u32 seq)
{
	return &s->delivered[seq % REORDER_WINDOW / 64];
}

static void deliver_next(struct reorder_slot *s, struct buf *b, struct buf_queue *out)
{
	*word_of(s, s->next) |= bit_of(s->next);
	s->next = (s->next + 1) & TG_ORDER_SEQ_MASK;
	buf_queue_add(out, b);
}

/* Passes over sequences for which the ring holds nothing. */
static void pass_over(struct reorder_slot *s, u32 count)
{
	if (count >= REORDER_WINDOW) {
		memset(s->delivered, 0, sizeof(s->delivered));
		s->next = (s->next + count) & TG_ORDER_SEQ_MASK;
		return;
	}
	for (; count; count--) {
		*word_of(s, s->next) &= ~bit_of(s->next);
		s->next = (s->next + 1) & TG_ORDER_SEQ_MASK;
	}
}

/* ---- the list of waiting slots ---- */

static u64 waiting_since(const struct reorder_slot *s)
{
	return s->revealing->time_us;
}

static void list_remove(struct reorder *r, struct reorder_slot *s)
{
	*(s->earlier ? &s->earlier->later : &r->waiting) = s->later;
	*(s->later ? &s->later->earlier : &r->waiting_last) = s->earlier;
	s->earlier = s->later = NULL;
}

/* From the back, where new ones belong. */
static void list_insert(struct reorder *r, struct reorder_slot *s)
{
	struct reorder_slot *before = r->waiting_last;

	while (before && waiting_since(before) > waiting_since(s))
		before = before->earlier;
	s->earlier = before;
	s->later = before ? before->later : r->waiting;
	*(s->earlier ? &s->earlier->later : &r->waiting) = s;
	*(s->later ? &s->later->earlier : &r->waiting_last) = s;
}

/* ---- taking out ---- */

static void release(struct reorder *r, struct reorder_slot *s, struct buf *b, struct buf_queue *out)
{
	if (b == s->revealing) {
		s->revealing = b->next;
		if (!s->revealing)
			s->revealing_last = NULL;
	}
	s->held--;
	r->held--;
	deliver_next(s, b, out);
}

/* Delivers from `next` on to the next hole. */
static void drain(struct reorder *r, struct reorder_slot *s, struct buf_queue *out)
{
	while (s->ahead) {
		struct buf **e = entry(s, s->next);
		struct buf *b = *e;

		if (!b)
			return;
		*e = NULL;
		s->ahead--;
		if (b == &skip_mark)
			pass_over(s, 1);
		else
			release(r, s, b, out);
	}
}

/* Puts the slot where it belongs in the list after bufs left it. `revealing` is what it waited by before. */
static void wait_again(struct reorder *r, struct reorder_slot *s, const struct buf *revealing)
{
	if (s->revealing == revealing)
		return;
	if (revealing)
		list_remove(r, s);
	if (s->revealing)
		list_insert(r, s);
}

/* The hole at `next` will not fill: on to what waits behind it. The slot waits. */
static void give_up_hole(struct reorder *r, struct reorder_slot *s, struct buf_queue *out)
{
	const struct buf *revealing = s->revealing;

	while (!*entry(s, s->next))
		pass_over(s, 1);
	drain(r, s, out);
	r->gaps_expired++;
	wait_again(r, s, revealing);
}

static void note_lateness(struct reorder *r, u64 took_us)
{
	r->lateness_us -= r->lateness_us >> LATENESS_FADE;
	r->lateness_us = MAX(r->lateness_us, took_us);
}

/* `next` has just been delivered: whether that closed the hole, and what can go now. */
static void go_on(struct reorder *r, struct reorder_slot *s, struct buf_queue *out, u64 now_us)
{
	const struct buf *revealing = s->revealing;
	u64 since_us = revealing ? waiting_since(s) : now_us;
	u32 held = s->held;

	drain(r, s, out);
	if (s->held == held)
		return;
	r->gaps_filled++;
	note_lateness(r, now_us - since_us);
	wait_again(r, s, revealing);
}

/* ---- putting in ---- */

/* Rings of slots in which nothing waits are only kept for speed. */
static void free_idle_rings(struct reorder *r)
{
	for (u32 i = 0; i < TG_ORDER_SLOTS; i++) {
		struct reorder_slot *s = r->slots[i];

		if (!s || s->ahead || !s->size)
			continue;
		r->ring_entries -= s->size;
		free(s->ring);
		s->ring = NULL;
		s->size = 0;
	}
}

static bool rings_allow(const struct reorder *r, u32 more)
{
	return (u64)r->ring_entries + more <= (u64)RINGS_PER_LIMIT * r->limit + RINGS_LEAST;
}

/* Makes the ring reach `distance` beyond next. False when it may not or there is no memory. */
static bool reach(struct reorder *r, struct reorder_slot *s, u32 distance)
{
	u32 size = s->size ? s->size : RING_FIRST;
	struct buf **ring;

	if (distance < s->size)
		return true;
	while (size <= distance)
		size *= 2;
	if (size > RING_MOST)
		return false;
	if (!rings_allow(r, size - s->size))
		free_idle_rings(r);
	if (!rings_allow(r, size - s->size))
		return false;
	ring = calloc(size, sizeof(struct buf *));
	if (!ring)
		return false;

	for (u32 i = 0; i < s->size; i++)
		ring[(s->next + i) & (size - 1)] = *entry(s, s->next + i);
	r->ring_entries += size - s->size;
	free(s->ring);
	s->ring = ring;
	s->size = size;
	return true;
}

static void chain_revealing(struct reorder *r, struct reorder_slot *s, struct buf *b)
{
	b->next = NULL;
	if (s->revealing_last)
		s->revealing_last->next = b;
	else
		s->revealing = b;
	s->revealing_last = b;
	if (s->revealing == b)
		list_insert(r, s);
}

static void drop_copy(struct reorder *r, struct buf *b)
{
	r->copies++;
	buf_put(b);
}

/* Everything that waits goes, holes or not, and numbering continues after b. */
static void start_again(struct reorder *r, struct reorder_slot *s, struct buf *b, u32 seq, struct buf_queue *out)
{
	while (s->held)
		give_up_hole(r, s, out);
	if (s->ahead) {		/* skip marks alone */
		memset(s->ring, 0, s->size * sizeof(struct buf *));
		s->ahead = 0;
	}
	pass_over(s, seq_distance(s->next, seq));
	deliver_next(s, b, out);
}

/* Keeps b, which is ahead of next and within reach. */
static void hold(struct reorder *r, struct reorder_slot *s, struct buf *b, u32 seq, u64 now_us)
{
	struct buf **e = entry(s, seq);
	bool highest = !s->held || seq_distance(s->highest, seq) < SEQ_HALF;

	if (*e && *e != &skip_mark) {
		drop_copy(r, b);
		return;
	}
	if (!*e)
		s->ahead++;
	*e = b;
	b->time_us = now_us;
	b->next = NULL;
	s->held++;
	r->held++;
	if (highest) {
		s->highest = seq;
		chain_revealing(r, s, b);
	}
}

static void push_next(struct reorder *r, struct reorder_slot *s, struct buf *b, struct buf_queue *out, u64 now_us)
{
	deliver_next(s, b, out);
	if (s->ahead)
		go_on(r, s, out, now_us);
}

static void push_ahead(struct reorder *r, struct reorder_slot *s, struct buf *b, u32 seq, struct buf_queue *out, u64 now_us)
{
	bool fits = false;

	if (seq_distance(s->next, seq) <= SEQ_JUMP) {
		fits = reach(r, s, seq_distance(s->next, seq));
		while (!fits && s->held && seq_distance(s->next, seq) < SEQ_HALF) {
			give_up_hole(r, s, out);
			fits = seq_distance(s->next, seq) < s->size;
		}
	}
	if (seq == s->next) {	/* holes were given up right up to it */
		push_next(r, s, b, out, now_us);
		return;
	}
	if (!fits) {
		r->gaps_expired++;
		start_again(r, s, b, seq, out);
		return;
	}
	hold(r, s, b, seq, now_us);
	while (r->held > r->limit)
		give_up_hole(r, r->waiting, out);
}

static void push_behind(struct reorder *r, struct reorder_slot *s, struct buf *b, u32 seq, struct buf_queue *out)
{
	/* Older than what is remembered: more likely sent again than the first. */
	if (seq_distance(seq, s->next) > REORDER_WINDOW || (*word_of(s, seq) & bit_of(seq))) {
		drop_copy(r, b);
		return;
	}
	*word_of(s, seq) |= bit_of(seq);
	r->late++;
	note_lateness(r, r->hold_us + MSEC);
	buf_queue_add(out, b);
}

static struct reorder_slot *find_slot(struct reorder *r, u32 slot)
{
	if (!r->slots)
		r->slots = calloc(TG_ORDER_SLOTS, sizeof(struct reorder_slot *));
	if (!r->slots)
		return NULL;
	if (!r->slots[slot])
		r->slots[slot] = calloc(1, sizeof(struct reorder_slot));
	return r->slots[slot];
}

/* ---- what others call ---- */

void reorder_init(struct reorder *r, u32 limit)
{
	memset(r, 0, sizeof(*r));
	r->limit = limit;
	r->hold_us = HOLD_FIRST_US;
}

static void free_slot(struct reorder_slot *s)
{
	if (!s)
		return;
	for (u32 i = 0; i < s->size; i++)
		if (s->ring[i] != &skip_mark)
			buf_put(s->ring[i]);
	free(s->ring);
	free(s);
}

void reorder_free(struct reorder *r)
{
	for (u32 i = 0; r->slots && i < TG_ORDER_SLOTS; i++)
		free_slot(r->slots[i]);
	free(r->slots);
	reorder_init(r, r->limit);
}

void reorder_set_hold(struct reorder *r, u64 hold_us)
{
	r->hold_us = MIN(MAX(hold_us, HOLD_LEAST_US), HOLD_MOST_US);
}

int reorder_push(struct reorder *r, struct buf *b, struct buf_queue *out, u64 now_us)
{
	u32 slot = b->order >> TG_ORDER_SEQ_BITS;
	u32 seq = b->order & TG_ORDER_SEQ_MASK;
	struct reorder_slot *s;

	s = slot < TG_ORDER_SLOTS ? find_slot(r, slot) : NULL;
	if (!s) {
		buf_queue_add(out, b);
		return slot < TG_ORDER_SLOTS ? -ENOMEM : 0;
	}

	if (seq == s->next) {
		r->in_order++;
		push_next(r, s, b, out, now_us);
	} else if (seq_distance(s->next, seq) < SEQ_HALF) {
		push_ahead(r, s, b, seq, out, now_us);
	} else {
		push_behind(r, s, b, seq, out);
	}
	return 0;
}

/* Marks what is missing of [from, from + count), all of it ahead of next. */
static void mark_skipped(struct reorder *r, struct reorder_slot *s, u32 from, u32 count)
{
	if (!reach(r, s, seq_distance(s->next, from) + count - 1))
		return;		/* the deadline will do */
	for (u32 i = 0; i < count; i++) {
		struct buf **e = entry(s, from + i);

		if (*e)
			continue;
		*e = &skip_mark;
		s->ahead++;
	}
}

/* Moves next on by `count`, delivering what waits on the way. */
static void skip_next(struct reorder *r, struct reorder_slot *s, u32 count, struct buf_queue *out)
{
	const struct buf *revealing = s->revealing;
	u32 end = (s->next + count) & TG_ORDER_SEQ_MASK;
	u32 left = count;

	while (s->ahead && left && left < SEQ_HALF) {	/* beyond half: draining went past the end */
		if (*entry(s, s->next))
			drain(r, s, out);
		else
			pass_over(s, 1);
		left = seq_distance(s->next, end);
	}
	if (left < SEQ_HALF)
		pass_over(s, left);
	drain(r, s, out);
	wait_again(r, s, revealing);
}

void reorder_skip(struct reorder *r, u32 slot, u32 first, u32 count, struct buf_queue *out, u64 now_us)
{
	struct reorder_slot *s;
	u32 ahead, passed;

	(void)now_us;
	if (slot >= TG_ORDER_SLOTS || first > TG_ORDER_SEQ_MASK || !count || count > SEQ_JUMP)
		return;
	s = find_slot(r, slot);
	if (!s)
		return;
	ahead = seq_distance(s->next, first);
	if (ahead && ahead <= SEQ_JUMP) {
		mark_skipped(r, s, first, count);
		return;
	}
	passed = seq_distance(first, s->next);
	if (passed < count)
		skip_next(r, s, count - passed, out);
}

u64 reorder_due_us(const struct reorder *r)
{
	return r->waiting ? waiting_since(r->waiting) + r->hold_us : TIME_NEVER;
}

void reorder_expire(struct reorder *r, struct buf_queue *out, u64 now_us)
{
	while (reorder_due_us(r) <= now_us)
		give_up_hole(r, r->waiting, out);
}
