// SPDX-License-Identifier: MIT
/* roam.c - a known path turns up at a new address
 *
 * A NAT that forgot its mapping looks just like somebody who copies our packets and races the originals. So the
 * proven address stays in use while both addresses are asked, each with its own token:
 *
 *   the old one answers in time     it lives: stay, and ignore the other for a while
 *   only the new one answers        the path has moved
 *   neither                         stay; the next datagram asks again
 */
#include "tunnel/internal.h"

#include <string.h>

#define AMPLIFICATION 3u	/* at most so many times the bytes that came from an unproved address go there */
#define ANSWER_LIMIT_US (3 * SEC)
#define REFUSE_US (30 * SEC)

/* How long the old address gets once the new one has answered. */
static u64 grace_us(const struct path *p)
{
	return p->rtt.any ? p->rtt.srtt_us / 2 + 4ULL * p->rtt.rttvar_us + 20 * MSEC : 50 * MSEC;
}

static void ask(struct path *p)
{
	struct roam *r = &p->roam;
	struct frames f = { 0 };
	u32 cost = TG_HEADER_BYTES + TG_TAG_BYTES + 11;	/* one frame with a token */

	frames_add_challenge(&f, r->old_token);
	control_send(p, &f, NULL);
	if (r->sent_bytes + cost > AMPLIFICATION * r->received_bytes)
		return;
	r->sent_bytes += cost;
	f = (struct frames){ 0 };
	frames_add_challenge(&f, r->new_token);
	control_send(p, &f, &r->where);
}

static void begin(struct path *p, const struct datagrams *run)
{
	struct tunnel *t = p->tunnel;

	p->roam = (struct roam){
		.active = true,
		.where = run->where,
		.new_token = rand_u64(t->random),
		.old_token = rand_u64(t->random),
		.began_us = t->now_us,
		.decide_us = t->now_us + ANSWER_LIMIT_US,
		.refused = p->roam.refused,
		.refused_until_us = p->roam.refused_until_us,
	};
}

/* Called for every authentic datagram of a server's path. Only the newest number can speak for a new address. */
void roam_seen(struct path *p, const struct datagrams *run, u64 number, u32 bytes)
{
	struct roam *r = &p->roam;

	if (endpoint_equal(&run->where, &p->where)) {
		p->where.local = run->where.local;
		return;
	}
	if (r->active && endpoint_equal(&run->where, &r->where)) {
		r->received_bytes += bytes;
		return;
	}
	if (number < p->largest_received)
		return;
	if (p->tunnel->now_us < r->refused_until_us && endpoint_equal(&run->where, &r->refused))
		return;
	if (r->active && p->tunnel->now_us - r->began_us < 20 * MSEC)
		return;		/* one question at a time */
	begin(p, run);
	r->received_bytes = bytes;
	ask(p);
}

static void move(struct path *p)
{
	p->where = p->roam.where;
	p->roam.active = false;
	mtu_begin(p);
	p->tunnel->counters.migrations++;
	path_doubt(p, "moved to a new address");	/* what was out went to the old one; from the new one an answer has come */
	control_ping(p);
}

static void stay(struct path *p)
{
	struct roam *r = &p->roam;

	r->active = false;
	r->refused = r->where;
	r->refused_until_us = p->tunnel->now_us + REFUSE_US;
}

void roam_response(struct path *p, u64 token, const struct endpoint *from)
{
	struct roam *r = &p->roam;

	if (!r->active)
		return;
	if (token == r->old_token) {
		stay(p);
	} else if (token == r->new_token && endpoint_equal(from, &r->where) && !r->new_answered) {
		r->new_answered = true;
		r->decide_us = MIN(r->decide_us, MAX(r->began_us + grace_us(p), p->tunnel->now_us + grace_us(p) / 2));
	}
}

void roam_tick(struct path *p)
{
	struct roam *r = &p->roam;

	if (!r->active || p->tunnel->now_us < r->decide_us)
		return;
	if (r->new_answered)
		move(p);
	else
		r->active = false;
}

u64 roam_due_us(const struct path *p)
{
	return p->roam.active ? p->roam.decide_us : TIME_NEVER;
}
