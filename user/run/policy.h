/* SPDX-License-Identifier: MIT */
/* policy.h - what the user wants of some packets: kept by the daemon, put into the classifier's map
 *
 * A path is named as its uplink is. Its number changes when the uplink comes and goes, so who follows paths calls policies_refresh(); while the
 * path is not there the rest of the policy holds. Control thread.
 */
#ifndef TG_RUN_POLICY_H
#define TG_RUN_POLICY_H

#include "bpf/datapath.h"
#include "run/settings.h"

#define POLICIES_MAX 64u
#define POLICY_TEXT_BYTES 160

struct worker;

struct policy {
	u32 kind;			/* enum tg_policy_kind */
	u64 value;			/* as in struct tg_policy_key; a port with protocol 0 is for TCP and UDP, but where one has a policy of its own */
	u8 class;			/* enum tg_class: AUTO, REALTIME, BULK */
	char path[TUNNEL_NAME_BYTES];	/* "": any */
	char text[POLICY_TEXT_BYTES];	/* how it was said, for who reads the list */
};

struct policies {
	struct datapath *datapath;	/* NULL: none is possible */
	struct worker *worker;		/* of a client; NULL: a server's, whose paths have no names */
	u32 count;
	struct policy at[POLICIES_MAX];
};

/* Adds one, in place of one for the same packets. -ENOTSUP: no classifier; -ENOSPC, -EINVAL: error has a line. */
int policies_add(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES]);
int policies_remove(struct policies *p, u32 kind, u64 value, char error[RUN_ERROR_BYTES]);	/* -ENOENT */

/* Paths came or went. */
void policies_refresh(struct policies *p);

/* Is there a classifier that could know them? */
bool policies_possible(const struct policies *p);

#endif
