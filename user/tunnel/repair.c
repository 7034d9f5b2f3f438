// SPDX-License-Identifier: MIT
/* repair.c - what was lost on a path is sent again: on the path where it arrives first, with its old order and a new number
 *
 * Twice at most, the second time elsewhere. What is given up is told to the peer (SKIP), so that nothing waits for it.
 * What an ack tells of while it waits for its turn is not sent again: when a path dies that acks went by, much of what seems to
 * be on its way has come, and on a thin one that is left what has not come would wait behind it.
 * When nothing more waits to be sent, the last packets that a slow path still has on its way are sent once more on a fast
 * one: if one of them is lost no later packet would tell (the idea is that of XLINK, SIGCOMM 2021).
 */
#include "tunnel/internal.h"

#define AGE_MOST_US SEC		/* older packets have been given up by whoever waited */
#define NO_NUMBER UINT64_MAX
#define TAIL_PACKETS 8u
#define TAIL_LEAST_US (5 * MSEC)

static bool is_worth_it(const struct session *s, const struct buf *b)
{
	return b->rounds < REPAIRS && s->tunnel->now_us - b->time_us < AGE_MOST_US;
}

static void skip(struct session *s, struct frames *skips, struct buf *b)
{
	s->skipped++;
	if (!frames_add_skip(skips, b->order >> TG_ORDER_SEQ_BITS, b->order & TG_ORDER_SEQ_MASK, 1)) {
		control_send_best(s, skips);
		*skips = (struct frames){ 0 };
		frames_add_skip(skips, b->order >> TG_ORDER_SEQ_BITS, b->order & TG_ORDER_SEQ_MASK, 1);
	}
	buf_put(b);
}

void repair_give_up(struct session *s, struct buf *b)
{
	struct frames skips = { 0 };

	skip(s, &skips, b);
	control_send_best(s, &skips);
}

void repair_lost(struct session *s, struct buf_queue *lost)
{
	struct frames skips = { 0 };
	struct buf *b;

	while ((b = buf_queue_take(lost))) {
		if (is_worth_it(s, b)) {
			b->rounds++;
			buf_queue_add(&s->again, b);
			continue;
		}
		skip(s, &skips, b);
	}
	control_send_best(s, &skips);
}

bool repair_has_come(const struct session *s, const struct buf *b)
{
	const struct path *p = s->paths[b->path];

	return p && sent_is_acked(&p->sent, b->number);
}

void repair_forget_path(const struct path *p)
{
	for (struct buf *b = p->session ? p->session->again.head : NULL; b; b = b->next)
		if (b->path == p->id)
			b->number = NO_NUMBER;
}

/* ---- the tail ---- */

u64 repair_tail_due_us(const struct session *s)
{
	const struct path *fast = session_best_path((struct session *)s, NULL);

	if (!s->tail_open || !fast || session_waits(s) || session_stretch_us(s))
		return TIME_NEVER;
	return s->line_sent_us + MAX(MAX(fast->rtt.min_us / 4, 2 * fast->delay.jitter_us), (u32)TAIL_LEAST_US);
}

/* Would what is on its way on p come later than if it left on `fast` now? */
static bool fast_is_earlier(const struct path *p, const struct path *fast)
{
	u64 left_us = sent_oldest_us(&p->sent), now = p->tunnel->now_us;
	s32 beyond_us;

	if (p == fast || left_us == TIME_NEVER || !p->delay.any || !fast->delay.any)
		return false;
	beyond_us = delay_beyond(&p->delay, &fast->delay);
	return beyond_us > 0 && left_us + (u32)beyond_us > now;
}

void repair_tail(struct session *s)
{
	const struct path *fast = session_best_path(s, NULL);
	struct buf_queue tail = { 0 };
	struct buf *b;

	if (s->tunnel->now_us < repair_tail_due_us(s))
		return;
	s->tail_open = false;
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i] && s->paths[i]->state == TUNNEL_PATH_UP && fast_is_earlier(s->paths[i], fast))
			sent_take_tail(&s->paths[i]->sent, TAIL_PACKETS, &tail);
	while ((b = buf_queue_take(&tail))) {
		b->rounds = REPAIRS;	/* not by the path it is on, and never again */
		buf_queue_add(&s->again, b);
	}
}
