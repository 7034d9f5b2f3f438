// SPDX-License-Identifier: MIT
/* flow.h - an inner flow: whose packets they are, what became of each, and what is counted for all kinds of flow
 *
 * A flow has two directions, 0 from its sender to its receiver and 1 back. Every packet has a serial in its direction,
 * carried in header fields that nobody needs (IP identification; TCP urgent pointer; first word of a UDP payload), and a
 * record under it. What real packets would say in options beyond a few bytes stands in the record.
 */
#ifndef TG_TESTS_SIM_FLOW_H
#define TG_TESTS_SIM_FLOW_H

#include "sim/hist.h"
#include "sim/sim.h"

#define FLOW_LOG 32768u		/* packets of a direction that are remembered */
#define FLOW_RANGES 32u
#define TCP_HEADERS 52u		/* IPv4, TCP, timestamps */
#define UDP_HEADERS 28u

struct seg_range {
	u32 from, to;		/* without `to` */
};

/* What an ack says (TCP: in segments; QUIC: packet numbers). */
struct ack_info {
	u32 next;			/* TCP: all before it came in */
	u32 copy;			/* DSACK: this came twice; UINT32_MAX: none */
	u64 echo_ns;			/* when the packet was sent that caused it (timestamp echo) */
	u64 held_ns;			/* QUIC: ack delay */
	u32 count;
	struct seg_range ranges[FLOW_RANGES];
};

struct packet {
	u32 serial;			/* 0: unused; the first is 1 */
	u32 number;			/* of the flow's own: segment, chunk, request */
	u16 len;
	bool delivered;
	bool retransmit;
	u64 sent_ns;
	struct ack_info *ack;		/* direction 1 of TCP and QUIC */
};

struct flow_direction {
	struct packet log[FLOW_LOG];
	u32 sent;			/* the last serial */
	u32 highest;			/* delivered */
	u32 highest_ordered;		/* of those that carried an order word */
	u64 delivered, late, late_ordered;	/* late: after one with a higher serial */
};

struct flow;

struct flow_ops {
	size_t bytes;			/* of the struct that embeds struct flow first */
	void (*begin)(struct flow *f);	/* at its start time */
	void (*arrived)(struct flow *f, u32 direction, const struct packet *p);
	void (*batch_over)(struct flow *f);	/* after the last of a batch that came out of the tunnel; may be NULL */
	void (*end)(struct flow *f);	/* frees; may be NULL */
};

struct flow {
	const struct flow_ops *ops;
	struct sim *sim;
	u32 number;
	struct flow_spec spec;
	struct event start;
	struct flow_direction *way[2];
	struct flow *next_touched;
	bool touched;
	/* Counted since flow_count_anew(). */
	u64 bytes;			/* in order to the application: payload */
	u64 lost, retransmits, spurious, timeouts;
	u64 requests, answers;		/* ping; udp: sent, delivered of those */
	u64 counted_since_ns;
	struct hist rtt;		/* TCP, QUIC, ping: round trips; udp: one-way delays */
	struct hist done;		/* TCP chunks: time to complete */
	u64 late_before[2], delivered_before[2];
	u64 last_delivery_ns, max_gap_ns, max_gap_at_ns;	/* longest silence of direction 0 */
	u64 last_progress_ns, max_stall_ns, max_stall_at_ns;	/* TCP: the longest time in which `bytes` did not grow */
	u64 waits_since_ns;		/* has had something to send and nothing delivered since then; 0: not */
};

/* Adds spec->count flows of a kind. */
void flow_add(struct sim *s, const struct flow_spec *spec);

/* Sends a packet in a direction; `len` is the whole inner packet. TCP: seq, ack and flags go into the header. Never
 * fails: without a buf it counts a drop of the device queue, and is lost. */
struct packet *flow_send_tcp(struct flow *f, u32 direction, u32 number, u32 seq, u32 ack, u8 flags, u32 payload,
			     const struct ack_info *info);
struct packet *flow_send_udp(struct flow *f, u32 direction, u32 number, u32 len, const struct ack_info *info);

/* An inner packet came out of the tunnel at this end. */
void flow_delivered(struct sim_end *end, struct buf *b);

/* The end of an event: flows that got packets may answer now. */
void flow_batch_over(struct sim_end *end);

/* Time zero of what is reported. */
void flow_count_anew(struct flow *f);
void flow_free_all(struct sim *s);

/* A silence that has not ended counts as a gap, too, if the flow had something to send. */
void flow_close_gap(struct flow *f);

/* The application got something. */
void flow_progress(struct flow *f);

/* Is it past its stop time? */
bool flow_is_over(const struct flow *f);

static inline u64 flow_now(const struct flow *f)
{
	return f->sim->events.now_ns;
}

/* Was it sent since flow_count_anew()? */
static inline bool flow_counts(const struct flow *f, const struct packet *p)
{
	return p->sent_ns > f->counted_since_ns;
}

extern const struct flow_ops tcp_flow_ops, quic_flow_ops, udp_flow_ops, ping_flow_ops;

#endif
