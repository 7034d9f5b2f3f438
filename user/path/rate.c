// SPDX-License-Identifier: MIT
/* rate.c - what a path can carry, how fast to send on it, and how much may be on the way
 *
 * The shape is that of BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 2016): a windowed maximum of
 * the delivery rate, probing up, draining what that left. What differs: the queue is measured, not guessed (one-way
 * delays), so probing ends as soon as it shows; loss without a queue is taken for the radio's and made up for.
 */
#include "path/rate.h"

#include <string.h>

#include "path/cubic.h"

#define EMA_SHIFT 3
#define PERCENT 10000u			/* ppm */
#define QUEUE_LEAST_US (3 * MSEC)
#define OPEN_QUEUE_LEAST_US (4 * MSEC)
#define PACKET_BYTES 1500u		/* on a slow path two of them take longer than what counts as a queue elsewhere */
#define STANDS_US (10 * MSEC)		/* for so long or a round trip: a queue, not a batch */
#define OPEN_GAIN 277u			/* percent: doubles in a round also when only half of it was used */
#define CRUISE_GAIN 99u
#define SHORT_QUEUE_PART 6u		/* of the queue that is allowed: none */
#define LEAN_MOST 5u
#define PROBE_FIRST_GAIN 110u		/* makes a short queue where there is no more to be had */
#define PROBE_GAIN 125u			/* once that has found something */
#define DRAIN_GAIN_MOST 90u
#define DRAIN_GAIN_LEAST 50u
#define DRAIN_ROUNDS_MOST 4u		/* round trips that the results of a probe may take */
#define PROBE_LEAST_US (15 * MSEC)
#define PROBE_EVERY_ROUNDS 8u
#define GROWTH_PERCENT 125u
#define PROBE_FOUND_PERCENT 105u
#define PROBE_HITS_TO_OPEN 3u
#define FLAT_ROUNDS 3u
#define LOST_LEAST 6u
#define LOSS_TELLS_PPM (2 * PERCENT)
#define LOSS_HEAVY_PPM (20 * PERCENT)
#define MADE_UP_MOST_PPM (3 * PERCENT)
#define LOSS_CUT_PERCENT 70u
#define NOT_FULL_PERCENT 92u		/* of the estimate: what a path carries that we drain, or that loses much */
#define COMPETING_AFTER_US (500 * MSEC)	/* draining for so long in vain: the queue is not ours */
#define COMPETING_ROUNDS 4u
#define PROBE_IS_OVER_US SEC
#define RESTART_LEAST_BYTES 100000u
#define ACK_DELAY_US (6 * MSEC)		/* what acks may wait, and a wake-up */
#define WINDOW_LEAST 30000u

static u64 percent(u64 value, u64 of_hundred)
{
	return value * of_hundred / 100;
}

/* ---- the estimate ---- */

static void next_round(struct rate *r)
{
	r->round++;
	r->best[r->round % RATE_ROUNDS] = 0;
	r->round_passed = false;
}

static u64 largest(const u64 *samples)
{
	u64 most = 0;

	for (u32 i = 0; i < RATE_ROUNDS; i++)
		most = MAX(most, samples[i]);
	return most;
}

static void note_throughput(struct rate *r, u64 bytes_per_second)
{
	if (!r->delivered_ema)
		r->delivered_ema = bytes_per_second;
	else
		r->delivered_ema += (u64)(((s64)bytes_per_second - (s64)r->delivered_ema) / (1 << EMA_SHIFT));
}

/* What was sent while draining tells how slowly we sent. */
static bool is_drained(const struct rate *r)
{
	return r->phase == RATE_DRAIN && r->round > r->phase_round;
}

/* An app-limited sample counts only when it is larger than the estimate. Only rounds that brought a sample that counts
 * move the window: that a path carried little says nothing about what it can carry. */
static void take_sample(struct rate *r, u64 sample, bool app_limited)
{
	u64 *best;

	note_throughput(r, sample);
	r->round_sample = sample;
	r->limited = app_limited;
	if (app_limited && sample <= rate_estimate(r))
		return;
	if (!app_limited && !is_drained(r))
		r->latest = sample;
	if (r->round_passed)
		next_round(r);
	best = &r->best[r->round % RATE_ROUNDS];
	*best = MAX(*best, sample);
	r->measured |= !app_limited;
	r->fresh = true;
	r->most = largest(r->best);
}

/* Forgets the larger samples: the path does not carry that any more. */
static void lower_estimate(struct rate *r, u64 bytes_per_second)
{
	if (bytes_per_second >= rate_estimate(r))
		return;
	memset(r->best, 0, sizeof(r->best));
	r->best[r->round % RATE_ROUNDS] = r->most = MAX(bytes_per_second, 1u);
}

