// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* uplink.bpf.c - XDP on the uplinks: junk, floods and copies that were accepted already end here
 *
 * In front of an ordinary UDP socket, or of AF_XDP sockets. What decides is in include/triglav/filter.h; here are the tables it asks for,
 * the counters, and the hand-over. Two programs: for Ethernet, and for uplinks whose packets begin with IP.
 */
#include "count.bpf.h"
#include "maps.bpf.h"
#include "parse.bpf.h"

static __always_inline const struct tg_end *tg_find_end(const struct tg_end_key *key)
{
	return bpf_map_lookup_elem(&tg_ends, key);
}

static __always_inline struct tg_index *tg_find_index(__u32 index)
{
	__u32 first = 0;
	const struct tg_sieve *sieve = bpf_map_lookup_elem(&tg_sieve, &first);

	if (!sieve || !sieve->count[tg_sieve_class(index)])
		return 0;
	return bpf_map_lookup_elem(&tg_index, &index);
}

static __always_inline const struct tg_seen *tg_find_seen(__u32 slot)
{
	return bpf_map_lookup_elem(&tg_seen, &slot);
}

static __always_inline struct tg_skips *tg_find_skips(__u32 slot)
{
	return bpf_map_lookup_elem(&tg_skips, &slot);
}

static __always_inline struct tg_rate *tg_find_rate(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&tg_rate, &first);
}

static __always_inline struct tg_known *tg_find_known(const struct tg_source *source)
{
	return bpf_map_lookup_elem(&tg_known, source);
}

/* To the tick, some ms: reading the hardware's clock is a twentieth of what a packet of junk costs. */
static __always_inline __u64 tg_find_now(void)
{
	const struct tg_settings *set = tg_find_settings();

	return bpf_ktime_get_coarse_ns() + (set ? set->suspended_ns : 0);
}

#include <triglav/filter.h>

/* A queue without a socket (it has just closed, or was never there) leaves the packet to the stack, and so does one that no socket could take. A tagged
 * frame is the stack's too: it knows the tags that mean a priority only, and takes those off. */
static __always_inline int hand_over(struct xdp_md *ctx, struct tg_counters *counters, const struct tg_judgement *j, __u8 vlans)
{
	int action = XDP_PASS;

	if (!vlans && ctx->rx_queue_index < j->xsk_queues && packet_begin(ctx) + TG_XSK_LONGEST >= packet_end(ctx))
		action = (int)bpf_redirect_map(&tg_xsks, j->xsk_first + ctx->rx_queue_index, XDP_PASS);
	if (action == XDP_REDIRECT)
		count(counters, redirected);
	else
		count(counters, passed);
	return action;
}

static __always_inline int pass_foreign(struct tg_counters *counters)
{
	count(counters, foreign);
	return XDP_PASS;
}

static __always_inline int filter(struct xdp_md *ctx, struct tg_counters *counters, const struct tg_outer *o)
{
	struct tg_judgement j = tg_filter_judge(o, packet_end(ctx), ctx->ingress_ifindex);

	switch (j.verdict) {
	case TG_VERDICT_DROP:
		return count_drop(counters, j.reason);
	case TG_VERDICT_PASS:
		return hand_over(ctx, counters, &j, o->vlans);
	case TG_VERDICT_STALE:
		count(counters, stale);
		return XDP_PASS;
	default:
		return pass_foreign(counters);
	}
}

SEC("xdp")
int tg_uplink(struct xdp_md *ctx)
{
	struct tg_counters *counters = count_begin();
	struct tg_outer o;

	count(counters, packets);
	return tg_outer_parse(&o, packet_begin(ctx), packet_end(ctx)) ? pass_foreign(counters) : filter(ctx, counters, &o);
}

SEC("xdp")
int tg_uplink_ip(struct xdp_md *ctx)
{
	struct tg_counters *counters = count_begin();
	struct tg_outer o;

	count(counters, packets);
	return tg_outer_parse_ip(&o, packet_begin(ctx), packet_end(ctx)) ? pass_foreign(counters) : filter(ctx, counters, &o);
}

char _license[] SEC("license") = "Dual MIT/GPL";
