/* SPDX-License-Identifier: MIT */
/* flow_text.h - flows as people name them, and those of this host's own sockets */
#ifndef TG_MANAGE_FLOW_TEXT_H
#define TG_MANAGE_FLOW_TEXT_H

#include <triglav/flow.h>

#include "base/addr.h"

#define FLOW_TEXT_BYTES (2 * ADDR_TEXT_BYTES + 16)
#define FLOW_EXPECTS "a flow such as \"tcp 10.0.85.2:43210 198.51.100.2:443\", \"udp 198.51.100.2:53\" or \"198.51.100.2\""

/* What of a flow was said: family 0 and protocol 0 stand for what was not, port 0 for any. */
struct flow_wish {
	u8 protocol;		/* TG_PROTO_TCP, TG_PROTO_UDP */
	struct addr from, to;	/* from.family 0: any */
};

/* "[tcp|udp] [FROM] TO"; FROM and TO with or without ports. 0 or -EINVAL. */
int flow_parse(const char *text, struct flow_wish *out);

/* Is everything said that the hash of a flow is made of? (ICMP and the like are not asked for.) */
bool flow_is_whole(const struct flow_wish *w);

void flow_of_wish(const struct flow_wish *w, struct tg_flow *out);
char *flow_format(const struct flow_wish *w, char out[FLOW_TEXT_BYTES]);

/* Flows of sockets of this network namespace that fit the wish, by what /proc/net lists: connected TCP and UDP. Returns how many were
 * put into out. */
u32 flow_find(const struct flow_wish *wish, struct flow_wish *out, u32 max);

/* One line of /proc/net/tcp or udp ("sl local remote st ..."), for tests. False: it is no connected socket. */
bool flow_from_line(const char *line, u8 family, u8 protocol, struct flow_wish *out);

#endif
