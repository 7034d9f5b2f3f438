// SPDX-License-Identifier: MIT
/* direction.c - queue, transmitter, loss and delay of one direction, in virtual time */
#include "emulate/direction.h"

static double chance(struct direction *d)
{
	return (double)(rand_u64(&d->rand) >> 11) * 0x1p-53;
}

/* Two states, good and bad; bad loses everything. E. N. Gilbert, "Capacity of a burst-noise
 * channel", 1960: with r = P(bad -> good) = 1 / mean length and p = P(good -> bad), the share of
 * time in the bad state is p / (p + r). */
static bool lost_in_burst(struct direction *d)
{
	double leave = 1 / d->shape.burst_length;
	double enter = leave * d->shape.burst_loss / (1 - d->shape.burst_loss);

	d->in_burst = d->in_burst ? chance(d) >= leave : chance(d) < enter;
	return d->in_burst;
}

static bool is_lost(struct direction *d)
{
	if (d->shape.burst_loss > 0 && lost_in_burst(d))
		return true;
	return d->shape.loss > 0 && chance(d) < d->shape.loss;
}

static u64 sending_time(const struct direction *d, const struct frame *f)
{
	if (!d->shape.rate_bps)
		return 0;
	return f->len * 8000000000ULL / d->shape.rate_bps;
}

static void start_head(struct direction *d)
{
	struct frame *f = d->queue.first;

	d->head_done_ns = MAX(f->time_ns, d->idle_since_ns) + sending_time(d, f);
}

/* The first of the queue has left the transmitter: lost, or into the delay line. */
static void finish_head(struct direction *d)
{
	struct frame *f = frame_pop(&d->queue);
	u64 due = d->head_done_ns + d->shape.delay_ns;

	d->idle_since_ns = d->head_done_ns;
	d->queued_bytes -= f->len;
	if (d->queue.first)
		start_head(d);

	if (is_lost(d)) {
		d->count.lost++;
		frame_release(f);
		return;
	}
	if (d->shape.jitter_ns)
		due += (u64)(chance(d) * (double)d->shape.jitter_ns);
	d->last_due_ns = MAX(due, d->last_due_ns);
	f->time_ns = d->last_due_ns;
	frame_append(&d->line, f);
}

static void advance(struct direction *d, u64 now)
{
	while (d->queue.first && d->head_done_ns <= now)
		finish_head(d);
}

static void drop_all(struct direction *d, struct frame_list *l)
{
	while (l->first) {
		frame_release(frame_pop(l));
		d->count.down++;
	}
}

void direction_init(struct direction *d, u64 seed)
{
	*d = (struct direction){};
	rand_seeded(&d->rand, seed);
}

void direction_reshape(struct direction *d, const struct shape *s, u64 now)
{
	u64 old_bps = d->shape.rate_bps;

	advance(d, now);
	d->shape = *s;
	if (d->queue.first && s->rate_bps != old_bps) {
		double left = (double)(d->head_done_ns - now) * (double)old_bps;

		d->head_done_ns = now;
		if (s->rate_bps)
			d->head_done_ns += (u64)(left / (double)s->rate_bps);
	}
	if (s->down) {
		drop_all(d, &d->queue);
		drop_all(d, &d->line);
		d->queued_bytes = 0;
		d->idle_since_ns = now;
	}
}

void direction_push(struct direction *d, struct frame *f)
{
	u64 *dropped = NULL;

	advance(d, f->time_ns);

	if (d->shape.down)
		dropped = &d->count.down;
	else if (d->shape.rate_bps && d->queued_bytes + f->len > shape_queue_limit(&d->shape))
		dropped = &d->count.queue_full;
	if (dropped) {
		++*dropped;
		frame_release(f);
		return;
	}

	d->queued_bytes += f->len;
	frame_append(&d->queue, f);
	if (d->queue.count == 1)
		start_head(d);
}

struct frame *direction_due(struct direction *d, u64 now)
{
	advance(d, now);
	if (!d->line.first || d->line.first->time_ns > now)
		return NULL;
	return frame_pop(&d->line);
}

u64 direction_next(const struct direction *d)
{
	if (d->line.first)
		return d->line.first->time_ns;
	if (d->queue.first)
		return MAX(d->head_done_ns + d->shape.delay_ns, d->last_due_ns);
	return TIME_NEVER;
}
