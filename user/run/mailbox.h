// SPDX-License-Identifier: MIT
/* mailbox.h - messages between a worker and the control thread
 *
 * Control to worker: a function to run between two turns, waited for. Worker to control: a
 * list of events, never waited for. Each side sleeps on an eventfd. Control traffic only; packets
 * never pass here.
 */
#ifndef TG_RUN_MAILBOX_H
#define TG_RUN_MAILBOX_H

#include <pthread.h>

#include "tunnel/tunnel.h"

/* A function that waits to be run; lives on the caller's stack. */
struct mailbox_call {
	struct mailbox_call *next;
	void (*fn)(void *arg);
	void *arg;
	bool done;
};

enum event_kind {
	EVENT_CONNECTED,
	EVENT_DISCONNECTED,
	EVENT_PATH_CHANGED,
	EVENT_VERSION_REFUSED,
	EVENT_SESSION_OPENED,
	EVENT_SESSION_CLOSED,
	EVENT_LINK_UP,		/* a TCP connection came up */
	EVENT_LINK_LOST,	/* a TCP connection broke or did not come up */
	EVENT_TUN_LOST,		/* the tunnel device is gone */
	EVENT_PEERS_ASKED,	/* AF_XDP wants to know the way to somebody: ports_asks() */
};

/* Something the control thread should know. */
struct run_event {
	struct run_event *next;
	enum event_kind kind;
	enum tg_close_code code;
	u64 handle;
	u32 link;
	int error;			/* positive errno */
	char text[96];
	struct tunnel_config config;
	struct tunnel_grant grant;
	struct tunnel_path_info path;
	struct tunnel_session_info last;	/* EVENT_SESSION_CLOSED */
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	int call_fd;			/* eventfd: the worker has calls */
	int event_fd;			/* eventfd: the control thread has events */
	bool closed;			/* the worker is gone: calls run in the caller's thread */
	struct mailbox_call *calls, **calls_end;
	struct run_event *events, **events_end;
	u64 events_lost;		/* no memory for one */
};

int mailbox_open(struct mailbox *m);
void mailbox_destroy(struct mailbox *m);	/* no thread uses it any more */

/* Control side: has fn run on the worker's thread, and returns when it has. */
void mailbox_run(struct mailbox *m, void (*fn)(void *arg), void *arg);

/* Worker side: runs what waits. */
void mailbox_answer(struct mailbox *m);

/* Worker side, at its end: runs what waits; whatever comes later runs in the caller's thread. */
void mailbox_close(struct mailbox *m);

/* Worker side: an event of this kind to fill in (zeroed), or NULL without memory; then post it. */
struct run_event *mailbox_event(struct mailbox *m, enum event_kind kind);
void mailbox_post(struct mailbox *m, struct run_event *e);

/* Control side: all events since the last call, oldest first; the caller frees each. */
struct run_event *mailbox_take(struct mailbox *m);

#endif
