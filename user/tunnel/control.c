// SPDX-License-Identifier: MIT
/* control.c - control datagrams: acks, pings, path notices, goodbye */
#include "tunnel/internal.h"

#include <string.h>

#include "base/bytes.h"

#define QUIET_MOST_US (500 * MSEC)	/* by then the sender has said whether it is the path or itself that rests */
#define ACKS_BETWEEN_PINGS 16u	/* ack-only datagrams until one makes the peer ack, so that our records get settled */

void control_send(struct path *p, struct frames *f, const struct endpoint *where)
{
	struct aead_job *job;

	if (!f->len)
		return;
	if (!out_add(p, where ? where : &p->where, TG_TYPE_CONTROL, 0, 0, NULL, f->len, f->eliciting, NULL, &job))
		return;
	memcpy(job->out, f->bytes, f->len);
	p->unacked_acks = f->eliciting ? 0 : p->unacked_acks + 1;
	if (p->session)
		session_touch(p->session);
}

void control_ping(struct path *p)
{
	struct frames f = { 0 };

	frames_add_ping(&f, p->tunnel->now_us);
	p->last_ping_us = p->tunnel->now_us;
	p->tunnel->counters.pings_sent++;
	control_send(p, &f, NULL);
}

/* The path of least delay that is up, for what must arrive. */
struct path *session_best_path(struct session *s, const struct path *except)
{
	struct path *best = NULL;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = s->paths[i];

		if (!p || p == except || !p->current || p->state != TUNNEL_PATH_UP)
			continue;
		if (best && limits_spent(p) != limits_spent(best) ? !limits_spent(p) : !best || p->rtt.srtt_us < best->rtt.srtt_us)
			best = p;
	}
	return best;
}

/* An ack takes the path of least delay: the sooner the sender knows what was lost, the shorter others wait for it. Which
 * paths deliver in this direction, our own packets' acks tell. */
static void ack_over(struct path *p, struct path *over)
{
	struct tunnel *t = p->tunnel;
	struct frames f = { 0 };
	struct ack a;

	if (!received_fill(&p->received, p->id, &a, t->now_us))
		return;
	frames_add_ack(&f, &a);
	bundle_tell(p->session, &f);
	if (over->unacked_acks >= ACKS_BETWEEN_PINGS)
		frames_add_ping(&f, t->now_us);
	t->counters.acks_sent++;
	control_send(over, &f, NULL);
}

/* Data stopped coming on it a moment ago: it may be dead in this direction as well, and nobody has been able to tell us. */
static bool is_quiet(const struct path *p)
{
	return p->silence_told && p->tunnel->now_us - p->data_us < QUIET_MOST_US;
}

/* By two paths, when the better one may have died: the sender must not take all its paths for silent because one is. */
void control_ack(struct path *p)
{
	struct path *over = session_best_path(p->session, NULL), *second = NULL;

	if (over && is_quiet(over))
		second = session_best_path(p->session, over);
	ack_over(p, over ? over : p);	/* first: what rides on it is told once, and goes by the better one */
	if (second)
		ack_over(p, second);
}

/* The last ack again, by another path: its age tells the sender what should have come since, and did not. */
void control_tell_silence(struct path *p)
{
	struct path *over = session_best_path(p->session, p);

	if (over)
		ack_over(p, over);
}

void control_send_best(struct session *s, struct frames *f)
{
	struct path *over = session_best_path(s, NULL);

	if (over && f->len)
		control_send(over, f, NULL);
}

void control_tell_path(struct path *about, enum tg_path_state state)
{
	struct path *over = session_best_path(about->session, about);
	struct frames f = { 0 };
	struct ack a;

	if (!over)
		return;
	/* And what came by it: the acks that would have said so may have gone the same way. */
	if (state == TG_PATH_SUSPECT && received_fill(&about->received, about->id, &a, about->tunnel->now_us))
		frames_add_ack(&f, &a);
	frames_add_path(&f, about->id, state, 0);
	control_send(over, &f, NULL);
}

/* ---- coming in ---- */

static void receive_ack(struct path *arrived, const struct ack *a)
{
	struct session *s = arrived->session;
	struct path *p = a->path_id < TG_MAX_PATHS ? s->paths[a->path_id] : NULL;
	struct tunnel *t = s->tunnel;
	struct sent_news news = { 0 };

	t->counters.acks_received++;
	if (!p)
		return;		/* it went meanwhile */
	out_flush(t);		/* what is acked may be given back: nothing may wait to be sealed from it */
	if (sent_ack(&p->sent, a, &news, t->now_us)) {
		drop(t, TG_DROP_BAD_FRAME);
		return;
	}
	path_acked(p, arrived, a, &news);
}

