// SPDX-License-Identifier: MIT
/* tun.c - the tunnel device: its queues, reads and writes
 *
 * While super-packets of one shape come in (a bulk transfer), the next one is read straight into
 * bufs on the guess that it has the same shape; then only headers are written. A wrong guess costs one copy.
 * What cutting and joining do to packets is in cut.c and join.c.
 */
#include "link/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "link/cut.h"
#include "link/join.h"

/* Since Linux 6.2; older headers lack the names. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define SUPER_MAX_BYTES 65536u
#define GUESS_MAX_PACKETS 64u
#define GUESS_MAX_MISSES 8u	/* in a row; acknowledgements between super-packets shall not end guessing */

struct tun {
	struct port port;
	bool uso;
	struct cut_shape guess;		/* of the next super-packet; size 0: none */
	u32 misses;
	struct join join;
	u8 scratch[SUPER_MAX_BYTES];	/* a super-packet whose shape was not foreseen */
};

static int set_offloads(struct tun *t)
{
	unsigned long basic = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	t->uso = !ioctl(t->port.fd, TUNSETOFFLOAD, basic | TUN_F_USO4 | TUN_F_USO6);
	if (t->uso)
		return 0;
	return ioctl(t->port.fd, TUNSETOFFLOAD, basic) ? -errno : 0;
}

/* A device that was made to persist has a carrier while somebody has a queue of it. The kernel lets a second program join a device of several
 * queues, and would then share the packets out among the two. */
static bool is_in_use(const char *name)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct rtnl_link *link = NULL;
	bool in_use = true;	/* also when the kernel does not say */

	if (sock && !nl_connect(sock, NETLINK_ROUTE) && !rtnl_link_get_kernel(sock, 0, name, &link))
		in_use = rtnl_link_get_carrier(link);
	rtnl_link_put(link);
	nl_socket_free(sock);
	return in_use;
}

/* Makes the device, or takes one that is there and that nobody uses; joins one of which this process has a queue. */
static int take(int fd, struct ifreq *ifr, bool join)
{
	if (!join) {
		ifr->ifr_flags |= (short)IFF_TUN_EXCL;
		if (!ioctl(fd, TUNSETIFF, ifr))
			return 0;
		if (errno != EBUSY)
			return -errno;
		if (is_in_use(ifr->ifr_name))
			return -EBUSY;
		ifr->ifr_flags &= (short)~IFF_TUN_EXCL;
	}
	if (!ioctl(fd, TUNSETIFF, ifr))
		return 0;
	/* A device of that name which is no TUN device, or one of another kind. */
	return errno == EINVAL && if_nametoindex(ifr->ifr_name) ? -EBUSY : -errno;
}

static int attach(struct tun *t, const char *name, bool multi_queue, bool join)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int header = VNET_BYTES, err;

	if (multi_queue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	err = take(t->port.fd, &ifr, join);
	if (err)
		return err;
	memcpy(t->port.name, ifr.ifr_name, IFNAMSIZ);
	return ioctl(t->port.fd, TUNSETVNETHDRSZ, &header) ? -errno : 0;
}

static int open_queue(struct tun **out, const char *name, bool multi_queue, bool join)
{
	struct tun *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->port.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->port.fd < 0) {
		err = errno == ENODEV || errno == ENXIO ? -ENOENT : -errno;	/* a node without its module */
		goto fail;
	}
	err = attach(t, name, multi_queue, join);
	if (!err)
		err = set_offloads(t);
	if (err)
		goto fail;
	*out = t;
	return 0;
fail:
	tun_close(t);
	return err;
}

int tun_open(struct tun **out, u32 queues, const char *name)
{
	int err;

	if (!queues || strlen(name) >= IFNAMSIZ)
		return -EINVAL;
	for (u32 i = 0; i < queues; i++) {
		/* The first queue settles the name of "tg%d" for the others. */
		err = open_queue(&out[i], i ? out[0]->port.name : name, queues > 1, i > 0);
		if (err) {
			while (i-- > 0)
				tun_close(out[i]);
			return err;
		}
	}
	return 0;
}

