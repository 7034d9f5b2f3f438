// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* probe.bpf.c - the smallest program of each kind: does this kernel run it, and when it should? */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* How often each program has run, by its place in enum probe_counter (probe.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} probe_runs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} probe_xsks SEC(".maps");

static void count(__u32 which)
{
	__u64 *runs = bpf_map_lookup_elem(&probe_runs, &which);

	if (runs)
		__sync_fetch_and_add(runs, 1);
}

SEC("xdp")
int count_first(struct xdp_md *ctx)
{
	count(0);
	return XDP_PASS;
}

SEC("xdp")
int count_second(struct xdp_md *ctx)
{
	count(1);
	return XDP_PASS;
}

SEC("xdp")
int to_socket(struct xdp_md *ctx)
{
	count(0);
	return bpf_redirect_map(&probe_xsks, 0, XDP_PASS);
}

SEC("tc")
int count_tc(struct __sk_buff *skb)
{
	count(0);
	return -1;	/* TC_ACT_UNSPEC and TCX_NEXT: as if not there */
}

SEC("socket")
int first_queue(struct __sk_buff *skb)
{
	return 0;
}

SEC("socket")
int second_queue(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
