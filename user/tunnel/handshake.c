// SPDX-License-Identifier: MIT
/* handshake.c - first messages, answers, cookies and version notes
 *
 * Cheap checks come first, curve arithmetic after them, memory last:
 *
 *   length -> mac1 -> version -> load (cookie) -> suite -> session or admission limits -> Noise -> admission -> memory
 *
 * Which attempt a client makes when is in client.c, what becomes of an answered handshake in half_open.c.
 */
#include "tunnel/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define PROLOGUE_BYTES 25u
#define TAI_EPOCH 0x400000000000000aULL	/* TAI64 label of 1970-01-01, 10 s ahead of UTC (cr.yp.to/libtai/tai64.html) */
#define LOAD_BURST_US (SEC / 2)
#define SOURCE_PER_SECOND 20u	/* handshakes of one source under load */

/* "triglav 2" and every byte of the message that travels in the clear beside e. */
static void prologue_of(const struct tg_first *m, u8 out[PROLOGUE_BYTES])
{
	memcpy(out, "triglav 2", 9);
	memcpy(out + 9, m, 8);
	memcpy(out + 17, m->handle, 8);
}

void handshake_secrets(const u8 root[32], u8 join_secret[32], u8 join_mac_key[32])
{
	blake3_keyed(root, "triglav join secret", 19, join_secret, 32);
	blake3_keyed(root, "triglav join mac", 16, join_mac_key, 32);
}

/* TAI64N, always later than the one before: two messages may fall into one clock tick. */
static void next_time(struct tunnel *t, u8 out[12])
{
	u64 wall_ns = t->set.wall_at_zero_ns + t->now_us * 1000;

	put_be64(out, TAI_EPOCH + wall_ns / 1000000000);
	put_be32(out + 8, (u32)(wall_ns % 1000000000));
	if (memcmp(out, t->last_time, 12) <= 0) {
		memcpy(out, t->last_time, 12);
		put_be32(out + 8, get_be32(out + 8) + 1);
	}
	memcpy(t->last_time, out, 12);
}

static bool suite_allowed(const struct tunnel *t, u8 suite)
{
	if (suite != TG_SUITE_CHACHAPOLY && suite != TG_SUITE_AESGCM)
		return false;
	return aead_has((enum aead_suite)suite) && (!t->set.suites || t->set.suites & 1u << suite);
}

static u8 preferred_suite(const struct tunnel *t)
{
	return suite_allowed(t, TG_SUITE_AESGCM) ? TG_SUITE_AESGCM : TG_SUITE_CHACHAPOLY;
}

static void transmit_one(struct tunnel *t, const struct endpoint *where, void *data, u32 len)
{
	struct datagrams run = { .where = *where, .data = data, .len = len, .segment_bytes = len };

	out_flush(t);	/* keep the order of what was said before */
	t->events->transmit(t->ctx, &run, 1);
}

/* ---- client: the first message ---- */

static const u8 *attempt_mac_key(const struct path *p, u8 pattern)
{
	return pattern == TG_PATTERN_NKPSK0 ? p->session->join_mac_key : p->tunnel->mac1_key;
}

/* NKpsk2 mixes the secret into the answer only, which is too late for silence: the first message proves it here. The proof
 * covers everything the message says; the payload's encryption ties it to e. */
static void prove_secret(const u8 secret[32], const u8 prologue[PROLOGUE_BYTES], const struct tg_first_payload *payload,
			 u8 proof[16])
{
	struct tg_first_payload blank = *payload;
	u8 all[PROLOGUE_BYTES + sizeof(blank)];

	memset(blank.proof, 0, sizeof(blank.proof));
	memcpy(all, prologue, PROLOGUE_BYTES);
	memcpy(all + PROLOGUE_BYTES, &blank, sizeof(blank));
	cookie_mac(secret, 32, all, sizeof(all), proof);
}

static u32 own_features(const struct tunnel *t)
{
	return (t->set.csum ? TG_FEATURE_CSUM : 0) | (t->set.no_fec ? 0 : TG_FEATURE_FEC) | TG_FEATURE_HALVES | TG_FEATURE_AHEAD;
}

