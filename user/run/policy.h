/* SPDX-License-Identifier: MIT */
/* policy.h - what the user wants of some packets: kept by the daemon, put into the classifier's map or, for a bypass, the firewall
 *
 *   policy.c   the list                        bypass.c   those that keep out of the tunnel (host/bypass.h)
 *
 * A path is named as its uplink is. Its number changes when the uplink comes and goes, so who follows paths calls policies_refresh(); while the
 * path is not there the rest of the policy holds. A cgroup is named by its folder; when that is made anew, as a service that starts again does, it
 * has another id, which policies_tick() notices. Control thread.
 */
#ifndef TG_RUN_POLICY_H
#define TG_RUN_POLICY_H

#include "bpf/datapath.h"
#include "run/settings.h"

struct host;
struct worker;

struct policies {
	struct datapath *datapath;	/* NULL: there is no classifier, and no policy but a bypass is possible */
	struct worker *worker;		/* of a client; NULL: a server's, whose paths have no names */
	struct host *host;		/* of a client; NULL: nothing can be let by */
	const char *tun;		/* its device */
	struct addr inner4, inner6;	/* its addresses; family 0: none yet */
	bool bypassing;			/* the firewall has some */
	u32 count;
	struct policy at[POLICIES_MAX];
};

/* Adds one, in place of one for the same packets. -ENOTSUP: no classifier; -ENOSPC, -EINVAL and others: error has a line, and all is as before. */
int policies_add(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES]);

/* Removes the one for these packets: by kind and value, for a cgroup by its folder (text). -ENOENT. */
int policies_remove(struct policies *p, const struct policy *one, char error[RUN_ERROR_BYTES]);

/* The settings' policies are `is` now and were `was` (NULL: none): what is new or different is added, what is missing goes; others, from the
 * command line, stay. All are tried; what cannot be done is logged. 0 or the first error, with its line. */
int policies_change(struct policies *p, const struct policy_list *was, const struct policy_list *is, char error[RUN_ERROR_BYTES]);

/* Paths came or went. */
void policies_refresh(struct policies *p);

/* The device has these addresses now. */
void policies_addresses(struct policies *p, const struct addr *inner4, const struct addr *inner6);

/* Now and then: cgroups may have been made anew. */
void policies_tick(struct policies *p);

/* Is there a classifier that could know them? A bypass needs none. */
bool policies_possible(const struct policies *p);

/* For the same packets? */
bool policy_same_packets(const struct policy *a, const struct policy *b);

/* bypass.c: the firewall gets what is in the list. 0, or an error with its line, and the firewall is as before. */
int bypass_put(struct policies *p, char error[RUN_ERROR_BYTES]);
u32 bypass_free_slot(const struct policies *p);		/* 0: all are taken */
void bypass_forget(struct policies *p, u32 slot);	/* nobody has this slot any more; 0 is fine */

#endif
