/* SPDX-License-Identifier: MIT */
/* monitor_view.h - two statuses of a daemon into what moved between them, for people and programs */
#ifndef TG_CMD_MONITOR_VIEW_H
#define TG_CMD_MONITOR_VIEW_H

#include <stdio.h>

#include <jansson.h>

#include "base/types.h"

/* {"name", "role", "state" (client), "sessions" (server), "interval_us", "sent_bytes_per_second", "received_bytes_per_second",
 *  "paths": [{"client" (server), "uplink", "id", "state", "sent_bytes_per_second", "received_bytes_per_second", "share",
 *             "rtt_us", "queue_us", "jitter_us", "loss_ratio", "rate_bytes_per_second", "in_flight_bytes", "left_out"}],
 *  "drops": {reason: packets within the interval, those above 0}}
 * Rates and loss are those of the interval: null where there was none before (before NULL: the first look, or a path that is new).
 * The sums are those of the outer datagrams of all paths. */
json_t *monitor_view(const json_t *now, const json_t *before, u64 apart_us);

/* The same as a table with a line above and, where something was dropped, one below. */
void monitor_print(const json_t *view, FILE *out);

#endif