void tun_close(struct tun *t)
{
	if (!t)
		return;
	if (t->port.fd >= 0)
		close(t->port.fd);
	free(t);
}

int tun_fd(const struct tun *t)
{
	return t->port.fd;
}

const char *tun_name(const struct tun *t)
{
	return t->port.name;
}

bool tun_has_uso(const struct tun *t)
{
	return t->uso;
}

void tun_set_hash_key(struct tun *t, u64 key)
{
	t->port.hash_key = key;
}

const struct tun_counters *tun_counters(const struct tun *t)
{
	return &t->port.counters;
}

void tun_counters_add(struct tun_counters *sum, const struct tun_counters *one)
{
#define ADD(name, help) sum->name += one->name;
	TUN_COUNTERS(ADD)
#undef ADD
}

int tun_set_steering(struct tun *t, int program)
{
	return ioctl(t->port.fd, TUNSETSTEERINGEBPF, &program) ? -errno : 0;
}

/* ---- reading ---- */

/* Bufs a read goes into, header and first payload in the first. */
struct landing {
	struct virtio_net_hdr vh;
	u32 count;
	struct buf *bufs[GUESS_MAX_PACKETS];
	struct iovec iov[GUESS_MAX_PACKETS + 1];
};

static u32 packets_of_guess(const struct cut_shape *guess)
{
	return MIN((SUPER_MAX_BYTES - guess->header + guess->size - 1) / guess->size, GUESS_MAX_PACKETS);
}

/* False when the pool has too few for a whole super-packet. */
static bool land_in_bufs(struct landing *l, const struct cut_shape *guess, struct buf_pool *pool)
{
	u32 count = packets_of_guess(guess);

	if (buf_pool_left(pool) < count || (u64)count * guess->size + guess->header < SUPER_MAX_BYTES)
		return false;
	l->count = count;
	l->iov[0] = (struct iovec){ &l->vh, sizeof(l->vh) };
	for (u32 i = 0; i < count; i++) {
		struct buf *b = buf_take(pool);

		l->bufs[i] = b;
		l->iov[i + 1] = i ? (struct iovec){ b->data + guess->header, guess->size }
				  : (struct iovec){ b->data, guess->header + guess->size };
	}
	return true;
}

/* Gives back those from `first` on, the most recently taken first, so that they are taken in the same order again. */
static void give_back(struct landing *l, u32 first)
{
	while (l->count > first)
		buf_put(l->bufs[--l->count]);
}

static void gather(const struct landing *l, u8 *out, u32 len)
{
	for (u32 i = 0; len; i++) {
		u32 n = MIN(len, (u32)l->iov[i + 1].iov_len);

		memcpy(out, l->iov[i + 1].iov_base, n);
		out += n;
		len -= n;
	}
}

static void count_read(struct tun *t, const struct buf *first_new)
{
	for (const struct buf *b = first_new; b; b = b->next) {
		t->port.counters.packets_read++;
		t->port.counters.bytes_read += b->len;
	}
}

static int cut_scratch(struct tun *t, const struct virtio_net_hdr *vh, u32 len, struct buf_pool *pool, struct buf_queue *q)
{
	struct buf *before = q->tail;
	u32 lost = 0;
	int n = cut_packet(q, pool, vh, t->scratch, len, t->port.hash_key, &lost);

	t->port.counters.drop_no_buf += lost;
	if (n < 0) {
		t->port.counters.drop_malformed++;
		return 0;
	}
	count_read(t, before ? before->next : q->head);
	/* Worth a guess only when there are several: a read of one packet is cheaper without. */
	if (n > 1) {
		cut_read_shape(&t->guess, vh, t->scratch, len, len);
		t->misses = 0;
	}
	return n;
}

