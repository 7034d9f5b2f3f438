/* SPDX-License-Identifier: MIT */
/* lane.h - what becomes of an inner packet at the tunnel device: its account, its class, its path and its lane
 *
 *   what the user wants of it?   by fwmark, else by cgroup, else by port, else by DSCP (tg_policy)
 *   its flow's entry             found or made, counted (tg_flows)
 *   moves much data?             30 kB within 100 ms, or a super-packet; stays so for 500 ms, as in the engine's queue
 *   what the user wants is left where the engine finds it by the flow's hash (tg_wishes)
 *   lane                         realtime: interactive; bulk: bulk; else by what the flow does
 *
 * A lane is a queue of the TUN device: queue worker * TG_LANES + lane. The classifier leaves the lane in the packet's tc_index, and the steering
 * program makes the queue of it. The user's fwmark is left as it is.
 *
 * A flow that changes from the interactive lane to bulk stays in order, for the interactive lane is sent first, and read after the bulk. Back
 * it changes only after half a second without much, when nothing of it can be left in the other.
 *
 * The tables are asked for through functions that the includer defines before, as in filter.h:
 *
 *   const struct tg_policy *tg_find_policy(const struct tg_policy_key *key);
 *   __u64 tg_find_cgroup(void *packet, __u32 level);	id of the sender's cgroup (level 0), of its ancestor at that level (1...); 0: none
 *   struct tg_flow_entry *tg_find_flow(const struct tg_flow_key *key);
 *   void tg_make_flow(const struct tg_flow_key *key, const struct tg_flow_entry *entry);
 *   union tg_wish *tg_find_wish(__u32 slot);
 *   int tg_find_path(__u32 flow_hash);			of a pinned flow; negative: striped, or none
 *   __u64 tg_find_now(void);				CLOCK_BOOTTIME, ns
 */
#ifndef TRIGLAV_LANE_H
#define TRIGLAV_LANE_H

#include <triglav/flow.h>
#include <triglav/maps.h>
#include <triglav/steer.h>

#define TG_LANE_BULK_BYTES 30000u	/* in a window */
#define TG_LANE_WINDOW_MS 100u
#define TG_LANE_STAYS_MS 500u
#define TG_LANE_SUPER_BYTES 10000u	/* so many in one packet are bulk at once */
#define TG_CGROUP_LEVELS 8u

/* ---- what the user wants ---- */

static inline const struct tg_policy *tg_lane_policy_of(__u32 kind, __u64 value)
{
	struct tg_policy_key key = { .value = value, .kind = kind };

	return tg_find_policy(&key);
}

/* The nearest cgroup counts: the sender's own, then its ancestors from the deepest on. */
static inline const struct tg_policy *tg_lane_policy_of_cgroup(void *packet)
{
	const struct tg_policy *found;
	__u64 id;
	__u32 i;

	for (i = 0; i <= TG_CGROUP_LEVELS; i++) {
		id = tg_find_cgroup(packet, i ? TG_CGROUP_LEVELS + 1 - i : 0);
		if (!i && !id)
			return 0;	/* forwarded, or of the kernel */
		found = id ? tg_lane_policy_of(TG_POLICY_CGROUP, id) : 0;
		if (found)
			return found;
	}
	return 0;
}

static inline const struct tg_policy *tg_lane_policy_of_port(const struct tg_flow *f)
{
	__u64 protocol = (__u64)f->protocol << 16;
	const struct tg_policy *found = 0;

	if (f->dport)
		found = tg_lane_policy_of(TG_POLICY_PORT, protocol | f->dport);
	if (!found && f->sport)
		found = tg_lane_policy_of(TG_POLICY_PORT, protocol | f->sport);
	return found;
}

/* NULL: nothing. */
static inline const struct tg_policy *tg_lane_policy(const struct tg_settings *set, const struct tg_flow *f, void *packet, __u32 mark)
{
	const struct tg_policy *found = 0;

	if (set->flags & TG_SETTINGS_POLICY_MARK && mark)
		found = tg_lane_policy_of(TG_POLICY_MARK, mark);
	if (!found && set->flags & TG_SETTINGS_POLICY_CGROUP)
		found = tg_lane_policy_of_cgroup(packet);
	if (!found && set->flags & TG_SETTINGS_POLICY_PORT)
		found = tg_lane_policy_of_port(f);
	if (!found && set->flags & TG_SETTINGS_POLICY_DSCP)
		found = tg_lane_policy_of(TG_POLICY_DSCP, f->tos >> 2);
	return found;
}

/* ---- accounts ---- */

/* In the direction that leaves by the tunnel device. */
static inline void tg_lane_key(struct tg_flow_key *key, const struct tg_flow *f, int comes_in)
{
	__builtin_memset(key, 0, sizeof(*key));
	__builtin_memcpy(key->src, comes_in ? f->dst : f->src, 16);
	__builtin_memcpy(key->dst, comes_in ? f->src : f->dst, 16);
	key->sport = comes_in ? f->dport : f->sport;
	key->dport = comes_in ? f->sport : f->dport;
	key->protocol = f->protocol;
	key->family = f->family;
}

