// SPDX-License-Identifier: MIT
/* uplinks.c - the client's interfaces: found, followed, their sockets and paths
 *
 * Any netlink event leads to one look at the whole machine; what differs from the last look is acted
 * upon. That is a little more work than following single events, and cannot drift.
 *
 *   not there --appears, usable--> socket + path --address changes--> new socket, path moved
 *                                     |  ^
 *            carrier, address or route lost  |  back: new socket, path moved, carrier up
 *                                     v  |
 *                                  path down --found by itself, gone for a minute--> forgotten
 */
#define LOG_AREA LOG_AREA_UPLINKS

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/routes.h"
#include "run/client_parts.h"

#define FOUND_MAX 32
#define GONE_FOR_GOOD_US (60 * SEC)
#define RETRY_US (2 * SEC)

/* A piece of work for the worker's thread, about one uplink. */
struct job {
	struct client *c;
	struct uplink *u;
	int err;
};

/* ---- table ---- */

struct uplink *uplink_by_name(struct client *c, const char *name)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (c->uplinks[i].used && !strcmp(c->uplinks[i].name, name))
			return &c->uplinks[i];
	return NULL;
}

struct uplink *uplink_by_link(struct client *c, u32 link)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (u->used && link && (u->link == link || u->tcp.link == link))
			return u;
	}
	return NULL;
}

static struct uplink *by_ifindex(struct client *c, u32 ifindex)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (c->uplinks[i].used && c->uplinks[i].seen.ifindex == ifindex)
			return &c->uplinks[i];
	return NULL;
}

struct uplink *uplink_new(struct client *c, const char *name, bool configured)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (u->used)
			continue;
		memset(u, 0, sizeof(*u));
		u->used = true;
		u->configured = configured;
		snprintf(u->name, sizeof(u->name), "%.15s", name);
		return u;
	}
	return NULL;
}

u32 uplinks_usable(const struct client *c)
{
	u32 count = 0;

	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		count += c->uplinks[i].used && c->uplinks[i].usable;
	return count;
}

void uplinks_configure(struct client *c)
{
	for (u32 i = 0; i < c->set.uplink_count; i++) {
		const struct client_uplink_settings *s = &c->set.uplinks[i];
		struct uplink *u = uplink_new(c, s->name, true);

		if (!u)
			return;
		u->weight = s->weight;
		u->flags = s->flags;
		u->rate = s->rate;
		u->quota = s->quota;
		u->datapath = s->datapath;
	}
}

/* ---- on the worker's thread ---- */

static int open_socket(struct worker *w, struct client *c, struct uplink *u)
{
	struct udp_settings set = { .bind = u->local, .device = u->seen.name, .mark = host_mark(c->host),
				    .no_gro = uplink_is_generic(c, u) };
	struct udp *lanes[TG_LANES];
	int err = udp_open_lanes(lanes, u->link, &set, 1, -ENOENT);

	if (err)
		return err;
	udp_local(lanes[TG_LANE_BULK], &u->bound);
	return worker_link_udp(w, u->link, lanes, true);
}

static int hand_to_engine(struct worker *w, struct uplink *u)
{
	struct tunnel *t = worker_tunnel(w);
	u64 now = worker_now(w);
	struct tunnel_uplink path = { .link = u->link, .remote = u->remote, .local = u->local, .kind = u->seen.kind,
				      .flags = u->flags, .weight = u->weight, .mtu = u->seen.mtu };

	if (u->has_path) {
		tunnel_path_mtu(t, u->link, u->seen.mtu, now);
		tunnel_path_moved(t, u->link, &u->local, &u->remote, now);
		tunnel_path_carrier(t, u->link, true, now);
		return 0;
	}
	snprintf(path.name, sizeof(path.name), "%s", u->name);
	return tunnel_path_add(t, &path, now);
}

static void open_job(struct worker *w, void *arg)
{
	struct job *job = arg;
	struct uplink *u = job->u;

	if (!u->link)
		u->link = worker_link_reserve(w);
	job->err = u->link ? open_socket(w, job->c, u) : -ENOSPC;
	if (!job->err)
		job->err = hand_to_engine(w, u);
	if (!job->err) {
		u->has_path = true;
		uplink_limit(w, job->c, u);
		return;
	}
	if (u->link && !u->has_path) {
		worker_link_release(w, u->link);
		u->link = 0;
	}
}

static void mtu_job(struct worker *w, void *arg)
{
	struct job *job = arg;

	tunnel_path_mtu(worker_tunnel(w), job->u->link, job->u->seen.mtu, worker_now(w));
}

