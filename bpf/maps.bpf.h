/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* maps.bpf.h - all maps, as include/triglav/maps.h describes their keys and values
 *
 * Every program includes this file. The filter's object (uplink.bpf.c) makes the maps at load time; the objects of the other programs
 * are given the same ones (datapath_share_maps() in user/bpf/load.c). A map that nobody uses is not made. Sizes here
 * are defaults; the daemon sets its own before loading.
 */
#ifndef TRIGLAV_BPF_MAPS_H
#define TRIGLAV_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include <triglav/maps.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_settings);
} tg_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct tg_end_key);
	__type(value, struct tg_end);
} tg_ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct tg_index);
} tg_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_sieve);
} tg_sieve SEC(".maps");

/* One window for each session that copies have come for; tg_index says which. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct tg_seen);
} tg_seen SEC(".maps");

/* Likewise. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct tg_skips);
} tg_skips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_rate);
} tg_rate SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tg_source);
	__type(value, struct tg_known);
} tg_known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_drops);
} tg_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tg_counters);
} tg_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, TG_XSKS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} tg_xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct tg_flow_key);
	__type(value, struct tg_flow_entry);
} tg_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct tg_weights);
} tg_paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TG_WISHES);
	__type(key, __u32);
	__type(value, union tg_wish);
} tg_wishes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct tg_policy_key);
	__type(value, struct tg_policy);
} tg_policy SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tg_inner_key);
	__type(value, struct tg_inner);
} tg_inner SEC(".maps");

static __always_inline const struct tg_settings *tg_find_settings(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&tg_settings, &first);
}

#endif
