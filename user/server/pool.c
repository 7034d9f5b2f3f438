// SPDX-License-Identifier: MIT
/* pool.c - inner addresses of one prefix, handed out to clients
 *
 * Client number i has host number i + 2 (0 names the network, 1 is the server). Entries exist up
 * to the highest number that was ever touched, so that a /64 costs no more than its clients do.
 */
#include "server/pool.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/map.h"

#define FIRST_CLIENT 2u

struct entry {
	u64 owner;		/* 0: nobody */
	u32 refs;		/* takes without a release */
};

struct pool {
	struct prefix prefix;	/* host bits zero */
	u32 size;		/* clients that fit */
	u32 used;
	u32 free_from;		/* every entry before it has an owner or is in use */
	u32 reclaim_from;	/* where the search for an address nobody uses goes on */
	u32 entry_count;
	struct entry *entries;
	struct map owners;	/* owner -> 1 + number of its entry */
};

static u32 clients_that_fit(const struct prefix *p)
{
	u32 host_bits = (p->family == 4 ? 32u : 128u) - p->len;
	u32 nobodys = p->family == 4 ? 2 : 1;	/* IPv6 has no broadcast */

	if (host_bits > 20)
		return POOL_MAX_ADDRESSES;
	if ((1u << host_bits) <= nobodys + 1)
		return 0;
	return (1u << host_bits) - nobodys - 1;
}

int pool_new(struct pool **out, const struct prefix *prefix)
{
	struct pool *p;

	if (!prefix->family || !clients_that_fit(prefix))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->prefix = *prefix;
	prefix_mask(&p->prefix);
	p->size = clients_that_fit(prefix);
	*out = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	map_free(&p->owners);
	free(p->entries);
	free(p);
}

static size_t ip_bytes(const struct pool *p)
{
	return p->prefix.family == 4 ? 4 : 16;
}

/* The low 32 bits hold every host number there is here; the network's bits above are kept. */
static void write_host(const struct pool *p, u32 host, u8 *ip)
{
	size_t bytes = ip_bytes(p);

	memcpy(ip, p->prefix.ip, bytes);
	put_be32(ip + bytes - 4, get_be32(ip + bytes - 4) | host);
}

/* Client number of an address, or -1. */
static s64 client_number(const struct pool *p, const u8 *ip)
{
	u8 back[16] = { 0 };
	size_t bytes = ip_bytes(p);
	u32 host = get_be32(ip + bytes - 4) - get_be32(p->prefix.ip + bytes - 4);

	if (host < FIRST_CLIENT || host - FIRST_CLIENT >= p->size)
		return -1;
	write_host(p, host, back);
	return memcmp(back, ip, bytes) ? -1 : (s64)(host - FIRST_CLIENT);
}

void pool_server(const struct pool *p, struct prefix *out)
{
	*out = p->prefix;
	write_host(p, 1, out->ip);
}

u32 pool_size(const struct pool *p)
{
	return p->size;
}

u32 pool_used(const struct pool *p)
{
	return p->used;
}

static int grow_to(struct pool *p, u32 count)
{
	struct entry *more;
	u32 want = p->entry_count ? p->entry_count : 16;

	if (count <= p->entry_count)
		return 0;
	while (want < count)
		want *= 2;
	want = MIN(want, p->size);
	more = realloc(p->entries, want * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + p->entry_count, 0, (want - p->entry_count) * sizeof(*more));
	p->entries = more;
	p->entry_count = want;
	return 0;
}

static int set_owner(struct pool *p, u32 number, u64 owner)
{
	struct entry *e = &p->entries[number];

	if (owner && map_set(&p->owners, owner, (void *)(uintptr_t)(number + 1)))
		return -ENOMEM;
	if (e->owner)
		map_remove(&p->owners, e->owner);
	e->owner = owner;
	return 0;
}

void pool_reserve(struct pool *p, u64 owner, const u8 *ip)
{
	s64 number = client_number(p, ip);

	if (number < 0 || !owner || map_get(&p->owners, owner) || grow_to(p, (u32)number + 1))
		return;
	if (!p->entries[number].owner && !p->entries[number].refs)
		set_owner(p, (u32)number, owner);	/* without memory it is merely not reserved */
}

static s64 lowest_without_owner(struct pool *p)
{
	while (p->free_from < p->entry_count &&
	       (p->entries[p->free_from].owner || p->entries[p->free_from].refs))
		p->free_from++;
	return p->free_from < p->size ? (s64)p->free_from : -ENOSPC;
}

/* Everything has an owner: take from one who is away. */
static s64 next_away(struct pool *p)
{
	for (u32 i = 0; i < p->entry_count; i++) {
		u32 number = (p->reclaim_from + i) % p->entry_count;

		if (!p->entries[number].refs) {
			p->reclaim_from = number + 1;
			return number;
		}
	}
	return -ENOSPC;
}

static s64 choose(struct pool *p, u64 owner)
{
	uintptr_t known = owner ? (uintptr_t)map_get(&p->owners, owner) : 0;
	s64 number;
	int err;

	if (known)
		return (s64)known - 1;
	number = lowest_without_owner(p);
	if (number < 0)
		number = next_away(p);
	if (number < 0)
		return number;
	err = grow_to(p, (u32)number + 1);
	if (!err)
		err = set_owner(p, (u32)number, owner);
	return err ? err : number;
}

int pool_take(struct pool *p, u64 owner, u8 *ip)
{
	s64 number = choose(p, owner);

	if (number < 0)
		return (int)number;
	if (!p->entries[number].refs++)
		p->used++;
	write_host(p, (u32)number + FIRST_CLIENT, ip);
	return 0;
}

void pool_release(struct pool *p, const u8 *ip)
{
	s64 number = client_number(p, ip);
	struct entry *e;

	if (number < 0 || number >= p->entry_count || !p->entries[number].refs)
		return;
	e = &p->entries[number];
	if (--e->refs)
		return;
	p->used--;
	if (!e->owner)
		p->free_from = MIN(p->free_from, (u32)number);
}

bool pool_holds(const struct pool *p, u64 owner)
{
	uintptr_t known = owner ? (uintptr_t)map_get(&p->owners, owner) : 0;

	return known && p->entries[known - 1].refs;
}
