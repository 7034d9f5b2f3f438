// SPDX-License-Identifier: MIT
/* send.c - the way of a packet out: classify -> schedule -> number -> seal -> run
 *
 * Packets are numbered and laid out one by one, sealed together and handed to the link as runs of equal datagrams, so that one
 * AEAD batch and one system call serve many.
 */
#include "tunnel/internal.h"

#include <stdlib.h>
#include <string.h>

#include <triglav/flow.h>

#include "base/bytes.h"
#include "tunnel/csum.h"

#define BULK_WINDOW_US (100 * MSEC)
#define BULK_BYTES 30000u	/* a flow with more than this in a window is bulk: it may be striped */
#define SMALL_PACKET 200u	/* only packets below this are looked at for being a pure ACK */
#define RUN_PACKETS 16u		/* bulk stays on a path for so many packets: GSO and vector crypto need runs */

/* ---- collecting datagrams ---- */

void out_flush(struct tunnel *t)
{
	struct out *o = &t->out;
	u32 done = 0;

	if (!o->job_count)
		return;
	while (done < o->job_count) {
		u32 n = 1;

		while (done + n < o->job_count && o->keys[done + n] == o->keys[done])
			n++;
		aead_seal(o->keys[done], &o->jobs[done], n);
		done += n;
	}
	t->events->transmit(t->ctx, o->runs, o->run_count);
	buf_queue_drop(&o->held);
	o->job_count = o->run_count = o->used = 0;
}

/* Room for a datagram: behind the last run when it continues it, else as a run of its own. */
static u8 *out_room(struct out *o, const struct endpoint *where, u32 bytes)
{
	struct datagrams *run = o->run_count ? &o->runs[o->run_count - 1] : NULL;
	u8 *at = o->area + o->used;

	if (run && run->len % run->segment_bytes == 0 && bytes <= run->segment_bytes &&
	    run->len / run->segment_bytes < DATAGRAMS_MAX_SEGMENTS && run->len + bytes <= DATAGRAMS_MAX_BYTES &&
	    endpoint_equal(&run->where, where))
		run->len += bytes;
	else
		o->runs[o->run_count++] =
			(struct datagrams){ .where = *where, .data = at, .len = bytes, .segment_bytes = bytes };
	o->used += bytes;
	return at;
}

static bool key_can_send(const struct path_key *k, const struct path *p)
{
	if (p->tunnel->now_us - k->born_us >= KEY_LIFE_US)
		return false;
	return p->session->suite != AEAD_AESGCM || p->sent.next - k->first_number < KEY_HARD_LIMIT_GCM;
}

/* Numbers one datagram and lays it out. `plain` must stay until out_flush(); NULL: the caller writes it to where it will be
 * sealed, job->out. Returns NULL when the path has no usable key. */
u8 *out_add(struct path *p, const struct endpoint *where, u8 type, u8 flags, u32 copy_id, const u8 *plain, u32 plain_len,
	    bool eliciting, struct aead_job **job)
{
	struct tunnel *t = p->tunnel;
	struct out *o = &t->out;
	struct path_key *k = p->current;
	u32 header_len = TG_HEADER_BYTES + (flags & TG_FLAG_COPY ? TG_COPY_ID_BYTES : 0);
	u32 bytes = header_len + plain_len + TG_TAG_BYTES;
	struct tg_header *h;
	u8 *at;

	if (!k || !key_can_send(k, p)) {
		drop(t, k ? TG_DROP_KEY_EXPIRED : TG_DROP_NO_PATH);
		return NULL;
	}
	if (o->job_count == OUT_JOBS || o->used + bytes > OUT_AREA_BYTES)
		out_flush(t);

	at = out_room(o, where, bytes);
	h = (struct tg_header *)at;
	h->type = type;
	h->flags = flags;
	h->stamp = htobe16((u16)(t->now_us / TG_STAMP_US));
	h->receiver = htobe32(k->remote_index);
	h->number = htobe32((u32)p->sent.next);
	if (flags & TG_FLAG_COPY)
		put_be32(at + TG_HEADER_BYTES, copy_id);

	o->keys[o->job_count] = k->sending;
	o->jobs[o->job_count] = (struct aead_job){
		.number = p->sent.next,
		.ad = at,
		.ad_len = (u16)header_len,
		.in = plain ? plain : at + header_len,
		.len = (u16)plain_len,
		.out = at + header_len,
	};
	if (job)
		*job = &o->jobs[o->job_count];
	o->job_count++;
	sent_note(&p->sent, bytes, eliciting, false, t->now_us);	/* burns the number, whatever becomes of it */
	p->sent_bytes += bytes;
	return at;
}

