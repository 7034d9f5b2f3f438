// SPDX-License-Identifier: MIT
/* fallback.c - what a client tries when an uplink gets no answer
 *
 * After 2 s without answer over UDP an uplink gets a second path over TCP, which goes again when UDP
 * answers. After 5 s (and every 5 s on) UDP tries the next address of the server.
 */
#define LOG_AREA LOG_AREA_UPLINKS

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/client_parts.h"

#define TCP_AFTER_US (2 * SEC)
#define NEXT_ADDRESS_US (5 * SEC)
#define TCP_RETRY_US (5 * SEC)
#define TCP_RETRY_MAX_US (60 * SEC)
#define RESOLVE_RETRY_US (5 * SEC)

/* ---- addresses of the server ---- */

static void add_server(struct client *c, const struct addr *a)
{
	for (u32 i = 0; i < c->server_count; i++)
		if (addr_equal(&c->servers[i], a))
			return;
	if (c->server_count < SERVERS_MAX)
		c->servers[c->server_count++] = *a;
}

static int look_up(struct client *c)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *found;
	struct addr a;
	int err = getaddrinfo(c->set.key.host, NULL, &hints, &found);

	if (err) {
		log_warn("%s: %s", c->set.key.host, gai_strerror(err));
		return -EAGAIN;
	}
	for (struct addrinfo *i = found; i; i = i->ai_next) {
		addr_from_sockaddr(&a, i->ai_addr);
		a.port = c->set.key.host_port;
		if (a.family)
			add_server(c, &a);
	}
	freeaddrinfo(found);
	return 0;
}

int client_resolve(struct client *c)
{
	int err = 0;

	for (u32 i = 0; i < c->set.key.addr_count; i++)
		add_server(c, &c->set.key.addrs[i]);
	if (c->set.key.host[0])
		err = look_up(c);
	c->resolve_us = err ? clock_now_us() + RESOLVE_RETRY_US : TIME_NEVER;
	return err;
}

static bool shares_network(const struct host_uplink *h, const struct addr *a)
{
	return prefix_contains(a->family == 4 ? &h->addr4 : &h->addr6, a->family, a->ip);
}

/* Smaller is better; -1: not with this uplink's addresses. */
static int rank(const struct host_uplink *h, const struct addr *a)
{
	bool v4 = a->family == 4;

	if (!(v4 ? h->addr4.family : h->addr6.family))
		return -1;
	if (shares_network(h, a) || (v4 ? h->has_default4 : h->has_default6))
		return v4 ? 0 : 1;
	return v4 ? 2 : 3;	/* perhaps by a route of its own */
}

u32 servers_for(const struct client *c, const struct host_uplink *h, struct addr out[SERVERS_MAX])
{
	u32 n = 0;

	for (int wanted = 0; wanted <= 3; wanted++)
		for (u32 i = 0; i < c->server_count; i++)
			if (rank(h, &c->servers[i]) == wanted)
				out[n++] = c->servers[i];
	return n;
}

/* ---- TCP ---- */

struct tcp_job {
	struct client *c;
	struct uplink *u;
	struct addr remote;
	int err;
};

static void connect_job(struct worker *w, void *arg)
{
	struct tcp_job *job = arg;
	struct tcp_settings set = { .remote = job->remote, .device = job->u->seen.name, .mark = host_mark(job->c->host) };
	struct tcp *tcp;
	u32 link = worker_link_reserve(w);

	if (!link) {
		job->err = -ENOSPC;
		return;
	}
	job->err = tcp_connect(&tcp, link, &set);
	if (!job->err)
		job->err = worker_link_tcp(w, link, tcp);
	if (job->err)
		worker_link_release(w, link);
	else
		job->u->tcp.link = link;
}

