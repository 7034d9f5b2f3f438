// SPDX-License-Identifier: MIT
/* sent.h - what is on its way on a path: loss, round trip and delivery rate
 *
 * A ring of records, one per sent packet, indexed by packet number (numbers are dense: every number is noted). It starts small
 * and doubles up to SENT_MAX_RECORDS; beyond that the oldest record counts as lost. A packet is lost
 * when three later ones have been acked (more when acked packets turn out to come late: `reordering` adapts up to 16).
 * Packets that the peer need not ack take a number and nothing else: they are not in flight, not lost, not counted.
 * Delivery rate as in draft-cheng-iccrg-delivery-rate-estimation: delta delivered / max(delta sent, delta acked).
 */
#ifndef TG_PATH_SENT_H
#define TG_PATH_SENT_H

#include "path/ack.h"

#define SENT_MAX_RECORDS 65536u

struct sent_record;

struct sent {
	struct sent_record *ring;
	u32 size;		/* power of two; 0: not allocated yet */
	u64 oldest;		/* first number whose fate is open; == next when all are settled */
	u64 next;		/* number the next sent packet will have */
	u64 largest_acked;
	bool any_acked;
	u32 reordering;		/* later acks that make a loss */
	u64 in_flight_bytes;
	u32 in_flight_eliciting;	/* packets out that the peer must ack */
	u64 delivered_bytes, delivered_time_us, first_sent_time_us;
	u64 app_limited_until;	/* delivered_bytes mark, 0: not limited */
	u64 last_eliciting_us;	/* when the latest packet that must be acked left */
	u64 acked_packets, lost_packets;	/* totals; the loss ratio below is of recent ones */
	u32 loss_ppm;		/* of the last ~1000 settled packets, moving average */
	u32 loss_scaled;	/* the same in 1/1024 ppm, before rounding */
	u32 loss_shift;		/* one packet weighs 2^-shift in it */
	u64 round_mark;		/* delivered_bytes when the round began */
	u32 known_count;	/* ranges of the newest ack: already walked */
	struct ack_range known[ACK_MAX_RANGES];
};

/* What one ack told. */
struct sent_news {
	u32 acked_packets, lost_packets;
	u64 acked_bytes, lost_bytes;
	u32 late_packets;	/* had been given up, came after all */
	bool has_rtt;
	u32 rtt_us;		/* of the ack's largest number, when it and an eliciting packet are newly acked */
	u32 ack_delay_us;	/* of it the peer says it waited so long */
	u64 rate_bytes;		/* delivery rate in bytes/s, 0: no sample */
	bool app_limited;	/* of the rate sample */
	bool round;		/* a round trip has passed since the last such ack */
};

void sent_init(struct sent *s);
void sent_free(struct sent *s);

/* Notes packet number s->next as sent. eliciting: the peer will ack it. app_limited: nothing more was waiting to be sent;
 * a packet with fewer than eight others on the way counts as such in any case.
 * -ENOMEM when the ring could not grow (the packet is then noted over the oldest). */
int sent_note(struct sent *s, u32 bytes, bool eliciting, bool app_limited, u64 now_us);

/* Applies an ack. -EPROTO when it acks numbers never sent or its ranges are not in order (nothing is changed). Acks
 * that overtook each other on the way, and repeated ones, do no harm. */
int sent_ack(struct sent *s, const struct ack *a, struct sent_news *news, u64 now_us);

/* Oldest eliciting packet that is still out: when it was sent; TIME_NEVER: none. */
u64 sent_oldest_us(const struct sent *s);

/* The path is in trouble: what is out counts as lost now. Late acks of it are still recognised. It stays out of
 * loss_ppm: an outage is not a loss ratio, and would keep a path that is back unhealthy for a thousand packets. */
void sent_give_up(struct sent *s);

#endif
