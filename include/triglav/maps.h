/* SPDX-License-Identifier: MIT */
/* maps.h - what BPF maps hold and what userspace counts under the same names
 *
 * Every dropped packet has one of these reasons. The maps themselves are declared in bpf/maps.bpf.h; here are their keys and
 * values, one writer per field: "daemon" or "program". Padding is written out, so that both sides see the same bytes.
 */
#ifndef TRIGLAV_MAPS_H
#define TRIGLAV_MAPS_H

#include <linux/types.h>

#include <triglav/seen.h>
#include <triglav/wire.h>

#define TG_MAPS_VERSION 5	/* of everything below; in tg_settings, for who reads pinned maps */

/* reason, name as shown to people, what it means */
#define TG_DROPS(X) \
	X(SHORT, "short", "too few bytes for its type, or trailing ones") \
	X(UNKNOWN_TYPE, "unknown_type", "no such datagram type") \
	X(BAD_HEADER, "bad_header", "reserved bits or fields that must be zero are set") \
	X(NO_SESSION, "no_session", "receiver index belongs to no key here") \
	X(REPLAY, "replay", "packet number already accepted, or older than the window") \
	X(FORGED, "forged", "authentication failed") \
	X(COPY, "copy", "another copy of this packet was accepted before") \
	X(KEY_EXPIRED, "key_expired", "key too old or used up") \
	X(BAD_MAC, "bad_mac", "handshake whose mac1 is wrong") \
	X(NO_COOKIE, "no_cookie", "handshake under load without a valid mac2; a cookie was sent") \
	X(BAD_HANDSHAKE, "bad_handshake", "handshake that does not decrypt, or with a low-order point") \
	X(OLD_HANDSHAKE, "old_handshake", "handshake not later than the last accepted one") \
	X(LATE_ANSWER, "late_answer", "answer to a handshake that is over: another attempt came first") \
	X(NOT_ADMITTED, "not_admitted", "unknown or revoked client, or server full") \
	X(WRONG_SECRET, "wrong_secret", "handshake that does not prove the client's secret") \
	X(VERSION, "version", "unknown protocol version") \
	X(SUITE, "suite", "cipher suite not available here") \
	X(RATE, "rate", "more handshakes than one source may have pending") \
	X(INNER_MALFORMED, "inner_malformed", "inner packet is no valid IP packet") \
	X(INNER_SOURCE, "inner_source", "inner source address is not the client's") \
	X(INNER_NO_CLIENT, "inner_no_client", "no client has this inner destination") \
	X(FRAGMENT, "fragment", "half of an inner packet whose other half is missing") \
	X(TOO_LARGE, "too_large", "inner packet larger than the tunnel carries") \
	X(NO_PATH, "no_path", "no path can carry the packet now") \
	X(NO_BUFFER, "no_buffer", "the worker's buffer pool is dry") \
	X(NO_MEMORY, "no_memory", "no memory for a new key or session") \
	X(LINK_FULL, "link_full", "the link's socket took no more") \
	X(HANDOVER_FULL, "handover_full", "another worker's, and its ring took no more") \
	X(LINK_ERROR, "link_error", "the link refused the packet") \
	X(QUEUE_DELAY, "queue_delay", "waited too long for the links: its sender is too fast") \
	X(QUEUE_FULL, "queue_full", "too many packets wait for the links") \
	X(BAD_FRAME, "bad_frame", "control frame that does not parse")

enum tg_drop {
#define TG_DROP_ENUM(name, text, help) TG_DROP_##name,
	TG_DROPS(TG_DROP_ENUM)
#undef TG_DROP_ENUM
	TG_DROP_COUNT
};

/* ---- tg_settings: array of one, mapped into the daemon ---- */

#define TG_MAX_WORKERS (1u << TG_WORKER_BITS)
#define TG_HEARTBEAT_NS 1000000000ULL	/* a worker that has not been heard of for so long is dead or stuck */

#define TG_SETTINGS_INDEX_PARTIAL 1u	/* tg_index was full once: an unknown receiver index proves nothing */
#define TG_SETTINGS_EXACT_ENDS 2u	/* tg_ends has entries with an address */
#define TG_SETTINGS_ANY_ENDS 4u		/* and some for any address */
#define TG_SETTINGS_SERVER 8u		/* inner destinations belong to workers (tg_inner) */
#define TG_SETTINGS_POLICY_MARK 16u	/* tg_policy has entries of this kind; else nobody looks for them */
#define TG_SETTINGS_POLICY_CGROUP 32u
#define TG_SETTINGS_POLICY_DSCP 64u
#define TG_SETTINGS_POLICY_PORT 128u
#define TG_SETTINGS_POLICY 240u		/* any of these four */

