// SPDX-License-Identifier: MIT
/* handover.c - between the workers of a server */
#include "run/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <triglav/steer.h>
#include <unistd.h>

#include "run/ring.h"

/* What all others may have waiting for a worker, as much as in a socket's buffer: their rings share it, as far as they are not below the least size. */
#define WAITING_BYTES (4u << 20)

struct side {
	int fd;			/* others ring it */
	u32 from;		/* whose ring is read */
	struct ring *reading;	/* its runs are in use */
	u64 dirty;		/* bit per worker: it has got something in this turn */
	struct handover_counters count;
} __attribute__((aligned(64)));

struct handover {
	u32 workers;
	struct side *sides;
	struct ring **rings;	/* from * workers + to */
};

_Static_assert(TG_MAX_WORKERS <= 64, "a bit each");

static struct ring **ring_between(const struct handover *h, u32 from, u32 to)
{
	return &h->rings[from * h->workers + to];
}

static u32 ring_bytes(u32 workers)
{
	u32 bytes = WAITING_BYTES;

	while (bytes > RING_MIN_BYTES && bytes * (workers - 1) > WAITING_BYTES)
		bytes /= 2;
	return bytes;
}

static int open_side(struct handover *h, u32 me)
{
	h->sides[me].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (h->sides[me].fd < 0)
		return -errno;
	for (u32 to = 0; to < h->workers; to++) {
		if (to == me)
			continue;
		*ring_between(h, me, to) = ring_new(ring_bytes(h->workers));
		if (!*ring_between(h, me, to))
			return -ENOMEM;
	}
	return 0;
}

int handover_open(struct handover **out, u32 workers)
{
	struct handover *h = calloc(1, sizeof(*h));
	int err = 0;

	if (!h)
		return -ENOMEM;
	h->workers = workers;
	h->sides = aligned_alloc(64, workers * sizeof(*h->sides));
	h->rings = calloc((size_t)workers * workers, sizeof(struct ring *));
	if (!h->sides || !h->rings) {
		handover_close(h);
		return -ENOMEM;
	}
	for (u32 i = 0; i < workers; i++)
		h->sides[i] = (struct side){ .fd = -1 };
	for (u32 i = 0; !err && i < workers; i++)
		err = open_side(h, i);
	if (err) {
		handover_close(h);
		return err;
	}
	*out = h;
	return 0;
}

void handover_close(struct handover *h)
{
	if (!h)
		return;
	for (u32 i = 0; h->sides && h->rings && i < h->workers; i++)
		if (h->sides[i].fd >= 0)
			close(h->sides[i].fd);
	for (u32 i = 0; h->rings && i < h->workers * h->workers; i++)
		ring_close(h->rings[i]);
	free(h->sides);
	free(h->rings);
	free(h);
}

int handover_fd(const struct handover *h, u32 me)
{
	return h->sides[me].fd;
}

/* ---- whose it is ---- */

/* No secret: who chooses sources so that all go to one worker burdens that worker, as it could by one source. */
static u32 spread_owner(const struct handover *h, const struct addr *from)
{
	u32 sum = from->port;

	for (u32 i = 0; i < sizeof(from->ip); i++)
		sum = (sum ^ from->ip[i]) * 16777619u;	/* FNV-1 */
	return (sum >> 16) % h->workers;
}

static u32 owner_of(const struct handover *h, u32 me, const struct datagrams *run, u32 offset, u32 bytes, bool spread)
{
	const u8 *p = run->data + offset;
	u32 at, worker;

	if (bytes < TG_HEADER_BYTES)
		return me;
	at = tg_steer_byte(p, bytes);
	if (!at)
		return spread && p[TG_STEER_TYPE_AT] == TG_TYPE_FIRST ? spread_owner(h, &run->where.remote) : me;
	worker = tg_steer_worker(p[at], h->workers);
	return worker == TG_STEER_NOBODY ? me : worker;
}

bool handover_piece(const struct handover *h, u32 me, const struct datagrams *run, bool spread, u32 *at, struct datagrams *piece, u32 *owner)
{
	u32 begin = *at, size = run->segment_bytes ? run->segment_bytes : run->len;

	if (begin >= run->len)
		return false;
	*owner = owner_of(h, me, run, begin, MIN(size, run->len - begin), spread);
	do
		*at += MIN(size, run->len - *at);
	while (*at < run->len && owner_of(h, me, run, *at, MIN(size, run->len - *at), spread) == *owner);
	*piece = *run;
	piece->data += begin;
	piece->len = *at - begin;
	piece->segment_bytes = MIN(size, piece->len);
	piece->taken = begin / size < 64 ? run->taken >> begin / size : 0;
	return true;
}

/* ---- giving and taking ---- */

u32 handover_give(struct handover *h, u32 me, u32 owner, const struct datagrams *piece, u32 link)
{
	struct side *side = &h->sides[me];
	u32 count = datagrams_count(piece);

	if (!ring_put(*ring_between(h, me, owner), piece, link)) {
		side->count.full += count;
		return count;
	}
	side->dirty |= 1ULL << owner;
	side->count.given += count;
	return 0;
}

static void ring_bell(int fd)
{
	u64 one = 1;

	/* The only failure is a counter at its end, and then the reader is awake already. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

void handover_wake(struct handover *h, u32 me)
{
	struct side *side = &h->sides[me];

	for (; side->dirty; side->dirty &= side->dirty - 1) {
		u32 to = (u32)__builtin_ctzll(side->dirty);

		if (ring_show(*ring_between(h, me, to)))
			ring_bell(h->sides[to].fd);
	}
}

static void hush(int fd)
{
	u64 count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;		/* not rung: nothing to take back */
}

/* The bell is hushed before the rings are looked at, so what comes later rings again. */
u32 handover_take(struct handover *h, u32 me, struct datagrams runs[HANDOVER_RUNS])
{
	struct side *side = &h->sides[me];
	u32 n;

	if (side->reading)
		ring_free_taken(side->reading);
	else
		hush(side->fd);
	side->reading = NULL;
	for (u32 tries = 0; tries < h->workers; tries++, side->from = (side->from + 1) % h->workers) {
		struct ring *r = side->from == me ? NULL : *ring_between(h, side->from, me);

		n = r ? ring_take(r, runs, HANDOVER_RUNS) : 0;
		if (!n)
			continue;
		side->reading = r;
		side->from = (side->from + 1) % h->workers;	/* they take turns */
		side->count.taken += datagrams_count_all(runs, n);
		return n;
	}
	return 0;
}

void handover_again(struct handover *h, u32 me)
{
	ring_bell(h->sides[me].fd);
}

void handover_count(const struct handover *h, u32 me, struct handover_counters *out)
{
	*out = h->sides[me].count;
}
