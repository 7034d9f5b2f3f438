// SPDX-License-Identifier: MIT
/* stretch.c - longer round trips for senders that keep what they send by the least one they saw */
#include "path/stretch.h"

#include <string.h>

#define FULL_PERCENT 80u	/* of what a path carries: BBR sends a little less than came through at best */
#define BUSY_PERCENT 50u	/* while bulk is stretched this is full enough */
#define IDLE_PERCENT 10u	/* of what a path carries, at most: it is idle */
#define LITTLE_PERCENT 50u	/* and while bulk is stretched for it, so much is too little */
#define SPARE_PERCENT 90u	/* of the looks at one that is idle */
#define FARTHER_LEAST_US (5 * MSEC)	/* a sender that probes makes a queue of a quarter of its round trip: what is closer, it uses */
#define FARTHER_RTT_PART 8u
#define WORTH_PERCENT 15u	/* of what the full one carries, or the guess: worth a longer round trip in any case */
#define WAIT_RTT_PERCENT 125u	/* who has two bandwidth-delay products on the way lets a round trip wait on average at most */
#define WAIT_SLACK_US (3 * MSEC)	/* and a burst */
#define IDLE_SECONDS 5u			/* CUBIC finds a link that is back within these; BBR looks for its round trip every ten */
#define WANTED_SECONDS 2u
#define LOOSE_SECONDS 3u		/* BBR sends next to nothing for 200 ms in every ten seconds */
#define WORSE_PERCENT 75u
#define WORSE_SECONDS 4u
#define BETTER_PERCENT 115u
#define REST_FIRST_US (60 * SEC)
#define REST_MOST_US (600 * SEC)
#define STEP_PERCENT 180u	/* of the least round trip that the sender knows: below the twice that it has on the way */
#define STEP_EVERY_US (11 * SEC)	/* it knows a least round trip for ten seconds */
#define MOVE_PART 20u		/* the stretch grows by so much of the time that passes: nothing stops meanwhile */
#define PAUSE_US (3 * SEC)	/* nobody looked for so long: nothing was sent */
#define QUIC_PORT 443u

/* ---- a second ---- */

static void begin_second(struct stretch *s, const struct stretch_path *paths, u32 n, u64 told, u64 now_us)
{
	s->told = told;
	s->second_us = now_us;
	s->looks = 0;
	s->waited_sum_us = 0;
	memset(s->spare, 0, sizeof(s->spare));
	for (u32 i = 0; i < STRETCH_MAX_PATHS; i++)
		s->carried_bytes[i] = i < n && paths[i].counts ? paths[i].carried_bytes : UINT64_MAX;
}

static void note(struct stretch *s, const struct stretch_path *paths, u32 n, u64 waited_us)
{
	s->looks++;
	s->waited_sum_us += waited_us;
	for (u32 i = 0; i < n; i++)
		s->spare[i] += paths[i].counts && paths[i].spare;
}

/* Bytes per second; of one that came or began anew in the midst of it nothing is known. */
static u64 carried(const struct stretch *s, const struct stretch_path *p, u32 i, u64 took_us)
{
	if (!p->counts || p->carried_bytes < s->carried_bytes[i])
		return 0;
	return (p->carried_bytes - s->carried_bytes[i]) * SEC / took_us;
}

static u64 carried_by_all(const struct stretch *s, const struct stretch_path *paths, u32 n, u64 took_us)
{
	u64 sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += carried(s, &paths[i], i, took_us);
	return sum;
}

static bool was_full(const struct stretch *s, const struct stretch_path *p, u32 i, u64 took_us, u32 percent)
{
	return p->counts && p->measured && carried(s, p, i, took_us) * 100 >= p->rate * percent;
}

static bool was_idle(const struct stretch *s, const struct stretch_path *p, u32 i, u64 took_us)
{
	u32 percent = s->goal_us ? LITTLE_PERCENT : IDLE_PERCENT;

	return p->counts && carried(s, p, i, took_us) * 100 < p->rate * percent && s->spare[i] * 100 >= s->looks * SPARE_PERCENT;
}

