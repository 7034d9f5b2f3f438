// SPDX-License-Identifier: MIT
/* server_hops.c - by which interface and next hop a server's peers are reached
 *
 *   worker sends to somebody --EVENT_PEERS_ASKED--> here: route, then its next hop --ports_set()--> the worker
 *   a next hop changed (netlink) ----------------> workers forget what goes by its interface, and ask again
 *   links, addresses or routes changed ----------> workers forget everything, and ask again
 *
 * The route is asked for each peer (policy rules, several gateways), and the answer is the kernel's, not the link address that the peer's frames came from. To
 * learn from frames would cost nothing, but what a stranger on the link writes there is not authentic, the way back need not be the way
 * here, and after a gateway has moved frames would go to the old one until the peer happens to send. Next hops are few, mostly one: they are kept
 * here, used in the kernel's sense every HOST_HOP_USE_US so that it keeps checking them, and compared when it tells of neighbours.
 */
#define LOG_AREA LOG_AREA_DATAPATH

#include <event2/event.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/links.h"
#include "run/ports.h"
#include "run/server_parts.h"

#define UNUSED_US (4 * PORTS_WAY_US)	/* nobody asked about a next hop for so long: it is dropped */
#define LOOK_MS 50			/* neighbours change in bursts */

/* ---- on the workers' threads ---- */

struct forget_job {
	u32 ifindex;
};

static void forget_job(struct worker *w, void *arg)
{
	struct forget_job *job = arg;

	if (worker_ports(w))
		ports_forget(worker_ports(w), job->ifindex);
}

static void forget(struct server *s, u32 ifindex)
{
	struct forget_job job = { .ifindex = ifindex };

	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], forget_job, &job);
}

struct ask_job {
	u32 count;
	struct port_ask asks[PORTS_ASKS];
	struct port_answer answers[PORTS_ASKS];
};

static void asks_job(struct worker *w, void *arg)
{
	struct ask_job *job = arg;

	job->count = worker_ports(w) ? ports_asks(worker_ports(w), job->asks) : 0;
}

static void answers_job(struct worker *w, void *arg)
{
	struct ask_job *job = arg;

	for (u32 i = 0; worker_ports(w) && i < job->count; i++)
		ports_set(worker_ports(w), &job->answers[i], worker_now(w));
}

/* ---- next hops ---- */

static bool same_hop(const struct host_hop *a, const struct host_hop *b)
{
	return a->ifindex == b->ifindex && addr_same_ip(&a->next, &b->next);
}

static struct server_hop *find_hop(struct server *s, const struct host_hop *hop)
{
	for (u32 i = 0; i < s->hop_count; i++)
		if (same_hop(&s->hops[i].hop, hop))
			return &s->hops[i];
	return NULL;
}

static void drop_hop(struct server *s, struct server_hop *h)
{
	*h = s->hops[--s->hop_count];
}

static struct server_hop *new_hop(struct server *s)
{
	struct server_hop *oldest = &s->hops[0];

	if (s->hop_count < ARRAY_SIZE(s->hops))
		return &s->hops[s->hop_count++];
	for (u32 i = 1; i < s->hop_count; i++)
		if (s->hops[i].asked_us < oldest->asked_us)
			oldest = &s->hops[i];
	return oldest;
}

/* The kernel is asked to find, or to keep checking, a next hop when it is new, and every HOST_HOP_USE_US. */
static void keep_hop(struct server *s, const struct host_hop *hop, u64 now)
{
	struct server_hop *h = find_hop(s, hop);

	if (!h) {
		h = new_hop(s);
		*h = (struct server_hop){ 0 };
	} else if (!host_hop_equal(&h->hop, hop)) {
		forget(s, hop->ifindex);	/* what the others were told is old */
	}
	h->hop = *hop;
	h->asked_us = now;
	if (hop->known && now < h->use_us)
		return;
	h->use_us = now + HOST_HOP_USE_US;
	(void)host_hop_use(hop);
}

