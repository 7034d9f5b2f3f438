// SPDX-License-Identifier: MIT
/* cc.h - congestion control of the inner senders, in segments: CUBIC, NewReno, a BBR-like model */
#ifndef TG_TESTS_SIM_CC_H
#define TG_TESTS_SIM_CC_H

#include "base/rand.h"
#include "sim/event.h"

#define CC_FIRST_WINDOW 10

/* What an ack told. */
struct cc_sample {
	u64 now_ns;
	u64 rtt_ns;		/* 0: none */
	u64 min_rtt_ns, srtt_ns;
	u32 acked;		/* newly delivered */
	u32 lost;		/* newly thought lost */
	u32 in_flight;		/* after that */
	u64 delivered;		/* ever, this ack included */
	u64 prior_delivered;	/* when the newest of the acked was sent */
	double rate;		/* segments/s; 0: none */
	bool app_limited;
	bool window_limited;	/* the window was what held the sender back */
};

struct cc_cubic {
	double w_max, k, w_est, w_begin;
	u64 epoch_ns;
	bool reduced;		/* ever: before that nothing is known of the path */
	bool hystart;
	u64 round_end, round_rtt_ns, round_start_ns, last_ack_ns;	/* HyStart: ends when so much is delivered */
	u32 round_samples;
	bool found;
};

#define BBR_ROUNDS 10
struct cc_bbr {
	u32 mode;
	double bw[BBR_ROUNDS];	/* maxima of the last rounds that had a sample */
	u64 bw_round[BBR_ROUNDS];
	u64 round, round_end;
	u64 small_until;	/* what was sent before so much was delivered was held back by PROBE_RTT */
	double full_bw;
	u32 full_rounds;
	bool full;
	u32 phase;
	u64 phase_ns;
	u64 min_rtt_ns, min_rtt_at_ns, probe_end_ns;
	double gain, window_gain, prior_window;
};

struct cc_ops;

struct cc {
	const struct cc_ops *ops;
	double window, ssthresh;
	double prior_window, prior_ssthresh;	/* before the last reduction, to undo it */
	double pace;		/* segments/s; 0: none */
	union {
		struct cc_cubic cubic;
		struct cc_bbr bbr;
	};
};

struct cc_ops {
	void (*begin)(struct cc *c, bool hystart);
	void (*acked)(struct cc *c, const struct cc_sample *s);
	void (*reduce)(struct cc *c, u64 now_ns);	/* loss: sets ssthresh */
	bool is_model;			/* sets window and pace itself at every ack; loss is no signal */
};

extern const struct cc_ops cc_cubic, cc_reno, cc_bbr;

void cc_begin(struct cc *c, const struct cc_ops *ops, bool hystart);

/* Loss was found: remembers what to go back to, and sets ssthresh. */
void cc_reduce(struct cc *c, u64 now_ns);

/* It was none. */
void cc_undo(struct cc *c);

#endif
