// SPDX-License-Identifier: MIT
/* nft_drops.c - what the server's table dropped
 *
 * The kernel is asked for the counters of that table and for nothing else. libnftables would read the whole ruleset of the host before it
 * answers, that of others included, which may be megabytes.
 */
#include "host/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/netlink.h>
#include <stddef.h>

#include "host/inside.h"

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
#define FIELD(name, help) { #name, offsetof(struct host_nft_drops, name) },
	HOST_NFT_DROPS(FIELD)
#undef FIELD
};

/* An answer on its way into *out. */
struct reading {
	const char *table;
	struct host_nft_drops *out;
	u32 found;	/* bits of fields */
	bool any;	/* there is something in the table */
};

static bool read_packets(const struct nlattr *data, u64 *out)
{
	struct nlattr *a[NFTA_COUNTER_MAX + 1];

	if (!data || nla_parse_nested(a, NFTA_COUNTER_MAX, (struct nlattr *)data, NULL) || !a[NFTA_COUNTER_PACKETS] ||
	    nla_len(a[NFTA_COUNTER_PACKETS]) < (int)sizeof(u64))
		return false;
	*out = be64toh(nla_get_u64(a[NFTA_COUNTER_PACKETS]));
	return true;
}

static void on_object(struct nlmsghdr *nlh, void *ctx)
{
	struct reading *r = ctx;
	struct nlattr *a[NFTA_OBJ_MAX + 1];
	u64 packets;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ))
		return;
	r->any = true;
	if (nlmsg_parse(nlh, sizeof(struct nfgenmsg), a, NFTA_OBJ_MAX, NULL) || !a[NFTA_OBJ_TABLE] || nla_strcmp(a[NFTA_OBJ_TABLE], r->table) ||
	    !a[NFTA_OBJ_NAME] || !read_packets(a[NFTA_OBJ_DATA], &packets))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(fields); i++)
		if (!nla_strcmp(a[NFTA_OBJ_NAME], fields[i].name)) {
			memcpy((u8 *)r->out + fields[i].offset, &packets, sizeof(packets));
			r->found |= 1u << i;
		}
}

static struct nl_msg *counters_message(const char *table)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	struct nl_msg *msg = netlink_message_about(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, 0, &head, sizeof(head));
	int err;

	if (!msg)
		return NULL;
	err = nla_put_string(msg, NFTA_OBJ_TABLE, table);
	err |= nla_put_u32(msg, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	return netlink_whole(msg, err);
}

int host_nft_drops(struct host *h, struct host_nft_drops *out)
{
	struct reading r = { .table = h->nft_name, .out = out };
	struct nl_sock *s;
	int err = netlink_open_netfilter(&s);

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	err = netlink_dump(s, counters_message(h->nft_name), on_object, &r);
	nl_socket_free(s);
	if (err)
		return err;
	return r.found == (1u << ARRAY_SIZE(fields)) - 1 ? 0 : r.any ? -EPROTO : -ENOENT;
}
