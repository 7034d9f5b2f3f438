// SPDX-License-Identifier: MIT
/* internal.h - the engine's own structs and the steps its files offer each other
 *
 *   tunnel.c     the public calls, looking in         index.c    receiver index -> key
 *   session.c    sessions and paths: made, found, ended
 *   handshake.c  first messages, answers, cookies: both roles' cryptography
 *   client.c     which handshake a client tries when   half_open.c  server: answered, not yet proved
 *   send.c       inner packet -> schedule -> number -> seal -> run
 *   receive.c    run -> open -> replay -> reorder -> inner packet
 *   control.c    control frames in and out             timers.c   what is due when
 *   roam.c       a known path turns up at a new address
 */
#ifndef TG_TUNNEL_INTERNAL_H
#define TG_TUNNEL_INTERNAL_H

#include <triglav/seen.h>

#include "base/heap.h"
#include "base/map.h"
#include "crypto/aead.h"
#include "crypto/cookie.h"
#include "crypto/noise.h"
#include "crypto/replay.h"
#include "path/ack.h"
#include "path/rate.h"
#include "path/reorder.h"
#include "path/rtt.h"
#include "path/sent.h"
#include "tunnel/frames.h"
#include "tunnel/tunnel.h"

#define KEY_LIFE_US (180 * SEC)		/* a key dies this long after it was made */
#define REKEY_AFTER_US (120 * SEC)
#define REKEY_AFTER_PACKETS (1ULL << 60)
#define REKEY_AFTER_PACKETS_GCM (1ULL << 28)
#define KEY_HARD_LIMIT_GCM (1ULL << 29)	/* nothing is sent under an AES-GCM key beyond this */
#define HALF_OPEN_MAX 256u
#define HALF_OPEN_PER_SOURCE 32u
#define HALF_OPEN_LIFE_US (5 * SEC)
#define JOINS_AT_ONCE 4u
#define SOURCE_PLACES 1024u
#define TRIES 2u			/* handshake attempts of a path that may still be answered */
#define REORDER_LIMIT 4096u	/* bufs of one session that may wait for a hole */
#define SKIP_MAX 256u		/* sequences one SKIP may name: each costs a step */
#define OUT_JOBS 128u
#define OUT_AREA_BYTES (OUT_JOBS * 2048u)

struct session;
struct path;
struct half_open;

/* One pair of transport keys of a path. */
struct path_key {
	struct path *path;		/* NULL while the handshake is half open */
	struct half_open *half_open;	/* server: answered, not yet proved by a datagram */
	u32 local_index, remote_index;
	struct aead_key *sending, *receiving;
	u64 born_us;
	u64 first_number;		/* of ours under this key: what the limits count from */
	u64 first_received;		/* same for the peer's */
	struct replay window;
};

/* A first message that may still be answered (client). */
struct attempt {
	struct path *path;
	bool active;
	u8 pattern;
	u8 mac1[16];			/* a cookie reply is tied to it */
	u32 local_index;
	u64 sent_us;
	struct noise noise;
};

/* The other address a known path was seen at (roam.c). */
struct roam {
	bool active;
	struct endpoint where;
	u64 new_token, old_token;
	bool new_answered;
	u64 began_us, decide_us;
	u32 received_bytes, sent_bytes;	/* at most three times what came goes there */
	struct endpoint refused;	/* the proven address still answers: this one is a copier's */
	u64 refused_until_us;
};

struct path {
	struct tunnel *tunnel;
	struct session *session;	/* NULL: client, no session yet */
	u8 id;
	char name[TUNNEL_NAME_BYTES];
	u8 link_kind, link_flags;
	u32 weight;
	struct endpoint where;		/* proven; a client's is its uplink's */
	struct roam roam;
	enum tunnel_path_state state;
	struct health health;

	struct path_key *previous, *current;
	struct sent sent;		/* our numbers: go on through rekeys */
	struct received received;
	struct rtt rtt;
	struct rate rate;
	u64 largest_received;		/* the peer's numbers likewise */
	u64 sent_bytes, received_bytes, received_packets;
	u32 handshakes;
	struct addr seen;

