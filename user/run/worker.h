// SPDX-License-Identifier: MIT
/* worker.h - the data plane: one thread, one event loop, one engine
 *
 * A worker owns its tunnel, buffers, TUN queue, sockets and connections outright. The control
 * thread reaches it only through worker_call(); functions marked (worker) must be called from
 * there. It answers with events (mailbox.h).
 */
#ifndef TG_RUN_WORKER_H
#define TG_RUN_WORKER_H

#include "bpf/datapath.h"
#include "link/tcp.h"
#include "link/port.h"
#include "link/udp.h"
#include "link/xsk.h"
#include "run/mailbox.h"
#include "run/handover.h"
#include "run/ports.h"
#include "tunnel/tunnel.h"

struct worker;

/* Server: who may in. Called on the worker's thread; must be quick and take its own locks. Meaning as in struct
 * tunnel_events; server/admission.h fills it. */
struct worker_admission {
	void *ctx;
	int (*admit)(void *ctx, const struct tunnel_request *request, struct tunnel_grant *grant);
	void (*grant_unused)(void *ctx, const struct tunnel_grant *grant);
	void (*session_opened)(void *ctx, const struct tunnel_grant *grant, u64 handle);
	void (*session_closed)(void *ctx, const struct tunnel_grant *grant, u64 handle, enum tg_close_code code,
			       const struct tunnel_session_info *last);
};

struct worker_settings {
	struct tunnel_settings tunnel;
	struct worker_admission admission;	/* server */
	struct port *inside;		/* where inner packets come and go; the worker closes it */
	struct port *inside_fast;	/* that of the interactive lane, likewise. NULL: no lanes */
	struct datapath *datapath;	/* told of indices and heartbeats; outlives the worker. NULL: no filter */
	struct datapath *lanes;		/* whose classifier says what is wished of flows; outlives the worker. NULL: nobody does */
	struct handover *handover;	/* server: to the other workers; outlives the worker. NULL: there are none */
	u32 buffer_count;
};

/* Makes a worker and starts its thread. On error the ports stay the caller's. */
int worker_start(struct worker **out, const struct worker_settings *set);

/* Ends the thread, closes links and queue, frees everything. NULL is fine. Says nothing to peers: see
 * worker_goodbye(). */
void worker_stop(struct worker *w);

/* (worker) Says goodbye to all peers and takes no further turn: what they answer must not wake a session again. */
void worker_goodbye(struct worker *w, const char *text);

/* Runs fn on the worker's thread between two turns and waits for it. Control thread. */
void worker_call(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg);

/* Events for the control thread: readable when there are some; mailbox_take(). */
struct mailbox *worker_mailbox(struct worker *w);

struct tunnel *worker_tunnel(struct worker *w);			/* (worker) */
struct port *worker_inside(struct worker *w);			/* the one that is always there */
void worker_add_tun_counters(struct worker *w, struct tun_counters *sum);	/* (worker) of all its queues */
u64 worker_hash_key(const struct worker *w);			/* of flow_hash in bufs */
u64 worker_now(const struct worker *w);				/* (worker) time of this turn */
/* (worker) A UDP socket, or with 0 all of them: may several datagrams arrive as one run? */
void worker_link_gro(struct worker *w, u32 number, bool on);

/* (worker) As datapath in the settings, but later. */
void worker_use_datapath(struct worker *w, struct datapath *d);

/* Links (worker). A link is a number that endpoints carry and the socket or connection behind it; the number outlives
 * its sockets, so that a path keeps its identity when the socket is made anew. Reserve: 0 when there is no room. */
u32 worker_link_reserve(struct worker *w);
void worker_link_release(struct worker *w, u32 number);		/* closes what is behind it */
/* Put sockets (see udp_open_lanes()) behind a number, in place of what was there. `watched`: errors of sends mean trouble for all paths of this
 * link (an uplink's own socket), not for one peer among many (a server's). Takes the sockets, also on error. */
int worker_link_udp(struct worker *w, u32 number, struct udp *const lanes[TG_LANES], bool watched);
/* AF_XDP beside that socket, which must be there; takes it, also on error. Drop: closes it, the socket goes on alone. */
int worker_link_xsk(struct worker *w, u32 number, struct xsk *x);
void worker_link_drop_xsk(struct worker *w, u32 number);
struct xsk *worker_xsk(struct worker *w, u32 number);		/* NULL: none, or its device has vanished */
/* A connection that was just started; EVENT_LINK_UP follows, and EVENT_LINK_LOST when it breaks or does not come up. */
int worker_link_tcp(struct worker *w, u32 number, struct tcp *c);
/* Takes connections in from now on; each gets a link number. */
int worker_listen_tcp(struct worker *w, struct tcp_listener *l);

/* A server's listen addresses (worker). That link is the one at this place of the list, which is the same for all workers; and back (0: none). */
void worker_set_listen(struct worker *w, u32 at, u32 link, const struct addr *bound);
u32 worker_listen_link(const struct worker *w, u32 at);

/* AF_XDP on an interface, for all listen addresses (worker). Add: takes it, also on error. ports: NULL before the first. */
int worker_add_port(struct worker *w, u32 ifindex, struct xsk *x);
void worker_drop_port(struct worker *w, u32 ifindex);
struct ports *worker_ports(struct worker *w);

#endif
