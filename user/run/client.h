// SPDX-License-Identifier: MIT
/* client.h - the near end: a tunnel over every uplink of this host
 *
 * client_run() is the whole life of `triglav tun`: it checks, sets up, stays until SIGINT, SIGTERM or
 * client_stop(), and undoes everything. It runs on the control thread (libevent); the
 * functions below it may be called on that thread only, from within the hooks and
 * from events the caller adds to the event base it is given.
 */
#ifndef TG_RUN_CLIENT_H
#define TG_RUN_CLIENT_H

#include "crypto/keys.h"
#include "run/settings.h"
#include "run/snapshot.h"

struct client;
struct filter_changes;
struct policies;
struct event_base;

struct client_uplink_settings {
	char name[TUNNEL_NAME_BYTES];	/* interface */
	u32 weight;			/* 0: 1 */
	u8 flags;			/* TG_LINK_METERED, TG_LINK_BACKUP */
	u64 rate;			/* bytes/s each way that are never exceeded; 0: any */
	u64 quota;			/* bytes of both directions a month, then it only stands by; 0: any */
	enum run_datapath datapath;
};

struct client_settings {
	struct key_string key;		/* required */
	struct run_place place;
	char tun_name[TUNNEL_NAME_BYTES];	/* "": RUN_TUN_NAME; "tg%d": first free */

	/* Uplinks. None named: all usable ones are found and followed. Named ones may appear later. */
	u32 uplink_count;
	struct client_uplink_settings uplinks[TG_MAX_PATHS];
	bool auto_discover;		/* besides those named, all others too */
	enum run_datapath datapath;	/* of uplinks that say nothing themselves */

	/* What goes through the tunnel. Always: the tunnel's own prefixes. */
	bool full_tunnel;		/* everything but excludes and directly connected networks */
	struct prefix_list routes;	/* these, beside or instead */
	struct prefix_list excludes;	/* never these; longer than what they are cut from */
	bool kill_switch;		/* full tunnel: nothing leaves outside it, from start to end */

	/* Asked for; used only when they equal what the server assigns, else one warning. Family 0: no wish. */
	struct addr want_ip4, want_ip6;

	/* Names. */
	bool dns;			/* use dns_servers, or the server's inner address when there are none */
	u32 dns_count;
	struct addr dns_servers[RUN_MAX_DNS];

	struct run_sending sending;
	enum datapath_mode xdp;		/* the filter in front of the uplinks' sockets; 0: off */
	struct policy_list policies;
	enum run_device device;
	bool no_lanes;			/* one queue of the tunnel device, not two */
	u8 suites;			/* bits 1 << enum tg_suite; 0: what key and CPU allow */
	u16 mtu;			/* inner; 0: what the server says (TG_INNER_MTU) */
	u64 rekey_us;			/* 0: 120 s */
	u64 keepalive_us;		/* 0: 15 s */
	bool no_tcp_fallback;		/* default: TCP beside UDP when UDP is not answered for 2 s */
	u32 buffer_count;		/* packets of 2 KB the worker holds at most; 0: 8192 */
};

struct client_hooks {
	void *ctx;
	/* The daemon is set up (not yet connected); hang control socket and metrics on `base`. A negative errno ends it: error is
	 * then filled by the hook. Optional, as all. */
	int (*started)(void *ctx, struct client *c, struct event_base *base, char error[RUN_ERROR_BYTES]);
	/* First time that traffic can flow; standard output and systemd have been told. */
	void (*connected)(void *ctx, struct client *c, const struct tunnel_config *config);
	/* SIGHUP (report NULL), or client_reload(): read the configuration again, client_change(). A negative errno with error. */
	int (*reload)(void *ctx, struct client *c, void *report, char error[RUN_ERROR_BYTES]);
	/* A path changed its state; `why` as in the log. */
	void (*path_changed)(void *ctx, struct client *c, const struct tunnel_path_info *path, const char *why);
	/* About to end, when started() worked: take events off the base, close the control socket. */
	void (*stopping)(void *ctx, struct client *c);
};

