// SPDX-License-Identifier: MIT
/* uplink_commands.c - a client's uplinks changed by command while it runs */
#define LOG_AREA LOG_AREA_UPLINKS

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/client_parts.h"

static void set_job(struct worker *w, void *arg)
{
	struct uplink *u = arg;

	if (u->has_path)
		tunnel_path_set(worker_tunnel(w), u->link, u->weight, u->flags);
	if (u->tcp.connected)
		tunnel_path_set(worker_tunnel(w), u->tcp.link, u->weight, u->flags);
}

static bool name_is_good(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < TUNNEL_NAME_BYTES && !strpbrk(name, "/ \t\n") && strcmp(name, ".") && strcmp(name, "..");
}

static void unignore(struct client *c, const char *name)
{
	for (u32 i = 0; i < c->ignored_count; i++)
		if (!strcmp(c->ignored[i], name)) {
			c->ignored_count--;
			memmove(c->ignored[i], c->ignored[c->ignored_count], sizeof(c->ignored[0]));
			return;
		}
}

int client_uplink_add(struct client *c, const char *name, u32 weight, u8 flags, char error[RUN_ERROR_BYTES])
{
	struct uplink *u = uplink_by_name(c, name);

	if (!name_is_good(name) || !strcmp(name, c->tun_name)) {
		snprintf(error, RUN_ERROR_BYTES, "'%.32s' cannot be an uplink: give the name of an interface (see: ip link)", name);
		return -EINVAL;
	}
	if (u && u->configured) {
		snprintf(error, RUN_ERROR_BYTES, "%s is an uplink already", name);
		return -EEXIST;
	}
	if (u) {	/* found by itself: from now on it is meant */
		u->configured = true;
		return client_uplink_set(c, name, weight, flags, error);
	}
	u = uplink_new(c, name, true);
	if (!u) {
		snprintf(error, RUN_ERROR_BYTES, "there are %u uplinks already; remove one first", TG_MAX_PATHS);
		return -ENOSPC;
	}
	u->weight = weight;
	u->flags = flags;
	unignore(c, name);
	uplinks_rescan(c);
	return 0;
}

static int no_such_uplink(const char *name, char *error)
{
	snprintf(error, RUN_ERROR_BYTES, "%.32s is no uplink here (see: triglav uplink list)", name);
	return -ENOENT;
}

int client_uplink_remove(struct client *c, const char *name, char error[RUN_ERROR_BYTES])
{
	struct uplink *u = uplink_by_name(c, name);

	if (!u)
		return no_such_uplink(name, error);
	log_info("uplink %s: removed by command", name);
	if (c->ignored_count < TG_MAX_PATHS)
		snprintf(c->ignored[c->ignored_count++], TUNNEL_NAME_BYTES, "%s", u->name);
	uplink_forget(c, u);
	return 0;
}

int client_uplink_datapath(struct client *c, const char *name, enum run_datapath datapath, char error[RUN_ERROR_BYTES])
{
	struct uplink *u = uplink_by_name(c, name);

	if (!u)
		return no_such_uplink(name, error);
	u->datapath = datapath;
	xdp_close(c, u);
	u->xdp.told[0] = '\0';
	if (u->usable)
		xdp_open(c, u);
	return 0;
}

int client_uplink_set(struct client *c, const char *name, u32 weight, u8 flags, char error[RUN_ERROR_BYTES])
{
	struct uplink *u = uplink_by_name(c, name);

	if (!u)
		return no_such_uplink(name, error);
	if (weight)
		u->weight = weight;
	u->flags = flags;
	worker_call(c->worker, set_job, u);
	return 0;
}
