// SPDX-License-Identifier: MIT
/* shape.h - what one direction of an emulated link is like, and the words people write for it
 *
 *   rate 100mbit    bit/s the link carries; 0: as fast as it comes. What counts is what packet(7)
 *                   sees of a frame: Ethernet header (14 bytes) and packet, but neither checksum,
 *                   preamble nor gap. UDP over IPv4 counts its payload + 42 bytes.
 *   delay 20ms      what every frame waits after it has left the queue
 *   jitter 3ms      up to this much more, evenly distributed; order is kept
 *   loss 5%         each frame is lost by itself
 *   burst 2% 8      2 % lost on average, in runs of 8 on average
 *   queue 64k       bytes that may wait, the frame being sent included; 0: see below
 *   queue 100ms     the same as a time: what the link sends in it. More is dropped (drop-tail).
 *   down, up        everything is dropped silently, what is under way as well
 */
#ifndef TG_LAB_SHAPE_H
#define TG_LAB_SHAPE_H

#include "base/types.h"

struct shape {
	u64 rate_bps;
	u64 delay_ns;
	u64 jitter_ns;
	double loss;		/* 0..1 */
	double burst_loss;	/* 0..1, average */
	double burst_length;	/* frames, at least 1 */
	u64 queue_bytes, queue_ns;	/* one of them, or both 0 */
	bool down;
};

/* Changes *s as the words say ("rate 20mbit delay 5ms"; '=' is read as a space). Returns 0, or
 * -EINVAL with the word that was not understood in *bad (points into words; *s may then be half
 * changed, so apply to a copy). words is cut up. */
int shape_change(struct shape *s, char *words, const char **bad);

/* The bytes that may wait: queue_bytes, or what the link sends in queue_ns; by default what it sends
 * in two delays, at least 20 ms' worth. A time is at least 30 frames. */
u64 shape_queue_limit(const struct shape *s);

/* "300us", "20ms", "1.5s" to nanoseconds; a bare number only when it is 0. */
int shape_parse_time(const char *word, u64 *ns);

#endif
