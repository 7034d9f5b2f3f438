// SPDX-License-Identifier: MIT
/* sysctl.h - kernel settings that are changed while an instance needs them
 *
 * RUNTIME_DIR/sysctl.NETNS/KEY remembers the value found and who needs the new one. The last holder to leave puts the old value back, unless
 * somebody else has changed it meanwhile. A killed holder stays listed until its next start sweeps.
 */
#ifndef TG_HOST_SYSCTL_H
#define TG_HOST_SYSCTL_H

#include "host/host.h"

/* Sets KEY ("net/ipv4/ip_forward") to value until the end of this instance. 0, or errno (-EROFS, -EACCES: in a container). */
int host_sysctl_set(struct host *h, const char *key, const char *value);

/* Forwarding, for a server. Interfaces that learn their IPv6 routes from router advertisements (accept_ra 1) get accept_ra 2
 * first: with forwarding on they would lose them. Only what is asked is touched. why[HOST_WHY_BYTES] names the key. */
int host_sysctl_forwarding(struct host *h, bool v4, bool v6, char *why);

/* Puts back what this instance changed, in reverse order. host_close() and host_sweep() do it too. */
int host_sysctl_restore(struct host *h);

#endif