static void fill_first_payload(struct path *p, u8 pattern, struct tg_first_payload *out)
{
	struct tunnel *t = p->tunnel;
	bool fresh = pattern != TG_PATTERN_NKPSK0 || !p->current;

	memset(out, 0, sizeof(*out));
	next_time(t, out->time);
	if (t->set.has_credential)
		memcpy(out->client_id, t->set.client_id, 8);
	out->features = htobe32(own_features(t));
	out->path_id = p->id;
	out->link_kind = p->link_kind;
	out->link_flags = (u8)(p->link_flags | (fresh ? TG_LINK_FRESH : 0));
}

void handshake_send_first(struct path *p, struct attempt *a, u8 pattern)
{
	struct tunnel *t = p->tunnel;
	struct tg_first m = { .type = TG_TYPE_FIRST, .version = TG_VERSION_WIRE, .pattern = pattern };
	struct tg_first_payload payload;
	u8 prologue[PROLOGUE_BYTES];
	const u8 *psk = NULL;

	index_give(t, a->local_index);
	a->local_index = index_take(t, NULL, a);
	if (!a->local_index)
		return;
	m.suite = p->session && pattern == TG_PATTERN_NKPSK0 ? (u8)p->session->suite : preferred_suite(t);
	m.sender = htobe32(a->local_index);
	if (pattern == TG_PATTERN_NKPSK0) {
		put_be64(m.handle, p->session->handle);
		psk = p->session->join_secret;
	} else if (pattern == TG_PATTERN_NKPSK2) {
		psk = t->set.client_secret;
	}
	prologue_of(&m, prologue);
	noise_begin(&a->noise, &(struct noise_setup){ .pattern = (enum noise_pattern)pattern,
						      .suite = (enum aead_suite)m.suite,
						      .hash = &hash_blake3,
						      .initiator = true,
						      .prologue = prologue,
						      .prologue_len = sizeof(prologue),
						      .server_public = t->set.server_public,
						      .psk = psk });
	fill_first_payload(p, pattern, &payload);
	if (pattern == TG_PATTERN_NKPSK2)
		prove_secret(psk, prologue, &payload, payload.proof);
	if (noise_write(&a->noise, t->random, (u8 *)&payload, sizeof(payload), m.e, m.payload))
		return;		/* the server's key is a low-order point: nobody can answer */

	cookie_mac(attempt_mac_key(p, pattern), 32, &m, offsetof(struct tg_first, mac1), m.mac1);
	if (p->cookie_us && t->now_us - p->cookie_us < COOKIE_LIFE_US)
		cookie_mac(p->cookie, 16, &m, offsetof(struct tg_first, mac2), m.mac2);
	memcpy(a->mac1, m.mac1, 16);
	a->path = p;
	a->pattern = pattern;
	a->active = true;
	a->sent_us = t->now_us;
	t->counters.handshakes_sent++;
	transmit_one(t, &p->where, &m, sizeof(m));
}

/* ---- server: the first message arrives ---- */

/* One token per handshake, refilled evenly; a dry bucket means "ask for a cookie". */
static bool take_handshake_token(struct tunnel *t)
{
	u64 cost = SEC / t->set.handshakes_per_second;

	if (t->handshake_tokens_us + LOAD_BURST_US < t->now_us)
		t->handshake_tokens_us = t->now_us - LOAD_BURST_US;
	if (t->handshake_tokens_us + cost > t->now_us)
		return false;
	t->handshake_tokens_us += cost;
	return true;
}

/* Under load a source that proved its address gets its own small allowance: one address must not buy unlimited curve
 * arithmetic. Sources that share a place share its allowance; the hash is keyed, so nobody chooses a neighbour. */
