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

#define HEADERS_BYTES 128	/* that should be readable: IPv6, some extension headers, TCP with options */

static __always_inline __u64 tg_find_cgroup(void *packet, __u32 level)
{
	struct __sk_buff *skb = packet;

	return level ? bpf_skb_ancestor_cgroup_id(skb, (int)level) : bpf_skb_cgroup_id(skb);
}

#include "lane.bpf.h"

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