	u64 last_received_us, last_ack_us;
	u64 last_ping_us;
	u32 probes;			/* since the path fell silent */
	u64 next_probe_us;
	bool tail_probed;		/* one ping went out for a late ack, before calling the path suspect */
	u32 unacked_acks;		/* ack-only datagrams since one that makes the peer ack */
	u64 suspect_since_us;

	/* client: handshakes */
	struct attempt attempts[TRIES];
	u32 attempt_count;		/* since the last success */
	u64 next_attempt_us;
	bool rekeying;
	u8 cookie[16];
	u64 cookie_us;			/* when it came; 0: none */
};

/* Sender's memory of the inner flows that share a slot. */
struct flow_slot {
	u32 sequence;
	u32 window_bytes;
	u64 window_us;
	bool was_bulk;
};

struct session {
	struct tunnel *tunnel;
	struct heap_node timer;
	u64 handle;
	struct tunnel_grant grant;	/* server */
	u64 client_key;			/* client id as a map key */
	enum aead_suite suite;
	u8 join_secret[32], join_mac_key[32];
	u8 join_time[TG_MAX_PATHS][12];	/* last accepted, per path id */
	u8 join_macs[32][16];		/* mac1 of the last accepted joins, a ring */
	u32 join_mac_next;
	u32 joins;			/* half open now */
	struct path *paths[TG_MAX_PATHS];	/* by path id */
	struct reorder reorder;
	struct sched sched;
	struct flow_slot *flows;	/* TG_ORDER_SLOTS of them, made at the first packet */
	struct tg_seen *seen;		/* made at the first copy */
	u32 next_copy_id;
	bool peer_csum;			/* the peer finishes partial checksums */
	bool confirmed;			/* client: the server has spoken under these keys */
	bool touched;			/* its timer must be set anew at the end of this call */
	struct session *next_touched;
	u64 opened_us, last_received_us, last_traffic_us;
	u64 delivered_packets, delivered_bytes, carried_packets, carried_bytes;
};

/* Server: an answered first message. Fixed pool, oldest out. */
struct half_open {
	bool used, join;
	u8 path_id, link_kind, link_flags;
	u64 handle;			/* of the session it opens or joins */
	u64 born_us;
	u8 time[12];
	u8 mac1[16];
	struct endpoint where;
	struct tunnel_grant grant;	/* opening */
	enum aead_suite suite;
	u8 join_secret[32], join_mac_key[32];
	u32 features;
	struct path_key *key;
};

struct index_slot {
	u32 index;			/* 0: free */
	struct path_key *key;
	struct attempt *attempt;
	u32 next_free;
};

/* Datagrams being collected for one transmit. */
struct out {
	u8 *area;
	u32 used;
	u32 job_count, run_count;
	struct aead_job jobs[OUT_JOBS];
	const struct aead_key *keys[OUT_JOBS];
	struct datagrams runs[OUT_JOBS];
	struct buf_queue held;		/* plaintext until it is sealed */
};

/* Datagrams being opened together. */
#define IN_JOBS 64u

struct in_job {
	struct path_key *key;
	struct buf *buf;
	const struct tg_header *header;
	u32 copy_id;
	u32 datagram_bytes;
	const struct datagrams *run;
};

struct in {
	u32 count;
	struct aead_job jobs[IN_JOBS];
	struct in_job of[IN_JOBS];
};

struct tunnel {
	struct tunnel_settings set;
	const struct tunnel_events *events;
	void *ctx;
	struct buf_pool *pool;
	struct rand_source *random;
	u64 now_us;
	struct tunnel_counters counters;

	struct index_slot *slots;
	u32 slot_count, free_head, free_tail;

	struct heap timers;
	struct session *touched;
	u32 pool_bufs;			/* in the pool when we began */
	struct map by_handle, by_ip4, by_ip6, by_client;
	u32 session_count;

	u8 mac1_key[32];
	struct cookie_jar jar;
	u64 handshake_tokens_us;	/* token bucket: time credit */
	u64 source_tokens_us[SOURCE_PLACES];	/* the same per source, by keyed hash */
	struct half_open half_open[HALF_OPEN_MAX];
	u8 last_time[12];		/* our own handshake times only grow */

	/* client */
	struct session *session;
	struct path *uplinks[TG_MAX_PATHS];
	u32 next_path_id;
	u64 lost_since_us;		/* no path up since; TIME_NEVER: one is */
	bool closed;			/* the server ended it for good */

