// SPDX-License-Identifier: MIT
/* health.c - the state of a path as people see it */
#include "path/health.h"

#define FAILURES_DEGRADED 3u
#define FAILURES_UNHEALTHY 6u
#define FAILURES_DOWN 10u

static bool enter(struct health *h, enum health_state state, u64 now_us)
{
	if (h->state == state)
		return false;
	h->state = state;
	h->since_us = now_us;
	return true;
}

/* The best a path that answers can be. */
static enum health_state best_state(u32 loss_ppm, u32 srtt_us)
{
	if (loss_ppm > 300000 || srtt_us > 5 * SEC)
		return HEALTH_UNHEALTHY;
	if (loss_ppm > 100000 || srtt_us > 1 * SEC)
		return HEALTH_DEGRADED;
	return HEALTH_HEALTHY;
}

static enum health_state worst_state(u32 failures)
{
	if (failures >= FAILURES_DOWN)
		return HEALTH_DOWN;
	if (failures >= FAILURES_UNHEALTHY)
		return HEALTH_UNHEALTHY;
	if (failures >= FAILURES_DEGRADED)
		return HEALTH_DEGRADED;
	return HEALTH_UNKNOWN;
}

bool health_success(struct health *h, u32 loss_ppm, u32 srtt_us, u64 now_us)
{
	h->failures = 0;
	return enter(h, best_state(loss_ppm, srtt_us), now_us);
}

bool health_failure(struct health *h, u64 now_us)
{
	if (h->failures < FAILURES_DOWN)
		h->failures++;
	/* Failures never make it look better than loss or delay did. */
	return enter(h, MAX(h->state, worst_state(h->failures)), now_us);
}

const char *health_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_UNKNOWN] = "unknown",
		[HEALTH_HEALTHY] = "healthy",
		[HEALTH_DEGRADED] = "degraded",
		[HEALTH_UNHEALTHY] = "unhealthy",
		[HEALTH_DOWN] = "down",
	};

	return (u32)state < ARRAY_SIZE(names) ? names[state] : "unknown";
}