/* The daemon writes all of it. Times are CLOCK_BOOTTIME, ns. */
struct tg_settings {
	__u32 version;			/* TG_MAPS_VERSION */
	__u32 flags;			/* TG_SETTINGS_... */
	__u32 workers;
	__u32 paths_slot;		/* which entry of tg_paths counts */
	__u32 handshakes_per_cpu;	/* first messages a second that get through; 0: any */
	__u32 handshakes_per_source;	/* of them from one prefix; 0: any */
	__u64 suspended_ns;		/* CLOCK_BOOTTIME less CLOCK_MONOTONIC, as programs can read only the latter without asking the hardware */
	__u64 hash_key;			/* of flow hashes (tg_flow_hash) and of the sketch; random */
	__u64 heartbeat_ns[TG_MAX_WORKERS];
};

/* ---- tg_ends: hash, where datagrams of ours arrive ---- */

struct tg_end_key {
	__u32 ifindex;
	__be16 port;
	__u8 family;			/* 4 or 6 */
	__u8 zero;
	__u8 ip[16];			/* as in struct tg_flow; all zero: any */
};

#define TG_UPLINKS_MAX 32u	/* interfaces with the filter at a time */
#define TG_QUEUES_MAX 64u	/* receive queues of one that AF_XDP sockets may take */
#define TG_XSKS_INSIDE (TG_UPLINKS_MAX * TG_QUEUES_MAX)	/* from there on tg_xsks has those of the tunnel device, see inside.h */
#define TG_INSIDE_SOCKETS (2u + TG_MAX_PATHS)
#define TG_XSKS_MAX (TG_XSKS_INSIDE + TG_INSIDE_SOCKETS)

#define TG_XSK_LONGEST 1792u	/* bytes of a frame that an AF_XDP socket takes; longer ones (several datagrams in one) go to the kernel */

#define TG_END_SERVER 1u	/* first messages are for us; else we are a client and answers are */
#define TG_END_RUNS 2u		/* generic mode: what arrives may be several datagrams in one (GRO), of which only the first shows */

/* Daemon. */
struct tg_end {
	__u32 flags;
	__u32 xsk_first;	/* tg_xsks has the socket of receive queue q at xsk_first + q */
	__u32 xsk_queues;	/* 0: the uplink is a socket */
	__u32 zero;
};

/* ---- tg_index: hash, receiver index (host byte order) to what is known of its session ---- */

#define TG_SEEN_NONE 0xffffffffu

/* Daemon, but for passed_ns. */
struct tg_index {
	__u32 seen;		/* entry of tg_seen and tg_skips that the session has; TG_SEEN_NONE: no copies have come yet */
	__u32 path;		/* id */
	__u64 passed_ns;	/* when the last copy passed. Program */
};

/* ---- tg_sieve: array of one, mapped into the daemon: how many known indices there are of each of these classes ----
 *
 * Most of a flood's indices are nobody's, and each bucket of tg_index that they lead to is far from any cache. This is small enough to stay in one.
 */

#define TG_SIEVE_BITS 15u
#define TG_SIEVE_COUNTS (1u << TG_SIEVE_BITS)

/* Daemon, atomically. */
struct tg_sieve {
	__u16 count[TG_SIEVE_COUNTS];
};

/* Of all bits: the low ones are a worker and a slot that is handed out in sequence. Multiplicative hashing (Knuth, The Art of
 * Computer Programming 3, 6.4). */
static inline __u32 tg_sieve_class(__u32 index)
{
	return (__u32)(index * 2654435761u) >> (32 - TG_SIEVE_BITS);
}

/* ---- tg_rate: per-CPU array of one: how many first messages came lately. Program. ---- */

#define TG_RATE_ROWS 4u
#define TG_RATE_COLUMNS 1024u	/* power of two */

struct tg_rate {
	__u64 common_ns, reserved_ns;	/* token buckets as time credit; the second is for known sources only */
	__u64 filled_ns;		/* when they were filled last */
	__u32 sketch[TG_RATE_ROWS][TG_RATE_COLUMNS];	/* epoch << 16 | first messages of a prefix in this epoch, at least */
};

/* ---- tg_known: hash, sources that have proved their address. Daemon, but for what is counted. ---- */

struct tg_source {
	__u8 family;
	__u8 zero[7];
	__u8 ip[16];		/* IPv4: all of it; IPv6: the first 8 bytes */
};

struct tg_known {
	__u64 until_ns;
	__u32 epoch, count;	/* first messages from there in this epoch. Program */
};

/* ---- tg_drops, tg_counters: per-CPU arrays of one. Program. ---- */

struct tg_drops {
#define TG_DROP_FIELD(name, text, help) __u64 name;
	TG_DROPS(TG_DROP_FIELD)
#undef TG_DROP_FIELD
};

/* What became of the packets XDP saw: packets = foreign + stale + passed + redirected + the sum of tg_drops. */
#define TG_COUNTERS(X) \
	X(packets, "seen on uplinks, and by the inner end of a veth") \
	X(foreign, "not for us, or too odd to judge: to the kernel") \
	X(stale, "no worker alive that could want it: to the kernel") \
	X(passed, "to our socket") \
	X(redirected, "to an AF_XDP socket") \
	X(dropped, "see tg_drops")

