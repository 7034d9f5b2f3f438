// SPDX-License-Identifier: MIT
/* nearest.h - "did you mean ...?" */
#ifndef TG_MANAGE_NEAREST_H
#define TG_MANAGE_NEAREST_H

#include "base/types.h"

#define NEAREST_MAX_LETTERS 64u

/* Edits (insert, delete, replace, swap neighbours) from one word to the other: optimal string
 * alignment distance, Boytsov, "Indexing methods for approximate dictionary searching", 2011.
 * Longer words than NEAREST_MAX_LETTERS are infinitely far. */
u32 nearest_distance(const char *a, const char *b);

/* Is the distance small enough for a typing error? */
bool nearest_is_near(const char *typed, const char *meant, u32 *distance);

#endif
