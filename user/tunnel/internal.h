// SPDX-License-Identifier: MIT
/* internal.h - the engine's own structs and the steps its files offer each other
 *
 *   tunnel.c     the public calls, looking in         index.c    receiver index -> key
 *   session.c    sessions and paths: made, found, ended
 *   handshake.c  first messages, answers, cookies: both roles' cryptography
 *   client.c     which handshake a client tries when   half_open.c  server: answered, not yet proved
 *   send.c       inner packet -> queue; datagram -> number -> seal -> run
 *   pump.c       queue -> path, as fast as each path carries     repair.c   what was lost goes again
 *   view.c       what the scheduler sees of the paths            straight.c one open path: past all that
 *   receive.c    run -> open -> replay -> reorder -> inner packet
 *   bundle.c     which paths share a bottleneck, and whether all of them are a gain
 *   control.c    control frames in and out             timers.c   what is due when
 *   limits.c     what a path may carry: rate and quota
 *   mtu.c        how large the datagrams of a path may be   halves.c   inner packets too large for them
 *   parity.c     repair symbols, and what they bring back
 *   absent.c     how long bulk waits for a path that fell silent
 *   roam.c       a known path turns up at a new address
 *   why.c        what people ask: why a path, why a flow
 *   flows.c      and which flows there are
 *   record.c     what the flight recorder writes down
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
#include "path/coupling.h"
#include "path/delay.h"
#include "path/guard.h"
#include "path/fec.h"
#include "path/flows.h"
#include "path/fragment.h"
#include "path/pmtu.h"
#include "path/queue.h"
#include "path/rate.h"
#include "path/recorder.h"
#include "path/reorder.h"
#include "path/rtt.h"
#include "path/second.h"
#include "path/sent.h"
#include "path/stretch.h"
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
#define QUEUE_LIMIT 4096u	/* packets of one session that may wait for its paths */
#define REPAIRS 2u		/* times a packet is sent again */
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

/* What a path may carry (limits.c). */
struct path_limits {
	u64 rate;			/* bytes/s that are never exceeded; 0: any */
	bool has_quota, was_spent;
	u64 quota_end;			/* used up when so many bytes were sent and received */
	bool said, unconfirmed;		/* client: the server was told once; has not answered the last word */
	u64 said_rate, said_left;
	u64 tell_due_us;
	u32 tells;
};

/* When a path was silent (absent.c). */
struct absence {
	u64 since_us;			/* 0: it is not */
	u64 last_us;			/* how long the one before lasted; 0: there was none */
	u64 window_bytes;		/* what was on its way there, by its rate and round trip */
};

/* Forward error correction of a path (parity.c). */
struct parity {
	struct fec_encoder *encoder;	/* NULL: not worth while */
	bool covers;			/* it is told of what is sent: a copy of each packet */
	u64 tuned_us, wanted_us;
	u64 volume_us, volume_mark;	/* the session's carried bytes then */
	bool little;			/* it carries so little that it can only be interactive */
	struct fec_decoder *decoder;	/* NULL: no REPAIR has come lately */
	struct replay brought;		/* numbers it worked out */
	u64 repair_us;			/* when the last one did */
	u32 unrepaired;			/* packets since */
};

struct path {
	struct tunnel *tunnel;
	struct session *session;	/* NULL: client, no session yet */
	u8 id;
	char name[TUNNEL_NAME_BYTES];
	u8 link_kind, link_flags;
	u32 weight;
	struct path_limits limits;
	struct endpoint where;		/* proven; a client's is its uplink's */
	struct roam roam;
	enum tunnel_path_state state;
	u64 say_us;			/* when people are told that it is silent; TIME_NEVER: they know */
	char say_why[48];
	struct health health;

	struct path_key *previous, *current;
	struct sent sent;		/* our numbers: go on through rekeys */
	struct received received;
	struct rtt rtt;
	struct delay delay;
	struct rate rate;
	struct pmtu pmtu;
	struct parity parity;
	u32 link_mtu;			/* of the interface; 0: not known */
	u64 pace, window;		/* of rate, as it stood when the session's paths were last looked at */
	u64 free_ns;			/* pacer: when what was sent will have left, if the path carries what we think */
	u64 largest_received;		/* the peer's numbers likewise */
	u64 sent_bytes, received_bytes, received_packets;
	struct second sent_second;
	u64 wire_bytes;			/* both ways, IP and UDP headers included: what a provider counts */
	u32 handshakes;
	struct addr seen;

