// SPDX-License-Identifier: MIT
/* read.c - what the programs counted, summed over all CPUs */
#include "bpf/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A value of a per-CPU map is an array with one element for each possible CPU; ours are made of 64-bit counters. */
static int sum_up(const struct datapath *d, const char *map, u64 *out, u32 fields)
{
	int cpus = libbpf_num_possible_cpus();
	u32 first = 0;
	u64 *all;
	int err;

	if (cpus < 0)
		return cpus;
	all = calloc((size_t)cpus * fields, sizeof(*all));
	if (!all)
		return -ENOMEM;
	memset(out, 0, fields * sizeof(*out));
	err = bpf_map_lookup_elem(datapath_map(d, map), &first, all);
	for (u32 i = 0; !err && i < (u32)cpus * fields; i++)
		out[i % fields] += all[i];
	free(all);
	return err;
}

int datapath_read(const struct datapath *d, struct datapath_counts *out)
{
	int err = sum_up(d, "tg_counters", (u64 *)&out->counters, sizeof(out->counters) / sizeof(u64));

	return err ? err : sum_up(d, "tg_drops", out->drops, TG_DROP_COUNT);
}
