// SPDX-License-Identifier: MIT
/* links.c - a worker's table of links */
#include "run/links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <triglav/wire.h>

int watch_add(int epoll, int fd, enum watch_kind kind, u32 number, u32 events)
{
	struct epoll_event ev = { .events = events, .data.u64 = watch_tag(kind, number) };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

int watch_change(int epoll, int fd, enum watch_kind kind, u32 number, u32 events)
{
	struct epoll_event ev = { .events = events, .data.u64 = watch_tag(kind, number) };

	return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

int links_init(struct links *l, int epoll, u32 max)
{
	l->epoll = epoll;
	l->max = max;
	l->accepted = 0;
	l->some_broken = l->some_wait = false;
	l->at = calloc(max, sizeof(*l->at));
	return l->at ? 0 : -ENOMEM;
}

void links_drop_xsk(struct link *k)
{
	xsk_close(k->xsk);
	k->xsk = NULL;
	k->xsk_gone = false;
}

/* Closing the last descriptor takes it out of the epoll set as well. */
static void close_inside(struct link *k)
{
	links_drop_xsk(k);
	udp_close(k->udp);
	udp_close(k->ahead);
	tcp_close(k->tcp);
	if (k->listener)
		tcp_listener_close(k->listener);
	k->udp = k->ahead = NULL;
	k->tcp = NULL;
	k->listener = NULL;
	k->connecting = k->broken = k->behind = k->read = false;
	k->events = 0;
}

void links_destroy(struct links *l)
{
	for (u32 i = 0; l->at && i < l->max; i++)
		close_inside(&l->at[i]);
	free(l->at);
	l->at = NULL;
}

struct link *links_reserve(struct links *l)
{
	for (u32 i = 0; i < l->max; i++) {
		struct link *k = &l->at[i];

		if (k->number)
			continue;
		k->generation++;
		k->number = (u32)k->generation << 16 | (i + 1);
		return k;
	}
	return NULL;
}

struct link *links_find(struct links *l, u32 number)
{
	u32 slot = (number & 0xffff) - 1;

	if (slot >= l->max || l->at[slot].number != number)
		return NULL;
	return &l->at[slot];
}

void links_release(struct links *l, struct link *k)
{
	close_inside(k);
	if (k->accepted)
		l->accepted--;
	k->number = 0;
	k->accepted = k->answered = k->watched = false;
}

/* ---- accepted connections ---- */

void links_accepted(struct links *l, struct link *k, const struct addr *remote, u64 now)
{
	k->accepted = true;
	k->answered = false;
	k->remote = *remote;
	k->alive_us = now;
	l->accepted++;
}

void links_answered(struct link *k, const struct datagrams *runs, u32 n, u64 now)
{
	for (u32 i = 0; k->accepted && i < n; i++) {
		u8 type = runs[i].data[0];

		if (type == TG_TYPE_COOKIE || type == TG_TYPE_VERSIONS)
			continue;
		k->answered = true;
		k->alive_us = now;
		return;
	}
}

/* Who has one IPv6 address usually has its /64. */
static bool is_same_source(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8);
}

bool links_crowded(const struct links *l, const struct addr *remote)
{
	u32 count = 0;

	if (l->accepted < LINKS_STRANGERS)
		return false;
	for (u32 i = 0; i < l->max; i++) {
		const struct link *k = &l->at[i];

		count += k->number && k->accepted && !k->answered && is_same_source(&k->remote, remote);
	}
	return count >= LINKS_STRANGERS;
}

void links_release_silent(struct links *l, u64 now)
{
	for (u32 i = 0; i < l->max; i++) {
		struct link *k = &l->at[i];

		if (k->number && k->accepted && now - k->alive_us >= (k->answered ? LINKS_SILENCE_US : LINKS_STRANGER_US))
			links_release(l, k);
	}
}

static bool is_quieter(const struct link *a, const struct link *b)
{
	return a->answered != b->answered ? !a->answered : a->alive_us < b->alive_us;
}

struct link *links_quietest(struct links *l)
{
	struct link *quietest = NULL;

	for (u32 i = 0; i < l->max; i++) {
		struct link *k = &l->at[i];

		if (k->number && k->accepted && (!quietest || is_quieter(k, quietest)))
			quietest = k;
	}
	return quietest;
}

/* ---- what is behind a number ---- */

int links_put_udp(struct links *l, struct link *k, struct udp *const lanes[TG_LANES])
{
	int err;

	close_inside(k);
	k->events = EPOLLIN;
	k->udp = lanes[TG_LANE_BULK];
	k->ahead = lanes[TG_LANE_INTERACTIVE];
	err = watch_add(l->epoll, udp_fd(k->udp), WATCH_UDP, k->number, k->events);
	if (!err && k->ahead)
		err = watch_add(l->epoll, udp_fd(k->ahead), WATCH_AHEAD, k->number, k->events);
	if (err)
		close_inside(k);
	return err;
}

int links_put_xsk(struct links *l, struct link *k, struct xsk *x)
{
	int err = xsk_start(x);

	links_drop_xsk(k);
	if (!err)
		err = watch_add(l->epoll, xsk_fd(x), WATCH_XSK, k->number, EPOLLIN);
	if (err)
		xsk_close(x);
	else
		k->xsk = x;
	return err;
}

int links_put_tcp(struct links *l, struct link *k, struct tcp *c, bool connecting)
{
	int err;

	close_inside(k);
	k->events = connecting ? EPOLLOUT : EPOLLIN;
	err = watch_add(l->epoll, tcp_fd(c), WATCH_TCP, k->number, k->events);
	if (err) {
		tcp_close(c);
		return err;
	}
	k->tcp = c;
	k->connecting = connecting;
	return 0;
}

int links_put_listener(struct links *l, struct link *k, struct tcp_listener *t)
{
	int err;

	close_inside(k);
	err = watch_add(l->epoll, tcp_listener_fd(t), WATCH_LISTENER, k->number, EPOLLIN);
	if (err)
		tcp_listener_close(t);
	else
		k->listener = t;
	return err;
}

void links_mark_broken(struct links *l, struct link *k, int error)
{
	k->broken = true;
	k->error = error;
	l->some_broken = true;
}

static void watch_tcp(struct links *l, struct link *k)
{
	u32 events = EPOLLIN | (tcp_wants_write(k->tcp) ? EPOLLOUT : 0);

	if (events == k->events)
		return;
	k->events = events;
	watch_change(l->epoll, tcp_fd(k->tcp), WATCH_TCP, k->number, events);
}

void links_writable(struct links *l, struct link *k)
{
	int err;

	if (k->connecting) {
		err = tcp_finish_connect(k->tcp);
		if (err == -EINPROGRESS)
			return;
		k->connecting = err != 0;
	} else {
		err = tcp_flush(k->tcp);
		if (err == -EAGAIN)
			err = 0;
	}
	if (err)
		links_mark_broken(l, k, -err);
	else
		watch_tcp(l, k);
}

static u32 send_tcp(struct links *l, struct link *k, const struct datagrams *runs, u32 n, int *error)
{
	int e = 0;
	u32 lost = tcp_send(k->tcp, runs, n, &e);

	if (e) {
		*error = e;
		links_mark_broken(l, k, e);
		return lost;
	}
	if (lost)
		*error = EAGAIN;
	watch_tcp(l, k);
	return lost;
}

/* How many of the runs, from the first on, go the same way: by AF_XDP, or by the socket. */
static u32 same_way(const struct link *k, const struct datagrams *runs, u32 n, bool by_xsk)
{
	u32 count = 0;

	while (count < n && xsk_knows(k->xsk, &runs[count].where.remote) == by_xsk)
		count++;
	return count;
}

static u32 send_xsk(struct links *l, struct link *k, const struct datagrams *runs, u32 n, int *error)
{
	u32 lost = 0, some;

	for (u32 i = 0; i < n; i += some) {
		bool by_xsk = xsk_knows(k->xsk, &runs[i].where.remote);
		int e = 0;

		some = same_way(k, runs + i, n - i, by_xsk);
		lost += by_xsk ? xsk_send(k->xsk, runs + i, some, &e) : udp_send(k->udp, runs + i, some, &e);
		if (e)
			*error = e;
	}
	l->some_wait |= xsk_waits(k->xsk);
	if (*error == ENODEV)
		k->xsk_gone = l->some_broken = true;
	return lost;
}

void links_flush(struct links *l)
{
	l->some_wait = false;
	for (u32 i = 0; i < l->max; i++) {
		struct link *k = &l->at[i];

		if (!k->number || !k->xsk || k->xsk_gone || !xsk_waits(k->xsk))
			continue;
		(void)xsk_flush(k->xsk);	/* an error comes again with the next send */
		l->some_wait |= xsk_waits(k->xsk);
	}
}

u32 links_send(struct links *l, struct link *k, const struct datagrams *runs, u32 n, int *error)
{
	*error = 0;
	if (k->xsk && !k->xsk_gone)
		return send_xsk(l, k, runs, n, error);
	if (k->udp)
		return udp_send(k->udp, runs, n, error);
	if (k->tcp && !k->connecting && !k->broken)
		return send_tcp(l, k, runs, n, error);
	*error = ENOTCONN;
	return datagrams_count_all(runs, n);
}