	u64 ack_interval_us;		/* how long the peer's packets may wait for an ack */
	u8 ack_route;			/* id of the path by which its acks come, for round trips to be comparable */
	u8 ack_detours;			/* in a row by another one */
	u16 last_stamp;
	struct delay arrival;		/* of the peer's datagrams: what it takes them, by their stamps */
	u64 last_received_us, last_ack_us;
	u32 ack_age_us;			/* how long its newest packet had been there when the last ack left */
	u64 data_us;			/* when data came last */
	u32 gap_us;			/* mean time between batches of data; 0: none lately */
	u32 silence_told;		/* times since then */
	u64 last_ping_us;
	u32 probes;			/* since the path fell silent */
	u64 next_probe_us;
	bool tail_probed;		/* one ping went out for a late ack, before calling the path suspect */
	u32 unacked_acks;		/* ack-only datagrams since one that makes the peer ack */
	u64 up_since_us, suspect_since_us;
	struct absence absence;
	bool silence_guessed;		/* no more than our clock says so: any ack proves it wrong */
	u32 given_up, came_late;	/* packets on their way when it fell silent; of these acked since */
	u32 pardons;			/* held silent wrongly, lately: patience doubles with each */
	u64 pardoned_us;

	/* client: handshakes */
	struct attempt attempts[TRIES];
	u32 attempt_count;		/* since the last success */
	u64 next_attempt_us;
	bool rekeying;
	u8 cookie[16];
	u64 cookie_us;			/* when it came; 0: none */
};

/* One packet in SAMPLE_EVERY leaves a note which path it took (why.c). An odd number, so that turns of paths do not hide. */
#define SAMPLE_EVERY 13u
#define SAMPLES 256u

struct sample {
	u32 flow_hash;
	u32 when_and_path;	/* units of 1024 us, << 4 */
};

/* What would become of a packet given to the session now (pump.c). */
struct plan {
	struct sched_path entries[TG_MAX_PATHS];	/* by path id, count of them */
	u32 count;
	bool straight;		/* one open path, and nothing waits */
	bool stripe, ordered;	/* bulk goes over many paths; gets sequences */
	bool pinned;		/* the flow stays on a path by its hash */
	int sparse, copy, bulk;	/* paths; -1: none */
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
	struct bundle *bundle;		/* NULL: no second path yet */
	struct queue queue;		/* inner packets wait here for the paths */
	struct buf_queue line;		/* bulk taken from it: numbered, not yet bound to a path */
	u32 line_plain;			/* of it: what is not stretched (stretch.h) */
	u32 line_held;			/* of it, when it was last looked at: what waits for its time, not for a path */
	struct buf_queue again;		/* lost packets, ahead of new ones */
	u32 *sequences;			/* next one of each slot, TG_ORDER_SLOTS of them; made at the first striped packet */
	u64 line_sent_us;		/* when the last packet of the line left */
	u64 wanted_us;			/* when a packet came last that is to take one path and no other; 0: never */
	bool tail_open;			/* since then its tail has not been looked at */
	u64 pump_due_us;		/* when a path can take more of what waits */
	u64 copy_tokens_us;		/* copies of sparse packets: token bucket as time credit */
	u64 queue_delay_drops, queue_full_drops;	/* of the queue's counters: counted so far */
	u64 repaired, skipped, copied;	/* packets sent again, given up, sent twice; counters */
	u64 repaired_bytes, copied_bytes;
	u64 striped;			/* packets that got a sequence */
	u64 told_late, told_us;		/* what the peer knows of the order of its packets, and since when */
	struct sample samples[SAMPLES];	/* a ring */
	u32 sampled;			/* packets, noted or not */
	struct tg_seen *seen;		/* made at the first copy */
	struct tg_skips *skips;	/* numbers of copies that a filter dropped; NULL: there is none */
	u32 seen_slot;			/* of the filter; TG_SEEN_NONE: seen is our own */
	u32 next_copy_id;
	bool peer_csum;			/* the peer finishes partial checksums */
	bool peer_halves;		/* it joins halves */
	bool peer_ahead;		/* it lets interactive packets go ahead */
	bool peer_fec;			/* it uses repair symbols */
	bool halves_come;		/* it has sent some: what the reorder buffer gives out passes through `joining` */
	struct fragments halves;
	struct buf_queue joining;
	u64 halved;			/* packets we cut in two; counter */
	u64 parity_sent, parity_bytes, parity_recovered;	/* counters */
	bool confirmed;			/* client: the server has spoken under these keys */
	bool touched;			/* its timer must be set anew at the end of this call */
	struct session *next_touched;
	u64 opened_us, last_received_us, last_traffic_us;
	u64 delivered_packets, delivered_bytes, carried_packets, carried_bytes;
};

