// SPDX-License-Identifier: MIT
/* vnet.h - struct virtio_net_hdr, which stands before every packet of the tunnel device
 *
 * Names the values that kernel headers older than 6.2 lack.
 */
#ifndef TG_LINK_VNET_H
#define TG_LINK_VNET_H

#include <linux/virtio_net.h>

#define VNET_BYTES sizeof(struct virtio_net_hdr)
#define VNET_GSO_UDP_L4 5	/* USO: UDP cut into datagrams of equal size */
#define VNET_CSUM_TCP 16	/* offset of the checksum in its header */
#define VNET_CSUM_UDP 6

#endif
