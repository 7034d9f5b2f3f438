// SPDX-License-Identifier: MIT
/* send.c - the two ends of the way of a packet out: into the queue, and (pump.c having chosen a path) number -> seal -> run
 *
 * Packets are numbered and laid out one by one, sealed together and handed to the link as runs of equal datagrams, so that one
 * AEAD batch and one system call serve many.
 */
#include "tunnel/internal.h"

#include <triglav/flow.h>

#include "base/bytes.h"
#include "tunnel/csum.h"

#define SMALL_PACKET 200u	/* only packets below this are looked at for being a pure ACK */
#define BUSY_MOST_NS 200000000u	/* acks and copies do not wait for the pace, so they may run ahead of it, but not for ever */
#define CATCH_UP_NS 1000000u	/* of what a late turn missed, this is made up for: the link stood idle meanwhile, and more would only stand in its queue */

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

/* A run is sorted as a whole by its first datagram, where it arrives (udp_lanes.c): interactive ones have runs of their own. */
static bool continues(const struct datagrams *run, const struct endpoint *where, u8 flags, u32 bytes)
{
	const struct tg_header *first = (const struct tg_header *)run->data;

	return run->len % run->segment_bytes == 0 && bytes <= run->segment_bytes &&
	       run->len / run->segment_bytes < DATAGRAMS_MAX_SEGMENTS && run->len + bytes <= DATAGRAMS_MAX_BYTES &&
	       !((first->flags ^ flags) & TG_FLAG_AHEAD) && endpoint_equal(&run->where, where);
}

/* Room for a datagram: behind the last run when it continues it, else as a run of its own. */
static u8 *out_room(struct out *o, const struct endpoint *where, u8 flags, u32 bytes)
{
	struct datagrams *run = o->run_count ? &o->runs[o->run_count - 1] : NULL;
	u8 *at = o->area + o->used;

	if (run && continues(run, where, flags, bytes))
		run->len += bytes;
	else
		o->runs[o->run_count++] =
			(struct datagrams){ .where = *where, .data = at, .len = bytes, .segment_bytes = bytes };
	o->used += bytes;
	return at;
}

bool path_key_can_send(const struct path_key *k, const struct path *p)
{
	if (p->tunnel->now_us - k->born_us >= KEY_LIFE_US)
		return false;
	return p->session->suite != AEAD_AESGCM || p->sent.next - k->first_number < KEY_HARD_LIMIT_GCM;
}

u32 wire_bytes(const struct path *p, u32 datagram_bytes)
{
	return datagram_bytes + path_overhead(p);
}

/* The path is busy with this datagram, its IP and UDP headers included, for as long as it takes at the pace. */
static u32 charge(struct path *p, u32 bytes)
{
	u64 now_ns = p->tunnel->now_us * 1000;

	bytes = wire_bytes(p, bytes);
	p->wire_bytes += bytes;
	if (p->pace)
		p->free_ns = MIN(MAX(p->free_ns + CATCH_UP_NS, now_ns) - CATCH_UP_NS + bytes * 1000000000ULL / p->pace,
				 now_ns + BUSY_MOST_NS);
	return bytes;
}

/* Numbers one datagram and lays it out. `plain` must stay until out_flush(); NULL: the caller writes it to where it will be
 * sealed, job->out. Returns NULL when the path has no usable key. */
u8 *out_add(struct path *p, const struct endpoint *where, u8 type, u8 flags, u32 copy_id, const u8 *plain, u32 plain_len,
	    bool eliciting, struct buf *kept, struct aead_job **job)
{
	struct tunnel *t = p->tunnel;
	struct out *o = &t->out;
	struct path_key *k = p->current;
	u32 header_len = TG_HEADER_BYTES + (flags & TG_FLAG_COPY ? TG_COPY_ID_BYTES : 0);
	u32 bytes = header_len + plain_len + TG_TAG_BYTES;
	struct tg_header *h;
	u8 *at;

	if (!k || !path_key_can_send(k, p)) {
		drop(t, k ? TG_DROP_KEY_EXPIRED : TG_DROP_NO_PATH);
		return NULL;
	}
	if (o->job_count == OUT_JOBS || o->used + bytes > OUT_AREA_BYTES)
		out_flush(t);

	at = out_room(o, where, flags, bytes);
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
	sent_note(&p->sent, charge(p, bytes), eliciting, kept, t->now_us);	/* burns the number, whatever becomes of it */
	if (kept && !p->sent.size)
		buf_queue_add(&o->held, kept);
	p->sent_bytes += bytes;
	return at;
}