static void carrier_lost_job(struct worker *w, void *arg)
{
	struct job *job = arg;

	tunnel_path_carrier(worker_tunnel(w), job->u->link, false, worker_now(w));
}

static void remove_job(struct worker *w, void *arg)
{
	struct job *job = arg;
	struct uplink *u = job->u;

	if (u->has_path)
		tunnel_path_remove(worker_tunnel(w), u->link, worker_now(w));
	if (u->link)
		worker_link_release(w, u->link);
	u->has_path = false;
	u->link = 0;
}

/* ---- following one uplink ---- */

static struct addr local_for(const struct host_uplink *h, u8 family)
{
	const struct prefix *p = family == 4 ? &h->addr4 : &h->addr6;
	struct addr a = { .family = p->family };

	memcpy(a.ip, p->ip, sizeof(a.ip));
	return a;
}

/* Which server address, from which own address. False: none that this uplink could reach. */
static bool choose_ends(struct client *c, struct uplink *u, struct addr *local, struct addr *remote)
{
	struct addr can[SERVERS_MAX];
	u32 n = servers_for(c, &u->seen, can);

	if (!n)
		return false;
	*remote = can[u->server % n];
	*local = local_for(&u->seen, remote->family);
	return true;
}

void uplink_reopen(struct client *c, struct uplink *u)
{
	struct job job = { .c = c, .u = u };
	char from[ADDR_TEXT_BYTES], to[ADDR_TEXT_BYTES];
	enum log_level level = u->usable ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;	/* trying addresses by turns is no news */
	struct addr before = u->local;
	u64 now = clock_now_us();

	if (!choose_ends(c, u, &u->local, &u->remote))
		return;
	xdp_pause(c, u);
	worker_call(c->worker, open_job, &job);
	if (job.err) {
		log_warn("uplink %s: no socket from %s: %s", u->name, addr_format(&u->local, from), strerror(-job.err));
		u->usable = false;
		u->retry_us = now + RETRY_US;
		return;
	}
	if (!addr_same_ip(&before, &u->local))
		level = LOG_LEVEL_INFO;
	log_line(level, "uplink %s: from %s to %s", u->name, addr_format(&u->local, from), addr_format(&u->remote, to));
	u->usable = true;
	u->up = false;
	u->retry_us = 0;
	u->silent_us = u->asked_us = now;
	uplink_filter(c, u);
	xdp_reopen(c, u);
}

static void lose(struct client *c, struct uplink *u, const char *why)
{
	struct job job = { .c = c, .u = u };

	log_info("uplink %s: %s", u->name, why);
	u->usable = u->up = false;
	u->silent_us = 0;
	xdp_lost(c, u);
	if (u->has_path)
		worker_call(c->worker, carrier_lost_job, &job);
	fallback_drop(c, u);
}

static void tell_mtu(struct client *c, struct uplink *u)
{
	struct job job = { .c = c, .u = u };

	xdp_close(c, u);	/* what it sends has the size of before at most */
	if (u->has_path)
		worker_call(c->worker, mtu_job, &job);
	xdp_open(c, u);
}

static bool ends_differ(struct client *c, struct uplink *u)
{
	struct addr local, remote;

	if (!choose_ends(c, u, &local, &remote))
		return true;
	return !addr_same_ip(&local, &u->local) || !addr_equal(&remote, &u->remote);
}

static void route(struct client *c, struct uplink *u)
{
	int err = host_routes_set_uplink(c->host, &u->seen);

	if (err)
		log_warn("uplink %s: no route of its own: %s", u->name, strerror(-err));
}

static void tell_unreachable(const struct client *c, struct uplink *u)
{
	if (u->told_unreachable || !c->server_count)
		return;
	u->told_unreachable = true;
	log_warn("uplink %s: has no IPv%s address, and the key names no other of the server", u->name,
		 c->servers[0].family == 4 ? "4" : "6");
}