/* The answer carries the ack of the ping as well: one datagram tells the sender that the path lives. */
static void answer_ping(struct path *p, u64 token)
{
	struct tunnel *t = p->tunnel;
	struct frames f = { 0 };
	struct ack a;

	frames_add_pong(&f, token, 0);
	if (received_fill(&p->received, p->id, &a, t->now_us))
		frames_add_ack(&f, &a);
	if (p->unacked_acks >= ACKS_BETWEEN_PINGS)
		frames_add_path(&f, p->id, TG_PATH_USE, 0);
	control_send(p, &f, NULL);
}

static void receive_path(struct path *arrived, const struct frame *f)
{
	struct session *s = arrived->session;
	struct path *p = f->path.path_id < TG_MAX_PATHS ? s->paths[f->path.path_id] : NULL;

	if (!p || p == arrived)
		return;
	if (f->path.state == TG_PATH_SUSPECT)
		path_told_silent(p);
	if (f->path.state == TG_PATH_ABANDON && s->tunnel->set.server) {
		path_suspect(p, "the peer takes it away");	/* what is on its way goes elsewhere */
		s->paths[p->id] = NULL;
		path_free(p);
	}
}

static void receive_config(struct session *s, const struct frame *f)
{
	struct tunnel_grant *g = &s->grant;

	if (s->tunnel->set.server)
		return;
	memcpy(g->ip4, f->config.ip4, 4);
	g->ip4_len = f->config.ip4_len;
	memcpy(g->ip6, f->config.ip6, 16);
	g->ip6_len = f->config.ip6_len;
	memcpy(g->server_ip4, f->config.server_ip4, 4);
	memcpy(g->server_ip6, f->config.server_ip6, 16);
	if (f->config.mtu)
		s->tunnel->set.mtu = f->config.mtu;
	client_confirmed(s);
}

/* True when the session is gone. */
static bool receive_close(struct session *s, const struct frame *f)
{
	struct tunnel *t = s->tunnel;

	if (t->set.server)
		session_end(s, TG_CLOSE_BYE, NULL);
	else
		client_closed(t, (enum tg_close_code)f->close.code, f->close.text);
	return true;
}

static void skip(struct session *s, const struct frame *f)
{
	reorder_skip(&s->reorder, f->skip.slot, f->skip.first, f->skip.count, halves_out(s), s->tunnel->now_us);
	halves_join(s);
}

/* True: stop reading, the session or path may be gone. */
static bool receive_frame(struct path *p, const struct frame *f, const struct endpoint *from)
{
	struct session *s = p->session;
	struct tunnel *t = p->tunnel;
	struct frames answer = { 0 };

	switch (f->type) {
	case TG_FRAME_ACK:
		receive_ack(p, &f->ack);
		return false;
	case TG_FRAME_PING:
		answer_ping(p, f->token);
		return false;
	case TG_FRAME_PATH:
		receive_path(p, f);
		return false;
	case TG_FRAME_CHALLENGE:
		frames_add_response(&answer, f->token);
		control_send(p, &answer, NULL);
		return false;
	case TG_FRAME_RESPONSE:
		roam_response(p, f->token, from);
		return false;
	case TG_FRAME_SKIP:
		if (f->skip.slot >= TG_ORDER_SLOTS || f->skip.count > SKIP_MAX)
			drop(t, TG_DROP_BAD_FRAME);
		else
			skip(s, f);
		return false;
	case TG_FRAME_ORDER:
		bundle_told(s, f->order.late, f->order.given_up);
		return false;
	case TG_FRAME_CONFIG:
		receive_config(s, f);
		return false;
	case TG_FRAME_CLOSE:
		return receive_close(s, f);
	case TG_FRAME_LIMITS:
		limits_received(p, f->limits.rate, f->limits.left);
		return false;
	case TG_FRAME_REPAIR:
		parity_receive(s, &f->repair);
		return false;
	default:
		return false;	/* PONG: its ack came beside it */
	}
}

void control_receive(struct path *p, const u8 *frames, u32 len, const struct endpoint *from)
{
	u32 pos = 0, acked = 0;		/* bit per path: a second ack in a datagram could only be there to make us walk */
	struct frame f;
	int got;

	while ((got = frames_next(frames, len, &pos, &f)) > 0) {
		if (f.type == TG_FRAME_ACK && acked >> f.ack.path_id % 32 & 1)
			continue;
		if (f.type == TG_FRAME_ACK)
			acked |= 1u << f.ack.path_id % 32;
		if (receive_frame(p, &f, from))
			return;
	}
	if (got < 0)
		drop(p->tunnel, TG_DROP_BAD_FRAME);
}
