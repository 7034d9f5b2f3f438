// SPDX-License-Identifier: MIT
/* frame.c - the pool of frames; grows page by page as the kernel hands out touched memory */
#include "emulate/frame.h"

#include <sys/mman.h>

#define POOL_FRAMES (128 * 1024)

_Static_assert(sizeof(struct frame) <= 2048, "two frames to a page");

static struct frame *unused;	/* released before */
static struct frame *memory;	/* all of the pool */
static u32 touched;		/* how much of it has ever been used */

struct frame *frame_take(void)
{
	struct frame *f = unused;

	if (f) {
		unused = f->next;
		return f;
	}
	if (!memory) {
		void *map = mmap(NULL, POOL_FRAMES * sizeof(*f), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (map == MAP_FAILED)
			return NULL;
		memory = map;
	}
	return touched < POOL_FRAMES ? &memory[touched++] : NULL;
}

void frame_release(struct frame *f)
{
	f->next = unused;
	unused = f;
}
