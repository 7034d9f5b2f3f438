// SPDX-License-Identifier: MIT
/* xsk_out.c - frames in the tx ring -> the device -> the completion ring
 *
 * A device in copy mode takes frames only during a system call, and at most a budget of them in each, so it is asked until it takes
 * no more.
 */
#include <errno.h>
#include <sys/socket.h>

#include "link/xsk_parts.h"

void xsk_out_reclaim(struct xsk_out *o)
{
	u32 at, n = xsk_ring_cons__peek(o->completion, o->ring, &at);

	if (!n)
		return;
	for (u32 i = 0; i < n; i++)
		umem_give(o->memory, o->owner, *xsk_ring_cons__comp_addr(o->completion, at + i));
	xsk_ring_cons__release(o->completion, n);
	o->in_flight -= MIN(n, o->in_flight);
}

/* Frames in the tx ring that the kernel has not taken. */
static u32 in_ring(const struct xsk_out *o)
{
	return *o->tx->producer - __atomic_load_n(o->tx->consumer, __ATOMIC_ACQUIRE);
}

static void submit(struct xsk_out *o)
{
	if (o->unsubmitted)
		xsk_ring_prod__submit(o->tx, o->unsubmitted);
	o->unsubmitted = 0;
}

/* Has the device take what is in the ring. */
static int kick(struct xsk_out *o)
{
	u32 left = in_ring(o), before;

	o->waits = false;
	while (left && xsk_ring_prod__needs_wakeup(o->tx)) {
		if (sendto(o->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != ENOMEM)
				return xsk_errno(errno);
		}
		before = left;
		left = in_ring(o);
		o->waits = left != 0;
		if (left == before)
			break;
	}
	return 0;
}

/* Without a place in the completion ring the kernel takes nothing. */
int xsk_out_flush(struct xsk_out *o)
{
	xsk_out_reclaim(o);
	submit(o);
	return kick(o);
}

/* When the ring is full the device gets its chance to take something first. */
struct xdp_desc *xsk_out_next(struct xsk_out *o, int *error)
{
	u32 at;
	u64 addr;

	if (!xsk_ring_prod__reserve(o->tx, 1, &at)) {
		int err = xsk_out_flush(o);

		xsk_out_reclaim(o);
		if (err || !xsk_ring_prod__reserve(o->tx, 1, &at)) {
			o->ring_full++;
			*error = err ? err : ENOBUFS;
			return NULL;
		}
	}
	addr = umem_take(o->memory, o->owner);
	if (addr == UMEM_NONE) {
		o->tx->cached_prod--;	/* gives the place back: it was the last one reserved */
		o->no_frame++;
		*error = ENOBUFS;
		return NULL;
	}
	xsk_ring_prod__tx_desc(o->tx, at)->addr = addr;
	o->unsubmitted++;
	o->in_flight++;
	return xsk_ring_prod__tx_desc(o->tx, at);
}
