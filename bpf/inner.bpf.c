// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* inner.bpf.c - the tunnel device as a veth pair: frames of the host to the AF_XDP sockets of the daemon
 *
 *   host's stack -> tg0: tg_inner_tag (TC egress) -> tg0-in: tg_inner_out (XDP) -> AF_XDP socket of a lane or a path
 *   host's stack <- tg0: tg_inner_in (TC ingress) <- tg0-in <- tx ring
 *
 * What decides is in include/triglav/inside.h. XDP passes nothing on to the stack: the inner end has none to speak of.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "count.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

#define HEADERS_BYTES (TG_ETHERNET_BYTES + 128)	/* that should be readable, as in tunnel.bpf.c */

/* XDP has no skb to ask. */
static __always_inline __u64 tg_find_cgroup(void *packet, __u32 level)
{
	struct __sk_buff *skb = packet;

	if (!skb)
		return 0;
	return level ? bpf_skb_ancestor_cgroup_id(skb, (int)level) : bpf_skb_cgroup_id(skb);
}

#include "lane.bpf.h"

#include <triglav/inside.h>

SEC("xdp")
int tg_inner_out(struct xdp_md *ctx)
{
	const struct tg_settings *set = tg_find_settings();
	struct tg_counters *counters = count_begin();
	int number;

	count(counters, packets);
	number = set ? tg_inside_judge(set, packet_begin(ctx), packet_end(ctx), (__u32)bpf_xdp_get_buff_len(ctx)) : TG_INSIDE_DROP;
	if (number < 0)
		return count_drop(counters, TG_DROP_INNER_MALFORMED);
	count(counters, redirected);
	return (int)bpf_redirect_map(&tg_xsks, TG_XSKS_INSIDE + (__u32)number, XDP_DROP);
}

/* 0, or -1 for what is no IP packet. */
static __always_inline int parse(struct tg_flow *f, struct __sk_buff *skb)
{
	void *ip;

	if (skb_begin(skb) + HEADERS_BYTES > skb_end(skb) && (__u32)(skb->data_end - skb->data) < skb->len)
		bpf_skb_pull_data(skb, skb->len < HEADERS_BYTES ? skb->len : HEADERS_BYTES);
	ip = skb_begin(skb) + TG_ETHERNET_BYTES;
	if (ip > skb_end(skb))
		return -1;
	return tg_flow_parse(f, ip, skb_end(skb), skb->len - TG_ETHERNET_BYTES);
}

SEC("tc")
int tg_inner_tag(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	const struct tg_policy *policy;
	__u8 tag[TG_INSIDE_TAG_BYTES];
	struct tg_flow f;

	if (!set || !(set->flags & TG_SETTINGS_POLICY) || parse(&f, skb))
		return TC_ACT_UNSPEC;
	policy = tg_lane_policy(set, &f, skb, skb->mark);
	if (!policy)
		return TC_ACT_UNSPEC;
	tg_inside_tell(tag, policy);
	bpf_skb_store_bytes(skb, TG_INSIDE_SOURCE_AT, tag, sizeof(tag), 0);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int tg_inner_in(struct __sk_buff *skb)
{
	const struct tg_settings *set = tg_find_settings();
	struct tg_flow f;

	if (set && !parse(&f, skb))
		tg_lane_in(set, &f, skb->len - TG_ETHERNET_BYTES);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
