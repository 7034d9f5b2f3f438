// SPDX-License-Identifier: MIT
/* session.c - sessions, their paths and their keys: made, found, ended */
#include "tunnel/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

u64 client_key_of(const u8 client_id[8])
{
	return get_be64(client_id);
}

#define SAY_AFTER_US (100 * MSEC)

static u64 ip6_key_of(const u8 *ip6)
{
	return get_be64(ip6) * 0x9e3779b97f4a7c15ULL ^ get_be64(ip6 + 8);
}

/* ---- keys ---- */

/* `index`: the one the peer already knows from our first message, or 0 for a new one. */
struct path_key *path_key_new(struct tunnel *t, enum aead_suite suite, const u8 sending[32], const u8 receiving[32],
			      u32 index)
{
	struct path_key *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->born_us = t->now_us;
	k->sending = aead_key_new(suite, sending);
	k->receiving = aead_key_new(suite, receiving);
	k->local_index = index ? index_turn_over(t, index, k) : index_take(t, k, NULL);
	if (k->sending && k->receiving && k->local_index)
		return k;
	path_key_free(t, k);
	return NULL;
}

void path_key_free(struct tunnel *t, struct path_key *k)
{
	if (!k)
		return;
	out_flush(t);		/* what waits to be sealed under it goes first */
	for (u32 i = 0; i < t->in.count; i++)
		if (t->in.of[i].key == k)
			t->in.of[i].key = NULL;
	index_give(t, k->local_index);
	aead_key_free(k->sending);
	aead_key_free(k->receiving);
	free(k);
}

void path_take_key(struct path *p, struct path_key *k)
{
	path_key_free(p->tunnel, p->previous);
	p->previous = p->current;
	p->current = k;
	k->path = p;
	k->first_number = p->sent.next;
	k->first_received = p->largest_received;
	p->handshakes++;
	if (p->session && p->session->seen_slot != TG_SEEN_NONE)
		index_tell(p->tunnel, k);
	limits_tell(p);
}

/* ---- paths ---- */

/* Numbers of an earlier path of this id mean nothing any more. */
static void forget_skips(struct session *s, u8 id)
{
	if (s && s->skips)
		memset(&s->skips->paths[id], 0, sizeof(s->skips->paths[id]));
}

struct path *path_new(struct tunnel *t, struct session *s, u8 id)
{
	struct path *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->tunnel = t;
	p->session = s;
	p->id = id;
	p->weight = 1;
	p->say_us = TIME_NEVER;
	p->rate.control = t->set.congestion;
	p->ack_interval_us = ack_interval_us(0);
	sent_init(&p->sent);
	received_init(&p->received);
	forget_skips(s, id);
	return p;
}

void path_set_congestion(struct path *p, enum rate_control control)
{
	if (p->rate.control == control)
		return;
	p->rate.control = control;
	rate_reopen(&p->rate, p->tunnel->now_us);
}

static void free_keys(struct path *p)
{
	path_key_free(p->tunnel, p->previous);
	path_key_free(p->tunnel, p->current);
	p->previous = p->current = NULL;
}

void path_reset(struct path *p)
{
	free_keys(p);
	bundle_path_gone(p);
	repair_forget_path(p);
	sent_free(&p->sent);
	received_init(&p->received);
	mtu_begin(p);
	parity_free(p);
	p->roam = (struct roam){ 0 };
	p->largest_received = 0;
	forget_skips(p->session, p->id);
	p->delay = p->arrival = (struct delay){ 0 };	/* the peer's clock may be another */
	p->last_stamp = 0;
	p->data_us = p->gap_us = p->silence_told = 0;
	p->free_ns = 0;
	p->probes = 0;
	p->tail_probed = false;
	p->unacked_acks = 0;
	p->rekeying = false;
}

void path_free(struct path *p)
{
	if (!p)
		return;
	client_cancel_attempts(p);
	bundle_path_gone(p);
	repair_forget_path(p);
	free_keys(p);
	sent_free(&p->sent);
	parity_free(p);
	free(p);
}

