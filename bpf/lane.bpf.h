/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* lane.bpf.h - the tables that include/triglav/lane.h asks for, for the programs that classify inner packets
 *
 * tg_find_cgroup() is the includer's, for not every kind of program can tell; it stands before.
 */
#ifndef TRIGLAV_BPF_LANE_H
#define TRIGLAV_BPF_LANE_H

#include "maps.bpf.h"
#include "pick.bpf.h"

static __always_inline const struct tg_policy *tg_find_policy(const struct tg_policy_key *key)
{
	return bpf_map_lookup_elem(&tg_policy, key);
}

static __always_inline struct tg_flow_entry *tg_find_flow(const struct tg_flow_key *key)
{
	return bpf_map_lookup_elem(&tg_flows, key);
}

static __always_inline void tg_make_flow(const struct tg_flow_key *key, const struct tg_flow_entry *entry)
{
	bpf_map_update_elem(&tg_flows, key, entry, BPF_NOEXIST);
}

static __always_inline union tg_wish *tg_find_wish(__u32 slot)
{
	return bpf_map_lookup_elem(&tg_wishes, &slot);
}

static __always_inline __u64 tg_find_now(void)
{
	return bpf_ktime_get_boot_ns();
}

/* Weights that are not pinned are for striping: no flow has a path of its own. */
static __always_inline int tg_find_path(__u32 flow_hash)
{
	const struct tg_settings *set = tg_find_settings();
	const struct tg_weights *weights;
	__u32 slot = set ? set->paths_slot : 0;

	weights = bpf_map_lookup_elem(&tg_paths, &slot);
	return weights && weights->pinned ? pick_path(flow_hash) : TG_PICK_NONE;
}

#include <triglav/lane.h>

#endif
