// SPDX-License-Identifier: MIT
/* xsk.c - AF_XDP sockets in their three ways: a frame in through the program, a frame out
 *
 *   packet socket on far ---- frame 1 ----> near [XDP -> socket]
 *                        <---- frame 2 ----
 *
 * A veth offers copies only. For zero-copy the guest has two virtio_net cards on one hub.
 */
#include "probe.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#define FRAMES 64u
#define SLOT_BYTES XSK_UMEM__DEFAULT_FRAME_SIZE

/* The cards that boot.sh gives to a guest. */
#define NEAR_MAC "02:00:00:00:00:00"
#define FAR_MAC "02:00:00:00:00:01"

struct port {
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons done, rx;
	unsigned char *memory;
};

static int port_open(struct port *p, const char *device, __u32 xdp_flags, __u16 bind_flags)
{
	struct xsk_socket_config set = {
		.rx_size = FRAMES, .tx_size = FRAMES, .xdp_flags = xdp_flags, .bind_flags = bind_flags,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	};
	int err;

	if (posix_memalign((void **)&p->memory, (size_t)sysconf(_SC_PAGESIZE), (size_t)2 * FRAMES * SLOT_BYTES))
		return no(0, "no memory");
	err = xsk_umem__create(&p->umem, p->memory, (__u64)2 * FRAMES * SLOT_BYTES, &p->fill, &p->done, NULL);
	if (err)
		return no(err, "no UMEM");
	err = xsk_socket__create(&p->socket, device, 0, p->umem, &p->rx, &p->tx, &set);
	return err ? no(err, "no socket on %s", device) : 0;
}

/* Empty frames for the kernel: the first half of the memory. The other half is for sending. */
static void port_fill(struct port *p)
{
	__u32 at;

	if (xsk_ring_prod__reserve(&p->fill, FRAMES, &at) != FRAMES)
		return;
	for (__u32 i = 0; i < FRAMES; i++)
		*xsk_ring_prod__fill_addr(&p->fill, at + i) = (__u64)i * SLOT_BYTES;
	xsk_ring_prod__submit(&p->fill, FRAMES);
}

/* True when this frame comes; others (a card's own chatter) are passed over. */
static bool port_receives(struct port *p, unsigned char number)
{
	struct pollfd wait = { .fd = xsk_socket__fd(p->socket), .events = POLLIN };
	__u32 at;

	while (poll(&wait, 1, WAIT_MS) > 0) {
		while (xsk_ring_cons__peek(&p->rx, 1, &at)) {
			const struct xdp_desc *d = xsk_ring_cons__rx_desc(&p->rx, at);
			bool is = frame_is(xsk_umem__get_data(p->memory, d->addr), d->len, number);

			xsk_ring_cons__release(&p->rx, 1);
			if (is)
				return true;
		}
	}
	return false;
}

static int port_sends(struct port *p, unsigned char number)
{
	__u64 slot = (__u64)FRAMES * SLOT_BYTES;
	__u32 at;

	if (!xsk_ring_prod__reserve(&p->tx, 1, &at))
		return -ENOBUFS;
	frame_fill(xsk_umem__get_data(p->memory, slot), number);
	*xsk_ring_prod__tx_desc(&p->tx, at) = (struct xdp_desc){ .addr = slot, .len = FRAME_BYTES };
	xsk_ring_prod__submit(&p->tx, 1);
	if (sendto(xsk_socket__fd(p->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY)
		return -errno;
	return 0;
}

static bool port_is_zero_copy(const struct port *p)
{
	struct xdp_options options = { 0 };
	socklen_t bytes = sizeof(options);

	return !getsockopt(xsk_socket__fd(p->socket), SOL_XDP, XDP_OPTIONS, &options, &bytes) &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

static int both_ways(struct port *p, int far)
{
	int peer = frame_socket(far), err;

	if (peer < 0)
		return no(peer, "no packet socket");
	err = frame_send(peer, 1);
	if (err)
		return no(err, "the frame cannot be sent");
	if (!port_receives(p, 1))
		return no(0, "the frame does not arrive at the AF_XDP socket");
	err = port_sends(p, 2);
	if (err)
		return no(err, "the AF_XDP socket does not send");
	if (!frame_comes(peer, 2))
		return no(0, "the frame sent by AF_XDP does not arrive");
	close(peer);
	return 0;
}

/* Sockets, memory and the namespace's program go when the process ends; a card's program is taken off. */
static int probe_xsk(int near, int far, __u32 xdp_flags, __u16 bind_flags)
{
	struct port port = { 0 };
	struct bpf_object *object;
	char device[IF_NAMESIZE];
	__u32 slot = 0;
	int program, fd, err;

	object = load("to_socket", &program);
	if (!object || !if_indextoname((unsigned int)near, device))
		return 1;
	if (port_open(&port, device, xdp_flags, bind_flags))
		return 1;
	port_fill(&port);
	err = bpf_xdp_attach(near, program, xdp_flags, NULL);
	if (err)
		return no(err, "XDP: no attach");
	fd = xsk_socket__fd(port.socket);
	err = bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "probe_xsks"), &slot, &fd, 0);
	if (err)
		err = no(err, "the socket does not go into the map");
	else if (port_is_zero_copy(&port) != !!(bind_flags & XDP_ZEROCOPY))
		err = no(0, "the kernel chose another way than was asked for");
	else
		err = both_ways(&port, far);
	bpf_xdp_detach(near, xdp_flags, NULL);
	return err;
}

int probe_xsk_copy(void)
{
	struct pair pair;

	return pair_make(&pair) || probe_xsk(pair.near, pair.far, XDP_FLAGS_DRV_MODE, XDP_COPY);
}

int probe_xsk_generic(void)
{
	struct pair pair;

	return pair_make(&pair) || probe_xsk(pair.near, pair.far, XDP_FLAGS_SKB_MODE, XDP_COPY);
}

/* The interface with this hardware address, up; 0 when there is none. */
static int card(const char *mac)
{
	char command[256], line[64] = "";
	FILE *out;

	snprintf(command, sizeof(command), "ip -br link | awk '$3 == \"%s\" { print $1 }'", mac);
	out = popen(command, "r");
	if (!out)
		return 0;
	if (!fgets(line, sizeof(line), out))
		line[0] = '\0';
	pclose(out);
	line[strcspn(line, "\n")] = '\0';
	snprintf(command, sizeof(command), "ip link set %s up", line);
	return line[0] && !shell(command) ? (int)if_nametoindex(line) : 0;
}

int probe_xsk_zero_copy(void)
{
	int near = card(NEAR_MAC), far = card(FAR_MAC);

	if (!near || !far)
		return no(0, "no pair of virtio_net cards here");
	return probe_xsk(near, far, XDP_FLAGS_DRV_MODE, XDP_ZEROCOPY);
}
