// SPDX-License-Identifier: MIT
/* frames.h - the frames inside a control datagram, written and read
 *
 * A frame is type 1, length 2, value. Values (big-endian):
 *   ACK        path 1, range count 1, stamp 2, largest 8, delay 4 (us), arrival 4 (us), packets 8, bytes 8, ce 4, then
 *              per range, newest first: gap 4 below the previous range (0 for the first), length 4
 *   PING PONG  token 8 (PONG: delay 4, us)
 *   PATH       path 1, state 1, reason 1
 *   CHALLENGE RESPONSE  8 bytes
 *   SKIP       slot 2, first 4, count 4
 *   CONFIG     ip4 4, len 1, ip6 16, len 1, server ip4 4, server ip6 16, mtu 2
 *   LIMITS     bytes per second 8 (0: any), bytes left 8 (all ones: no quota), of the path it comes on
 *   CLOSE      code 1, text
 *   ORDER      late 8, given up 8
 *   REPAIR     path 1, row 1, first 4, numbers 8, symbol. Alone in its datagram, which is as large as one of data: it does not fit
 *              struct frames and is written to where it will be sealed.
 */
#ifndef TG_TUNNEL_FRAMES_H
#define TG_TUNNEL_FRAMES_H

#include <triglav/wire.h>

#include "path/ack.h"
#include "path/fec.h"

#define FRAMES_BYTES 1100u	/* fits the least MTU we use (1200) with all overhead */
#define FRAMES_REPAIR_BYTES (3u + TG_REPAIR_BYTES)	/* of a REPAIR frame, before its symbol */

/* Frames being collected for one control datagram. Zero-initialised is empty. */
struct frames {
	u32 len;
	bool eliciting;		/* holds something the peer must ack */
	u8 bytes[FRAMES_BYTES];
};

/* Each adds one frame; false when there is no room. */
bool frames_add_ack(struct frames *f, const struct ack *a);
bool frames_add_ping(struct frames *f, u64 token);
bool frames_add_pong(struct frames *f, u64 token, u32 delay_us);
bool frames_add_path(struct frames *f, u8 path_id, enum tg_path_state state, u8 reason);
bool frames_add_challenge(struct frames *f, u64 token);
bool frames_add_response(struct frames *f, u64 token);
bool frames_add_skip(struct frames *f, u32 slot, u32 first, u32 count);
bool frames_add_limits(struct frames *f, u64 rate, u64 left);
bool frames_add_order(struct frames *f, u64 late, u64 given_up);
bool frames_add_close(struct frames *f, enum tg_close_code code, const char *text);

/* Writes a REPAIR frame of FRAMES_REPAIR_BYTES + r->len bytes. The peer acks it, as it counts as in flight like data. */
void frames_put_repair(u8 *out, const struct fec_repair *r);

/* One frame as read. */
struct frame {
	enum tg_frame type;
	union {
		struct ack ack;
		u64 token;			/* PING, PONG, CHALLENGE, RESPONSE */
		struct {
			u8 path_id, state, reason;
		} path;
		struct {
			u64 late, given_up;
		} order;
		struct {
			u16 slot;
			u32 first, count;
		} skip;
		struct {
			u8 ip4[4], ip4_len, ip6[16], ip6_len, server_ip4[4], server_ip6[16];
			u16 mtu;
		} config;
		struct {
			u64 rate, left;
		} limits;
		struct {
			u8 code;
			char text[128];
		} close;
		struct fec_repair repair;	/* its symbol lies in the bytes that were read */
	};
};

/* Reads the next frame at *pos of len bytes: 1 and *pos advanced, 0 at the end, -EBADMSG when it does not parse. Unknown types
 * and padding are skipped. Text is made printable. */
int frames_next(const u8 *bytes, u32 len, u32 *pos, struct frame *out);

#endif
