// SPDX-License-Identifier: MIT
/* nic.c - what a network device can do: ethtool's channels and features, and the kernel's netlink family "netdev" */
#include "host/nic.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/netlink.h"

/* linux/netdev.h, which the headers of kernels before 6.3 do not have */
#define NETDEV_FAMILY "netdev"
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_IFINDEX 1
#define NETDEV_A_XDP_FEATURES 3
#define NETDEV_A_LAST 8
#define NETDEV_XDP_ZEROCOPY 8u		/* a bit of the features */

static int ethtool(const char *name, void *question)
{
	struct ifreq ifr = { .ifr_data = question };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	err = ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
	close(fd);
	return err;
}

int host_nic_queues(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	int err = ethtool(name, &channels);

	if (err)
		return err == -EOPNOTSUPP ? 1 : err;
	return (int)MAX(channels.combined_count + channels.rx_count, 1u);
}

int host_nic_mtu(const char *name)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;
	struct ifreq ifr = { 0 };

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	err = ioctl(fd, SIOCGIFHWADDR, &ifr) ? -errno : ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER ? 0 : -EAFNOSUPPORT;
	if (!err && ioctl(fd, SIOCGIFMTU, &ifr))
		err = -errno;
	close(fd);
	return err ? err : ifr.ifr_mtu;
}

/* ---- features ---- */

#define FEATURE_BLOCKS 8u	/* of 32 */

/* All that makes the stack leave work to the device. That it takes pieces and joins them itself saves copies, and changes no packet. */
static bool leaves_work(const char *feature)
{
	static const char *const fine[] = { "tx-scatter-gather", "tx-generic-segmentation", "tx-vlan", "tx-nocache", "tx-lockless" };

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++)
		if (!strncmp(feature, fine[i], strlen(fine[i])))
			return false;
	return !strncmp(feature, "tx-", 3);
}

static u32 feature_count(const char *name)
{
	struct {
		struct ethtool_sset_info info;
		u32 count;
	} ask = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };

	return ethtool(name, &ask) || !ask.info.sset_mask ? 0 : MIN(ask.count, FEATURE_BLOCKS * 32);
}

static struct ethtool_gstrings *feature_names(const char *name, u32 count)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + (size_t)FEATURE_BLOCKS * 32 * ETH_GSTRING_LEN);

	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (!ethtool(name, names) && names->len == count)
		return names;
	free(names);
	return NULL;
}

int host_nic_send_finished(const char *name)
{
	struct {
		struct ethtool_sfeatures head;
		struct ethtool_set_features_block blocks[FEATURE_BLOCKS];
	} set = { .head = { .cmd = ETHTOOL_SFEATURES } };
	u32 count = feature_count(name);
	struct ethtool_gstrings *names = count ? feature_names(name, count) : NULL;

	if (!names)
		return -EOPNOTSUPP;
	set.head.size = (count + 31) / 32;
	for (u32 i = 0; i < count; i++) {
		const char *feature = (const char *)names->data + (size_t)i * ETH_GSTRING_LEN;

		if (leaves_work(feature))
			set.blocks[i / 32].valid |= 1u << i % 32;
	}
	free(names);
	return ethtool(name, &set);
}

/* ---- generic netlink ---- */

static struct nl_sock *open_generic(void)
{
	struct nl_sock *s = nl_socket_alloc();

	if (s && nl_connect(s, NETLINK_GENERIC) < 0) {
		nl_socket_free(s);
		s = NULL;
	}
	return s;
}

static struct nl_msg *generic_message(int family, u8 command)
{
	struct genlmsghdr body = { .cmd = command, .version = 1 };
	struct nl_msg *msg = netlink_message(family, 0);

	if (msg)
		nlmsg_append(msg, &body, sizeof(body), NLMSG_ALIGNTO);
	return msg;
}

static void on_family(struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *a[CTRL_ATTR_MAX + 1];
	int *family = ctx;

	if (nlmsg_parse(nlh, sizeof(struct genlmsghdr), a, CTRL_ATTR_MAX, NULL) || !a[CTRL_ATTR_FAMILY_ID])
		return;
	if (nla_len(a[CTRL_ATTR_FAMILY_ID]) >= 2)
		*family = nla_get_u16(a[CTRL_ATTR_FAMILY_ID]);
}

/* Number of the family; 0: the kernel has none of that name. */
static int find_family(struct nl_sock *s, const char *name)
{
	struct nl_msg *msg = generic_message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	int family = 0;

	if (msg)
		nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, name);
	if (netlink_ask(s, msg, on_family, &family))
		return 0;
	return family;
}

static void on_device(struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *a[NETDEV_A_LAST + 1];
	enum host_nic_answer *answer = ctx;

	if (nlmsg_parse(nlh, sizeof(struct genlmsghdr), a, NETDEV_A_LAST, NULL) || !a[NETDEV_A_XDP_FEATURES])
		return;
	if (nla_len(a[NETDEV_A_XDP_FEATURES]) >= 8)
		*answer = nla_get_u64(a[NETDEV_A_XDP_FEATURES]) & NETDEV_XDP_ZEROCOPY ? HOST_NIC_YES : HOST_NIC_NO;
}

enum host_nic_answer host_nic_zero_copy(u32 ifindex)
{
	struct nl_sock *s = open_generic();
	enum host_nic_answer answer = HOST_NIC_UNKNOWN;
	struct nl_msg *msg;
	int family;

	if (!s)
		return answer;
	family = find_family(s, NETDEV_FAMILY);
	if (family) {
		msg = generic_message(family, NETDEV_CMD_DEV_GET);
		if (msg)
			nla_put_u32(msg, NETDEV_A_IFINDEX, ifindex);
		(void)netlink_ask(s, msg, on_device, &answer);
	}
	nl_socket_free(s);
	return answer;
}
