// SPDX-License-Identifier: MIT
/* receive.c - the way of a packet in: index -> open -> replay -> order -> deliver
 *
 * Datagrams are screened one by one, opened together, and acted on in the order they came. Nothing is believed,
 * counted for a path or marked in a window before the tag has proved true. Interactive ones may be delivered before their
 * turn; their path and its acks hear of them in their turn.
 */
#include "tunnel/internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define DATA_PAUSE_US (100 * MSEC)	/* after a longer pause data does not "keep coming" */

void drop(struct tunnel *t, enum tg_drop reason)
{
	t->counters.drops[reason]++;
}

/* Numbers of a path go on through rekeys, so a key that is not proved yet is expected to continue its path's. */
static u64 expected_number(const struct tunnel *t, const struct path_key *k)
{
	const struct half_open *h = k->half_open;
	const struct path *p = k->path;

	if (h && h->join && !(h->link_flags & TG_LINK_FRESH)) {
		const struct session *s = map_get(&t->by_handle, h->handle);

		p = s ? s->paths[h->path_id] : NULL;
	}
	return p ? p->largest_received + 1 : 0;
}

/* Header fields that can be judged without a key. TG_DROP_COUNT: fine. */
static enum tg_drop screen_header(const struct tg_header *h, u32 len, u32 *header_len)
{
	*header_len = TG_HEADER_BYTES + (h->flags & TG_FLAG_COPY ? TG_COPY_ID_BYTES : 0);
	if (h->flags & ~TG_FLAGS_KNOWN || (h->type == TG_TYPE_CONTROL && h->flags))
		return TG_DROP_BAD_HEADER;
	if (len < *header_len + TG_TAG_BYTES || len - *header_len - TG_TAG_BYTES > BUF_MAX_PACKET)
		return TG_DROP_SHORT;
	return TG_DROP_COUNT;
}

static enum tg_drop screen_key(const struct tunnel *t, const struct path_key *k, u64 number)
{
	if (t->now_us - k->born_us >= KEY_LIFE_US)
		return TG_DROP_KEY_EXPIRED;
	return replay_is_fresh(&k->window, number) ? TG_DROP_COUNT : TG_DROP_REPLAY;
}

static struct path_key *key_of(struct tunnel *t, const struct tg_header *h)
{
	const struct index_slot *slot = index_find(t, be32toh(h->receiver));

	return slot ? slot->key : NULL;
}

static u64 number_of(const struct tunnel *t, const struct path_key *k, const struct tg_header *h)
{
	return replay_recover(expected_number(t, k), be32toh(h->number));
}

/* `ahead`: the datagram's bit, see struct in_job. TG_DROP_COUNT: it will be opened, else why not. */
static enum tg_drop queue_open(struct tunnel *t, struct datagrams *run, u64 ahead, const u8 *data, u32 len)
{
	const struct tg_header *h = (const struct tg_header *)data;
	struct path_key *k;
	struct in_job *job;
	u32 header_len;
	enum tg_drop bad = screen_header(h, len, &header_len);
	u64 number;

	if (bad != TG_DROP_COUNT)
		return bad;
	k = key_of(t, h);
	if (!k)
		return TG_DROP_NO_SESSION;
	number = number_of(t, k, h);
	bad = screen_key(t, k, number);
	if (bad != TG_DROP_COUNT)
		return bad;
	job = &t->in.of[t->in.count];
	job->buf = buf_take(t->pool);
	if (!job->buf)
		return TG_DROP_NO_BUFFER;
	job->key = k;
	job->header = h;
	job->copy_id = h->flags & TG_FLAG_COPY ? get_be32(data + TG_HEADER_BYTES) : 0;
	job->datagram_bytes = len;
	job->run = run;
	job->ahead = ahead;
	/* The order word lands in the headroom, the packet where bufs have it. */
	t->in.jobs[t->in.count++] = (struct aead_job){
		.number = number,
		.ad = data,
		.ad_len = (u16)header_len,
		.in = data + header_len,
		.len = (u16)(len - header_len - TG_TAG_BYTES),
		.out = job->buf->data - TG_ORDER_BYTES,
	};
	if (t->in.count == IN_JOBS)
		receive_flush(t);
	return TG_DROP_COUNT;
}

/* ---- what an authentic packet says ---- */

static bool inner_is_valid(const struct buf *b)
{
	if (b->len >= 20 && b->data[0] >> 4 == 4)
		return get_be16(b->data + 2) == b->len;
	if (b->len >= 40 && b->data[0] >> 4 == 6)
		return get_be16(b->data + 4) + 40u == b->len;
	return false;
}

