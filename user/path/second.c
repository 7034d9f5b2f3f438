// SPDX-License-Identifier: MIT
/* second.c - how much of a growing total came within the last second, without a timer */
#include "path/second.h"

void second_note(struct second *s, u64 total, u64 now_us)
{
	if (now_us - s->at_us[s->last] < SECOND_STEP_US)
		return;
	s->last = (s->last + 1) % SECOND_MARKS;
	s->at_us[s->last] = now_us;
	s->total[s->last] = total;
}

u64 second_rate(const struct second *s, u64 total, u64 now_us)
{
	for (u32 i = 0; i < SECOND_MARKS; i++) {	/* from the newest back */
		u32 mark = (s->last + SECOND_MARKS - i) % SECOND_MARKS;
		u64 age_us = now_us - s->at_us[mark];

		if (!s->at_us[mark])
			break;
		if (age_us >= SEC)
			return (total - s->total[mark]) * SEC / (age_us < 2 * SEC ? age_us : SEC);	/* or else all of it is new */
	}
	return total;	/* it began within the second */
}
