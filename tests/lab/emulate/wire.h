// SPDX-License-Identifier: MIT
/* wire.h - one end of a link: a network interface, read and written frame by frame
 *
 * Reading is a mapped ring of packet(7), so that a frame costs no system call and brings the
 * kernel's time of arrival along; writing is sendmmsg() past the queueing discipline.
 */
#ifndef TG_LAB_WIRE_H
#define TG_LAB_WIRE_H

#include "base/types.h"
#include "emulate/direction.h"

struct wire {
	int fd;			/* -1: not open */
	u32 frame_max;		/* MTU of the interface and its Ethernet header */
	u32 position;		/* next slot of the ring */
	u8 *ring;
	u64 last_ns;		/* latest arrival, so that time never runs backwards */
};

#define WIRE_BATCH 64		/* frames per wire_receive() and wire_send() */

/* Opens the interface: every frame that reaches it, none that leaves it. 0 or negative errno.
 * *w must be closed or zeroed with fd -1. */
int wire_open(struct wire *w, const char *interface);
void wire_close(struct wire *w);

/* Moves up to WIRE_BATCH frames from the ring into d. now is CLOCK_MONOTONIC and wall_offset_ns is
 * CLOCK_REALTIME minus that. Returns how many slots were emptied. */
u32 wire_receive(struct wire *w, struct direction *d, u64 now, s64 wall_offset_ns);

/* Sends and releases up to WIRE_BATCH frames of d that are due. Returns how many. */
u32 wire_send(struct wire *w, struct direction *d, u64 now);

/* Adds the frames the kernel dropped since the last call to d->count.missed. */
void wire_count_missed(struct wire *w, struct direction *d);

#endif
