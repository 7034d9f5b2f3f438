// SPDX-License-Identifier: MIT
/* carry_test.c - what a worker passes on of what the engine tells it */
#include "unit/unit.h"

#include <stdlib.h>

#include "run/worker_parts.h"

static u32 events_of(struct worker *w, enum event_kind kind)
{
	struct run_event *next;
	u32 count = 0;

	for (struct run_event *e = mailbox_take(&w->mail); e; e = next) {
		next = e->next;
		count += e->kind == kind;
		free(e);
	}
	return count;
}

/* Anybody who saw a first message could fill the log and the list of events. */
static void a_flood_of_version_notes_is_told_once_a_minute(void **state)
{
	struct worker *w = calloc(1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	assert_int_equal(mailbox_open(&w->mail), 0);
	for (u64 ms = 0; ms < 60000; ms += 10) {
		w->now = SEC + ms * MSEC;
		worker_events.version_refused(w, "2, 3");
	}
	assert_int_equal(events_of(w, EVENT_VERSION_REFUSED), 1);
	w->now = SEC + 60 * SEC;
	worker_events.version_refused(w, "2, 3");
	assert_int_equal(events_of(w, EVENT_VERSION_REFUSED), 1);
	mailbox_destroy(&w->mail);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_version_notes_is_told_once_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
