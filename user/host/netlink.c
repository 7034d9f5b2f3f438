// SPDX-License-Identifier: MIT
/* netlink.c - one question, one answer: rtnetlink messages over libnl */
#include "host/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/netlink.h>

#define DUMP_TRIES 5

struct answer {
	netlink_fn *fn;
	void *ctx;
	int error;	/* the kernel's, negative */
	bool ended;	/* nothing more belongs to this answer */
};

/* libnl folds errno values into fewer codes of its own; only these can come from below us. */
static int errno_of(int nl_error)
{
	switch (-nl_error) {
	case 0: return 0;
	case NLE_NOMEM: return -ENOMEM;
	case NLE_AGAIN: return -EAGAIN;
	case NLE_INTR: return -EINTR;
	case NLE_PERM: return -EPERM;
	case NLE_AF_NOSUPPORT: return -EAFNOSUPPORT;
	default: return -EIO;
	}
}

static int open_socket(struct nl_sock **out, int protocol)
{
	struct nl_sock *s = nl_socket_alloc();
	int err;

	if (!s)
		return -ENOMEM;
	err = nl_connect(s, protocol);
	if (err < 0) {
		nl_socket_free(s);
		return errno_of(err);
	}
	*out = s;
	return 0;
}

int netlink_open(struct nl_sock **out)
{
	int err = open_socket(out, NETLINK_ROUTE), on = 1;
	struct nl_sock *s = *out;

	if (err)
		return err;
	/* lets the kernel filter dumps by table and protocol; without it (never on 6.1) we filter alone */
	setsockopt(nl_socket_get_fd(s), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	nl_socket_set_buffer_size(s, 1 << 20, 1 << 16);
	return 0;
}

int netlink_open_netfilter(struct nl_sock **out)
{
	return open_socket(out, NETLINK_NETFILTER);
}

struct nl_msg *netlink_message(int type, int flags)
{
	return nlmsg_alloc_simple(type, flags | NLM_F_REQUEST);
}

struct nl_msg *netlink_whole(struct nl_msg *msg, int err)
{
	if (!err)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

struct nl_msg *netlink_message_about(int type, int flags, const void *body, size_t bytes)
{
	struct nl_msg *msg = netlink_message(type, flags);

	return msg ? netlink_whole(msg, nlmsg_append(msg, (void *)body, bytes, NLMSG_ALIGNTO)) : NULL;
}

void netlink_put_no_link_local(struct nl_msg *msg)
{
	struct nlattr *families = nla_nest_start(msg, IFLA_AF_SPEC), *inet6 = nla_nest_start(msg, AF_INET6);

	nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, families);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *e, void *ctx)
{
	struct answer *a = ctx;

	(void)from;
	a->error = e->error;
	a->ended = true;
	return NL_STOP;
}

static int on_end(struct nl_msg *msg, void *ctx)
{
	struct answer *a = ctx;

	(void)msg;
	a->ended = true;
	return NL_STOP;
}

static int on_message(struct nl_msg *msg, void *ctx)
{
	struct answer *a = ctx;

	if (a->fn)
		a->fn(nlmsg_hdr(msg), a->ctx);
	return NL_OK;
}

static int receive_answer(struct nl_sock *s, struct answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err;

	if (!cb)
		return -NLE_NOMEM;
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, a);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, a);
	err = nl_recvmsgs(s, cb);
	nl_cb_put(cb);
	return err < 0 ? err : 0;
}

/* The acknowledgement comes behind the answer, in a message of its own. */
int netlink_ask(struct nl_sock *s, struct nl_msg *msg, netlink_fn *fn, void *ctx)
{
	struct answer a = { .fn = fn, .ctx = ctx };
	int err;

	if (!msg)
		return -ENOMEM;
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	err = nl_send_auto(s, msg);
	nlmsg_free(msg);
	while (err >= 0 && !a.ended)
		err = receive_answer(s, &a);
	return a.error ? a.error : err < 0 ? errno_of(err) : 0;
}

int netlink_call(struct nl_sock *s, struct nl_msg *msg)
{
	return netlink_ask(s, msg, NULL, NULL);
}

int netlink_dump(struct nl_sock *s, struct nl_msg *msg, netlink_fn *fn, void *ctx)
{
	struct answer a = { .fn = fn, .ctx = ctx };
	int err = -NLE_DUMP_INTR;

	if (!msg)
		return -ENOMEM;
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	for (int i = 0; i < DUMP_TRIES && err == -NLE_DUMP_INTR; i++) {
		nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
		err = nl_send_auto(s, msg);
		if (err >= 0)
			err = receive_answer(s, &a);
	}
	nlmsg_free(msg);
	return a.error ? a.error : errno_of(err);
}
