// SPDX-License-Identifier: MIT
/* device.c - the tunnel device of a daemon, of the kind that was asked for, and its ports until the workers have them */
#define LOG_AREA LOG_AREA_DATAPATH

#include "run/device.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "host/vethdev.h"
#include "link/inner.h"
#include "run/lanes.h"

#define NAMES_TRIED 1000

static const char *const kinds[] = { [RUN_DEVICE_TUN] = "tun", [RUN_DEVICE_VETH] = "veth" };

int run_device_parse(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i], name))
			return (int)i;
	return -1;
}

const char *run_device_name(enum run_device kind)
{
	return (size_t)kind < ARRAY_SIZE(kinds) ? kinds[kind] : "unknown";
}

/* ---- veth ---- */

static int check(const struct device_settings *set, char why[DATAPATH_WHY_BYTES])
{
	if (set->workers > 1)
		snprintf(why, DATAPATH_WHY_BYTES, "it has one queue, for one worker");
	else if (!set->datapath)
		snprintf(why, DATAPATH_WHY_BYTES, "the programs are not loaded");
	else
		return datapath_load_inner(set->datapath, why);
	return -EOPNOTSUPP;
}

static int open_sockets(struct port **queues, const struct device_settings *set, const struct host_veth *v, char why[DATAPATH_WHY_BYTES])
{
	struct inner_settings in = { .name = v->name, .device = v->inner_name, .to = v->mac, .from = v->inner_mac };
	int err = *set->umem ? 0 : umem_open(set->umem, DEVICE_FRAMES);

	if (!err)
		err = inner_open(queues, *set->umem, &in);
	for (u32 i = 0; !err && i < TG_INSIDE_SOCKETS; i++)
		err = datapath_put_inner_xsk(set->datapath, i, inner_socket(queues[TG_LANE_BULK], i));
	if (err)
		snprintf(why, DATAPATH_WHY_BYTES, "AF_XDP on %s: %s", v->inner_name, strerror(-err));
	return err;
}

/* The program comes last: what it hands over must find its socket. */
static int open_veth(struct port **queues, const struct device_settings *set, struct host_veth *v, char why[DATAPATH_WHY_BYTES])
{
	enum datapath_mode got;
	int err = check(set, why);

	if (!err)
		err = host_veth_make(set->host, set->name, v, why);
	if (!err)
		err = open_sockets(queues, set, v, why);
	if (!err)
		err = datapath_attach_inner(set->datapath, v->ifindex, v->inner_ifindex, set->xdp, &got, why);
	if (!err)
		log_info("%s is a veth pair with %s: XDP, %s, and AF_XDP inside", v->name, v->inner_name, datapath_mode_name(got));
	return err;
}

static void undo_veth(struct port **queues, const struct device_settings *set)
{
	device_close(queues, 1);
	if (set->datapath)
		datapath_free_inner(set->datapath);
	if (*set->umem)
		umem_close(*set->umem);
	*set->umem = NULL;
	(void)host_veth_remove(set->host);
}

/* ---- either ---- */

_Static_assert(HOST_WHY_BYTES <= DATAPATH_WHY_BYTES, "host_veth_make() writes so much");

int device_open(struct port **queues, const struct device_settings *set, char error[RUN_ERROR_BYTES])
{
	char why[DATAPATH_WHY_BYTES] = "";
	struct host_veth v;

	memset(queues, 0, set->workers * TG_LANES * sizeof(*queues));
	if (set->kind == RUN_DEVICE_VETH) {
		if (!open_veth(queues, set, &v, why))
			return 0;
		undo_veth(queues, set);
		log_info("%s: a TUN device, not a veth pair: %s", set->name, why);
	}
	return lanes_open_tun(queues, set->workers, set->lanes, set->name, error);
}

void device_close(struct port **queues, u32 workers)
{
	for (u32 i = 0; i < workers * TG_LANES; i++) {
		port_close(queues[i]);
		queues[i] = NULL;
	}
}

int device_choose_name(const char *pattern, char out[TUNNEL_NAME_BYTES])
{
	const char *at = strstr(pattern, "%d");

	if (!at || strchr(at + 1, '%'))
		return -EINVAL;
	for (int i = 0; i < NAMES_TRIED; i++) {
		if (snprintf(out, TUNNEL_NAME_BYTES, "%.*s%d%s", (int)(at - pattern), pattern, i, at + 2) >= TUNNEL_NAME_BYTES)
			return -EINVAL;
		if (!if_nametoindex(out))
			return 0;
	}
	return -ENOSPC;
}

const char *device_name(struct port *const *queues)
{
	return queues[TG_LANE_BULK]->name;
}

bool device_finishes(struct port *const *queues)
{
	return queues[TG_LANE_BULK]->ops->finishes;
}
