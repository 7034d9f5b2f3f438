// SPDX-License-Identifier: MIT
/* check.h - what must hold at every step of every simulation, whatever the links do
 *
 * - no inner packet is delivered twice, changed, or invented (flow.c sees that)
 * - no packet number is used twice under a key, as far as the header on the wire tells
 * - of packets with an order word one comes after a later one of its flow only if the engine counted it late
 * - bufs come back; what is in flight on a path is bounded
 * - a path with a measured rate is not handed a multiple of it
 * - a flow with something to send gets on while any link is up
 */
#ifndef TG_TESTS_SIM_CHECK_H
#define TG_TESTS_SIM_CHECK_H

#include "base/map.h"
#include "sim/event.h"

#define CHECK_LINKS 8u
#define CHECK_TEXT 160u
#define CHECK_KEPT 6u

struct sim;

struct check {
	struct sim *sim;
	struct map numbers;		/* direction and receiver index -> struct numbers */
	struct event tick;
	u64 pace_bytes[2][CHECK_LINKS + 1];	/* handed to a link since the last tick */
	u64 pace_limit[2][CHECK_LINKS + 1];	/* TIME_NEVER: none */
	u64 pace_from_ns;		/* not checked before */
	u64 worst_pace_permille;	/* of the limit */
	u64 down_since_ns, down_ns;	/* no link was up for so long, the last time */
	u64 up_since_ns;
	u64 max_in_flight;		/* of any path, as the engine says */
	u32 failures;
	char texts[CHECK_KEPT][CHECK_TEXT];	/* the first ones */
};

void check_begin(struct check *c, struct sim *s);
void check_end(struct check *c);

/* Notes a failure. */
void check_fail(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A datagram is handed to a link (0: to none). */
void check_datagram(struct check *c, u32 side, u32 link, const u8 *data, u32 len);

/* After the flows have stopped and the links had time to run empty. */
void check_quiet(struct check *c);

/* After the engine is gone. */
void check_bufs_back(struct check *c, u32 side, u32 left, u32 all);

#endif
