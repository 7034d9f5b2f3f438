// SPDX-License-Identifier: MIT
/* tcp.c - a TCP sender: acks in, segments out */
#include "sim/tcp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/flow.h>

#define SYN_NUMBER (TCP_NONE - 1)
#define TSO_SEGMENTS 44.0	/* 64 KB, headers counted */
#define MIN_RTT_LIFE_NS (300 * NS_PER_SEC)

static struct tcp *of(struct flow *f)
{
	return (struct tcp *)f;
}

/* ---- out ---- */

static void send_segment(struct tcp *t, u32 n)
{
	struct tcp_segment *s = tcp_segment(t, n);
	u64 now = flow_now(&t->f);

	if (!t->in_flight)
		t->first_sent_ns = t->delivered_ns = now;
	s->sent_ns = t->last_sent_ns = now;
	s->sent = (u8)MIN(s->sent + 1, 255);
	s->delivered = t->delivered;
	s->delivered_ns = t->delivered_ns;
	s->first_sent_ns = t->first_sent_ns;
	s->app_limited = t->next >= t->limit;
	tcp_list_add(t, n);
	flow_send_tcp(&t->f, 0, n, n * TCP_MSS, 1, TG_TCP_ACK, TCP_MSS, NULL)->retransmit = s->sent > 1;
	t->prr_out++;
}

void tcp_retransmit(struct tcp *t, u32 n)
{
	struct tcp_segment *s = tcp_segment(t, n);

	tcp_list_remove(t, n);
	if (s->lost) {
		s->lost = false;
		t->lost_count--;
	}
	if (!t->retransmit_ns)
		t->retransmit_ns = flow_now(&t->f);
	t->undo_retransmits++;
	t->f.retransmits++;
	send_segment(t, n);
}

static void retransmit_next(struct tcp *t)
{
	u32 n = MAX(t->lost_hint, t->una);

	while (!tcp_segment(t, n)->lost)
		n++;
	t->lost_hint = n + 1;
	tcp_retransmit(t, n);
}

void tcp_send_new(struct tcp *t)
{
	u32 n = t->next++;

	*tcp_segment(t, n) = (struct tcp_segment){ .skip = n + 1 };
	send_segment(t, n);
}

static bool may_send(struct tcp *t)
{
	return t->in_flight < (u32)t->cc.window && (t->lost_count || (t->next < t->limit && t->next - t->una < TCP_RING - 1));
}

/* The kernel waits with a send until a super-packet of about a millisecond is together (TSO deferral), or a third of the
 * window; unless it has been silent for a millisecond or mends something. So what an engine gets comes in such batches. */
static bool defers(struct tcp *t)
{
	double room = floor(t->cc.window) - t->in_flight, per_ms, chunk;

	if (t->state != TCP_OPEN || t->lost_count || !t->in_flight || flow_now(&t->f) - t->last_sent_ns > NS_PER_MS)
		return false;
	per_ms = t->srtt_ns ? 1.2 * t->cc.window * NS_PER_MS / (double)t->srtt_ns : 2;
	chunk = MIN(MIN(MAX(per_ms, 2), TSO_SEGMENTS), t->cc.window / 3);
	return room < chunk && t->limit - t->next > room;
}

/* Bursts of about a millisecond, as the kernel sizes them for pacing. */
static bool paced(struct tcp *t)
{
	u64 now = flow_now(&t->f);
	double burst = MIN(MAX(t->cc.pace / 1000, 2.0), TSO_SEGMENTS);

	if (t->cc.pace <= 0)
		return false;
	if (t->pace_ns > now) {
		event_set(&t->f.sim->events, &t->pacer, t->pace_ns);
		return true;
	}
	for (u32 i = 0; i < (u32)burst && may_send(t); i++) {
		if (t->lost_count)
			retransmit_next(t);
		else
			tcp_send_new(t);
		t->pace_ns = MAX(t->pace_ns, now) + (u64)(1e9 / t->cc.pace);
	}
	if (may_send(t))
		event_set(&t->f.sim->events, &t->pacer, t->pace_ns);
	return true;
}

void tcp_send_more(struct tcp *t)
{
	if (t->state < TCP_OPEN)
		return;
	if (!paced(t) && !defers(t)) {
		while (may_send(t)) {
			if (t->lost_count)
				retransmit_next(t);
			else
				tcp_send_new(t);
		}
	}
	t->window_limited = t->in_flight + TSO_SEGMENTS >= t->cc.window || 2 * t->in_flight >= t->cc.window;
	tcp_arm_timeout(t);
	tcp_arm_probe(t);
}

void tcp_arm_timeout(struct tcp *t)
{
	u64 now = flow_now(&t->f);

	event_set(&t->f.sim->events, &t->timeout, t->una < t->next ? now + tcp_rto_ns(t) : TIME_NEVER);
}

static void fire_pacer(struct event *e)
{
	tcp_send_more(container_of(e, struct tcp, pacer));
}

/* ---- acks in ---- */

