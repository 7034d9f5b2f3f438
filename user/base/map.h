// SPDX-License-Identifier: MIT
/* map.h - 64-bit keys to pointers (open addressing, linear probing) */
#ifndef TG_BASE_MAP_H
#define TG_BASE_MAP_H

#include "base/types.h"

struct map_entry {
	u64 key;
	void *value;		/* NULL: free */
};

/* Zero-initialised is empty. */
struct map {
	struct map_entry *entries;
	u32 count, size;	/* size: power of two, or 0 */
};

/* The value, or NULL. */
void *map_get(const struct map *m, u64 key);

/* Sets or replaces. value is not NULL. -ENOMEM when the table could not grow; it is unchanged then. */
int map_set(struct map *m, u64 key, void *value);

/* Removes; nothing happens when it is not there. */
void map_remove(struct map *m, u64 key);

void map_free(struct map *m);

#endif
