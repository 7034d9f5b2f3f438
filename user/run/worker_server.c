// SPDX-License-Identifier: MIT
/* worker_server.c - what only a server's worker has: listen addresses that all workers share, AF_XDP by interface, the hand-over
 *
 *   UDP sockets, AF_XDP --worker_receive--+-- own datagrams: the engine
 *                                         '-- others': handover.c --> worker_read_handover() there --> its engine
 *
 * An endpoint names a link, and links are numbered by each worker for itself; so what is handed over names the listen address, by its
 * place in the list that is the same everywhere.
 */
#include <errno.h>
#include <sys/epoll.h>

#include "run/worker_parts.h"

#define OWN_RUNS 16u
#define ROUNDS 8u		/* of HANDOVER_RUNS in a turn */

/* ---- listen addresses ---- */

void worker_set_listen(struct worker *w, u32 at, u32 link, const struct addr *bound)
{
	if (at >= WORKER_LISTENS)
		return;
	w->listens[at] = (struct worker_listen){ .link = link, .at = *bound };
	w->listen_count = MAX(w->listen_count, at + 1);
}

u32 worker_listen_link(const struct worker *w, u32 at)
{
	return at < w->listen_count ? w->listens[at].link : 0;
}

static const struct worker_listen *listen_of(const struct worker *w, u32 link)
{
	for (u32 i = 0; i < w->listen_count; i++)
		if (w->listens[i].link == link)
			return &w->listens[i];
	return NULL;
}

/* ---- receiving ---- */

struct own {
	struct datagrams runs[OWN_RUNS];
	u32 count;
};

static void flush_own(struct worker *w, struct own *own)
{
	if (own->count)
		tunnel_receive(w->tunnel, own->runs, own->count, w->now);
	own->count = 0;
}

static void give(struct worker *w, u32 owner, const struct datagrams *piece, const struct worker_listen *l)
{
	u32 lost = handover_give(w->handover, w->number, owner, piece, (u32)(l - w->listens));

	if (lost)
		tunnel_count_drop(w->tunnel, TG_DROP_HANDOVER_FULL, lost);
}

static void sort_run(struct worker *w, const struct datagrams *run, const struct worker_listen *l, bool spread, struct own *own)
{
	struct datagrams piece;
	u32 at = 0, owner;

	while (handover_piece(w->handover, w->number, run, spread, &at, &piece, &owner)) {
		if (owner != w->number) {
			give(w, owner, &piece, l);
			continue;
		}
		if (own->count == OWN_RUNS)
			flush_own(w, own);
		own->runs[own->count++] = piece;
	}
}

void worker_receive(struct worker *w, struct datagrams *runs, u32 n, bool spread)
{
	const struct worker_listen *l;
	struct own own = { .count = 0 };

	if (!w->handover) {	/* also every client's */
		tunnel_receive(w->tunnel, runs, n, w->now);
		return;
	}
	for (u32 i = 0; i < n; i++) {
		l = listen_of(w, runs[i].where.link);
		if (l)
			sort_run(w, &runs[i], l, spread, &own);
		else
			tunnel_receive(w->tunnel, &runs[i], 1, w->now);
	}
	flush_own(w, &own);
}

/* Their link is a place in the list. A listen address that is not open here yet has nobody to answer. */
static u32 use_own_links(struct worker *w, struct datagrams *runs, u32 n)
{
	u32 count = 0;

	for (u32 i = 0; i < n; i++) {
		u32 link = worker_listen_link(w, runs[i].where.link);

		if (!link) {
			tunnel_count_drop(w->tunnel, TG_DROP_NO_SESSION, datagrams_count(&runs[i]));
			continue;
		}
		runs[count] = runs[i];
		runs[count++].where.link = link;
	}
	return count;
}

void worker_read_handover(struct worker *w)
{
	struct datagrams runs[HANDOVER_RUNS];
	u32 n = 0;

	for (u32 round = 0; round < ROUNDS; round++) {
		n = handover_take(w->handover, w->number, runs);
		if (!n)
			return;
		n = use_own_links(w, runs, n);
		if (n)
			tunnel_receive(w->tunnel, runs, n, w->now);
	}
	handover_again(w->handover, w->number);
}

/* First messages came by the queue their addresses led to; sockets of the group were chosen by a hash, so there nothing needs to be spread. */
void worker_read_port(struct worker *w, u32 slot)
{
	struct xsk *x = w->ports ? ports_at(w->ports, slot) : NULL;
	struct datagrams runs[XSK_MAX_RUNS];
	u32 n, unusable;
	int error;

	if (!x)
		return;
	n = xsk_receive(x, runs, XSK_MAX_RUNS, &error);
	unusable = xsk_take_unusable(x);
	if (unusable)
		tunnel_count_drop(w->tunnel, TG_DROP_SHORT, unusable);
	if (n)
		worker_receive(w, runs, n, true);
	if (error == ENODEV)
		ports_gone(w->ports, slot);
}

/* ---- sending ---- */

u32 worker_send_link(struct worker *w, struct link *k, const struct datagrams *runs, u32 n, int *error)
{
	const struct worker_listen *l = w->ports && k->udp ? listen_of(w, k->number) : NULL;
	struct run_event *e;
	u32 lost;

	if (!l)
		return links_send(&w->links, k, runs, n, error);
	lost = ports_send(w->ports, k->udp, l->at.port, runs, n, w->now, error);
	if (ports_has_asks(w->ports)) {
		e = mailbox_event(&w->mail, EVENT_PEERS_ASKED);
		if (e)
			mailbox_post(&w->mail, e);
	}
	w->ports_wait = ports_wait(w->ports);
	return lost;
}

/* ---- AF_XDP ---- */

int worker_add_port(struct worker *w, u32 ifindex, struct xsk *x)
{
	int err = w->ports ? 0 : ports_new(&w->ports);
	int fd = xsk_fd(x);
	u32 slot;

	for (u32 i = 0; !err && i < w->listen_count; i++)
		err = xsk_add_local(x, &w->listens[i].at, w->listens[i].link);
	if (err) {
		xsk_close(x);
		return err;
	}
	err = ports_add(w->ports, ifindex, x, &slot);
	if (err)
		return err;
	err = watch_add(w->epoll, fd, WATCH_PORT, slot, EPOLLIN);
	if (err)
		ports_drop(w->ports, ifindex);
	return err;
}

void worker_drop_port(struct worker *w, u32 ifindex)
{
	if (w->ports)
		ports_drop(w->ports, ifindex);
}

struct ports *worker_ports(struct worker *w)
{
	return w->ports;
}
