// SPDX-License-Identifier: MIT
/* xsk.c - AF_XDP sockets on queues of a device: open, close, peers
 *
 * The first queue's socket registers the memory; the others of the same device share the registration and so its mode. They end together.
 */
#include "link/xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "link/xsk_parts.h"

#define SEND_BUFFER_BYTES (8 << 20)	/* never the limit: the tx ring is */
#define BUSY_TRIES 50			/* the kernel lets go of a closed socket's queue a little later */
#define BUSY_WAIT_NS 2000000
#define DRAIN_TRIES 20
#define DRAIN_WAIT_NS 1000000

/* Since 6.17, and the headers of before do not name it: how many frames one system call moves in copy mode, else 32. */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

static void pause_ns(long ns)
{
	struct timespec t = { .tv_nsec = ns };

	nanosleep(&t, NULL);
}

/* ---- opening ---- */

/* The kernel shows what it received before it makes room in the fill ring that those frames came out of, so that twice as many may
 * be in there for a moment. */
static int register_memory(struct xsk *x)
{
	struct xsk_umem_config config = { .fill_size = 2 * x->ring, .comp_size = x->ring, .frame_size = UMEM_FRAME_BYTES };

	return xsk_umem__create(&x->registered, umem_area(x->memory), umem_bytes(x->memory), &x->queue[0].fill,
				&x->queue[0].completion, &config);
}

