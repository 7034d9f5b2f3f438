// SPDX-License-Identifier: MIT
/* server_parts.h - the server daemon's state, shared by the files that make it
 *
 *   server.c            life: start, events, end
 *   server_host.c       the host: pools, device, firewall
 *   server_change.c     other settings while it runs
 *   listen.c            sockets, for every worker
 *   server_snapshot.c   looking in
 *   server_filter.c     interfaces, and the XDP filter in front of the sockets
 *   server_ends.c       the addresses and ports the filter judges by
 *   server_xdp.c        AF_XDP beside the sockets
 *   server_hops.c       by which interface and next hop peers are reached
 *
 * Everything here belongs to the control thread. The engines are reached through worker_call().
 */
#ifndef TG_RUN_SERVER_PARTS_H
#define TG_RUN_SERVER_PARTS_H

#include <ifaddrs.h>

#include "host/hop.h"
#include "run/device.h"
#include "run/lanes.h"
#include "run/lifecycle.h"
#include "run/policy.h"
#include "run/server.h"
#include "run/worker.h"

#define WORKERS_MAX (1u << TG_WORKER_BITS)

/* An interface that AF_XDP is wanted on. */
struct server_xdp {
	u32 ifindex;			/* 0: free */
	char name[TUNNEL_NAME_BYTES];
	bool on;
	bool seen;			/* during a look at all interfaces */
	enum datapath_mode mode;	/* how the program is attached */
	bool zero_copy;
	u32 queues, mtu;
	u64 retry_us;
	char told[DATAPATH_WHY_BYTES];	/* why it is not on, as it was logged last */
};

/* Somebody on a link that frames go to. */
struct server_hop {
	struct host_hop hop;
	u64 asked_us;			/* a worker last asked for somebody behind it */
	u64 use_us;			/* host_hop_use() then */
};

struct server_ends {
	u32 count;
	struct addr at[64];
};

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
	bool firewall_stale;		/* the firewall did not become what the settings say */
	u64 firewall_us;		/* its drops were read then; 0: not since it was put up */
	bool firewall_counts;		/* they could be read */
	struct host_nft_drops firewall;
	struct admission *admission;
	struct datapath *datapath;	/* NULL: no filter */
	char datapath_why[DATAPATH_WHY_BYTES];	/* why it could not be loaded */
	bool is_filtering;		/* the workers tell it of indices and heartbeats */
	struct server_ends ends;	/* addresses and ports of ours, on all interfaces */
	struct server_xdp xdp[SERVER_XDP_SNAPSHOTS];	/* all that are looked at; at most PORTS_MAX of them are on */
	struct umem *umems[WORKERS_MAX];	/* AF_XDP's, of the interfaces and of a veth inside; NULL: none yet */
	struct host_monitor *monitor;	/* NULL: AF_XDP was never on */
	struct event *on_links, *look_at_hops;
	bool links_changed;
	struct server_hop hops[64];
	u32 hop_count;
	struct handover *handover;	/* NULL: one worker */
	enum datapath_mode filter_wanted;	/* of interfaces of which nothing else was said: as set, or by command */
	struct {
		char name[TUNNEL_NAME_BYTES];
		enum datapath_mode wanted;
	} filter_said[16];		/* by command, of these */
	u32 filter_said_count;
	struct policies policies;
	struct server_refusal refused[16];	/* interfaces that do not take it */
	struct port *queues[WORKERS_MAX * TG_LANES];	/* until a worker has them */
	bool finishes_csum;		/* the tunnel device does */
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

/* server.c: loads the programs and has the workers tell them, if they do not yet. -EIO: said in the log. */
int server_load_filter(struct server *s);

/* server_filter.c: filter and AF_XDP on interfaces that have come, from those that have changed. At the start, every two seconds, and when
 * netlink tells of something. wanted: as set, or by command. */
void server_look_at_interfaces(struct server *s);
enum datapath_mode server_filter_wanted(const struct server *s, const char *name);

/* server_ends.c: would a datagram to this address of an interface reach the socket that is bound to `listen`? put: the program judges what is ours
 * on an interface it is attached to. look: addresses have come or gone. */
bool server_reaches(const struct addr *listen, const struct sockaddr *at);
void server_put_ends(struct server *s, u32 ifindex);
void server_look_at_ends(struct server *s, const struct ifaddrs *all);

/* server_xdp.c: look at an interface with a listen address; then sweep those that were not looked at. */
void server_xdp_look(struct server *s, u32 ifindex, const char *name, u64 now);
void server_xdp_sweep(struct server *s);
bool server_xdp_is_on(struct server *s, u32 ifindex);
void server_xdp_end(struct server *s);				/* after the workers: frees the memory */
const char *server_xdp_name(const struct server_xdp *x);	/* "udp", "xdp native zero-copy", "xdp native", "xdp generic" */

/* server_hops.c: a worker has asked; what is known of an interface is wrong; watch netlink from now on; what is due. */
void hops_asked(struct server *s, struct worker *w);
void hops_forget(struct server *s, u32 ifindex);
void hops_watch(struct server *s);
void hops_tick(struct server *s, u64 now);
void hops_end(struct server *s);

/* listen.c: opens the sockets of every worker; what was bound goes to s->bound. */
int server_listen(struct server *s, char *error);

#endif
