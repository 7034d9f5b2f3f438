// SPDX-License-Identifier: MIT
/* tunnel.h - the engine: sessions and their paths, without any I/O
 *
 * Time comes in as an argument (microseconds, monotonic), datagrams come in as runs and
 * inner packets as bufs; what to send and deliver goes out through struct tunnel_events.
 * One struct tunnel belongs to one worker thread and shares nothing. The daemon, the unit
 * tests, the fuzzers and the simulator all drive this same interface.
 */
#ifndef TG_TUNNEL_TUNNEL_H
#define TG_TUNNEL_TUNNEL_H

#include <triglav/maps.h>
#include <triglav/seen.h>
#include <triglav/wire.h>

#include "base/buf.h"
#include "base/datagrams.h"
#include "base/rand.h"
#include "path/flows.h"
#include "path/health.h"
#include "path/rate.h"
#include "path/recorder.h"
#include "path/sched.h"

struct tunnel;

#define TUNNEL_NAME_BYTES 16	/* interface names fit */

/* Server: somebody asks for a session. */
struct tunnel_request {
	bool anonymous;		/* pattern NK: holds no credential */
	u8 client_id[8];
	u8 time[12];		/* TAI64N of the message, for the replay rule */
	struct addr from;
};

/* What the daemon grants. Addresses are reserved until session_closed() or grant_unused(). */
struct tunnel_grant {
	u8 client_id[8];
	bool anonymous;
	u8 time[12];
	u8 psk[32];		/* the client's secret; unused when anonymous */
	u8 ip4[4];		/* all zero: none */
	u8 ip4_len;
	u8 ip6[16];
	u8 ip6_len;
	u8 server_ip4[4];
	u8 server_ip6[16];
};

/* Client: what the server assigned. */
struct tunnel_config {
	u8 ip4[4];		/* all zero: none */
	u8 ip4_len;
	u8 ip6[16];
	u8 ip6_len;
	u8 server_ip4[4];
	u8 server_ip6[16];
	u16 mtu;
	struct addr seen;	/* our address as the server saw it */
};

enum tunnel_path_state {
	TUNNEL_PATH_CONNECTING,	/* no keys yet */
	TUNNEL_PATH_UP,
	TUNNEL_PATH_SUSPECT,	/* silent; probed; carries nothing while others can */
	TUNNEL_PATH_DOWN,	/* link is gone (the daemon said so) */
};

#define TUNNEL_DELAY_UNKNOWN INT32_MIN

/* One path as it stands, for people and for the control socket. */
struct tunnel_path_info {
	u8 id;
	u32 link;
	char name[TUNNEL_NAME_BYTES];	/* client: the uplink's; server: "" */
	struct addr remote, local;
	enum tunnel_path_state state;
	enum health_state health;
	u8 link_kind, link_flags;
	u32 weight;
	enum sched_tier tier;		/* how much it is wanted */
	u64 rate_limit;			/* bytes/s, set; 0: none */
	u64 quota_left;			/* bytes both ways until it only stands by; TG_QUOTA_NONE: no quota */
	u32 srtt_us, rttvar_us, min_rtt_us;
	u32 loss_ppm;
	u32 mtu;			/* largest IP packet that it carries, as far as is known */
	u64 rate_bytes;			/* estimated capacity, bytes/s */
	bool rate_measured;
	u64 sent_bytes, sent_packets, received_bytes, received_packets;	/* since the path began; outer payload */
	u64 lost_packets, in_flight_bytes;
	enum rate_phase phase;
	u64 pace_bytes;			/* bytes/s we send at; 0: not paced */
	u64 window_bytes;		/* that may be in flight; UINT64_MAX: any */
	u32 queue_us;			/* queue standing on the path */
	u32 jitter_us;
	u32 shares_bottleneck;		/* paths that share one with it, itself included; 1: alone */
	s32 delay_beyond_us;		/* one way, beyond the fastest path; TUNNEL_DELAY_UNKNOWN */
	u64 sent_second;		/* bytes sent within the last second */
	const char *left_out;		/* why it carries no bulk now; "": it does */
	u32 handshakes;			/* completed */
	struct addr seen;		/* client: our address as the server saw it on this path */
};

