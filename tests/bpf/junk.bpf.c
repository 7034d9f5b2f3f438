// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* junk.bpf.c - a flood for the filter, made in the kernel, and the yardstick it is measured with (tests/lab/junk.c) */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "junk.h"

#define JUNK_AT 46u	/* receiver index: Ethernet 14, IPv4 20, UDP 8, and the first four bytes of a data header */

#define SPINS 4096u	/* at most, of some 20 ns */
#define LATE 4u		/* of these; who was kept from sending does not make up for more */

const volatile __u32 out_ifindex;
const volatile __u64 gap_ns;	/* between JUNK_TOGETHER frames and the next; 0: none */
static __u64 next_ns, frames;	/* one sender */

static __always_inline void wait_for_turn(void)
{
	__u64 now = bpf_ktime_get_ns();

	for (__u32 i = 0; i < SPINS && now < next_ns; i++)
		now = bpf_ktime_get_ns();
	next_ns += gap_ns;
	if (now > next_ns + LATE * gap_ns)
		next_ns = now;
}

/* A frame that bpf_prog_test_run() repeats: another receiver index each time, then out. What was not made for it, it leaves alone: it is also
 * attached where packets of others may pass. */
SEC("xdp")
int junk_send(struct xdp_md *ctx)
{
	char *data = (char *)(long)ctx->data, *end = (char *)(long)ctx->data_end;

	if (data + JUNK_AT + 4 > end || data[JUNK_SOURCE_AT] != JUNK_SOURCE)
		return XDP_PASS;
	if (gap_ns && !(frames++ % JUNK_TOGETHER))
		wait_for_turn();
	*(__u32 *)(data + JUNK_AT) = bpf_get_prandom_u32();
	return (int)bpf_redirect(out_ifindex, 0);
}

/* The fastest that a driver can be rid of a frame. */
SEC("xdp")
int junk_drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual MIT/GPL";
