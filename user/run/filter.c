// SPDX-License-Identifier: MIT
/* filter.c - the XDP filter of a daemon: loaded, attached, looked at */
#define LOG_AREA LOG_AREA_DATAPATH

#include "run/filter.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

struct datapath *filter_open(enum datapath_mode mode, bool lanes, const struct datapath_settings *set, const char *name)
{
	static char told[DATAPATH_WHY_BYTES];	/* AF_XDP tries it again and again; the same reason twice is no news */
	char why[DATAPATH_WHY_BYTES];
	struct datapath *d;

	if (mode == DATAPATH_OFF && !lanes)
		return NULL;
	if (datapath_load(&d, set, why)) {
		log_line(strcmp(why, told) ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "no %s: %s",
			 mode == DATAPATH_OFF ? "lanes in the tunnel device" : "XDP filter", why);
		memcpy(told, why, sizeof(told));
		return NULL;
	}
	if (datapath_pin(d, name, why))
		log_info("%s", why);
	return d;
}

void filter_close(struct datapath *d, const char *name)
{
	if (d)
		datapath_unpin(name);
	datapath_close(d);
}

bool filter_attach(struct datapath *d, u32 ifindex, const char *name, enum datapath_mode mode, bool say)
{
	char why[DATAPATH_WHY_BYTES];
	enum datapath_mode got;
	int err = datapath_attach(d, ifindex, mode, &got, why);

	if (err == -EALREADY)
		return true;
	if (!err)
		log_info("filter on %s: XDP, %s", name, datapath_mode_name(got));
	else if (say)
		log_warn("no filter on %s: %s", name, why);
	return !err;
}

void filter_snapshot(const struct datapath *d, struct filter_snapshot *out)
{
	memset(out, 0, sizeof(*out));
	out->loaded = d && !datapath_read(d, &out->counts);
}
