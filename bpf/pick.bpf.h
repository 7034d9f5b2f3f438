/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* pick.bpf.h - the path of a pinned flow, from tg_paths
 *
 * A global function: the verifier looks at it once, and not again for every way in which a packet can have been parsed.
 */
#ifndef TRIGLAV_BPF_PICK_H
#define TRIGLAV_BPF_PICK_H

#include "maps.bpf.h"

#include <triglav/pick.h>

/* The path, or TG_PICK_NONE. Not static on purpose. */
__attribute__((noinline)) int pick_path(__u32 flow_hash)
{
	const struct tg_settings *set = tg_find_settings();
	const struct tg_weights *weights;
	__u32 slot;

	if (!set)
		return TG_PICK_NONE;
	slot = set->paths_slot;
	weights = bpf_map_lookup_elem(&tg_paths, &slot);
	return weights ? tg_pick_path(weights, flow_hash) : TG_PICK_NONE;
}

#endif
