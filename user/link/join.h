// SPDX-License-Identifier: MIT
/* join.h - consecutive packets of a flow -> super-packets for the tunnel device (no I/O)
 *
 * Packets are added in order and gather in groups; each group is one write. A packet joins the
 * latest group of its own flow or opens a new one, so flows may interleave and none is reordered.
 */
#ifndef TG_LINK_JOIN_H
#define TG_LINK_JOIN_H

#include <sys/uio.h>

#include "base/buf.h"
#include "link/vnet.h"

#define JOIN_MAX_GROUPS 64u
#define JOIN_MAX_PACKETS 64u	/* in one group */
#define JOIN_MAX_BYTES 65535u	/* of one super-packet with its headers */

struct join_group {
	struct buf *head;
	struct buf *tail;
	u32 packets;
	u32 bytes;		/* of the super-packet */
	u32 next_seq;		/* TCP */
	u16 size;		/* payload bytes of every packet but the last */
	u16 header;
	u16 next_id;		/* IPv4 */
	u8 l4_offset;
	u8 family;		/* 0: not TCP or UDP as join.c wants it; later packets must not pass it */
	u8 protocol;
	bool open;		/* more may join */
	bool push;		/* a packet had PSH */
	bool verified;		/* checksums of head hold */
};

struct join {
	bool uso;		/* UDP may be joined too */
	u32 count;
	struct join_group groups[JOIN_MAX_GROUPS];	/* write them in this order */
};

/* Empties j. */
void join_start(struct join *j, bool uso);

/* Adds b to a group; j owns it from now on. False: all groups are in use, b was not taken: write them, join_start(), again.
 * A packet with a complete checksum joins others only if that and its IP header's checksum hold: a damaged
 * packet must reach its receiver as damaged as it is. */
bool join_add(struct join *j, struct buf *b);

/* Puts the group into the form writev() takes: vh filled in, iov[0] is vh, iov[1] the first packet, then one payload each; headers
 * of the first packet are changed to those of the super-packet. Returns how many iov are used (<= JOIN_MAX_PACKETS + 1), or
 * -EINVAL: a partial checksum in what is neither TCP nor UDP. */
int join_form(struct join_group *g, struct virtio_net_hdr *vh, struct iovec *iov);

/* Gives the group's bufs back. */
void join_release(struct join_group *g);

#endif
