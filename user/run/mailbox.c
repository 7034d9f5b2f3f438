// SPDX-License-Identifier: MIT
/* mailbox.c - messages between a worker and the control thread */
#include "run/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void ring(int fd)
{
	u64 one = 1;

	/* The only failure is a counter at its end, and then the reader is awake already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void hush(int fd)
{
	u64 count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;		/* not rung: nothing to take back */
}

int mailbox_open(struct mailbox *m)
{
	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->answered, NULL);
	m->calls_end = &m->calls;
	m->events_end = &m->events;
	m->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	m->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->call_fd >= 0 && m->event_fd >= 0)
		return 0;

	int err = -errno;

	mailbox_destroy(m);
	return err;
}

void mailbox_destroy(struct mailbox *m)
{
	struct run_event *next;

	for (struct run_event *e = m->events; e; e = next) {
		next = e->next;
		free(e);
	}
	m->events = NULL;
	if (m->call_fd >= 0)
		close(m->call_fd);
	if (m->event_fd >= 0)
		close(m->event_fd);
	pthread_cond_destroy(&m->answered);
	pthread_mutex_destroy(&m->lock);
}

void mailbox_run(struct mailbox *m, void (*fn)(void *arg), void *arg)
{
	struct mailbox_call call = { .fn = fn, .arg = arg };

	pthread_mutex_lock(&m->lock);
	if (m->closed) {
		pthread_mutex_unlock(&m->lock);
		fn(arg);
		return;
	}
	*m->calls_end = &call;
	m->calls_end = &call.next;
	ring(m->call_fd);
	while (!call.done)
		pthread_cond_wait(&m->answered, &m->lock);
	pthread_mutex_unlock(&m->lock);
}

static void answer_all(struct mailbox *m)
{
	struct mailbox_call *call;

	while ((call = m->calls)) {
		m->calls = call->next;
		if (!m->calls)
			m->calls_end = &m->calls;
		/* Without the lock: the function may post events. */
		pthread_mutex_unlock(&m->lock);
		call->fn(call->arg);
		pthread_mutex_lock(&m->lock);
		call->done = true;
		pthread_cond_broadcast(&m->answered);
	}
}

void mailbox_answer(struct mailbox *m)
{
	hush(m->call_fd);
	pthread_mutex_lock(&m->lock);
	answer_all(m);
	pthread_mutex_unlock(&m->lock);
}

void mailbox_close(struct mailbox *m)
{
	pthread_mutex_lock(&m->lock);
	answer_all(m);
	m->closed = true;
	pthread_mutex_unlock(&m->lock);
}

struct run_event *mailbox_event(struct mailbox *m, enum event_kind kind)
{
	struct run_event *e = calloc(1, sizeof(*e));

	if (e)
		e->kind = kind;
	else
		m->events_lost++;
	return e;
}

void mailbox_post(struct mailbox *m, struct run_event *e)
{
	pthread_mutex_lock(&m->lock);
	*m->events_end = e;
	m->events_end = &e->next;
	pthread_mutex_unlock(&m->lock);
	ring(m->event_fd);
}

struct run_event *mailbox_take(struct mailbox *m)
{
	struct run_event *all;

	hush(m->event_fd);
	pthread_mutex_lock(&m->lock);
	all = m->events;
	m->events = NULL;
	m->events_end = &m->events;
	pthread_mutex_unlock(&m->lock);
	return all;
}
