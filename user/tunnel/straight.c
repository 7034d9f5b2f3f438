// SPDX-License-Identifier: MIT
/* straight.c - one open path: nothing to choose, nothing to wait for, nothing to keep */
#include "tunnel/view.h"

static struct path *only_path(const struct session *s)
{
	struct path *only = NULL;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct path *p = s->paths[i];

		if (!p || path_tier(p) == SCHED_TIER_OUT)
			continue;
		if (only)
			return NULL;
		only = p;
	}
	return only;
}

u32 session_goes_straight(const struct session *s)
{
	struct path *p = only_path(s);

	if (!p || p->state != TUNNEL_PATH_UP || session_waits(s) || p->parity.covers || !path_is_near(p) ||
	    limits_pace(p, rate_pace(&p->rate, true)))
		return 0;
	return rate_window(&p->rate, true) == UINT64_MAX ? MIN(view_inner_most(s, p), UINT16_MAX) : 0;
}

struct path *session_begin_straight(struct session *s)
{
	struct path *p = only_path(s);

	p->pace = 0;
	sent_app_limited(&p->sent);	/* whether it could carry more, nobody knows */
	return p;
}

void session_send_straight(struct path *p, struct buf *b)
{
	b->order = TG_ORDER_NONE;
	if (!send_packet(p, b, 0, 0, false))
		buf_put(b);
}