/* ---- choosing paths ---- */

/* The scheduler's view of a session's paths, made once per batch. The place is the path's id, so that what the scheduler
 * remembers of a path stays with it when others come and go. */
struct view {
	struct sched_path entries[TG_MAX_PATHS];
	struct path *paths[TG_MAX_PATHS];
	u32 count;		/* places in use, those of unusable paths among them */
	u32 usable;
	int only;		/* the path when just one is usable */
	bool stripe;
};

static enum sched_tier tier_of(const struct path *p)
{
	if (!p->current || p->state == TUNNEL_PATH_CONNECTING || p->state == TUNNEL_PATH_DOWN)
		return SCHED_TIER_OUT;
	if (p->state == TUNNEL_PATH_SUSPECT)
		return SCHED_TIER_SUSPECT;
	return p->link_flags & (TG_LINK_METERED | TG_LINK_BACKUP) ? SCHED_TIER_BACKUP : SCHED_TIER_GOOD;
}

static void look(struct session *s, struct view *v)
{
	v->count = v->usable = 0;
	v->only = -1;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = s->paths[i];

		v->entries[i].tier = SCHED_TIER_OUT;
		if (!p || tier_of(p) == SCHED_TIER_OUT)
			continue;
		v->count = i + 1;
		v->only = (int)i;
		v->usable++;
		v->paths[i] = p;
		v->entries[i] = (struct sched_path){
			.tier = tier_of(p),
			.weight = p->weight,
			.rate = rate_estimate(&p->rate),
			.rate_measured = p->rate.measured,
			.delay_us = p->rtt.min_us / 2,
			.srtt_us = p->rtt.srtt_us,
			.rttvar_us = p->rtt.rttvar_us,
			.loss_ppm = p->sent.loss_ppm,
			.in_flight = p->sent.in_flight_bytes,
		};
	}
	v->stripe = v->usable > 1 && sched_may_stripe(&s->sched, v->entries, v->count);
}

static struct flow_slot *flow_of(struct session *s, u32 flow_hash)
{
	if (!s->flows)
		s->flows = calloc(TG_ORDER_SLOTS, sizeof(*s->flows));
	return s->flows ? &s->flows[flow_hash % TG_ORDER_SLOTS] : NULL;
}

static bool is_bulk(struct flow_slot *f, u32 bytes, u64 now)
{
	if (now - f->window_us > BULK_WINDOW_US) {
		f->was_bulk = f->window_bytes >= BULK_BYTES && now - f->window_us < 2 * BULK_WINDOW_US;
		f->window_bytes = 0;
		f->window_us = now;
	}
	f->window_bytes += bytes;
	return f->was_bulk || f->window_bytes >= BULK_BYTES;
}

static bool is_pure_ack(const struct buf *b)
{
	struct tg_flow flow;

	if (b->len > SMALL_PACKET)
		return false;
	return !tg_flow_parse(&flow, b->data, b->data + b->len, b->len) && tg_flow_is_pure_ack(&flow);
}

static void hash_flow(struct buf *b)
{
	struct tg_flow flow;

	if (!b->flow_hash && !tg_flow_parse(&flow, b->data, b->data + b->len, b->len))
		b->flow_hash = tg_flow_hash(&flow, 0);
}

/* The rest of a bulk run and where it goes. */
struct bulk_run {
	int path;
	u32 left;
};

