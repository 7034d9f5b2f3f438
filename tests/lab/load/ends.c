// SPDX-License-Identifier: MIT
/* ends.c - the sockets of a run, some of them in another network namespace
 *
 * A socket belongs to the namespace in which it was made: this thread visits the peer's for as
 * long as it takes. The client always opens the connection, whoever sends, because there may be
 * a NAT between the two.
 */
#include "load/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

#define ROOM_BYTES (32 << 20)	/* far more than any link in the lab holds */
#define HELLO_TRIES 50
#define HELLO_MS 100

static int socket_in(const char *ns, int family, int type)
{
	char path[128];
	int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), there = -1, fd = -1;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (here >= 0 && there >= 0 && setns(there, CLONE_NEWNET) == 0) {
		fd = socket(family, type | SOCK_CLOEXEC, 0);
		if (setns(here, CLONE_NEWNET) < 0) {
			close(fd);
			fd = -1;
		}
	}
	close(here);
	close(there);
	return fd;
}

static void give_room(int fd)
{
	int room = ROOM_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
}

static int set_cc(int fd, const char *cc)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, (socklen_t)strlen(cc)) < 0 ? -errno : 0;
}

/* Binds to the address and a free port, which goes to *to. */
static int bind_peer(int fd, struct addr *to)
{
	struct addr bound = *to;
	struct sockaddr_storage s;
	socklen_t len;

	bound.port = 0;
	len = addr_to_sockaddr(&bound, &s);
	if (bind(fd, (struct sockaddr *)&s, len) < 0 || getsockname(fd, (struct sockaddr *)&s, &len) < 0)
		return -errno;
	addr_from_sockaddr(&bound, (struct sockaddr *)&s);
	to->port = bound.port;
	return 0;
}

static int connect_to(int fd, const struct addr *to)
{
	struct sockaddr_storage s;
	socklen_t len = addr_to_sockaddr(to, &s);

	return connect(fd, (struct sockaddr *)&s, len) < 0 ? -errno : 0;
}

static void put_pair(struct flow *f, int client, int peer)
{
	struct flow_ends *e = &f->ends;

	e->sender[e->count] = f->ask.down ? peer : client;
	e->receiver[e->count] = f->ask.down ? client : peer;
	e->count++;
}

static int open_stream(struct flow *f, int listener, const struct addr *to, int family)
{
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), peer = -1, err;

	give_room(client);
	err = set_cc(client, f->ask.cc);
	if (!err)
		err = connect_to(client, to);
	if (!err) {
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		err = peer < 0 ? -errno : 0;
	}
	if (err)
		close(client);
	else
		put_pair(f, client, peer);
	return err;
}

static int open_streams(struct flow *f, struct addr *to, int family)
{
	int listener = socket_in(f->ask.peer, family, SOCK_STREAM), err = listener < 0 ? -errno : 0;

	if (!err) {
		give_room(listener);	/* accepted sockets inherit it, and the congestion control */
		err = set_cc(listener, f->ask.cc);
	}
	if (!err)
		err = bind_peer(listener, to);
	if (!err && listen(listener, STREAMS_MAX) < 0)
		err = -errno;
	while (!err && f->ends.count < f->ask.streams)
		err = open_stream(f, listener, to, family);
	close(listener);
	return err;
}

/* The peer learns the client's address, behind whatever NAT, from the first datagram. */
static int say_hello(int client, int peer)
{
	struct pollfd p = { peer, POLLIN, 0 };
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char byte;

	for (u32 i = 0; i < HELLO_TRIES; i++) {
		if (send(client, "?", 1, 0) < 0 && errno != EAGAIN)
			return -errno;
		if (poll(&p, 1, HELLO_MS) <= 0)
			continue;
		if (recvfrom(peer, &byte, 1, 0, (struct sockaddr *)&from, &len) == 1 &&
		    connect(peer, (struct sockaddr *)&from, len) == 0)
			return 0;
	}
	return -ETIMEDOUT;
}

static int open_datagrams(struct flow *f, struct addr *to, int family)
{
	int peer = socket_in(f->ask.peer, family, SOCK_DGRAM), err = peer < 0 ? -errno : 0;
	int client = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!err)
		err = bind_peer(peer, to);
	if (!err)
		err = connect_to(client, to);
	give_room(client);
	give_room(peer);
	put_pair(f, client, peer);
	return err ? err : say_hello(client, peer);
}

int ends_open(struct flow *f)
{
	struct addr to;
	int family, err = addr_parse(&to, f->ask.address, 1);

	if (err) {
		fprintf(stderr, "flow: %s is no address\n", f->ask.address);
		return err;
	}
	family = to.family == 4 ? AF_INET : AF_INET6;
	if (f->ask.protocol == FLOW_TCP)
		err = open_streams(f, &to, family);
	else
		err = open_datagrams(f, &to, family);
	if (err)
		fprintf(stderr, "flow: to %s in %s: %s\n", f->ask.address, f->ask.peer, strerror(-err));
	return err;
}

void ends_close(struct flow_ends *e)
{
	struct linger at_once = { 1, 0 };	/* what waits in the sender's buffer is of no use any more */

	for (u32 i = 0; i < e->count; i++) {
		setsockopt(e->sender[i], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(e->sender[i]);
		close(e->receiver[i]);
	}
	e->count = 0;
}
