/* SPDX-License-Identifier: MIT */
/* vethdev.h - a veth pair as tunnel device: made, found again, removed
 *
 *   host's stack - NAME (addresses, routes, what everybody sees) === NAME-in (no addresses, nobody but the daemon) - AF_XDP
 *
 * Both ends carry the instance's number as their device group. By that the pair is found again: unlike a TUN device it does not go with
 * the process. host_close() removes it, and after a kill host_sweep() of the next start.
 *
 * Nobody asks for link addresses there (NOARP): the kernel sends all frames to the outer end's own address, and takes those that come with it.
 */
#ifndef TG_HOST_VETHDEV_H
#define TG_HOST_VETHDEV_H

#include <net/if.h>

#include "base/types.h"
#include "host/host.h"

#define HOST_VETH_MAC_BYTES 6

struct host_veth {
	char name[IF_NAMESIZE], inner_name[IF_NAMESIZE];
	u32 ifindex, inner_ifindex;
	u8 mac[HOST_VETH_MAC_BYTES], inner_mac[HOST_VETH_MAC_BYTES];
};

/* Makes the pair; the inner end is up, the outer one as new (host_tun_configure() does the rest). What leaves by it has been cut into packets and has its checksums.
 * 0; -EEXIST: one of the names is taken; -EOPNOTSUPP: no veth here... with why[HOST_WHY_BYTES], and nothing is left. */
int host_veth_make(struct host *h, const char *name, struct host_veth *out, char *why);

/* Removes the pairs of this instance. 0, also when there are none, or the first error. */
int host_veth_remove(struct host *h);

#endif