/* Picks the path of one packet and sets its order word; -1: none. */
static int route(struct session *s, struct view *v, struct buf *b, struct bulk_run *run)
{
	struct flow_slot *f;

	b->order = TG_ORDER_NONE;
	if (v->usable < 2)
		return v->only;
	hash_flow(b);
	f = flow_of(s, b->flow_hash);
	if (!f || is_pure_ack(b) || !is_bulk(f, b->len, s->tunnel->now_us))
		return sched_pick_latency(&s->sched, v->entries, v->count);
	if (!v->stripe && s->sched.aggregation != SCHED_FULL && s->sched.strategy != SCHED_LOWEST_LATENCY)
		return sched_pick_pinned(&s->sched, v->entries, v->count, b->flow_hash);

	if (!run->left) {
		run->path = sched_pick_bulk(&s->sched, v->entries, v->count, RUN_PACKETS * b->len);
		run->left = RUN_PACKETS;
	}
	run->left--;
	if (v->stripe) {
		u32 slot = b->flow_hash % TG_ORDER_SLOTS;

		b->order = slot << TG_ORDER_SEQ_BITS | (f->sequence++ & TG_ORDER_SEQ_MASK);
	}
	return run->path;
}

/* ---- sending inner packets ---- */

/* The order word stands right before the packet, in its headroom. */
static bool put_on(struct path *p, struct buf *b, u8 flags, u32 copy_id)
{
	put_be32(b->data - TG_ORDER_BYTES, b->order);
	return out_add(p, &p->where, TG_TYPE_DATA, flags, copy_id, b->data - TG_ORDER_BYTES, b->len + TG_ORDER_BYTES, true,
		       NULL) != NULL;
}

/* The plaintext of b is in use until the flush that seals it. */
static void hold_until_sealed(struct tunnel *t, struct buf *b)
{
	if (t->out.job_count)
		buf_queue_add(&t->out.held, b);
	else
		buf_put(b);
}

static bool needs_csum_done(const struct session *s, const struct buf *b)
{
	return b->csum_partial && !s->peer_csum;
}

static void send_copies(struct session *s, struct view *v, struct buf *b, u8 flags)
{
	u32 id = s->next_copy_id++;
	bool alone = v->usable == 1;

	b->order = TG_ORDER_NONE;
	for (u32 i = 0; i < v->count; i++)
		if (v->entries[i].tier != SCHED_TIER_OUT)
			put_on(v->paths[i], b, alone ? flags : flags | TG_FLAG_COPY, id);
}

static void send_one(struct session *s, struct view *v, struct buf *b, struct bulk_run *run)
{
	struct tunnel *t = s->tunnel;
	u8 flags = b->csum_partial ? TG_FLAG_CSUM : 0;
	int i;

	if (needs_csum_done(s, b)) {
		csum_finish(b);
		flags = 0;
	}
	s->carried_packets++;
	s->carried_bytes += b->len;
	if (s->sched.strategy == SCHED_REDUNDANT && v->usable) {
		send_copies(s, v, b, flags);
		hold_until_sealed(t, b);
		return;
	}
	i = route(s, v, b, run);
	if (i < 0) {
		drop(t, TG_DROP_NO_PATH);
		buf_put(b);
		return;
	}
	v->entries[i].in_flight += b->len;
	put_on(v->paths[i], b, flags, 0);
	hold_until_sealed(t, b);
}

static bool is_sane(struct tunnel *t, const struct buf *b)
{
	u8 version = b->len ? b->data[0] >> 4 : 0;

	if ((version == 4 && b->len >= 20) || (version == 6 && b->len >= 40)) {
		if (b->len <= t->set.mtu)
			return true;
		drop(t, TG_DROP_TOO_LARGE);
		return false;
	}
	drop(t, TG_DROP_INNER_MALFORMED);
	return false;
}

static struct session *session_for(struct tunnel *t, const struct buf *b)
{
	struct session *s = t->set.server ? session_of_inner(t, b) : t->session;

	if (!s)
		drop(t, t->set.server ? TG_DROP_INNER_NO_CLIENT : TG_DROP_NO_PATH);
	return s;
}

void send_packets(struct tunnel *t, struct buf_queue *packets)
{
	struct session *last = NULL;
	struct bulk_run run = { 0 };
	struct view view;
	struct buf *b;

	while ((b = buf_queue_take(packets))) {
		struct session *s = is_sane(t, b) ? session_for(t, b) : NULL;

		if (!s) {
			buf_put(b);
			continue;
		}
		if (s != last) {
			look(s, &view);
			run = (struct bulk_run){ 0 };
			s->last_traffic_us = t->now_us;
			session_touch(s);
			last = s;
		}
		send_one(s, &view, b, &run);
	}
	out_flush(t);
}
