// SPDX-License-Identifier: MIT
/* frame.h - a UDP datagram as a whole Ethernet frame, there and back (no I/O)
 *
 * What a socket leaves to the kernel an AF_XDP link does itself. Headers of one peer differ only in lengths
 * and checksums, so they are made once and copied in front of each datagram.
 */
#ifndef TG_LINK_FRAME_H
#define TG_LINK_FRAME_H

#include "base/addr.h"

#define FRAME_MAC_BYTES 6u
#define FRAME_HEADER4_BYTES 42u		/* Ethernet, IPv4, UDP */
#define FRAME_HEADER6_BYTES 62u
#define FRAME_ETHERNET_BYTES 14u

/* Whom frames go to, and by which way. */
struct frame_peer {
	struct addr remote;	/* address and port */
	struct addr local;	/* ours, same family, with the port */
	u8 to[FRAME_MAC_BYTES];	/* of the next hop */
	u8 from[FRAME_MAC_BYTES];
};

struct frame_template {
	u8 header[FRAME_HEADER6_BYTES];
	u8 header_bytes;
	u8 family;
	u64 ip_sum;		/* IPv4 header without its length */
	u64 udp_sum;		/* pseudo header and ports, without the lengths */
};

/* Both addresses must be of one family, 4 or 6: else -EINVAL. Frames say "do not fragment", no ECN, 64 hops. */
int frame_template_make(struct frame_template *t, const struct frame_peer *peer);

/* Writes header and payload to `at` (t->header_bytes + len bytes of room). The UDP checksum is always there: nobody
 * behind an AF_XDP socket would fill it in. Returns the bytes of the frame. */
u32 frame_write(const struct frame_template *t, u8 *at, const u8 *payload, u32 len);

struct frame_view {
	struct addr remote, local;	/* with ports: source and destination */
	const u8 *payload;
	u32 len;
	bool ce;			/* congestion experienced */
};

/* Takes a frame apart. False: anything but an untagged UDP datagram in IPv4 without options and fragments, or IPv6 without extension
 * headers, all lengths agreeing (padding behind it is fine); or an empty one. Checksums are not looked at: a veth
 * hands frames on whose checksum nobody has finished yet, and what is inside authenticates itself. */
bool frame_parse(const u8 *frame, u32 len, struct frame_view *v);

/* A generic XDP program, and so an AF_XDP socket behind one, sees what GRO or the sender's GSO has joined as one long datagram:
 * a run of equal ones end to end, and nothing says where they begin. Ours show it: the headers of a run carry one receiver
 * index and numbers that grow by a little. Returns the bytes of each (the last may be shorter), or len: it is a single one. */
u32 frame_segment_bytes(const u8 *payload, u32 len);

#endif
