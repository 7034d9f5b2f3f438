// SPDX-License-Identifier: MIT
/* map.c - 64-bit keys to pointers
 *
 * Keys that strangers choose never get in: they are handles and addresses we gave out.
 */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

static u32 home(const struct map *m, u64 key)
{
	/* Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4 */
	return (u32)((key * 0x9e3779b97f4a7c15ULL) >> 32) & (m->size - 1);
}

static u32 find(const struct map *m, u64 key)
{
	u32 i = home(m, key);

	while (m->entries[i].value && m->entries[i].key != key)
		i = (i + 1) & (m->size - 1);
	return i;
}

void *map_get(const struct map *m, u64 key)
{
	return m->size ? m->entries[find(m, key)].value : NULL;
}

static int grow(struct map *m)
{
	struct map bigger = { .size = m->size ? 2 * m->size : 16 };

	bigger.entries = calloc(bigger.size, sizeof(struct map_entry));
	if (!bigger.entries)
		return -ENOMEM;
	for (u32 i = 0; i < m->size; i++)
		if (m->entries[i].value)
			bigger.entries[find(&bigger, m->entries[i].key)] = m->entries[i];
	bigger.count = m->count;
	free(m->entries);
	*m = bigger;
	return 0;
}

int map_set(struct map *m, u64 key, void *value)
{
	u32 i;

	if (4 * (m->count + 1) > 3 * m->size && grow(m))
		return -ENOMEM;
	i = find(m, key);
	if (!m->entries[i].value)
		m->count++;
	m->entries[i] = (struct map_entry){ key, value };
	return 0;
}

void map_remove(struct map *m, u64 key)
{
	u32 hole, i;

	if (!m->size)
		return;
	hole = find(m, key);
	if (!m->entries[hole].value)
		return;
	m->entries[hole].value = NULL;
	m->count--;
	/* Close the gap: move back what was pushed past it. */
	for (i = (hole + 1) & (m->size - 1); m->entries[i].value; i = (i + 1) & (m->size - 1)) {
		u32 want = home(m, m->entries[i].key);

		if (((i - want) & (m->size - 1)) >= ((i - hole) & (m->size - 1))) {
			m->entries[hole] = m->entries[i];
			m->entries[i].value = NULL;
			hole = i;
		}
	}
}

void map_free(struct map *m)
{
	free(m->entries);
	*m = (struct map){ 0 };
}