static bool take_source_token(struct tunnel *t, const struct addr *from)
{
	u32 ip_bytes = from->family == 6 ? 8 : 4;	/* of IPv6 a /64 is one source */
	u64 *credit_us, place;
	u8 hash[8];

	blake3_keyed(t->jar.seal_key, from->ip, ip_bytes, hash, sizeof(hash));
	memcpy(&place, hash, sizeof(place));
	credit_us = &t->source_tokens_us[place % SOURCE_PLACES];
	*credit_us = MAX(*credit_us, t->now_us > SEC ? t->now_us - SEC : 0);
	if (*credit_us + SEC / SOURCE_PER_SECOND > t->now_us)
		return false;
	*credit_us += SEC / SOURCE_PER_SECOND;
	return true;
}

/* Joins that were accepted lately, by their mac1: replayed ones cost no curve arithmetic. */
static bool was_join(const struct session *s, const u8 mac1[16])
{
	for (u32 i = 0; i < ARRAY_SIZE(s->join_macs); i++)
		if (!memcmp(s->join_macs[i], mac1, sizeof(s->join_macs[i])))
			return true;
	return false;
}

static void send_cookie(struct tunnel *t, const struct tg_first *m, const struct endpoint *from)
{
	struct tg_cookie reply = { .type = TG_TYPE_COOKIE, .receiver = m->sender };
	u8 cookie[16];

	cookie_for(&t->jar, t->random, &from->remote, t->now_us, cookie);
	cookie_seal(&t->jar, t->random, cookie, m->mac1, reply.nonce, reply.cookie);
	t->counters.cookies_sent++;
	transmit_one(t, from, &reply, sizeof(reply));
}

static bool mac2_is_valid(struct tunnel *t, const struct tg_first *m, const struct endpoint *from)
{
	u8 cookie[16], mac[16];

	cookie_for(&t->jar, t->random, &from->remote, t->now_us, cookie);
	cookie_mac(cookie, 16, m, offsetof(struct tg_first, mac2), mac);
	return cookie_mac_equal(mac, m->mac2);
}

static void send_versions(struct tunnel *t, const struct tg_first *m, const struct endpoint *from)
{
	struct tg_versions note = { .type = TG_TYPE_VERSIONS, .count = 1, .receiver = m->sender };

	note.versions[0] = TG_VERSION_WIRE;
	transmit_one(t, from, &note, sizeof(note));
}

/* Everything that can be refused before curve arithmetic. */
static enum tg_drop screen_first(struct tunnel *t, const struct tg_first *m, const struct endpoint *from,
				 struct session **joined)
{
	const u8 *mac_key = t->mac1_key;
	u8 mac[16];

	*joined = NULL;
	if (m->pattern == TG_PATTERN_NKPSK0) {
		*joined = map_get(&t->by_handle, get_be64(m->handle));
		if (!*joined)
			return TG_DROP_NO_SESSION;
		mac_key = (*joined)->join_mac_key;
	}
	cookie_mac(mac_key, 32, m, offsetof(struct tg_first, mac1), mac);
	if (!cookie_mac_equal(mac, m->mac1))
		return TG_DROP_BAD_MAC;
	if (m->version != TG_VERSION_WIRE) {
		send_versions(t, m, from);
		return TG_DROP_VERSION;
	}
	if (*joined && was_join(*joined, m->mac1))
		return TG_DROP_OLD_HANDSHAKE;
	if (m->pattern > TG_PATTERN_NKPSK0)
		return TG_DROP_BAD_HEADER;
	if (!take_handshake_token(t)) {
		if (!mac2_is_valid(t, m, from)) {
			send_cookie(t, m, from);
			return TG_DROP_NO_COOKIE;
		}
		if (t->events->address_proved)
			t->events->address_proved(t->ctx, &from->remote);
		if (!take_source_token(t, &from->remote))
			return TG_DROP_RATE;
	}
	if (!suite_allowed(t, m->suite))
		return TG_DROP_SUITE;
	if (*joined && (*joined)->joins >= JOINS_AT_ONCE)
		return TG_DROP_RATE;
	return TG_DROP_COUNT;
}