enum tg_drop receive_screen(struct session *s, const struct buf *b)
{
	if (!inner_is_valid(b))
		return TG_DROP_INNER_MALFORMED;
	if (s->tunnel->set.server && !session_owns_source(s, b))
		return TG_DROP_INNER_SOURCE;
	return TG_DROP_COUNT;
}

/* Without an order nothing tells which halves belong together. What is in them is looked at once they are joined. */
static enum tg_drop screen_half(const struct buf *b)
{
	bool ordered = b->order >> TG_ORDER_SEQ_BITS < TG_ORDER_SLOTS;

	return ordered && b->half != (TG_FLAG_FIRST | TG_FLAG_LAST) ? TG_DROP_COUNT : TG_DROP_FRAGMENT;
}

/* TG_DROP_COUNT: may be delivered. */
static enum tg_drop screen_inner(struct session *s, const struct buf *b, u8 flags, u32 copy_id)
{
	enum tg_drop bad = b->half ? screen_half(b) : receive_screen(s, b);

	if (bad != TG_DROP_COUNT)
		return bad;
	if (flags & TG_FLAG_COPY) {
		struct tg_seen *seen = session_seen(s);

		if (seen && !tg_seen_mark(seen, copy_id))
			return TG_DROP_COPY;
	}
	return TG_DROP_COUNT;
}

/* What waits for holes may never take the bufs that the missing packets and the acks need: the bound shrinks with the pool,
 * and below a quarter nothing waits at all. */
static void push_ordered(struct session *s, struct buf *b)
{
	struct tunnel *t = s->tunnel;
	u32 left = buf_pool_left(t->pool);

	s->reorder.limit = left < t->pool_bufs / 4 ? 0 : MIN(REORDER_LIMIT, left / 2);
	reorder_push(&s->reorder, b, halves_out(s), t->now_us);
	if (s->joining.count)
		halves_join(s);
}

static void count_delivered(struct session *s, const struct buf *b)
{
	s->delivered_packets++;
	s->delivered_bytes += b->len;
	flows_received(&s->tunnel->flows, s->handle, b, s->tunnel->now_us);
}

/* What stands in b, behind its order word. Takes b. */
static void take_data(struct path *p, struct buf *b, u8 flags, u32 copy_id, u32 plain_len)
{
	struct session *s = p->session;
	struct tunnel *t = p->tunnel;
	enum tg_drop bad = TG_DROP_SHORT;

	if (plain_len > TG_ORDER_BYTES) {
		b->len = (u16)(plain_len - TG_ORDER_BYTES);
		b->order = get_be32(b->data - TG_ORDER_BYTES);
		b->half = flags & (TG_FLAG_FIRST | TG_FLAG_LAST);
		bad = screen_inner(s, b, flags, copy_id);
	}
	if (bad != TG_DROP_COUNT) {
		drop(t, bad);
		buf_put(b);
		return;
	}
	b->csum_partial = flags & TG_FLAG_CSUM;
	b->path = p->id;
	b->time_us = t->now_us;
	if (b->half)
		s->halves_come = true;
	else
		count_delivered(s, b);
	s->last_traffic_us = t->now_us;
	if (b->order == TG_ORDER_NONE || b->order >> TG_ORDER_SEQ_BITS >= TG_ORDER_SLOTS)
		buf_queue_add(&t->deliver, b);
	else
		push_ordered(s, b);
}

void receive_recovered(struct path *p, u8 flags, const u8 *plain, u32 len)
{
	struct buf *b = buf_take(p->tunnel->pool);

	if (!b) {
		drop(p->tunnel, TG_DROP_NO_BUFFER);
		return;
	}
	memcpy(b->data - TG_ORDER_BYTES, plain, len);
	take_data(p, b, flags, 0, len);
}

static void receive_data(struct path *p, const struct in_job *job, u64 number, const u8 *plain, u32 len)
{
	struct fec_news news;
	u8 flags = job->header->flags;

	news.count = 0;		/* and nothing else: there is one for every packet */
	if (p->parity.decoder && !parity_source(p, number, flags, plain, len, &news)) {
		drop(p->tunnel, TG_DROP_COPY);
		buf_put(job->buf);
		return;
	}
	take_data(p, job->buf, flags, job->copy_id, len);
	if (news.count)
		parity_bring_back(p, &news);
}

