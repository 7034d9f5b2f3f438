// SPDX-License-Identifier: MIT
/* recorder.c - flight recorder: the last minute of a session, a row every 10 ms
 *
 * Rows and lanes share their places: row n of the ring and sample n of every lane belong together. Owned by one
 * worker; no locks. Who wants to read elsewhere takes a copy along.
 */
#include "path/recorder.h"

#include <stdlib.h>
#include <string.h>

struct lane {
	char name[RECORDER_NAME_BYTES];
	struct recorder_path last;		/* totals as of its last sample */
	struct recorder_sample *samples;	/* RECORDER_ROWS of them; NULL: the lane is not in use */
};

struct recorder {
	u32 next;			/* place of the next row */
	u32 count;			/* rows in use */
	struct recorder_session last;	/* totals as of the last row */
	struct lane lanes[RECORDER_PATHS];
	struct recorder_row rows[RECORDER_ROWS];
};

struct recorder *recorder_new(void)
{
	return calloc(1, sizeof(struct recorder));
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	for (u32 i = 0; i < RECORDER_PATHS; i++)
		free(r->lanes[i].samples);
	free(r);
}

/* ---- taking ---- */

/* The largest values stand for "unknown". */
static u32 wide(u64 value)
{
	return (u32)MIN(value, RECORDER_UNKNOWN - 1);
}

static u16 small(u64 value)
{
	return (u16)MIN(value, RECORDER_UNKNOWN_SMALL - 1);
}

static u16 small_level(u32 value)
{
	return value == RECORDER_UNKNOWN ? RECORDER_UNKNOWN_SMALL : small(value);
}

static u64 added(u64 now, u64 before)
{
	return now >= before ? now - before : now;
}

static u16 small_added(u64 now, u64 before)
{
	return now == RECORDER_NO_TOTAL ? RECORDER_UNKNOWN_SMALL : small(added(now, before));
}

/* The row a moment ago, or the one about to be written. */
static struct recorder_row *newest(struct recorder *r)
{
	return &r->rows[(r->next + RECORDER_ROWS - 1) % RECORDER_ROWS];
}

void recorder_take(struct recorder *r, u64 now_us, const struct recorder_session *s)
{
	const struct recorder_session *last = r->count ? &r->last : s;	/* totals may have begun long before */

	r->rows[r->next] = (struct recorder_row){
		.time_us = now_us,
		.carried_bytes = wide(added(s->carried_bytes, last->carried_bytes)),
		.delivered_bytes = wide(added(s->delivered_bytes, last->delivered_bytes)),
		.holes_filled = small_added(s->holes_filled, last->holes_filled),
		.holes_expired = small_added(s->holes_expired, last->holes_expired),
		.late = small_added(s->late, last->late),
		.repairs = small_added(s->repairs, last->repairs),
		.copies = small_added(s->copies, last->copies),
		.held_packets = small_level(s->held_packets),
		.queue_packets = small_level(s->queue_packets),
		.queue_bytes = s->queue_bytes,
		.queue_us = s->queue_us,
	};
	r->last = *s;
	r->next = (r->next + 1) % RECORDER_ROWS;
	r->count = MIN(r->count + 1, RECORDER_ROWS);
}

static void forget(struct recorder *r, u32 id)
{
	for (u32 i = 0; i < RECORDER_ROWS; i++)
		r->rows[i].paths &= (u16)~(1u << id);
}

/* The lane of this path, made or taken over when need be. NULL: no memory. */
static struct lane *lane_for(struct recorder *r, u32 id, const char *name, const struct recorder_path *p)
{
	struct lane *lane = &r->lanes[id];

	if (lane->samples && !strncmp(lane->name, name, RECORDER_NAME_BYTES))
		return lane;
	if (lane->samples)
		forget(r, id);
	else
		lane->samples = calloc(RECORDER_ROWS, sizeof(*lane->samples));
	if (!lane->samples)
		return NULL;
	memcpy(lane->name, name, strnlen(name, RECORDER_NAME_BYTES - 1) + 1);
	lane->name[RECORDER_NAME_BYTES - 1] = '\0';
	lane->last = *p;
	return lane;
}

void recorder_add(struct recorder *r, u32 id, const char name[RECORDER_NAME_BYTES], const struct recorder_path *p)
{
	struct lane *lane = lane_for(r, id, name, p);
	struct recorder_row *row = newest(r);

	if (!lane)
		return;
	lane->samples[row - r->rows] = (struct recorder_sample){
		.sent_bytes = wide(added(p->sent_bytes, lane->last.sent_bytes)),
		.acked_bytes = wide(added(p->acked_bytes, lane->last.acked_bytes)),
		.received_bytes = wide(added(p->received_bytes, lane->last.received_bytes)),
		.lost_packets = small(added(p->lost_packets, lane->last.lost_packets)),
		.rate_bytes = p->rate_bytes,
		.pacing_bytes = p->pacing_bytes,
		.in_flight_bytes = p->in_flight_bytes,
		.srtt_us = p->srtt_us,
		.queue_us = p->queue_us,
		.delay_us = p->delay_us,
		.state = p->state,
	};
	row->paths |= (u16)(1u << id);
	lane->last = *p;
}

/* ---- reading ---- */

static u32 place(const struct recorder *r, u32 back)
{
	return (r->next + 2 * RECORDER_ROWS - back) % RECORDER_ROWS;
}

u32 recorder_rows(const struct recorder *r)
{
	u32 few = 0, many = r->count;
	u64 end;

	if (!r->count)
		return 0;
	end = r->rows[place(r, 1)].time_us;
	/* Times grow, so the border between young and old is found by halving. */
	while (few < many) {
		u32 middle = (few + many + 1) / 2;

		if (end - r->rows[place(r, middle)].time_us <= RECORDER_SPAN_US)
			few = middle;
		else
			many = middle - 1;
	}
	return few;
}

const struct recorder_row *recorder_row(const struct recorder *r, u32 i)
{
	return &r->rows[place(r, recorder_rows(r) - i)];
}

const struct recorder_sample *recorder_sample(const struct recorder *r, u32 i, u32 id)
{
	const struct recorder_row *row = recorder_row(r, i);

	return row->paths >> id & 1 ? &r->lanes[id].samples[row - r->rows] : NULL;
}

const char *recorder_name(const struct recorder *r, u32 id)
{
	return r->lanes[id].samples ? r->lanes[id].name : NULL;
}

struct recorder *recorder_copy(const struct recorder *r)
{
	struct recorder *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *r;
	for (u32 i = 0; i < RECORDER_PATHS; i++)
		copy->lanes[i].samples = NULL;
	for (u32 i = 0; i < RECORDER_PATHS; i++) {
		if (!r->lanes[i].samples)
			continue;
		copy->lanes[i].samples = malloc(RECORDER_ROWS * sizeof(struct recorder_sample));
		if (!copy->lanes[i].samples) {
			recorder_free(copy);
			return NULL;
		}
		memcpy(copy->lanes[i].samples, r->lanes[i].samples, RECORDER_ROWS * sizeof(struct recorder_sample));
	}
	return copy;
}