static void give_back(struct tunnel *t, const struct tunnel_grant *grant)
{
	if (t->events->grant_unused)
		t->events->grant_unused(t->ctx, grant);
}

static bool proves_secret(const u8 secret[32], const struct tg_first *m, const struct tg_first_payload *p)
{
	u8 prologue[PROLOGUE_BYTES], proof[16];

	prologue_of(m, prologue);
	prove_secret(secret, prologue, p, proof);
	return cookie_mac_equal(proof, p->proof);
}

static enum tg_drop ask_admission(struct tunnel *t, const struct tg_first *m, const struct tg_first_payload *p,
				  const struct endpoint *from, struct tunnel_grant *grant)
{
	struct tunnel_request request = { .anonymous = m->pattern == TG_PATTERN_NK, .from = from->remote };
	int err;

	memcpy(request.client_id, p->client_id, 8);
	memcpy(request.time, p->time, 12);
	memset(grant, 0, sizeof(*grant));
	err = t->events->admit(t->ctx, &request, grant);
	if (err)
		return err == -EALREADY ? TG_DROP_OLD_HANDSHAKE : TG_DROP_NOT_ADMITTED;
	memcpy(grant->client_id, p->client_id, 8);
	memcpy(grant->time, p->time, 12);
	grant->anonymous = request.anonymous;
	if (grant->anonymous || proves_secret(grant->psk, m, p))
		return TG_DROP_COUNT;
	give_back(t, grant);
	return TG_DROP_WRONG_SECRET;
}

static void fill_answer_payload(struct tunnel *t, const struct half_open *h, struct tg_answer_payload *out)
{
	const struct addr *seen = &h->where.remote;

	memset(out, 0, sizeof(*out));
	put_be64(out->handle, h->handle);
	memcpy(out->ip4, h->grant.ip4, 4);
	out->ip4_len = h->grant.ip4_len;
	memcpy(out->ip6, h->grant.ip6, 16);
	out->ip6_len = h->grant.ip6_len;
	memcpy(out->server_ip4, h->grant.server_ip4, 4);
	memcpy(out->server_ip6, h->grant.server_ip6, 16);
	out->mtu = htobe16(t->set.mtu);
	out->features = htobe32(own_features(t));
	out->seen_family = seen->family;
	memcpy(out->seen_ip, seen->ip, 16);
	out->seen_port = htobe16(seen->port);
	out->flags = h->link_flags & TG_LINK_FRESH ? TG_ANSWER_FRESH : 0;
}

/* Keys exist; they count only once a datagram proves that the other side has them too. */
static void send_answer(struct tunnel *t, struct noise *noise, const struct tg_first *m, struct half_open *h,
			const u8 *mac_key)
{
	struct tg_answer answer = { .type = TG_TYPE_ANSWER, .version = TG_VERSION_WIRE, .pattern = m->pattern,
				    .suite = m->suite, .receiver = m->sender };
	struct tg_answer_payload payload;
	u8 receiving[32], sending[32], root[32];

	fill_answer_payload(t, h, &payload);
	if (noise_write(noise, t->random, (u8 *)&payload, sizeof(payload), answer.e, answer.payload)) {
		drop(t, TG_DROP_BAD_HANDSHAKE);
		half_open_drop(t, h);
		return;
	}
	noise_finish(noise, receiving, sending, root);
	if (!h->join)
		handshake_secrets(root, h->join_secret, h->join_mac_key);
	h->key = path_key_new(t, h->suite, sending, receiving, 0);
	explicit_bzero(root, sizeof(root));
	explicit_bzero(sending, sizeof(sending));
	explicit_bzero(receiving, sizeof(receiving));
	if (!h->key) {
		drop(t, TG_DROP_NO_MEMORY);
		half_open_drop(t, h);
		return;
	}
	h->key->half_open = h;
	h->key->remote_index = be32toh(m->sender);
	answer.sender = htobe32(h->key->local_index);
	cookie_mac(mac_key, 32, &answer, offsetof(struct tg_answer, mac1), answer.mac1);
	transmit_one(t, &h->where, &answer, sizeof(answer));
}