static void say_state(struct path *p, const char *why)
{
	struct tunnel *t = p->tunnel;
	struct tunnel_path_info info;

	p->say_us = TIME_NEVER;
	if (t->set.server || !t->events->path_changed)
		return;
	path_info(p, &info);
	t->events->path_changed(t->ctx, &info, why);
}

/* Traffic leaves a silent path at once. People hear of it when it stays silent: a host that was busy for a moment is no outage. */
void path_set_state(struct path *p, enum tunnel_path_state state, const char *why)
{
	bool fell_silent = p->state == TUNNEL_PATH_UP && state == TUNNEL_PATH_SUSPECT;
	bool unsaid = p->say_us != TIME_NEVER && state == TUNNEL_PATH_UP;

	if (p->state == state)
		return;
	p->state = state;
	if (fell_silent)
		absent_begin(p);
	else if (state != TUNNEL_PATH_UP)
		absent_gone(p);
	if (state == TUNNEL_PATH_UP) {
		p->up_since_us = p->tunnel->now_us;
		absent_end(p);
	} else {
		bundle_path_gone(p);	/* outages and handovers come to unrelated paths at once: no proof */
	}
	if (p->session)
		session_touch(p->session);
	if (fell_silent) {
		p->say_us = p->tunnel->now_us + SAY_AFTER_US;
		snprintf(p->say_why, sizeof(p->say_why), "%s", why);
	} else if (unsaid) {
		p->say_us = TIME_NEVER;
	} else {
		say_state(p, why);
	}
}

void path_say_tick(struct path *p)
{
	if (p->tunnel->now_us >= p->say_us)
		say_state(p, p->say_why);
}

void path_info(const struct path *p, struct tunnel_path_info *out)
{
	*out = (struct tunnel_path_info){
		.id = p->id,
		.link = p->where.link,
		.remote = p->where.remote,
		.local = p->where.local,
		.state = p->state,
		.health = p->health.state,
		.link_kind = p->link_kind,
		.link_flags = (u8)(p->link_flags & ~TG_LINK_FRESH),
		.weight = p->weight,
		.tier = path_tier(p),
		.rate_limit = p->limits.rate,
		.quota_left = limits_left(p),
		.srtt_us = p->rtt.srtt_us,
		.rttvar_us = p->rtt.rttvar_us,
		.min_rtt_us = p->rtt.min_us,
		.loss_ppm = p->sent.loss_ppm,
		.mtu = pmtu_current(&p->pmtu) + path_overhead(p),
		.rate_bytes = limits_rate(p, rate_estimate(&p->rate)),
		.rate_measured = p->rate.measured,
		.sent_bytes = p->sent_bytes,
		.sent_packets = p->sent.next,
		.received_bytes = p->received_bytes,
		.received_packets = p->received_packets,
		.lost_packets = p->sent.lost_packets,
		.in_flight_bytes = p->sent.in_flight_bytes,
		.phase = p->rate.phase,
		.pace_bytes = p->pace,
		.window_bytes = p->window,
		.queue_us = delay_queue_us(&p->delay),
		.jitter_us = p->delay.jitter_us,
		.shares_bottleneck = MAX(p->rate.shares, 1u),
		.delay_beyond_us = path_delay_beyond(p),
		.sent_second = second_rate(&p->sent_second, p->sent_bytes, p->tunnel->now_us),
		.left_out = path_left_out(p),
		.handshakes = p->handshakes,
		.seen = p->seen,
	};
	memcpy(out->name, p->name, sizeof(out->name));
}

/* ---- sessions ---- */

