// SPDX-License-Identifier: MIT
/* cut.h - one super-packet of the tunnel device -> the packets it stands for (no I/O) */
#ifndef TG_LINK_CUT_H
#define TG_LINK_CUT_H

#include <triglav/flow.h>

#include "base/buf.h"
#include "link/vnet.h"

/* Cuts the IP packet of `len` bytes at data, described by vh, into bufs from pool and appends them to q in order. Sets data, len,
 * csum_partial and flow_hash (with hash_key) of each.
 *  - A super-packet (TSO of TCP, USO) becomes packets of gso_size payload bytes; all of them with partial checksums.
 *  - A whole packet stays as it is; a checksum that is partial but not TCP's or UDP's own is finished here.
 * Returns how many were appended. *lost: how many were not, because the pool is dry (those before them are in q).
 * -EINVAL: no IP packet, or vh and packet contradict each other; -EMSGSIZE: does not fit BUF_MAX_PACKET. */
int cut_packet(struct buf_queue *q, struct buf_pool *pool, const struct virtio_net_hdr *vh, const u8 *data, u32 len, u64 hash_key,
	       u32 *lost);

/* How a super-packet lies in memory. */
struct cut_shape {
	u32 header;	/* bytes of IP and TCP or UDP header */
	u32 size;	/* payload bytes of every packet but the last */
};

/* The shape of a super-packet of `len` bytes of which the first `seen` lie at data. 0; -EINVAL: no super-packet,
 * or malformed; -EMSGSIZE: its packets do not fit BUF_MAX_PACKET. */
int cut_read_shape(struct cut_shape *shape, const struct virtio_net_hdr *vh, const u8 *data, u32 seen, u32 len);

/* The same as cut_packet() for a super-packet that was read straight into bufs on the guess that it has the shape `guess`, so
 * that its payload need not be copied: bufs[0] holds header and first payload at data, every other its payload at data + header.
 * Writes the headers and sets the fields; queues nothing. Returns how many bufs are packets now (<= count), or
 * -EAGAIN: the guess was wrong, nothing was touched. */
int cut_in_place(struct buf *const *bufs, u32 count, const struct cut_shape *guess, const struct virtio_net_hdr *vh, u32 len,
		 u64 hash_key);

#endif
