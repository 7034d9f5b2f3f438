// SPDX-License-Identifier: MIT
/* lanes.c - the programs of the tunnel device: the classifier at TC, the steering of its queues and of the workers' sockets
 *
 * TC filters outlive who attached them, but not their device, and the TUN device goes with its last descriptor: a killed daemon
 * leaves none. On a device that was made to persist they stay, harmless (they only count and tag), until the next daemon replaces
 * them: they have a fixed place. TCX, whose links would end with the process everywhere, needs Linux 6.6.
 */
#include "bpf/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "steer.skel.h"
#include "tunnel.skel.h"

#define PRIORITY 0x7467u	/* behind what others usually have, so that marks set there count */
#define HANDLE 1u

struct lanes {
	struct tunnel_bpf *tunnel;
	struct steer_bpf *steer;
	u32 ifindex;		/* where the classifier is; 0: nowhere */
	bool made_hook;		/* clsact is ours, so it goes with us */
};

/* ---- loading ---- */

static int load_tunnel(struct datapath *d, struct lanes *l, char *why)
{
	int err;

	l->tunnel = tunnel_bpf__open();
	err = l->tunnel ? datapath_share_maps(d, l->tunnel->obj) : -errno;
	if (!err)
		err = tunnel_bpf__load(l->tunnel);
	return err ? datapath_say(why, err, "the tunnel device's classifier cannot be loaded") : 0;
}

static int load_steer(struct datapath *d, struct lanes *l, char *why)
{
	int err;

	l->steer = steer_bpf__open();
	err = l->steer ? datapath_share_maps(d, l->steer->obj) : -errno;
	if (!err)
		err = steer_bpf__load(l->steer);
	return err ? datapath_say(why, err, "the steering of queues cannot be loaded") : 0;
}

static void free_lanes(struct lanes *l)
{
	tunnel_bpf__destroy(l->tunnel);
	steer_bpf__destroy(l->steer);
	free(l);
}

int datapath_load_lanes(struct datapath *d, char why[DATAPATH_WHY_BYTES])
{
	struct lanes *l = calloc(1, sizeof(*l));
	int err;

	why[0] = '\0';
	if (!l)
		return datapath_say(why, -ENOMEM, "the programs of the tunnel device");
	err = load_tunnel(d, l, why);
	if (!err)
		err = load_steer(d, l, why);
	if (err) {
		free_lanes(l);
		return err;
	}
	d->lanes = l;
	return 0;
}

void datapath_free_lanes(struct datapath *d)
{
	if (!d->lanes)
		return;
	datapath_detach_tunnel(d);
	free_lanes(d->lanes);
	d->lanes = NULL;
}

int datapath_lane_program(const struct datapath *d, enum datapath_lane_program which)
{
	if (!d->lanes)
		return -ENOENT;
	switch (which) {
	case DATAPATH_TUNNEL_OUT:
		return bpf_program__fd(d->lanes->tunnel->progs.tg_tunnel_out);
	case DATAPATH_TUNNEL_IN:
		return bpf_program__fd(d->lanes->tunnel->progs.tg_tunnel_in);
	case DATAPATH_QUEUE:
		return bpf_program__fd(d->lanes->steer->progs.tg_queue);
	case DATAPATH_SELECT:
		return bpf_program__fd(d->lanes->steer->progs.tg_select);
	}
	return -ENOENT;
}

/* ---- attaching ---- */

int datapath_put_filter(u32 ifindex, enum bpf_tc_attach_point where, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY, .prog_fd = program, .flags = BPF_TC_F_REPLACE);

	return bpf_tc_attach(&hook, &opts);
}

static void remove_filter(u32 ifindex, enum bpf_tc_attach_point where)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

	(void)bpf_tc_detach(&hook, &opts);
}

static int ask_for_filters(int fd, u32 ifindex, u32 parent)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg body;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETTFILTER, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = parent },
	};

	return send(fd, &request, sizeof(request), 0) == sizeof(request) ? 0 : -errno;
}

/* Reads a dump to its end. When in doubt there are some. */
static bool dump_has_filters(int fd)
{
	char answer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool some = false;

	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);
		int left = (int)n;

		if (n <= 0)
			return true;
		for (struct nlmsghdr *m = (void *)answer; NLMSG_OK(m, (u32)left); m = NLMSG_NEXT(m, left)) {
			some |= m->nlmsg_type != NLMSG_DONE;
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
				return some;
		}
	}
}

static bool others_filter(u32 ifindex)
{
	static const u32 parents[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool some = fd < 0;

	for (u32 i = 0; !some && i < ARRAY_SIZE(parents); i++)
		some = ask_for_filters(fd, ifindex, parents[i]) || dump_has_filters(fd);
	if (fd >= 0)
		close(fd);
	return some;
}

/* Without filters of others clsact is removed with ours. */
static void remove_hook(u32 ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (!others_filter(ifindex))
		(void)bpf_tc_hook_destroy(&hook);
}

static bool has_filter(u32 ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = HANDLE, .priority = PRIORITY);

	return !bpf_tc_query(&hook, &opts);
}

/* A clsact with our filter in it was made by a daemon that was killed. */
static int make_hook(struct lanes *l, u32 ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);

	l->made_hook = !err || (err == -EEXIST && has_filter(ifindex));
	return err == -EEXIST ? 0 : err;
}

int datapath_attach_tunnel(struct datapath *d, u32 ifindex, char why[DATAPATH_WHY_BYTES])
{
	struct lanes *l = d->lanes;
	int err;

	why[0] = '\0';
	if (!l)
		return datapath_say(why, -ENOENT, "the programs of the tunnel device are not loaded");
	if (l->ifindex == ifindex)
		return -EALREADY;
	datapath_detach_tunnel(d);
	err = make_hook(l, ifindex);
	if (!err)
		err = datapath_put_filter(ifindex, BPF_TC_EGRESS, datapath_lane_program(d, DATAPATH_TUNNEL_OUT));
	l->ifindex = err ? 0 : ifindex;
	if (!err)
		err = datapath_put_filter(ifindex, BPF_TC_INGRESS, datapath_lane_program(d, DATAPATH_TUNNEL_IN));
	if (!err)
		return 0;
	datapath_detach_tunnel(d);
	return datapath_say(why, err, "the classifier cannot be attached to the tunnel device");
}

void datapath_detach_tunnel(struct datapath *d)
{
	struct lanes *l = d->lanes;

	if (!l || !l->ifindex)
		return;
	remove_filter(l->ifindex, BPF_TC_EGRESS);
	remove_filter(l->ifindex, BPF_TC_INGRESS);
	if (l->made_hook)
		remove_hook(l->ifindex);
	l->ifindex = 0;
	datapath_forget_wishes(d);
}

bool datapath_tunnel_is_attached(const struct datapath *d)
{
	return d->lanes && d->lanes->ifindex;
}