struct session *session_new(struct tunnel *t, u64 handle, enum aead_suite suite)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->tunnel = t;
	s->handle = handle;
	s->suite = suite;
	s->opened_us = s->last_received_us = t->now_us;
	s->sched.strategy = t->set.strategy;
	s->sched.aggregation = t->set.aggregation;
	reorder_init(&s->reorder, REORDER_LIMIT);
	queue_init(&s->queue, MIN(QUEUE_LIMIT, t->pool_bufs / 3));	/* the rest is for what comes in, and what is kept */
	s->pump_due_us = TIME_NEVER;
	s->seen_slot = TG_SEEN_NONE;
	t->session_count++;
	return s;
}

static void free_seen(struct session *s)
{
	if (s->seen_slot == TG_SEEN_NONE)
		free(s->seen);
	else
		s->tunnel->events->seen_give(s->tunnel->ctx, s->seen_slot);
}

/* Not the paths of a client: they are its uplinks and outlive sessions. */
void session_free(struct session *s)
{
	struct tunnel *t;

	if (!s)
		return;
	t = s->tunnel;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = s->paths[i];

		s->paths[i] = NULL;	/* what a path's end does to the others finds no freed one */
		if (p && t->set.server)
			path_free(p);
		else if (p)
			p->session = NULL;
	}
	for (struct session **q = &t->touched; *q; q = &(*q)->next_touched) {
		if (*q == s) {
			*q = s->next_touched;
			break;
		}
	}
	heap_set(&t->timers, &s->timer, TIME_NEVER);
	reorder_free(&s->reorder);
	session_drop_waiting(s);
	bundle_free(s);
	halves_free(s);
	free(s->sequences);
	free_seen(s);
	t->session_count--;
	explicit_bzero(s, sizeof(*s));
	free(s);
}

/* Made at the first copy. A filter then learns of it for all keys that copies can come under. */
struct tg_seen *session_seen(struct session *s)
{
	const struct tunnel_events *events = s->tunnel->events;

	if (s->seen)
		return s->seen;
	if (!events->seen_take || !events->seen_take(s->tunnel->ctx, &s->seen_slot, &s->seen, &s->skips)) {
		s->seen = calloc(1, sizeof(*s->seen));
		return s->seen;
	}
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (!s->paths[i])
			continue;
		s->skips->paths[i].newest = (u32)s->paths[i]->largest_received;
		index_tell(s->tunnel, s->paths[i]->previous);
		index_tell(s->tunnel, s->paths[i]->current);
	}
	return s->seen;
}

void session_peer_features(struct session *s, u32 features)
{
	s->peer_csum = features & TG_FEATURE_CSUM;
	s->peer_halves = features & TG_FEATURE_HALVES;
	s->peer_ahead = features & TG_FEATURE_AHEAD;
	s->peer_fec = features & TG_FEATURE_FEC && !s->tunnel->set.no_fec;
}

int session_publish(struct session *s)
{
	struct tunnel *t = s->tunnel;
	const struct tunnel_grant *g = &s->grant;
	int err = map_set(&t->by_handle, s->handle, s);

	if (!err && has_bytes(g->ip4, 4))
		err = map_set(&t->by_ip4, get_be32(g->ip4), s);
	if (!err && has_bytes(g->ip6, 16))
		err = map_set(&t->by_ip6, ip6_key_of(g->ip6), s);
	if (!err && !g->anonymous)
		err = map_set(&t->by_client, s->client_key, s);
	return err;
}

static void remove_if(struct map *m, u64 key, const struct session *s)
{
	if (map_get(m, key) == s)
		map_remove(m, key);
}

static void session_unpublish(struct session *s)
{
	struct tunnel *t = s->tunnel;

	remove_if(&t->by_handle, s->handle, s);
	remove_if(&t->by_ip4, get_be32(s->grant.ip4), s);
	remove_if(&t->by_ip6, ip6_key_of(s->grant.ip6), s);
	remove_if(&t->by_client, s->client_key, s);
}