/* ---- sending inner packets ---- */

/* The plaintext of b is in use until the flush that seals it. */
void send_hold(struct tunnel *t, struct buf *b)
{
	if (t->out.job_count)
		buf_queue_add(&t->out.held, b);
	else
		buf_put(b);
}

static u8 flags_of(const struct session *s, const struct buf *b)
{
	return (b->csum_partial ? TG_FLAG_CSUM : 0) | b->half | (b->ahead && s->peer_ahead ? TG_FLAG_AHEAD : 0);
}

/* The order word stands right before the packet, in its headroom. */
static bool lay_out(struct path *p, struct buf *b, u8 flags, u32 copy_id, struct buf *kept)
{
	const u8 *plain = b->data - TG_ORDER_BYTES;
	u32 len = b->len + TG_ORDER_BYTES;

	put_be32(b->data - TG_ORDER_BYTES, b->order);
	flags |= flags_of(p->session, b);
	if (!out_add(p, &p->where, TG_TYPE_DATA, flags, copy_id, plain, len, true, kept, NULL))
		return false;
	if (p->parity.covers)
		fec_encoder_add(p->parity.encoder, p->sent.next - 1, flags, plain, len);
	return true;
}

/* One more copy of b by p. b stays the caller's, who sends it in the same call as well. */
void send_copy(struct path *p, struct buf *b, u8 flags, u32 copy_id)
{
	lay_out(p, b, flags, copy_id, NULL);
}

/* Sends b by p. Takes b: it is kept for repair, or given back once it is sealed. False: p has
 * no usable key, and b is still the caller's. */
bool send_packet(struct path *p, struct buf *b, u8 flags, u32 copy_id, bool keep)
{
	if (!lay_out(p, b, flags, copy_id, keep ? b : NULL))
		return false;
	b->path = p->id;
	b->number = p->sent.next - 1;
	if (!keep)
		send_hold(p->tunnel, b);
	return true;
}

/* ---- into the queue ---- */

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

static bool is_pure_ack(const struct buf *b)
{
	struct tg_flow flow;

	if (b->len > SMALL_PACKET)
		return false;
	return !tg_flow_parse(&flow, b->data, b->data + b->len, b->len) && tg_flow_is_pure_ack(&flow);
}

static void hash_flow(const struct tunnel *t, struct buf *b)
{
	struct tg_flow flow;

	if (!b->flow_hash && !tg_flow_parse(&flow, b->data, b->data + b->len, b->len))
		b->flow_hash = tg_flow_hash(&flow, t->flows.key);
}

static void enqueue(struct session *s, struct buf *b)
{
	u64 now = s->tunnel->now_us;

	if (is_pure_ack(b)) {
		queue_push_priority(&s->queue, b, now);
		return;
	}
	if (b->wanted_path)
		s->wanted_us = now;
	queue_push(&s->queue, b, now);
}

static void take_in(struct session *s, struct buf *b, struct path *straight)
{
	if (b->csum_partial && !s->peer_csum)
		csum_finish(b);
	s->carried_packets++;
	s->carried_bytes += b->len;
	hash_flow(s->tunnel, b);
	flows_sent(&s->tunnel->flows, s->handle, b, s->tunnel->now_us);
	if (straight)
		session_send_straight(straight, b);
	else
		enqueue(s, b);
}

void send_packets(struct tunnel *t, struct buf_queue *packets)
{
	struct session *last = NULL;
	struct path *straight = NULL;	/* by this path packets up to this size need not queue */
	u32 most = 0;
	struct buf *b;

	while ((b = buf_queue_take(packets))) {
		struct session *s = is_sane(t, b) ? session_for(t, b) : NULL;

		if (!s) {
			buf_put(b);
			continue;
		}
		if (s != last) {
			most = session_goes_straight(s);
			straight = most ? session_begin_straight(s) : NULL;
			s->last_traffic_us = t->now_us;
			session_touch(s);
			last = s;
		}
		if (b->len > most)
			straight = NULL;	/* nothing of this batch may overtake it */
		take_in(s, b, straight);
	}
}
