// SPDX-License-Identifier: MIT
/* nic.h - what a network device can do, as far as AF_XDP asks */
#ifndef TG_HOST_NIC_H
#define TG_HOST_NIC_H

#include "base/types.h"

/* Receive queues in use now; 1 for a device that does not tell. A negative errno: -ENODEV... */
int host_nic_queues(const char *name);

/* Its MTU in bytes. -EAFNOSUPPORT: it is no Ethernet device; -ENODEV... */
int host_nic_mtu(const char *name);

enum host_nic_answer { HOST_NIC_NO, HOST_NIC_YES, HOST_NIC_UNKNOWN };

/* Does the driver offer AF_XDP without copies? Asks without touching the device: to try would make some of them restart
 * their queues. Unknown: kernels before 6.3 cannot tell. */
enum host_nic_answer host_nic_zero_copy(u32 ifindex);

/* From now on the stack cuts into packets what it sends by the device and finishes all checksums, as for hardware that can do neither. 0 or a negative
 * errno. */
int host_nic_send_finished(const char *name);

#endif