struct tunnel_session_info {
	u64 handle;
	bool anonymous;
	u8 client_id[8];
	u8 ip4[4], ip6[16];
	u64 opened_us;			/* monotonic */
	enum tg_suite suite;
	u64 delivered_packets, delivered_bytes;	/* inner packets out of the tunnel here */
	u64 carried_packets, carried_bytes;	/* inner packets into it */
	u64 reorder_held, reorder_late, reorder_filled, reorder_expired, reorder_copies;
	u64 queue_age_us;		/* since when the oldest packet of a bulk flow waits */
	u64 queue_packets, queue_bytes, line_packets, again_packets;	/* that wait for the paths */
	u64 repaired_packets, repaired_bytes, skipped_packets, copied_packets, copied_bytes;
	u64 parity_sent, parity_bytes, parity_recovered;	/* repair symbols sent; packets worked out of those that came */
	u64 halved_packets, joined_packets;	/* sent in two datagrams; received so */
	u64 guard_shrinks;		/* times the bundle was a loss, and bulk went over the best path alone for a while */
	u32 stretch_us;			/* striped bulk is under way for so long at least, beyond the way of the nearest path */
	u32 path_count;
	struct tunnel_path_info paths[TG_MAX_PATHS];
};

/* Events that are no drops: name, what it counts. half_open goes down as well. */
#define TUNNEL_COUNTERS(X) \
	X(handshakes_sent, "first messages of handshakes sent, repeated ones too") \
	X(handshakes_received, "first messages of handshakes that were looked into") \
	X(sessions_opened, "sessions that became usable") \
	X(sessions_closed, "sessions that ended") \
	X(half_open, "handshakes answered and not yet proved, now") \
	X(rekeys, "fresh keys taken into use on a path") \
	X(migrations, "paths that were found at another address") \
	X(cookies_sent, "cookies asked back for, under load") \
	X(acks_sent, "acks sent") \
	X(acks_received, "acks that came") \
	X(pings_sent, "pings sent: to idle paths, and to silent ones")

struct tunnel_counters {
	u64 drops[TG_DROP_COUNT];
#define TUNNEL_COUNTER(name, help) u64 name;
	TUNNEL_COUNTERS(TUNNEL_COUNTER)
#undef TUNNEL_COUNTER
};

/* The daemon's side. All are called from within tunnel_*() calls, on the worker's thread. */
struct tunnel_events {
	/* Send these runs. Memory is valid during the call. Report trouble with tunnel_link_trouble() afterwards, and lost
	 * runs with tunnel_count_drop(). */
	void (*transmit)(void *ctx, struct datagrams *runs, u32 n);
	/* Inner packets for the tunnel device, in order; takes all bufs. */
	void (*deliver)(void *ctx, struct buf_queue *packets);
	/* Server: may this one in? 0 with the grant filled, or a negative errno: silence. -EALREADY: time not later than the last
	 * accepted. */
	int (*admit)(void *ctx, const struct tunnel_request *request, struct tunnel_grant *grant);
	/* Server: the half-open handshake never became a session. */
	void (*grant_unused)(void *ctx, const struct tunnel_grant *grant);
	/* Server: a session is confirmed / over. Grant as admitted. `replaced`: the same client opened a new one. */
	void (*session_opened)(void *ctx, const struct tunnel_grant *grant, u64 handle);
	void (*session_closed)(void *ctx, const struct tunnel_grant *grant, u64 handle, enum tg_close_code code, const struct tunnel_session_info *last);
	/* Client: traffic can flow / the assigned addresses changed / the session ended for good (code). */
	void (*connected)(void *ctx, const struct tunnel_config *config);
	void (*disconnected)(void *ctx, enum tg_close_code code, const char *text);
	/* Client: a path changed its state; `why` is a short phrase for the log ("silent for 120 ms", "answered"). */
	void (*path_changed)(void *ctx, const struct tunnel_path_info *path, const char *why);
	/* Client: the server speaks other protocol versions only (text lists them). */
	void (*version_refused)(void *ctx, const char *text);

