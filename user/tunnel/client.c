// SPDX-License-Identifier: MIT
/* client.c - which handshake a client tries when, and what an answer changes
 *
 *   no session           every path tries to open one; the first answer wins
 *   session, path new    the path joins
 *   key getting old      the path joins again: a rekey, the old key serves meanwhile
 *   path silent          it joins again as well, should the server have forgotten it
 *   all paths silent     every path tries to join and, in case the server has restarted, to open as well
 */
#include "tunnel/internal.h"

#include <string.h>

#include "base/bytes.h"

#define LOST_BEFORE_REOPEN_US (500 * MSEC)
#define REJOIN_AFTER_US SEC
#define CONFIRM_LIMIT_US (3 * SEC)
#define NO_PATTERN 0xff

/* Pauses between attempts: the first answer of a slow link must have time to come, and a server that is back is to be found
 * within a second or two. */
static const u32 pauses_ms[] = { 300, 600, 1000 };

static u8 opening_pattern(const struct tunnel *t)
{
	return t->set.has_credential ? TG_PATTERN_NKPSK2 : TG_PATTERN_NK;
}

static bool key_is_old(const struct path *p, u64 now)
{
	const struct path_key *k = p->current;
	u64 limit = p->session->suite == AEAD_AESGCM ? REKEY_AFTER_PACKETS_GCM : REKEY_AFTER_PACKETS;
	u64 stagger = p->tunnel->set.rekey_us / 64 * p->id;	/* paths take turns */

	return now + stagger >= k->born_us + p->tunnel->set.rekey_us || p->sent.next - k->first_number >= limit ||
	       p->largest_received - k->first_received >= limit;
}

static u64 key_old_at(const struct path *p)
{
	return p->current->born_us + p->tunnel->set.rekey_us - p->tunnel->set.rekey_us / 64 * p->id;
}

/* A path that stays silent beside living ones: perhaps the server has forgotten it. */
static u64 rejoin_due_us(const struct path *p)
{
	return p->state == TUNNEL_PATH_SUSPECT ? p->suspect_since_us + REJOIN_AFTER_US : TIME_NEVER;
}

static bool is_lost(const struct tunnel *t)
{
	return t->lost_since_us != TIME_NEVER && t->now_us - t->lost_since_us >= LOST_BEFORE_REOPEN_US;
}

/* What this path should be trying now. */
static u8 wanted_pattern(const struct path *p)
{
	const struct tunnel *t = p->tunnel;
	const struct session *s = t->session;

	if (p->state == TUNNEL_PATH_DOWN || t->closed)
		return NO_PATTERN;
	if (!s)
		return opening_pattern(t);
	if (!s->confirmed)
		return NO_PATTERN;
	if (is_lost(t))
		return TG_PATTERN_NKPSK0;
	if (!p->current || key_is_old(p, t->now_us) || t->now_us >= rejoin_due_us(p))
		return TG_PATTERN_NKPSK0;
	return NO_PATTERN;
}

static void try_handshake(struct path *p, u8 pattern)
{
	struct tunnel *t = p->tunnel;
	u32 pause_ms = pauses_ms[MIN(p->attempt_count, ARRAY_SIZE(pauses_ms) - 1)];

	if (t->session && is_lost(t)) {
		handshake_send_first(p, &p->attempts[0], TG_PATTERN_NKPSK0);
		handshake_send_first(p, &p->attempts[1], opening_pattern(t));
	} else {
		handshake_send_first(p, &p->attempts[p->attempt_count % TRIES], pattern);
	}
	p->attempt_count++;
	/* Up to a fifth of jitter keeps many clients of one server apart. */
	p->next_attempt_us = t->now_us + pause_ms * (MSEC + rand_u32(t->random) % 200);
}

void client_cancel_attempts(struct path *p)
{
	for (u32 i = 0; i < TRIES; i++) {
		index_give(p->tunnel, p->attempts[i].local_index);
		memset(&p->attempts[i], 0, sizeof(p->attempts[i]));
	}
	p->attempt_count = 0;
	p->next_attempt_us = 0;
}

/* Notes since when no path carries anything. */
static void watch_for_loss(struct tunnel *t)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (t->uplinks[i] && t->uplinks[i]->state == TUNNEL_PATH_UP) {
			t->lost_since_us = TIME_NEVER;
			return;
		}
	}
	if (t->lost_since_us == TIME_NEVER)
		t->lost_since_us = t->now_us;
}

/* The answer came, but the server never spoke under the new keys: begin again. */
static void forget_unconfirmed(struct tunnel *t)
{
	struct session *s = t->session;

	if (!s || s->confirmed || t->now_us - s->opened_us < CONFIRM_LIMIT_US)
		return;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (!t->uplinks[i])
			continue;
		path_reset(t->uplinks[i]);
		client_cancel_attempts(t->uplinks[i]);	/* joins of a session that is no more */
		if (t->uplinks[i]->state != TUNNEL_PATH_DOWN)
			path_set_state(t->uplinks[i], TUNNEL_PATH_CONNECTING, "the server fell silent");
	}
	session_free(s);
	t->session = NULL;
}

void client_tick(struct tunnel *t)
{
	watch_for_loss(t);
	forget_unconfirmed(t);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = t->uplinks[i];
		u8 pattern;

		if (!p || t->now_us < p->next_attempt_us)
			continue;
		pattern = wanted_pattern(p);
		if (pattern != NO_PATTERN)
			try_handshake(p, pattern);
	}
}

