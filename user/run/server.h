// SPDX-License-Identifier: MIT
/* server.h - the far end: many clients behind one tunnel device
 *
 * server_run() is the whole life of `triglav server`, as client_run() is that of a client:
 * control thread, hooks, and the rule that the other functions are called on that thread only.
 */
#ifndef TG_RUN_SERVER_H
#define TG_RUN_SERVER_H

#include "run/settings.h"
#include "run/snapshot.h"

struct server;
struct filter_changes;
struct policies;
struct accounts;		/* server/accounts.h */
struct event_base;

#define SERVER_MAX_LISTEN 8
#define SERVER_POOL4 "10.0.85.0/24"
#define SERVER_POOL6 "fd85:7269:676c::/64"

struct server_settings {
	u8 secret[32];			/* required: the server's private key */
	struct accounts *accounts;	/* who may in (tg2_ holders); the caller's, outlives the run. NULL: only with open */
	struct run_place place;
	char tun_name[TUNNEL_NAME_BYTES];	/* "": RUN_TUN_NAME */

	u32 listen_count;		/* 0: 0.0.0.0 and [::], port TG_PORT */
	struct addr listen[SERVER_MAX_LISTEN];
	bool tcp_fallback;		/* listen on TCP too, same addresses */
	u16 tcp_port;			/* 0: the same port as UDP */

	struct prefix pool4, pool6;	/* family 0: SERVER_POOL4, SERVER_POOL6 */
	bool no_pool4, no_pool6;	/* no inner addresses of that family */
	bool open;			/* admit holders of tg1_ too */
	u32 max_connections;		/* sessions; 0: 10000 */
	bool routed;			/* no masquerade: somebody routes the pool to us */
	bool client_to_client;		/* default: clients do not reach each other */
	struct prefix_list allow;	/* private networks clients may reach all the same; public ones they always may */
	bool dns;			/* clients may ask port 53 of the server's inner addresses */

	struct run_sending sending;
	enum datapath_mode xdp;		/* the filter in front of the sockets; 0: off */
	struct policy_list policies;	/* none with a path or a bypass */
	enum run_datapath datapath;	/* what carries datagrams, by interface; 0: auto */
	enum run_device device;		/* veth: for one worker */
	bool no_lanes;			/* one queue of the tunnel device for each worker, not two */
	u16 mtu;			/* inner; 0: TG_INNER_MTU */
	u64 rekey_us;			/* 0: 120 s */
	u64 idle_timeout_us;		/* 0: 5 min */
	u32 handshakes_per_second;	/* before cookies are asked for; 0: 500 */
	u32 workers;			/* threads; 0: 1 */
	u32 buffer_count;		/* packets of 2 KB a worker holds at most; 0: 16384 */
};

/* See struct client_hooks. */
struct server_hooks {
	void *ctx;
	int (*started)(void *ctx, struct server *s, struct event_base *base, char error[RUN_ERROR_BYTES]);
	void (*session_opened)(void *ctx, struct server *s, const struct tunnel_grant *grant, u64 handle);
	/* `last`: its final counters, for the books. */
	void (*session_closed)(void *ctx, struct server *s, const struct tunnel_grant *grant, u64 handle, const struct tunnel_session_info *last);
	int (*reload)(void *ctx, struct server *s, void *report, char error[RUN_ERROR_BYTES]);
	void (*stopping)(void *ctx, struct server *s);
};

/* Runs until told to end. Returns as client_run(); -EADDRINUSE: port taken; -EINVAL also for a pool that overlaps a network of
 * this host. READY=1 goes to systemd when it listens. */
int server_run(const struct server_settings *set, const struct server_hooks *hooks, char error[RUN_ERROR_BYTES]);

/* Ends server_run() from an event; it returns 0. */
/* As client_filter(), of the interfaces that have a listen address. */
int server_set_filter(struct server *s, const char *interface, enum datapath_mode mode, struct filter_changes *out, char error[RUN_ERROR_BYTES]);

struct policies *server_policies(struct server *s);	/* policy.h */
int server_lanes(struct server *s, bool on, char error[RUN_ERROR_BYTES]);	/* lanes_switch() */
void server_stop(struct server *s);

/* As client_reload() and client_change(). May change: open, max_connections (who is in stays), routed, client_to_client, allow, dns,
 * `sending`, rekey_us, idle_timeout_us, handshakes_per_second. */
int server_reload(struct server *s, void *report, char error[RUN_ERROR_BYTES]);
int server_change(struct server *s, const struct server_settings *want, char error[RUN_ERROR_BYTES]);

/* Ends the sessions of a client (revoked); returns how many there were. */
u32 server_close_client(struct server *s, const u8 client_id[8], enum tg_close_code code);

/* Why a flow travels as it does. -ENOENT: no session has either end. */
int server_why(struct server *s, const struct tg_flow *flow, struct tunnel_why *out);
void server_way(struct server *s, const struct tg_flow *flow, struct run_way *out);	/* whether the firewall refuses its destination */

/* Fills *out (free with server_snapshot_free()); with_firewall: the kernel is asked what the firewall dropped, too. -ENOMEM. */
int server_snapshot(struct server *s, bool with_firewall, struct server_snapshot *out);
void server_counts(struct server *s, struct daemon_counts *out);	/* of it only what is counted, whatever the number of sessions */

const char *server_name(const struct server *s);
const char *server_runtime_dir(const struct server *s);

#endif
