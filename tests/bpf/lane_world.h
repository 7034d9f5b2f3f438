// SPDX-License-Identifier: MIT
/* lane_world.h - the tables of those who classify inner packets twice: as maps, and as arrays for the inline functions
 *
 * A test says what is in the world, and gives the same packets to a program and to the functions; both_agree() afterwards.
 */
#ifndef TG_TESTS_BPF_LANE_WORLD_H
#define TG_TESTS_BPF_LANE_WORLD_H

#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/bpf.h>

#include <triglav/pick.h>

#include "base/clock.h"
#include "bpf/inside.h"
#include "unit/packet.h"

#define FLOWS 16u
#define POLICIES 4u
#define OWN_CGROUP 0xc0	/* in the rows: that of this process */
#define HASH_KEY 0x1234567u

static struct datapath *datapath;
static u64 own_cgroup;

/* ---- the tables as arrays ---- */

static struct {
	struct tg_settings settings;
	struct { struct tg_policy_key key; struct tg_policy policy; } policies[POLICIES];
	u32 policy_count;
	struct { struct tg_flow_key key; struct tg_flow_entry entry; } flows[FLOWS];
	u32 flow_count;
	union tg_wish wishes[TG_WISHES];
	struct tg_weights weights;
	u64 now_ns;
} world;

static inline const struct tg_policy *tg_find_policy(const struct tg_policy_key *key)
{
	for (u32 i = 0; i < world.policy_count; i++)
		if (!memcmp(&world.policies[i].key, key, sizeof(*key)))
			return &world.policies[i].policy;
	return NULL;
}

static inline u64 tg_find_cgroup(void *packet, u32 level)
{
	return level || !packet ? 0 : own_cgroup;
}

static inline struct tg_flow_entry *tg_find_flow(const struct tg_flow_key *key)
{
	for (u32 i = 0; i < world.flow_count; i++)
		if (!memcmp(&world.flows[i].key, key, sizeof(*key)))
			return &world.flows[i].entry;
	return NULL;
}

static inline void tg_make_flow(const struct tg_flow_key *key, const struct tg_flow_entry *entry)
{
	assert_true(world.flow_count < FLOWS);
	world.flows[world.flow_count].key = *key;
	world.flows[world.flow_count++].entry = *entry;
}

static inline union tg_wish *tg_find_wish(u32 slot)
{
	return &world.wishes[slot];
}

static inline int tg_find_path(u32 flow_hash)
{
	return world.weights.pinned ? tg_pick_path(&world.weights, flow_hash) : TG_PICK_NONE;
}

static inline u64 tg_find_now(void)
{
	return world.now_ns;
}

#include <triglav/lane.h>

static inline void reset(void)
{
	struct tg_policy_key keys[POLICIES];
	struct tg_policy policies[POLICIES];
	struct tg_flow_key key;
	int flows = datapath_map(datapath, "tg_flows");

	memset(&world, 0, sizeof(world));
	world.now_ns = clock_now_us() * 1000;
	world.settings.hash_key = HASH_KEY;
	while (!bpf_map_get_next_key(flows, NULL, &key))
		bpf_map_delete_elem(flows, &key);
	for (u32 n = datapath_policies(datapath, keys, policies, POLICIES); n-- > 0;)
		assert_int_equal(datapath_remove_policy(datapath, &keys[n]), 0);
	memset(datapath->wishes, 0, TG_WISHES * sizeof(*datapath->wishes));
	datapath_publish(datapath, &(struct tg_weights){ 0 });
	assert_int_equal(datapath->settings->flags & TG_SETTINGS_POLICY, 0);
}

static inline void add_policy(u32 kind, u64 value, u8 class, u8 path)
{
	bool own = kind == TG_POLICY_CGROUP && value == OWN_CGROUP;
	struct tg_policy_key key = { .kind = kind, .value = own ? own_cgroup : value };
	struct tg_policy policy = { .class = class, .path = path };

	world.policies[world.policy_count].key = key;
	world.policies[world.policy_count++].policy = policy;
	assert_int_equal(datapath_put_policy(datapath, &key, &policy), 0);
	world.settings.flags = datapath->settings->flags;
}

/* All flows are the same in both, times apart. */
static inline void both_agree(void)
{
	int map = datapath_map(datapath, "tg_flows");
	struct tg_flow_key key, *before = NULL;
	struct tg_flow_entry entry;
	u32 count = 0;

	for (; !bpf_map_get_next_key(map, before, &key); before = &key)
		count++;
	assert_int_equal(count, world.flow_count);
	for (u32 i = 0; i < world.flow_count; i++) {
		const struct tg_flow_entry *e = &world.flows[i].entry;

		assert_int_equal(bpf_map_lookup_elem(map, &world.flows[i].key, &entry), 0);
		assert_int_equal(entry.packets_out, e->packets_out);
		assert_int_equal(entry.bytes_out, e->bytes_out);
		assert_int_equal(entry.packets_in, e->packets_in);
		assert_int_equal(entry.bytes_in, e->bytes_in);
		assert_int_equal(entry.hash, e->hash);
		assert_int_equal(entry.class, e->class);
		assert_int_equal(entry.path, e->path);
		assert_int_equal(entry.tos, e->tos);
		assert_int_equal(entry.bulk, e->bulk);
		assert_int_equal(tg_lane_of(&entry), tg_lane_of(e));
		assert_true(entry.first_ns && entry.last_ns >= entry.first_ns);
	}
	assert_memory_equal(datapath->wishes, world.wishes, sizeof(world.wishes));
}

/* The number of its folder. Without cgroup2 all processes are in its root, which has number 1. */
static inline u64 find_own_cgroup(void)
{
	FILE *mounts = fopen("/proc/self/mounts", "r"), *groups = fopen("/proc/self/cgroup", "r");
	char line[1024], at[512] = "", name[512] = "", folder[1100];
	struct stat st;

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, " cgroup2 ") && sscanf(line, "%*s %511s", at) == 1)
			break;
	while (groups && fgets(line, sizeof(line), groups))
		if (sscanf(line, "0::%511s", name) == 1)
			break;
	if (mounts)
		fclose(mounts);
	if (groups)
		fclose(groups);
	snprintf(folder, sizeof(folder), "%s%s", at, name);
	return at[0] && name[0] && !stat(folder, &st) ? st.st_ino : 1;
}

#endif
