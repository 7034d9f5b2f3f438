// SPDX-License-Identifier: MIT
/* publish.c - what the workers tell the programs: indices, windows of copy ids, heartbeats, weights
 *
 * Indices change with handshakes, so a system call each is fine. The rest is written to mapped memory.
 */
#include "bpf/inside.h"

#include <string.h>

#include <triglav/flood.h>

#include "base/clock.h"

static void sieve_add(struct datapath *d, u32 index, u16 more)
{
	__atomic_fetch_add(&d->sieve->count[tg_sieve_class(index)], more, __ATOMIC_RELEASE);
}

/* Counted before it is there, and after it has gone: the program must not miss one that is. */
void datapath_put_index(struct datapath *d, u32 index, u32 seen, u32 path)
{
	struct tg_index entry = { .seen = seen, .path = path };
	int fd = datapath_map(d, "tg_index");

	if (!bpf_map_update_elem(fd, &index, &entry, BPF_EXIST))
		return;
	sieve_add(d, index, 1);
	if (!bpf_map_update_elem(fd, &index, &entry, BPF_NOEXIST))
		return;
	sieve_add(d, index, (u16)-1);
	__atomic_fetch_or(&d->settings->flags, TG_SETTINGS_INDEX_PARTIAL, __ATOMIC_RELAXED);
}

void datapath_remove_index(struct datapath *d, u32 index)
{
	if (!bpf_map_delete_elem(datapath_map(d, "tg_index"), &index))
		sieve_add(d, index, (u16)-1);
}

/* Several workers look for a free one at a time; who sets the byte has it. */
bool datapath_take_seen(struct datapath *d, u32 *slot, struct tg_seen **seen, struct tg_skips **skips)
{
	for (u32 i = 0; i < d->seen_slots; i++) {
		if (__atomic_exchange_n(&d->seen_used[i], 1, __ATOMIC_ACQUIRE))
			continue;
		memset(&d->seen[i], 0, sizeof(d->seen[i]));
		memset(&d->skips[i], 0, sizeof(d->skips[i]));
		*slot = i;
		*seen = &d->seen[i];
		*skips = &d->skips[i];
		return true;
	}
	return false;
}

void datapath_give_seen(struct datapath *d, u32 slot)
{
	if (slot < d->seen_slots)
		__atomic_store_n(&d->seen_used[slot], 0, __ATOMIC_RELEASE);
}

void datapath_know_source(struct datapath *d, const struct addr *from, u64 until_us)
{
	struct tg_known known = { .until_ns = until_us * 1000 };
	struct tg_source source;

	tg_flood_source(&source, from->family, from->ip);
	(void)bpf_map_update_elem(datapath_map(d, "tg_known"), &source, &known, BPF_ANY);
}

void datapath_beat(struct datapath *d, u32 worker, u64 now_us)
{
	if (worker < TG_MAX_WORKERS)
		__atomic_store_n(&d->settings->heartbeat_ns[worker], now_us * 1000, __ATOMIC_RELAXED);
}

void datapath_set_suspended(struct datapath *d)
{
	__atomic_store_n(&d->settings->suspended_ns, clock_suspended_ns(), __ATOMIC_RELAXED);
}

void datapath_set_hash_key(struct datapath *d, u64 key)
{
	__atomic_store_n(&d->settings->hash_key, key, __ATOMIC_RELAXED);
}

/* A program that took the index just before two flips could read a mixture; it would pin one packet elsewhere, nothing worse. */
void datapath_publish(struct datapath *d, const struct tg_weights *weights)
{
	u32 now = d->settings->paths_slot & 1, spare = now ^ 1;
	struct tg_weights next = *weights;

	next.generation = d->paths[now].generation;
	if (!memcmp(&next, &d->paths[now], sizeof(next)))
		return;
	next.generation++;
	memcpy(&d->paths[spare], &next, sizeof(next));
	__atomic_store_n(&d->settings->paths_slot, spare, __ATOMIC_RELEASE);
}