u64 rate_estimate(const struct rate *r)
{
	return r->most ? r->most : RATE_INITIAL_BYTES;
}

u64 rate_planned(const struct rate *r)
{
	return r->phase == RATE_OPEN ? MAX(rate_estimate(r), r->remembered) : rate_estimate(r);
}

u32 rate_queue_allowed_us(const struct rate *r)
{
	u32 two_packets_us = (u32)(2 * PACKET_BYTES * SEC / MAX(rate_estimate(r), PACKET_BYTES));

	return MAX(MAX((u32)QUEUE_LEAST_US, r->min_rtt_us / 10), two_packets_us);
}

/* ---- phases ---- */

static void enter(struct rate *r, enum rate_phase phase, u64 now_us)
{
	r->phase = phase;
	r->phase_round = r->round;
	r->phase_began_us = now_us;
	r->raised_us = r->flat_rounds = 0;
	if (phase != RATE_OPEN)
		r->remembered = 0;
	if (phase == RATE_CRUISE)	/* spread, so that paths do not probe in step */
		r->probe_round = r->round + PROBE_EVERY_ROUNDS + (now_us >> 6) % PROBE_EVERY_ROUNDS / 2;
}

/* By time: the rounds themselves become longer with the queue. */
static bool open_queue_shows(struct rate *r, u64 now_us)
{
	if (r->queue_us <= MAX(MAX((u32)OPEN_QUEUE_LEAST_US, r->min_rtt_us / 8), rate_queue_allowed_us(r))) {
		r->raised_us = 0;
		return false;
	}
	if (!r->raised_us)
		r->raised_us = now_us;
	return now_us - r->raised_us >= MAX((u64)r->min_rtt_us, STANDS_US);
}

/* `straight`: who offers no more cannot be told from who carries no more. */
static bool growth_is_over(struct rate *r, bool straight)
{
	if (straight || r->limited || !r->measured)
		return false;
	if (r->most * 100 >= r->grown_from * GROWTH_PERCENT) {
		r->grown_from = r->most;
		r->flat_rounds = 0;
	} else {
		r->flat_rounds++;
	}
	return r->flat_rounds >= FLAT_ROUNDS;
}

static void end_round_open(struct rate *r, bool straight, u32 loss_ppm, u64 now_us)
{
	bool loss_shows = r->round_lost >= LOST_LEAST && loss_ppm > LOSS_TELLS_PPM;

	if (growth_is_over(r, straight) || (loss_shows && r->most))
		enter(r, RATE_DRAIN, now_us);
}

/* A queue, and less comes through than we thought: that is what the path carries now. */
static bool capacity_fell(struct rate *r)
{
	if (r->queue_us <= 3 * rate_queue_allowed_us(r) || !r->latest || r->latest * 100 >= r->most * 92)
		return false;
	lower_estimate(r, r->latest);
	return true;
}

/* Not while the queue is of our own making. */
static bool may_have_fallen(const struct rate *r)
{
	return r->phase == RATE_CRUISE || (r->phase == RATE_DRAIN && !r->probe_from && !is_drained(r));
}

static void end_round_cruise(struct rate *r, bool may_probe, u64 now_us)
{
	u32 allowed = rate_queue_allowed_us(r);

	if (r->competing && r->queue_us < allowed)
		r->competing = false;
	if (!r->competing && r->queue_us > 2 * allowed) {
		enter(r, RATE_DRAIN, now_us);
		return;
	}
	if (r->round >= r->probe_round && may_probe && r->queue_us <= allowed) {
		r->probe_from = r->most;
		enter(r, RATE_PROBE, now_us);
	}
}

static void end_round_drain(struct rate *r, u64 now_us)
{
	u64 rounds = r->round - r->phase_round;

	/* The probe's packets are still on their way. Rounds stand still where the others take what there is: by time, too. */
	if (r->probe_from && rounds < 2 && now_us - r->phase_began_us < DRAIN_ROUNDS_MOST * (u64)r->rtt_us)
		return;
	if (r->probe_from) {
		bool found = r->most * 100 > r->probe_from * PROBE_FOUND_PERCENT;

		r->probe_from = 0;
		r->probe_hits = found ? r->probe_hits + 1 : 0;
		if (found && r->queue_us <= rate_queue_allowed_us(r)) {
			if (r->probe_hits >= PROBE_HITS_TO_OPEN)
				r->probe_hits = 0, r->grown_from = 0, enter(r, RATE_OPEN, now_us);
			else
				enter(r, RATE_CRUISE, now_us), r->probe_round = r->round;
			return;
		}
	}
	if (r->queue_us <= rate_queue_allowed_us(r) / 2) {
		enter(r, RATE_CRUISE, now_us);
		return;
	}
	if (rounds >= COMPETING_ROUNDS && now_us - r->phase_began_us > COMPETING_AFTER_US) {
		r->competing = true;
		enter(r, RATE_CRUISE, now_us);
	}
}

