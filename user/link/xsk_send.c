// SPDX-License-Identifier: MIT
/* xsk_send.c - runs of datagrams -> frames in the tx ring -> the device -> the completion ring
 *
 * One system call moves what a whole call of xsk_send() wrote. A device in copy mode takes frames only during such calls, and
 * at most a budget of them in each, so it is asked until it takes no more.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "link/xsk_parts.h"

/* One call of xsk_send(). */
struct sending {
	u32 lost;
	int error;		/* of the last loss */
};

static const struct frame_template *template_for(const struct xsk *x, const struct addr *remote)
{
	for (u32 i = 0; i < x->peer_count; i++)
		if (addr_equal(&x->peers[i], remote))
			return &x->templates[i];
	return NULL;
}

void xsk_reclaim(struct xsk *x)
{
	struct xsk_ring_cons *done = &x->queue[0].completion;
	u32 at, n = xsk_ring_cons__peek(done, x->ring, &at);

	if (!n)
		return;
	for (u32 i = 0; i < n; i++)
		umem_give(x->memory, x->owner, *xsk_ring_cons__comp_addr(done, at + i));
	xsk_ring_cons__release(done, n);
	x->in_flight -= MIN(n, x->in_flight);
}

/* Frames in the tx ring that the kernel has not taken. */
static u32 in_ring(const struct xsk *x)
{
	const struct xsk_ring_prod *tx = &x->queue[0].tx;

	return *tx->producer - __atomic_load_n(tx->consumer, __ATOMIC_ACQUIRE);
}

static void submit(struct xsk *x)
{
	if (x->unsubmitted)
		xsk_ring_prod__submit(&x->queue[0].tx, x->unsubmitted);
	x->unsubmitted = 0;
}

/* Has the device take what is in the ring. 0, also when it does not take all of it now; or an errno. */
static int kick(struct xsk *x)
{
	int fd = xsk_queue_fd(x, 0);
	u32 left = in_ring(x), before;

	x->waits = false;
	while (left && xsk_ring_prod__needs_wakeup(&x->queue[0].tx)) {
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS && errno != ENOMEM)
				return xsk_errno(errno);
		}
		before = left;
		left = in_ring(x);
		x->waits = left != 0;
		if (left == before)
			break;
	}
	return 0;
}

/* Without a place in the completion ring the kernel takes nothing. */
int xsk_flush(struct xsk *x)
{
	xsk_reclaim(x);
	submit(x);
	return kick(x);
}

bool xsk_waits(const struct xsk *x)
{
	return x->waits;
}

/* A place in the tx ring, and a frame. When the ring is full the device gets its chance to take something first. */
static struct xdp_desc *next_frame(struct xsk *x, struct sending *s)
{
	struct xsk_ring_prod *tx = &x->queue[0].tx;
	u32 at;
	u64 addr;

	if (!xsk_ring_prod__reserve(tx, 1, &at)) {
		int error = xsk_flush(x);

		xsk_reclaim(x);
		if (error || !xsk_ring_prod__reserve(tx, 1, &at)) {
			x->count.ring_full++;
			s->error = error ? error : ENOBUFS;
			return NULL;
		}
	}
	addr = umem_take(x->memory, x->owner);
	if (addr == UMEM_NONE) {
		tx->cached_prod--;	/* gives the place back: it was the last one reserved */
		x->count.no_frame++;
		s->error = ENOBUFS;
		return NULL;
	}
	xsk_ring_prod__tx_desc(tx, at)->addr = addr;
	x->unsubmitted++;
	x->in_flight++;
	return xsk_ring_prod__tx_desc(tx, at);
}

static bool write_one(struct xsk *x, struct sending *s, const struct frame_template *t, const u8 *payload, u32 len)
{
	struct xdp_desc *d;

	if (t->header_bytes - FRAME_ETHERNET_BYTES + len > x->mtu) {
		s->error = EMSGSIZE;
		return false;
	}
	d = next_frame(x, s);
	if (!d)
		return false;
	d->len = frame_write(t, umem_area(x->memory) + d->addr, payload, len);
	d->options = 0;
	return true;
}

static void write_run(struct xsk *x, struct sending *s, const struct datagrams *d)
{
	const struct frame_template *t = template_for(x, &d->where.remote);
	u32 bytes;

	if (!t) {
		s->error = EHOSTUNREACH;
		s->lost += datagrams_count(d);
		return;
	}
	for (u32 at = 0; at < d->len; at += bytes) {
		bytes = MIN(d->segment_bytes ? d->segment_bytes : d->len, d->len - at);
		s->lost += !write_one(x, s, t, d->data + at, bytes);
	}
}

u32 xsk_send(struct xsk *x, const struct datagrams *runs, u32 n, int *error)
{
	struct sending s = { 0 };
	u32 all = datagrams_count_all(runs, n);
	int err;

	xsk_reclaim(x);
	for (u32 i = 0; i < n; i++)
		write_run(x, &s, &runs[i]);
	err = xsk_flush(x);
	x->count.sent += all - s.lost;
	*error = err ? err : s.error;
	return err ? all : s.lost;	/* what a dead device has in its ring is lost as well */
}
