// SPDX-License-Identifier: MIT
/* worker_parts.h - a worker's state, shared by the files that make it
 *
 *   worker.c   the thread and its turns
 *   intake.c   what comes by UDP: interactive before bulk
 *   carry.c    what the engine asks for: send, deliver, admit, tell
 *   worker_server.c   what only a server's has: listen addresses, AF_XDP by interface, the hand-over
 */
#ifndef TG_RUN_WORKER_PARTS_H
#define TG_RUN_WORKER_PARTS_H

#include "bpf/datapath.h"
#include "run/handover.h"
#include "run/links.h"
#include "run/ports.h"
#include "run/worker.h"

#define TROUBLES_PER_TURN 16

struct trouble {
	u32 link;
	int error;
};

#define WORKER_LISTENS 8u
#define WAITING_LINKS 64u	/* as many as there can be with a UDP socket */

struct worker_listen {
	u32 link;
	struct addr at;		/* as bound */
};

struct worker {
	struct tunnel *tunnel;
	struct buf_pool *pool;
	u32 buffers_low;		/* fewer left: the tunnel device waits, the sockets may still take */
	struct port *inside;
	struct port *inside_fast;	/* of the interactive lane; NULL: all comes by the other */
	bool tun_watched, tun_lost;
	struct links links;
	u32 waiting[WAITING_LINKS];	/* numbers of links that have delivered something ahead of its turn */
	u32 waiting_count;
	struct worker_listen listens[WORKER_LISTENS];	/* server; in the same order for all workers */
	u32 listen_count;
	struct handover *handover;	/* NULL: no other workers */
	struct ports *ports;		/* NULL: no AF_XDP (or a client, whose uplinks have theirs in links) */
	bool ports_wait;		/* some ring holds frames that only ports_flush() moves */
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

/* intake.c */
void worker_read_ahead(struct worker *w, struct link *k);	/* its interactive socket: before */
void worker_read_udp(struct worker *w, struct link *k);		/* the other */
void worker_end_waiting(struct worker *w);			/* after both, in each turn */

/* carry.c: the engine's events, ctx being the worker. */
extern const struct tunnel_events worker_events;

/* worker_server.c */
void worker_receive(struct worker *w, struct datagrams *runs, u32 n, bool spread);	/* to the engine whose they are; see handover_piece() */
void worker_read_handover(struct worker *w);
void worker_read_port(struct worker *w, u32 slot);
u32 worker_send_link(struct worker *w, struct link *k, const struct datagrams *runs, u32 n, int *error);	/* as links_send() */

/* Remembers that a send failed in a way that means trouble; the turn reports it to the engine at its end. Other errors
 * are ignored. */
void worker_note_trouble(struct worker *w, const struct link *k, int error);

#endif