static void add_path_job(struct worker *w, void *arg)
{
	struct tcp_job *job = arg;
	struct uplink *u = job->u;
	struct tunnel_uplink path = { .link = u->tcp.link, .remote = job->remote, .kind = u->seen.kind, .flags = u->flags,
				      .weight = u->weight };

	snprintf(path.name, sizeof(path.name), SNAPSHOT_TCP_PATH, u->name);
	job->err = tunnel_path_add(worker_tunnel(w), &path, worker_now(w));
}

static void limit_job(struct worker *w, void *arg)
{
	struct tcp_job *job = arg;

	uplink_limit(w, job->c, job->u);
}

static void drop_job(struct worker *w, void *arg)
{
	struct tcp_job *job = arg;
	struct tcp_side *tcp = &job->u->tcp;

	if (tcp->connected)
		tunnel_path_remove(worker_tunnel(w), tcp->link, worker_now(w));
	worker_link_release(w, tcp->link);
}

static struct addr tcp_address(const struct client *c, const struct uplink *u)
{
	struct addr a = u->remote;

	if (c->set.key.tcp_port)
		a.port = c->set.key.tcp_port;
	return a;
}

static void put_off(struct tcp_side *tcp)
{
	u64 wait = TCP_RETRY_US << MIN(tcp->failures, 4u);

	tcp->failures++;
	tcp->retry_us = clock_now_us() + MIN(wait, TCP_RETRY_MAX_US);
}

static void start_tcp(struct client *c, struct uplink *u)
{
	struct tcp_job job = { .c = c, .u = u, .remote = tcp_address(c, u) };
	char to[ADDR_TEXT_BYTES];

	worker_call(c->worker, connect_job, &job);
	if (job.err) {
		put_off(&u->tcp);
		log_debug("uplink %s: TCP to %s: %s", u->name, addr_format(&job.remote, to), strerror(-job.err));
	}
}

void fallback_link_up(struct client *c, struct uplink *u)
{
	struct tcp_job job = { .c = c, .u = u, .remote = tcp_address(c, u) };
	char to[ADDR_TEXT_BYTES];

	worker_call(c->worker, add_path_job, &job);
	if (job.err) {
		fallback_drop(c, u);
		put_off(&u->tcp);
		return;
	}
	u->tcp.connected = true;
	u->tcp.failures = 0;
	worker_call(c->worker, limit_job, &job);
	log_info("uplink %s: UDP is not answered; TCP to %s", u->name, addr_format(&job.remote, to));
}

void fallback_link_lost(struct client *c, struct uplink *u, int error)
{
	log_debug("uplink %s: TCP: %s", u->name, strerror(error));
	fallback_drop(c, u);
	put_off(&u->tcp);
}

void fallback_drop(struct client *c, struct uplink *u)
{
	struct tcp_job job = { .c = c, .u = u };

	if (!u->tcp.link)
		return;
	if (u->tcp.connected)
		log_info("uplink %s: TCP ends", u->name);
	uplinks_count(c);
	worker_call(c->worker, drop_job, &job);
	u->tcp.link = 0;
	u->tcp.connected = u->tcp.up = false;
}

/* ---- time passes ---- */

static void next_address(struct client *c, struct uplink *u, u64 now)
{
	struct addr can[SERVERS_MAX];
	u32 n = servers_for(c, &u->seen, can);

	u->asked_us = now;
	if (n < 2)
		return;
	u->server++;
	fallback_drop(c, u);

	u64 silent = u->silent_us;

	uplink_reopen(c, u);
	u->silent_us = silent;
}

static void look_after(struct client *c, struct uplink *u, u64 now)
{
	if (now - u->asked_us >= NEXT_ADDRESS_US && !u->tcp.up)
		next_address(c, u, now);
	if (!c->set.no_tcp_fallback && !u->tcp.link && now - u->silent_us >= TCP_AFTER_US && now >= u->tcp.retry_us)
		start_tcp(c, u);
}

void fallback_tick(struct client *c, u64 now)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (u->used && u->usable && u->silent_us)
			look_after(c, u, now);
	}
	if (now >= c->resolve_us) {
		client_resolve(c);
		uplinks_rescan(c);
	}
}