u64 client_due_us(const struct tunnel *t)
{
	const struct session *s = t->session;
	u64 due = TIME_NEVER;

	if (t->closed)
		return TIME_NEVER;
	if (s && !s->confirmed)
		due = s->opened_us + CONFIRM_LIMIT_US;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		const struct path *p = t->uplinks[i];
		u64 want;

		if (!p || p->state == TUNNEL_PATH_DOWN)
			continue;
		if (!s || !p->current)
			want = s && !s->confirmed ? TIME_NEVER : t->now_us;
		else if (t->lost_since_us != TIME_NEVER)
			want = t->lost_since_us + LOST_BEFORE_REOPEN_US;
		else
			want = key_is_old(p, t->now_us) ? t->now_us : MIN(key_old_at(p), rejoin_due_us(p));
		if (want != TIME_NEVER)
			due = MIN(due, MAX(want, p->next_attempt_us));
	}
	return due;
}

static void read_config(struct session *s, const struct tg_answer_payload *a)
{
	struct tunnel_grant *g = &s->grant;

	memcpy(g->ip4, a->ip4, 4);
	g->ip4_len = MIN(a->ip4_len, 32);
	memcpy(g->ip6, a->ip6, 16);
	g->ip6_len = MIN(a->ip6_len, 128);
	memcpy(g->server_ip4, a->server_ip4, 4);
	memcpy(g->server_ip6, a->server_ip6, 16);
	session_peer_features(s, be32toh(a->features));
}

static void read_seen(struct path *p, const struct tg_answer_payload *a)
{
	memset(&p->seen, 0, sizeof(p->seen));
	if (a->seen_family != 4 && a->seen_family != 6)
		return;
	p->seen.family = a->seen_family;
	p->seen.port = be16toh(a->seen_port);
	memcpy(p->seen.ip, a->seen_ip, a->seen_family == 4 ? 4 : 16);
}

/* All uplinks leave the old session, if any, and start afresh in the new one. */
static struct session *replace_session(struct tunnel *t, const struct tg_answer_payload *answer, const u8 root[32], u8 suite)
{
	struct session *s = session_new(t, get_be64(answer->handle), (enum aead_suite)suite);

	if (!s)
		return NULL;
	handshake_secrets(root, s->join_secret, s->join_mac_key);
	read_config(s, answer);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = t->uplinks[i];

		if (!p)
			continue;
		path_reset(p);
		client_cancel_attempts(p);
		if (p->state != TUNNEL_PATH_DOWN)
			path_set_state(p, TUNNEL_PATH_CONNECTING, "new session");
	}
	session_free(t->session);
	t->session = s;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (t->uplinks[i]) {
			t->uplinks[i]->session = s;
			s->paths[i] = t->uplinks[i];
		}
	}
	t->counters.sessions_opened++;
	return s;
}

void client_answered(struct attempt *a, struct path_key *k, const struct tg_answer_payload *answer, const u8 root[32],
		     u8 suite)
{
	struct path *p = a->path;
	struct tunnel *t = p->tunnel;
	bool joining = a->pattern == TG_PATTERN_NKPSK0;

	if (!joining) {
		if (!replace_session(t, answer, root, suite)) {
			path_key_free(t, k);
			return;
		}
		if (be16toh(answer->mtu))
			t->set.mtu = be16toh(answer->mtu);
	} else if (answer->flags & TG_ANSWER_FRESH) {
		path_reset(p);	/* the server does not know this path (any more): both count from zero */
	} else {
		t->counters.rekeys++;
	}
	client_cancel_attempts(p);
	read_seen(p, answer);
	path_take_key(p, k);
	p->last_received_us = p->last_ack_us = t->now_us;
	if (p->state != TUNNEL_PATH_DOWN)
		path_set_state(p, TUNNEL_PATH_UP, joining ? "joined" : "opened the session");
	p->probes = 0;
	control_ping(p);	/* proves the keys to the server */
	session_touch(p->session);
}

void client_confirmed(struct session *s)
{
	struct tunnel *t = s->tunnel;
	struct tunnel_config config = {
		.ip4_len = s->grant.ip4_len, .ip6_len = s->grant.ip6_len, .mtu = t->set.mtu
	};

	s->confirmed = true;
	memcpy(config.ip4, s->grant.ip4, 4);
	memcpy(config.ip6, s->grant.ip6, 16);
	memcpy(config.server_ip4, s->grant.server_ip4, 4);
	memcpy(config.server_ip6, s->grant.server_ip6, 16);
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (s->paths[i] && s->paths[i]->seen.family)
			config.seen = s->paths[i]->seen;
	if (t->events->connected)
		t->events->connected(t->ctx, &config);
}

/* The server ended the session. Only a new key or a restart helps after "revoked" and "replaced". */
void client_closed(struct tunnel *t, enum tg_close_code code, const char *text)
{
	if (code == TG_CLOSE_REVOKED || code == TG_CLOSE_REPLACED)
		t->closed = true;
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		if (!t->uplinks[i])
			continue;
		path_reset(t->uplinks[i]);
		client_cancel_attempts(t->uplinks[i]);
		if (t->uplinks[i]->state != TUNNEL_PATH_DOWN)
			path_set_state(t->uplinks[i], TUNNEL_PATH_CONNECTING, "the server closed the session");
	}
	session_free(t->session);
	t->session = NULL;
	if (t->events->disconnected)
		t->events->disconnected(t->ctx, code, text);
}