	struct out out;
	struct in in;
	struct buf_queue deliver;
};

/* index.c */
u32 index_take(struct tunnel *t, struct path_key *key, struct attempt *attempt);	/* 0: none left */
u32 index_turn_over(struct tunnel *t, u32 index, struct path_key *key);	/* from an attempt to its key */
struct index_slot *index_find(struct tunnel *t, u32 index);
void index_give(struct tunnel *t, u32 index);

/* session.c */
struct session *session_new(struct tunnel *t, u64 handle, enum aead_suite suite);
void session_free(struct session *s);
int session_publish(struct session *s);		/* server: into the maps */
void session_end(struct session *s, enum tg_close_code code, const char *text);	/* server: CLOSE (text NULL: none), events, free */
struct session *session_of_inner(struct tunnel *t, const struct buf *b);
bool session_owns_source(const struct session *s, const struct buf *b);
void session_touch(struct session *s);
u64 client_key_of(const u8 client_id[8]);
struct path *path_new(struct tunnel *t, struct session *s, u8 id);
void path_free(struct path *p);
void path_reset(struct path *p);		/* forgets keys, numbers and measurements */
struct path_key *path_key_new(struct tunnel *t, enum aead_suite suite, const u8 sending[32], const u8 receiving[32], u32 index);
void path_key_free(struct tunnel *t, struct path_key *k);
void path_take_key(struct path *p, struct path_key *k);	/* becomes current; current becomes previous */
void path_set_state(struct path *p, enum tunnel_path_state state, const char *why);
void path_info(const struct path *p, struct tunnel_path_info *out);

/* handshake.c */
void handshake_send_first(struct path *p, struct attempt *a, u8 pattern);
void handshake_receive(struct tunnel *t, const struct datagrams *run, const u8 *data, u32 len);
void handshake_secrets(const u8 root[32], u8 join_secret[32], u8 join_mac_key[32]);

/* half_open.c */
struct half_open *half_open_take(struct tunnel *t, const struct endpoint *from);	/* NULL: too many from there */
void half_open_drop(struct tunnel *t, struct half_open *h);
void half_open_expire(struct tunnel *t);
u64 half_open_due_us(const struct tunnel *t);
bool half_open_promote(struct tunnel *t, struct path_key *k);	/* first authentic datagram: session or path is made */

/* client.c */
void client_tick(struct tunnel *t);
u64 client_due_us(const struct tunnel *t);
void client_answered(struct attempt *a, struct path_key *k, const struct tg_answer_payload *answer, const u8 root[32], u8 suite);
void client_confirmed(struct session *s);
void client_closed(struct tunnel *t, enum tg_close_code code, const char *text);
void client_cancel_attempts(struct path *p);

/* send.c */
u8 *out_add(struct path *p, const struct endpoint *where, u8 type, u8 flags, u32 copy_id, const u8 *plain, u32 plain_len, bool eliciting, struct aead_job **job);
void out_flush(struct tunnel *t);
void send_packets(struct tunnel *t, struct buf_queue *packets);

/* receive.c */
void receive_run(struct tunnel *t, const struct datagrams *run);
void receive_flush(struct tunnel *t);
void drop(struct tunnel *t, enum tg_drop reason);

/* control.c */
void control_send(struct path *p, struct frames *f, const struct endpoint *where);	/* where NULL: the proven one */
void control_receive(struct path *p, const u8 *frames, u32 len, const struct endpoint *from);
void control_ping(struct path *p);
void control_ack(struct path *p);
void control_tell_path(struct path *about, enum tg_path_state state);	/* over another path */
struct path *session_best_path(struct session *s, const struct path *except);

/* timers.c */
void path_tick(struct path *p);
u64 path_due_us(const struct path *p);
void session_tick(struct session *s);
u64 session_due_us(const struct session *s);
void path_acked(struct path *p, const struct sent_news *news);
void path_suspect(struct path *p, const char *why);
void path_update_hold(struct session *s);

/* roam.c */
void roam_seen(struct path *p, const struct datagrams *run, u64 number, u32 bytes);
void roam_response(struct path *p, u64 token, const struct endpoint *from);
void roam_tick(struct path *p);
u64 roam_due_us(const struct path *p);

#endif
