// SPDX-License-Identifier: MIT
/* tunnel.c - the public calls: each sets the time, does its part, then settles what it touched */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tunnel/internal.h"

#define IDLE_TIMEOUT_US (300 * SEC)
#define KEEPALIVE_US (15 * SEC)
#define SLACK_US 100	/* timers this close together fire as one */

static void fill_defaults(struct tunnel_settings *set)
{
	if (!set->mtu)
		set->mtu = TG_INNER_MTU;
	if (!set->handshakes_per_second)
		set->handshakes_per_second = 500;
	if (!set->rekey_us)
		set->rekey_us = REKEY_AFTER_US;
	if (!set->idle_timeout_us)
		set->idle_timeout_us = IDLE_TIMEOUT_US;
	if (!set->keepalive_us)
		set->keepalive_us = KEEPALIVE_US;
}

struct tunnel *tunnel_new(const struct tunnel_settings *settings, const struct tunnel_events *events, void *ctx,
			  struct buf_pool *pool, struct rand_source *random, u64 now_us)
{
	struct tunnel *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->set = *settings;
	fill_defaults(&t->set);
	t->events = events;
	t->ctx = ctx;
	t->pool = pool;
	t->pool_bufs = buf_pool_left(pool);
	t->random = random;
	t->now_us = t->lost_since_us = now_us;
	cookie_mac1_key(t->set.server_public, t->mac1_key);
	cookie_jar_init(&t->jar, t->set.server_public);
	t->out.area = malloc(OUT_AREA_BYTES);
	if (t->out.area)
		return t;
	tunnel_free(t);
	return NULL;
}

void tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	t->out.job_count = t->out.run_count = t->out.used = 0;
	buf_queue_drop(&t->out.held);
	buf_queue_drop(&t->deliver);
	for (u32 i = 0; i < HALF_OPEN_MAX; i++)
		path_key_free(t, t->half_open[i].key);
	for (u32 i = 0; i < t->by_handle.size; i++)
		session_free(t->by_handle.entries[i].value);
	session_free(t->session);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		path_free(t->uplinks[i]);
	map_free(&t->by_handle);
	map_free(&t->by_ip4);
	map_free(&t->by_ip6);
	map_free(&t->by_client);
	heap_free(&t->timers);
	free(t->slots);
	free(t->out.area);
	recorder_free(t->record.recorder);
	flows_free(&t->flows);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static void change_session(struct session *s)
{
	const struct tunnel_settings *set = &s->tunnel->set;

	s->sched.strategy = set->strategy;
	s->sched.aggregation = set->aggregation;
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i])
			path_set_congestion(s->paths[i], set->congestion);
	session_touch(s);
}

static void begin(struct tunnel *t, u64 now_us)
{
	if (now_us > t->now_us)
		t->now_us = now_us;
}

/* Sends what the paths take now, delivers what came out, sets the timers of the sessions that were touched. */
static void settle(struct tunnel *t)
{
	struct session *s;

	for (s = t->touched; s; s = s->next_touched)
		session_pump(s);
	out_flush(t);
	if (t->deliver.count)
		t->events->deliver(t->ctx, &t->deliver);
	while ((s = t->touched)) {
		t->touched = s->next_touched;
		s->touched = false;
		heap_set(&t->timers, &s->timer, session_due_us(s));
	}
}

/* Acks that became due while receiving go out with what is sent anyway. */
static void send_due_acks(struct tunnel *t)
{
	for (struct session *s = t->touched; s; s = s->next_touched)
		for (u32 i = 0; i < TG_MAX_PATHS; i++)
			if (s->paths[i] && s->paths[i]->current && t->now_us >= received_due_us(&s->paths[i]->received))
				control_ack(s->paths[i]);
}

void tunnel_receive(struct tunnel *t, struct datagrams *runs, u32 n, u64 now_us)
{
	begin(t, now_us);
	for (u32 i = 0; i < n; i++)
		receive_run(t, &runs[i]);
	receive_flush(t);
	send_due_acks(t);
	settle(t);
}

void tunnel_receive_ahead(struct tunnel *t, struct datagrams *runs, u32 n, u64 now_us)
{
	begin(t, now_us);
	for (u32 i = 0; i < n; i++)
		receive_run_ahead(t, &runs[i]);
	receive_flush(t);
	settle(t);
}

void tunnel_send(struct tunnel *t, struct buf_queue *packets, u64 now_us)
{
	begin(t, now_us);
	send_packets(t, packets);
	settle(t);
}

