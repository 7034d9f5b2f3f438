// SPDX-License-Identifier: MIT
/* pmtu.h - the largest datagram that a path carries, found by probing (DPLPMTUD, RFC 8899)
 *
 * Sizes are bytes of UDP payload, what the tunnel puts into one datagram. Only links are told of in bytes of IP
 * packet: `overhead` is what lies between the two, 28 bytes for UDP over IPv4, 48 over IPv6. ICMP is not believed and
 * not needed.
 *
 *   SEARCH   one padded probe at a time, above what is confirmed: first what the link at this end carries, then
 *            by halving among the sizes that links are known to have, then by halving down to 8 bytes.
 *            An ack confirms a size; 3 losses refute it, if other packets came through meanwhile.
 *   DONE     every 600 s the search begins again, for a path that has become larger.
 *   A hole   (a path that has become smaller, and tells nobody): large packets are lost in a row, and small ones pass.
 *            After two, probes of the confirmed size ask whether it still holds. After four in a row, none of
 *            that size acked, and small ones acked for a while: back to the base, and a new search.
 *
 * The base, an IP packet of 1200 bytes, is taken for granted: IPv6 demands more of a link, and IPv4 links with less
 * are gone. T. Fairhurst, T. Jones, M. Tuexen, I. Ruengeler, T. Voelker: "Packetization Layer Path MTU Discovery for
 * Datagram Transports", RFC 8899.
 */
#ifndef TG_PATH_PMTU_H
#define TG_PATH_PMTU_H

#include "base/types.h"

#define PMTU_BASE_LINK 1200u	/* IP packet */
#define PMTU_TRIES 3u		/* lost probes that refute a size */

struct pmtu {
	u16 overhead;
	u16 base, max;		/* what every path carries; what the link at this end carries */
	u16 current;		/* confirmed, or base */
	u16 too_large;		/* smallest size refuted in this search; max + 1: none */
	u16 probe;		/* size being tried */
	u8 tries;		/* probes of it sent */
	bool out;		/* the last one is under way */
	u64 numbers[PMTU_TRIES];	/* packet numbers of the tries */
	u64 first_us, last_us;	/* when the first and the last of them were sent */
	u64 search_us;		/* no search before; TIME_NEVER: nothing larger to look for */
	u64 gap_us;		/* no probe at all before */
	u64 wait_us;		/* a probe unanswered for so long is lost */
	u64 heard_us;		/* anything acked last */
	u32 row;		/* large packets lost since one was acked */
	u16 row_size;		/* the smallest of them */
	u64 small_us;		/* since the row began: first ack of a smaller packet; 0: none */
	u64 probes, holes;	/* counters */
};

/* Begins at the base; the first probe is due at once. link_bytes: MTU of the interface, 0: 1500. */
void pmtu_init(struct pmtu *p, u32 link_bytes, u32 overhead_bytes);

/* The interface has another MTU now: search again. */
void pmtu_set_link(struct pmtu *p, u32 link_bytes, u64 now_us);

/* How long to wait for the ack of a probe, about three round trips; clamped to 200 ms..1 s. 1 s unless set. */
void pmtu_set_wait(struct pmtu *p, u64 wait_us);

/* When pmtu_probe_size() is to be called next; TIME_NEVER: something must happen first. */
u64 pmtu_due_us(const struct pmtu *p);

/* Does what is due. Returns the size of the probe to send now, 0: none. The probe has to be acked, carries nothing that
 * matters, and its loss tells nothing about congestion. */
u32 pmtu_probe_size(struct pmtu *p, u64 now_us);

/* That probe went out under this packet number. */
void pmtu_sent(struct pmtu *p, u64 number, u32 size, u64 now_us);

/* Packet `number` was acked, or is lost. Nothing happens when it is no probe whose answer is awaited. */
void pmtu_acked(struct pmtu *p, u64 number, u64 now_us);
void pmtu_lost(struct pmtu *p, u64 number, u64 now_us);

/* Any other packet of this size was acked, or is lost. Packets given up because the whole path fell silent are not
 * to be reported: they tell nothing about sizes. */
void pmtu_data_acked(struct pmtu *p, u32 size, u64 now_us);
void pmtu_data_lost(struct pmtu *p, u32 size, u64 now_us);

/* The kernel refused to send a packet of this size (EMSGSIZE), a probe or another. */
void pmtu_refused(struct pmtu *p, u32 size, u64 now_us);

/* The largest datagram to send. */
static inline u32 pmtu_current(const struct pmtu *p)
{
	return p->current;
}

#endif
