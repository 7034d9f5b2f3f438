/* SPDX-License-Identifier: MIT */
/* cubic.h - a congestion window per path as CUBIC keeps it: `--congestion cubic` */
#ifndef TG_PATH_CUBIC_H
#define TG_PATH_CUBIC_H

#include "path/rate.h"

/* Takes what an ack told: grows the window, or cuts it once per round trip with loss. */
void cubic_acked(struct rate *r, const struct rate_news *news, u64 now_us);

/* The path was silent: half the window. */
void cubic_restart(struct rate *r);

/* Bytes that may be in flight, and bytes/s to send them at (a quarter more than a window per round trip, so that
 * pacing is not what limits; 0 before the first round trip). */
u64 cubic_window(const struct rate *r);
u64 cubic_pace(const struct rate *r);

#endif