/* An interface without AF_XDP has no worker with a socket on it, so frames to there go by the sockets anyway. */
static void look_up(struct server *s, const struct port_ask *ask, struct port_answer *answer, u64 now)
{
	struct host_hop hop;

	*answer = (struct port_answer){ .ask = *ask };
	if (host_hop_find(ask->remote.scope, 0, &ask->local, &ask->remote, &hop))
		return;
	keep_hop(s, &hop, now);
	answer->ifindex = hop.ifindex;
	answer->known = hop.known;
	answer->peer = (struct frame_peer){ .remote = ask->remote, .local = ask->local };
	memcpy(answer->peer.to, hop.mac, sizeof(answer->peer.to));
	memcpy(answer->peer.from, hop.own, sizeof(answer->peer.from));
}

void hops_asked(struct server *s, struct worker *w)
{
	struct ask_job job = { 0 };
	u64 now = clock_now_us();

	worker_call(w, asks_job, &job);
	for (u32 i = 0; i < job.count; i++)
		look_up(s, &job.asks[i], &job.answers[i], now);
	if (job.count)
		worker_call(w, answers_job, &job);
}

/* ---- what changes ---- */

static bool has_changed(const struct server_hop *h, struct host_hop *now)
{
	if (host_hop_again(&h->hop, now))
		now->known = false;
	return !host_hop_equal(&h->hop, now);
}

static void look_at_hops(struct server *s)
{
	struct host_hop now;

	for (u32 i = 0; i < s->hop_count; i++) {
		struct server_hop *h = &s->hops[i];

		if (!has_changed(h, &now))
			continue;
		h->hop.known = now.known;
		memcpy(h->hop.mac, now.mac, sizeof(now.mac));
		memcpy(h->hop.own, now.own, sizeof(now.own));
		forget(s, h->hop.ifindex);
	}
}

static void on_look(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look_at_hops(arg);
}

static void forget_all(struct server *s)
{
	s->hop_count = 0;
	forget(s, 0);
}

static void on_host_event(void *arg, const struct host_event *event)
{
	struct server *s = arg;
	struct timeval wait = { 0, LOOK_MS * 1000 };

	if (event->kind != HOST_NEIGHBOUR) {
		s->links_changed = true;
		return;
	}
	if (!event_pending(s->look_at_hops, EV_TIMEOUT, NULL))
		event_add(s->look_at_hops, &wait);
}

static void on_links(int fd, short what, void *arg)
{
	struct server *s = arg;
	int err = host_monitor_read(s->monitor);

	(void)fd;
	(void)what;
	if (err) {
		log_warn("watching interfaces: %s; starting over", strerror(-err));
		hops_end(s);
		hops_watch(s);
		s->links_changed = true;
	}
	if (!s->links_changed)
		return;
	s->links_changed = false;
	forget_all(s);
	server_look_at_interfaces(s);
}

/* Without the monitor the tick tries again. */
void hops_watch(struct server *s)
{
	if (s->monitor)
		return;
	if (host_monitor_new(&s->monitor, on_host_event, s)) {
		s->monitor = NULL;
		return;
	}
	s->look_at_hops = event_new(s->base, -1, 0, on_look, s);
	s->on_links = event_new(s->base, host_monitor_fd(s->monitor), EV_READ | EV_PERSIST, on_links, s);
	if (!s->look_at_hops || !s->on_links || event_add(s->on_links, NULL))
		hops_end(s);
}

void hops_end(struct server *s)
{
	if (s->look_at_hops)
		event_free(s->look_at_hops);
	if (s->on_links)
		event_free(s->on_links);
	host_monitor_free(s->monitor);
	s->look_at_hops = s->on_links = NULL;
	s->monitor = NULL;
}

void hops_forget(struct server *s, u32 ifindex)
{
	for (u32 i = s->hop_count; i-- > 0;)
		if (s->hops[i].hop.ifindex == ifindex)
			drop_hop(s, &s->hops[i]);
	forget(s, ifindex);
}

/* Also takes the asks whose message was lost. */
void hops_tick(struct server *s, u64 now)
{
	if (!s->monitor)
		return;
	for (u32 i = 0; i < s->worker_count; i++)
		hops_asked(s, s->workers[i]);
	for (u32 i = s->hop_count; i-- > 0;) {
		struct server_hop *h = &s->hops[i];

		if (now - h->asked_us > UNUSED_US) {
			drop_hop(s, h);
		} else if (now >= h->use_us) {
			h->use_us = now + HOST_HOP_USE_US;
			(void)host_hop_use(&h->hop);
		}
	}
}
