// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* tunnel.bpf.c - TC on the tunnel device: every inner flow has an account, a class and a lane
 *
 * Egress: what the host sends into the tunnel, before the device's queue is chosen. Ingress: what comes out of it. What decides is in
 * include/triglav/lane.h; here are the tables it asks for. Nothing is dropped or changed; other filters get their turn.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "maps.bpf.h"
#include "parse.bpf.h"
#include "pick.bpf.h"

#define HEADERS_BYTES 128	/* that should be readable: IPv6, some extension headers, TCP with options */

static __always_inline __u64 tg_find_cgroup(void *packet, __u32 level)
{
	struct __sk_buff *skb = packet;

	return level ? bpf_skb_ancestor_cgroup_id(skb, (int)level) : bpf_skb_cgroup_id(skb);
}

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

/* 0, or -1 for what is no IP packet. The headers of a forwarded packet may lie outside of what can be read at once. */
static __always_inline int parse(struct tg_flow *f, struct __sk_buff *skb)
{
	if (skb_begin(skb) + HEADERS_BYTES > skb_end(skb) && (__u32)(skb->data_end - skb->data) < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADERS_BYTES ? skb->len : HEADERS_BYTES);
	return tg_flow_parse(f, skb_begin(skb), skb_end(skb), skb->len);
}

SEC("tc")
int tg_tunnel_out(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	struct tg_flow f;

	if (set && !parse(&f, skb))
		skb->tc_index = TG_LANE_TAG | tg_lane_out(set, &f, skb, skb->mark, skb->len);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tg_tunnel_in(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	struct tg_flow f;

	if (set && !parse(&f, skb))
		tg_lane_in(set, &f, skb->len);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