/* Is this key one the path sends with, or the one before it? The first datagram under a new one makes it count. */
static struct path *path_of_key(struct tunnel *t, struct path_key *k)
{
	if (k->half_open && !half_open_promote(t, k))
		return NULL;
	return k->path;
}

static bool is_eliciting(const struct in_job *job, const u8 *plain, u32 len)
{
	if (job->header->type == TG_TYPE_DATA)
		return true;
	/* Acks, what rides on them, answers to pings and the goodbye are not acked. */
	for (u32 pos = 0; pos + 3 <= len; pos += 3 + get_be16(plain + pos + 1))
		if (plain[pos] != TG_FRAME_ACK && plain[pos] != TG_FRAME_ORDER && plain[pos] != TG_FRAME_PONG &&
		    plain[pos] != TG_FRAME_CLOSE)
			return true;
	return false;
}

/* Stamps count 64 us modulo 2^16, so 22 bits of microseconds: the difference to what was seen before makes 32 of them. */
static void note_delay(struct path *p, u16 stamp, u32 age_us)
{
	u64 now = p->tunnel->now_us;
	u32 took = (u32)now - age_us - (u32)stamp * TG_STAMP_US;
	s32 step = (s32)((took - p->arrival.latest_us) << 10) >> 10;

	if (stamp == p->last_stamp)
		return;		/* of a batch the first tells */
	p->last_stamp = stamp;
	delay_sample(&p->arrival, p->arrival.any ? p->arrival.latest_us + (u32)step : took, MAX(p->rtt.min_us, (u32)(10 * MSEC)), now);
}

/* Data that keeps coming: how far its batches are apart. */
static void note_data(struct path *p)
{
	u64 now = p->tunnel->now_us, gap_us = now - p->data_us;

	p->silence_told = 0;
	if (!gap_us)
		return;
	p->data_us = now;
	if (gap_us > DATA_PAUSE_US || !p->gap_us)
		p->gap_us = gap_us > DATA_PAUSE_US ? 0 : (u32)gap_us;
	else
		p->gap_us += (u32)(((s32)gap_us - (s32)p->gap_us) / 16);
}

/* Copies that the filter dropped since the last packet that it let pass: they have arrived, and the peer waits for their acks. Only
 * numbers before an authentic one count, so they were sent, whoever it was that sent what the filter saw. */
static void note_skipped(struct path *p, const struct in_job *job, u64 number, u32 age_us)
{
	const struct tg_skips *skips = p->session->skips;

	if (!skips || number - p->largest_received - 1 > TG_SKIP_NUMBERS)
		return;
	for (u64 n = p->largest_received + 1; n < number; n++) {
		if (!tg_skip_has(&skips->paths[p->id], (u32)n))
			continue;
		received_note(&p->received, n, job->datagram_bytes, be16toh(job->header->stamp), job->run->ce, false,
			      p->ack_interval_us, age_us, p->tunnel->now_us);
		p->received_packets++;
		p->received_bytes += job->datagram_bytes;
		p->wire_bytes += wire_bytes(p, job->datagram_bytes);
	}
}

static void note_arrival(struct path *p, const struct in_job *job, u64 number, bool eliciting)
{
	struct tunnel *t = p->tunnel;
	struct session *s = p->session;
	u64 arrived_us = job->run->arrived_us;
	u32 age_us = arrived_us && arrived_us < t->now_us ? (u32)MIN(t->now_us - arrived_us, SEC) : 0;

	if (t->set.server)
		roam_seen(p, job->run, number, job->datagram_bytes);
	if (number > p->largest_received + 1)
		note_skipped(p, job, number, age_us);
	received_note(&p->received, number, job->datagram_bytes, be16toh(job->header->stamp), job->run->ce, eliciting,
		      p->ack_interval_us, age_us, t->now_us);
	note_delay(p, be16toh(job->header->stamp), age_us);
	if (job->header->type == TG_TYPE_DATA)
		note_data(p);
	p->largest_received = MAX(p->largest_received, number);
	if (s->skips)
		s->skips->paths[p->id].newest = (u32)p->largest_received;
	p->received_packets++;
	p->received_bytes += job->datagram_bytes;
	p->wire_bytes += wire_bytes(p, job->datagram_bytes);
	p->last_received_us = s->last_received_us = t->now_us;
	session_touch(s);
	if (!s->confirmed)
		client_confirmed(s);
}