/* What the paths are to each other (bundle.c). */
struct bundle {
	struct coupling coupling;
	struct guard guard;
	struct stretch stretch;
	u64 acked_bytes;		/* on all paths */
	u64 peer_late;			/* striped packets of ours that came late or never */
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
	struct datagrams *run;
	u64 ahead;		/* its bit in run->taken; 0: it comes in its turn */
};

struct in {
	u32 count;
	struct aead_job jobs[IN_JOBS];
	struct in_job of[IN_JOBS];
};

/* The flight recorder (client; record.c). */
struct recording {
	struct recorder *recorder;	/* NULL: no traffic yet */
	u64 due_us;			/* not before */
	u64 until_us;			/* goes on although no traffic flows */
	u8 states[TG_MAX_PATHS];	/* of the paths, as last written down */
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
	u32 decoders;			/* of repair symbols, in use */

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
	struct recording record;

	struct out out;
	struct in in;
	struct buf_queue deliver;
	struct flows flows;		/* for people who ask (flows.c) */
};

/* tunnel.c */
struct path *path_of_link(const struct tunnel *t, u32 link);	/* client */

/* index.c */
u32 index_take(struct tunnel *t, struct path_key *key, struct attempt *attempt);	/* 0: none left */
u32 index_turn_over(struct tunnel *t, u32 index, struct path_key *key);	/* from an attempt to its key */
struct index_slot *index_find(struct tunnel *t, u32 index);
void index_give(struct tunnel *t, u32 index);
void index_tell(struct tunnel *t, const struct path_key *k);	/* the filter: which slot and path it belongs to */

/* session.c */
struct session *session_new(struct tunnel *t, u64 handle, enum aead_suite suite);
void session_free(struct session *s);
int session_publish(struct session *s);		/* server: into the maps */
void session_end(struct session *s, enum tg_close_code code, const char *text);	/* server: CLOSE (text NULL: none), events, free */
void session_fill(const struct session *s, struct tunnel_session_info *info);
struct session *session_of_address(struct tunnel *t, u8 family, const u8 *ip);	/* server: whose inner address this is */
struct session *session_of_inner(struct tunnel *t, const struct buf *b);
bool session_owns_source(const struct session *s, const struct buf *b);
void session_touch(struct session *s);
void session_peer_features(struct session *s, u32 features);	/* TG_FEATURE_... */
u64 client_key_of(const u8 client_id[8]);
struct tg_seen *session_seen(struct session *s);	/* NULL: no memory */
struct path *path_new(struct tunnel *t, struct session *s, u8 id);
void path_free(struct path *p);
void path_set_congestion(struct path *p, enum rate_control control);	/* what was measured stays, how it is used begins anew */
void path_reset(struct path *p);		/* forgets keys, numbers and measurements */
struct path_key *path_key_new(struct tunnel *t, enum aead_suite suite, const u8 sending[32], const u8 receiving[32], u32 index);
void path_key_free(struct tunnel *t, struct path_key *k);
void path_take_key(struct path *p, struct path_key *k);	/* becomes current; current becomes previous */
void path_set_state(struct path *p, enum tunnel_path_state state, const char *why);
void path_say_tick(struct path *p);
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