void xsk_set_limits(int fd, u32 ring, bool sends)
{
	int bytes = SEND_BUFFER_BYTES;
	u32 budget = ring;

	/* Without the capability the system's limit has to do. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (sends)
		(void)setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof(budget));
}

static int bind_queue(struct xsk *x, const char *device, u32 number, u16 flags)
{
	struct xsk_queue *q = &x->queue[number];
	struct xsk_socket_config config = { .rx_size = x->ring, .tx_size = x->ring, .bind_flags = flags | XDP_USE_NEED_WAKEUP,
					    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD };
	int err;

	err = xsk_socket__create_shared(&q->socket, device, xsk_queue_number(x, number), x->registered, &q->rx, number ? NULL : &q->tx, &q->fill,
					&q->completion, &config);
	if (err) {
		q->socket = NULL;
		return err;
	}
	xsk_set_limits(xsk_queue_fd(x, number), x->ring, !number);
	return 0;
}

/* The first socket's descriptor is that of the registered memory, which the library closes last. */
static void unbind(struct xsk *x)
{
	for (u32 i = x->queues; i-- > 0;) {
		if (x->queue[i].socket)
			xsk_socket__delete(x->queue[i].socket);
		x->queue[i].socket = NULL;
	}
	if (x->registered)
		xsk_umem__delete(x->registered);
	x->registered = NULL;
}

static int bind_all(struct xsk *x, const char *device, u16 flags)
{
	int err = register_memory(x);

	for (u32 i = 0; !err && i < x->queues; i++)
		err = bind_queue(x, device, i, flags);
	if (err)
		unbind(x);
	return err;
}

static int bind_patiently(struct xsk *x, const char *device, u16 flags)
{
	int err = -EBUSY;

	for (u32 i = 0; err == -EBUSY && i < BUSY_TRIES; i++) {
		if (i)
			pause_ns(BUSY_WAIT_NS);
		err = bind_all(x, device, flags);
	}
	return err;
}

/* The kernel and its drivers say "not supported" in several ways. */
static int refusal(int err)
{
	return err == -EINVAL || err == -ENOTSUP || err == -EPROTONOSUPPORT || err == -ENOSYS ? -EOPNOTSUPP : err;
}

static int bind_as_asked(struct xsk *x, const struct xsk_settings *set)
{
	int err;

	if (set->copying == XSK_ZERO_COPY && set->generic)
		return -EOPNOTSUPP;
	if (set->copying != XSK_COPY && !set->generic) {
		err = refusal(bind_patiently(x, set->device, XDP_ZEROCOPY));
		x->zero_copy = !err;
		if (!err || set->copying == XSK_ZERO_COPY || err == -EBUSY || err == -ENODEV || err == -EPERM)
			return err;
	}
	err = bind_patiently(x, set->device, XDP_COPY);
	return err == -EINVAL ? -ENODEV : err;	/* the one thing left that can be wrong is the queue's number */
}

static int watch_queues(struct xsk *x)
{
	x->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (x->epoll < 0)
		return -errno;
	for (u32 i = 0; i < x->queues; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		if (epoll_ctl(x->epoll, EPOLL_CTL_ADD, xsk_queue_fd(x, i), &ev))
			return -errno;
	}
	return 0;
}

static int check(const struct xsk_settings *set)
{
	u32 ring = set->ring ? set->ring : XSK_RING_FRAMES;

	if (!set->queues || set->queues > XSK_MAX_QUEUES || ring & (ring - 1))
		return -EINVAL;
	if (set->first + (set->queues - 1) * MAX(set->step, 1u) >= XSK_MAX_QUEUES)
		return -EINVAL;
	if (set->mtu + FRAME_ETHERNET_BYTES > UMEM_FRAME_BYTES - UMEM_HEADROOM_BYTES)
		return -EMSGSIZE;
	return 0;
}

static struct xsk *new_xsk(u32 link, struct umem *m, const struct xsk_settings *set)
{
	struct xsk *x = calloc(1, sizeof(*x) + set->queues * sizeof(x->queue[0]));

	if (!x)
		return NULL;
	x->epoll = -1;
	x->first = set->first;
	x->step = MAX(set->step, 1u);
	x->scope = set->scope;
	x->memory = m;
	x->owner = umem_new_owner(m);
	x->queues = set->queues;
	x->ring = set->ring ? set->ring : XSK_RING_FRAMES;
	x->mtu = set->mtu;
	x->generic = set->generic;
	if (set->local.family)
		(void)xsk_add_local(x, &set->local, link);
	x->area = mmap(NULL, (size_t)XSK_MAX_RUNS * XSK_AREA_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return x;
}

int xsk_open(struct xsk **out, u32 link, struct umem *m, const struct xsk_settings *set)
{
	struct xsk *x;
	int err = check(set);

	if (err)
		return err;
	x = new_xsk(link, m, set);
	if (!x)
		return -ENOMEM;
	err = x->area == MAP_FAILED ? -ENOMEM : bind_as_asked(x, set);
	if (!err)
		err = watch_queues(x);
	if (!err)
		x->out = (struct xsk_out){ .fd = xsk_queue_fd(x, 0), .ring = x->ring, .owner = x->owner, .memory = m,
					   .tx = &x->queue[0].tx, .completion = &x->queue[0].completion };
	if (err) {
		xsk_close(x);
		return err;
	}
	*out = x;
	return 0;
}

int xsk_add_local(struct xsk *x, const struct addr *local, u32 link)
{
	static const u8 zero[sizeof(local->ip)];

	if (x->local_count == XSK_LOCALS)
		return -ENOSPC;
	x->locals[x->local_count++] = (struct xsk_local){ .at = *local, .any = !memcmp(local->ip, zero, sizeof(zero)), .link = link };
	return 0;
}

/* Half of what is free at most goes to the queues: the rest is for sending, and for those that come after. */
int xsk_start(struct xsk *x)
{
	u32 each = MIN(umem_free(x->memory) / (2 * x->queues), x->ring);

	x->started = true;
	if (each < MIN(XSK_LEAST_FRAMES, x->ring))
		return -ENOBUFS;
	for (u32 i = 0; i < x->queues; i++) {
		struct xsk_ring_prod *fill = &x->queue[i].fill;
		u32 at;

		if (xsk_ring_prod__reserve(fill, each, &at) != each)
			return -ENOBUFS;
		for (u32 k = 0; k < each; k++)
			*xsk_ring_prod__fill_addr(fill, at + k) = umem_take(x->memory, x->owner);
		xsk_ring_prod__submit(fill, each);
		if (xsk_ring_prod__needs_wakeup(fill))
			(void)recvfrom(xsk_queue_fd(x, i), NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
	return 0;
}

/* ---- closing ---- */

static void drain(struct xsk *x)
{
	for (u32 i = 0; x->out.in_flight && i < DRAIN_TRIES; i++) {
		if (i)
			pause_ns(DRAIN_WAIT_NS);
		if (xsk_flush(x))
			return;
		xsk_out_reclaim(&x->out);
	}
}

/* Once unbound, the kernel writes to none of our frames any more: copies end before close() returns. (A zero-copy driver may
 * finish what is on its rings a moment later. Then a frame of somebody else gets foreign bytes in, and fails to authenticate.) */
void xsk_close(struct xsk *x)
{
	if (!x)
		return;
	if (x->started)
		drain(x);
	if (x->epoll >= 0)
		close(x->epoll);
	unbind(x);
	if (x->started)		/* else the umem may be in use on another thread */
		umem_give_all(x->memory, x->owner);
	if (x->area != MAP_FAILED)
		munmap(x->area, (size_t)XSK_MAX_RUNS * XSK_AREA_BYTES);
	free(x);
}

/* ---- what it is ---- */

int xsk_fd(const struct xsk *x)
{
	return x->epoll;
}

u32 xsk_queues(const struct xsk *x)
{
	return x->queues;
}

int xsk_queue_fd(const struct xsk *x, u32 i)
{
	return xsk_socket__fd(x->queue[i].socket);
}

u32 xsk_queue_number(const struct xsk *x, u32 i)
{
	return x->first + i * x->step;
}

bool xsk_is_zero_copy(const struct xsk *x)
{
	return x->zero_copy;
}

void xsk_local(const struct xsk *x, struct addr *out)
{
	*out = x->locals[0].at;
}

void xsk_count(const struct xsk *x, struct xsk_counters *out)
{
	*out = x->count;
	out->no_frame = x->out.no_frame;
	out->ring_full = x->out.ring_full;
	for (u32 i = 0; i < x->queues; i++) {
		struct xdp_statistics s = { 0 };
		socklen_t len = sizeof(s);

		if (getsockopt(xsk_queue_fd(x, i), SOL_XDP, XDP_STATISTICS, &s, &len))
			continue;
		out->kernel_full += s.rx_dropped + s.rx_ring_full + s.rx_fill_ring_empty_descs;
		out->kernel_invalid += s.rx_invalid_descs + s.tx_invalid_descs;
	}
}

void xsk_counters_add(struct xsk_counters *sum, const struct xsk *x)
{
	struct xsk_counters one;

	xsk_count(x, &one);
	sum->sent += one.sent;
	sum->received += one.received;
	sum->no_frame += one.no_frame;
	sum->ring_full += one.ring_full;
	sum->unusable += one.unusable;
	sum->kernel_full += one.kernel_full;
	sum->kernel_invalid += one.kernel_invalid;
}

/* ---- peers ---- */

static u32 place_of(const struct xsk *x, const struct addr *remote)
{
	u32 i = 0;

	while (i < x->peer_count && !addr_equal(&x->peers[i], remote))
		i++;
	return i;
}

int xsk_set_peer(struct xsk *x, const struct frame_peer *peer)
{
	u32 at = place_of(x, &peer->remote);
	struct frame_template t;
	int err = frame_template_make(&t, peer);

	if (err)
		return err;
	if (at == x->peer_count) {
		if (at == XSK_PEERS)
			at = x->peer_next++ % XSK_PEERS;
		else
			x->peer_count++;
	}
	x->peers[at] = peer->remote;
	x->templates[at] = t;
	return 0;
}

void xsk_forget_peer(struct xsk *x, const struct addr *remote)
{
	u32 at = place_of(x, remote);

	if (at == x->peer_count)
		return;
	x->peer_count--;
	x->peers[at] = x->peers[x->peer_count];
	x->templates[at] = x->templates[x->peer_count];
}

void xsk_forget_peers(struct xsk *x)
{
	x->peer_count = x->peer_next = 0;
}

bool xsk_knows(const struct xsk *x, const struct addr *remote)
{
	return place_of(x, remote) < x->peer_count;
}
