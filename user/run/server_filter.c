// SPDX-License-Identifier: MIT
/* server_filter.c - the server's interfaces: the XDP filter on each, and a look at them for AF_XDP (server_xdp.c)
 *
 * A server listens on addresses, and usually on all of them; so the filter goes on every interface that has one of them, but for the loopback and
 * the tunnel device. Interfaces come and go: it is looked again now and then.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "run/filter.h"
#include "run/instance.h"
#include "run/server_parts.h"

#define RETRY_FIRST_US (4 * SEC)
#define RETRY_LAST_US (300 * SEC)

static bool is_wanted(const struct server *s, const struct ifaddrs *a)
{
	if (!a->ifa_addr || a->ifa_flags & IFF_LOOPBACK || !(a->ifa_flags & IFF_UP) || !strcmp(a->ifa_name, s->tun_name))
		return false;
	for (u32 i = 0; i < s->bound_count; i++)
		if (server_reaches(&s->bound[i], a->ifa_addr))
			return true;
	return false;
}

/* ---- who refuses: it is said once, and asked again less and less often ---- */

static struct server_refusal *refusal_of(struct server *s, u32 ifindex)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->refused); i++)
		if (s->refused[i].ifindex == ifindex)
			return &s->refused[i];
	return NULL;
}

/* Interfaces that are gone make room. */
static struct server_refusal *free_refusal(struct server *s)
{
	char name[IF_NAMESIZE];

	for (u32 i = 0; i < ARRAY_SIZE(s->refused); i++)
		if (!s->refused[i].ifindex || !if_indextoname(s->refused[i].ifindex, name))
			return &s->refused[i];
	return NULL;
}

/* What cannot be remembered is not said either. */
static bool was_refused(struct server *s, u32 ifindex)
{
	return refusal_of(s, ifindex) || !free_refusal(s);
}

static void note_refused(struct server *s, u32 ifindex)
{
	struct server_refusal *r = refusal_of(s, ifindex);

	if (!r)
		r = free_refusal(s);
	if (!r)
		return;
	if (r->ifindex != ifindex)
		*r = (struct server_refusal){ .ifindex = ifindex, .wait_us = RETRY_FIRST_US / 2 };
	r->wait_us = MIN(2 * r->wait_us, RETRY_LAST_US);
	r->retry_us = clock_now_us() + r->wait_us;
}

static bool is_due(struct server *s, u32 ifindex)
{
	const struct server_refusal *r = refusal_of(s, ifindex);

	return !r || clock_now_us() >= r->retry_us;
}

/* ---- interfaces ---- */

enum datapath_mode server_filter_wanted(const struct server *s, const char *name)
{
	for (u32 i = 0; i < s->filter_said_count; i++)
		if (!strcmp(s->filter_said[i].name, name))
			return s->filter_said[i].wanted;
	return s->filter_wanted;
}

static int attach(struct server *s, u32 ifindex, const char *name, enum datapath_mode mode, char *why)
{
	int err = filter_put(s->datapath, ifindex, name, mode, why);

	if (!err)
		server_put_ends(s, ifindex);
	return err;
}

static void filter_on(struct server *s, u32 ifindex, const char *name)
{
	enum datapath_mode mode = server_filter_wanted(s, name);
	char why[DATAPATH_WHY_BYTES];

	if (!s->is_filtering || mode == DATAPATH_OFF || datapath_attached(s->datapath, ifindex) != DATAPATH_OFF || !is_due(s, ifindex))
		return;
	if (!attach(s, ifindex, name, mode, why))
		return;
	if (!was_refused(s, ifindex))
		filter_say_none(name, why);
	note_refused(s, ifindex);
}

void server_look_at_interfaces(struct server *s)
{
	u64 now = clock_now_us();
	struct ifaddrs *all;
	u32 ifindex;

	if ((!s->is_filtering && s->set.datapath == RUN_DATAPATH_UDP) || getifaddrs(&all))
		return;
	server_look_at_ends(s, all);
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		ifindex = is_wanted(s, a) ? if_nametoindex(a->ifa_name) : 0;
		if (!ifindex)
			continue;
		filter_on(s, ifindex, a->ifa_name);
		server_xdp_look(s, ifindex, a->ifa_name, now);
	}
	freeifaddrs(all);
	server_xdp_sweep(s);
	hops_tick(s, now);
}

/* ---- by command ---- */