struct tg_counters {
#define TG_COUNTER_FIELD(name, help) __u64 name;
	TG_COUNTERS(TG_COUNTER_FIELD)
#undef TG_COUNTER_FIELD
};

/* ---- tg_flows: LRU hash, inner flows. Program; `path` daemon's wish is in tg_policy. ---- */

struct tg_flow_key {
	__u8 src[16], dst[16];	/* as in struct tg_flow, of the direction that leaves by the tunnel device */
	__u16 sport, dport;	/* host byte order */
	__u8 protocol;
	__u8 family;
	__u16 zero;
};

enum tg_class {
	TG_CLASS_AUTO,		/* by what it does */
	TG_CLASS_REALTIME,
	TG_CLASS_BULK,
	TG_CLASS_BYPASS,	/* not through the tunnel */
};

#define TG_PATH_NONE 0xffu

struct tg_flow_entry {
	__u64 packets_out, bytes_out, packets_in, bytes_in;
	__u64 first_ns, last_ns;
	__u32 hash;
	__u8 class;		/* enum tg_class */
	__u8 path;		/* pinned to; TG_PATH_NONE: striped */
	__u8 tos;		/* of the last packet out */
	__u8 bulk;		/* moves much data now: goes by the bulk lane */
	__u32 window_ms;	/* since when window_bytes are counted */
	__u32 window_bytes;
	__u32 busy_ms;		/* when it last was busy enough to be bulk */
	__u32 zero;
};

/* ---- tg_wishes: array, mapped: what the policy says of a flow, for the engine. Program. ---- */

#define TG_WISHES 4096u		/* power of two; the slot is the flow's hash */

/* Written as one word. It counts when the hash is that of the packet; another flow may have taken the slot. */
union tg_wish {
	struct {
		__u32 hash;	/* 0: nothing is wished */
		__u8 class;	/* enum tg_class */
		__u8 path;	/* TG_PATH_NONE: any */
		__u16 zero;
	};
	__u64 word;
};

/* ---- tg_paths: array of two, mapped: whole snapshots; tg_settings.paths_slot says which one counts. Daemon. ---- */

/* A path takes a share of the pinned flows as its weight is of the sum. */
struct tg_path {
	__u32 weight;		/* 0: takes none */
	__u32 ifindex;		/* of its uplink; 0: unknown */
	__u16 mtu_bytes;	/* largest inner packet; 0: unknown */
	__u16 zero;
};

struct tg_weights {
	__u32 pinned;		/* 1: flows stay on a path; 0: bulk is striped */
	__u32 generation;	/* counts snapshots */
	struct tg_path paths[TG_MAX_PATHS];	/* by path id */
};

/* ---- tg_policy: hash, what the user wants of some packets. Daemon. ---- */

enum tg_policy_kind {
	TG_POLICY_MARK = 1,	/* value: fwmark */
	TG_POLICY_CGROUP,	/* value: cgroup id */
	TG_POLICY_DSCP,		/* value: 0..63 */
	TG_POLICY_PORT,		/* value: port, of either end | protocol << 16 */
};

struct tg_policy_key {
	__u64 value;
	__u32 kind;
	__u32 zero;
};

struct tg_policy {
	__u8 class;		/* enum tg_class */
	__u8 path;		/* TG_PATH_NONE: any */
	__u16 zero;
};

/* ---- tg_inner: hash, inner destination to worker (server). Daemon. ---- */

struct tg_inner_key {
	__u8 ip[16];		/* as in struct tg_flow */
	__u8 family;
	__u8 zero[7];
};

struct tg_inner {
	__u32 worker;
	__u32 zero;
};

_Static_assert(sizeof(struct tg_settings) == 40 + 8 * TG_MAX_WORKERS, "both sides must agree");
_Static_assert(TG_SKIP_PATHS == TG_MAX_PATHS, "one for each path");
_Static_assert(sizeof(struct tg_end_key) == 24 && sizeof(struct tg_end) == 16, "both sides must agree");
_Static_assert(sizeof(struct tg_index) == 16, "both sides must agree");
_Static_assert(sizeof(struct tg_rate) == 24 + 4 * TG_RATE_ROWS * TG_RATE_COLUMNS, "both sides must agree");
_Static_assert(sizeof(struct tg_known) == 16, "both sides must agree");
_Static_assert(sizeof(struct tg_source) == 24, "both sides must agree");
_Static_assert(sizeof(struct tg_drops) == 8 * TG_DROP_COUNT, "one field per reason, in their order");
_Static_assert(sizeof(struct tg_flow_key) == 40 && sizeof(struct tg_flow_entry) == 72, "both sides must agree");
_Static_assert(sizeof(struct tg_weights) == 8 + 12 * TG_MAX_PATHS, "both sides must agree");
_Static_assert(sizeof(union tg_wish) == 8, "one store");
_Static_assert(sizeof(struct tg_policy_key) == 16 && sizeof(struct tg_policy) == 4, "both sides must agree");
_Static_assert(sizeof(struct tg_inner_key) == 24, "both sides must agree");

#endif