	/* For a filter in front of the links; all may be NULL. A receiver index is in use, said before anything is sent that names
	 * it, and again when seen slot or path change (seen TG_SEEN_NONE: no slot) / is not any more. */
	void (*index_used)(void *ctx, u32 index, u32 seen, u32 path);
	void (*index_freed)(void *ctx, u32 index);
	/* Memory for the copy ids of a session that the filter sees as well, and the numbers of copies that it drops. False: there
	 * is none; the session keeps ids of its own. Given back when the session ends, its indices before it. */
	bool (*seen_take)(void *ctx, u32 *slot, struct tg_seen **seen, struct tg_skips **skips);
	void (*seen_give)(void *ctx, u32 slot);
	/* Server: somebody proved to be at this address. */
	void (*address_proved)(void *ctx, const struct addr *from);
};

struct tunnel_settings {
	bool server;
	u32 worker;			/* < 64 */
	u8 server_public[32];
	u8 server_secret[32];		/* server */
	bool has_credential;		/* client */
	u8 client_id[8];
	u8 client_secret[32];
	u8 suites;			/* bits 1 << suite that may be used; 0: all available */
	u64 wall_at_zero_ns;		/* CLOCK_REALTIME minus the engine's clock at start, ns: handshake times */
	u16 mtu;			/* inner MTU; 0: TG_INNER_MTU */
	u32 handshakes_per_second;	/* server: above this cookies are asked for; 0: 500 */
	u64 rekey_us;			/* 0: 120 s */
	u64 idle_timeout_us;		/* server: a session without any datagram; 0: 5 min */
	u64 keepalive_us;		/* 0: 15 s */
	bool csum;			/* this end can finish partial checksums (TUN with offloads) */
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	enum rate_control congestion;
	bool no_copies;			/* sparse packets travel once */
	bool no_fec;			/* neither sends repair symbols nor asks for them */
};

/* One uplink of a client: becomes a path. `link` identifies it in all later calls. */
struct tunnel_uplink {
	u32 link;
	char name[TUNNEL_NAME_BYTES];
	struct addr remote;		/* the server */
	struct addr local;		/* may be family 0 */
	enum tg_link_kind kind;
	u8 flags;			/* TG_LINK_METERED, TG_LINK_BACKUP */
	u32 weight;			/* 0: 1 */
	u32 mtu;			/* of the interface; 0: 1500 */
};

/* Makes an engine; aead_init() has been called. `pool`, `events` and `random` must outlive it. NULL: no memory. */
struct tunnel *tunnel_new(const struct tunnel_settings *settings, const struct tunnel_events *events, void *ctx,
			  struct buf_pool *pool, struct rand_source *random, u64 now_us);

/* Takes over what may change while it runs: strategy, aggregation, congestion, no_copies, rekey_us, keepalive_us, idle_timeout_us,
 * handshakes_per_second (0: as in tunnel_new()). What flows goes on. */
void tunnel_change(struct tunnel *t, const struct tunnel_settings *settings, u64 now_us);

/* Ends it; says nothing to peers (see tunnel_close_all). Bufs go back to the pool. NULL is fine. */
void tunnel_free(struct tunnel *t);

/* Received runs, in order. The memory is written to. */
void tunnel_receive(struct tunnel *t, struct datagrams *runs, u32 n, u64 now_us);

/* Runs that have come while others that came before may still wait: delivers what is interactive (TG_FLAG_AHEAD) now and notes it in run->taken. All
 * runs are given to tunnel_receive() afterwards as well, unchanged and in their turn: only then do the acks say that anything of them has
 * come, so that nothing that waits before it looks lost. */
