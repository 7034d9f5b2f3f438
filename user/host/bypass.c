// SPDX-License-Identifier: MIT
/* bypass.c - connections that keep to the host's own routes although there is a tunnel
 *
 * bypass.h has the picture. The chains stay from one change to the next; only what is in them is replaced, so a hook is never away.
 */
#include "host/bypass.h"

#include <arpa/inet.h>
#include <linux/magic.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <triglav/flow.h>

#include "host/nft_text.h"

#define MARKS_FIRST 0x74000000u	/* of every instance: host.c */
#define MARKS_LAST 0x741fffffu
#define CGROUP_SYSFS "/sys/fs/cgroup"	/* where nft believes all cgroups are */

/* ---- cgroups ---- */

int host_cgroup_find(const char *folder, u64 *id)
{
	struct statfs fs;
	struct stat st;

	if (statfs(folder, &fs) || stat(folder, &st))
		return -errno;
	if (fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(st.st_mode))
		return -EINVAL;
	*id = st.st_ino;
	return 0;
}

/* How many folders it lies below the root of its file system. */
static u32 cgroup_level(const char *folder)
{
	char path[PATH_MAX];
	struct stat here, above;
	u32 level = 0;

	snprintf(path, sizeof(path), "%s", folder);
	while (!stat(path, &here)) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			break;
		*slash = '\0';
		if (stat(path, &above) || above.st_dev != here.st_dev)
			break;
		level++;
	}
	return level;
}

/* nft makes a path below CGROUP_SYSFS of what stands in its quotes; cgroup2 may be mounted elsewhere. */
static bool cgroup_quote(const char *folder, char *out, size_t size)
{
	size_t len = strlen(CGROUP_SYSFS "/");

	if (folder[0] != '/' || strpbrk(folder, "\"\n"))
		return false;
	if (!strncmp(folder, CGROUP_SYSFS "/", len))
		return snprintf(out, size, "%s", folder + len) < (int)size;
	return snprintf(out, size, "../../..%s", folder) < (int)size;
}

/* ---- the rules ---- */

/* What becomes of a connection that the words before this suit. */
static const char *verdict(const struct host *h, const struct host_bypass *b, char out[64])
{
	if (b->slot)
		snprintf(out, 64, "ct mark set %#x return", h->base + b->slot);
	else
		snprintf(out, 64, "return");
	return out;
}

static void add_cgroup(struct nft_text *t, const struct host *h, const struct host_bypass *b)
{
	char quoted[PATH_MAX], end[64];

	if (cgroup_quote(b->cgroup, quoted, sizeof(quoted)))
		nft_add(t, "  socket cgroupv2 level %u \"%s\" %s", cgroup_level(b->cgroup), quoted, verdict(h, b, end));
}

static void add_cgroups(struct nft_text *t, const struct host *h, const struct host_bypass_set *set)
{
	u32 deepest = 0;

	for (u32 i = 0; i < set->count; i++)
		if (set->at[i].kind == TG_POLICY_CGROUP)
			deepest = MAX(deepest, cgroup_level(set->at[i].cgroup));
	for (u32 level = deepest + 1; level--;)
		for (u32 i = 0; i < set->count; i++)
			if (set->at[i].kind == TG_POLICY_CGROUP && cgroup_level(set->at[i].cgroup) == level)
				add_cgroup(t, h, &set->at[i]);
}

static void add_ports(struct nft_text *t, const struct host *h, const struct host_bypass_set *set, const char *whose)
{
	char end[64];

	for (u32 i = 0; i < set->count; i++) {
		const struct host_bypass *b = &set->at[i];
		u64 protocol = b->value >> 16;

		if (b->kind == TG_POLICY_PORT)
			nft_add(t, "  meta l4proto %s th %s %u %s",
				!protocol ? "{ tcp, udp }" : protocol == TG_PROTO_TCP ? "tcp" : "udp", whose,
				(u32)(b->value & 0xffff), verdict(h, b, end));
	}
}

