// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* refused.bpf.c - a program that the verifier refuses: it reads a packet without asking where that ends */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int refused(struct xdp_md *ctx)
{
	return *(__u8 *)(long)ctx->data;
}

char _license[] SEC("license") = "Dual MIT/GPL";
