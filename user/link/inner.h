/* SPDX-License-Identifier: MIT */
/* inner.h - AF_XDP sockets at the inner end of a veth pair, as inside ports
 *
 *   XDP program -> rx ring of a lane or of a path -> inner.c -> bufs       bufs -> tx ring -> the device's other end, the host's stack
 *
 * All sockets are on queue 0 and share one registration of the umem, one fill and one completion ring; which of them gets a frame
 * the program decides (triglav/inside.h). The umem may be shared with AF_XDP uplinks. A frame is copied once into a buf, which is what the engine seals from, and
 * goes straight back to the fill ring.
 */
#ifndef TG_LINK_INNER_H
#define TG_LINK_INNER_H

#include <triglav/maps.h>
#include <triglav/outer.h>
#include <triglav/steer.h>

#include "link/port.h"
#include "link/umem.h"

#define INNER_MAX_MTU (TG_XSK_LONGEST - TG_ETHERNET_BYTES)

struct inner_settings {
	const char *name;	/* of the tunnel device */
	const char *device;	/* its inner end */
	const u8 *to, *from;	/* link addresses of the tunnel device and of the inner end */
	u32 ring;		/* entries of each ring, a power of two; 0: INNER_RING_FRAMES */
};

#define INNER_RING_FRAMES 2048u

/* Binds the sockets and gives frames of the umem to the device, which nobody else may use meanwhile. ports[]: for the lanes; close both. 0, or a negative errno:
 * -EBUSY: somebody has an AF_XDP socket there; -EPERM: CAP_NET_RAW is missing; -ENODEV; -ENOMEM, -ENOBUFS. */
int inner_open(struct port *ports[TG_LANES], struct umem *m, const struct inner_settings *set);

/* Descriptor of socket 0..TG_INSIDE_SOCKETS - 1, for the program's map; stays ours. `port` is any of the two. */
int inner_socket(const struct port *port, u32 number);

/* What the kernel dropped of what the program handed over, because we do not keep up. Any of the two. */
u64 inner_kernel_full(const struct port *port);

#endif
