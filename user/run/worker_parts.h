// SPDX-License-Identifier: MIT
/* worker_parts.h - a worker's state, shared by the two files that make it
 *
 *   worker.c   the thread and its turns
 *   carry.c    what the engine asks for: send, deliver, admit, tell
 */
#ifndef TG_RUN_WORKER_PARTS_H
#define TG_RUN_WORKER_PARTS_H

#include "bpf/datapath.h"
#include "run/links.h"
#include "run/worker.h"

#define TROUBLES_PER_TURN 16

struct trouble {
	u32 link;
	int error;
};

struct worker {
	struct tunnel *tunnel;
	struct buf_pool *pool;
	u32 buffers_low;		/* fewer left: the tunnel device waits, the sockets may still take */
	struct port *inside;
	struct port *inside_fast;	/* of the interactive lane; NULL: all comes by the other */
	bool tun_watched, tun_lost;
	struct links links;
	struct worker_admission admission;
	struct datapath *datapath;	/* NULL: no filter */
	struct datapath *lanes;		/* NULL: no classifier on the tunnel device */
	u32 number;			/* among the workers */
	u64 beat_us;			/* when the filter is to hear of us next */
	struct rand_source random;
	u64 hash_key;			/* nobody outside may know which flows share a slot */
	struct mailbox mail;
	struct trouble troubles[TROUBLES_PER_TURN];
	u32 trouble_count;
	int epoll;
	bool server;
	bool started, stopping;
	u64 now;
	u64 sweep_us;			/* next look for silent connections */
	u64 version_note_us;		/* the next version note before that is not told */
	pthread_t thread;
};

/* carry.c: the engine's events, ctx being the worker. */
extern const struct tunnel_events worker_events;

/* Remembers that a send failed in a way that means trouble; the turn reports it to the engine at its end. Other errors
 * are ignored. */
void worker_note_trouble(struct worker *w, const struct link *k, int error);

#endif