static int read_plain(struct tun *t, struct buf_pool *pool, struct buf_queue *q)
{
	struct virtio_net_hdr vh;
	struct iovec iov[2] = { { &vh, sizeof(vh) }, { t->scratch, sizeof(t->scratch) } };
	ssize_t got = readv(t->port.fd, iov, 2);

	if (got < 0)
		return -errno;
	if ((size_t)got <= sizeof(vh)) {
		t->port.counters.drop_malformed++;
		return 0;
	}
	return cut_scratch(t, &vh, (u32)got - (u32)sizeof(vh), pool, q);
}

static int take_landed(struct tun *t, struct landing *l, u32 len, struct buf_pool *pool, struct buf_queue *q)
{
	struct buf *before = q->tail;
	int n = cut_in_place(l->bufs, l->count, &t->guess, &l->vh, len, t->port.hash_key);

	if (n < 0) {
		gather(l, t->scratch, len);
		give_back(l, 0);
		if (++t->misses == GUESS_MAX_MISSES)
			t->guess.size = 0;
		return cut_scratch(t, &l->vh, len, pool, q);
	}
	t->misses = 0;
	give_back(l, (u32)n);
	for (int i = 0; i < n; i++)
		buf_queue_add(q, l->bufs[i]);
	count_read(t, before ? before->next : q->head);
	return n;
}

static int read_guessing(struct tun *t, struct landing *l, struct buf_pool *pool, struct buf_queue *q)
{
	ssize_t got = readv(t->port.fd, l->iov, (int)l->count + 1);
	int err = errno;

	if (got > (ssize_t)sizeof(l->vh))
		return take_landed(t, l, (u32)got - (u32)sizeof(l->vh), pool, q);
	give_back(l, 0);
	if (got < 0)
		return -err;
	t->port.counters.drop_malformed++;
	return 0;
}

int tun_read(struct tun *t, struct buf_pool *pool, struct buf_queue *q)
{
	struct landing l;
	int n;

	if (t->guess.size && land_in_bufs(&l, &t->guess, pool))
		n = read_guessing(t, &l, pool, q);
	else
		n = read_plain(t, pool, q);
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	t->port.counters.reads++;
	return n;
}

/* ---- writing ---- */

static void write_group(struct tun *t, struct join_group *g)
{
	struct virtio_net_hdr vh;
	struct iovec iov[JOIN_MAX_PACKETS + 1];
	int n = join_form(g, &vh, iov);

	if (n < 0) {
		t->port.counters.drop_malformed += g->packets;
		return;
	}
	t->port.counters.writes++;
	if (writev(t->port.fd, iov, n) < 0) {
		t->port.counters.drop_write += g->packets;
		return;
	}
	t->port.counters.packets_written += g->packets;
	t->port.counters.bytes_written += g->bytes + (g->packets - 1) * g->header;	/* each of them had one */
}

static void write_groups(struct tun *t)
{
	for (u32 i = 0; i < t->join.count; i++) {
		write_group(t, &t->join.groups[i]);
		join_release(&t->join.groups[i]);
	}
	join_start(&t->join, t->uso);
}

void tun_write(struct tun *t, struct buf_queue *q)
{
	struct buf *b;

	join_start(&t->join, t->uso);
	while ((b = buf_queue_take(q))) {
		if (join_add(&t->join, b))
			continue;
		write_groups(t);
		join_add(&t->join, b);
	}
	write_groups(t);
}

/* ---- as an inside port ---- */

static int read_port(struct port *p, struct buf_pool *pool, struct buf_queue *q)
{
	return tun_read((struct tun *)p, pool, q);
}

static void write_port(struct port *p, struct buf_queue *q)
{
	tun_write((struct tun *)p, q);
}

static void close_port(struct port *p)
{
	tun_close((struct tun *)p);
}

static const struct port_ops tun_ops = { .read = read_port, .write = write_port, .close = close_port, .finishes = true };

struct port *tun_port(struct tun *t)
{
	if (t)
		t->port.ops = &tun_ops;
	return t ? &t->port : NULL;
}

struct tun *tun_of_port(struct port *p)
{
	return p && p->ops == &tun_ops ? (struct tun *)p : NULL;
}