/* Each interface once, though it may have many addresses. */
static u32 list_interfaces(const struct server *s, struct filter_changes *out)
{
	struct ifaddrs *all;
	u32 count = 0;

	if (getifaddrs(&all))
		return 0;
	for (const struct ifaddrs *a = all; a && count < FILTER_PLACES; a = a->ifa_next) {
		bool known = !is_wanted(s, a);

		for (u32 i = 0; i < count && !known; i++)
			known = !strcmp(out->at[i].name, a->ifa_name);
		if (!known)
			snprintf(out->at[count++].name, sizeof(out->at[0].name), "%s", a->ifa_name);
	}
	freeifaddrs(all);
	return count;
}

static void gro_job(struct worker *w, void *arg)
{
	worker_link_gro(w, 0, *(const bool *)arg);
}

/* The sockets serve all interfaces. A filter in generic mode sees the first datagram of a run only, so there are to be no runs. */
static void follow_modes(struct server *s)
{
	struct filter_changes all = { 0 };
	u32 count = list_interfaces(s, &all);
	bool gro = true;

	for (u32 i = 0; i < count && s->datapath; i++)
		gro &= datapath_attached(s->datapath, if_nametoindex(all.at[i].name)) != DATAPATH_GENERIC;
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], gro_job, &gro);
}

/* One that refuses another way of attaching keeps what it had. */
static int change(struct server *s, enum datapath_mode mode, struct filter_place *out)
{
	u32 ifindex = if_nametoindex(out->name);
	enum datapath_mode now = s->datapath ? datapath_attached(s->datapath, ifindex) : DATAPATH_OFF;
	char unsaid[DATAPATH_WHY_BYTES];
	int err = 0;

	if (now != DATAPATH_OFF && server_xdp_is_on(s, ifindex)) {
		out->mode = now;
		out->was_so = now == mode || mode == DATAPATH_AUTO;
		if (!out->was_so)
			snprintf(out->why, sizeof(out->why), "AF_XDP is on there and needs the program as it is");
		return out->was_so ? 0 : -EBUSY;
	}
	out->was_so = now == mode || (mode == DATAPATH_AUTO && now != DATAPATH_OFF);
	if (!out->was_so && now != DATAPATH_OFF)
		datapath_detach(s->datapath, ifindex);
	if (!out->was_so && mode != DATAPATH_OFF)
		err = attach(s, ifindex, out->name, mode, out->why);
	if (err && now != DATAPATH_OFF)
		(void)attach(s, ifindex, out->name, now, unsaid);
	out->mode = s->datapath ? datapath_attached(s->datapath, ifindex) : DATAPATH_OFF;
	return err;
}

static int note_wish(struct server *s, const char *name, enum datapath_mode mode, char *error)
{
	u32 i = 0;

	memset(s->refused, 0, sizeof(s->refused));
	if (!name) {
		s->filter_wanted = mode;
		s->filter_said_count = 0;
		return 0;
	}
	while (i < s->filter_said_count && strcmp(s->filter_said[i].name, name))
		i++;
	if (i == ARRAY_SIZE(s->filter_said))
		return run_say(error, -ENOSPC, "no more interfaces can have a wish of their own; leave --uplink out");
	snprintf(s->filter_said[i].name, sizeof(s->filter_said[i].name), "%s", name);
	s->filter_said[i].wanted = mode;
	s->filter_said_count = MAX(s->filter_said_count, i + 1);
	return 0;
}

int server_set_filter(struct server *s, const char *name, enum datapath_mode mode, struct filter_changes *out, char error[RUN_ERROR_BYTES])
{
	struct filter_changes all = { 0 };
	bool found = !name;
	u32 count;
	int err;

	memset(out, 0, sizeof(*out));
	if (mode != DATAPATH_OFF && server_load_filter(s))
		return run_say(error, -EIO, "no filter: the kernel does not take the XDP program (see the log)");
	count = list_interfaces(s, &all);
	for (u32 i = 0; i < count; i++) {
		struct filter_place *at = &out->at[out->count];

		if (name && strcmp(name, all.at[i].name))
			continue;
		found = true;
		snprintf(at->name, sizeof(at->name), "%s", all.at[i].name);
		filter_note(out, change(s, mode, at));
	}
	if (!found)
		return run_say(error, -ENOENT, "the server does not listen on %.40s: no address of it that is up", name);
	err = filter_result(out, mode, error);
	if (!err || err == -EALREADY)
		err = note_wish(s, name, mode, error) ? -ENOSPC : err;
	follow_modes(s);
	return err;
}
