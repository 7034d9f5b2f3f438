// SPDX-License-Identifier: MIT
/* lifecycle.c - what both daemons do around their work */
#include "run/lifecycle.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include "base/log.h"

void lifecycle_protect(void)
{
	struct rlimit none = { 0, 0 }, files;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
}

void lifecycle_lock_memory(const void *at, size_t bytes)
{
	if (mlock(at, bytes))
		log_debug("memory with keys stays swappable: %s", strerror(errno));
}

static void on_end(int number, short what, void *arg)
{
	struct lifecycle *l = arg;

	(void)what;
	log_info("%s: ending", number == SIGINT ? "interrupted" : "asked to end");
	event_base_loopexit(l->base, NULL);
}

static void on_hangup(int number, short what, void *arg)
{
	struct lifecycle *l = arg;

	(void)number;
	(void)what;
	l->reload(l->ctx);
}

static void on_watchdog(int fd, short what, void *arg)
{
	struct lifecycle *l = arg;

	(void)fd;
	(void)what;
	l->alive(l->ctx);
	sd_notify(0, "WATCHDOG=1");
}

static int start_watchdog(struct lifecycle *l)
{
	uint64_t limit_us;
	struct timeval every;

	if (sd_watchdog_enabled(0, &limit_us) <= 0)
		return 0;
	every.tv_sec = (time_t)(limit_us / 2 / SEC);
	every.tv_usec = (suseconds_t)(limit_us / 2 % SEC);
	l->watchdog = event_new(l->base, -1, EV_PERSIST, on_watchdog, l);
	return l->watchdog && !event_add(l->watchdog, &every) ? 0 : -ENOMEM;
}

static struct event *on_signal(struct lifecycle *l, int number, void (*fn)(int, short, void *))
{
	struct event *e = evsignal_new(l->base, number, fn, l);

	if (e && event_add(e, NULL)) {
		event_free(e);
		return NULL;
	}
	return e;
}

int lifecycle_start(struct lifecycle *l, struct event_base *base, void (*alive)(void *), void (*reload)(void *), void *ctx)
{
	*l = (struct lifecycle){ .base = base, .alive = alive, .reload = reload, .ctx = ctx };
	l->interrupted = on_signal(l, SIGINT, on_end);
	l->terminated = on_signal(l, SIGTERM, on_end);
	l->hangup = on_signal(l, SIGHUP, on_hangup);
	if (!l->interrupted || !l->terminated || !l->hangup || start_watchdog(l)) {
		lifecycle_end(l);
		return -ENOMEM;
	}
	return 0;
}

void lifecycle_end(struct lifecycle *l)
{
	struct event **all[] = { &l->interrupted, &l->terminated, &l->hangup, &l->watchdog };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i])
			event_free(*all[i]);
		*all[i] = NULL;
	}
}

void lifecycle_ready(void)
{
	sd_notify(0, "READY=1");
}

void lifecycle_status(const char *fmt, ...)
{
	char line[192] = "STATUS=";
	va_list args;

	va_start(args, fmt);
	vsnprintf(line + 7, sizeof(line) - 7, fmt, args);
	va_end(args);
	sd_notify(0, line);
}

void lifecycle_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}
