// SPDX-License-Identifier: MIT
/* ports.c - a server worker's AF_XDP sockets, and whom they reach
 *
 * The table of peers is in sets of a few entries; in a full set the one that was used longest ago gives way, unless all are in use now.
 */
#include "run/ports.h"

#include <errno.h>
#include <stdlib.h>
#include <triglav/wire.h>

#include "base/rand.h"

#define SETS 1024u		/* a power of two */
#define WAYS 4u
#define RUNS_PER_SEND 64u
#define IN_USE_US (1 * SEC)	/* who got something so lately keeps its place */
#define OVERDUE_US (5 * SEC)	/* asked and not answered: asked again */

enum state { FREE, UNKNOWN, KNOWN };

struct peer {
	struct addr remote, local;
	enum state state;
	u32 ifindex;
	u64 used_us;
	u64 until_us;		/* then it is asked about again */
	struct frame_template headers;
};

struct port {
	u32 ifindex;		/* 0: free */
	struct xsk *xsk;	/* NULL also when the device has vanished */
	bool gone;		/* it has, just now: the memory may be in use up the stack until the turn ends */
};

struct ports {
	struct port at[PORTS_MAX];
	u64 key;
	u32 ask_count;
	bool asks_told;
	struct port_ask asks[PORTS_ASKS];
	struct peer peers[SETS][WAYS];
};

int ports_new(struct ports **out)
{
	struct rand_source random;
	struct ports *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	rand_system(&random);
	p->key = rand_u64(&random) | 1;
	*out = p;
	return 0;
}

void ports_free(struct ports *p)
{
	if (!p)
		return;
	for (u32 i = 0; i < PORTS_MAX; i++)
		xsk_close(p->at[i].xsk);
	free(p);
}

/* ---- interfaces ---- */

static struct port *find_port(struct ports *p, u32 ifindex)
{
	for (u32 i = 0; i < PORTS_MAX; i++)
		if (p->at[i].ifindex == ifindex)
			return &p->at[i];
	return NULL;
}

int ports_add(struct ports *p, u32 ifindex, struct xsk *x, u32 *slot)
{
	struct port *port;
	int err;

	ports_drop(p, ifindex);
	port = find_port(p, 0);
	err = port ? xsk_start(x) : -ENOSPC;
	if (err) {
		xsk_close(x);
		return err;
	}
	*port = (struct port){ .ifindex = ifindex, .xsk = x };
	*slot = (u32)(port - p->at);
	return 0;
}

void ports_drop(struct ports *p, u32 ifindex)
{
	struct port *port = find_port(p, ifindex);

	if (!port)
		return;
	xsk_close(port->xsk);
	*port = (struct port){ 0 };
	ports_forget(p, ifindex);
}

struct xsk *ports_xsk(struct ports *p, u32 ifindex)
{
	struct port *port = find_port(p, ifindex);

	return port ? port->xsk : NULL;
}

struct xsk *ports_at(struct ports *p, u32 slot)
{
	return slot < PORTS_MAX && !p->at[slot].gone ? p->at[slot].xsk : NULL;
}

void ports_gone(struct ports *p, u32 slot)
{
	p->at[slot].gone = true;
}

void ports_close_gone(struct ports *p)
{
	for (u32 i = 0; p && i < PORTS_MAX; i++) {
		if (!p->at[i].gone)
			continue;
		xsk_close(p->at[i].xsk);
		p->at[i].xsk = NULL;
		p->at[i].gone = false;
	}
}

bool ports_wait(const struct ports *p)
{
	for (u32 i = 0; i < PORTS_MAX; i++)
		if (p->at[i].xsk && xsk_waits(p->at[i].xsk))
			return true;
	return false;
}

void ports_flush(struct ports *p)
{
	for (u32 i = 0; i < PORTS_MAX; i++)
		if (p->at[i].xsk && xsk_waits(p->at[i].xsk))
			(void)xsk_flush(p->at[i].xsk);	/* an error comes again with the next send */
}

/* ---- peers ---- */

static u64 mix(u64 sum, const void *bytes)
{
	u64 word;

	memcpy(&word, bytes, sizeof(word));
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;	/* 2^64 / golden ratio */
	return sum ^ sum >> 32;
}

static struct peer *set_of(struct ports *p, const struct addr *remote)
{
	u64 sum = mix(mix(p->key ^ remote->port, remote->ip), remote->ip + 8);

	return p->peers[sum & (SETS - 1)];
}

static bool is_peer(const struct peer *e, const struct addr *remote, const struct addr *local)
{
	return e->state != FREE && addr_equal(&e->remote, remote) && addr_equal(&e->local, local);
}