void session_fill(const struct session *s, struct tunnel_session_info *info)
{
	*info = (struct tunnel_session_info){
		.handle = s->handle,
		.anonymous = s->grant.anonymous,
		.opened_us = s->opened_us,
		.suite = (enum tg_suite)s->suite,
		.delivered_packets = s->delivered_packets,
		.delivered_bytes = s->delivered_bytes,
		.carried_packets = s->carried_packets,
		.carried_bytes = s->carried_bytes,
		.reorder_held = s->reorder.held,
		.reorder_late = s->reorder.late,
		.reorder_filled = s->reorder.gaps_filled,
		.reorder_expired = s->reorder.gaps_expired,
		.reorder_copies = s->reorder.copies,
		.queue_age_us = queue_bulk_head_age(&s->queue, s->tunnel->now_us),
		.queue_packets = s->queue.packets,
		.queue_bytes = s->queue.bytes,
		.line_packets = s->line.count,
		.again_packets = s->again.count,
		.repaired_packets = s->repaired,
		.repaired_bytes = s->repaired_bytes,
		.skipped_packets = s->skipped,
		.copied_packets = s->copied,
		.copied_bytes = s->copied_bytes,
		.guard_shrinks = bundle_shrinks(s),
		.stretch_us = session_stretch_us(s),
		.parity_sent = s->parity_sent,
		.parity_bytes = s->parity_bytes,
		.parity_recovered = s->parity_recovered,
		.halved_packets = s->halved,
		.joined_packets = s->halves.joined,
	};
	memcpy(info->client_id, s->grant.client_id, 8);
	memcpy(info->ip4, s->grant.ip4, 4);
	memcpy(info->ip6, s->grant.ip6, 16);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			path_info(s->paths[i], &info->paths[info->path_count++]);
}

void session_end(struct session *s, enum tg_close_code code, const char *text)
{
	struct tunnel *t = s->tunnel;
	struct tunnel_session_info last;
	struct frames f = { 0 };

	if (text)
		frames_add_close(&f, code, text);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i] && s->paths[i]->current)
			control_send(s->paths[i], &f, NULL);
	out_flush(t);	/* the keys go now */

	session_unpublish(s);
	session_fill(s, &last);
	t->counters.sessions_closed++;
	if (t->events->session_closed)
		t->events->session_closed(t->ctx, &s->grant, s->handle, code, &last);
	session_free(s);
}

void tunnel_each_session(struct tunnel *t, void (*fn)(void *arg, const struct tunnel_session_info *info), void *arg,
			 u64 now_us)
{
	struct tunnel_session_info info;

	t->now_us = MAX(t->now_us, now_us);
	if (!t->set.server) {
		if (t->session) {
			session_fill(t->session, &info);
			fn(arg, &info);
		}
		return;
	}
	for (u32 i = 0; i < t->by_handle.size; i++) {
		if (t->by_handle.entries[i].value) {
			session_fill(t->by_handle.entries[i].value, &info);
			fn(arg, &info);
		}
	}
}

/* ---- lookups by inner address ---- */

struct session *session_of_address(struct tunnel *t, u8 family, const u8 *ip)
{
	struct session *s;

	if (family == 4)
		return map_get(&t->by_ip4, get_be32(ip));
	s = map_get(&t->by_ip6, ip6_key_of(ip));
	return s && !memcmp(s->grant.ip6, ip, 16) ? s : NULL;
}

struct session *session_of_inner(struct tunnel *t, const struct buf *b)
{
	return b->data[0] >> 4 == 4 ? session_of_address(t, 4, b->data + 16) : session_of_address(t, 6, b->data + 24);
}

bool session_owns_source(const struct session *s, const struct buf *b)
{
	if (b->data[0] >> 4 == 4)
		return !memcmp(s->grant.ip4, b->data + 12, 4) && has_bytes(s->grant.ip4, 4);
	return !memcmp(s->grant.ip6, b->data + 8, 16) && has_bytes(s->grant.ip6, 16);
}

/* Its deadlines may have changed: the end of the public call looks at it once. */
void session_touch(struct session *s)
{
	if (s->touched)
		return;
	s->touched = true;
	s->next_touched = s->tunnel->touched;
	s->tunnel->touched = s;
}
