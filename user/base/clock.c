// SPDX-License-Identifier: MIT
/* clock.c - the clocks */
#include "base/clock.h"

#include <time.h>

static u64 read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * 1000000000ULL + (u64)ts.tv_nsec;
}

u64 clock_now_us(void)
{
	return read_ns(CLOCK_BOOTTIME) / 1000;
}

u64 clock_suspended_ns(void)
{
	u64 monotonic = read_ns(CLOCK_MONOTONIC);

	return read_ns(CLOCK_BOOTTIME) - monotonic;
}

u64 clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

#define AT_ONCE_NS 5000u	/* three readings take a tenth of a microsecond */

bool clock_wall_offset_ns(s64 *offset_ns)
{
	u64 before = read_ns(CLOCK_BOOTTIME), wall = read_ns(CLOCK_REALTIME), after = read_ns(CLOCK_BOOTTIME);

	if (after - before > AT_ONCE_NS)
		return false;
	*offset_ns = (s64)(before - wall);
	return true;
}
