// SPDX-License-Identifier: MIT
/* sim.h - one simulation: a client and a server engine, the links between them, the flows behind them
 *
 *   inner senders  --tunnel_send-->  client ==== link 1 ====  server  --deliver-->  inner receivers
 *   10.0.85.2      <--deliver------  engine ==== link 2 ====  engine  <--tunnel_send--  203.0.113.5
 *
 * The engines are the real ones and see nothing but what user/tunnel/tunnel.h lets them see. Everything comes from one
 * seed; no clock is read.
 */
#ifndef TG_TESTS_SIM_SIM_H
#define TG_TESTS_SIM_SIM_H

#include "sim/check.h"
#include "sim/link.h"
#include "tunnel/tunnel.h"

#define SIM_LINKS 8u
#define SIM_FLOWS 128u
#define SIM_POOL 8192u
#define SIM_WARM_UP_NS (NS_PER_SEC)	/* the tunnel is up before the flows' time zero */

struct flow;

struct sim_end {
	struct sim *sim;
	u32 side;			/* 0: client, 1: server */
	struct tunnel *tunnel;
	struct buf_pool *pool;
	struct rand_source random;
	struct buf_queue outbox;	/* what the flows of this side sent during the present event: one batch */
	struct buf_queue outside;	/* of flows that do not use the tunnel; b->path: by which link */
	struct flow *touched;		/* flows that got packets in the present batch */
	struct event tick;
	u64 device_drops;		/* inner packets lost because bufs were few */
	u32 least_bufs;
	struct event rest;		/* its host does something else from time to time */
	bool resting;
	struct arrival *inbox;		/* what came meanwhile */
	u32 inbox_count, inbox_size;
};

struct sim {
	struct events events;
	struct rand_source random;
	struct datagram_store store;
	struct sim_end ends[2];
	struct link links[SIM_LINKS];
	struct link_spec specs[SIM_LINKS];
	u32 link_count;
	u32 only;			/* number of the only link that is used; 0: all */
	struct flow *flows[SIM_FLOWS];
	u32 flow_count;
	struct addr server_address;
	u8 server_secret[32], server_public[32], client_secret[32];
	u8 last_time[12];
	u32 connected, disconnected;
	u64 zero_ns;			/* when the flows' time begins */
	u64 slack_us;			/* how late timers of the engines fire */
	u64 rest_us, rest_every_us;	/* each host rests up to so long, so often on average; 0: never */
	bool verbose;			/* tells what the client says of its paths */
	u64 outer_bytes, outer_packets, inner_bytes, inner_packets;	/* UDP payloads and inner packets since sim_count_anew() */
	struct tunnel_settings set[2];
	struct check check;
};

/* Makes both engines and begins with the handshakes. links, link_count, only and set[] (strategy ...) have been filled
 * in; the rest is zero. */
void sim_begin(struct sim *s, u64 seed);

/* Runs until that many ns after time zero. */
void sim_run_until(struct sim *s, u64 ns);

/* Ns since the flows' time zero (before it: 0), and the engines' clock. */
u64 sim_time_ns(const struct sim *s);
u64 sim_now_us(const struct sim *s);

void sim_count_anew(struct sim *s);

/* The one session of a side, if there is one. */
bool sim_session(struct sim *s, u32 side, struct tunnel_session_info *out);

/* Is any link up that carries data now? */
bool sim_any_link_up(const struct sim *s);

void sim_end(struct sim *s);

#endif
