// SPDX-License-Identifier: MIT
/* tundev.h - set the tunnel device up (opening it is link/tun.c's part) */
#ifndef TG_HOST_TUNDEV_H
#define TG_HOST_TUNDEV_H

#include "base/addr.h"
#include "host/host.h"

struct host_tun {
	const char *name;
	u32 mtu_bytes;
	struct prefix addr4;	/* with the network's length, as in 10.0.85.2/24; family 0: none */
	struct prefix addr6;	/* no duplicate address detection: nobody else is there */
};

/* Makes the device carry exactly these addresses (others are removed), sets the MTU, brings it up. No automatic link-local
 * address, so that the kernel sends nothing of its own into the tunnel. May be called again with
 * other values. *ifindex, when not NULL, is filled. 0, -ENODEV, -EADDRINUSE (the address belongs to another interface), ...
 * with why[HOST_WHY_BYTES] when not NULL. */
int host_tun_configure(const struct host_tun *set, u32 *ifindex, char *why);

#endif