/* In the order in which the classifier asks (lane.h). */
static void add_wanted(struct nft_text *t, const struct host *h, const struct host_bypass_set *set)
{
	char end[64];

	nft_add(t, "chain wanted {");
	for (u32 i = 0; i < set->count; i++)
		if (set->at[i].kind == TG_POLICY_MARK)
			nft_add(t, "  meta mark %#x %s", (u32)set->at[i].value, verdict(h, &set->at[i], end));
	add_cgroups(t, h, set);
	add_ports(t, h, set, "dport");
	add_ports(t, h, set, "sport");
	for (u32 i = 0; i < set->count; i++)
		if (set->at[i].kind == TG_POLICY_DSCP) {
			nft_add(t, "  ip dscp %u %s", (u32)set->at[i].value, verdict(h, &set->at[i], end));
			nft_add(t, "  ip6 dscp %u %s", (u32)set->at[i].value, verdict(h, &set->at[i], end));
		}
	nft_add(t, "}");
}

/* A first packet is one that conntrack has not confirmed. "New" would be wrong: a flow that nobody answers stays new, and in the middle
 * of it neither its way nor its address may change. What tunnels send themselves has its mark and its way already. */
static void add_marking(struct nft_text *t, const struct host *h, const char *chain, const char *not_these)
{
	nft_add(t, "chain %s {", chain);
	nft_add(t, "  %s return", not_these);
	nft_add(t, "  meta mark %#x-%#x return", MARKS_FIRST, MARKS_LAST);
	nft_add(t, "  ct status & confirmed == 0 jump wanted");
	nft_add(t, "  ct mark %#x-%#x meta mark set %#x", h->base + 1, h->base + HOST_BYPASS_SLOTS, h->base);
	nft_add(t, "}");
}

static void add_chains(struct nft_text *t, const struct host *h, const char *tun)
{
	char inside[64];

	snprintf(inside, sizeof(inside), "iifname { \"lo\", \"%s\" }", tun);
	add_marking(t, h, "output", "oifname \"lo\"");
	add_marking(t, h, "prerouting", inside);
}

static void add_masquerade(struct nft_text *t, const struct host *h, const struct host_bypass_set *set)
{
	const struct addr *inner[] = { &set->inner4, &set->inner6 };
	char text[ADDR_TEXT_BYTES];

	nft_add(t, "chain postrouting {");
	for (size_t i = 0; i < ARRAY_SIZE(inner); i++)
		if (inner[i]->family)
			nft_add(t, "  meta mark %#x oifname != { \"lo\", \"%s\" } %s saddr %s masquerade", h->base, set->tun,
				nft_ip_word(inner[i]->family), nft_ip(inner[i], text));
	nft_add(t, "}");
}

/* The chains, if they are not there; then without what is in them. */
static void add_empty_table(struct nft_text *t, const struct host *h)
{
	const char *name = h->nft_name;

	nft_add(t, "add table inet %s_bypass", name);
	nft_add(t, "add chain inet %s_bypass wanted", name);
	nft_add(t, "add chain inet %s_bypass output { type route hook output priority mangle; }", name);
	nft_add(t, "add chain inet %s_bypass prerouting { type filter hook prerouting priority mangle; }", name);
	nft_add(t, "add chain inet %s_bypass postrouting { type nat hook postrouting priority srcnat; }", name);
	nft_add(t, "flush table inet %s_bypass", name);
}

int host_bypass_put(struct host *h, const struct host_bypass_set *set, char *why)
{
	struct nft_text t;

	if (!nft_device_is_fine(set->tun))
		return host_fail(why, -EINVAL, "device name \"%s\": letters, digits, '_', '-', '.'", set->tun);
	if (nft_text_open(&t))
		return host_fail(why, -ENOMEM, "nft: out of memory");
	add_empty_table(&t, h);
	nft_add(&t, "table inet %s_bypass {", h->nft_name);
	add_wanted(&t, h, set);
	add_chains(&t, h, set->tun);
	add_masquerade(&t, h, set);
	nft_add(&t, "}");
	return nft_text_run(&t, why);
}

/* ---- connections ---- */

static struct nl_msg *conntrack_message(int type, int af)
{
	struct nfgenmsg head = { .nfgen_family = (u8)af, .version = NFNETLINK_V0 };

