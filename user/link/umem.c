// SPDX-License-Identifier: MIT
/* umem.c - the memory that AF_XDP sockets send from and receive into */
#include "link/umem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <triglav/maps.h>

_Static_assert(UMEM_FRAME_BYTES - UMEM_HEADROOM_BYTES >= TG_XSK_LONGEST, "the program would hand over what does not fit");

struct umem {
	u8 *area;
	u32 frames;
	u32 free;
	u32 owners;		/* numbers given out so far */
	u32 *stack;		/* frames nobody holds; the last one given is the next one taken: it is in the cache */
	u32 *owner;		/* by frame; 0: nobody */
};

int umem_open(struct umem **out, u32 frames)
{
	struct umem *m;

	if (!frames || frames & (frames - 1))
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->frames = m->free = frames;
	m->area = mmap(NULL, umem_bytes(m), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m->stack = calloc(frames, sizeof(*m->stack));
	m->owner = calloc(frames, sizeof(*m->owner));
	if (m->area == MAP_FAILED || !m->stack || !m->owner) {
		umem_close(m);
		return -ENOMEM;
	}
	/* A child would get pages of its own where the kernel writes into ours. */
	madvise(m->area, umem_bytes(m), MADV_DONTFORK);
	for (u32 i = 0; i < frames; i++)
		m->stack[i] = frames - 1 - i;
	*out = m;
	return 0;
}

void umem_close(struct umem *m)
{
	if (!m)
		return;
	if (m->area != MAP_FAILED)
		munmap(m->area, umem_bytes(m));
	free(m->stack);
	free(m->owner);
	free(m);
}

u8 *umem_area(const struct umem *m)
{
	return m->area;
}

u64 umem_bytes(const struct umem *m)
{
	return (u64)m->frames * UMEM_FRAME_BYTES;
}

u32 umem_free(const struct umem *m)
{
	return m->free;
}

u32 umem_new_owner(struct umem *m)
{
	if (!++m->owners)
		m->owners = 1;
	return m->owners;
}

u64 umem_take(struct umem *m, u32 owner)
{
	u32 frame;

	if (!m->free)
		return UMEM_NONE;
	frame = m->stack[--m->free];
	m->owner[frame] = owner;
	return (u64)frame * UMEM_FRAME_BYTES;
}

bool umem_holds(const struct umem *m, u32 owner, u64 addr, u32 len)
{
	u64 frame = addr / UMEM_FRAME_BYTES;

	return frame < m->frames && m->owner[frame] == owner && len <= UMEM_FRAME_BYTES - addr % UMEM_FRAME_BYTES;
}

static void put_back(struct umem *m, u32 frame)
{
	m->owner[frame] = 0;
	m->stack[m->free++] = frame;
}

bool umem_give(struct umem *m, u32 owner, u64 addr)
{
	if (!umem_holds(m, owner, addr, 0))
		return false;
	put_back(m, (u32)(addr / UMEM_FRAME_BYTES));
	return true;
}

u32 umem_give_all(struct umem *m, u32 owner)
{
	u32 count = 0;

	for (u32 i = 0; i < m->frames; i++)
		if (m->owner[i] == owner) {
			put_back(m, i);
			count++;
		}
	return count;
}