/* pump.c */
enum sched_tier path_tier(const struct path *p);
enum sched_tier session_tier_in_use(const struct session *s);	/* paths up to it share the traffic, the others stand in */
void session_pump(struct session *s);		/* sends what the paths take now; plans when they take more */
struct path *session_begin_straight(struct session *s);	/* the path of session_goes_straight(), for a batch */
void session_send_straight(struct path *p, struct buf *b);	/* b waits for nothing */
void session_plan(struct session *s, u32 flow_hash, u32 bytes, bool stretched, struct plan *out);
void session_weigh(struct session *s, struct tg_weights *out);
u32 session_goes_straight(const struct session *s);	/* one open path and nothing waits: no queue, no order, for packets up to this size; 0: none */
void pump_number(struct session *s, struct buf *b);	/* the next sequence of its slot; stays TG_ORDER_NONE without memory */
bool session_waits(const struct session *s);	/* anything waits for the paths */
bool session_backlogged(const struct session *s);	/* bulk waits for the paths */
bool session_waits_for_path(const struct session *s);	/* something does */
void session_drop_waiting(struct session *s);

/* repair.c */
bool repair_has_come(const struct session *s, const struct buf *b);	/* it waits to be sent again; has it been acked meanwhile? */
void repair_forget_path(const struct path *p);	/* its numbers begin anew, or it is gone: nothing that waits is of them */
void repair_lost(struct session *s, struct buf_queue *lost);	/* takes all: they are sent again, or skipped */
void repair_give_up(struct session *s, struct buf *b);	/* takes b; the peer is told not to wait */
void repair_tail(struct session *s);
u64 repair_tail_due_us(const struct session *s);

/* tell.c */
void tell_senders(struct path *dead, const struct buf_queue *again, u32 unsure);	/* marks some, or has them given up; the first `unsure` may have come */

/* absent.c */
void absent_begin(struct path *p);		/* it fell silent */
void absent_gone(struct path *p);		/* nobody knows when it comes back, if it was silent */
void absent_end(struct path *p);		/* it is up (again) */
u64 absent_patience_us(const struct session *s);	/* so much longer bulk may wait, for paths that may be back soon */

/* send.c */
u32 wire_bytes(const struct path *p, u32 datagram_bytes);	/* with its IP and UDP headers */
bool send_packet(struct path *p, struct buf *b, u8 flags, u32 copy_id, bool keep);
void send_hold(struct tunnel *t, struct buf *b);	/* back to the pool once nothing waits to be sealed */
bool path_key_can_send(const struct path_key *k, const struct path *p);
void send_copy(struct path *p, struct buf *b, u8 flags, u32 copy_id);
u8 *out_add(struct path *p, const struct endpoint *where, u8 type, u8 flags, u32 copy_id, const u8 *plain, u32 plain_len, bool eliciting,
	    struct buf *kept, struct aead_job **job);
void out_flush(struct tunnel *t);
void send_packets(struct tunnel *t, struct buf_queue *packets);

/* receive.c */
void receive_run(struct tunnel *t, struct datagrams *run);
void receive_run_ahead(struct tunnel *t, struct datagrams *run);	/* see tunnel_receive_ahead() */
void receive_flush(struct tunnel *t);
void receive_recovered(struct path *p, u8 flags, const u8 *plain, u32 len);	/* a data datagram of p that was worked out */
enum tg_drop receive_screen(struct session *s, const struct buf *b);	/* a whole inner packet: TG_DROP_COUNT: may be delivered */
void drop(struct tunnel *t, enum tg_drop reason);

/* control.c */
void control_send(struct path *p, struct frames *f, const struct endpoint *where);	/* where NULL: the proven one */
void control_receive(struct path *p, const u8 *frames, u32 len, const struct endpoint *from);
void control_ping(struct path *p);
void control_ack(struct path *p);
void control_tell_silence(struct path *p);
void control_send_best(struct session *s, struct frames *f);	/* over the path of least delay; dropped when none is up */
void control_tell_path(struct path *about, enum tg_path_state state);	/* over another path */
struct path *session_best_path(struct session *s, const struct path *except);

