// SPDX-License-Identifier: MIT
/* snapshot.h - a daemon as it stands at one moment, for the control socket and metrics */
#ifndef TG_RUN_SNAPSHOT_H
#define TG_RUN_SNAPSHOT_H

#include "bpf/datapath.h"
#include "host/nft.h"
#include "link/tun.h"
#include "link/xsk.h"
#include "run/handover.h"
#include "run/settings.h"
#include "tunnel/tunnel.h"

#define SNAPSHOT_TCP_PATH "%.11s/tcp"	/* name of the path over TCP, from that of its uplink */

enum client_state {
	CLIENT_WAITING,		/* no uplink is there */
	CLIENT_CONNECTING,
	CLIENT_CONNECTED,
	CLIENT_SUSPENDED,	/* was connected; every path is silent or gone */
};

const char *client_state_name(enum client_state state);	/* "waiting", "connecting", "connected", "suspended" */

/* What the XDP filter did. */
struct filter_snapshot {
	bool loaded;
	struct datapath_counts counts;	/* since it was loaded; valid when loaded */
	char refused[DATAPATH_WHY_BYTES];	/* why the kernel's programs could not be loaded, lanes and AF_XDP included; else empty */
};

/* All that is counted, without a look at any session, path or flow. */
struct daemon_counts {
	struct tunnel_counters counters;	/* of all workers */
	struct tun_counters tun;
	struct filter_snapshot filter;
	bool has_xsk, has_handover, has_firewall;
	struct xsk_counters xsk;		/* of all uplinks or interfaces with AF_XDP, since it is on; valid when has_xsk */
	struct handover_counters handover;	/* of a server, all workers; valid when has_handover */
	struct host_nft_drops firewall;		/* of a server, since its table was put up, not older than a second; valid when has_firewall */
};

/* Whether a flow comes into the tunnel at all, and what the server does with it. */
struct run_way {
	bool known;			/* the kernel was asked, and said: a client */
	bool outside;			/* by the host's own routes; valid when known */
	bool depends;			/* a new connection's mark, cgroup or DSCP may decide otherwise: the rest is without that */
	char device[TUNNEL_NAME_BYTES];	/* the interface it leaves by; "": there is no route */
	char policy[64];		/* what lets it by: "port 443"; "": rules and routes of the host */
	bool policy_is_of_connection;	/* that connection is let by, which is certain; else its ports alone tell */
	bool to_private;		/* a server does not forward it unless --allow names it; of a server: and none does */
};

/* An uplink the client knows, whether or not it has a path now. */
struct uplink_snapshot {
	char name[TUNNEL_NAME_BYTES];
	u32 ifindex;			/* 0: not there now */
	enum tg_link_kind kind;
	bool usable;			/* up, has an address and a way to the server */
	bool configured;		/* named by settings or `uplink add`, not found by itself */
	bool tcp;			/* a TCP path is there beside, or in place of, UDP */
	u32 weight;
	u8 flags;			/* TG_LINK_METERED, TG_LINK_BACKUP */
	u64 rate, quota;		/* bytes/s, bytes a month; 0: any */
	u64 quota_used;			/* this month, counted while there is a quota */
	struct addr local;		/* address its socket uses; family 0: none */
	const char *datapath;		/* "udp", "xdp native zero-copy", "xdp native", "xdp generic" */
	char datapath_why[DATAPATH_WHY_BYTES];	/* why it is not AF_XDP though that was asked for; else empty */
	struct xsk_counters xsk;	/* of AF_XDP, since it is on */
	u32 link;
	enum datapath_mode xdp;		/* how the filter is attached */
};

struct client_snapshot {
	char name[RUN_NAME_BYTES];
	char tun_name[TUNNEL_NAME_BYTES];
	enum client_state state;
	u64 state_us;			/* since it became that */
	u64 uptime_us;			/* since the daemon started */
	u64 connected_us;		/* since the session opened; 0: there is none */
	struct run_sending sending;
	bool full_tunnel;
	bool kill_switch, kill_switch_wanted;	/* it stands; it is meant to */
	struct addr server;		/* first address of the key */
	bool has_config;
	struct tunnel_config config;	/* valid when has_config */
	bool has_session;
	struct tunnel_session_info session;	/* valid when has_session */
	u32 path_count;
	struct tunnel_path_info paths[TG_MAX_PATHS];	/* connecting ones too */
	u32 uplink_count;
	struct uplink_snapshot uplinks[TG_MAX_PATHS];
	struct tunnel_counters counters;
	struct filter_snapshot filter;
	struct tun_counters tun;
};

/* AF_XDP on one of a server's interfaces. */
struct server_xdp_snapshot {
	char name[TUNNEL_NAME_BYTES];
	const char *datapath;		/* as of an uplink */
	u32 queues;
	struct xsk_counters xsk;	/* of all workers, since it is on */
};

#define SERVER_XDP_SNAPSHOTS 32

struct server_snapshot {
	char name[RUN_NAME_BYTES];
	char tun_name[TUNNEL_NAME_BYTES];
	u64 uptime_us;
	u64 now_us;			/* monotonic; compare with session.opened_us */
	u32 listen_count;
	struct addr listen[8];		/* as bound */
	bool open, tcp;
	struct run_sending sending;
	struct prefix pool4, pool6;
	u32 worker_count;
	u32 session_count;
	struct tunnel_session_info *sessions;	/* server_snapshot_free() frees it */
	struct daemon_counts counts;	/* AF_XDP's stand with the interfaces */
	u32 xdp_count;			/* interfaces that AF_XDP is wanted on */
	struct server_xdp_snapshot xdp[SERVER_XDP_SNAPSHOTS];
	bool with_firewall;		/* it was looked at */
};

void server_snapshot_free(struct server_snapshot *s);	/* the sessions in it, not s */

#endif
