// SPDX-License-Identifier: MIT
/* inner.c - AF_XDP sockets at the inner end of a veth pair, as inside ports
 *
 * The interactive lane's port has one socket, the bulk lane's all others: the lane's own, and one for each path, which take turns. Whatever is sent
 * goes by socket 0. What comes is copied to a buf, and the frame is back in the fill ring before the next ring is looked at.
 */
#include "link/inner.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/cut.h"
#include "link/xsk_parts.h"

#define QUEUE 0
#define FRAMES_PER_READ 32u	/* of one socket, before it is the next one's turn */

struct inner_socket {
	struct xsk_socket *socket;
	struct xsk_ring_cons rx;
};

struct inner;

struct inner_port {
	struct port port;
	struct inner *inner;
	u32 first, count;	/* sockets */
	u32 next;		/* whose turn it is */
	bool was_empty;
};

struct inner {
	u32 open_ports;
	u32 owner, ring;
	struct umem *memory;
	struct xsk_umem *registered;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion;
	struct xsk_out out;
	u8 header[TG_ETHERNET_BYTES];	/* of frames to the host */
	struct inner_port ports[TG_LANES];
	struct inner_socket sockets[TG_INSIDE_SOCKETS];
};

static struct inner *inner_of(const struct port *port)
{
	return ((const struct inner_port *)port)->inner;
}

static int fd_of(const struct inner *in, u32 number)
{
	return xsk_socket__fd(in->sockets[number].socket);
}

int inner_socket(const struct port *port, u32 number)
{
	return fd_of(inner_of(port), number);
}

u64 inner_kernel_full(const struct port *port)
{
	u64 sum = 0;

	for (u32 i = 0; i < TG_INSIDE_SOCKETS; i++) {
		struct xdp_statistics s = { 0 };
		socklen_t len = sizeof(s);

		if (!getsockopt(inner_socket(port, i), SOL_XDP, XDP_STATISTICS, &s, &len))
			sum += s.rx_dropped + s.rx_ring_full + s.rx_fill_ring_empty_descs;
	}
	return sum;
}

/* ---- reading ---- */

static const struct virtio_net_hdr whole;	/* no super-packet, no checksum left to finish */

/* Not even the kernel's own descriptor is taken on trust. */
static void take(struct inner_port *p, u32 number, const struct xdp_desc *d, struct buf_pool *pool, struct buf_queue *q)
{
	struct inner *in = p->inner;
	struct tun_counters *c = &p->port.counters;
	const u8 *frame = umem_area(in->memory) + d->addr;
	u32 lost;

	if (d->len < TG_ETHERNET_BYTES || !umem_holds(in->memory, in->owner, d->addr, d->len) ||
	    cut_packet(q, pool, &whole, frame + TG_ETHERNET_BYTES, d->len - TG_ETHERNET_BYTES, p->port.hash_key, &lost) < 0) {
		c->drop_malformed++;
		return;
	}
	if (lost) {
		c->drop_no_buf++;
		return;
	}
	c->packets_read++;
	c->bytes_read += q->tail->len;
	if (number >= TG_LANES)
		q->tail->pinned_path = (u8)(number - TG_LANES + 1);
}