u64 tunnel_due_us(const struct tunnel *t)
{
	struct heap_node *first = heap_first(&t->timers);
	u64 due = first ? first->due_us : TIME_NEVER;

	due = MIN(due, record_due_us(t));
	return MIN(due, t->set.server ? half_open_due_us(t) : client_due_us(t));
}

void tunnel_tick(struct tunnel *t, u64 now_us)
{
	struct heap_node *first;

	begin(t, now_us);
	while ((first = heap_first(&t->timers)) && first->due_us <= t->now_us + SLACK_US) {
		struct session *s = container_of(first, struct session, timer);

		heap_set(&t->timers, first, TIME_NEVER);	/* settle() sets it anew */
		session_tick(s);
	}
	if (t->set.server)
		half_open_expire(t);
	else
		client_tick(t);
	settle(t);
	record_tick(t);
}

void tunnel_change(struct tunnel *t, const struct tunnel_settings *settings, u64 now_us)
{
	begin(t, now_us);
	t->set.strategy = settings->strategy;
	t->set.aggregation = settings->aggregation;
	t->set.congestion = settings->congestion;
	t->set.no_copies = settings->no_copies;
	t->set.rekey_us = settings->rekey_us;
	t->set.keepalive_us = settings->keepalive_us;
	t->set.idle_timeout_us = settings->idle_timeout_us;
	t->set.handshakes_per_second = settings->handshakes_per_second;
	fill_defaults(&t->set);
	for (u32 i = 0; i < t->by_handle.size; i++)
		if (t->by_handle.entries[i].value)
			change_session(t->by_handle.entries[i].value);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)		/* those without a session, too */
		if (t->uplinks[i])
			path_set_congestion(t->uplinks[i], t->set.congestion);
	if (t->session)
		change_session(t->session);
	settle(t);
}

/* ---- a client's paths ---- */

struct path *path_of_link(const struct tunnel *t, u32 link)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (t->uplinks[i] && t->uplinks[i]->where.link == link)
			return t->uplinks[i];
	return NULL;
}

/* Ids in turn, so that a late notice about a path that left cannot meet a new one of the same id. */
static int free_path_id(struct tunnel *t)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		u32 id = (t->next_path_id + i) % TG_MAX_PATHS;

		if (t->uplinks[id])
			continue;
		t->next_path_id = id + 1;
		return (int)id;
	}
	return -ENOSPC;
}

int tunnel_path_add(struct tunnel *t, const struct tunnel_uplink *u, u64 now_us)
{
	struct path *p;
	int id;

	begin(t, now_us);
	if (path_of_link(t, u->link))
		return -EEXIST;
	id = free_path_id(t);
	if (id < 0)
		return id;
	p = path_new(t, t->session, (u8)id);
	if (!p)
		return -ENOMEM;
	memcpy(p->name, u->name, sizeof(p->name));
	p->name[sizeof(p->name) - 1] = '\0';
	p->where = (struct endpoint){ .link = u->link, .remote = u->remote, .local = u->local };
	p->link_kind = (u8)u->kind;
	p->link_flags = u->flags;
	p->weight = u->weight ? u->weight : 1;
	p->link_mtu = u->mtu;
	mtu_begin(p);
	t->uplinks[id] = p;
	if (t->session)
		t->session->paths[id] = p;
	client_tick(t);
	settle(t);
	return 0;
}

int tunnel_path_remove(struct tunnel *t, u32 link, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (!p)
		return -ENOENT;
	if (p->session)
		path_suspect(p, "removed");	/* what is on its way goes elsewhere */
	p->state = TUNNEL_PATH_DOWN;	/* not over itself */
	if (p->session) {
		control_tell_path(p, TG_PATH_ABANDON);
		p->session->paths[p->id] = NULL;
		session_touch(p->session);
	}
	t->uplinks[p->id] = NULL;
	path_free(p);
	client_tick(t);
	settle(t);
	return 0;
}

static void path_down(struct path *p, const char *why)
{
	if (p->session && p->current) {
		path_suspect(p, why);
		control_tell_path(p, TG_PATH_SUSPECT);
	}
	client_cancel_attempts(p);
	path_set_state(p, TUNNEL_PATH_DOWN, why);
}

static void path_back(struct path *p, const char *why)
{
	p->attempt_count = 0;
	p->next_attempt_us = 0;
	p->probes = 0;
	p->next_probe_us = p->tunnel->now_us;
	path_set_state(p, p->current ? TUNNEL_PATH_SUSPECT : TUNNEL_PATH_CONNECTING, why);
	if (p->current)
		control_ping(p);
}