static struct peer *find_peer(struct ports *p, const struct addr *remote, const struct addr *local)
{
	struct peer *set = set_of(p, remote);

	for (u32 i = 0; i < WAYS; i++)
		if (is_peer(&set[i], remote, local))
			return &set[i];
	return NULL;
}

/* NULL: all of its set are in use. */
static struct peer *new_peer(struct ports *p, const struct addr *remote, const struct addr *local, u64 now)
{
	struct peer *set = set_of(p, remote), *oldest = &set[0];

	for (u32 i = 1; i < WAYS; i++)
		if (set[i].state == FREE || set[i].used_us < oldest->used_us)
			oldest = &set[i];
	if (oldest->state != FREE && now - oldest->used_us < IN_USE_US)
		return NULL;
	*oldest = (struct peer){ .remote = *remote, .local = *local, .state = UNKNOWN };
	return oldest;
}

static void ask(struct ports *p, struct peer *e, u64 now)
{
	if (p->ask_count == PORTS_ASKS)
		return;
	if (!p->ask_count)
		p->asks_told = false;
	p->asks[p->ask_count++] = (struct port_ask){ .remote = e->remote, .local = e->local };
	e->until_us = now + OVERDUE_US;
}

static bool is_for_session(const struct datagrams *run)
{
	return run->data[0] == TG_TYPE_DATA || run->data[0] == TG_TYPE_CONTROL;
}

/* The peer a run goes to by AF_XDP, else NULL. */
static struct peer *way_of(struct ports *p, const struct datagrams *run, u16 port, u64 now)
{
	struct addr local = run->where.local;
	struct peer *e;

	if (!local.family)
		return NULL;
	local.port = port;
	e = find_peer(p, &run->where.remote, &local);
	if (!e && is_for_session(run))
		e = new_peer(p, &run->where.remote, &local, now);
	if (!e)
		return NULL;
	e->used_us = now;
	if (now >= e->until_us)
		ask(p, e, now);
	return e->state == KNOWN ? e : NULL;
}

bool ports_has_asks(struct ports *p)
{
	bool news = p->ask_count && !p->asks_told;

	p->asks_told = true;
	return news;
}

u32 ports_asks(struct ports *p, struct port_ask out[PORTS_ASKS])
{
	u32 count = p->ask_count;

	memcpy(out, p->asks, count * sizeof(*out));
	p->ask_count = 0;
	return count;
}

void ports_set(struct ports *p, const struct port_answer *answer, u64 now)
{
	struct peer *e = find_peer(p, &answer->ask.remote, &answer->ask.local);

	if (!e)
		return;
	e->state = answer->known && !frame_template_make(&e->headers, &answer->peer) ? KNOWN : UNKNOWN;
	e->ifindex = answer->ifindex;
	e->until_us = now + (e->state == KNOWN ? PORTS_WAY_US : PORTS_NO_WAY_US);
}

void ports_forget(struct ports *p, u32 ifindex)
{
	for (u32 i = 0; i < SETS * WAYS; i++) {
		struct peer *e = &p->peers[i / WAYS][i % WAYS];

		if (e->state == FREE || (ifindex && e->ifindex != ifindex))
			continue;
		e->state = UNKNOWN;
		e->until_us = 0;
	}
}

/* ---- sending ---- */

/* Some runs that go the same way, one behind the other. */
struct batch {
	struct port *port;	/* NULL: by the socket */
	u32 count;
	const struct frame_template *headers[RUNS_PER_SEND];
};

static u32 send_batch(struct ports *p, const struct batch *b, struct udp *beside, const struct datagrams *runs, int *error)
{
	int e = 0;
	u32 lost;

	if (!b->port)
		lost = udp_send(beside, runs, b->count, &e);
	else
		lost = xsk_send_with(b->port->xsk, runs, b->headers, b->count, &e);
	if (e)
		*error = e;
	if (b->port && e == ENODEV)
		ports_gone(p, (u32)(b->port - p->at));
	return lost;
}

u32 ports_send(struct ports *p, struct udp *beside, u16 port, const struct datagrams *runs, u32 n, u64 now, int *error)
{
	u32 lost = 0, first = 0;

	*error = 0;
	while (first < n) {
		struct batch b = { 0 };

		for (u32 i = first; i < n && b.count < RUNS_PER_SEND; i++) {
			struct peer *e = way_of(p, &runs[i], port, now);
			struct port *by = e ? find_port(p, e->ifindex) : NULL;

			if (by && (!by->xsk || by->gone))
				by = NULL;
			if (b.count && by != b.port)
				break;
			b.port = by;
			b.headers[b.count++] = by ? &e->headers : NULL;
		}
		lost += send_batch(p, &b, beside, runs + first, error);
		first += b.count;
	}
	return lost;
}