/* Nothing but a guess so far, for there was never enough to send: heavy loss beside a queue says that it is too much. What comes
 * through is no measurement, but no path carries less. */
static void doubt_guess(struct rate *r, u32 loss_ppm)
{
	if (!r->measured && r->round_lost >= LOST_LEAST && r->queue_us > rate_queue_allowed_us(r) && loss_ppm > LOSS_HEAVY_PPM)
		lower_estimate(r, MAX(percent(rate_estimate(r), LOSS_CUT_PERCENT), r->round_sample));
}

/* Loss tells of congestion only beside a queue, or when it is heavy. Other loss is the radio's. */
static void judge_loss(struct rate *r, u32 loss_ppm, u64 now_us)
{
	bool congested = r->queue_us > rate_queue_allowed_us(r) && loss_ppm > LOSS_TELLS_PPM;

	if (r->phase == RATE_OPEN || r->phase == RATE_PROBE || r->probe_from)
		return;
	doubt_guess(r, loss_ppm);
	if (r->round_lost >= LOST_LEAST && (congested || loss_ppm > LOSS_HEAVY_PPM) && r->latest) {
		lower_estimate(r, MAX(percent(r->most, LOSS_CUT_PERCENT), MIN(r->latest, r->most)));
		if (r->phase == RATE_CRUISE && !r->competing)
			enter(r, RATE_DRAIN, now_us);
		return;
	}
	/* A buffer too small to show as a queue loses, too, but only when the path is full. */
	if (r->queue_us <= rate_queue_allowed_us(r) && r->round_sample * 100 < r->most * NOT_FULL_PERCENT)
		r->random_loss_ppm += (u32)(((s32)MIN(loss_ppm, LOSS_HEAVY_PPM) - (s32)r->random_loss_ppm) / 4);
}

static void end_round(struct rate *r, const struct rate_news *news, u64 now_us)
{
	u32 packets = r->round_acked + r->round_lost;
	u32 loss_ppm = packets ? (u32)((u64)r->round_lost * 1000000 / packets) : 0;

	judge_loss(r, loss_ppm, now_us);
	switch (r->phase) {
	case RATE_OPEN:
		end_round_open(r, news->straight, loss_ppm, now_us);
		break;
	case RATE_CRUISE:
		end_round_cruise(r, news->may_probe, now_us);
		break;
	case RATE_DRAIN:
		end_round_drain(r, now_us);
		break;
	case RATE_PROBE:
		break;		/* ends by time or by its queue */
	}
	r->round_acked = r->round_lost = 0;
}

static void end_probe(struct rate *r, u64 now_us)
{
	bool long_enough = now_us - r->phase_began_us >= MAX((u64)r->min_rtt_us, PROBE_LEAST_US);

	if (long_enough || r->queue_us > rate_queue_allowed_us(r))
		enter(r, RATE_DRAIN, now_us);
}

void rate_acked(struct rate *r, const struct rate_news *news, u64 now_us)
{
	r->queue_us = news->queue_us;
	r->rtt_us = news->rtt_us;
	r->min_rtt_us = news->min_rtt_us;
	r->jitter_us = news->jitter_us;
	r->round_acked += news->acked_packets;
	r->round_lost += news->lost_packets;
	r->round_passed |= news->round;
	if (news->sample)
		take_sample(r, news->sample, news->app_limited);
	if (r->control == RATE_CUBIC)
		cubic_acked(r, news, now_us);
	if (r->control != RATE_ADAPTIVE)
		return;
	if (r->phase == RATE_PROBE)
		end_probe(r, now_us);
	if (r->phase == RATE_OPEN && open_queue_shows(r, now_us))
		enter(r, RATE_DRAIN, now_us);
	if (!r->competing && may_have_fallen(r) && capacity_fell(r) && r->phase == RATE_CRUISE)
		enter(r, RATE_DRAIN, now_us);
	if (news->round)
		end_round(r, news, now_us);
}

bool rate_is_probing(const struct rate *r, u64 now_us)
{
	if (r->phase != RATE_PROBE && !r->probe_from)
		return false;
	return now_us - r->phase_began_us < PROBE_IS_OVER_US + 4 * (u64)r->rtt_us;
}

