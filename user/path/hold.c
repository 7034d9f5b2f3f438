// SPDX-License-Identifier: MIT
/* hold.c - how long bulk is held back on near paths, for senders that keep what they send by the least round trip they saw */
#include "path/hold.h"

#include <string.h>

#define FULL_PERCENT 80u	/* of what a path carries: BBR sends a little less than came through at best */
#define BUSY_PERCENT 50u	/* while something is held back this is full enough */
#define IDLE_PERCENT 10u	/* of what a path carries, at most: it is idle */
#define LITTLE_PERCENT 50u	/* and while something is held back for it, so much is too little */
#define SPARE_PERCENT 90u	/* of the looks at one that is idle */
#define FARTHER_LEAST_US (5 * MSEC)	/* a sender that probes makes a queue of a quarter of its round trip: what is closer, it uses */
#define FARTHER_RTT_PART 8u
#define IDLE_SECONDS 5u			/* CUBIC finds a link that is back within these; BBR looks for its round trip every ten */
#define LOOSE_SECONDS 3u		/* BBR sends next to nothing for 200 ms in every ten seconds */
#define STEP_PERCENT 180u	/* of the least round trip that the sender knows: below the twice that it has on the way */
#define STEP_EVERY_US (11 * SEC)	/* it knows a least round trip for ten seconds */
#define MOVE_PART 20u		/* the hold grows by so much of the time that passes: nothing stops meanwhile */
#define PAUSE_US (3 * SEC)	/* nobody looked for so long: nothing was sent */

static void begin_second(struct hold *h, const struct hold_path *paths, u32 n, u64 told, u64 now_us)
{
	h->told = told;
	h->second_us = now_us;
	h->looks = 0;
	memset(h->spare, 0, sizeof(h->spare));
	for (u32 i = 0; i < n; i++)
		h->carried_bytes[i] = paths[i].counts ? paths[i].carried_bytes : 0;
}

static void note(struct hold *h, const struct hold_path *paths, u32 n)
{
	h->looks++;
	for (u32 i = 0; i < n; i++)
		h->spare[i] += paths[i].counts && paths[i].spare;
}

/* Bytes per second. */
static u64 carried(const struct hold *h, const struct hold_path *p, u32 i, u64 took_us)
{
	return (p->carried_bytes - h->carried_bytes[i]) * SEC / took_us;
}

static bool was_full(const struct hold *h, const struct hold_path *p, u32 i, u64 took_us, u32 percent)
{
	return p->counts && carried(h, p, i, took_us) * 100 >= p->rate * percent;
}

static bool was_idle(const struct hold *h, const struct hold_path *p, u32 i, u64 took_us)
{
	u32 percent = h->goal_us ? LITTLE_PERCENT : IDLE_PERCENT;

	return p->counts && carried(h, p, i, took_us) * 100 < p->rate * percent && h->spare[i] * 100 >= h->looks * SPARE_PERCENT;
}

/* The nearest full path, NULL: none. */
static const struct hold_path *nearest_full(const struct hold *h, const struct hold_path *paths, u32 n, u64 took_us)
{
	u32 percent = h->goal_us ? BUSY_PERCENT : FULL_PERCENT;
	const struct hold_path *best = NULL;

	for (u32 i = 0; i < n; i++)
		if (was_full(h, &paths[i], i, took_us, percent) && (!best || paths[i].farther_us < best->farther_us))
			best = &paths[i];
	return best;
}

static bool any_idle_beyond(const struct hold *h, const struct hold_path *paths, u32 n, const struct hold_path *full, u64 took_us)
{
	u32 apart_us = MAX(full->min_rtt_us / FARTHER_RTT_PART, (u32)FARTHER_LEAST_US);

	for (u32 i = 0; i < n; i++)
		if (was_idle(h, &paths[i], i, took_us) && paths[i].farther_us >= full->farther_us + apart_us)
			return true;
	return false;
}

static void note_full(struct hold *h, const struct hold_path *paths, u32 n, u64 took_us, u64 now_us)
{
	for (u32 i = 0; i < n; i++)
		if (was_full(h, &paths[i], i, took_us, FULL_PERCENT))
			h->full_us[i] = now_us;
}

static void judge_second(struct hold *h, const struct hold_path *paths, u32 n, u64 told, u64 now_us)
{
	u64 took_us = now_us - h->second_us;
	const struct hold_path *full = nearest_full(h, paths, n, took_us);

	note_full(h, paths, n, took_us, now_us);
	h->loose_seconds = full ? 0 : h->loose_seconds + 1;
	if (full && told == h->told && any_idle_beyond(h, paths, n, full, took_us))
		h->idle_seconds++;
	else
		h->idle_seconds = 0;
}

static u32 least_rtt(const struct hold_path *paths, u32 n)
{
	u32 least_us = UINT32_MAX;

	for (u32 i = 0; i < n; i++)
		if (paths[i].counts)
			least_us = MIN(least_us, paths[i].min_rtt_us);
	return least_us;
}

static u32 farthest(const struct hold_path *paths, u32 n)
{
	u32 most_us = 0;

	for (u32 i = 0; i < n; i++)
		if (paths[i].counts)
			most_us = MAX(most_us, paths[i].farther_us);
	return most_us;
}

static void step(struct hold *h, const struct hold_path *paths, u32 n, u64 now_us)
{
	u64 rtt_us = least_rtt(paths, n);

	if (h->loose_seconds >= LOOSE_SECONDS)
		h->hold_us = h->goal_us = 0;
	if (h->idle_seconds < IDLE_SECONDS || (h->goal_us && now_us - h->step_us < STEP_EVERY_US))
		return;
	h->goal_us = (u32)MIN((rtt_us + h->goal_us) * STEP_PERCENT / 100 - rtt_us, (u64)farthest(paths, n));
	h->step_us = now_us;
}

static void move(struct hold *h, u64 now_us)
{
	u64 most_us = h->hold_us + (now_us - h->moved_us) / MOVE_PART;

	if (most_us == h->hold_us && h->hold_us < h->goal_us)
		return;
	h->hold_us = (u32)MIN(most_us, (u64)h->goal_us);
	h->moved_us = now_us;
}

bool hold_is_wanted(const struct hold *h)
{
	return h->idle_seconds || h->goal_us;
}

bool hold_is_full(const struct hold *h, u32 i, u64 now_us)
{
	return h->full_us[i] && now_us - h->full_us[i] < PAUSE_US;
}

u32 hold_look(struct hold *h, const struct hold_path *paths, u32 n, u64 told, u64 now_us)
{
	u32 most_us = farthest(paths, n);

	if (!h->second_us || now_us - h->second_us >= PAUSE_US) {
		*h = (struct hold){ .moved_us = now_us };
		begin_second(h, paths, n, told, now_us);
	}
	h->goal_us = MIN(h->goal_us, most_us);
	note(h, paths, n);
	if (now_us - h->second_us >= SEC) {
		judge_second(h, paths, n, told, now_us);
		step(h, paths, n, now_us);
		begin_second(h, paths, n, told, now_us);
	}
	move(h, now_us);
	return h->hold_us;
}
