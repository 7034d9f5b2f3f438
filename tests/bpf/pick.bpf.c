// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* pick.bpf.c - the choice of a pinned flow's path, as the programs on the tunnel device make it, alone and to be tested
 *
 * The packet is an inner IP packet. Returns its path, or -1 for what is no IP packet; tests compare with the engine.
 */
#include "maps.bpf.h"
#include "parse.bpf.h"
#include "pick.bpf.h"

SEC("xdp")
int tg_pick(struct xdp_md *ctx)
{
	const struct tg_settings *set = tg_find_settings();
	struct tg_flow f;

	if (!set || tg_flow_parse(&f, packet_begin(ctx), packet_end(ctx), (__u32)(ctx->data_end - ctx->data)))
		return -1;
	return pick_path(tg_flow_hash(&f, set->hash_key));
}

char _license[] SEC("license") = "Dual MIT/GPL";
