/* SPDX-License-Identifier: MIT */
/* filter.h - what becomes of a packet at an uplink, before the kernel's stack sees it
 *
 *   plain UDP to an address and port of ours?   no: foreign      -> the kernel
 *   its worker alive?                           no: stale        -> the kernel
 *   header sane?                                no: a reason     -> drop
 *   data, control: index known? a copy that was accepted already?
 *   answers to our handshakes: index known?
 *   first messages: not too many?
 *   else it passes: to the uplink's AF_XDP socket, or up to the socket
 *
 * When in doubt it passes: the daemon looks at everything again, and only it knows what is authentic.
 *
 * The tables are asked for through functions that the includer defines before: BPF programs look into maps, tests
 * into arrays. So the one decision below is the one that is tested. NULL from any of them means "not there".
 *
 *   const struct tg_settings *tg_find_settings(void);
 *   const struct tg_end *tg_find_end(const struct tg_end_key *key);
 *   struct tg_index *tg_find_index(__u32 index);
 *   const struct tg_seen *tg_find_seen(__u32 slot);
 *   struct tg_skips *tg_find_skips(__u32 slot);
 *   struct tg_rate *tg_find_rate(void);
 *   struct tg_known *tg_find_known(const struct tg_source *source);
 *   __u64 tg_find_now(void);		CLOCK_BOOTTIME, ns; may be some ms late
 */
#ifndef TRIGLAV_FILTER_H
#define TRIGLAV_FILTER_H

#include <triglav/flood.h>
#include <triglav/maps.h>
#include <triglav/outer.h>
#include <triglav/seen.h>
#include <triglav/wire.h>

enum tg_verdict {
	TG_VERDICT_FOREIGN,
	TG_VERDICT_STALE,
	TG_VERDICT_DROP,
	TG_VERDICT_PASS,
};

struct tg_judgement {
	enum tg_verdict verdict;
	enum tg_drop reason;	/* of a drop */
	__u32 flags;		/* of the end; valid when it passes, as what follows */
	__u32 xsk_first, xsk_queues;
};

static inline __u32 tg_filter_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

/* ---- header sanity; TG_DROP_COUNT: fine ---- */

static inline enum tg_drop tg_filter_screen_packet(const __u8 *p, __u32 bytes)
{
	__u8 flags = p[1];

	if (flags & ~TG_FLAGS_KNOWN || (p[0] == TG_TYPE_CONTROL && flags))
		return TG_DROP_BAD_HEADER;
	if (bytes < TG_HEADER_BYTES + (flags & TG_FLAG_COPY ? TG_COPY_ID_BYTES : 0u) + TG_TAG_BYTES)
		return TG_DROP_SHORT;
	return TG_DROP_COUNT;
}

/* Another version is answered by the daemon, so what is in such a message is not looked at. */
static inline enum tg_drop tg_filter_screen_first(const __u8 *p)
{
	if (p[1] == TG_VERSION_WIRE && p[2] > TG_PATTERN_NKPSK0)
		return TG_DROP_BAD_HEADER;
	return TG_DROP_COUNT;
}

static inline enum tg_drop tg_filter_size(__u32 bytes, __u32 wanted)
{
	return bytes == wanted ? TG_DROP_COUNT : TG_DROP_SHORT;
}

/* The first TG_HEADER_BYTES of p can be read. Messages are for one side only; to the other they are too short or too long, as the
 * daemon has it. */
static inline enum tg_drop tg_filter_screen(const __u8 *p, __u32 bytes, int server)
{
	switch (p[0]) {
	case TG_TYPE_DATA:
	case TG_TYPE_CONTROL:
		return tg_filter_screen_packet(p, bytes);
	case TG_TYPE_FIRST:
		if (!server || bytes != sizeof(struct tg_first))
			return TG_DROP_SHORT;
		return tg_filter_screen_first(p);
	case TG_TYPE_ANSWER:
		return server ? TG_DROP_SHORT : tg_filter_size(bytes, sizeof(struct tg_answer));
	case TG_TYPE_COOKIE:
		return server ? TG_DROP_SHORT : tg_filter_size(bytes, sizeof(struct tg_cookie));
	case TG_TYPE_VERSIONS:
		return server ? TG_DROP_SHORT : tg_filter_size(bytes, sizeof(struct tg_versions));
	default:
		return TG_DROP_UNKNOWN_TYPE;
	}
}

/* ---- whom it concerns ---- */

static inline const struct tg_end *tg_filter_end(const struct tg_settings *set, const struct tg_outer *o, __u32 ifindex)
{
	struct tg_end_key key = { .ifindex = ifindex, .port = o->dport, .family = o->family };
	const struct tg_end *end;

	if (set->flags & TG_SETTINGS_EXACT_ENDS) {
		__builtin_memcpy(key.ip, o->dst, sizeof(key.ip));
		end = tg_find_end(&key);
		if (end)
			return end;
	}
	if (!(set->flags & TG_SETTINGS_ANY_ENDS))
		return 0;
	__builtin_memset(key.ip, 0, sizeof(key.ip));
	return tg_find_end(&key);
}

static inline __u32 tg_filter_index_offset(__u8 type)
{
	return type == TG_TYPE_ANSWER ? 8 : 4;
}

/* The worker whose session this claims to be for; the first where nothing says so, or says what is not: a sender must not be able to
 * choose a worker that does not exist. */
static inline __u32 tg_filter_worker(const struct tg_settings *set, const __u8 *p)
{
	__u32 worker = p[7] & (TG_MAX_WORKERS - 1);

	return (p[0] == TG_TYPE_DATA || p[0] == TG_TYPE_CONTROL) && worker < set->workers ? worker : 0;
}

