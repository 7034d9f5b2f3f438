// SPDX-License-Identifier: MIT
/* client_filter.c - the XDP filter in front of the uplinks' sockets
 *
 * The filter follows the socket: one address and port on one interface. It stays while the link is down, and goes with the interface. Where
 * AF_XDP has the same program attached, it stays for AF_XDP when the filter is taken off.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "run/client_parts.h"
#include "run/filter.h"
#include "run/instance.h"

static enum datapath_mode wanted(const struct client *c, const struct uplink *u)
{
	return u->filter_said ? u->filter_wanted : c->filter_wanted;
}

bool uplink_filters(const struct uplink *u)
{
	return u->filter_ifindex && !u->filter_refused;
}

/* A filter in generic mode sees the first datagram of a run only, so there are to be no runs. */
bool uplink_is_generic(const struct client *c, const struct uplink *u)
{
	if (uplink_filters(u))
		return datapath_attached(c->datapath, u->filter_ifindex) == DATAPATH_GENERIC;
	return c->datapath && wanted(c, u) == DATAPATH_GENERIC;
}

static void gro_job(struct worker *w, void *arg)
{
	const struct uplink *u = arg;

	worker_link_gro(w, u->link, !u->filter_generic);
}

static void follow_mode(struct client *c, struct uplink *u)
{
	u->filter_generic = uplink_filters(u) && uplink_is_generic(c, u);
	if (u->link)
		worker_call(c->worker, gro_job, u);
}

static int attach(struct client *c, struct uplink *u, enum datapath_mode mode, char *why)
{
	int err = filter_put(c->datapath, u->seen.ifindex, u->name, mode, why);

	u->filter_ifindex = u->seen.ifindex;
	u->filter_refused = err;
	if (err)
		return err;
	u->filter_end = u->bound;
	datapath_put_end(c->datapath, u->filter_ifindex, &u->filter_end);
	return 0;
}

/* The interface has another socket now. What came to the old one is nobody's. */
void uplink_filter(struct client *c, struct uplink *u)
{
	bool moved = u->filter_ifindex != u->seen.ifindex, say = moved || !u->filter_refused;
	char why[DATAPATH_WHY_BYTES];

	if (!c->datapath || wanted(c, u) == DATAPATH_OFF)	/* without a filter AF_XDP attaches and detaches it */
		return;
	if (moved)
		uplink_unfilter(c, u);
	else
		datapath_remove_end(c->datapath, u->filter_ifindex, &u->filter_end);
	if (attach(c, u, wanted(c, u), why) && say)
		filter_say_none(u->name, why);
}

void uplink_unfilter(struct client *c, struct uplink *u)
{
	if (c->datapath && u->filter_ifindex && !u->xdp.on)
		datapath_detach(c->datapath, u->filter_ifindex);
	u->filter_ifindex = 0;
	u->filter_refused = false;
}

/* ---- by command ---- */

/* One that refuses another way of attaching keeps what it had. */
static int attach_instead(struct client *c, struct uplink *u, enum datapath_mode now, enum datapath_mode mode, char *why)
{
	char unsaid[DATAPATH_WHY_BYTES];
	int err;

	uplink_unfilter(c, u);
	err = mode == DATAPATH_OFF ? 0 : attach(c, u, mode, why);
	if (err && now != DATAPATH_OFF)
		(void)attach(c, u, now, unsaid);
	follow_mode(c, u);
	return err;
}

static int change(struct client *c, struct uplink *u, enum datapath_mode mode, struct filter_place *out)
{
	enum datapath_mode now = uplink_filters(u) ? datapath_attached(c->datapath, u->filter_ifindex) : DATAPATH_OFF;
	int err = 0;

	snprintf(out->name, sizeof(out->name), "%s", u->name);
	if (!u->usable) {
		snprintf(out->why, sizeof(out->why), "not usable now; it is as asked once it is");
		return 0;
	}
	out->was_so = now == mode || (mode == DATAPATH_AUTO && now != DATAPATH_OFF);
	if (!out->was_so)
		err = attach_instead(c, u, now, mode, out->why);
	if (uplink_filters(u))
		out->mode = datapath_attached(c->datapath, u->filter_ifindex);
	return err;
}

static void note_wish(struct client *c, struct uplink *named, enum datapath_mode mode)
{
	if (named) {
		named->filter_said = true;
		named->filter_wanted = mode;
		return;
	}
	c->filter_wanted = mode;
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		c->uplinks[i].filter_said = false;
}

int client_filter(struct client *c, const char *name, enum datapath_mode mode, struct filter_changes *out, char error[RUN_ERROR_BYTES])
{
	struct uplink *named = name ? uplink_by_name(c, name) : NULL;
	char why[DATAPATH_WHY_BYTES] = "";
	int err;

	memset(out, 0, sizeof(*out));
	if (name && !named)
		return run_say(error, -ENOENT, "there is no uplink %.40s (see: triglav uplink list)", name);
	if (mode != DATAPATH_OFF && xdp_load(c, why))
		return run_say(error, -EIO, "no filter: %.200s", why);
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (u->used && (!named || u == named))
			filter_note(out, change(c, u, mode, &out->at[out->count]));
	}
	err = filter_result(out, mode, error);
	if (!err || err == -EALREADY)
		note_wish(c, named, mode);
	return err;
}
