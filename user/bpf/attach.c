// SPDX-License-Identifier: MIT
/* attach.c - the filter on interfaces, by links of our own
 *
 * A link detaches when its last descriptor closes: a killed daemon leaves nothing behind. That is why libxdp's dispatcher, by which several
 * programs can share an interface, is not used: it keeps its programs by pins, which outlive the daemon. Where another
 * program is attached, a dispatcher too, it stays, and the interface goes without the filter.
 */
#include "bpf/inside.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>

struct attachment *datapath_find(struct datapath *d, u32 ifindex)
{
	for (u32 i = 0; ifindex && i < TG_UPLINKS_MAX; i++)
		if (d->attachments[i].ifindex == ifindex)
			return &d->attachments[i];
	return NULL;
}

/* ---- what the interface is ---- */

static int ask(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	err = ioctl(fd, request, ifr) ? -errno : 0;
	close(fd);
	return err;
}

/* Does a packet begin with an Ethernet header there, or with IP? -EOPNOTSUPP: with something else. */
static int framing(const char *name, bool *ethernet)
{
	struct ifreq ifr = { 0 };
	int err = ask(name, SIOCGIFHWADDR, &ifr);

	if (err)
		return err;
	switch (ifr.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		*ethernet = true;
		return 0;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
		*ethernet = false;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* With a program on one side of a veth pair the other side sends every segment by itself. */
static bool is_veth(const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (void *)&info };

	return !ask(name, SIOCETHTOOL, &ifr) && !strcmp(info.driver, "veth");
}

/* ---- who is there already ---- */

static u32 foreign_program(u32 ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0;	/* attaching will say what is wrong */
	return query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id ? query.skb_prog_id : query.hw_prog_id;
}

static int say_foreign(char *why, const char *name, u32 id)
{
	struct bpf_prog_info info = { 0 };
	u32 bytes = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0) {
		(void)bpf_obj_get_info_by_fd(fd, &info, &bytes);
		close(fd);
	}
	snprintf(why, DATAPATH_WHY_BYTES, "%s has an XDP program of somebody else already (%s, id %u); it is left alone "
		 "(see: bpftool net show dev %s)", name, info.name[0] ? info.name : "no name", id, name);
	return -EBUSY;
}

/* ---- places ---- */

/* A link whose interface is gone tells of interface 0. */
enum datapath_mode datapath_attached(const struct datapath *d, u32 ifindex)
{
	const struct attachment *a = datapath_find((struct datapath *)d, ifindex);
	struct bpf_link_info info = { 0 };
	u32 bytes = sizeof(info);

	if (!a || bpf_obj_get_info_by_fd(a->link, &info, &bytes) || info.xdp.ifindex != ifindex)
		return DATAPATH_OFF;
	return a->mode;
}

void datapath_detach(struct datapath *d, u32 ifindex)
{
	struct attachment *a = datapath_find(d, ifindex);

	if (!a)
		return;
	close(a->link);
	datapath_remove_ends(d, ifindex);
	*a = (struct attachment){ 0 };
}

/* Interfaces that have vanished make room. */
static struct attachment *free_place(struct datapath *d)
{
	for (u32 i = 0; i < TG_UPLINKS_MAX; i++) {
		struct attachment *a = &d->attachments[i];

		if (a->ifindex && datapath_attached(d, a->ifindex) == DATAPATH_OFF)
			datapath_detach(d, a->ifindex);
		if (!a->ifindex)
			return a;
	}
	return NULL;
}

/* ---- attaching ---- */

static int create_link(const struct datapath *d, u32 ifindex, bool ethernet, enum datapath_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode == DATAPATH_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	return bpf_link_create(datapath_program(d, ethernet), (int)ifindex, BPF_XDP, &opts);
}

static int say_refused(char *why, const char *name, enum datapath_mode mode, int err)
{
	if (mode == DATAPATH_NATIVE && (err == -EOPNOTSUPP || err == -EINVAL || err == -ERANGE))
		snprintf(why, DATAPATH_WHY_BYTES, "%s: its driver does not take a native XDP program (%s)", name, strerror(-err));
	else
		snprintf(why, DATAPATH_WHY_BYTES, "%s: the kernel refused a %s XDP program: %s", name, datapath_mode_name(mode), strerror(-err));
	return err;
}

static int attach(struct datapath *d, u32 ifindex, const char *name, enum datapath_mode mode, char *why)
{
	struct attachment *a = free_place(d);
	bool ethernet;
	u32 foreign;
	int link, err;

	if (!a) {
		snprintf(why, DATAPATH_WHY_BYTES, "%s: the filter is on %u interfaces already", name, TG_UPLINKS_MAX);
		return -ENOSPC;
	}
	err = framing(name, &ethernet);
	if (err) {
		snprintf(why, DATAPATH_WHY_BYTES, "%s: neither Ethernet nor plain IP", name);
		return err;
	}
	foreign = foreign_program(ifindex);
	if (foreign)
		return say_foreign(why, name, foreign);
	link = create_link(d, ifindex, ethernet, mode);
	if (link == -EBUSY || link == -EEXIST)
		return say_foreign(why, name, foreign_program(ifindex));	/* it came just now */
	if (link < 0)
		return say_refused(why, name, mode, link);
	*a = (struct attachment){ .ifindex = ifindex, .mode = mode, .link = link };
	return 0;
}

int datapath_attach(struct datapath *d, u32 ifindex, enum datapath_mode want, enum datapath_mode *got, char why[DATAPATH_WHY_BYTES])
{
	enum datapath_mode mode = want == DATAPATH_GENERIC ? DATAPATH_GENERIC : DATAPATH_NATIVE;
	char name[IF_NAMESIZE];
	int err;

	why[0] = '\0';
	if (got)
		*got = DATAPATH_OFF;
	if (want == DATAPATH_OFF)
		return 0;
	if (!if_indextoname(ifindex, name)) {
		snprintf(why, DATAPATH_WHY_BYTES, "there is no interface %u", ifindex);
		return -ENODEV;
	}
	if (datapath_attached(d, ifindex) != DATAPATH_OFF)
		return -EALREADY;
	datapath_detach(d, ifindex);	/* a link that has lost its interface */
	if (want == DATAPATH_AUTO && is_veth(name)) {
		snprintf(why, DATAPATH_WHY_BYTES, "%s is a veth, whose segmentation offload an XDP program takes away: only where native mode is asked for by name", name);
		return -EOPNOTSUPP;
	}
	err = attach(d, ifindex, name, mode, why);
	if (!err && got)
		*got = mode;
	return err;
}
