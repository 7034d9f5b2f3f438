/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* count.bpf.h - counters: per CPU, so plain additions will do
 *
 *	struct tg_counters *counters = count_begin();	(NULL never happens, but the verifier wants it asked)
 *	count(counters, passed);
 *	return count_drop(counters, reason);
 */
#ifndef TRIGLAV_BPF_COUNT_H
#define TRIGLAV_BPF_COUNT_H

#include "maps.bpf.h"

static __always_inline struct tg_counters *count_begin(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&tg_counters, &first);
}

#define count(counters, field)             \
	do {                               \
		if (counters)              \
			(counters)->field++; \
	} while (0)

/* Counts a drop by its reason. Returns XDP_DROP. */
static __always_inline int count_drop(struct tg_counters *counters, enum tg_drop reason)
{
	__u32 first = 0, at = reason;
	struct tg_drops *drops = bpf_map_lookup_elem(&tg_drops, &first);

	count(counters, dropped);
	if (drops && at < TG_DROP_COUNT)
		((__u64 *)drops)[at]++;
	return XDP_DROP;
}

#endif
