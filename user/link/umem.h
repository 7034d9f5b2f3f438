// SPDX-License-Identifier: MIT
/* umem.h - the memory that AF_XDP sockets send from and receive into
 *
 * One area for all of a worker's AF_XDP sockets, cut into frames of one size. Whoever holds a frame is noted, so that
 * a socket's frames come back when it is closed, wherever in its rings they were. Belongs to one worker; no locks.
 *
 * Each device registers the area with the kernel anew (xsk.c). The kernel's own way to share one registration hangs it on the
 * socket that was bound first, which then could not be closed before all others; the addresses of frames are the same either way,
 * so a frame that one device received can be sent by another as it lies.
 */
#ifndef TG_LINK_UMEM_H
#define TG_LINK_UMEM_H

#include "base/types.h"

#define UMEM_FRAME_BYTES 2048u
#define UMEM_HEADROOM_BYTES 256u	/* the kernel puts what it receives behind so much */
#define UMEM_NONE UINT64_MAX

struct umem;

/* `frames` of them, a power of two. 0 or a negative errno. */
int umem_open(struct umem **out, u32 frames);
void umem_close(struct umem *m);	/* after all sockets; NULL is fine */

u8 *umem_area(const struct umem *m);
u64 umem_bytes(const struct umem *m);
u32 umem_free(const struct umem *m);	/* frames that nobody holds */

/* Address of any byte of a frame -> its start. */
static inline u64 umem_frame_of(u64 addr)
{
	return addr & ~(u64)(UMEM_FRAME_BYTES - 1);
}

/* Who takes frames has a number, given out here; 0 is nobody. */
u32 umem_new_owner(struct umem *m);

/* Start of a free frame, or UMEM_NONE. */
u64 umem_take(struct umem *m, u32 owner);

/* Gives a frame back, by the address of any byte of it. False: `owner` does not hold it, nothing is done. */
bool umem_give(struct umem *m, u32 owner, u64 addr);

/* Does `owner` hold the frame, and do `len` bytes from addr lie inside of it? */
bool umem_holds(const struct umem *m, u32 owner, u64 addr, u32 len);

/* Gives back all that `owner` holds; returns how many. */
u32 umem_give_all(struct umem *m, u32 owner);

#endif
