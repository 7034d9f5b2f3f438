// SPDX-License-Identifier: MIT
/* record.h - bytes over time as a receiver saw them: bins of 100 ms, and the gaps between arrivals */
#ifndef TG_LAB_RECORD_H
#define TG_LAB_RECORD_H

#include "load/flow.h"

#define RECORD_BIN_US (100 * MSEC)
#define RECORD_GAPS 32

struct record_gap {
	u64 from_us, length_us;		/* from: when the last byte before it came */
};

struct record {
	u64 start_us, skip_us, length_us;
	u64 *bins;
	u32 bin_count;
	u64 last_us;			/* latest arrival */
	struct record_gap gaps[RECORD_GAPS];	/* the longest ones, in no order */
};

/* Exits the program when there is no memory. */
void record_begin(struct record *r, const struct flow *f);

/* Bytes arrived. Those outside of the run's time are not counted. */
void record_bytes(struct record *r, u64 now, u64 bytes);

/* The run is over: what has not arrived by now is a gap too. */
void record_end(struct record *r);

/* Prints the members start_us, goodput_mbit, first_mbit (the part that is skipped), rise_ms (until
 * 80 % of the goodput were first reached for 300 ms; -1: never), longest_gap_ms (behind the skipped
 * part), gaps (from_us, ms) and seconds (Mbit/s each). Without braces, with a comma behind each. */
void record_print(const struct record *r);

#endif
