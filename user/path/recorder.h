// SPDX-License-Identifier: MIT
/* recorder.h - flight recorder: the last minute of a session, a row every 10 ms
 *
 *   row     0   1   2   3 ...                   a row: its time, the session, which paths have a sample
 *   path 0  #   #   #   #                       a lane: the samples of one path, in the places of the rows
 *   path 3          #   #                       it came later; a lane is made with its first sample
 *
 * A ring of rows; a row exists only where one was taken, so an idle hour costs nothing and shows as a gap between
 * two times. Counters go in as totals and are kept as what was added since the row before.
 */
#ifndef TG_PATH_RECORDER_H
#define TG_PATH_RECORDER_H

#include "base/types.h"

#define RECORDER_INTERVAL_US (10 * MSEC)
#define RECORDER_SPAN_US (60 * SEC)
#define RECORDER_ROWS 6000u
#define RECORDER_PATHS 16u
#define RECORDER_NAME_BYTES 16u
#define RECORDER_UNKNOWN UINT32_MAX	/* a level nobody measures */
#define RECORDER_NO_TOTAL UINT64_MAX	/* a total nobody counts */
#define RECORDER_UNKNOWN_SMALL UINT16_MAX	/* the same, as 16 bits keep it */

/* ---- what goes in ---- */

/* A path now. Totals since it began; one that runs backwards has begun anew. */
struct recorder_path {
	u64 sent_bytes, acked_bytes, received_bytes, lost_packets;
	u32 rate_bytes;		/* estimate of what it can carry, per second */
	u32 pacing_bytes;	/* per second */
	u32 in_flight_bytes;
	u32 srtt_us;
	u32 queue_us;		/* delay above the least of late */
	u32 delay_us;		/* one way, against an offset that is the same on all paths */
	u8 state;		/* the engine's own number for it */
};

/* The session now. */
struct recorder_session {
	u64 carried_bytes, delivered_bytes;	/* totals of inner packets, into the tunnel and out of it */
	u64 holes_filled, holes_expired, late;	/* totals of the order restored here */
	u64 repairs, copies;			/* totals: sent again; sent twice on purpose */
	u32 held_packets;			/* wait for a hole */
	u32 queue_packets, queue_bytes, queue_us;	/* wait to be sent; how long the head has waited */
};

/* ---- what is kept ---- */

struct recorder_sample {
	u32 sent_bytes, acked_bytes, received_bytes;	/* since the row before */
	u32 rate_bytes, pacing_bytes;
	u32 in_flight_bytes;
	u32 srtt_us, queue_us, delay_us;
	u16 lost_packets;	/* since the row before */
	u8 state;
	u8 padding;
};
_Static_assert(sizeof(struct recorder_sample) <= 40, "16 paths of 6000 samples stay below 4 MB");

struct recorder_row {
	u64 time_us;
	u32 carried_bytes, delivered_bytes;	/* since the row before, as all in the next line */
	u16 holes_filled, holes_expired, late, repairs, copies;
	u16 paths;		/* bit per path that has a sample here */
	u32 queue_bytes, queue_us;
	u16 held_packets, queue_packets;
};
_Static_assert(sizeof(struct recorder_row) <= 48, "rows are a third of what one path costs");

struct recorder;

/* An empty recorder: about 300 KB, and 240 KB for each path that ever gets a sample. NULL: no memory. */
struct recorder *recorder_new(void);
void recorder_free(struct recorder *r);		/* NULL is fine */

/* Begins the row of this moment; over the oldest when all are in use. Times only grow. */
void recorder_take(struct recorder *r, u64 now_us, const struct recorder_session *session);

/* Adds a path (id < RECORDER_PATHS) to that row. Samples of another name under the same id are forgotten. Without
 * memory for a new lane there is no sample. */
void recorder_add(struct recorder *r, u32 id, const char name[RECORDER_NAME_BYTES], const struct recorder_path *path);

/* ---- reading, oldest first ---- */

/* How many rows there are within RECORDER_SPAN_US of the newest. */
u32 recorder_rows(const struct recorder *r);

/* Row i of them (0: oldest), and what path `id` did then; NULL: it has no sample there. */
const struct recorder_row *recorder_row(const struct recorder *r, u32 i);
const struct recorder_sample *recorder_sample(const struct recorder *r, u32 i, u32 id);

/* Name of the path in this lane; NULL: it never had a sample. */
const char *recorder_name(const struct recorder *r, u32 id);

/* A copy of its own, for another thread. NULL: no memory. */
struct recorder *recorder_copy(const struct recorder *r);

#endif
