// SPDX-License-Identifier: MIT
/* inner.c - the programs of a tunnel device that is a veth pair: XDP at its inner end, TC at the outer one
 *
 * The XDP program is attached by a link, so it goes with the daemon. The TC filters go with the device: whoever removes the pair removes them.
 */
#include "bpf/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/if_link.h>

#include "inner.skel.h"

struct inner {
	struct inner_bpf *programs;
	int link;		/* -1: not attached */
};

/* ---- loading ---- */

static void free_inner(struct inner *i)
{
	if (i->link >= 0)
		close(i->link);
	inner_bpf__destroy(i->programs);
	free(i);
}

int datapath_load_inner(struct datapath *d, char why[DATAPATH_WHY_BYTES])
{
	struct inner *i = calloc(1, sizeof(*i));
	int err;

	why[0] = '\0';
	if (!i)
		return datapath_say(why, -ENOMEM, "the programs of the veth pair");
	i->link = -1;
	i->programs = inner_bpf__open();
	err = i->programs ? datapath_share_maps(d, i->programs->obj) : -errno;
	if (!err)
		err = inner_bpf__load(i->programs);
	if (err) {
		free_inner(i);
		return datapath_say(why, err, "the programs of the veth pair cannot be loaded");
	}
	d->inner = i;
	return 0;
}

void datapath_free_inner(struct datapath *d)
{
	if (!d->inner)
		return;
	free_inner(d->inner);
	d->inner = NULL;
	datapath_forget_wishes(d);
}

int datapath_inner_program(const struct datapath *d, enum datapath_inner_program which)
{
	if (!d->inner)
		return -ENOENT;
	switch (which) {
	case DATAPATH_INNER_OUT:
		return bpf_program__fd(d->inner->programs->progs.tg_inner_out);
	case DATAPATH_INNER_TAG:
		return bpf_program__fd(d->inner->programs->progs.tg_inner_tag);
	case DATAPATH_INNER_IN:
		return bpf_program__fd(d->inner->programs->progs.tg_inner_in);
	}
	return -ENOENT;
}

/* ---- attaching ---- */

static int put_link(struct inner *i, int program, u32 ifindex, enum datapath_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode == DATAPATH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int link = bpf_link_create(program, (int)ifindex, BPF_XDP, &opts);

	if (link < 0)
		return link;
	i->link = link;
	return 0;
}

static int put_xdp(struct datapath *d, u32 inner, enum datapath_mode want, enum datapath_mode *got)
{
	int program = datapath_inner_program(d, DATAPATH_INNER_OUT);
	int err = want == DATAPATH_GENERIC ? -EOPNOTSUPP : put_link(d->inner, program, inner, DATAPATH_NATIVE);

	*got = err ? DATAPATH_GENERIC : DATAPATH_NATIVE;
	return err ? put_link(d->inner, program, inner, DATAPATH_GENERIC) : 0;
}

static int put_filters(struct datapath *d, u32 outer)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)outer, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);

	if (!err)
		err = datapath_put_filter(outer, BPF_TC_EGRESS, datapath_inner_program(d, DATAPATH_INNER_TAG));
	if (!err)
		err = datapath_put_filter(outer, BPF_TC_INGRESS, datapath_inner_program(d, DATAPATH_INNER_IN));
	return err;
}

int datapath_attach_inner(struct datapath *d, u32 outer, u32 inner, enum datapath_mode want, enum datapath_mode *got,
			  char why[DATAPATH_WHY_BYTES])
{
	int err;

	why[0] = '\0';
	*got = DATAPATH_OFF;
	if (!d->inner)
		return datapath_say(why, -ENOENT, "the programs of the veth pair are not loaded");
	err = put_xdp(d, inner, want, got);
	if (err)
		return datapath_say(why, err, "the kernel refuses XDP on the veth pair");
	err = put_filters(d, outer);
	return err ? datapath_say(why, err, "the classifier cannot be attached to the veth pair") : 0;
}

int datapath_put_inner_xsk(struct datapath *d, u32 number, int xsk_fd)
{
	u32 at = TG_XSKS_INSIDE + number;

	if (number >= TG_INSIDE_SOCKETS)
		return -ERANGE;
	return bpf_map_update_elem(datapath_map(d, "tg_xsks"), &at, &xsk_fd, BPF_ANY);
}

bool datapath_classifies(const struct datapath *d)
{
	return d->lanes || d->inner;
}
