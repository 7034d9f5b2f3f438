// SPDX-License-Identifier: MIT
/* aead_memory.c - memory for expanded keys
 *
 * Locking is by page and not counted, so a key in ordinary heap memory could be unlocked by its
 * neighbour's end; a page or more for each key would cost a server with ten thousand clients
 * hundreds of megabytes and as many mappings as the kernel grants. So keys share chunks that are
 * locked once and never given back: the peak number of keys bounds them. Locking fails quietly
 * where RLIMIT_MEMLOCK is small: keys then work as before, only swappable.
 *
 * Two sizes: ChaCha20-Poly1305 keys are small, AES-GCM keys carry tables. Keys are made a few
 * times per path and minute, so one spin lock does for all threads.
 */
#include "crypto/aead_memory.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES 65536u
#define PAGE_BYTES 4096u
#define SMALL_BYTES 128u

struct piece {
	struct piece *next;
};

static struct piece *unused[2];	/* small, large; guarded by busy */
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void lock(void)
{
	while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
		;
}

static void unlock(void)
{
	atomic_flag_clear_explicit(&busy, memory_order_release);
}

static bool is_large(size_t bytes)
{
	return bytes > SMALL_BYTES;
}

/* Cuts a new chunk into pieces. */
static void add_chunk(bool large)
{
	u32 size = large ? AEAD_MEMORY_MAX : SMALL_BYTES;
	u8 *chunk = aligned_alloc(PAGE_BYTES, CHUNK_BYTES);

	if (!chunk)
		return;
	memset(chunk, 0, CHUNK_BYTES);
	sodium_mlock(chunk, CHUNK_BYTES);
	for (u32 at = 0; at + size <= CHUNK_BYTES; at += size) {
		struct piece *p = (struct piece *)(chunk + at);

		p->next = unused[large];
		unused[large] = p;
	}
}

void *aead_memory_take(size_t bytes)
{
	bool large = is_large(bytes);
	struct piece *p;

	if (bytes > AEAD_MEMORY_MAX)
		return NULL;
	lock();
	if (!unused[large])
		add_chunk(large);
	p = unused[large];
	if (p)
		unused[large] = p->next;
	unlock();
	if (p)
		p->next = NULL;
	return p;
}

void aead_memory_put(void *piece, size_t bytes)
{
	bool large = is_large(bytes);
	struct piece *p = piece;

	sodium_memzero(piece, bytes);
	lock();
	p->next = unused[large];
	unused[large] = p;
	unlock();
}