static void note_rtt(struct tcp *t, u64 rtt, struct cc_sample *sample)
{
	u64 now = flow_now(&t->f);
	u64 off = t->srtt_ns > rtt ? t->srtt_ns - rtt : rtt - t->srtt_ns;

	sample->rtt_ns = sample->rtt_ns ? MIN(sample->rtt_ns, rtt) : rtt;
	t->rttvar_ns = t->srtt_ns ? (3 * t->rttvar_ns + off) / 4 : rtt / 2;
	t->srtt_ns = t->srtt_ns ? (7 * t->srtt_ns + rtt) / 8 : rtt;
	if (!t->min_rtt_ns || rtt <= t->min_rtt_ns || now - t->min_rtt_at_ns > MIN_RTT_LIFE_NS) {
		t->min_rtt_ns = rtt;
		t->min_rtt_at_ns = now;
	}
	hist_add(&t->f.rtt, rtt / NS_PER_US);
}

/* The sample of the newest segment that an ack tells of is the one that counts. */
static void note_rate(struct tcp *t, const struct tcp_segment *s, struct cc_sample *sample)
{
	u64 now = flow_now(&t->f), interval = MAX(s->sent_ns - s->first_sent_ns, now - s->delivered_ns);

	t->first_sent_ns = MAX(t->first_sent_ns, s->sent_ns);
	if (s->delivered < sample->prior_delivered)
		return;
	sample->prior_delivered = s->delivered;
	sample->app_limited = s->app_limited;
	sample->rate = interval >= t->min_rtt_ns && interval ?
			       (double)(t->delivered + 1 - s->delivered) * 1e9 / (double)interval : 0;
}

static void delivered(struct tcp *t, u32 n, u32 fack, u64 *newest_ns, struct cc_sample *sample)
{
	struct tcp_segment *s = tcp_segment(t, n);

	if (s->sacked)
		return;
	if (s->sent == 1) {
		*newest_ns = MAX(*newest_ns, s->sent_ns);
		t->reordering |= n < fack;
	}
	note_rate(t, s, sample);
	tcp_rack_note(t, n);
	tcp_list_remove(t, n);
	if (s->lost) {
		s->lost = false;
		t->lost_count--;
	}
	t->delivered++;
	t->delivered_ns = flow_now(&t->f);
	sample->acked++;
	s->sacked = true;
	t->fack = MAX(t->fack, n + 1);
}

/* First segment from n on that is not sacked; shortens the way for the next who asks. */
static u32 unsacked(struct tcp *t, u32 n)
{
	u32 end = n, after;

	while (end < t->next && tcp_segment(t, end)->sacked)
		end = tcp_segment(t, end)->skip;
	for (; n < end; n = after) {
		after = tcp_segment(t, n)->skip;
		tcp_segment(t, n)->skip = end;
	}
	return end;
}

static void take_ranges(struct tcp *t, const struct ack_info *a, u32 fack, u64 *newest_ns, struct cc_sample *sample)
{
	for (u32 i = 0; i < a->count; i++)
		for (u32 n = unsacked(t, MAX(a->ranges[i].from, t->una)); n < MIN(a->ranges[i].to, t->next); n = unsacked(t, n + 1))
			delivered(t, n, fack, newest_ns, sample);
}

static void take_copy(struct tcp *t, u32 n)
{
	if (n == TCP_NONE)
		return;
	t->f.spurious++;
	tcp_rack_dsack(t);
	if (t->may_undo && t->undo_retransmits && !--t->undo_retransmits)
		tcp_undo(t);
}

static void finish_chunks(struct tcp *t)
{
	while (t->chunk_tail != t->chunk_head && t->una >= t->chunk_end[t->chunk_tail % 16]) {
		hist_add(&t->f.done, (flow_now(&t->f) - t->chunk_ns[t->chunk_tail % 16]) / NS_PER_US);
		t->chunk_tail++;
	}
	if (t->una >= t->limit)
		t->f.waits_since_ns = 0;
}

static void control(struct tcp *t, struct cc_sample *s, bool advanced)
{
	s->lost = tcp_rack_detect(t);
	if (s->lost)
		tcp_lost_some(t);
	tcp_end_recovery(t);
	s->in_flight = t->in_flight;
	s->min_rtt_ns = t->min_rtt_ns;
	s->srtt_ns = t->srtt_ns;
	s->delivered = t->delivered;
	s->window_limited = t->window_limited;
	if (t->state == TCP_RECOVERY && !t->cc.ops->is_model)
		tcp_prr(t, s, advanced);
	else if (s->acked)
		t->cc.ops->acked(&t->cc, s);
	t->cc.window = MIN(t->cc.window, TCP_RING - 2);
}

