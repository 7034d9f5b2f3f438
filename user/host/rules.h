// SPDX-License-Identifier: MIT
/* rules.h - rules and routes of one instance, made and found again */
#ifndef TG_HOST_RULES_H
#define TG_HOST_RULES_H

#include "host/inside.h"

struct rule {
	u8 family;		/* 4 or 6 */
	u32 priority;
	u32 table;		/* 0: unreachable */
	bool marked;		/* only packets with our mark; else all, and the mark is a mere label */
	bool only_longer;	/* what the table says counts only when longer than `longer_than` bits */
	u8 longer_than;
	struct prefix to, from;	/* family 0: any */
	const char *oif;	/* NULL: any */
};

struct route {
	u32 table;
	struct prefix to;	/* host bits are cleared */
	struct addr via;	/* family 0: none; may be IPv6 for an IPv4 prefix */
	struct addr source;	/* preferred source; family 0: none */
	u32 ifindex;		/* 0: unreachable */
};

/* Who speaks about a prefix; of equally long ones the first here wins. */
enum rule_about { RULE_EXCLUDE, RULE_ROUTE, RULE_NETWORK };

/* The longer the prefix, the earlier. */
u32 rule_priority(const struct prefix *p, enum rule_about about);

/* An equal one that is there already is fine. 0 or negative errno. */
int rule_add(struct host *h, const struct rule *r);
int rule_remove(struct host *h, const struct rule *r);		/* one that is not there is fine */
int route_put(struct host *h, const struct route *r);		/* replaces one to the same prefix */

/* Removes our rules and routes of the tables first..last, and, when labels, the rules that carry our mark. */
int rules_clear(struct host *h, u32 first, u32 last, bool labels);

#endif
