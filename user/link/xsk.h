// SPDX-License-Identifier: MIT
/* xsk.h - AF_XDP sockets on queues of a device: the same runs of datagrams as udp.h, past the kernel's stack
 *
 *        tunnel/                    runs of datagrams
 *   -------|-----------------------------------^---------------------
 *     xsk_send.c   cut, header in front    xsk_receive.c   header off, join
 *          |  tx ring           fill ring ^   | rx ring
 *          v                              |   v
 *     device's queue -- completion ring --'  the XDP program's redirect into a map of sockets
 *
 * The program and the map are the caller's: it puts xsk_queue_fd() of each queue in there. What the program lets pass, and
 * what goes to somebody whose frame template is not known, takes the ordinary UDP socket that should be
 * bound to the same address and port (it also keeps the port, and the kernel from answering "port unreachable").
 * Opened on any thread; from xsk_start() on everything, also xsk_close(), belongs to the worker whose umem it is.
 */
#ifndef TG_LINK_XSK_H
#define TG_LINK_XSK_H

#include "base/datagrams.h"
#include "link/frame.h"
#include "link/umem.h"

#define XSK_MAX_RUNS 8u
#define XSK_MAX_QUEUES 64u
#define XSK_PEERS 8u
#define XSK_LOCALS 8u
#define XSK_RING_FRAMES 1024u
#define XSK_LEAST_FRAMES 64u	/* of a receive queue: with fewer it would lose what comes in one turn of the worker */

enum xsk_copying {
	XSK_BEST,		/* zero-copy when the driver grants it on all queues, else copies */
	XSK_ZERO_COPY,		/* or nothing */
	XSK_COPY,
};

struct xsk_settings {
	const char *device;
	u32 queues;		/* receive queues that get a socket each; 1..XSK_MAX_QUEUES */
	u32 first, step;	/* their numbers: first, first + step...; step 0 is 1. All of the device: first 0 */
	u32 mtu;		/* of the device, bytes */
	enum xsk_copying copying;	/* in generic mode nothing but copies */
	struct addr local;	/* address and port: of what is received, all else is unusable. Family 0: see xsk_add_local() */
	u32 scope;		/* != 0: number of the device, put into link-local remotes as sockets do that are not bound to one */
	bool generic;			/* the program is attached in generic mode: what arrives may be several datagrams in one */
	u32 ring;		/* entries of each ring, a power of two; 0: XSK_RING_FRAMES */
};

struct xsk_counters {
	u64 sent, received;		/* frames */
	u64 no_frame;			/* not sent: all frames of the umem were in use */
	u64 ring_full;			/* not sent: the device does not keep up */
	u64 unusable;			/* received: no datagram for us */
	u64 kernel_full;		/* dropped by the kernel: receive ring full, fill ring empty, larger than a frame */
	u64 kernel_invalid;		/* refused by the kernel: bad descriptor; stays 0 */
};

struct xsk;

/* Binds a socket to each queue of the device. `link` is the number put into endpoints. 0, or:
 * -EBUSY: somebody else has an AF_XDP socket on one of the queues; -EOPNOTSUPP: zero-copy was asked for and the driver does not do it;
 * -ENODEV: no such device, or it has fewer queues; -EPERM: CAP_NET_RAW is missing; -EMSGSIZE: its MTU is too large for a frame;
 * -ENOMEM, -ENOBUFS: no memory may be locked. */
int xsk_open(struct xsk **out, u32 link, struct umem *m, const struct xsk_settings *set);

/* A further address and port that is received (address all zero: any of that family), and the link that such runs name. Before
 * xsk_start(). -ENOSPC: XSK_LOCALS are there. */
int xsk_add_local(struct xsk *x, const struct addr *local, u32 link);

/* Hands frames to the device; nothing is received before. Fewer than the rings could hold when the umem is short: 0, and
 * -ENOBUFS when a queue would get fewer than XSK_LEAST_FRAMES. */
int xsk_start(struct xsk *x);

/* Waits a little for what is on its way out, unbinds, gives all frames back. Detach or unmap first: what comes in meanwhile
 * is lost. NULL is fine. */
void xsk_close(struct xsk *x);

int xsk_fd(const struct xsk *x);			/* readable: xsk_receive() */
u32 xsk_queues(const struct xsk *x);
int xsk_queue_fd(const struct xsk *x, u32 i);		/* of its i-th queue, for the map; stays the xsk's */
u32 xsk_queue_number(const struct xsk *x, u32 i);	/* the device's number of it */
bool xsk_is_zero_copy(const struct xsk *x);
void xsk_local(const struct xsk *x, struct addr *out);	/* the first one */
void xsk_count(const struct xsk *x, struct xsk_counters *out);	/* asks the kernel as well */
void xsk_counters_add(struct xsk_counters *sum, const struct xsk *x);	/* the same on top of what is there */

/* From now on frames to peer->remote look like this. -EINVAL: addresses do not fit together; with XSK_PEERS known already the one
 * that was set longest ago gives way. */
int xsk_set_peer(struct xsk *x, const struct frame_peer *peer);
void xsk_forget_peer(struct xsk *x, const struct addr *remote);	/* fine when it is not known */
void xsk_forget_peers(struct xsk *x);
bool xsk_knows(const struct xsk *x, const struct addr *remote);

/* As udp_send(). Also: EHOSTUNREACH for a remote that xsk_knows() not, ENOBUFS when frames or ring ran out, ENODEV when the device
 * has vanished: then nothing will ever go again. */
u32 xsk_send(struct xsk *x, const struct datagrams *runs, u32 n, int *error);

/* Likewise, for who keeps the headers himself: those of each run, none NULL. */
u32 xsk_send_with(struct xsk *x, const struct datagrams *runs, const struct frame_template *const *headers, u32 n, int *error);

/* Some frames are in the ring that the device did not take yet, and nothing but xsk_flush() will make it: call that
 * again soon. */
bool xsk_waits(const struct xsk *x);
int xsk_flush(struct xsk *x);				/* 0 or the errno as xsk_send()'s */

/* As udp_receive(), at most XSK_MAX_RUNS. Frames are copied out, so they go back to the device at once. *error: ENODEV when
 * the device has vanished, ENETDOWN when it is down. */
u32 xsk_receive(struct xsk *x, struct datagrams *runs, u32 max, int *error);
u32 xsk_take_unusable(struct xsk *x);

#endif
