// SPDX-License-Identifier: MIT
/* dns.h - the host's name servers while the tunnel is up
 *
 * Through systemd-resolved when it runs (the setting belongs to the device and goes with it), else by replacing resolv.conf: the
 * old one (a file, a link, or nothing) is kept in STATE_DIR/NAME.resolv before the new one is renamed into place, and comes back at the
 * end or at the next start. Our file names its instance and carries a check sum in its first line: when somebody else has
 * written or edited it meanwhile it is theirs, and is left alone.
 */
#ifndef TG_HOST_DNS_H
#define TG_HOST_DNS_H

#include "base/addr.h"
#include "host/host.h"

struct host_dns {
	const char *tun;		/* device, for resolved */
	u32 tun_ifindex;
	const struct addr *servers;	/* ports are ignored */
	u32 server_count;
	bool no_resolved;		/* do not ask systemd-resolved */
	const char *resolv_conf;	/* NULL: /etc/resolv.conf */
	const char *bus_address;	/* D-Bus of resolved; NULL: the system bus */
};

/* All names are asked from these servers. 0, or errno with why[HOST_WHY_BYTES]. */
int host_dns_set(struct host *h, const struct host_dns *set, char *why);

/* Puts the old servers back: from resolved, or from the backup. 0 when there is nothing to do; -ESTALE: resolv.conf was changed by somebody
 * else and stays; the backup is kept as NAME.resolv.old. host_close() and host_sweep() do it too. */
int host_dns_restore(struct host *h);

#endif
