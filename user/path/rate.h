/* SPDX-License-Identifier: MIT */
/* rate.h - what a path can carry, how fast to send on it, and how much may be on the way
 *
 *   OPEN --queue twice, or loss, or no more growth--> DRAIN --queue is gone--> CRUISE
 *    ^                                                 ^  ^                      |
 *    |                                                 |  +---- a queue stands --+
 *    +--- PROBE found much more, three times --+       |                         | now and then
 *                                              +------ PROBE <-------------------+
 *
 * The estimate C is the largest delivery rate of the last 10 rounds in which there was enough to send. We send a
 * little less than C, so that the queue stays in the tunnel, where it can be managed, and out of modems. Until a bottleneck has
 * shown itself a path is open: a path that is limited by the processor must not be slowed by a bad estimate.
 */
#ifndef TG_PATH_RATE_H
#define TG_PATH_RATE_H

#include "base/types.h"

#define RATE_ROUNDS 10u
#define RATE_UNPACED_BYTES 125000000u	/* a lone path that carries more is not paced */
#define RATE_INITIAL_BYTES 1250000u	/* 10 Mbit/s until something has been measured */

enum rate_control {
	RATE_ADAPTIVE,		/* delivery rate and delay, as above */
	RATE_CUBIC,		/* a window that shrinks on loss: RFC 9438 */
	RATE_NONE,		/* send whatever comes */
};

enum rate_phase { RATE_OPEN, RATE_DRAIN, RATE_CRUISE, RATE_PROBE };

/* What an ack told about a path. */
struct rate_news {
	u64 sample;		/* delivery rate, bytes/s; 0: none */
	bool app_limited;	/* of the sample: there was not enough to send */
	bool round;		/* a round trip has passed since the last such news */
	u32 acked_packets, lost_packets;
	u64 acked_bytes;
	u32 queue_us;		/* queue standing on the path */
	bool straight;		/* sent without pacing: nobody knows whether there was enough to send */
	u32 rtt_us, min_rtt_us;	/* smoothed, least; 0: unknown */
	u32 jitter_us;		/* of the delay one way */
	u64 in_flight;
	bool may_probe;		/* more waits to be sent, and no other path of the session is being probed */
};

struct rate {
	enum rate_control control;
	enum rate_phase phase;
	u64 round;
	u64 best[RATE_ROUNDS];	/* largest sample of each round, ring */
	u64 most;		/* largest of them */
	u64 latest;		/* last sample that was not limited by the application */
	bool round_passed;	/* since the last sample that counted */
	bool measured;		/* such a sample has come */
	bool fresh;		/* a sample that counts has come since the last restart */
	bool limited;		/* the last sample was limited by the application */
	u64 delivered_ema;	/* recent throughput, bytes/s, for people */

	u32 round_acked, round_lost;	/* packets of this round */
	u64 round_sample;	/* last delivery rate of this round, whatever limited it */
	u32 random_loss_ppm;	/* what the path loses when it is not full: the radio's */
	u64 raised_us;		/* OPEN: a queue stands since then; 0: none */
	u32 flat_rounds;	/* OPEN: in a row without growth */
	u64 grown_from;		/* estimate that the next must exceed by a quarter */
	u64 phase_round;	/* when the phase began */
	u64 phase_began_us;
	u64 probe_round;	/* when to probe next */
	u64 probe_from;		/* the estimate before it */
	u32 probe_hits;		/* probes in a row that found more */
	u32 shares;		/* paths that share its bottleneck with it, itself included; 0 counts as 1: coupling.h. The caller's */
	u64 remembered;		/* OPEN after a silence: the estimate before it; 0: none */
	bool competing;		/* somebody else keeps the queue full: share it */
	u32 queue_us, rtt_us, min_rtt_us, jitter_us;	/* as last told */

	/* RATE_CUBIC */
	u64 window, window_most, threshold;
	u64 epoch_us;
	u64 acked_us;		/* last ack */
	u64 recovery_until_us;
};

/* All zero, control aside, is the start. */

/* Takes what an ack told. */
void rate_acked(struct rate *r, const struct rate_news *news, u64 now_us);

/* Is the path being probed, or are the results of that on their way? Not for ever: it may have nothing more to send. */
bool rate_is_probing(const struct rate *r, u64 now_us);

/* The path fell silent and is back: half of what it carried before, and from there as at the start. */
void rate_restart(struct rate *r, u64 now_us);

/* What held the path down from outside is gone: it is open again, from what it carried. */
void rate_reopen(struct rate *r, u64 now_us);

/* Has nothing shown yet that the path carries no more than it does? A control that asks for no such sign knows it at once. */
bool rate_grows(const struct rate *r);

/* The estimate C in bytes/s, RATE_INITIAL_BYTES before any. */
u64 rate_estimate(const struct rate *r);

/* The same for planning: a path that comes back is most likely what it was. By half of that it would get half of its share, which
 * tells nothing of what it carries as long as there is not more to send than that. */
u64 rate_planned(const struct rate *r);

/* Bytes/s to send at. `alone`: no other path shares the traffic, so an open path is not paced: 0. */
u64 rate_pace(const struct rate *r, bool alone);

/* Bytes that may be in flight; UINT64_MAX: no limit. `alone` as above. */
u64 rate_window(const struct rate *r, bool alone);

/* A queue of less than this (us) is none: max(3 ms, min RTT / 10, two packets). */
u32 rate_queue_allowed_us(const struct rate *r);

const char *rate_phase_name(enum rate_phase phase);
const char *rate_control_name(enum rate_control control);
/* "adaptive", "cubic", "none"; -1: unknown. */
int rate_parse_control(const char *name);

#endif
