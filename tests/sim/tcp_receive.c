// SPDX-License-Identifier: MIT
/* tcp_receive.c - a TCP receiver: order, SACK and DSACK, delayed acks
 *
 * Acks every second segment, but once per batch that comes out of the tunnel, as GRO in front of a real receiver makes of
 * it; at once when something is early, fills a hole, or is a copy.
 */
#include "sim/tcp.h"

#include <stdlib.h>
#include <string.h>

#include <triglav/flow.h>

#define DELAYED_ACK_NS (40 * NS_PER_MS)
#define QUICK_ACKS 16u
#define SACK_BLOCKS 3u

/* Place of the first range that ends at n or behind it. */
static u32 place_of(const struct tcp_receiver *r, u32 n)
{
	u32 low = 0, high = r->early_count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (r->early[middle].to < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_range(struct tcp_receiver *r, u32 i)
{
	memmove(&r->early[i], &r->early[i + 1], (--r->early_count - i) * sizeof(*r->early));
}

static void insert_range(struct tcp_receiver *r, u32 i, u32 n)
{
	if (r->early_count == r->early_size) {
		r->early_size = r->early_size ? 2 * r->early_size : 64;
		r->early = realloc(r->early, r->early_size * sizeof(*r->early));
		if (!r->early)
			abort();
	}
	memmove(&r->early[i + 1], &r->early[i], (r->early_count++ - i) * sizeof(*r->early));
	r->early[i] = (struct seg_range){ n, n + 1 };
}

/* false: a copy */
static bool keep_early(struct tcp_receiver *r, u32 n)
{
	u32 i = place_of(r, n);
	struct seg_range *e = &r->early[i];

	if (i < r->early_count && e->from <= n && n < e->to)
		return false;
	if (i < r->early_count && e->to == n) {
		e->to++;
		if (i + 1 < r->early_count && e[1].from == e->to) {
			e->to = e[1].to;
			remove_range(r, i + 1);
		}
	} else if (i < r->early_count && e->from == n + 1) {
		e->from = n;
	} else {
		insert_range(r, i, n);
	}
	r->recent[2] = r->recent[1];
	r->recent[1] = r->recent[0];
	r->recent[0] = n;
	return true;
}

static void take_early(struct tcp_receiver *r)
{
	while (r->early_count && r->early[0].from <= r->next) {
		r->next = MAX(r->next, r->early[0].to);
		remove_range(r, 0);
	}
}

static void add_block(struct ack_info *a, const struct seg_range *range)
{
	for (u32 i = 0; i < a->count; i++)
		if (a->ranges[i].from == range->from)
			return;
	a->ranges[a->count++] = *range;
}

/* The ranges that changed last, the last first. */
static void fill_blocks(const struct tcp_receiver *r, struct ack_info *a)
{
	u32 most = SACK_BLOCKS - (a->copy != TCP_NONE);

	for (u32 i = 0; i < ARRAY_SIZE(r->recent) && a->count < most; i++) {
		u32 place = place_of(r, r->recent[i] + 1);

		if (place < r->early_count && r->early[place].from <= r->recent[i])
			add_block(a, &r->early[place]);
	}
}

static void send_ack(struct tcp *t, u32 copy)
{
	struct tcp_receiver *r = &t->in;
	struct ack_info a = { .next = r->next, .copy = copy, .echo_ns = r->echo_ns };

	if (r->early_count)
		fill_blocks(r, &a);
	flow_send_tcp(&t->f, 1, 0, 1, r->next * TCP_MSS, TG_TCP_ACK, 0, &a);
	r->pending = 0;
	r->ack_now = false;
	if (r->quick)
		r->quick--;
	event_set(&t->f.sim->events, &r->delayed, TIME_NEVER);
}

static void fire_delayed(struct event *e)
{
	send_ack(container_of(e, struct tcp, in.delayed), TCP_NONE);
}

void tcp_receive(struct tcp *t, const struct packet *p)
{
	struct tcp_receiver *r = &t->in;
	u32 before = r->next;

	if (p->number > r->next) {
		if (!keep_early(r, p->number))
			send_ack(t, p->number);
		r->ack_now = true;
		return;
	}
	if (p->number < r->next) {
		send_ack(t, p->number);
		return;
	}
	r->next++;
	if (!r->pending)
		r->echo_ns = p->sent_ns;
	if (r->early_count) {
		r->echo_ns = p->sent_ns;	/* the ack is about this hole */
		r->ack_now = true;
		take_early(r);
	}
	r->pending++;
	t->f.bytes += (u64)(r->next - before) * TCP_MSS;
	flow_progress(&t->f);
}

void tcp_receive_batch_over(struct tcp *t)
{
	struct tcp_receiver *r = &t->in;

	if (r->ack_now || r->pending >= 2 || (r->pending && r->quick))
		send_ack(t, TCP_NONE);
	else if (r->pending && !r->delayed.place)
		event_set(&t->f.sim->events, &r->delayed, flow_now(&t->f) + DELAYED_ACK_NS);
}

void tcp_receiver_begin(struct tcp *t)
{
	t->in.delayed.fire = fire_delayed;
	t->in.quick = QUICK_ACKS;
	t->in.recent[0] = t->in.recent[1] = t->in.recent[2] = TCP_NONE - 8;
}

void tcp_receiver_end(struct tcp *t)
{
	event_set(&t->f.sim->events, &t->in.delayed, TIME_NEVER);
	free(t->in.early);
}
