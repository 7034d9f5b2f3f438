// SPDX-License-Identifier: MIT
/* xsk_receive.c - frames in the rx rings -> runs of datagrams; the frames go straight back into the fill rings
 *
 * The payloads of one flow are copied end to end, as UDP_GRO would have laid them. The copy costs little (whoever opens the
 * datagrams reads them right afterwards, now from the cache), and no frame ever waits for the layers above.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "link/xsk_parts.h"

#define FRAMES_PER_QUEUE 128u	/* before it is the next queue's turn */

/* One call of xsk_receive(). */
struct gathering {
	struct datagrams *runs;
	u32 count, max;
};

static bool same_flow(const struct datagrams *d, const struct frame_view *v)
{
	return addr_equal(&d->where.remote, &v->remote) && addr_same_ip(&d->where.local, &v->local);
}

/* Every datagram of a run but the last has the same size. `segment`: of the datagrams in v, mostly one. */
static bool fits(const struct datagrams *d, const struct frame_view *v, u32 segment)
{
	u32 count = datagrams_count(d) + (v->len + segment - 1) / segment;
	bool is_last = segment == v->len && v->len <= d->segment_bytes;	/* a run of shorter ones is not one shorter datagram */

	return d->ce == v->ce && !(d->len % d->segment_bytes) && (is_last || segment == d->segment_bytes) && count <= DATAGRAMS_MAX_SEGMENTS &&
	       d->len + v->len <= DATAGRAMS_MAX_BYTES;
}

/* The run that goes on with this datagram: its flow's latest, else none. */
static struct datagrams *run_of(const struct gathering *g, const struct frame_view *v, u32 segment)
{
	for (u32 i = g->count; i-- > 0;)
		if (same_flow(&g->runs[i], v))
			return fits(&g->runs[i], v, segment) ? &g->runs[i] : NULL;
	return NULL;
}

static struct datagrams *new_run(struct xsk *x, struct gathering *g, const struct frame_view *v, u32 link, u32 segment)
{
	struct datagrams *d;

	if (g->count == g->max)
		return NULL;
	d = &g->runs[g->count];
	*d = (struct datagrams){ .data = x->area + (size_t)g->count * XSK_AREA_BYTES, .segment_bytes = segment, .ce = v->ce };
	d->where = (struct endpoint){ .link = link, .remote = v->remote, .local = v->local };
	d->where.local.port = 0;
	g->count++;
	return d;
}

static const struct xsk_local *local_of(const struct xsk *x, const struct addr *to)
{
	for (u32 i = 0; i < x->local_count; i++) {
		const struct xsk_local *l = &x->locals[i];

		if (l->any ? l->at.family == to->family && l->at.port == to->port : addr_equal(&l->at, to))
			return l;
	}
	return NULL;
}

static bool is_link_local(const struct addr *a)
{
	return a->family == 6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

/* The descriptor is the kernel's word; a wrong one would still not lead outside of the area. NULL: unusable. */
static const struct xsk_local *look(struct xsk *x, const struct xdp_desc *desc, struct frame_view *v)
{
	if (!umem_holds(x->memory, x->owner, desc->addr, desc->len) ||
	    !frame_parse(umem_area(x->memory) + desc->addr, desc->len, v))
		return NULL;
	if (x->scope && is_link_local(&v->remote))
		v->remote.scope = x->scope;
	return local_of(x, &v->local);
}

/* False: no run is left for it, it stays in the ring. */
static bool take(struct xsk *x, struct gathering *g, const struct xdp_desc *desc)
{
	const struct xsk_local *local;
	struct frame_view v;
	struct datagrams *d;
	u32 segment;

	local = look(x, desc, &v);
	if (!local) {
		x->unusable++;
		x->count.unusable++;
		return true;
	}
	segment = x->generic ? frame_segment_bytes(v.payload, v.len) : v.len;
	d = run_of(g, &v, segment);
	if (!d)
		d = new_run(x, g, &v, local->link, segment);
	if (!d)
		return false;
	memcpy(d->data + d->len, v.payload, v.len);
	d->len += v.len;
	x->count.received++;
	return true;
}

/* The fill ring holds all frames of the queue twice (register_memory()), so there is always room. */
static void give_back(struct xsk_queue *q, u32 at, u32 n)
{
	u32 to;

	if (!n || xsk_ring_prod__reserve(&q->fill, n, &to) != n)
		return;
	for (u32 i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&q->fill, to + i) = umem_frame_of(xsk_ring_cons__rx_desc(&q->rx, at + i)->addr);
	xsk_ring_prod__submit(&q->fill, n);
}

/* Returns how many frames were in the ring that are not any more. */
static u32 read_queue(struct xsk *x, u32 number, struct gathering *g)
{
	struct xsk_queue *q = &x->queue[number];
	u32 at, taken = 0, n = xsk_ring_cons__peek(&q->rx, FRAMES_PER_QUEUE, &at);

	while (taken < n && take(x, g, xsk_ring_cons__rx_desc(&q->rx, at + taken)))
		taken++;
	if (taken < n)
		xsk_ring_cons__cancel(&q->rx, n - taken);
	give_back(q, at, taken);
	if (taken)
		xsk_ring_cons__release(&q->rx, taken);
	if (taken && xsk_ring_prod__needs_wakeup(&q->fill))
		(void)recvfrom(xsk_queue_fd(x, number), NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return taken;
}

/* Woken and nothing there: is the device? */
static int trouble(const struct xsk *x)
{
	if (recvfrom(xsk_queue_fd(x, 0), NULL, 0, MSG_DONTWAIT, NULL, NULL) >= 0)
		return 0;
	return errno == ENXIO || errno == ENETDOWN ? xsk_errno(errno) : 0;
}

u32 xsk_receive(struct xsk *x, struct datagrams *runs, u32 max, int *error)
{
	struct gathering g = { .runs = runs, .max = MIN(max, XSK_MAX_RUNS) };
	u32 taken = 0;

	for (u32 i = 0; i < x->queues; i++)
		taken += read_queue(x, (x->next_queue + i) % x->queues, &g);
	x->next_queue = (x->next_queue + 1) % x->queues;
	*error = taken ? 0 : trouble(x);
	return g.count;
}

u32 xsk_take_unusable(struct xsk *x)
{
	u32 count = x->unusable;

	x->unusable = 0;
	return count;
}
