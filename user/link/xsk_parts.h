// SPDX-License-Identifier: MIT
/* xsk_parts.h - an AF_XDP link's state, shared by the files that make it
 *
 *   xsk.c           open, close, peers
 *   xsk_send.c      runs -> frames
 *   xsk_out.c       frames -> tx ring -> completion ring
 *   xsk_receive.c   rx ring -> runs, fill ring
 *
 * A frame is in one place at a time: on the umem's stack, in a fill or rx ring (given by xsk_start(), it then goes round
 * between these two), or between tx ring and completion ring.
 */
#ifndef TG_LINK_XSK_PARTS_H
#define TG_LINK_XSK_PARTS_H

#include <xdp/xsk.h>

#include "link/xsk.h"

#define XSK_AREA_BYTES 65536u	/* of one received run */

/* The sending half of a socket (xsk_out.c), of whatever is behind it. */
struct xsk_out {
	int fd;
	u32 ring;		/* entries of the completion ring */
	u32 owner;		/* of frames */
	struct umem *memory;
	struct xsk_ring_prod *tx;
	struct xsk_ring_cons *completion;
	u32 unsubmitted;	/* written to the tx ring, not yet shown to the kernel */
	u32 in_flight;		/* frames between tx ring and completion ring */
	bool waits;		/* some frames in the ring only xsk_out_flush() moves */
	u64 no_frame, ring_full;	/* how often there was none, no place */
};

struct xsk_queue {
	struct xsk_socket *socket;
	struct xsk_ring_cons rx, completion;
	struct xsk_ring_prod tx, fill;
};

struct xsk_local {
	struct addr at;
	bool any;		/* of that family, with that port */
	u32 link;
};

struct xsk {
	u32 owner;		/* of frames */
	u32 ring;
	u32 mtu;
	bool zero_copy, generic;
	bool started;		/* it may hold frames */
	int epoll;		/* all queues' sockets */
	struct umem *memory;
	struct xsk_umem *registered;
	u32 scope;
	u32 first, step;	/* numbers of the queues */
	u32 local_count;
	struct xsk_local locals[XSK_LOCALS];
	u8 *area;		/* XSK_MAX_RUNS * XSK_AREA_BYTES, touched as it is used */
	u32 next_queue;		/* where receiving goes on: queues take turns */

	struct xsk_out out;	/* queue 0's */
	struct xsk_counters count;
	u32 unusable;		/* since xsk_take_unusable() */

	u32 peer_count, peer_next;
	struct addr peers[XSK_PEERS];
	struct frame_template templates[XSK_PEERS];

	u32 queues;
	struct xsk_queue queue[];
};

/* xsk_out.c: what the device is done with is free again / a place in the tx ring with a frame of its own, its address set; NULL: none, *error says why: ENOBUFS,
 * or as xsk_flush() / shows the kernel what is in the ring: 0, also when the device does not take all of it now, or an errno */
void xsk_out_reclaim(struct xsk_out *o);
struct xdp_desc *xsk_out_next(struct xsk_out *o, int *error);
int xsk_out_flush(struct xsk_out *o);

/* xsk.c: raises limits of a socket */
void xsk_set_limits(int fd, u32 ring, bool sends);

/* What a system call on a socket failed with, in words that mean the same for udp.h. */
static inline int xsk_errno(int error)
{
	return error == ENXIO ? ENODEV : error;
}

#endif
