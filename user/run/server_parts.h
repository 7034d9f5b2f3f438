// SPDX-License-Identifier: MIT
/* server_parts.h - the server daemon's state, shared by the files that make it
 *
 *   server.c            life: start, events, end
 *   server_host.c       the host: pools, device, firewall
 *   server_change.c     other settings while it runs
 *   listen.c            sockets, for every worker
 *   server_snapshot.c   looking in
 *   server_filter.c     the XDP filter in front of the sockets
 *
 * Everything here belongs to the control thread. The engines are reached through worker_call().
 */
#ifndef TG_RUN_SERVER_PARTS_H
#define TG_RUN_SERVER_PARTS_H

#include "run/lanes.h"
#include "run/lifecycle.h"
#include "run/policy.h"
#include "run/server.h"
#include "run/worker.h"

#define WORKERS_MAX (1u << TG_WORKER_BITS)

struct server_refusal {
	u32 ifindex;		/* 0: free */
	u64 wait_us, retry_us;
};

struct server {
	struct server_settings set;
	struct server_hooks hooks;
	char name[RUN_NAME_BYTES];
	const char *state_dir, *runtime_dir;
	char tun_name[TUNNEL_NAME_BYTES];
	struct event_base *base;
	struct lifecycle life;
	struct host *host;
	struct admission *admission;
	struct datapath *datapath;	/* NULL: no filter */
	struct policies policies;
	struct server_refusal refused[16];	/* interfaces that do not take it */
	struct tun *queues[WORKERS_MAX * TG_LANES];	/* until a worker has them */
	struct worker *workers[WORKERS_MAX];
	struct event *mail[WORKERS_MAX];
	struct event *flush;
	u32 worker_count;
	struct addr bound[SERVER_MAX_LISTEN];
	u32 bound_count;
	u64 started_us;
	bool hooked;			/* the hooks saw the start, and will see the end */
	int result;
	char *error;
};

int server_configure_firewall(struct server *s, char *error);	/* as s->set is now, in place of the one before */

/* server.c: secrets in it are the caller's to wipe. -EINVAL: the secret is no key. */
int server_engine_settings(const struct server *s, struct tunnel_settings *t);

/* server_host.c: fills in default pools, refuses those that overlap this host's networks / the device's addresses / firewall and
 * forwarding. 0 or negative errno with a line in error. */
int server_check_pools(struct server *s, char *error);
int server_configure_device(struct server *s, char *error);
int server_configure_forwarding(struct server *s, char *error);

/* server.c: how many handshakes get through the filter, as the settings have it now. */
void server_set_rates(struct server *s);

/* server_filter.c: puts the filter on interfaces that have come. */
void server_filter(struct server *s);

/* listen.c: opens the sockets of every worker; what was bound goes to s->bound. */
int server_listen(struct server *s, char *error);

#endif
