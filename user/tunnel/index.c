// SPDX-License-Identifier: MIT
/* index.c - receiver indices: the 32 bits in a header that name session, path and key
 *
 *   31      26 25                    6 5       0
 *   | random  |  slot                 | worker  |
 *
 * Slots are reused oldest first and get new random bits, so that a datagram for a dead key finds nothing.
 */
#include "tunnel/internal.h"

#include <errno.h>
#include <stdlib.h>

#define SLOT_BITS 20u
#define NO_SLOT UINT32_MAX

static u32 slot_of(u32 index)
{
	return (index >> TG_WORKER_BITS) & ((1u << SLOT_BITS) - 1);
}

static int grow(struct tunnel *t)
{
	u32 count = t->slot_count ? 2 * t->slot_count : 64;
	struct index_slot *slots;

	if (count > 1u << SLOT_BITS)
		return -ENOSPC;
	slots = realloc(t->slots, count * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	for (u32 i = t->slot_count; i < count; i++)
		slots[i] = (struct index_slot){ .next_free = i + 1 < count ? i + 1 : NO_SLOT };
	t->free_head = t->slot_count;
	t->free_tail = count - 1;
	t->slot_count = count;
	return 0;
}

u32 index_take(struct tunnel *t, struct path_key *key, struct attempt *attempt)
{
	struct index_slot *s;
	u32 i, random;

	if ((!t->slot_count || t->free_head == NO_SLOT) && grow(t))
		return 0;
	i = t->free_head;
	s = &t->slots[i];
	t->free_head = s->next_free;
	if (t->free_head == NO_SLOT)
		t->free_tail = NO_SLOT;

	random = 1 + rand_u32(t->random) % 63;	/* never 0: index 0 means free */
	s->index = random << (TG_WORKER_BITS + SLOT_BITS) | i << TG_WORKER_BITS | t->set.worker;
	s->key = key;
	s->attempt = attempt;
	if (t->events->index_used)
		t->events->index_used(t->ctx, s->index, TG_SEEN_NONE, 0);
	return s->index;
}

struct index_slot *index_find(struct tunnel *t, u32 index)
{
	u32 i = slot_of(index);

	if (!index || i >= t->slot_count || t->slots[i].index != index)
		return NULL;
	return &t->slots[i];
}

u32 index_turn_over(struct tunnel *t, u32 index, struct path_key *key)
{
	struct index_slot *s = index_find(t, index);

	if (!s)
		return 0;
	if (s->attempt)
		s->attempt->local_index = 0;
	s->attempt = NULL;
	s->key = key;
	return index;
}

void index_tell(struct tunnel *t, const struct path_key *k)
{
	if (k && t->events->index_used)
		t->events->index_used(t->ctx, k->local_index, k->path->session->seen_slot, k->path->id);
}

void index_give(struct tunnel *t, u32 index)
{
	struct index_slot *s = index_find(t, index);

	if (!s)
		return;
	if (t->events->index_freed)
		t->events->index_freed(t->ctx, index);
	*s = (struct index_slot){ .next_free = NO_SLOT };
	if (t->free_head == NO_SLOT)
		t->free_head = slot_of(index);
	else
		t->slots[t->free_tail].next_free = slot_of(index);
	t->free_tail = slot_of(index);
}

void tunnel_each_index(struct tunnel *t, void (*fn)(void *arg, u32 index), void *arg)
{
	for (u32 i = 0; i < t->slot_count; i++)
		if (t->slots[i].index)
			fn(arg, t->slots[i].index);
}
