// SPDX-License-Identifier: MIT
/* policy.c - what the user wants of some packets (tg_policy), and which worker has which inner address (tg_inner)
 *
 * The programs look for a kind of policy only when tg_settings.flags says that there is one.
 */
#include "bpf/inside.h"

#include <errno.h>
#include <string.h>

static u32 flag_of(u32 kind)
{
	switch (kind) {
	case TG_POLICY_MARK:
		return TG_SETTINGS_POLICY_MARK;
	case TG_POLICY_CGROUP:
		return TG_SETTINGS_POLICY_CGROUP;
	case TG_POLICY_DSCP:
		return TG_SETTINGS_POLICY_DSCP;
	case TG_POLICY_PORT:
		return TG_SETTINGS_POLICY_PORT;
	default:
		return 0;
	}
}

/* The program clears a flow's wish with its next packet, if there is one, and if it still sees packets. */
void datapath_forget_wishes(struct datapath *d)
{
	for (u32 i = 0; i < TG_WISHES; i++)
		__atomic_store_n(&d->wishes[i].word, 0, __ATOMIC_RELAXED);
}

static void refresh_flags(struct datapath *d)
{
	int map = datapath_map(d, "tg_policy");
	struct tg_policy_key key, *before = NULL;
	u32 flags = 0, was = __atomic_load_n(&d->settings->flags, __ATOMIC_RELAXED);

	while (!bpf_map_get_next_key(map, before, &key)) {
		flags |= flag_of(key.kind);
		before = &key;
	}
	/* Workers may set another flag meanwhile. */
	while (!__atomic_compare_exchange_n(&d->settings->flags, &was, (was & ~TG_SETTINGS_POLICY) | flags, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
}

int datapath_put_policy(struct datapath *d, const struct tg_policy_key *key, const struct tg_policy *policy)
{
	if (!flag_of(key->kind))
		return -EINVAL;
	if (bpf_map_update_elem(datapath_map(d, "tg_policy"), key, policy, BPF_ANY))
		return errno == E2BIG ? -ENOSPC : -errno;
	refresh_flags(d);
	return 0;
}

int datapath_remove_policy(struct datapath *d, const struct tg_policy_key *key)
{
	if (bpf_map_delete_elem(datapath_map(d, "tg_policy"), key))
		return -errno;
	refresh_flags(d);
	datapath_forget_wishes(d);
	return 0;
}

u32 datapath_policies(const struct datapath *d, struct tg_policy_key *keys, struct tg_policy *policies, u32 max)
{
	int map = datapath_map(d, "tg_policy");
	struct tg_policy_key key, *before = NULL;
	u32 count = 0;

	while (count < max && !bpf_map_get_next_key(map, before, &key)) {
		if (!bpf_map_lookup_elem(map, &key, &policies[count]))
			keys[count++] = key;
		before = &key;
	}
	return count;
}

union tg_wish datapath_wish(const struct datapath *d, u32 flow_hash)
{
	union tg_wish wish = { .word = __atomic_load_n(&d->wishes[flow_hash & (TG_WISHES - 1)].word, __ATOMIC_RELAXED) };

	if (!flow_hash || wish.hash != flow_hash)
		wish = (union tg_wish){ .class = TG_CLASS_AUTO, .path = TG_PATH_NONE };
	return wish;
}

bool datapath_has_policies(const struct datapath *d)
{
	return datapath_classifies(d) && __atomic_load_n(&d->settings->flags, __ATOMIC_RELAXED) & TG_SETTINGS_POLICY;
}

u64 datapath_hash_key(const struct datapath *d)
{
	return d->settings->hash_key;
}

static struct tg_inner_key inner_key(u8 family, const u8 *ip)
{
	struct tg_inner_key key = { .family = family };

	memcpy(key.ip, ip, family == 4 ? 4 : 16);
	return key;
}

int datapath_put_inner(struct datapath *d, u8 family, const u8 *ip, u32 worker)
{
	struct tg_inner_key key = inner_key(family, ip);
	struct tg_inner inner = { .worker = worker };

	if (d->settings->workers < 2)
		return 0;
	return bpf_map_update_elem(datapath_map(d, "tg_inner"), &key, &inner, BPF_ANY) ? -errno : 0;
}

/* A client that has opened a new session with another worker is that worker's by now. */
void datapath_remove_inner(struct datapath *d, u8 family, const u8 *ip, u32 worker)
{
	int map = datapath_map(d, "tg_inner");
	struct tg_inner_key key = inner_key(family, ip);
	struct tg_inner inner;

	if (!bpf_map_lookup_elem(map, &key, &inner) && inner.worker == worker)
		(void)bpf_map_delete_elem(map, &key);
}
