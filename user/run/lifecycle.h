// SPDX-License-Identifier: MIT
/* lifecycle.h - what both daemons do around their work: signals, systemd, secrets
 *
 * Control thread only.
 */
#ifndef TG_RUN_LIFECYCLE_H
#define TG_RUN_LIFECYCLE_H

#include "base/types.h"

struct event;
struct event_base;

struct lifecycle {
	struct event_base *base;
	struct event *interrupted, *terminated, *hangup, *watchdog;
	void (*alive)(void *ctx);
	void (*reload)(void *ctx);
	void *ctx;
};

/* No core dumps, no ptrace by others of this user: keys are in memory. SIGPIPE ignored. More descriptors. Call first. */
void lifecycle_protect(void);

/* Keeps this memory out of swap where the limit allows. */
void lifecycle_lock_memory(const void *at, size_t bytes);

/* SIGINT and SIGTERM end the loop of base, SIGHUP calls reload. Where systemd wants a watchdog, alive() is called
 * before each message to it: it must return only when the workers are alive. */
int lifecycle_start(struct lifecycle *l, struct event_base *base, void (*alive)(void *), void (*reload)(void *), void *ctx);
void lifecycle_end(struct lifecycle *l);	/* copes with a zeroed one */

/* READY=1, STATUS=..., STOPPING=1; nothing without systemd. */
void lifecycle_ready(void);
void lifecycle_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void lifecycle_stopping(void);

#endif
