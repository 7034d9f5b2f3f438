// SPDX-License-Identifier: MIT
/* aead_memory.h - memory for expanded keys: locked, not in core dumps, wiped; for aead.c only */
#ifndef TG_CRYPTO_AEAD_MEMORY_H
#define TG_CRYPTO_AEAD_MEMORY_H

#include "base/types.h"

#define AEAD_MEMORY_MAX 1152u	/* largest piece */

/* A zeroed piece of at least `bytes` (<= AEAD_MEMORY_MAX), aligned to 64, or NULL when there is
 * no memory. Any thread. */
void *aead_memory_take(size_t bytes);

/* Wipes it and keeps it for the next taker. `bytes` as it was taken. Any thread. */
void aead_memory_put(void *piece, size_t bytes);

#endif