	return netlink_message_about(NFNL_SUBSYS_CTNETLINK << 8 | type, 0, &head, sizeof(head));
}

/* Sends it and frees it. 0 or a negative errno. */
static int ask_conntrack(struct nl_msg *msg, netlink_fn *fn, void *ctx)
{
	struct nl_sock *s;
	int err = netlink_open_netfilter(&s);

	if (err) {
		nlmsg_free(msg);
		return err;
	}
	err = netlink_ask(s, msg, fn, ctx);
	nl_socket_free(s);
	return err;
}

/* Those whose mark is `mark` in the bits of `mask`. */
static void forget(u32 mark, u32 mask)
{
	struct nl_msg *msg = conntrack_message(IPCTNL_MSG_CT_DELETE, AF_UNSPEC);

	if (msg)
		msg = netlink_whole(msg, nla_put_u32(msg, CTA_MARK, htonl(mark)) | nla_put_u32(msg, CTA_MARK_MASK, htonl(mask)));
	(void)ask_conntrack(msg, NULL, NULL);
}

static void on_connection(struct nlmsghdr *nlh, void *ctx)
{
	struct nlattr *a[CTA_MAX + 1];

	if (nlh->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) && !nlmsg_parse(nlh, sizeof(struct nfgenmsg), a, CTA_MAX, NULL))
		*(u32 *)ctx = ntohl(attribute_u32(a[CTA_MARK], 0));
}

static int put_addresses(struct nl_msg *msg, const struct tg_flow *f)
{
	bool four = f->family == 4;
	struct nlattr *part = nla_nest_start(msg, CTA_TUPLE_IP | NLA_F_NESTED);
	int err;

	if (!part)
		return -ENOMEM;
	err = nla_put(msg, four ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ip_bytes(f->family), f->src);
	err |= nla_put(msg, four ? CTA_IP_V4_DST : CTA_IP_V6_DST, ip_bytes(f->family), f->dst);
	nla_nest_end(msg, part);
	return err;
}

static int put_ports(struct nl_msg *msg, const struct tg_flow *f)
{
	struct nlattr *part = nla_nest_start(msg, CTA_TUPLE_PROTO | NLA_F_NESTED);
	int err;

	if (!part)
		return -ENOMEM;
	err = nla_put_u8(msg, CTA_PROTO_NUM, f->protocol);
	err |= nla_put_u16(msg, CTA_PROTO_SRC_PORT, htons(f->sport));
	err |= nla_put_u16(msg, CTA_PROTO_DST_PORT, htons(f->dport));
	nla_nest_end(msg, part);
	return err;
}

/* As its first packet had it: before any masquerade. */
static int put_tuple(struct nl_msg *msg, const struct tg_flow *f)
{
	struct nlattr *tuple = nla_nest_start(msg, CTA_TUPLE_ORIG | NLA_F_NESTED);
	int err;

	if (!tuple)
		return -ENOMEM;
	err = put_addresses(msg, f);
	err |= put_ports(msg, f);
	nla_nest_end(msg, tuple);
	return err;
}

int host_bypass_slot(struct host *h, const struct tg_flow *flow)
{
	struct nl_msg *msg = conntrack_message(IPCTNL_MSG_CT_GET, af_of(flow->family));
	u32 mark = 0;
	int err;

	if (msg)
		msg = netlink_whole(msg, put_tuple(msg, flow));
	err = ask_conntrack(msg, on_connection, &mark);
	if (err)
		return err;
	return mark > h->base && mark <= h->base + HOST_BYPASS_SLOTS ? (int)(mark - h->base) : 0;
}

void host_bypass_forget(struct host *h, u32 slot)
{
	forget(h->base + slot, UINT32_MAX);
}

/* Without a table there was no bypass, and nothing is to be said of it. */
int host_bypass_remove(struct host *h)
{
	char command[128];

	snprintf(command, sizeof(command), "delete table inet %s_bypass", h->nft_name);
	if (!nft_run(command, NULL))
		forget(h->base, ~HOST_BYPASS_SLOTS);
	return 0;
}
