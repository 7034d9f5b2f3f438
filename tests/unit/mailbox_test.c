// SPDX-License-Identifier: MIT
/* mailbox_test.c - calls to a worker and events from it, across threads */
#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "run/mailbox.h"

#define EVENTS 1000u

struct other_side {
	struct mailbox mail;
	pthread_t thread, ran_on;
	u32 calls;
	bool end;
};

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 5000), 1);
}

static void *answer_until_end(void *arg)
{
	struct other_side *o = arg;

	while (!o->end) {
		wait_readable(o->mail.call_fd);
		mailbox_answer(&o->mail);
	}
	mailbox_close(&o->mail);
	return NULL;
}

static void note_call(void *arg)
{
	struct other_side *o = arg;

	o->ran_on = pthread_self();
	o->calls++;
}

static void end_call(void *arg)
{
	struct other_side *o = arg;

	o->end = true;
}

static void *call_often(void *arg)
{
	struct other_side *o = arg;

	for (u32 i = 0; i < 500; i++)
		mailbox_run(&o->mail, note_call, o);
	return NULL;
}

static void a_call_runs_on_the_other_thread_and_is_waited_for(void **state)
{
	struct other_side o = { 0 };

	(void)state;
	assert_int_equal(mailbox_open(&o.mail), 0);
	pthread_create(&o.thread, NULL, answer_until_end, &o);
	mailbox_run(&o.mail, note_call, &o);
	assert_int_equal(o.calls, 1);
	assert_true(pthread_equal(o.ran_on, o.thread));
	mailbox_run(&o.mail, end_call, &o);
	pthread_join(o.thread, NULL);
	mailbox_destroy(&o.mail);
}

static void calls_of_several_threads_all_run(void **state)
{
	struct other_side o = { 0 };
	pthread_t callers[3];

	(void)state;
	assert_int_equal(mailbox_open(&o.mail), 0);
	pthread_create(&o.thread, NULL, answer_until_end, &o);
	for (u32 i = 0; i < 3; i++)
		pthread_create(&callers[i], NULL, call_often, &o);
	for (u32 i = 0; i < 3; i++)
		pthread_join(callers[i], NULL);
	mailbox_run(&o.mail, end_call, &o);
	pthread_join(o.thread, NULL);
	assert_int_equal(o.calls, 1500);
	mailbox_destroy(&o.mail);
}

static void after_the_end_a_call_runs_in_its_own_thread(void **state)
{
	struct other_side o = { 0 };

	(void)state;
	assert_int_equal(mailbox_open(&o.mail), 0);
	mailbox_close(&o.mail);
	mailbox_run(&o.mail, note_call, &o);
	assert_int_equal(o.calls, 1);
	assert_true(pthread_equal(o.ran_on, pthread_self()));
	mailbox_destroy(&o.mail);
}

static void *post_many(void *arg)
{
	struct mailbox *m = arg;

	for (u32 i = 0; i < EVENTS; i++) {
		struct run_event *e = mailbox_event(m, EVENT_LINK_UP);

		e->link = i;
		mailbox_post(m, e);
	}
	return NULL;
}

static void events_come_in_order_and_none_is_lost(void **state)
{
	struct mailbox m;
	pthread_t poster;
	u32 expected = 0;

	(void)state;
	assert_int_equal(mailbox_open(&m), 0);
	pthread_create(&poster, NULL, post_many, &m);
	while (expected < EVENTS) {
		struct run_event *next;

		wait_readable(m.event_fd);
		for (struct run_event *e = mailbox_take(&m); e; e = next) {
			next = e->next;
			assert_int_equal(e->link, expected++);
			free(e);
		}
	}
	pthread_join(poster, NULL);
	assert_null(mailbox_take(&m));
	mailbox_destroy(&m);
}

static void events_nobody_took_are_freed_with_the_mailbox(void **state)
{
	struct mailbox m;

	(void)state;
	assert_int_equal(mailbox_open(&m), 0);
	mailbox_post(&m, mailbox_event(&m, EVENT_CONNECTED));
	mailbox_post(&m, mailbox_event(&m, EVENT_TUN_LOST));
	mailbox_destroy(&m);	/* the address sanitizer's run would tell */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_runs_on_the_other_thread_and_is_waited_for),
		cmocka_unit_test(calls_of_several_threads_all_run),
		cmocka_unit_test(after_the_end_a_call_runs_in_its_own_thread),
		cmocka_unit_test(events_come_in_order_and_none_is_lost),
		cmocka_unit_test(events_nobody_took_are_freed_with_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