/* The nearest full path, NULL: none. */
static const struct stretch_path *nearest_full(const struct stretch *s, const struct stretch_path *paths, u32 n, u64 took_us)
{
	u32 percent = s->goal_us ? BUSY_PERCENT : FULL_PERCENT;
	const struct stretch_path *best = NULL;

	for (u32 i = 0; i < n; i++)
		if (was_full(s, &paths[i], i, took_us, percent) && (!best || paths[i].farther_us < best->farther_us))
			best = &paths[i];
	return best;
}

/* CUBIC lets more wait than BBR, and between two of its losses finds no path that is so thin. */
static bool is_worth_it(const struct stretch *s, const struct stretch_path *idle, const struct stretch_path *full)
{
	u64 most_us = (u64)(full->min_rtt_us + s->us) * WAIT_RTT_PERCENT / 100 + WAIT_SLACK_US;

	return idle->rate * 100 >= full->rate * WORTH_PERCENT || s->waited_sum_us / s->looks <= most_us;
}

static bool any_idle_beyond(const struct stretch *s, const struct stretch_path *paths, u32 n, const struct stretch_path *full, u64 took_us)
{
	u32 apart_us = MAX(full->min_rtt_us / FARTHER_RTT_PART, (u32)FARTHER_LEAST_US);

	for (u32 i = 0; i < n; i++)
		if (was_idle(s, &paths[i], i, took_us) && paths[i].farther_us >= full->farther_us + apart_us &&
		    is_worth_it(s, &paths[i], full))
			return true;
	return false;
}

/* Against what went before, until it has shown that it is a gain. */
static void judge_gain(struct stretch *s, u64 rate)
{
	s->worse_seconds = rate * 100 < s->before * WORSE_PERCENT ? s->worse_seconds + 1 : 0;
	s->better_seconds = rate * 100 > s->before * BETTER_PERCENT ? s->better_seconds + 1 : 0;
	if (s->better_seconds >= WORSE_SECONDS)
		s->before = s->pause_us = s->worse_seconds = 0;
}

static void judge_second(struct stretch *s, const struct stretch_path *paths, u32 n, u64 told, u64 now_us)
{
	u64 took_us = now_us - s->second_us;
	const struct stretch_path *full = nearest_full(s, paths, n, took_us);

	for (u32 i = 0; i < n; i++)
		if (was_full(s, &paths[i], i, took_us, FULL_PERCENT))
			s->full_us[i] = now_us;
	s->loose_seconds = full ? 0 : s->loose_seconds + 1;
	if (full && told == s->told && now_us >= s->not_before_us && any_idle_beyond(s, paths, n, full, took_us))
		s->idle_seconds++;
	else
		s->idle_seconds = 0;
	if (s->before)
		judge_gain(s, carried_by_all(s, paths, n, took_us));
}

/* ---- how far ---- */

static u32 least_rtt(const struct stretch_path *paths, u32 n)
{
	u32 least_us = UINT32_MAX;

	for (u32 i = 0; i < n; i++)
		if (paths[i].counts)
			least_us = MIN(least_us, paths[i].min_rtt_us);
	return least_us;
}

/* From the nearest to the farthest. */
static u32 difference(const struct stretch_path *paths, u32 n)
{
	u32 least_us = UINT32_MAX, most_us = 0;

	for (u32 i = 0; i < n; i++) {
		if (!paths[i].counts)
			continue;
		least_us = MIN(least_us, paths[i].farther_us);
		most_us = MAX(most_us, paths[i].farther_us);
	}
	return most_us > least_us ? most_us - least_us : 0;
}

static void end(struct stretch *s)
{
	s->us = s->goal_us = s->idle_seconds = s->worse_seconds = s->better_seconds = 0;
	s->before = 0;
}