/* As many came out of the fill ring as are in the rx rings, so there is always room. */
static void give_back(struct inner *in, const struct xsk_ring_cons *rx, u32 at, u32 n)
{
	u32 to;

	if (xsk_ring_prod__reserve(&in->fill, n, &to) != n)
		return;
	for (u32 i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&in->fill, to + i) = umem_frame_of(xsk_ring_cons__rx_desc(rx, at + i)->addr);
	xsk_ring_prod__submit(&in->fill, n);
	if (xsk_ring_prod__needs_wakeup(&in->fill))
		(void)recvfrom(in->out.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static u32 read_socket(struct inner_port *p, u32 number, struct buf_pool *pool, struct buf_queue *q)
{
	struct xsk_ring_cons *rx = &p->inner->sockets[number].rx;
	u32 at, n = xsk_ring_cons__peek(rx, FRAMES_PER_READ, &at);

	if (!n)
		return 0;
	for (u32 i = 0; i < n; i++)
		take(p, number, xsk_ring_cons__rx_desc(rx, at + i), pool, q);
	give_back(p->inner, rx, at, n);
	xsk_ring_cons__release(rx, n);
	return n;
}

/* Woken twice and nothing there: is the device? */
static int trouble(struct inner_port *p, bool empty)
{
	bool again = empty && p->was_empty;

	p->was_empty = empty;
	if (!again || recvfrom(p->inner->out.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) >= 0)
		return 0;
	return errno == ENXIO ? -ENODEV : 0;
}

static int read_port(struct port *port, struct buf_pool *pool, struct buf_queue *q)
{
	struct inner_port *p = (struct inner_port *)port;
	u32 before = q->count, taken = 0;

	for (u32 i = 0; i < p->count; i++)
		taken += read_socket(p, p->first + (p->next + i) % p->count, pool, q);
	p->next = (p->next + 1) % p->count;
	port->counters.reads += taken != 0;
	return q->count > before ? (int)(q->count - before) : trouble(p, !taken);
}

/* ---- writing ---- */

static bool write_one(struct inner *in, const struct buf *b)
{
	int error;
	struct xdp_desc *d = xsk_out_next(&in->out, &error);
	u8 *frame;

	if (!d)
		return false;
	frame = umem_area(in->memory) + d->addr;
	memcpy(frame, in->header, TG_ETHERNET_BYTES);
	if (b->data[0] >> 4 == 6) {
		frame[12] = TG_ETHERTYPE_IP6 >> 8;
		frame[13] = TG_ETHERTYPE_IP6 & 0xff;
	}
	memcpy(frame + TG_ETHERNET_BYTES, b->data, b->len);
	d->len = TG_ETHERNET_BYTES + b->len;
	d->options = 0;
	return true;
}

/* The engine was told that nobody here finishes checksums, so none is left open (tunnel_settings.csum). */
static void write_port(struct port *port, struct buf_queue *q)
{
	struct inner *in = inner_of(port);
	struct tun_counters *c = &port->counters;
	struct buf *b;

	xsk_out_reclaim(&in->out);
	while ((b = buf_queue_take(q))) {
		if (b->csum_partial || b->len > INNER_MAX_MTU) {
			c->drop_malformed++;
		} else if (write_one(in, b)) {
			c->packets_written++;
			c->bytes_written += b->len;
		} else {
			c->drop_write++;
		}
		buf_put(b);
	}
	c->writes++;
	(void)xsk_out_flush(&in->out);	/* a device that is gone is noticed when reading */
	port->waits = in->out.waits;
}

static void flush_port(struct port *port)
{
	struct inner *in = inner_of(port);

	(void)xsk_out_flush(&in->out);
	port->waits = in->out.waits;
}

/* ---- opening and closing ---- */

static void free_inner(struct inner *in)
{
	for (u32 i = TG_INSIDE_SOCKETS; i-- > 0;)
		if (in->sockets[i].socket)
			xsk_socket__delete(in->sockets[i].socket);
	if (in->registered)
		xsk_umem__delete(in->registered);
	umem_give_all(in->memory, in->owner);
	free(in);
}

static void close_port(struct port *port)
{
	struct inner_port *p = (struct inner_port *)port;

	if (p->count > 1 && port->fd >= 0)
		close(port->fd);
	if (!--p->inner->open_ports)
		free_inner(p->inner);
}

static const struct port_ops inner_ops = { .read = read_port, .write = write_port, .flush = flush_port, .close = close_port };

static int bind_socket(struct inner *in, const char *device, u32 number)
{
	struct inner_socket *s = &in->sockets[number];
	struct xsk_socket_config config = { .rx_size = in->ring, .tx_size = in->ring, .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
					    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD };
	int err = xsk_socket__create_shared(&s->socket, device, QUEUE, in->registered, &s->rx, number ? NULL : &in->tx, &in->fill,
					    &in->completion, &config);

	if (err)
		s->socket = NULL;
	else
		xsk_set_limits(fd_of(in, number), in->ring, !number);
	return err;
}

static int bind_all(struct inner *in, const char *device)
{
	struct xsk_umem_config config = { .fill_size = in->ring, .comp_size = in->ring, .frame_size = UMEM_FRAME_BYTES };
	int err = xsk_umem__create(&in->registered, umem_area(in->memory), umem_bytes(in->memory), &in->fill, &in->completion, &config);

	for (u32 i = 0; !err && i < TG_INSIDE_SOCKETS; i++)
		err = bind_socket(in, device, i);
	if (!err)
		in->out = (struct xsk_out){ .fd = fd_of(in, 0), .ring = in->ring, .owner = in->owner, .memory = in->memory, .tx = &in->tx,
					    .completion = &in->completion };
	return err;
}

/* Half of what is free at most: others need frames as well. */
static int fill_device(struct inner *in)
{
	u32 at, n = MIN(umem_free(in->memory) / 2, in->ring);

	if (!n || xsk_ring_prod__reserve(&in->fill, n, &at) != n)
		return -ENOBUFS;
	for (u32 i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&in->fill, at + i) = umem_take(in->memory, in->owner);
	xsk_ring_prod__submit(&in->fill, n);
	return 0;
}

static int watch_sockets(struct inner_port *p)
{
	p->port.fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->port.fd < 0)
		return -errno;
	for (u32 i = 0; i < p->count; i++) {
		struct epoll_event ev = { .events = EPOLLIN };

		if (epoll_ctl(p->port.fd, EPOLL_CTL_ADD, fd_of(p->inner, p->first + i), &ev))
			return -errno;
	}
	return 0;
}

static int make_ports(struct inner *in, const char *name)
{
	for (u32 i = 0; i < TG_LANES; i++) {
		struct inner_port *p = &in->ports[i];

		p->port.ops = &inner_ops;
		p->inner = in;
		p->first = i;
		p->count = i == TG_LANE_BULK ? TG_INSIDE_SOCKETS - TG_LANE_BULK : 1;
		p->port.fd = fd_of(in, i);
		strncpy(p->port.name, name, sizeof(p->port.name) - 1);
	}
	return watch_sockets(&in->ports[TG_LANE_BULK]);
}

static void make_header(struct inner *in, const struct inner_settings *set)
{
	memcpy(in->header, set->to, 6);
	memcpy(in->header + 6, set->from, 6);
	in->header[12] = TG_ETHERTYPE_IP4 >> 8;
	in->header[13] = TG_ETHERTYPE_IP4 & 0xff;
}

int inner_open(struct port *ports[TG_LANES], struct umem *m, const struct inner_settings *set)
{
	struct inner *in = calloc(1, sizeof(*in));
	int err;

	if (!in)
		return -ENOMEM;
	in->memory = m;
	in->owner = umem_new_owner(m);
	in->ring = set->ring ? set->ring : INNER_RING_FRAMES;
	make_header(in, set);
	err = bind_all(in, set->device);
	if (!err)
		err = fill_device(in);
	if (!err)
		err = make_ports(in, set->name);
	if (err) {
		free_inner(in);
		return err;
	}
	in->open_ports = TG_LANES;
	for (u32 i = 0; i < TG_LANES; i++)
		ports[i] = &in->ports[i].port;
	return 0;
}