static void follow(struct client *c, struct uplink *u, const struct host_uplink *now, bool usable)
{
	struct host_uplink before = u->seen;
	struct addr local, remote;
	u64 time = clock_now_us();

	u->seen = *now;
	u->gone_us = 0;
	if (!usable || !choose_ends(c, u, &local, &remote)) {
		if (u->usable)
			lose(c, u, !now->up ? "link is down" : "no address or no route to the server");
		else if (usable)
			tell_unreachable(c, u);
		return;
	}
	u->told_unreachable = false;
	if (u->usable && host_uplink_equal(&before, now)) {
		xdp_changed(c, u);	/* a route, or the link address, may have */
		return;
	}
	if (!u->usable && time < u->retry_us && host_uplink_equal(&before, now))
		return;
	route(c, u);
	if (!u->usable || before.ifindex != now->ifindex || ends_differ(c, u))
		uplink_reopen(c, u);
	else if (before.mtu != now->mtu)
		tell_mtu(c, u);
	else
		xdp_changed(c, u);
}

static void gone(struct client *c, struct uplink *u)
{
	if (u->gone_us)
		return;
	u->gone_us = clock_now_us();
	if (u->seen.ifindex)
		host_routes_remove_uplink(c->host, u->seen.ifindex);
	if (u->usable)
		lose(c, u, "interface is gone");
	else if (u->configured)
		log_info("uplink %s: not there; waiting for it", u->name);
	xdp_close(c, u);
	uplink_unfilter(c, u);
	u->seen.ifindex = 0;
}

/* ---- the look at the machine ---- */

static bool is_ignored(const struct client *c, const char *name)
{
	if (!strcmp(name, c->tun_name))
		return true;
	for (u32 i = 0; i < c->ignored_count; i++)
		if (!strcmp(c->ignored[i], name))
			return true;
	return false;
}

void uplink_forget(struct client *c, struct uplink *u)
{
	struct job job = { .c = c, .u = u };

	fallback_drop(c, u);
	xdp_close(c, u);
	uplinks_count(c);
	worker_call(c->worker, remove_job, &job);
	uplink_unfilter(c, u);
	if (u->seen.ifindex)
		host_routes_remove_uplink(c->host, u->seen.ifindex);
	memset(u, 0, sizeof(*u));
	client_mtu_changed(c);
}

static void add_found(struct client *c, const struct host_uplink *found, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (is_ignored(c, found[i].name) || by_ifindex(c, found[i].ifindex) || uplink_by_name(c, found[i].name))
			continue;
		uplink_new(c, found[i].name, false);
	}
}

static bool is_found(const struct host_uplink *found, u32 n, u32 ifindex)
{
	for (u32 i = 0; i < n; i++)
		if (found[i].ifindex == ifindex)
			return true;
	return false;
}

/* A renamed interface stays the same uplink; a recreated one of the same name becomes it again. */
static int look_at(const struct uplink *u, struct host_uplink *out)
{
	if (u->seen.ifindex && !host_uplink_by_index(u->seen.ifindex, out, NULL))
		return 0;
	return host_uplink_by_name(u->name, out, NULL);
}

void uplinks_drop_found(struct client *c)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (!u->used || u->configured)
			continue;
		log_info("uplink %s: not named, and no longer looked for", u->name);
		uplink_forget(c, u);
	}
}

void uplinks_rescan(struct client *c)
{
	struct host_uplink found[FOUND_MAX], now;
	bool all = c->set.auto_discover || !c->set.uplink_count;
	int n = all ? host_uplinks_list(found, FOUND_MAX) : 0;

	if (n < 0) {
		log_warn("cannot list interfaces: %s", strerror(-n));
		n = 0;
		all = false;
	}
	add_found(c, found, (u32)n);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (!u->used)
			continue;
		if (look_at(u, &now))
			gone(c, u);
		else
			follow(c, u, &now, now.usable && (u->configured || !all || is_found(found, (u32)n, now.ifindex)));
	}
	c->scanned_us = clock_now_us();
	client_lan_changed(c);
	client_mtu_changed(c);
}

void uplinks_reap(struct client *c, u64 now)
{
	bool retry = false;

	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (u->used && !u->configured && u->gone_us && now - u->gone_us > GONE_FOR_GOOD_US)
			uplink_forget(c, u);
		else if (u->used && !u->usable && u->retry_us && now >= u->retry_us)
			retry = true;
	}
	if (retry)
		uplinks_rescan(c);
}

void uplinks_path_changed(struct client *c, const struct tunnel_path_info *path)
{
	struct uplink *u = uplink_by_link(c, path->link);
	bool up = path->state == TUNNEL_PATH_UP;

	if (!u)
		return;
	if (path->link == u->tcp.link) {
		u->tcp.up = up;
		return;
	}
	if (u->up == up)
		return;
	u->up = up;
	u->silent_us = up || !u->usable ? 0 : clock_now_us();
	if (up)
		fallback_drop(c, u);
}