static inline int tg_filter_is_alive(const struct tg_settings *set, __u32 worker, __u64 now_ns)
{
	__u64 beat_ns = set->heartbeat_ns[worker & (TG_MAX_WORKERS - 1)];

	return beat_ns && (__s64)(now_ns - beat_ns) < (__s64)TG_HEARTBEAT_NS;
}

/* ---- by kind ---- */

/* A copy that was accepted already is dropped, and its number noted for the ack. Now and then one passes (see seen.h). */
static inline enum tg_drop tg_filter_copy(struct tg_index *entry, __u32 copy_id, __u32 number, __u64 now_ns)
{
	const struct tg_seen *seen = tg_find_seen(entry->seen);
	struct tg_skips *skips = tg_find_skips(entry->seen);

	struct tg_skip *skip;

	if (!seen || !skips || !tg_seen_has(seen, copy_id))
		return TG_DROP_COUNT;
	skip = &skips->paths[entry->path & (TG_SKIP_PATHS - 1)];
	if (!tg_skip_takes(skip, number))
		return TG_DROP_COUNT;
	if (!(number & TG_SKIP_PASS_MASK) || (__s64)(now_ns - entry->passed_ns) >= (__s64)TG_SKIP_PASS_NS) {
		entry->passed_ns = now_ns;
		return TG_DROP_COUNT;
	}
	tg_skip_note(skip, number);
	return TG_DROP_COPY;
}

/* In a run only the first packet shows; those behind it have ids of their own. */
static inline enum tg_drop tg_filter_packet(const struct tg_settings *set, const struct tg_end *end, const __u8 *p, __u64 now_ns)
{
	struct tg_index *entry = tg_find_index(tg_filter_be32(p + 4));

	if (!entry)
		return set->flags & TG_SETTINGS_INDEX_PARTIAL ? TG_DROP_COUNT : TG_DROP_NO_SESSION;
	if (!(p[1] & TG_FLAG_COPY) || end->flags & TG_END_RUNS || entry->seen == TG_SEEN_NONE)
		return TG_DROP_COUNT;
	return tg_filter_copy(entry, tg_filter_be32(p + TG_HEADER_BYTES), tg_filter_be32(p + 8), now_ns);
}

static inline enum tg_drop tg_filter_answer(const struct tg_settings *set, __u32 index)
{
	if (tg_find_index(index) || set->flags & TG_SETTINGS_INDEX_PARTIAL)
		return TG_DROP_COUNT;
	return TG_DROP_LATE_ANSWER;
}

static inline enum tg_drop tg_filter_first(const struct tg_settings *set, const struct tg_outer *o, __u64 now_ns)
{
	struct tg_rate *rate = tg_find_rate();
	struct tg_known *known;
	struct tg_source source;

	if (!rate)
		return TG_DROP_COUNT;
	tg_flood_source(&source, o->family, o->src);
	known = tg_find_known(&source);
	if (known && known->until_ns <= now_ns)
		known = 0;
	return tg_flood_admit(rate, set, o->family, o->src, known, now_ns) ? TG_DROP_COUNT : TG_DROP_RATE;
}

/* A run is longer than what it begins with, so its size says nothing. */
static inline int tg_filter_is_run(const struct tg_end *end, const __u8 *p, __u32 bytes)
{
	return end->flags & TG_END_RUNS && p[0] != TG_TYPE_DATA && p[0] != TG_TYPE_CONTROL && bytes > sizeof(struct tg_first);
}

static inline enum tg_drop tg_filter_ours(const struct tg_settings *set, const struct tg_end *end, const struct tg_outer *o,
					  const void *limit, __u64 now_ns)
{
	const __u8 *p = o->payload;
	enum tg_drop bad;

	if (tg_filter_is_run(end, p, o->bytes))
		return TG_DROP_COUNT;
	bad = tg_filter_screen(p, o->bytes, end->flags & TG_END_SERVER);
	if (bad != TG_DROP_COUNT)
		return bad;
	if (p[0] == TG_TYPE_FIRST)
		return tg_filter_first(set, o, now_ns);
	if (p + TG_HEADER_BYTES + TG_COPY_ID_BYTES > (const __u8 *)limit)
		return TG_DROP_SHORT;	/* for the verifier; the shortest sane one has 16 bytes */
	if (p[0] == TG_TYPE_DATA || p[0] == TG_TYPE_CONTROL)
		return tg_filter_packet(set, end, p, now_ns);
	return tg_filter_answer(set, tg_filter_be32(p + tg_filter_index_offset(p[0])));
}

/* Of a datagram that outer.h could read (all others are foreign); its bytes end at `limit`. */
static inline struct tg_judgement tg_filter_judge(const struct tg_outer *o, const void *limit, __u32 ifindex)
{
	struct tg_judgement j = { .verdict = TG_VERDICT_FOREIGN, .reason = TG_DROP_COUNT };
	const struct tg_settings *set = tg_find_settings();
	const struct tg_end *end = set ? tg_filter_end(set, o, ifindex) : 0;
	__u64 now_ns;
	int is_short;

	if (!end)
		return j;
	now_ns = tg_find_now();
	is_short = o->bytes < TG_HEADER_BYTES || o->payload + TG_HEADER_BYTES > (const __u8 *)limit;
	j.verdict = TG_VERDICT_STALE;
	if (!tg_filter_is_alive(set, is_short ? 0 : tg_filter_worker(set, o->payload), now_ns))
		return j;
	j.reason = is_short ? TG_DROP_SHORT : tg_filter_ours(set, end, o, limit, now_ns);
	j.verdict = j.reason == TG_DROP_COUNT ? TG_VERDICT_PASS : TG_VERDICT_DROP;
	j.flags = end->flags;
	j.xsk_first = end->xsk_first;
	j.xsk_queues = end->xsk_queues;
	return j;
}

#endif
