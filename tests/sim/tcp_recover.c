// SPDX-License-Identifier: MIT
/* tcp_recover.c - what a TCP sender does about losses
 *
 *   OPEN --RACK marks a loss--> RECOVERY (PRR, RFC 6937) --all before `high` acked--> OPEN
 *   any  --timeout--> LOSS (everything again) ------------------------------------> OPEN
 *
 * A recovery that turns out to have been for nothing is undone: when the acks echo the time of first sendings (Eifel, RFC
 * 3522) or when every retransmission came back as a copy (DSACK, RFC 3708).
 */
#include "sim/tcp.h"

#include <math.h>

static bool any_retransmitted(struct tcp *t)
{
	for (u32 n = t->first; n != TCP_NONE; n = tcp_segment(t, n)->after)
		if (tcp_segment(t, n)->sent > 1)
			return true;
	return false;
}

static void begin_episode(struct tcp *t, enum tcp_state state)
{
	t->state = state;
	t->high = t->next;
	t->may_undo = true;
	t->undo_retransmits = 0;
	if (!any_retransmitted(t))	/* else an ack of those of the last episode would undo this one */
		t->retransmit_ns = 0;
}

void tcp_lost_some(struct tcp *t)
{
	if (t->state != TCP_OPEN)
		return;
	t->prr_window = MAX(t->cc.window, 1);
	cc_reduce(&t->cc, flow_now(&t->f));
	begin_episode(t, TCP_RECOVERY);
	t->prr_delivered = t->prr_out = 0;
	if (t->rack_persist && !--t->rack_persist)
		t->rack_steps = 1;
}

/* What was marked and not sent again yet is in flight after all. */
static void unmark_lost(struct tcp *t)
{
	for (u32 n = t->una; t->lost_count && n < t->next; n++) {
		struct tcp_segment *s = tcp_segment(t, n);

		if (!s->lost)
			continue;
		s->lost = false;
		t->lost_count--;
		tcp_list_add(t, n);
	}
}

void tcp_undo(struct tcp *t)
{
	t->may_undo = false;
	unmark_lost(t);
	if (!t->cc.ops->is_model)
		cc_undo(&t->cc);
	if (t->state != TCP_OPEN)
		t->state = TCP_OPEN;
}

void tcp_end_recovery(struct tcp *t)
{
	if (t->una < t->high || t->state == TCP_OPEN)
		return;
	if (t->state == TCP_RECOVERY && !t->cc.ops->is_model)
		t->cc.window = MAX(t->cc.ssthresh, 2);
	t->state = TCP_OPEN;
}

void tcp_prr(struct tcp *t, const struct cc_sample *s, bool advanced)
{
	double in_flight = t->in_flight, count;

	t->prr_delivered += s->acked;
	if (in_flight > t->cc.ssthresh) {
		count = ceil(t->prr_delivered * t->cc.ssthresh / t->prr_window) - t->prr_out;
	} else {
		count = MAX((double)t->prr_delivered - t->prr_out, s->acked);
		if (advanced && !s->lost)
			count++;
		count = MIN(count, t->cc.ssthresh - in_flight);
	}
	t->cc.window = in_flight + MAX(count, t->prr_out ? 0 : 1);
}

void tcp_fire_timeout(struct event *e)
{
	struct tcp *t = container_of(e, struct tcp, timeout);

	t->f.timeouts++;
	t->backoff++;
	for (u32 n = t->una; n < t->next; n++) {
		struct tcp_segment *s = tcp_segment(t, n);

		if (!s->sacked && !s->lost)
			tcp_mark_lost(t, n);
	}
	if (t->state != TCP_LOSS || t->high <= t->una) {
		cc_reduce(&t->cc, flow_now(&t->f));
		begin_episode(t, TCP_LOSS);
	}
	t->cc.window = t->cc.ops->is_model ? 4 : 1;
	t->probed = false;
	tcp_send_more(t);
}

void tcp_fire_probe(struct event *e)
{
	struct tcp *t = container_of(e, struct tcp, tail_probe);

	if (t->una == t->next)
		return;
	t->probed = true;
	if (t->next < t->limit && t->next - t->una < TCP_RING - 1) {
		tcp_send_new(t);
	} else {
		tcp_retransmit(t, t->next - 1);
	}
	tcp_arm_timeout(t);
}

void tcp_fire_rack(struct event *e)
{
	struct tcp *t = container_of(e, struct tcp, rack_timer);

	if (tcp_rack_detect(t))
		tcp_lost_some(t);
	tcp_send_more(t);
}