void tunnel_path_carrier(struct tunnel *t, u32 link, bool up, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (!p || up == (p->state != TUNNEL_PATH_DOWN))
		return;
	if (up)
		path_back(p, "link is back");
	else
		path_down(p, "link is gone");
	client_tick(t);
	settle(t);
}

void tunnel_path_moved(struct tunnel *t, u32 link, const struct addr *local, const struct addr *remote, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (!p)
		return;
	p->where.local = *local;
	p->where.remote = *remote;
	mtu_begin(p);
	path_suspect(p, "address changed");
	path_back(p, "address changed");
	client_tick(t);
	settle(t);
}

int tunnel_path_set(struct tunnel *t, u32 link, u32 weight, u8 flags)
{
	struct path *p = path_of_link(t, link);

	if (!p)
		return -ENOENT;
	p->weight = weight ? weight : 1;
	p->link_flags = flags;
	return 0;
}

int tunnel_path_limit(struct tunnel *t, u32 link, u64 rate, u64 left, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (!p)
		return -ENOENT;
	limits_set(p, rate, left);
	settle(t);
	return 0;
}

void tunnel_path_mtu(struct tunnel *t, u32 link, u32 mtu_bytes, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (p)
		mtu_set_link(p, mtu_bytes);
	settle(t);
}

/* The I/O side calls this after a failed transmit, so never from within one. */
void tunnel_link_trouble(struct tunnel *t, u32 link, int error, u64 now_us)
{
	struct path *p = path_of_link(t, link);

	begin(t, now_us);
	if (!p || p->state != TUNNEL_PATH_UP)
		return;
	path_suspect(p, strerror(error));
	control_tell_path(p, TG_PATH_SUSPECT);
	settle(t);
}

void tunnel_count_drop(struct tunnel *t, enum tg_drop reason, u32 packets)
{
	t->counters.drops[reason] += packets;
}

/* ---- ends ---- */

void tunnel_close_all(struct tunnel *t, enum tg_close_code code, const char *text, u64 now_us)
{
	struct frames f = { 0 };

	begin(t, now_us);
	if (t->set.server) {
		for (u32 i = 0; i < t->by_handle.size;) {
			struct session *s = t->by_handle.entries[i].value;

			if (s)
				session_end(s, code, text);	/* moves later entries up: look here again */
			else
				i++;
		}
	} else if (t->session) {
		frames_add_close(&f, code, text);
		for (u32 i = 0; i < TG_MAX_PATHS; i++)
			if (t->uplinks[i] && t->uplinks[i]->current && t->uplinks[i]->state != TUNNEL_PATH_DOWN)
				control_send(t->uplinks[i], &f, NULL);
		t->closed = true;
	}
	settle(t);
}

u32 tunnel_close_client(struct tunnel *t, const u8 client_id[8], enum tg_close_code code, u64 now_us)
{
	struct session *s = map_get(&t->by_client, client_key_of(client_id));

	begin(t, now_us);
	if (!s)
		return 0;
	session_end(s, code, code == TG_CLOSE_REVOKED ? "this key was revoked" : "");
	settle(t);
	return 1;
}

/* ---- looking in ---- */

u32 tunnel_paths(struct tunnel *t, struct tunnel_path_info *out, u32 max, u64 now_us)
{
	u32 n = 0;

	begin(t, now_us);
	for (u32 i = 0; i < TG_MAX_PATHS && n < max; i++)
		if (t->uplinks[i])
			path_info(t->uplinks[i], &out[n++]);
	return n;
}

bool tunnel_weights(struct tunnel *t, struct tg_weights *out, u64 now_us)
{
	t->now_us = MAX(t->now_us, now_us);
	if (!t->session)
		return false;
	session_weigh(t->session, out);
	return true;
}

const struct tunnel_counters *tunnel_counters(const struct tunnel *t)
{
	return &t->counters;
}

const char *tunnel_drop_name(enum tg_drop reason)
{
	static const char *const names[] = {
#define NAME(name, text, help) [TG_DROP_##name] = text,
		TG_DROPS(NAME)
#undef NAME
	};
	return reason < TG_DROP_COUNT ? names[reason] : "unknown";
}

const char *tunnel_path_state_name(enum tunnel_path_state state)
{
	static const char *const names[] = { "connecting", "up", "suspect", "down" };

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}
