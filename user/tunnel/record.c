// SPDX-License-Identifier: MIT
/* record.c - what the flight recorder writes down of a client's session, and when
 *
 * A row every 10 ms while inner packets move, and for a few seconds after a path changed its state: what followed
 * an outage is the interesting half. Otherwise the recorder asks for no tick. Servers record nothing.
 */
#include "tunnel/internal.h"

#define LINGER_US (500 * MSEC)		/* after the last inner packet */
#define AFTERMATH_US (8 * SEC)		/* after a path changed its state */

/* ---- what is written down ---- */

/* A level or total that the engine does not have is RECORDER_UNKNOWN or RECORDER_NO_TOTAL here; the day it has one, its
 * line in one of these two tables is all that changes. */

/* A path that is not up has no rate and no delay now, only remembered ones. */
static struct recorder_path path_levels(const struct path *p)
{
	const struct rtt *rtt = &p->rtt;
	const struct delay *delay = &p->delay;
	bool measured = p->state == TUNNEL_PATH_UP && rtt->any;
	bool estimated = p->state == TUNNEL_PATH_UP && p->rate.measured;

	return (struct recorder_path){
		.sent_bytes = p->sent_bytes,
		.acked_bytes = p->sent.delivered_bytes,
		.received_bytes = p->received_bytes,
		.lost_packets = p->sent.lost_packets,
		.rate_bytes = estimated ? (u32)MIN(rate_estimate(&p->rate), RECORDER_UNKNOWN - 1) : RECORDER_UNKNOWN,
		.pacing_bytes = p->pace ? (u32)MIN(p->pace, RECORDER_UNKNOWN - 1) : RECORDER_UNKNOWN,
		.in_flight_bytes = (u32)MIN(p->sent.in_flight_bytes, RECORDER_UNKNOWN - 1),
		.srtt_us = measured ? rtt->srtt_us : RECORDER_UNKNOWN,
		.queue_us = measured && delay->any ? delay_queue_us(delay) : RECORDER_UNKNOWN,
		.delay_us = measured && delay->any ? delay->latest_us : RECORDER_UNKNOWN,
		.state = (u8)p->state,
	};
}

static struct recorder_session session_levels(const struct session *s)
{
	return (struct recorder_session){
		.carried_bytes = s->carried_bytes,
		.delivered_bytes = s->delivered_bytes,
		.holes_filled = s->reorder.gaps_filled,
		.holes_expired = s->reorder.gaps_expired,
		.late = s->reorder.late,
		.repairs = s->repaired,
		.copies = s->copied,
		.held_packets = s->reorder.held,
		.queue_packets = s->queue.packets + s->line.count + s->again.count,
		.queue_bytes = (u32)s->queue.bytes,
		.queue_us = (u32)queue_bulk_head_age(&s->queue, s->tunnel->now_us),
	};
}

/* ---- when ---- */

static bool is_recording(const struct tunnel *t)
{
	const struct session *s = t->session;

	if (t->set.server || !s || !s->last_traffic_us)
		return false;
	return t->now_us < s->last_traffic_us + LINGER_US || t->now_us < t->record.until_us;
}

u64 record_due_us(const struct tunnel *t)
{
	return is_recording(t) ? t->record.due_us : TIME_NEVER;
}

/* That a path came up for the first time is no outage. */
static void note_state(struct tunnel *t, u32 id, u8 state)
{
	if (t->record.states[id] != state && t->record.states[id] != TUNNEL_PATH_CONNECTING)
		t->record.until_us = t->now_us + AFTERMATH_US;
	t->record.states[id] = state;
}

static void take_row(struct tunnel *t, struct recorder *r)
{
	struct recorder_session session = session_levels(t->session);

	recorder_take(r, t->now_us, &session);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct recorder_path path;

		if (!t->uplinks[i])
			continue;
		path = path_levels(t->uplinks[i]);
		recorder_add(r, i, t->uplinks[i]->name, &path);
		note_state(t, i, path.state);
	}
}

void record_tick(struct tunnel *t)
{
	if (!is_recording(t) || t->now_us < t->record.due_us)
		return;
	t->record.due_us = t->now_us + RECORDER_INTERVAL_US;
	if (!t->record.recorder)
		t->record.recorder = recorder_new();	/* with the first traffic; without memory the next row tries again */
	if (t->record.recorder)
		take_row(t, t->record.recorder);
}

struct recorder *tunnel_record(const struct tunnel *t)
{
	return t->record.recorder ? recorder_copy(t->record.recorder) : NULL;
}