void tunnel_receive_ahead(struct tunnel *t, struct datagrams *runs, u32 n, u64 now_us);

/* Inner packets from the tunnel device; takes all bufs. */
void tunnel_send(struct tunnel *t, struct buf_queue *packets, u64 now_us);

/* When tunnel_tick() must be called next (TIME_NEVER: not at all), and the call. */
u64 tunnel_due_us(const struct tunnel *t);
void tunnel_tick(struct tunnel *t, u64 now_us);

/* Client: paths. Add: -EEXIST, -ENOSPC (16 paths). Remove tells the peer over another path. Carrier: netlink says the link is gone
 * or back. Moved: the socket was made anew, with another local or server address. */
int tunnel_path_add(struct tunnel *t, const struct tunnel_uplink *uplink, u64 now_us);
int tunnel_path_remove(struct tunnel *t, u32 link, u64 now_us);
void tunnel_path_carrier(struct tunnel *t, u32 link, bool up, u64 now_us);
void tunnel_path_moved(struct tunnel *t, u32 link, const struct addr *local, const struct addr *remote, u64 now_us);
int tunnel_path_set(struct tunnel *t, u32 link, u32 weight, u8 flags);
void tunnel_path_mtu(struct tunnel *t, u32 link, u32 mtu_bytes, u64 now_us);	/* MTU of the interface, when it changes; 0: 1500 */

/* What the path may carry: `rate` bytes/s each way (0: any), and `left` bytes of both directions from now, after which it
 * carries nothing while another path is up (TG_QUOTA_NONE: no quota; 0: used up). Counted with IP and UDP headers; the server is told
 * and obeys. -ENOENT. */
int tunnel_path_limit(struct tunnel *t, u32 link, u64 rate, u64 left, u64 now_us);

/* Bytes of both directions since the path began, as counted there; 0: no such path. */
u64 tunnel_path_used(const struct tunnel *t, u32 link);

/* A send on this link failed with an error that means trouble (ENETUNREACH, ENETDOWN, ...): its paths become suspect. */
void tunnel_link_trouble(struct tunnel *t, u32 link, int error, u64 now_us);

/* The daemon dropped packets for a reason of its own (socket full...). */
void tunnel_count_drop(struct tunnel *t, enum tg_drop reason, u32 packets);

/* Says CLOSE to every peer (client: to the server), ends the sessions. */
void tunnel_close_all(struct tunnel *t, enum tg_close_code code, const char *text, u64 now_us);

/* Server: ends the sessions of a client (revoked). Returns how many. */
u32 tunnel_close_client(struct tunnel *t, const u8 client_id[8], enum tg_close_code code, u64 now_us);

/* Looking in. each() calls fn for every session (client: 0 or 1; paths that are still connecting are listed
 * through tunnel_paths()). */
void tunnel_each_session(struct tunnel *t, void (*fn)(void *arg, const struct tunnel_session_info *info), void *arg, u64 now_us);
void tunnel_each_index(struct tunnel *t, void (*fn)(void *arg, u32 index), void *arg);	/* receiver indices that are ours now */
u32 tunnel_paths(struct tunnel *t, struct tunnel_path_info *out, u32 max, u64 now_us);	/* client */
/* Why a flow travels as it does. */
struct tunnel_why_path {
	u8 id;
	char name[TUNNEL_NAME_BYTES];	/* client */
	enum tunnel_path_state state;
	enum sched_tier tier;
	bool usable;			/* the scheduler may choose it; else only left_out counts */
	bool ready;			/* can take a packet now */
	u64 rate_bytes, pace_bytes;	/* bytes/s; pace 0: not paced */
	bool rate_measured;		/* else rate_bytes is a first guess */
	u64 in_flight_bytes, window_bytes;
	u32 wait_us;			/* until what was given to it has left */
	u32 delay_us;			/* then one way, beyond the fastest, queues included */
	u32 queue_us, jitter_us;
	u32 loss_ppm;
	u64 arrival_us;			/* when a full packet given to it now would arrive, beyond now on the fastest */
	const char *left_out;		/* why it carries no bulk now; "": it does */
	u32 samples;			/* of the flow's packets lately: how many took this path */
};

