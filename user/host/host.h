// SPDX-License-Identifier: MIT
/* host.h - one instance's hold on this machine: its name, numbers, lock and undoing
 *
 * Everything triglav changes on a host is found again by one of these marks, so that a start
 * after SIGKILL removes exactly what its predecessor of the same name left:
 *   routes, rules    protocol HOST_ROUTE_PROTOCOL and a table of, or the mark of, this instance
 *   nft              tables triglav_NAME, triglav_NAME_client, triglav_NAME_bypass and triglav_NAME_ks
 *   sysctl           files below RUNTIME_DIR/sysctl.NETNS: old value and who holds it
 *   resolv.conf      a backup in STATE_DIR and a first line that names the instance
 *   veth             pairs whose device group is this instance's mark
 *   resolved, addresses   go away with the tunnel device
 *
 * The order of a start: host_open, host_sweep, configure; of an end: host_close. One thread;
 * calls block for as long as the kernel takes to answer a netlink message.
 */
#ifndef TG_HOST_HOST_H
#define TG_HOST_HOST_H

#include "base/types.h"

#define HOST_ROUTE_PROTOCOL 116		/* 't'; shown by `ip rule` and `ip route` as "proto 116" */
#define HOST_WHY_BYTES 256		/* room for the sentence that goes with an error */

struct host;

struct host_settings {
	const char *name;		/* of the instance */
	const char *runtime_dir;	/* /run/triglav: gone after a reboot, as routes are */
	const char *state_dir;		/* /var/lib/triglav: what must survive a reboot */
};

/* Takes the instance's lock and its numbers (table, mark: hashed from the name, moved on when another
 * instance of the same runtime directory has them, and kept in RUNTIME_DIR/NAME.host). Creates
 * the directories (0755). 0; -EBUSY: an instance of this name runs; -EINVAL: a name with anything but
 * letters, digits, '_', '-', '.' or longer than 32; else what the system says. why[HOST_WHY_BYTES], when not
 * NULL, gets a sentence. */
int host_open(struct host **out, const struct host_settings *set, char *why);

/* Removes whatever a killed instance of this name left, nothing else. nft tables stay when replaces_tables: the caller is
 * about to replace them in one transaction, and meanwhile nothing may leak (kill switch), nor may packets of masqueraded
 * connections reach the host itself, which would reset them (server). Returns 0 or the first error, after trying everything. */
int host_sweep(struct host *h, bool replaces_tables);

/* Undoes everything this instance did (kill switch included, unless keep_kill_switch), gives the
 * lock back. NULL is fine. */
void host_close(struct host *h, bool keep_kill_switch);

/* SO_MARK for every socket that carries the tunnel itself. */
u32 host_mark(const struct host *h);

/* First of this instance's routing tables (HOST_TABLES of them). */
u32 host_table(const struct host *h);

#define HOST_TABLES 32u

#endif
