// SPDX-License-Identifier: MIT
/* half_open.c - server: handshakes that were answered but not yet proved
 *
 * A fixed pool. An entry becomes a session, or a path of one, at the first authentic datagram under its keys; until then it
 * costs only its place, and the oldest makes room for the next.
 */
#include "tunnel/internal.h"

#include <string.h>

static bool is_stale(const struct tunnel *t, const struct half_open *h)
{
	return t->now_us - h->born_us >= HALF_OPEN_LIFE_US;
}

void half_open_drop(struct tunnel *t, struct half_open *h)
{
	if (h->join) {
		struct session *s = map_get(&t->by_handle, h->handle);

		if (s && s->joins)
			s->joins--;
	} else if (t->events->grant_unused) {
		t->events->grant_unused(t->ctx, &h->grant);
	}
	path_key_free(t, h->key);
	memset(h, 0, sizeof(*h));
	t->counters.half_open--;
}

struct half_open *half_open_take(struct tunnel *t, const struct endpoint *from)
{
	struct half_open *chosen = NULL, *oldest = NULL;
	u32 same_source = 0;

	for (u32 i = 0; i < HALF_OPEN_MAX; i++) {
		struct half_open *h = &t->half_open[i];

		if (!h->used) {
			chosen = h;
			continue;
		}
		if (addr_same_ip(&h->where.remote, &from->remote))
			same_source++;
		if (!oldest || h->born_us < oldest->born_us)
			oldest = h;
	}
	if (same_source >= HALF_OPEN_PER_SOURCE)
		return NULL;
	if (!chosen) {
		half_open_drop(t, oldest);
		chosen = oldest;
	}
	chosen->used = true;
	chosen->born_us = t->now_us;
	t->counters.half_open++;
	return chosen;
}

void half_open_expire(struct tunnel *t)
{
	for (u32 i = 0; t->counters.half_open && i < HALF_OPEN_MAX; i++)
		if (t->half_open[i].used && is_stale(t, &t->half_open[i]))
			half_open_drop(t, &t->half_open[i]);
}

u64 half_open_due_us(const struct tunnel *t)
{
	u64 due = TIME_NEVER;

	for (u32 i = 0; t->counters.half_open && i < HALF_OPEN_MAX; i++)
		if (t->half_open[i].used)
			due = MIN(due, t->half_open[i].born_us + HALF_OPEN_LIFE_US);
	return due;
}

static struct session *open_session(struct tunnel *t, struct half_open *h)
{
	struct session *old, *s;

	if (!h->grant.anonymous) {
		old = map_get(&t->by_client, client_key_of(h->grant.client_id));
		if (old)
			session_end(old, TG_CLOSE_REPLACED, "the same key opened another session");
	}
	s = session_new(t, h->handle, h->suite);
	if (!s)
		return NULL;
	s->grant = h->grant;
	s->client_key = client_key_of(h->grant.client_id);
	memcpy(s->join_secret, h->join_secret, 32);
	memcpy(s->join_mac_key, h->join_mac_key, 32);
	session_peer_features(s, h->features);
	s->confirmed = true;
	t->counters.sessions_opened++;
	if (t->events->session_opened)
		t->events->session_opened(t->ctx, &s->grant, s->handle);
	h->join = true;		/* the grant is the session's from here on */
	if (!session_publish(s))
		return s;
	session_end(s, TG_CLOSE_BYE, "out of memory");
	return NULL;
}

/* The path these keys belong to: a known one that re-keys, or a new one. */
static struct path *path_for(struct session *s, const struct half_open *h)
{
	struct path *p = s->paths[h->path_id];

	if (!(h->link_flags & TG_LINK_FRESH)) {
		if (p)
			s->tunnel->counters.rekeys++;
		return p;	/* gone since the answer: the client must join anew, from number 0 */
	}
	path_free(p);
	p = s->paths[h->path_id] = path_new(s->tunnel, s, h->path_id);
	if (!p)
		return NULL;
	p->where = h->where;
	mtu_begin(p);
	p->last_received_us = p->last_ack_us = s->tunnel->now_us;
	return p;
}

static void note_join(struct session *s, const struct half_open *h)
{
	if (memcmp(h->time, s->join_time[h->path_id], 12) > 0)
		memcpy(s->join_time[h->path_id], h->time, 12);
	memcpy(s->join_macs[s->join_mac_next++ % ARRAY_SIZE(s->join_macs)], h->mac1, 16);
	if (h->join && s->joins)
		s->joins--;
}

/* Other tries of the same path: the client has chosen this one. */
static void forget_rivals(struct tunnel *t, const struct half_open *chosen)
{
	for (u32 i = 0; i < HALF_OPEN_MAX; i++) {
		struct half_open *h = &t->half_open[i];

		if (h->used && h != chosen && h->join && h->handle == chosen->handle && h->path_id == chosen->path_id)
			half_open_drop(t, h);
	}
}

bool half_open_promote(struct tunnel *t, struct path_key *k)
{
	struct half_open *h = k->half_open;
	struct session *s = h->join ? map_get(&t->by_handle, h->handle) : open_session(t, h);
	struct path *p = s ? path_for(s, h) : NULL;

	if (!p) {
		half_open_drop(t, h);	/* frees k */
		return false;
	}
	p->link_kind = h->link_kind;
	p->link_flags = h->link_flags;
	note_join(s, h);
	k->half_open = NULL;
	path_take_key(p, k);
	if (t->events->address_proved)
		t->events->address_proved(t->ctx, &h->where.remote);
	forget_rivals(t, h);
	memset(h, 0, sizeof(*h));
	t->counters.half_open--;
	if (p->state == TUNNEL_PATH_CONNECTING)
		path_set_state(p, TUNNEL_PATH_UP, "joined");
	session_touch(s);
	return true;
}