/* Something else holds this sender down, and a longer round trip costs it. */
static void rest(struct stretch *s, u64 now_us)
{
	end(s);
	s->pause_us = s->pause_us ? MIN(2 * s->pause_us, REST_MOST_US) : REST_FIRST_US;
	s->not_before_us = now_us + s->pause_us;
}

/* All are equally far, the sender knows it by now, and still leaves one idle. */
static bool was_in_vain(const struct stretch *s, const struct stretch_path *paths, u32 n, u64 now_us)
{
	return s->goal_us && s->goal_us == difference(paths, n) && s->idle_seconds >= IDLE_SECONDS &&
	       now_us - s->step_us >= 2 * STEP_EVERY_US;
}

static void step(struct stretch *s, const struct stretch_path *paths, u32 n, u64 now_us)
{
	u64 rtt_us = least_rtt(paths, n);

	if (s->loose_seconds >= LOOSE_SECONDS)
		end(s);
	if (s->worse_seconds >= WORSE_SECONDS || was_in_vain(s, paths, n, now_us))
		rest(s, now_us);
	if (s->idle_seconds < IDLE_SECONDS || (s->goal_us && now_us - s->step_us < STEP_EVERY_US) || s->goal_us == difference(paths, n))
		return;
	if (!s->goal_us)
		s->before = carried_by_all(s, paths, n, now_us - s->second_us);
	s->goal_us = (u32)MIN((rtt_us + s->goal_us) * STEP_PERCENT / 100 - rtt_us, (u64)difference(paths, n));
	s->step_us = now_us;
}

/* A path that is left out, or silent, for a moment does not undo what took half a minute. */
static void mind_difference(struct stretch *s, const struct stretch_path *paths, u32 n, u64 now_us)
{
	u32 difference_us = difference(paths, n);

	if (difference_us >= s->goal_us)
		s->far_us = now_us;
	else if (now_us - s->far_us >= PAUSE_US)
		s->goal_us = difference_us;
}

static void move(struct stretch *s, u64 now_us)
{
	u64 most_us = s->us + (now_us - s->moved_us) / MOVE_PART;

	if (most_us == s->us && s->us < s->goal_us)
		return;
	s->us = (u32)MIN(most_us, (u64)s->goal_us);
	s->moved_us = now_us;
}

static void begin(struct stretch *s, const struct stretch_path *paths, u32 n, u64 told, u64 now_us)
{
	*s = (struct stretch){ .moved_us = now_us, .far_us = now_us, .pause_us = s->pause_us, .not_before_us = s->not_before_us };
	begin_second(s, paths, n, told, now_us);
}

void stretch_look(struct stretch *s, const struct stretch_path *paths, u32 n, u64 told, u64 waited_us, u64 now_us)
{
	if (!s->second_us || now_us - s->second_us >= PAUSE_US)
		begin(s, paths, n, told, now_us);
	note(s, paths, n, waited_us);
	if (now_us - s->second_us >= SEC) {
		judge_second(s, paths, n, told, now_us);
		step(s, paths, n, now_us);
		begin_second(s, paths, n, told, now_us);
	}
	mind_difference(s, paths, n, now_us);
	move(s, now_us);
}

/* ---- what others ask ---- */

u32 stretch_now(const struct stretch *s, u64 now_us)
{
	return now_us - s->second_us < PAUSE_US ? s->us : 0;
}

bool stretch_is_wanted(const struct stretch *s)
{
	return s->idle_seconds >= WANTED_SECONDS || s->goal_us;
}

bool stretch_is_full(const struct stretch *s, u32 i, u64 now_us)
{
	return s->full_us[i] && now_us - s->full_us[i] < PAUSE_US;
}

void stretch_forget(struct stretch *s, u32 i)
{
	s->full_us[i] = 0;
	s->carried_bytes[i] = UINT64_MAX;
}

bool stretch_suits(const struct tg_flow *f)
{
	return f->protocol == TG_PROTO_TCP || (f->protocol == TG_PROTO_UDP && (f->sport == QUIC_PORT || f->dport == QUIC_PORT));
}
