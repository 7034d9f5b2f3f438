// SPDX-License-Identifier: MIT
/* xsk_send.c - runs of datagrams -> frames in the tx ring
 *
 * One system call moves what a whole call of xsk_send() wrote.
 */
#include <errno.h>
#include <string.h>

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

int xsk_flush(struct xsk *x)
{
	return xsk_out_flush(&x->out);
}

bool xsk_waits(const struct xsk *x)
{
	return x->out.waits;
}

static bool write_one(struct xsk *x, struct sending *s, const struct frame_template *t, const u8 *payload, u32 len)
{
	struct xdp_desc *d;

	if (t->header_bytes - FRAME_ETHERNET_BYTES + len > x->mtu) {
		s->error = EMSGSIZE;
		return false;
	}
	d = xsk_out_next(&x->out, &s->error);
	if (!d)
		return false;
	d->len = frame_write(t, umem_area(x->memory) + d->addr, payload, len);
	d->options = 0;
	return true;
}

static void write_run(struct xsk *x, struct sending *s, const struct datagrams *d, const struct frame_template *t)
{
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

u32 xsk_send_with(struct xsk *x, const struct datagrams *runs, const struct frame_template *const *headers, u32 n, int *error)
{
	struct sending s = { 0 };
	u32 all = datagrams_count_all(runs, n);
	int err;

	xsk_out_reclaim(&x->out);
	for (u32 i = 0; i < n; i++)
		write_run(x, &s, &runs[i], headers ? headers[i] : template_for(x, &runs[i].where.remote));
	err = xsk_flush(x);
	x->count.sent += all - s.lost;
	*error = err ? err : s.error;
	return err ? all : s.lost;	/* what a dead device has in its ring is lost as well */
}

u32 xsk_send(struct xsk *x, const struct datagrams *runs, u32 n, int *error)
{
	return xsk_send_with(x, runs, NULL, n, error);
}
