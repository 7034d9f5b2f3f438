// SPDX-License-Identifier: MIT
/* tcp_loss.c - which segment is lost: by time, as RACK and its tail loss probe say (RFC 8985)
 *
 * What is in flight stands in a list by sending time, so that looking for losses ends at the first segment that was sent
 * after the newest one delivered.
 */
#include "sim/tcp.h"

#define RTO_LEAST_NS (200 * NS_PER_MS)
#define DELAYED_ACK_NS (200 * NS_PER_MS)
#define RACK_PERSIST 16u	/* recoveries that a widened window lasts */

/* ---- the list ---- */

void tcp_list_add(struct tcp *t, u32 n)
{
	struct tcp_segment *s = tcp_segment(t, n);

	s->before = t->last;
	s->after = TCP_NONE;
	if (t->last != TCP_NONE)
		tcp_segment(t, t->last)->after = n;
	else
		t->first = n;
	t->last = n;
	s->in_flight = true;
	t->in_flight++;
}

void tcp_list_remove(struct tcp *t, u32 n)
{
	struct tcp_segment *s = tcp_segment(t, n);

	if (!s->in_flight)
		return;
	if (s->before != TCP_NONE)
		tcp_segment(t, s->before)->after = s->after;
	else
		t->first = s->after;
	if (s->after != TCP_NONE)
		tcp_segment(t, s->after)->before = s->before;
	else
		t->last = s->before;
	s->in_flight = false;
	t->in_flight--;
}

void tcp_mark_lost(struct tcp *t, u32 n)
{
	struct tcp_segment *s = tcp_segment(t, n);

	tcp_list_remove(t, n);
	s->lost = true;
	t->lost_hint = t->lost_count ? MIN(t->lost_hint, n) : n;
	t->lost_count++;
	t->f.lost++;
}

/* ---- RACK ---- */

void tcp_rack_note(struct tcp *t, u32 n)
{
	const struct tcp_segment *s = tcp_segment(t, n);
	u64 rtt = flow_now(&t->f) - s->sent_ns;

	/* Sooner than ever after being sent again: that was the first one. */
	if (s->sent > 1 && rtt < t->min_rtt_ns)
		return;
	t->rack_rtt_ns = rtt;
	if (s->sent_ns > t->rack_sent_ns || (s->sent_ns == t->rack_sent_ns && n > t->rack_number)) {
		t->rack_sent_ns = s->sent_ns;
		t->rack_number = n;
	}
}

/* The window widens by a quarter of the least round trip per round with a DSACK, and narrows after 16 recoveries without. */
void tcp_rack_dsack(struct tcp *t)
{
	if (t->rack_round > t->una)
		return;
	t->rack_round = t->next;
	t->rack_steps = MIN(t->rack_steps + 1, 255);
	t->rack_persist = RACK_PERSIST;
}

static u64 reorder_window(const struct tcp *t)
{
	u64 window;

	/* Three later ones are enough as long as the path keeps order. */
	if (!t->reordering && (t->state != TCP_OPEN || t->fack - t->una > 3))
		return 0;
	window = t->min_rtt_ns / 4 * MAX(t->rack_steps, 1);
	return MIN(window, t->srtt_ns);
}

u32 tcp_rack_detect(struct tcp *t)
{
	u64 now = flow_now(&t->f), window = reorder_window(t), wait = 0;
	u32 n, after, lost = 0;

	if (!t->rack_sent_ns)
		return 0;
	for (n = t->first; n != TCP_NONE; n = after) {
		struct tcp_segment *s = tcp_segment(t, n);
		u64 due = s->sent_ns + t->rack_rtt_ns + window;

		after = s->after;
		if (s->sent_ns > t->rack_sent_ns || (s->sent_ns == t->rack_sent_ns && n >= t->rack_number))
			break;
		if (due <= now) {
			tcp_mark_lost(t, n);
			lost++;
		} else {
			wait = due;	/* later ones are due later */
			break;
		}
	}
	event_set(&t->f.sim->events, &t->rack_timer, wait ? wait : TIME_NEVER);
	return lost;
}

/* ---- timers ---- */

u64 tcp_rto_ns(const struct tcp *t)
{
	u64 rto = t->srtt_ns ? t->srtt_ns + MAX(4 * t->rttvar_ns, RTO_LEAST_NS) : NS_PER_SEC;

	return MIN(rto << MIN(t->backoff, 10), 120 * NS_PER_SEC);
}

void tcp_arm_probe(struct tcp *t)
{
	u64 wait = 2 * t->srtt_ns + 2 * NS_PER_MS + (t->in_flight == 1 ? DELAYED_ACK_NS : 0);

	if (t->state != TCP_OPEN || t->probed || !t->in_flight || !t->srtt_ns || t->fack > t->una)
		event_set(&t->f.sim->events, &t->tail_probe, TIME_NEVER);
	else
		event_set(&t->f.sim->events, &t->tail_probe, flow_now(&t->f) + MIN(wait, tcp_rto_ns(t)));
}
