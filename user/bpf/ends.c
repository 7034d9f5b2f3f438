// SPDX-License-Identifier: MIT
/* ends.c - which datagrams are ours, and which sockets take them
 *
 * tg_ends has an entry for each interface, address and port. Its flags follow from how the program is attached.
 * An interface's AF_XDP sockets stand in tg_xsks, from the place of its attachment times TG_QUEUES_MAX on.
 */
#include "bpf/inside.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static struct tg_end_key key_of(u32 ifindex, const struct addr *local)
{
	struct tg_end_key key = { .ifindex = ifindex, .port = htobe16(local->port), .family = local->family };

	memcpy(key.ip, local->ip, sizeof(key.ip));
	return key;
}

static bool is_any(const struct tg_end_key *key)
{
	static const u8 zero[16];

	return !memcmp(key->ip, zero, sizeof(zero));
}

static struct tg_end end_of(const struct datapath *d, const struct attachment *a)
{
	return (struct tg_end){
		.flags = (d->server ? TG_END_SERVER : 0) | (a->mode == DATAPATH_GENERIC ? TG_END_RUNS : 0),
		.xsk_first = (u32)(a - d->attachments) * TG_QUEUES_MAX,
		.xsk_queues = a->queues,
	};
}

/* Calls for every key of the interface. Keys are collected one by one, as the map may change meanwhile. */
static void each_end(struct datapath *d, u32 ifindex, void (*fn)(int map, const struct tg_end_key *key, const struct tg_end *end),
		     const struct tg_end *end)
{
	int map = datapath_map(d, "tg_ends");
	struct tg_end_key key, next;
	int err = bpf_map_get_next_key(map, NULL, &next);

	while (!err) {
		key = next;
		err = bpf_map_get_next_key(map, &key, &next);
		if (key.ifindex == ifindex)
			fn(map, &key, end);
	}
}

static void update_end(int map, const struct tg_end_key *key, const struct tg_end *end)
{
	(void)bpf_map_update_elem(map, key, end, BPF_EXIST);
}

static void delete_end(int map, const struct tg_end_key *key, const struct tg_end *end)
{
	(void)end;
	(void)bpf_map_delete_elem(map, key);
}

void datapath_refresh_ends(struct datapath *d, const struct attachment *a)
{
	struct tg_end end = end_of(d, a);

	each_end(d, a->ifindex, update_end, &end);
}

void datapath_remove_ends(struct datapath *d, u32 ifindex)
{
	each_end(d, ifindex, delete_end, NULL);
}

/* The flags only save look-ups, so they may stay when the last such entry goes. */
int datapath_put_end(struct datapath *d, u32 ifindex, const struct addr *local)
{
	struct attachment *a = datapath_find(d, ifindex);
	struct tg_end_key key = key_of(ifindex, local);
	struct tg_end end;

	if (!a)
		return -ENOENT;
	end = end_of(d, a);
	/* Workers set flags as well (datapath_put_index()). */
	__atomic_fetch_or(&d->settings->flags, is_any(&key) ? TG_SETTINGS_ANY_ENDS : TG_SETTINGS_EXACT_ENDS, __ATOMIC_RELAXED);
	return bpf_map_update_elem(datapath_map(d, "tg_ends"), &key, &end, BPF_ANY);
}

void datapath_remove_end(struct datapath *d, u32 ifindex, const struct addr *local)
{
	struct tg_end_key key = key_of(ifindex, local);

	(void)bpf_map_delete_elem(datapath_map(d, "tg_ends"), &key);
}

int datapath_put_xsk(struct datapath *d, u32 ifindex, u32 queue, int xsk_fd)
{
	struct attachment *a = datapath_find(d, ifindex);
	u32 at;
	int err;

	if (!a)
		return -ENOENT;
	if (queue >= TG_QUEUES_MAX)
		return -ERANGE;
	at = end_of(d, a).xsk_first + queue;
	err = bpf_map_update_elem(datapath_map(d, "tg_xsks"), &at, &xsk_fd, BPF_ANY);
	if (err || queue < a->queues)
		return err;
	a->queues = queue + 1;
	datapath_refresh_ends(d, a);
	return 0;
}

void datapath_remove_xsk(struct datapath *d, u32 ifindex, u32 queue)
{
	struct attachment *a = datapath_find(d, ifindex);
	u32 at;

	if (!a || queue >= TG_QUEUES_MAX)
		return;
	at = end_of(d, a).xsk_first + queue;
	(void)bpf_map_delete_elem(datapath_map(d, "tg_xsks"), &at);
}
