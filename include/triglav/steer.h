/* SPDX-License-Identifier: MIT */
/* steer.h - whose a packet is: the worker that a datagram belongs to, its socket, and the queue of the TUN device for an inner packet
 *
 * A session belongs to one worker. Its number is in the low bits of what the peer sends: the receiver index of data and
 * control, the session handle of a join. On a server an inner destination belongs to the worker that has its client (tg_inner).
 */
#ifndef TRIGLAV_STEER_H
#define TRIGLAV_STEER_H

#include <triglav/flow.h>
#include <triglav/maps.h>
#include <triglav/wire.h>

enum tg_lane {
	TG_LANE_INTERACTIVE,
	TG_LANE_BULK,
	TG_LANES
};

/* The lane in a packet's tc_index, and so that nobody else's number is taken for one. */
#define TG_LANE_TAG 0x6700u

#define TG_STEER_NOBODY 0xffffffffu	/* the kernel's hash chooses */

/* A packet that was not classified goes by the bulk lane, so that all of its flow do. */
static inline __u32 tg_steer_queue(__u32 worker, __u32 tc_index)
{
	return worker * TG_LANES + (tc_index == (TG_LANE_TAG | TG_LANE_INTERACTIVE) ? TG_LANE_INTERACTIVE : TG_LANE_BULK);
}

/* The bytes that tg_steer_worker() looks at. */
#define TG_STEER_TYPE_AT 0u
#define TG_STEER_FLAGS_AT 1u
#define TG_STEER_PATTERN_AT __builtin_offsetof(struct tg_first, pattern)
#define TG_STEER_RECEIVER_AT (__builtin_offsetof(struct tg_header, receiver) + 3)
#define TG_STEER_HANDLE_AT (__builtin_offsetof(struct tg_first, handle) + 7)

/* Which byte of a datagram says the worker; 0: none does. `head` has its first TG_HEADER_BYTES. */
static inline __u32 tg_steer_byte(const __u8 *head, __u32 bytes)
{
	__u8 type = head[TG_STEER_TYPE_AT];

	if (type == TG_TYPE_DATA || type == TG_TYPE_CONTROL)
		return TG_STEER_RECEIVER_AT;
	if (type == TG_TYPE_FIRST && head[TG_STEER_PATTERN_AT] == TG_PATTERN_NKPSK0 && bytes >= sizeof(struct tg_first))
		return TG_STEER_HANDLE_AT;
	return 0;
}

static inline __u32 tg_steer_worker(__u8 byte, __u32 workers)
{
	__u32 worker = byte & (TG_MAX_WORKERS - 1);

	return worker < workers ? worker : TG_STEER_NOBODY;
}

/* The socket of a SO_REUSEPORT group, bound in the order of the TUN device's queues: worker * TG_LANES + lane. What is nobody's is left to the kernel's
 * hash where there are several workers. `head` as above. */
static inline __u32 tg_steer_socket(const __u8 *head, __u32 worker, __u32 workers)
{
	if (worker == TG_STEER_NOBODY)
		return workers == 1 ? TG_LANE_BULK : TG_STEER_NOBODY;
	return worker * TG_LANES +
	       (head[TG_STEER_TYPE_AT] == TG_TYPE_DATA && head[TG_STEER_FLAGS_AT] & TG_FLAG_AHEAD ? TG_LANE_INTERACTIVE : TG_LANE_BULK);
}

_Static_assert(TG_WORKER_BITS <= 8, "one byte is looked at");

#endif