void rate_restart(struct rate *r, u64 now_us)
{
	if (r->fresh) {		/* several silences in a row say no more than one */
		r->remembered = r->measured ? r->most : 0;
		lower_estimate(r, MAX(rate_estimate(r) / 2, RESTART_LEAST_BYTES));
	}
	r->fresh = false;
	cubic_restart(r);
	r->grown_from = 0;
	r->probe_from = 0;
	r->competing = false;
	r->round_acked = r->round_lost = 0;
	enter(r, RATE_OPEN, now_us);
}

void rate_reopen(struct rate *r, u64 now_us)
{
	r->grown_from = 0;
	r->probe_from = 0;
	r->competing = false;
	enter(r, RATE_OPEN, now_us);
}

bool rate_grows(const struct rate *r)
{
	if (r->control == RATE_CUBIC)
		return !r->threshold || r->window < r->threshold;
	return r->control == RATE_ADAPTIVE && r->phase == RATE_OPEN;
}

/* ---- what follows from it ---- */

/* Paths that share a bottleneck push as much as one, all of them together. */
static u64 shared(const struct rate *r, u64 percent_beyond)
{
	return percent_beyond / MAX(r->shares, 1u);
}

/* A short queue, as a late wake-up leaves one, goes away while we cruise: percent less to send. */
static u64 lean(const struct rate *r)
{
	u32 short_us = rate_queue_allowed_us(r) / SHORT_QUEUE_PART;

	return r->queue_us > short_us ? MIN((r->queue_us - short_us) * LEAN_MOST / rate_queue_allowed_us(r), LEAN_MOST) : 0;
}

static u64 phase_gain(const struct rate *r)
{
	u64 gain;

	switch (r->phase) {
	case RATE_OPEN:
		return OPEN_GAIN;
	case RATE_PROBE:
		return 100 + shared(r, (r->probe_hits ? PROBE_GAIN : PROBE_FIRST_GAIN) - 100);
	case RATE_DRAIN:	/* gone in about one round trip */
		gain = 100 - MIN((u64)r->queue_us * 100 / MAX(r->rtt_us, 1u), 100u);
		return MIN(MAX(gain, DRAIN_GAIN_LEAST), DRAIN_GAIN_MOST);
	default:
		return r->competing ? 100 + shared(r, 5) : CRUISE_GAIN - lean(r);
	}
}

/* What to send so that C arrives; not much more, as what we take for the radio's loss may be a buffer's. */
static u64 with_loss(const struct rate *r, u64 bytes)
{
	return bytes * 1000000 / (1000000 - MIN(r->random_loss_ppm, MADE_UP_MOST_PPM));
}

/* Beyond a gigabit per second it is processors that limit and sockets that lose: pacing would only cost more of them. */
static bool is_open(const struct rate *r, bool alone)
{
	return alone && (r->phase == RATE_OPEN || rate_estimate(r) > RATE_UNPACED_BYTES);
}

u64 rate_pace(const struct rate *r, bool alone)
{
	if (r->control == RATE_NONE)
		return 0;
	if (r->control == RATE_CUBIC)
		return cubic_pace(r);
	if (is_open(r, alone))
		return 0;
	return MAX(percent(with_loss(r, rate_estimate(r)), phase_gain(r)), 1000u);
}

u64 rate_window(const struct rate *r, bool alone)
{
	u64 window, rtt_us = r->min_rtt_us + 2 * r->jitter_us + ACK_DELAY_US + 2 * rate_queue_allowed_us(r);

	if (r->control == RATE_NONE || (r->control == RATE_ADAPTIVE && is_open(r, alone)))
		return UINT64_MAX;
	if (r->control == RATE_CUBIC)
		return cubic_window(r);
	window = with_loss(r, rate_estimate(r)) * rtt_us / SEC;
	if (r->phase == RATE_OPEN)
		window *= 2;
	else if (r->competing)
		window += window / MAX(r->shares, 1u);
	else if (r->phase == RATE_PROBE)
		window = percent(window, PROBE_GAIN);
	return MAX(window, WINDOW_LEAST);
}

/* ---- names ---- */

static const char *const control_names[] = { "adaptive", "cubic", "none" };

const char *rate_phase_name(enum rate_phase phase)
{
	static const char *const names[] = { "open", "drain", "cruise", "probe" };

	return (u32)phase < ARRAY_SIZE(names) ? names[phase] : "unknown";
}

const char *rate_control_name(enum rate_control control)
{
	return (u32)control < ARRAY_SIZE(control_names) ? control_names[control] : "unknown";
}

int rate_parse_control(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(control_names); i++)
		if (strcmp(control_names[i], name) == 0)
			return (int)i;
	return -1;
}