static bool payload_is_sane(const struct tg_first_payload *p)
{
	return p->path_id < TG_MAX_PATHS;
}

/* Opening: who asks decides the secret and the address. Joining: the session does. */
static enum tg_drop admit_first(struct tunnel *t, const struct tg_first *m, const struct tg_first_payload *p,
				const struct endpoint *from, const struct session *joined, struct tunnel_grant *grant)
{
	if (!payload_is_sane(p))
		return TG_DROP_BAD_HANDSHAKE;
	if (!joined)
		return ask_admission(t, m, p, from, grant);
	*grant = joined->grant;
	if (memcmp(p->time, joined->join_time[p->path_id], 12) <= 0)
		return TG_DROP_OLD_HANDSHAKE;
	return TG_DROP_COUNT;
}

/* An answered handshake gets a place in the pool; its keys count once a datagram proves them. */
static void accept_first(struct tunnel *t, const struct tg_first *m, const struct tg_first_payload *payload,
			 const struct endpoint *from, struct session *joined, const struct tunnel_grant *grant,
			 struct noise *noise)
{
	struct half_open *h = half_open_take(t, from);

	if (!h) {
		drop(t, TG_DROP_RATE);
		if (!joined)
			give_back(t, grant);
		return;
	}
	h->join = joined != NULL;
	h->handle = joined ? joined->handle : rand_u64(t->random) << TG_WORKER_BITS | t->set.worker;
	h->where = *from;
	h->grant = *grant;
	h->suite = (enum aead_suite)m->suite;
	h->path_id = payload->path_id;
	h->link_kind = payload->link_kind;
	h->link_flags = payload->link_flags;
	if (!joined || !joined->paths[payload->path_id])
		h->link_flags |= TG_LINK_FRESH;
	h->features = be32toh(payload->features);
	memcpy(h->time, payload->time, 12);
	memcpy(h->mac1, m->mac1, sizeof(h->mac1));
	if (joined)
		joined->joins++;
	if (m->pattern == TG_PATTERN_NKPSK2)
		noise_set_psk(noise, grant->psk);
	send_answer(t, noise, m, h, joined ? joined->join_mac_key : t->mac1_key);
}

static void receive_first(struct tunnel *t, const struct tg_first *m, const struct endpoint *from)
{
	struct tg_first_payload payload;
	u8 prologue[PROLOGUE_BYTES];
	struct tunnel_grant grant;
	struct session *joined;
	struct noise noise;
	enum tg_drop refused = screen_first(t, m, from, &joined);

	if (refused != TG_DROP_COUNT) {
		drop(t, refused);
		return;
	}
	t->counters.handshakes_received++;
	prologue_of(m, prologue);
	noise_begin(&noise, &(struct noise_setup){ .pattern = (enum noise_pattern)m->pattern,
						   .suite = (enum aead_suite)m->suite,
						   .hash = &hash_blake3,
						   .prologue = prologue,
						   .prologue_len = sizeof(prologue),
						   .server_public = t->set.server_public,
						   .server_secret = t->set.server_secret,
						   .psk = joined ? joined->join_secret : NULL });
	if (noise_read(&noise, m->e, m->payload, sizeof(payload), (u8 *)&payload))
		refused = TG_DROP_BAD_HANDSHAKE;
	else
		refused = admit_first(t, m, &payload, from, joined, &grant);
	if (refused == TG_DROP_COUNT)
		accept_first(t, m, &payload, from, joined, &grant, &noise);
	else
		drop(t, refused);
	noise_wipe(&noise);
	explicit_bzero(&grant, sizeof(grant));
}

/* ---- client: what comes back ---- */

/* The session came back to life while this attempt to replace it was on its way. */
static bool opens_needlessly(const struct tunnel *t, const struct attempt *a)
{
	const struct session *s = t->session;

	return a->pattern != TG_PATTERN_NKPSK0 && s && s->confirmed && session_best_path(t->session, NULL);
}