static inline __u32 tg_lane_hash(const struct tg_flow_key *key, __u64 hash_key)
{
	struct tg_flow f;

	__builtin_memset(&f, 0, sizeof(f));
	__builtin_memcpy(f.src, key->src, 16);
	__builtin_memcpy(f.dst, key->dst, 16);
	f.sport = key->sport;
	f.dport = key->dport;
	f.protocol = key->protocol;
	f.family = key->family;
	return tg_flow_hash(&f, hash_key);
}

static inline __u8 tg_lane_pinned(__u32 hash)
{
	int path = tg_find_path(hash);

	return path < 0 ? TG_PATH_NONE : (__u8)path;
}

/* NULL only when the table takes no more, or another CPU's new flow has just pushed this one out. */
static inline struct tg_flow_entry *tg_lane_entry(const struct tg_settings *set, const struct tg_flow *f, int comes_in, __u64 now_ns)
{
	struct tg_flow_entry *entry, first;
	struct tg_flow_key key;

	tg_lane_key(&key, f, comes_in);
	entry = tg_find_flow(&key);
	if (entry)
		return entry;
	__builtin_memset(&first, 0, sizeof(first));
	first.first_ns = now_ns;
	first.hash = tg_lane_hash(&key, set->hash_key);
	first.path = tg_lane_pinned(first.hash);
	first.window_ms = (__u32)(now_ns / 1000000);
	tg_make_flow(&key, &first);
	return tg_find_flow(&key);
}

/* ---- classes ---- */

/* One flow may be sent by several CPUs at a time: then the window counts a little less than there was, no more. */
static inline void tg_lane_judge(struct tg_flow_entry *entry, __u32 bytes, __u64 now_ns)
{
	__u32 now_ms = (__u32)(now_ns / 1000000);

	if (now_ms - entry->window_ms > TG_LANE_WINDOW_MS) {
		entry->window_ms = now_ms;
		entry->window_bytes = 0;
		entry->path = tg_lane_pinned(entry->hash);	/* weights change; each packet need not ask */
	}
	entry->window_bytes += bytes;
	if (entry->window_bytes >= TG_LANE_BULK_BYTES || bytes >= TG_LANE_SUPER_BYTES) {
		entry->busy_ms = now_ms;
		entry->bulk = 1;
	} else if (entry->bulk && now_ms - entry->busy_ms >= TG_LANE_STAYS_MS) {
		entry->bulk = 0;
	}
}

/* The engine finds by its hash what is wished of a flow, and nothing where nothing is. */
static inline void tg_lane_wish(__u32 hash, __u8 class, __u8 path)
{
	union tg_wish *slot = tg_find_wish(hash & (TG_WISHES - 1)), wish = { .word = 0 };
	int is_wished = class != TG_CLASS_AUTO || path != TG_PATH_NONE;

	if (!slot || (!is_wished && slot->hash != hash))
		return;
	if (is_wished) {
		wish.hash = hash;
		wish.class = class;
		wish.path = path;
	}
	if (slot->word != wish.word)
		*(volatile __u64 *)&slot->word = wish.word;
}

static inline enum tg_lane tg_lane_of(const struct tg_flow_entry *entry)
{
	if (entry->class == TG_CLASS_REALTIME)
		return TG_LANE_INTERACTIVE;
	return entry->class == TG_CLASS_BULK || entry->bulk ? TG_LANE_BULK : TG_LANE_INTERACTIVE;
}

/* ---- the two directions ---- */

/* A packet of `bytes` bytes (a super-packet counts as one) leaves by the tunnel device, and this policy (or none) is for it. Returns its flow's
 * entry; NULL: there is none, see tg_lane_entry(). */
static inline const struct tg_flow_entry *tg_lane_take(const struct tg_settings *set, const struct tg_flow *f, const struct tg_policy *policy,
						       __u32 bytes)
{
	__u64 now_ns = tg_find_now();
	struct tg_flow_entry *entry = tg_lane_entry(set, f, 0, now_ns);

	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->packets_out, 1);
	__sync_fetch_and_add(&entry->bytes_out, bytes);
	entry->last_ns = now_ns;
	entry->tos = f->tos;
	tg_lane_judge(entry, bytes, now_ns);
	entry->class = policy ? policy->class : TG_CLASS_AUTO;
	if (policy && policy->path != TG_PATH_NONE)
		entry->path = policy->path;
	tg_lane_wish(entry->hash, entry->class, policy ? policy->path : TG_PATH_NONE);
	return entry;
}

/* The same, and its lane. `packet` is for tg_find_cgroup(). */
static inline enum tg_lane tg_lane_out(const struct tg_settings *set, const struct tg_flow *f, void *packet, __u32 mark, __u32 bytes)
{
	const struct tg_policy *policy = set->flags & TG_SETTINGS_POLICY ? tg_lane_policy(set, f, packet, mark) : 0;
	const struct tg_flow_entry *entry = tg_lane_take(set, f, policy, bytes);

	return entry ? tg_lane_of(entry) : TG_LANE_BULK;
}

/* A packet comes out of the tunnel. */
static inline void tg_lane_in(const struct tg_settings *set, const struct tg_flow *f, __u32 bytes)
{
	__u64 now_ns = tg_find_now();
	struct tg_flow_entry *entry = tg_lane_entry(set, f, 1, now_ns);

	if (!entry)
		return;
	__sync_fetch_and_add(&entry->packets_in, 1);
	__sync_fetch_and_add(&entry->bytes_in, bytes);
	entry->last_ns = now_ns;
}

#endif
