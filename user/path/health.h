// SPDX-License-Identifier: MIT
/* health.h - the state of a path as people see it
 *
 *   unknown --success--> healthy --3 failures--> degraded --3 more--> unhealthy --4 more--> down
 *   any state --success--> healthy, unless loss or delay hold it back:
 *   loss > 10 % or RTT > 1 s: at best degraded; loss > 30 % or RTT > 5 s: at best unhealthy
 */
#ifndef TG_PATH_HEALTH_H
#define TG_PATH_HEALTH_H

#include "base/types.h"

enum health_state { HEALTH_UNKNOWN, HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY, HEALTH_DOWN };

struct health {
	enum health_state state;
	u32 failures;		/* in a row */
	u64 since_us;		/* last change */
};

/* All zero is the start. Both return true when the state changed. */
bool health_success(struct health *h, u32 loss_ppm, u32 srtt_us, u64 now_us);
bool health_failure(struct health *h, u64 now_us);

const char *health_name(enum health_state state);

#endif