/* Runs until told to end. 0 after a clean end, else a negative errno with a line in error:
 * -EINVAL settings contradict (usage), -EPERM a privilege is missing, -EBUSY the instance runs already, -ECONNREFUSED the server
 * ended the session for good, others: failed. Nothing is left behind in any case. */
int client_run(const struct client_settings *set, const struct client_hooks *hooks, char error[RUN_ERROR_BYTES]);

/* Ends client_run() from an event; it returns 0. */
/* Puts the XDP filter on the uplink's interface (NULL: on all, those to come too), or with DATAPATH_OFF takes it off. -ENOENT: no such uplink;
 * -EALREADY; what the kernel says: error has a line. filter.h */
int client_filter(struct client *c, const char *uplink, enum datapath_mode mode, struct filter_changes *out, char error[RUN_ERROR_BYTES]);

struct policies *client_policies(struct client *c);	/* policy.h */
int client_lanes(struct client *c, bool on, char error[RUN_ERROR_BYTES]);	/* lanes_switch() */
void client_stop(struct client *c);

/* Calls the hook of that name with `report`, which only the hook and the caller know. -ENOSYS: there is none. */
int client_reload(struct client *c, void *report, char error[RUN_ERROR_BYTES]);

/* Takes over what may change while it runs, and does it: uplinks that differ from those of the settings before, auto_discover, what
 * goes through the tunnel, kill switch, names, `sending`, rekey_us, keepalive_us. Everything else of `want` does not count. Errors with
 * a line, and *refused: it contradicts itself, and nothing has changed. Else a step failed on the host, the rest was done, and the next call
 * does all of it again, even when `want` is the same. */
int client_change(struct client *c, const struct client_settings *want, bool *refused, char error[RUN_ERROR_BYTES]);

/* Uplinks at run time. Add: -EEXIST, -ENOSPC (16), -EINVAL; an interface that is not there yet is waited for (0). Remove:
 * -ENOENT; a removed one is not found again by itself. Set: weight 0 keeps, flags replace. Errors fill error. */
int client_uplink_add(struct client *c, const char *name, u32 weight, u8 flags, char error[RUN_ERROR_BYTES]);
int client_uplink_remove(struct client *c, const char *name, char error[RUN_ERROR_BYTES]);
int client_uplink_set(struct client *c, const char *name, u32 weight, u8 flags, char error[RUN_ERROR_BYTES]);

/* Other limits; NULL keeps, 0 is none. -ENOENT. */
int client_uplink_limit(struct client *c, const char *name, const u64 *rate, const u64 *quota, char error[RUN_ERROR_BYTES]);

/* Another way to carry its datagrams, from now on. -ENOENT. */
int client_uplink_datapath(struct client *c, const char *name, enum run_datapath datapath, char error[RUN_ERROR_BYTES]);

/* Fills *out; waits for the worker (well under a millisecond). */
void client_snapshot(struct client *c, struct client_snapshot *out);
void client_counts(struct client *c, struct daemon_counts *out);	/* of it only what is counted: one short stop of the worker */

/* Why a flow travels as it does. -ENOENT: there is no session. */
int client_why(struct client *c, const struct tg_flow *flow, struct tunnel_why *out);
void client_way(struct client *c, const struct tg_flow *flow, struct run_way *out);	/* asks the kernel; what a flow does not say is 0 in it */

/* A copy of the flight record, the caller's (recorder_free()). NULL: no traffic has flowed yet, or no memory. */
struct recorder *client_record(struct client *c);

/* The instance's name and directories: the control socket is in one, what it keeps in the other. */
const char *client_name(const struct client *c);
const char *client_runtime_dir(const struct client *c);
const char *client_state_dir(const struct client *c);

#endif
