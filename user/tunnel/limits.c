// SPDX-License-Identifier: MIT
/* limits.c - what a path may carry by the word of who pays for it: a rate it never exceeds, and a quota
 *
 *   client: tunnel_path_limit() --LIMITS, on the path it is about--> server obeys for its direction
 *                    ^                                                  |
 *                    +------- the same back; until then it is told again +
 *
 * A path whose quota is used up is "spent": it keeps its keys and its NAT binding, and carries packets only when no other path is
 * left. Each end counts both directions; the client, whose quota it is, tells the server when it is reached.
 */
#include "tunnel/internal.h"

#define RATE_LEAST 1000u		/* bytes/s: less would only look like a dead path */
#define TELL_FIRST_US (250 * MSEC)	/* again after this, then after twice as long, and so on */
#define NEARLY_PERCENT 75u	/* a path that carries so much of its limit is sent on at it: there is no more to find */
#define TELL_DOUBLINGS 6u

static u64 used(const struct path *p)
{
	return p->wire_bytes;
}

bool limits_spent(const struct path *p)
{
	return p->limits.has_quota && used(p) >= p->limits.quota_end;
}

u64 limits_left(const struct path *p)
{
	if (!p->limits.has_quota)
		return TG_QUOTA_NONE;
	return limits_spent(p) ? 0 : p->limits.quota_end - used(p);
}

u64 limits_rate(const struct path *p, u64 bytes_per_second)
{
	return p->limits.rate ? MIN(p->limits.rate, bytes_per_second) : bytes_per_second;
}

u64 limits_pace(const struct path *p, u64 pace)
{
	u64 rate = p->limits.rate;
	bool queues = delay_queue_us(&p->delay) > rate_queue_allowed_us(&p->rate);

	if (!rate || !pace || (!queues && pace >= rate * NEARLY_PERCENT / 100))
		return rate ? rate : pace;
	return MIN(pace, rate);
}

/* ---- the client's side ---- */

void limits_tell(struct path *p)
{
	struct path_limits *l = &p->limits;

	if (p->tunnel->set.server || (!l->rate && !l->has_quota && !l->said))
		return;
	l->tell_due_us = p->tunnel->now_us;
	l->tells = 0;
	l->unconfirmed = true;
	if (p->session)
		session_touch(p->session);
}

static void tell(struct path *p)
{
	struct path_limits *l = &p->limits;
	struct frames f = { 0 };

	l->said_rate = l->rate;
	l->said_left = limits_left(p);
	l->said = true;
	l->tell_due_us = p->tunnel->now_us + (TELL_FIRST_US << MIN(l->tells, TELL_DOUBLINGS));
	l->tells++;
	frames_add_limits(&f, l->said_rate, l->said_left);
	control_send(p, &f, NULL);
}

static void note_spent(struct path *p)
{
	const struct tunnel_events *events = p->tunnel->events;
	struct tunnel_path_info info;

	p->limits.was_spent = limits_spent(p);
	limits_tell(p);
	if (!events->path_changed)
		return;
	path_info(p, &info);
	events->path_changed(p->tunnel->ctx, &info, p->limits.was_spent ? "its quota is used up" : "its quota is renewed");
}

static bool may_tell(const struct path *p)
{
	return p->limits.unconfirmed && p->state == TUNNEL_PATH_UP;
}

void limits_tick(struct path *p)
{
	if (p->tunnel->set.server)
		return;
	if (limits_spent(p) != p->limits.was_spent)
		note_spent(p);
	if (may_tell(p) && p->tunnel->now_us >= p->limits.tell_due_us)
		tell(p);
}

u64 limits_due_us(const struct path *p)
{
	if (p->tunnel->set.server)
		return TIME_NEVER;
	if (limits_spent(p) != p->limits.was_spent)
		return p->tunnel->now_us;
	return may_tell(p) ? p->limits.tell_due_us : TIME_NEVER;
}

static void set_limits(struct path *p, u64 rate, u64 left)
{
	u64 was = p->limits.rate;

	p->limits.rate = rate ? MAX(rate, RATE_LEAST) : 0;
	if (was && (!p->limits.rate || p->limits.rate > was))
		rate_reopen(&p->rate, p->tunnel->now_us);
	p->limits.has_quota = left != TG_QUOTA_NONE;
	p->limits.quota_end = left < TG_QUOTA_NONE - used(p) ? used(p) + left : TG_QUOTA_NONE;
}

/* Has what the peer counts on changed by more than an eighth? */
static bool moved(u64 was_end, u64 end, u64 left)
{
	return MAX(was_end, end) - MIN(was_end, end) > left / 8;
}

void limits_set(struct path *p, u64 rate, u64 left)
{
	struct path_limits was = p->limits;

	set_limits(p, rate, left);
	if (p->limits.rate != was.rate || p->limits.has_quota != was.has_quota ||
	    (was.has_quota && moved(was.quota_end, p->limits.quota_end, left)))
		limits_tell(p);
}

u64 tunnel_path_used(const struct tunnel *t, u32 link)
{
	const struct path *p = path_of_link(t, link);

	return p ? used(p) : 0;
}

/* ---- LIMITS comes in ---- */

void limits_received(struct path *p, u64 rate, u64 left)
{
	struct path_limits *l = &p->limits;
	struct frames f = { 0 };

	if (!p->tunnel->set.server) {
		if (rate == l->said_rate && left == l->said_left)
			l->unconfirmed = false;
		return;
	}
	set_limits(p, rate, left);
	frames_add_limits(&f, rate, left);
	control_send(p, &f, NULL);
}
