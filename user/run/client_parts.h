// SPDX-License-Identifier: MIT
/* client_parts.h - the client daemon's state, shared by the files that make it
 *
 *   client.c      life: start, events, end
 *   uplinks.c     interfaces: found, followed, their sockets and paths
 *   uplink_commands.c   the same by command
 *   uplink_limits.c   their rates and quotas
 *   uplink_xdp.c  AF_XDP beside their sockets
 *   client_filter.c   the XDP filter in front of their sockets
 *   fallback.c    TCP where UDP is not answered; the next server address
 *   configure.c   the host: addresses, routes, names, kill switch
 *   client_change.c   other settings while it runs
 *   client_record.c   the flight record, fetched from the worker
 *
 * Everything here belongs to the control thread. The engine is reached through worker_call().
 */
#ifndef TG_RUN_CLIENT_PARTS_H
#define TG_RUN_CLIENT_PARTS_H

#include "bpf/datapath.h"
#include "host/hop.h"
#include "host/host.h"
#include "host/links.h"
#include "run/client.h"
#include "run/device.h"
#include "run/lanes.h"
#include "run/lifecycle.h"
#include "run/policy.h"
#include "run/usage.h"
#include "run/worker.h"

#define SERVERS_MAX 16u

/* TCP beside an uplink's UDP. Its path has a link, and so a number, of its own. */
struct tcp_side {
	u32 link;		/* 0: none */
	bool connected;		/* its path was handed to the engine */
	bool up;
	u32 failures;		/* in a row */
	u64 retry_us;		/* not before */
	u64 counted;		/* bytes of its path that the month's books have */
};

/* AF_XDP beside an uplink's UDP socket, on the same link, address and port. */
struct xdp_side {
	bool on;
	bool zero_copy;
	enum datapath_mode mode;	/* how the program is attached */
	u32 ifindex;			/* where */
	u32 queues;
	struct host_hop hop;		/* whom its frames go to */
	u64 use_us;			/* when the kernel is to look for that neighbour again */
	u64 retry_us;			/* not on: when to try again; TIME_NEVER: not as things are */
	u64 opened_us;
	u32 losses;			/* in a row: the link went down right after it was opened */
	char told[DATAPATH_WHY_BYTES];	/* why not, as it was logged last */
};

struct uplink {
	bool used;		/* this slot of the table */
	bool configured;	/* named by somebody, not found */
	char name[TUNNEL_NAME_BYTES];
	u32 weight;
	u8 flags;
	u64 rate, quota;	/* bytes/s, bytes a month; 0: any */
	u64 counted;		/* bytes of the UDP path that the month's books have */
	struct host_uplink seen;	/* as of the last look; ifindex 0: not there */
	bool usable;		/* its UDP path may carry */
	bool told_unreachable;	/* it was logged that no server address suits it */
	u64 gone_us;		/* since when the interface is not there; 0: it is */
	u32 link;		/* UDP link, 0: none yet */
	bool has_path;		/* the engine knows the link */
	bool up;		/* its UDP path is up */
	u64 silent_us;		/* since when the UDP path is not up although it could be; 0: it is up */
	u64 asked_us;		/* since when this server address is tried */
	u32 server;		/* how often it moved on to the next address */
	u64 retry_us;		/* opening the socket failed: not before */
	struct addr local, remote;
	struct addr bound;	/* local, with the port that the socket got */
	u32 filter_ifindex;	/* where the filter was tried; 0: nowhere */
	bool filter_refused;
	bool filter_said;		/* by command, of this uplink: */
	enum datapath_mode filter_wanted;
	bool filter_generic;		/* its socket does without UDP_GRO */
	struct addr filter_end;	/* what it lets through to us */
	enum run_datapath datapath;
	struct xdp_side xdp;
	struct tcp_side tcp;
};

struct client {
	struct client_settings set;
	struct client_hooks hooks;
	char name[RUN_NAME_BYTES];
	const char *state_dir, *runtime_dir;
	struct event_base *base;
	struct lifecycle life;
	struct host *host;
	struct worker *worker;
	struct datapath *datapath;	/* NULL: no filter is wanted, no lanes, nor has an uplink asked for AF_XDP */
	char datapath_why[DATAPATH_WHY_BYTES];	/* why it could not be loaded, once that was tried */
	bool is_filtering;		/* the worker tells it of indices and heartbeats: there is a filter, or AF_XDP */
	enum datapath_mode filter_wanted;	/* of uplinks of which nothing else was said: as set, or by command */
	struct policies policies;
	struct port *queues[TG_LANES];	/* until the worker has them */
	bool finishes_csum;		/* the tunnel device does */
	char tun_name[TUNNEL_NAME_BYTES];
	struct event *mail, *links_changed, *tick, *rescan;
	struct host_monitor *monitor;
	struct umem *umem;		/* of all AF_XDP uplinks and a veth inside; the worker's once it runs, or a socket uses it */
	u64 scanned_us;

	struct addr servers[SERVERS_MAX];
	u32 server_count;
	u64 resolve_us;			/* next try to find the host name's addresses */