/* bundle.c */
void bundle_acked(struct path *p, const struct ack *a, const struct sent_news *news);
void bundle_path_gone(struct path *p);		/* or starts anew */
void bundle_looked(struct session *s, u64 anchor_rate, bool striping);	/* while something waits: may shrink the bundle */
struct view;
void bundle_tune_stretch(struct session *s, const struct view *v);	/* while something waits, after what could be was sent: looks anew at session_stretch_us() */
void bundle_tell(struct session *s, struct frames *f);	/* to the peer, beside an ack: how late its striped packets come */
void bundle_told(struct session *s, u64 late, u64 given_up);
u32 session_stretch_us(const struct session *s);	/* how long striped bulk is under way at least, beyond the way of the nearest path */
u64 bundle_shrinks(const struct session *s);
void bundle_free(struct session *s);

/* timers.c */
void path_tick(struct path *p);
u64 path_due_us(const struct path *p);
void session_tick(struct session *s);
u64 session_due_us(const struct session *s);
void path_acked(struct path *p, const struct path *by, const struct ack *a, struct sent_news *news);
void path_suspect(struct path *p, const char *why);	/* it is silent, as somebody knows */
void path_told_silent(struct path *p);	/* the peer says so */
void path_doubt(struct path *p, const char *why);	/* so it seems: any ack tells otherwise */
void path_update_hold(struct session *s);

/* limits.c */
bool limits_spent(const struct path *p);	/* its quota is used up */
u64 limits_left(const struct path *p);		/* TG_QUOTA_NONE: no quota */
u64 limits_rate(const struct path *p, u64 bytes_per_second);	/* at most what is allowed */
u64 limits_pace(const struct path *p, u64 pace);	/* likewise; 0, not paced, only without a limit */
void limits_set(struct path *p, u64 rate, u64 left);
void limits_tell(struct path *p);		/* client: the server may not know */
void limits_tick(struct path *p);
u64 limits_due_us(const struct path *p);
void limits_received(struct path *p, u64 rate, u64 left);
/* mtu.c */
void mtu_begin(struct path *p);			/* its address is another, or its numbers begin anew: nothing is known */
void mtu_set_link(struct path *p, u32 bytes);	/* MTU of the interface; 0: not known */
u32 mtu_inner_most(const struct path *p);	/* largest inner packet that it carries in one datagram, without a copy id */
u32 path_overhead(const struct path *p);	/* bytes of IP and UDP header around a datagram */
void mtu_tick(struct path *p);
u64 mtu_due_us(const struct path *p);
void mtu_acked(struct path *p, const struct sent_news *news);

/* halves.c */
struct buf *halves_cut(struct session *s, struct buf *b, u32 most);	/* b keeps the first half, the last is returned; NULL: b is whole still */
struct buf_queue *halves_out(struct session *s);	/* where the reorder buffer gives out to; afterwards: */
void halves_join(struct session *s);
void halves_tick(struct session *s);
u64 halves_due_us(const struct session *s);
void halves_free(struct session *s);

/* parity.c */
void parity_tune(struct path *p);		/* its acks tell: worth while? how much? */
bool parity_due(const struct path *p);
void parity_send(struct path *p, struct path *over);	/* a repair symbol for p, by path `over` */
bool parity_source(struct path *p, u64 number, u8 flags, const u8 *plain, u32 len, struct fec_news *news);	/* p has a decoder. False: a copy */
void parity_bring_back(struct path *p, const struct fec_news *news);
void parity_receive(struct session *s, const struct fec_repair *r);
void parity_tick(struct path *p);
u64 parity_end_us(const struct path *p);	/* when its decoder has been idle for too long */
void parity_free(struct path *p);		/* its numbers begin anew, or it goes */

/* roam.c */
void roam_seen(struct path *p, const struct datagrams *run, u64 number, u32 bytes);
void roam_response(struct path *p, u64 token, const struct endpoint *from);
void roam_tick(struct path *p);
u64 roam_due_us(const struct path *p);

/* why.c */
void why_note(struct session *s, u32 flow_hash, u32 path);
static inline void why_sample(struct session *s, u32 flow_hash, u32 path)
{
	if (++s->sampled % SAMPLE_EVERY == 0)
		why_note(s, flow_hash, path);
}
const char *path_left_out(const struct path *p);	/* why it carries no bulk now; "": it does */
s32 path_delay_beyond(const struct path *p);	/* one way, beyond the fastest, queues included; TUNNEL_DELAY_UNKNOWN */

/* record.c */
void record_tick(struct tunnel *t);
u64 record_due_us(const struct tunnel *t);

#endif
