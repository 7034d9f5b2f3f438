// SPDX-License-Identifier: MIT
/* direction.h - one direction of a link: queue, transmitter, loss, delay
 *
 *   push -> [ queue, drop-tail ] -> transmitter at rate -> loss -> [ delay line ] -> due
 *
 * Everything happens in virtual time: the transmitter starts a frame when it came in or when the
 * one before it left, whichever is later, and never looks at when somebody got round to calling.
 * So the rate is exact however late the caller is; only the hand-over of a frame that is due can
 * be late. Reads no clock and sends nothing. Times are nanoseconds of one clock.
 */
#ifndef TG_LAB_DIRECTION_H
#define TG_LAB_DIRECTION_H

#include "base/rand.h"
#include "emulate/frame.h"
#include "emulate/shape.h"

struct direction_counters {
	u64 packets_in, bytes_in;	/* came in, dropped ones included */
	u64 packets_out, bytes_out;	/* handed over at the far end */
	u64 lost;			/* by chance: loss and burst */
	u64 queue_full;
	u64 down;			/* came in, or was under way, while down */
	u64 no_memory;
	u64 offload;			/* not a frame of the wire: too big, or without checksum */
	u64 missed;			/* the kernel had to drop it: the emulator was too slow */
	u64 send_failed;
};

struct direction {
	struct shape shape;
	struct rand_source rand;
	struct frame_list queue;	/* first of it is being sent */
	struct frame_list line;		/* sent, not yet due */
	u64 queued_bytes;
	u64 head_done_ns;		/* when the first of the queue has left */
	u64 idle_since_ns;		/* when the last one left */
	u64 last_due_ns;
	bool in_burst;
	struct direction_counters count;
};

void direction_init(struct direction *d, u64 seed);

/* Changes rate, delay and the rest from now on. What waits in the queue goes out at the new rate,
 * the frame half sent included; what is in the delay line keeps its time. */
void direction_reshape(struct direction *d, const struct shape *s, u64 now);

/* Takes the frame, which came in at f->time_ns. Times must not run backwards. */
void direction_push(struct direction *d, struct frame *f);

/* The next frame that is due at now, or NULL; the caller owns it. */
struct frame *direction_due(struct direction *d, u64 now);

/* When direction_due() has to be asked again; TIME_NEVER when nothing is under way. */
u64 direction_next(const struct direction *d);

#endif