/* Whatever is wrong with it is found again in its turn, and counted then. */
static void receive_opened_ahead(const struct in_job *job, const struct aead_job *opened)
{
	if (!job->key || !opened->ok || !replay_mark(&job->key->window, opened->number)) {
		buf_put(job->buf);
		return;
	}
	job->run->taken |= job->ahead;
	receive_data(job->key->path, job, opened->number, opened->out, opened->len);
}

static void receive_opened(struct tunnel *t, struct in_job *job, const struct aead_job *opened)
{
	u32 len = opened->len;
	u64 number = opened->number;
	const u8 *plain = opened->out;
	struct path *p;

	if (!job->key)
		drop(t, TG_DROP_NO_SESSION);	/* an earlier packet of this batch ended it */
	else if (!opened->ok)
		drop(t, TG_DROP_FORGED);
	else if (!replay_mark(&job->key->window, number))
		drop(t, TG_DROP_REPLAY);
	else if (!(p = path_of_key(t, job->key)))
		drop(t, TG_DROP_NO_SESSION);
	else {
		note_arrival(p, job, number, is_eliciting(job, plain, len));
		if (job->header->type == TG_TYPE_DATA) {
			receive_data(p, job, number, plain, len);
			return;
		}
		control_receive(p, plain, len, &job->run->where);
	}
	buf_put(job->buf);
}

void receive_flush(struct tunnel *t)
{
	struct in *in = &t->in;
	u32 i, n;

	for (i = 0; i < in->count; i += n) {
		for (n = 1; i + n < in->count && in->of[i + n].key == in->of[i].key; n++)
			;
		aead_open(in->of[i].key->receiving, &in->jobs[i], n);
	}
	for (i = 0; i < in->count; i++)
		if (in->of[i].ahead)
			receive_opened_ahead(&in->of[i], &in->jobs[i]);
		else
			receive_opened(t, &in->of[i], &in->jobs[i]);
	in->count = 0;
}

static void receive_datagram(struct tunnel *t, struct datagrams *run, const u8 *data, u32 len)
{
	enum tg_drop bad;

	if (len < TG_HEADER_BYTES) {
		drop(t, TG_DROP_SHORT);
		return;
	}
	if (data[0] == TG_TYPE_DATA || data[0] == TG_TYPE_CONTROL) {
		bad = queue_open(t, run, 0, data, len);
		if (bad != TG_DROP_COUNT)
			drop(t, bad);
		return;
	}
	receive_flush(t);
	handshake_receive(t, run, data, len);
}

/* It was delivered ahead, and now it is its turn. Its key may have died since. */
static void note_taken(struct tunnel *t, struct datagrams *run, const u8 *data, u32 len)
{
	struct in_job job = { .header = (const struct tg_header *)data, .datagram_bytes = len, .run = run };
	const struct path_key *k;

	receive_flush(t);	/* of what came before, the path hears first */
	k = key_of(t, job.header);
	if (k && k->path)
		note_arrival(k->path, &job, number_of(t, k, job.header), true);
}

/* The datagram's bit among those that can be taken ahead; 0: it is too far behind. */
static u64 bit_of(u32 i)
{
	return i < 64 ? 1ULL << i : 0;
}

void receive_run(struct tunnel *t, struct datagrams *run)
{
	for (u32 i = 0, at = 0; at < run->len; i++, at += run->segment_bytes) {
		u32 len = MIN(run->segment_bytes, run->len - at);

		if (run->taken & bit_of(i))
			note_taken(t, run, run->data + at, len);
		else
			receive_datagram(t, run, run->data + at, len);
	}
}

/* First packets under a key prove it, and what repair symbols are worked out from comes in order: these have to wait. So has what would move the
 * window past what waits. */
static bool may_go_ahead(struct tunnel *t, const u8 *data, u32 len)
{
	const struct tg_header *h = (const struct tg_header *)data;
	const struct path_key *k;

	if (len < TG_HEADER_BYTES || h->type != TG_TYPE_DATA || !(h->flags & TG_FLAG_AHEAD))
		return false;
	k = key_of(t, h);
	if (!k || !k->path || k->path->parity.decoder)
		return false;
	return number_of(t, k, h) < k->path->largest_received + REPLAY_WINDOW / 2;
}

void receive_run_ahead(struct tunnel *t, struct datagrams *run)
{
	for (u32 i = 0, at = 0; at < run->len && bit_of(i); i++, at += run->segment_bytes) {
		u32 len = MIN(run->segment_bytes, run->len - at);

		if (may_go_ahead(t, run->data + at, len))
			(void)queue_open(t, run, bit_of(i), run->data + at, len);
	}
}
