/* SPDX-License-Identifier: MIT */
/* flows.h - the flows of all workers of a daemon: filtered, sorted, the first of them with where they go
 *
 * Copied from the workers whole, chosen from on the control thread: what a worker gives is some 100 us of its time.
 */
#ifndef TG_RUN_FLOWS_H
#define TG_RUN_FLOWS_H

#include "run/client.h"
#include "run/server.h"

#define RUN_FLOWS_TOP 256u

enum run_flows_sort { RUN_FLOWS_RATE, RUN_FLOWS_BYTES, RUN_FLOWS_PACKETS, RUN_FLOWS_AGE, RUN_FLOWS_RECENT, RUN_FLOWS_SORTS };

const char *run_flows_sort_name(enum run_flows_sort sort);	/* "rate", "bytes", "packets", "age", "recent" */
int run_flows_parse_sort(const char *name);			/* -1: none of these */

struct run_flows_query {
	u64 idle_us;		/* flows that had a packet within this time */
	enum run_flows_sort sort;	/* largest first; "recent": the last packet */
	u32 top;		/* at most RUN_FLOWS_TOP */
	u8 protocol;		/* 0: any */
	struct prefix end;	/* of either end; family 0: any */
	u16 port;		/* of either end (of the same one as `end`, when that is given); 0: any */
	bool has_client;	/* server: of this one's sessions */
	u8 client_id[8];
};

struct run_flow {
	struct flow_info info;
	struct tunnel_way way;
	u32 worker;
};

struct run_flows {
	u32 live, matched, count;	/* had a packet lately; fit the filters; in `at` */
	u64 replaced;			/* since the start: places in the tables that were taken over from live flows */
	struct run_flow at[RUN_FLOWS_TOP];
};

/* 0 or -ENOMEM. */
int client_flows(struct client *c, const struct run_flows_query *query, struct run_flows *out);
int server_flows(struct server *s, const struct run_flows_query *query, struct run_flows *out);

/* The parts of it that need no daemon, for tests: does the flow fit? Sorts; which is first? */
bool run_flows_fits(const struct run_flows_query *query, const struct flow_info *info);
void run_flows_order(enum run_flows_sort sort, struct run_flow *flows, u32 n);

#endif
