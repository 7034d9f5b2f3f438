// SPDX-License-Identifier: MIT
/* tcp.h - a TCP sender and receiver as Linux has them, in whole segments
 *
 *   tcp.c           the sender: acks in, segments out
 *   tcp_recover.c   what it does about losses
 *   tcp_loss.c      RACK and TLP (RFC 8985): which segment is lost
 *   tcp_receive.c   the receiver: order, SACK and DSACK, delayed acks
 *
 * The receive window is endless unless the ring of segments is.
 */
#ifndef TG_TESTS_SIM_TCP_H
#define TG_TESTS_SIM_TCP_H

#include "sim/cc.h"
#include "sim/flow.h"

#define TCP_RING 32768u
#define TCP_MSS 1368u		/* payload of an inner packet of 1420 bytes with timestamps */
#define TCP_NONE UINT32_MAX

struct tcp_segment {
	u64 sent_ns;
	u64 delivered, delivered_ns, first_sent_ns;	/* when it was sent, for the delivery rate */
	u32 before, after;		/* in the list by sending time; TCP_NONE */
	u32 skip;			/* when sacked: nothing before this is not */
	u8 sent;			/* times */
	bool in_flight;			/* in the list */
	bool sacked, lost;		/* lost: waits to be sent again */
	bool app_limited;
};

enum tcp_state { TCP_CLOSED, TCP_SYN_SENT, TCP_OPEN, TCP_RECOVERY, TCP_LOSS };

struct tcp_receiver {
	u32 next;
	struct seg_range *early;	/* sorted */
	u32 early_count, early_size;
	u32 recent[3];			/* segments that came early, the last first */
	u32 pending;			/* in order, not acked */
	u32 quick;			/* acks at once that are left from the beginning */
	bool ack_now;
	u64 echo_ns;
	struct event delayed;
};

struct tcp {
	struct flow f;
	enum tcp_state state;
	struct tcp_segment *ring;
	u32 una, next, limit;		/* limit: what the application has written */
	u32 fack;			/* behind the highest delivered */
	u32 first, last, in_flight;	/* list of what is in flight by sending time */
	u32 lost_count, lost_hint;	/* waiting to be sent again; none is below the hint */
	struct cc cc;
	u64 delivered, delivered_ns, first_sent_ns;
	u64 srtt_ns, rttvar_ns, min_rtt_ns, min_rtt_at_ns;
	u32 backoff;
	bool window_limited;
	/* recovery */
	u32 high;			/* ends when all before it is acked */
	u64 retransmit_ns;		/* first of the episode, for Eifel */
	u32 undo_retransmits;
	bool may_undo;
	u32 prr_delivered, prr_out;
	double prr_window;
	/* RACK */
	u64 rack_sent_ns, rack_rtt_ns;
	u32 rack_number, rack_round, rack_steps, rack_persist;
	bool reordering, rack_dsack;
	bool probed;			/* a tail probe is out */
	u64 last_sent_ns;
	u64 pace_ns;			/* next segment may leave */
	u64 chunk_ns[16];		/* when a chunk was written */
	u32 chunk_end[16], chunk_head, chunk_tail;
	struct event timeout, rack_timer, tail_probe, pacer, chunk;
	struct tcp_receiver in;
};

static inline struct tcp_segment *tcp_segment(struct tcp *t, u32 n)
{
	return &t->ring[n % TCP_RING];
}

/* tcp_loss.c */
void tcp_list_add(struct tcp *t, u32 n);	/* at the end: sent last */
void tcp_list_remove(struct tcp *t, u32 n);
void tcp_mark_lost(struct tcp *t, u32 n);
void tcp_rack_note(struct tcp *t, u32 n);	/* n was delivered */
u32 tcp_rack_detect(struct tcp *t);		/* marks, arms its timer; how many */
void tcp_rack_dsack(struct tcp *t);
void tcp_arm_probe(struct tcp *t);
u64 tcp_rto_ns(const struct tcp *t);

/* tcp.c */
void tcp_retransmit(struct tcp *t, u32 n);
void tcp_send_new(struct tcp *t);
void tcp_send_more(struct tcp *t);
void tcp_arm_timeout(struct tcp *t);

/* tcp_recover.c */
void tcp_lost_some(struct tcp *t);	/* RACK has marked */
void tcp_undo(struct tcp *t);
void tcp_end_recovery(struct tcp *t);	/* if it is over */
void tcp_prr(struct tcp *t, const struct cc_sample *s, bool advanced);	/* the window while it lasts */
void tcp_fire_timeout(struct event *e);
void tcp_fire_rack(struct event *e);
void tcp_fire_probe(struct event *e);

/* tcp_receive.c */
void tcp_receive(struct tcp *t, const struct packet *p);
void tcp_receive_batch_over(struct tcp *t);
void tcp_receiver_begin(struct tcp *t);
void tcp_receiver_end(struct tcp *t);

#endif