	struct uplink uplinks[TG_MAX_PATHS];
	struct prefix lan[2 * TG_MAX_PATHS];	/* networks next door that the kill switch lets through */
	u32 lan_count;
	bool kill_switch_stands;	/* put up by this process */
	bool half_changed;		/* client_change() failed in the middle */
	struct client_settings left;	/* then: what may still be there of settings before; its key is none */
	char ignored[TG_MAX_PATHS][TUNNEL_NAME_BYTES];	/* removed by command: not found again by themselves */
	u32 ignored_count;

	struct usage usage;		/* of uplinks with a quota, this month */
	u64 usage_write_us;

	u64 started_us;
	bool hooked;			/* the hooks saw the start, and will see the end */
	u64 advise_us;			/* not connected yet: when to say what may be wrong */
	bool said_connected;
	bool has_config;
	bool was_connected;
	enum client_state state;	/* as last looked at, see client_note_state() */
	u64 state_since_us;
	struct tunnel_config config;
	u32 tun_ifindex;
	u32 tun_mtu;			/* of the device; 0: not configured yet */
	int result;			/* of client_run() */
	char *error;			/* RUN_ERROR_BYTES, the caller's */
};

/* Ends the daemon with this result and line. */
void client_fail(struct client *c, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* client.c: secrets in it are the caller's to wipe */
void client_engine_settings(const struct client *c, struct tunnel_settings *t);

/* snapshot.c */
void client_note_state(struct client *c);	/* something changed: since when the state is what it is */

/* uplinks.c */
void uplinks_configure(struct client *c);		/* slots for those the settings name */
void uplinks_drop_found(struct client *c);		/* nobody named them, and none is to be found any more */
void uplinks_rescan(struct client *c);			/* look at the machine, follow what changed */
struct uplink *uplink_new(struct client *c, const char *name, bool configured);	/* NULL: no slot is free */
void uplink_forget(struct client *c, struct uplink *u);	/* path, sockets, route, slot */
struct uplink *uplink_by_link(struct client *c, u32 link);	/* UDP or TCP */
struct uplink *uplink_by_name(struct client *c, const char *name);
void uplink_reopen(struct client *c, struct uplink *u);	/* new socket, towards the address that is next */
void uplinks_path_changed(struct client *c, const struct tunnel_path_info *path);
void uplinks_reap(struct client *c, u64 now);		/* forget found ones that are long gone */
u32 uplinks_usable(const struct client *c);

/* uplink_xdp.c */
int xdp_load(struct client *c, char *why);		/* the programs, and the worker tells them; fine when they are there. why[DATAPATH_WHY_BYTES] */
void xdp_open(struct client *c, struct uplink *u);	/* its socket is open: AF_XDP too, if it is to be */
void xdp_close(struct client *c, struct uplink *u);	/* and the program goes, unless it filters; fine when it is not on */
/* For a while: its socket changes, or its link is down. The program stays, for many drivers take the link down when one comes or goes. */
void xdp_pause(struct client *c, struct uplink *u);
void xdp_lost(struct client *c, struct uplink *u);	/* likewise, and the link went down */
void xdp_reopen(struct client *c, struct uplink *u);	/* after these two: as xdp_open(), but what was refused there is not tried before its time */
void xdp_neighbour(struct client *c, u32 ifindex);	/* somebody on that link was found, changed or lost */
void xdp_changed(struct client *c, struct uplink *u);	/* routes or addresses may be others now */
void xdp_tick(struct client *c, u64 now);
const char *xdp_name(const struct uplink *u);		/* "udp", "xdp native zero-copy"... */

/* uplink_limits.c */
void uplink_limit(struct worker *w, const struct client *c, const struct uplink *u);	/* (worker) its paths get its limits */
void uplinks_usage_open(struct client *c);		/* what the month's books had at the last end */
void uplinks_count(struct client *c);			/* before a path goes: what it carried counts */
void uplinks_usage_tick(struct client *c, u64 now);
void uplinks_usage_close(struct client *c);		/* the worker still runs */

/* client_filter.c */
void uplink_filter(struct client *c, struct uplink *u);	/* its socket was made anew */
void uplink_unfilter(struct client *c, struct uplink *u);
bool uplink_filters(const struct uplink *u);		/* there is one, and not for AF_XDP alone */
bool uplink_is_generic(const struct client *c, const struct uplink *u);	/* its filter, or the one that it is to have */

/* fallback.c */
int client_resolve(struct client *c);		/* fills servers; -EAGAIN: the host name has no address now */
u32 servers_for(const struct client *c, const struct host_uplink *h, struct addr out[SERVERS_MAX]);
void fallback_tick(struct client *c, u64 now);
void fallback_link_up(struct client *c, struct uplink *u);
void fallback_link_lost(struct client *c, struct uplink *u, int error);
void fallback_drop(struct client *c, struct uplink *u);	/* ends the TCP side */

/* configure.c */
int client_check_settings(const struct client *c, char *error);
int client_before(struct client *c, char *error);	/* what must hold before the first packet: kill switch */
int client_configure(struct client *c, char *error);	/* c->config has come or changed */
int client_change_routing(struct client *c, const struct client_settings *before, char *error);	/* c->set has what is wanted */
void client_mtu_changed(struct client *c);		/* uplinks came, went or have another MTU: the device follows */
void client_lan_changed(struct client *c);		/* the networks next door may be others now: routes, kill switch */

#endif
