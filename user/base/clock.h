// SPDX-License-Identifier: MIT
/* clock.h - the clocks; the engine never reads one, it is told the time */
#ifndef TG_BASE_CLOCK_H
#define TG_BASE_CLOCK_H

#include "base/types.h"

/* Microseconds of CLOCK_BOOTTIME: never goes back and runs on through suspend, so that keys age while the machine sleeps
 * and the first turn after it renews them. */
u64 clock_now_us(void);

/* How long the machine has slept since it was started: CLOCK_BOOTTIME less CLOCK_MONOTONIC, ns, to some microseconds. */
u64 clock_suspended_ns(void);

/* Nanoseconds of CLOCK_REALTIME since the epoch: handshake times (TAI64N). */
u64 clock_wall_ns(void);

/* What to add to nanoseconds of CLOCK_REALTIME to get those of clock_now_us(), read so that no interruption between the two
 * clocks blurs it; false: this thread was interrupted, ask again later. It changes when somebody sets the clock. */
bool clock_wall_offset_ns(s64 *offset_ns);

#endif
