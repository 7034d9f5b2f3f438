// SPDX-License-Identifier: MIT
/* privileges.h - what this process lacks, in words */
#ifndef TG_HOST_PRIVILEGES_H
#define TG_HOST_PRIVILEGES_H

#include "host/host.h"

#define HOST_NEED_NET_ADMIN 1u	/* devices, routes, rules, marks, nft */
#define HOST_NEED_NET_RAW 2u	/* AF_XDP sockets; binding a fresh one to a device needs nothing since Linux 5.7 */
#define HOST_NEED_BPF 4u	/* CAP_BPF, or CAP_SYS_ADMIN */
#define HOST_NEED_IPC_LOCK 8u	/* locking secrets into memory */
#define HOST_NEED_TUN 16u	/* /dev/net/tun exists and may be opened */

/* 0 when all is there; else -EPERM (a capability) or -ENOENT/-EACCES/-ENODEV (/dev/net/tun), with why[HOST_WHY_BYTES] =
 * one line that names what is missing and what to do. */
int host_check_privileges(u32 need, char *why);

#endif