static void take_ack(struct tcp *t, const struct ack_info *a)
{
	struct cc_sample sample = { .now_ns = flow_now(&t->f) };
	u32 fack = t->fack, una = t->una;
	u64 newest_ns = 0;

	if (a->next > t->next)
		return;
	for (; t->una < a->next; t->una++)
		delivered(t, t->una, fack, &newest_ns, &sample);
	take_ranges(t, a, fack, &newest_ns, &sample);
	if (newest_ns)
		note_rtt(t, sample.now_ns - newest_ns, &sample);
	take_copy(t, a->copy);
	if (t->una > una) {
		t->backoff = 0;
		t->probed = false;
		if (t->may_undo && t->retransmit_ns && t->state != TCP_OPEN && a->echo_ns < t->retransmit_ns)
			tcp_undo(t);
	}
	control(t, &sample, t->una > una);
	finish_chunks(t);
	tcp_send_more(t);
}

/* ---- begin and end ---- */

static void fire_chunk(struct event *e)
{
	struct tcp *t = container_of(e, struct tcp, chunk);
	u32 segments = (u32)((t->f.spec.chunk_bytes + TCP_MSS - 1) / TCP_MSS);

	if (flow_is_over(&t->f))
		return;
	event_set(&t->f.sim->events, e, flow_now(&t->f) + t->f.spec.every_ns);
	if (t->chunk_head - t->chunk_tail == 16)
		return;		/* the application is behind */
	if (t->una == t->limit)
		t->f.waits_since_ns = flow_now(&t->f);
	t->limit += segments;
	t->chunk_ns[t->chunk_head % 16] = flow_now(&t->f);
	t->chunk_end[t->chunk_head++ % 16] = t->limit;
	tcp_send_more(t);
}

static void established(struct tcp *t, u64 syn_ns)
{
	struct cc_sample sample = { 0 };

	if (t->state != TCP_SYN_SENT)
		return;
	t->state = TCP_OPEN;
	t->backoff = 0;
	note_rtt(t, flow_now(&t->f) - syn_ns, &sample);
	if (t->f.spec.chunk_bytes)
		fire_chunk(&t->chunk);
	else
		t->limit = TCP_NONE - 2;
	tcp_send_more(t);
}

static void send_syn(struct tcp *t)
{
	t->state = TCP_SYN_SENT;
	flow_send_tcp(&t->f, 0, SYN_NUMBER, 0, 0, TG_TCP_SYN, 0, NULL);
	event_set(&t->f.sim->events, &t->timeout, flow_now(&t->f) + tcp_rto_ns(t));
}

static void fire_timeout_any(struct event *e)
{
	struct tcp *t = container_of(e, struct tcp, timeout);

	if (t->state != TCP_SYN_SENT) {
		tcp_fire_timeout(e);
		return;
	}
	t->backoff++;
	send_syn(t);
}

static void tcp_begin(struct flow *f)
{
	static const struct cc_ops *const ccs[] = { [FLOW_CUBIC] = &cc_cubic, [FLOW_RENO] = &cc_reno, [FLOW_BBR] = &cc_bbr };
	struct tcp *t = of(f);

	t->ring = calloc(TCP_RING, sizeof(*t->ring));
	if (!t->ring)
		abort();
	t->first = t->last = TCP_NONE;
	cc_begin(&t->cc, ccs[f->spec.kind], !f->spec.no_hystart);
	t->timeout.fire = fire_timeout_any;
	t->rack_timer.fire = tcp_fire_rack;
	t->tail_probe.fire = tcp_fire_probe;
	t->pacer.fire = fire_pacer;
	t->chunk.fire = fire_chunk;
	tcp_receiver_begin(t);
	f->waits_since_ns = flow_now(f);
	send_syn(t);
}

static void tcp_arrived(struct flow *f, u32 direction, const struct packet *p)
{
	struct tcp *t = of(f);

	if (flow_is_over(f) && t->limit > t->next)
		t->limit = t->next;	/* the application has stopped writing */
	if (!direction && p->number == SYN_NUMBER) {
		struct ack_info a = { .copy = TCP_NONE, .echo_ns = p->sent_ns };

		flow_send_tcp(f, 1, SYN_NUMBER, 0, 1, TG_TCP_SYN | TG_TCP_ACK, 0, &a);
	} else if (!direction) {
		tcp_receive(t, p);
	} else if (p->number == SYN_NUMBER) {
		established(t, p->ack->echo_ns);
	} else {
		take_ack(t, p->ack);
	}
}

static void tcp_batch_over(struct flow *f)
{
	tcp_receive_batch_over(of(f));
}

static void tcp_end(struct flow *f)
{
	struct tcp *t = of(f);
	struct event *const all[] = { &t->timeout, &t->rack_timer, &t->tail_probe, &t->pacer, &t->chunk };

	for (u32 i = 0; i < ARRAY_SIZE(all); i++)
		event_set(&f->sim->events, all[i], TIME_NEVER);
	tcp_receiver_end(t);
	free(t->ring);
}

const struct flow_ops tcp_flow_ops = {
	.bytes = sizeof(struct tcp),
	.begin = tcp_begin,
	.arrived = tcp_arrived,
	.batch_over = tcp_batch_over,
	.end = tcp_end,
};