static void receive_answer(struct tunnel *t, const struct tg_answer *m)
{
	struct index_slot *slot = index_find(t, be32toh(m->receiver));
	struct attempt *a = slot ? slot->attempt : NULL;
	struct tg_answer_payload payload;
	u8 mac[16], sending[32], receiving[32], root[32];
	struct path_key *k;
	struct noise noise;
	enum aead_suite suite;

	if (!a || !a->active || opens_needlessly(t, a) || (a->pattern == TG_PATTERN_NKPSK0 && !a->path->session)) {
		drop(t, TG_DROP_LATE_ANSWER);
		return;
	}
	cookie_mac(attempt_mac_key(a->path, a->pattern), 32, m, offsetof(struct tg_answer, mac1), mac);
	if (!cookie_mac_equal(mac, m->mac1)) {
		drop(t, TG_DROP_BAD_MAC);
		return;
	}
	noise = a->noise;	/* a forged answer must not spoil the wait for the real one */
	suite = noise.suite;
	if (m->version != TG_VERSION_WIRE || m->pattern != a->pattern || m->suite != suite ||
	    noise_read(&noise, m->e, m->payload, sizeof(payload), (u8 *)&payload)) {
		drop(t, TG_DROP_BAD_HANDSHAKE);
		return;
	}
	noise_finish(&noise, sending, receiving, root);
	k = path_key_new(t, suite, sending, receiving, a->local_index);
	explicit_bzero(sending, sizeof(sending));
	explicit_bzero(receiving, sizeof(receiving));
	if (!k) {
		drop(t, TG_DROP_NO_MEMORY);
		return;
	}
	k->remote_index = be32toh(m->sender);
	client_answered(a, k, &payload, root, (u8)suite);
	explicit_bzero(root, sizeof(root));
}

static void receive_cookie(struct tunnel *t, const struct tg_cookie *m)
{
	struct index_slot *slot = index_find(t, be32toh(m->receiver));
	struct attempt *a = slot ? slot->attempt : NULL;
	u8 cookie[16];

	if (!a || !a->active) {
		drop(t, TG_DROP_LATE_ANSWER);
		return;
	}
	if (cookie_open(t->set.server_public, m->nonce, m->cookie, a->mac1, cookie)) {
		drop(t, TG_DROP_FORGED);
		return;
	}
	memcpy(a->path->cookie, cookie, 16);
	a->path->cookie_us = t->now_us;
	a->path->next_attempt_us = t->now_us;
}

/* Not authenticated: only told to people, never believed. */
static void receive_versions(struct tunnel *t, const struct tg_versions *m)
{
	struct index_slot *slot = index_find(t, be32toh(m->receiver));
	char text[64] = "";
	size_t used = 0;

	if (!slot || !slot->attempt || !slot->attempt->active || m->count > sizeof(m->versions)) {
		drop(t, TG_DROP_LATE_ANSWER);
		return;
	}
	for (u32 i = 0; i < m->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", i ? ", " : "", m->versions[i]);
	if (t->events->version_refused)
		t->events->version_refused(t->ctx, text);
}

void handshake_receive(struct tunnel *t, const struct datagrams *run, const u8 *data, u32 len)
{
	u8 type = data[0];
	bool server = t->set.server;

	if (type == TG_TYPE_FIRST && server && len == sizeof(struct tg_first))
		receive_first(t, (const struct tg_first *)data, &run->where);
	else if (type == TG_TYPE_ANSWER && !server && len == sizeof(struct tg_answer))
		receive_answer(t, (const struct tg_answer *)data);
	else if (type == TG_TYPE_COOKIE && !server && len == sizeof(struct tg_cookie))
		receive_cookie(t, (const struct tg_cookie *)data);
	else if (type == TG_TYPE_VERSIONS && !server && len == sizeof(struct tg_versions))
		receive_versions(t, (const struct tg_versions *)data);
	else
		drop(t, type >= TG_TYPE_FIRST && type <= TG_TYPE_VERSIONS ? TG_DROP_SHORT : TG_DROP_UNKNOWN_TYPE);
}
