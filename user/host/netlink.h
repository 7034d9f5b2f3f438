// SPDX-License-Identifier: MIT
/* netlink.h - one question, one answer: rtnetlink messages over libnl
 *
 * Messages are built by their users with libnl's nlmsg_ and nla_ calls; errors come back as the kernel's errno.
 */
#ifndef TG_HOST_NETLINK_H
#define TG_HOST_NETLINK_H

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <string.h>

#include "base/addr.h"
#include "base/types.h"

/* A connected NETLINK_ROUTE socket, to be freed with nl_socket_free(). 0 or negative errno. */
int netlink_open(struct nl_sock **out);
int netlink_open_netfilter(struct nl_sock **out);	/* the same for NETLINK_NETFILTER: nft, conntrack */

/* A message of the type with REQUEST and the flags, ready for its body. NULL without memory. */
struct nl_msg *netlink_message(int type, int flags);

/* The same with its body in it. NULL without memory. */
struct nl_msg *netlink_message_about(int type, int flags, const void *body, size_t bytes);

/* msg; NULL, and it is freed, when err says that something did not fit into it. NULL is fine. */
struct nl_msg *netlink_whole(struct nl_msg *msg, int err);

/* Into a message about a link: the kernel makes it no link-local IPv6 address of its own. */
void netlink_put_no_link_local(struct nl_msg *msg);

/* Sends, waits for the answer, frees the message (NULL: -ENOMEM). 0 or the kernel's negative errno. */
int netlink_call(struct nl_sock *s, struct nl_msg *msg);

typedef void netlink_fn(struct nlmsghdr *nlh, void *ctx);

/* The same for a question about one thing (no dump): fn sees the answer. */
int netlink_ask(struct nl_sock *s, struct nl_msg *msg, netlink_fn *fn, void *ctx);

/* Sends a dump request (body appended by the caller, see above) and hands each message to fn. Repeated from the start
 * when the kernel says that it changed meanwhile: fn must cope with seeing things twice. Frees the message. */
int netlink_dump(struct nl_sock *s, struct nl_msg *msg, netlink_fn *fn, void *ctx);

/* Message builders and readers for addresses. */
static inline int af_of(u8 family)
{
	return family == 6 ? AF_INET6 : AF_INET;
}

static inline u8 family_of(int af)
{
	return af == AF_INET6 ? 6 : af == AF_INET ? 4 : 0;
}

static inline int ip_bytes(u8 family)
{
	return family == 6 ? 16 : 4;
}

/* nlmsg_parse() checks that attributes lie inside the message, not that they are as long as their type needs. */
static inline u32 attribute_u32(const struct nlattr *a, u32 otherwise)
{
	return a && nla_len(a) >= 4 ? nla_get_u32(a) : otherwise;
}

/* Copies an address of the family into ip[16], zero behind it. false: absent or too short. */
static inline bool attribute_ip(const struct nlattr *a, u8 family, u8 *ip)
{
	memset(ip, 0, 16);
	if (!a || !family || nla_len(a) < ip_bytes(family))
		return false;
	memcpy(ip, nla_data(a), (size_t)ip_bytes(family));
	return true;
}

#endif
