// SPDX-License-Identifier: MIT
/* quic_sender.h - when a QUIC-like sender may send, what it takes for lost, and how fast it goes
 *
 * Loss detection is RFC 9002: a packet is lost when one 3 numbers later was acked, or when it is
 * 9/8 of a round trip older than one that was acked. There is no adapting to reordering: a tunnel
 * that shuffles packets is punished. Congestion control is CUBIC (RFC 9438) with HyStart++
 * (RFC 9406). Windows count packets, which all have one size. Does no I/O and reads no clock.
 *
 * What is carried is a row of chunks, one to a packet; those of lost packets go first in new packets.
 */
#ifndef TG_LAB_QUIC_SENDER_H
#define TG_LAB_QUIC_SENDER_H

#include "base/types.h"

#define QUIC_RING 65536u	/* packets that may be under way, a power of two */
#define QUIC_CHUNKS (8u << 20)
#define QUIC_RANGES 32

struct quic_range {
	u64 first, last;	/* both included */
};

/* What an acknowledgement says; ranges descend. */
struct quic_ack {
	u32 count;
	u32 delay_us;		/* since the largest one came */
	struct quic_range range[QUIC_RANGES];
};

struct quic_packet {
	u64 sent_us;
	u32 chunk;
	u8 state;		/* enum in quic_sender.c */
};

struct quic_sender {
	struct quic_packet ring[QUIC_RING];
	u64 next, oldest;	/* numbers; what is older than oldest is settled */
	u64 largest_acked;	/* plus 1; 0: none */
	u32 in_flight;

	u32 next_chunk;
	u32 again[QUIC_RING];	/* chunks of lost packets */
	u32 again_first, again_last;
	u8 done[QUIC_CHUNKS / 8];	/* chunks that were acked */

	u64 latest_rtt_us, smoothed_us, variation_us, least_rtt_us;
	u64 last_sent_us, loss_us;	/* loss_us: when the oldest gap is old enough to be lost */
	u32 probes;		/* timeouts in a row */
	u32 probe_credit;	/* packets that may leave whatever the window says */

	double window, threshold;
	u64 recovery_us;	/* packets sent before caused a reduction already */
	double cubic_most, cubic_reno;
	u64 cubic_start_us;
	double cubic_origin_s;

	u64 round_end;		/* HyStart++: number that ends the round */
	u64 round_rtt_us, last_round_rtt_us, css_base_us;
	u32 round_samples, css_rounds;

	u64 lost, spurious, reductions;
};

/* *q must be all zeros. */
void quic_sender_init(struct quic_sender *q);

/* May one more packet leave, as far as the window is concerned? */
bool quic_may_send(const struct quic_sender *q);

/* A packet leaves now: returns its number and what it carries. */
u64 quic_send(struct quic_sender *q, u64 now, u32 *chunk);

void quic_take_ack(struct quic_sender *q, const struct quic_ack *a, u64 now);

/* When quic_run_timer() has to be called, TIME_NEVER when nothing is under way. */
u64 quic_timer(const struct quic_sender *q);
void quic_run_timer(struct quic_sender *q, u64 now);

/* Packets a second: as RFC 9002 suggests a bit more than window / round trip. */
double quic_pace(const struct quic_sender *q);

#endif
