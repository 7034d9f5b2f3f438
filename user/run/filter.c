// SPDX-License-Identifier: MIT
/* filter.c - the XDP filter of a daemon: loaded, attached, looked at */
#define LOG_AREA LOG_AREA_DATAPATH

#include "run/filter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/instance.h"

struct datapath *filter_load(const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES])
{
	struct datapath *d;

	if (datapath_load(&d, set, why))
		return NULL;
	if (datapath_pin(d, name, why))
		log_info("%s", why);
	why[0] = '\0';
	return d;
}

struct datapath *filter_open(enum datapath_mode mode, bool lanes, const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES])
{
	struct datapath *d;

	why[0] = '\0';
	if (mode == DATAPATH_OFF && !lanes)
		return NULL;
	d = filter_load(set, name, why);
	if (!d)
		log_warn("no %s: %s", mode == DATAPATH_OFF ? "lanes in the tunnel device" : lanes ? "XDP filter, no lanes" : "XDP filter", why);
	return d;
}

void filter_close(struct datapath *d, const char *name)
{
	if (d)
		datapath_unpin(name);
	datapath_close(d);
}

int filter_put(struct datapath *d, u32 ifindex, const char *name, enum datapath_mode mode, char *why)
{
	enum datapath_mode got;
	int err = datapath_attach(d, ifindex, mode, &got, why);

	if (err == -EALREADY)
		return 0;
	if (!err)
		log_info("filter on %s: XDP, %s", name, datapath_mode_name(got));
	return err;
}

void filter_say_none(const char *name, const char *why)
{
	log_warn("no filter on %s: %s", name, why);
}

void filter_note(struct filter_changes *c, int err)
{
	const struct filter_place *p = &c->at[c->count++];

	if (err) {
		c->refused++;
		c->first_error = c->first_error ? c->first_error : err;
	} else if (!p->was_so) {
		c->done++;
	}
}

int filter_result(const struct filter_changes *c, enum datapath_mode mode, char error[RUN_ERROR_BYTES])
{
	if (c->done)
		return 0;
	for (u32 i = 0; i < c->count; i++)
		if (c->refused && c->at[i].why[0])
			return run_say(error, c->first_error, "no filter on %s: %.180s", c->at[i].name, c->at[i].why);
	if (!c->count)
		return run_say(error, -ENODEV, "there is no interface that it could be on");
	return run_say(error, -EALREADY, mode == DATAPATH_OFF ? "it is not attached" : "it is attached already");
}

void filter_snapshot(const struct datapath *d, const char *refused, struct filter_snapshot *out)
{
	memset(out, 0, sizeof(*out));
	snprintf(out->refused, sizeof(out->refused), "%s", refused);
	out->loaded = d && !datapath_read(d, &out->counts);
}
