// SPDX-License-Identifier: MIT
/* record_report.h - a flight record as JSON: the form of its files, and of the answer to "record"
 *
 *   {"triglav_record": 1, "name": "tg0", "taken_s": 1700000000, "why": "asked", "outage_us": null, "interval_us": 10000,
 *    "t_us": [-59990000, -59980000, ...],
 *    "session": {"carried_bytes": [...], "held_packets": [...], ...},
 *    "paths": [{"id": 0, "uplink": "eth0", "states": [{"t_us": -59990000, "state": "up"}, ...],
 *               "sent_bytes": [...], "srtt_us": [...], ...}, ...]}
 *
 * t_us are the times of the rows, counted from when the record was taken, so they are negative. All other lists have one
 * value for each row: bytes and packets are those since the row before; null is unknown, as where a path was not there. A list
 * of nothing but unknown values is null itself. "states" has changes only.
 */
#ifndef TG_MANAGE_RECORD_REPORT_H
#define TG_MANAGE_RECORD_REPORT_H

#include <stdio.h>

#include "path/recorder.h"

#define RECORD_VERSION 1

struct record_about {
	const char *name;	/* of the instance */
	const char *why;	/* it was taken */
	u64 taken_s;		/* wall clock */
	u64 now_us;		/* the same moment on the engine's clock */
	u64 outage_us;		/* what it was taken for happened then (engine's clock); 0: nothing did */
};

/* Prints the members of the document, without braces. Printed, not built as a tree: that would take 32 bytes for each
 * number. */
void record_print(FILE *out, const struct recorder *r, const struct record_about *about);

#endif