struct tunnel_why {
	u64 handle;			/* of the session it belongs to */
	u32 slot;			/* of the reordering */
	enum sched_strategy strategy;
	enum sched_aggregation aggregation;
	bool seen, bulk;		/* it, or another flow of the same hash bucket, came by; as what it counts */
	u32 waiting_packets, waiting_bytes;
	u64 idle_us;
	bool straight;			/* one open path and nothing waits: not queued, not ordered */
	bool stripe, ordered;		/* bulk goes over many paths; in order */
	bool pinned;			/* it stays on the path its hash points to */
	u32 numbered;			/* packets of the slot that were numbered so far */
	int sparse_path, copy_path, bulk_path;	/* index into paths: where its next packet would go; -1: none */
	u64 sampled_us;			/* how far back the samples reach; 0: there are none */
	u32 path_count;
	struct tunnel_why_path paths[TG_MAX_PATHS];
	struct tunnel_session_info session;
};

struct tg_flow;

/* `flow` as its packets leave by this end's tunnel, or the other way round; family, protocol, addresses and ports count. `hash_key`:
 * that of the hashes bufs come with. -ENOENT: it belongs to no session. */
int tunnel_why(struct tunnel *t, const struct tg_flow *flow, u64 hash_key, struct tunnel_why *out, u64 now_us);

/* Client: how flows that stay on a path are shared among the paths now; `pinned` says whether bulk flows do. False: there is no session. */
bool tunnel_weights(struct tunnel *t, struct tg_weights *out, u64 now_us);

/* Client: a copy of the flight record, the caller's (recorder_free()). States in it are enum tunnel_path_state. NULL: no traffic
 * has flowed yet, or no memory. */
struct recorder *tunnel_record(const struct tunnel *t);

/* The key of the hashes that bufs come with; until it is told, 0. Both directions of a flow are one by it. */
void tunnel_set_hash_key(struct tunnel *t, u64 key);

/* The flows that had a packet within idle_us: copies at most max into out, returns how many. FLOWS_MAX is always enough; costs some
 * 100 us then. Their `owner` is the handle of the session. */
u32 tunnel_flows(const struct tunnel *t, u64 idle_us, struct flow_info *out, u32 max, u64 now_us);
u64 tunnel_flows_replaced(const struct tunnel *t);	/* flows that others took the place of */

/* Server: is it the handle of a session of this client? */
bool tunnel_handle_is_of(const struct tunnel *t, u64 handle, const u8 client_id[8]);

/* Where the next packet of a flow would go. */
struct tunnel_way {
	bool known;			/* its session is there; else nothing else counts */
	bool anonymous;
	u8 client_id[8];
	bool straight;			/* one open path and nothing waits: no class */
	bool seen, bulk;		/* its class in the queue; not seen: it was not queued lately */
	u32 waiting_packets, waiting_bytes;
	bool striped;			/* bulk, by many paths at once */
	int path;			/* id; -1: many, or none can take it now */
	char name[TUNNEL_NAME_BYTES];	/* of that path; client */
};

/* For each of n flows of tunnel_flows(). Each session among them is planned once, each pinned flow as well: a few microseconds, more where much
 * waits. Keep n below some hundreds; neighbours of the same owner are cheaper. */
void tunnel_flow_ways(struct tunnel *t, const struct flow_info *flows, u32 n, struct tunnel_way *out, u64 now_us);

const struct tunnel_counters *tunnel_counters(const struct tunnel *t);
const char *tunnel_drop_name(enum tg_drop reason);
const char *tunnel_path_state_name(enum tunnel_path_state state);

#endif
