// SPDX-License-Identifier: MIT
/* returns.c - how long a link that was silent takes until it carries its share again */
#include "sim/returns.h"

#include <stdlib.h>

#define BEFORE_STEPS 250u		/* in which its share is taken */
#define WINDOW_STEPS 10u
#define CARRIES 0.8			/* of its share */
#define SHARE_LEAST 0.05

void returns_note(struct returns *r, const struct sim *s, u32 side)
{
	if (r->count == r->size) {
		r->size = r->size ? 2 * r->size : 1024;
		r->moved = realloc(r->moved, r->size * sizeof(*r->moved));
		if (!r->moved)
			abort();
	}
	for (u32 i = 0; i < s->link_count; i++) {
		u64 passed = s->links[i].lanes[side].passed_bytes;

		r->moved[r->count][i] = passed - (passed < r->passed[i] ? 0 : r->passed[i]);	/* counted anew */
		r->passed[i] = passed;
	}
	r->count++;
}

/* Of what all links carried in [from, from + steps). */
static double share(const struct returns *r, const struct sim *s, u32 link, u32 from, u32 steps)
{
	u64 own = 0, all = 0;

	for (u32 t = from; t < from + steps; t++)
		for (u32 i = 0; i < s->link_count; i++) {
			all += r->moved[t][i];
			own += i == link ? r->moved[t][i] : 0;
		}
	return all ? (double)own / (double)all : 0;
}

static double back_after_ms(const struct returns *r, const struct sim *s, u32 link, u64 cut_ns, u64 back_ns, u64 end_ns)
{
	u32 cut = (u32)(cut_ns / RETURNS_STEP_NS), back = (u32)(back_ns / RETURNS_STEP_NS), t;
	u32 end = (u32)MIN(end_ns / RETURNS_STEP_NS, r->count);
	double former = share(r, s, link, cut - BEFORE_STEPS, BEFORE_STEPS);

	if (former < SHARE_LEAST || back + WINDOW_STEPS > end)
		return -1;
	for (t = back; t + WINDOW_STEPS <= end; t++)
		if (share(r, s, link, t, WINDOW_STEPS) >= CARRIES * former)
			break;
	return (double)(t - back) * RETURNS_STEP_NS / 1e6;
}

static bool begins_silence(const struct link_step *s)
{
	return (s->key == LINK_CUT && s->value > 0) || (s->key == LINK_CARRIER && !(s->value > 0));
}

static bool ends_silence(const struct link_step *s)
{
	return (s->key == LINK_CUT && !(s->value > 0)) || (s->key == LINK_CARRIER && s->value > 0);
}

/* Until the link falls silent again, or the run ends. */
static double longest_of_link(const struct returns *r, const struct sim *s, u32 link, u64 from_ns)
{
	const struct link_spec *spec = &s->specs[link];
	u64 end_ns = r->count * RETURNS_STEP_NS, round_ns = 0, cut_ns = 0, back_ns = 0;
	double longest = -1;

	do {
		for (u32 i = 0; i < spec->count; i++) {
			u64 at_ns = round_ns + spec->steps[i].at_ns;

			if (begins_silence(&spec->steps[i]) && back_ns) {
				longest = MAX(longest, back_after_ms(r, s, link, cut_ns, back_ns, at_ns));
				cut_ns = back_ns = 0;
			}
			if (begins_silence(&spec->steps[i]) && at_ns >= from_ns + BEFORE_STEPS * RETURNS_STEP_NS)
				cut_ns = at_ns;
			if (ends_silence(&spec->steps[i]) && cut_ns && at_ns < end_ns)
				back_ns = at_ns;
		}
		round_ns += spec->every_ns;
	} while (spec->every_ns && round_ns < end_ns);
	return back_ns ? MAX(longest, back_after_ms(r, s, link, cut_ns, back_ns, end_ns)) : longest;
}

double returns_longest_ms(const struct returns *r, const struct sim *s, u64 from_ns)
{
	double longest = -1;

	for (u32 i = 0; i < s->link_count; i++)
		if (!s->only)
			longest = MAX(longest, longest_of_link(r, s, i, from_ns));
	return longest;
}

void returns_free(struct returns *r)
{
	free(r->moved);
	*r = (struct returns){ 0 };
}
