/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* parse.bpf.h - from a program's context to the parsers of include/triglav
 *
 * There is one parser for outer packets (outer.h) and one for inner ones (flow.h); here is only where a packet begins and ends.
 */
#ifndef TRIGLAV_BPF_PARSE_H
#define TRIGLAV_BPF_PARSE_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <triglav/outer.h>

static __always_inline void *packet_begin(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *packet_end(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}

static __always_inline void *skb_begin(const struct __sk_buff *skb)
{
	return (void *)(long)skb->data;
}

static __always_inline void *skb_end(const struct __sk_buff *skb)
{
	return (void *)(long)skb->data_end;
}

#endif
