// SPDX-License-Identifier: MIT
/* sent.h - what is on its way on a path: loss, round trip and delivery rate
 *
 * A ring of records, one per sent packet, indexed by packet number (numbers are dense: every number is noted). It starts small
 * and doubles up to SENT_MAX_RECORDS; beyond that the oldest record counts as lost. A packet is lost
 * when three later ones have been acked (more when acked packets turn out to come late: `reordering` adapts up to 16).
 * Packets that the peer need not ack take a number and nothing else: they are not in flight, not lost, not counted.
 * Delivery rate as in draft-cheng-iccrg-delivery-rate-estimation: delta delivered / max(delta sent, delta arrived), where
 * arrivals are by the peer's clock, so that what acks meet on their way back does not blur it.
 * A record may keep the packet it stands for, so that it can be sent again.
 */
#ifndef TG_PATH_SENT_H
#define TG_PATH_SENT_H

#include "base/buf.h"
#include "path/ack.h"

#define SENT_MAX_RECORDS 65536u
#define SENT_LARGE_BYTES 1200u	/* packets above this may be too large for a path: told apart */

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
	u64 delivered_bytes;
	struct sent_mark {	/* where samples begin: the newest delivery, moved on every 20 ms at most */
		u64 delivered;
		u64 sent_us;	/* when that packet left */
		u32 arrived_us;	/* when it came, by the peer's clock */
	} mark;
	u64 mark_moved_us;
	u32 delay_us;		/* arrival less departure of the newest acked packet, modulo 2^32 */
	u32 rtt_us;		/* its round trip; 0: none yet */
	u64 app_limited_until;	/* delivered_bytes mark, 0: not limited */
	u64 last_eliciting_us;	/* when the latest packet that must be acked left */
	u64 acked_packets, lost_packets;	/* totals; the loss ratio below is of recent ones */
	u32 loss_ppm;		/* of the last ~1000 settled packets, moving average */
	u32 loss_scaled;	/* the same in 1/1024 ppm, before rounding */
	u32 in_a_row;		/* packets acked since one was lost */
	u32 loss_shift;		/* one packet weighs 2^-shift in it */
	u32 large_given_up;	/* packets above SENT_LARGE_BYTES given up since the caller last set this to 0 */
	u16 large_given_up_bytes;	/* the least of them */
	u64 round_mark;		/* delivered_bytes when the round began */
	u32 known_count;	/* ranges of the newest ack: already walked */
	struct ack_range known[ACK_MAX_RANGES];
};

/* What one ack told. */
struct sent_news {
	u32 acked_packets, lost_packets;
	u64 acked_bytes, lost_bytes;
	u32 largest_bytes;	/* of an acked packet */
	u32 large_lost, large_lost_bytes;	/* lost packets above SENT_LARGE_BYTES, and the least of them */
	u32 late_packets;	/* had been given up, came after all */
	bool has_rtt;
	u32 rtt_us;		/* of the ack's largest number, when it and an eliciting packet are newly acked */
	u32 ack_delay_us;	/* of it the peer says it waited so long */
	u32 delay_us;		/* one way, its arrival less its departure, modulo 2^32 */
	u64 rate_bytes;		/* delivery rate in bytes/s, 0: no sample */
	bool app_limited;	/* of the rate sample */
	bool round;		/* a round trip has passed since the last such ack */
	struct buf_queue lost;	/* packets that were kept and have to be sent again: the caller's now */
};

void sent_init(struct sent *s);
void sent_free(struct sent *s);

/* Notes packet number s->next as sent. eliciting: the peer will ack it. kept: the buf to send again should it be lost; owned by the
 * record until it is acked, or NULL. A packet with fewer than eight others on the way counts as app-limited.
 * -ENOMEM when the ring could not grow (the packet is then noted over the oldest), or was never made (size 0: then
 * `kept` stays the caller's). */
int sent_note(struct sent *s, u32 bytes, bool eliciting, struct buf *kept, u64 now_us);

/* There was nothing more to send although the path would have carried it: samples that begin now tell nothing. */
void sent_app_limited(struct sent *s);

/* Applies an ack. -EPROTO when it acks numbers never sent or its ranges are not in order (nothing is changed). Acks
 * that overtook each other on the way, and repeated ones, do no harm. */
int sent_ack(struct sent *s, const struct ack *a, struct sent_news *news, u64 now_us);

/* Packets that were sent `age_us` before the newest acked one and are still out are lost (RFC 9002, section 6.1.2). Adds to the news
 * of an ack just applied. */
void sent_lose_older(struct sent *s, u64 age_us, struct sent_news *news);

/* Takes the packets acked in a row for the truth, whatever the average remembers. By the rule of three who has carried n without a loss
 * loses, 19 times in 20, no more than 3 of n. */
void sent_believe_run(struct sent *s);

/* How many packets are kept that left at most `us` after the newest acked one, and have not been acked; all, when nobody knows which
 * that is. */
u32 sent_kept_within(const struct sent *s, u64 us);

/* The latest `most` kept packets that are still out are sent again elsewhere: appends them to `again`. The records stay out, to be
 * acked or lost by themselves. */
void sent_take_tail(struct sent *s, u32 most, struct buf_queue *again);

/* Has this number been acked? Of packets that need no ack as well, as long as they are remembered. */
bool sent_is_acked(const struct sent *s, u64 number);

/* Oldest eliciting packet that is still out: when it was sent; TIME_NEVER: none. */
u64 sent_oldest_us(const struct sent *s);

/* The oldest eliciting packet that is out and left after the newest acked one: when; TIME_NEVER: none. */
u64 sent_after_acked_us(const struct sent *s);

/* The path is in trouble: what is out counts as lost now, and what was kept of it is appended to `again`, oldest first. Late acks
 * of it are still recognised. It stays out of loss_ppm: an outage is not a loss ratio, and would keep a path that is back
 * unhealthy for a thousand packets. */
void sent_give_up(struct sent *s, struct buf_queue *again);

#endif
