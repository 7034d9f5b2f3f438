// SPDX-License-Identifier: MIT
/* tcp.c - the same datagrams over a TCP connection, each behind its 2-byte length
 *
 * Sending copies into a bounded backlog and writes from there, so a datagram is taken whole or not at all, however
 * little the socket takes. Receiving cuts what was read where it lies.
 */
#include "link/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define LENGTH_BYTES 2u
#define MAX_DATAGRAM 2048u
#define BACKLOG_BYTES (256u << 10)
#define READ_BYTES (64u << 10)

/* A connection that carries nothing must be noticed, too: the engine's own probes decide earlier, this cleans up. */
#define KEEPALIVE_IDLE_S 20
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 4
#define USER_TIMEOUT_MS 30000
#define NOT_SENT_BYTES (128 << 10)	/* what waits here can still be dropped; what waits in the kernel cannot */

struct tcp {
	int fd;
	u32 link;
	struct addr remote;
	struct addr local;	/* port 0 */

	u32 out_start, out_end;	/* backlog */
	u32 in_start, in_end;	/* read and not handed out yet */
	u8 out[BACKLOG_BYTES];
	u8 in[READ_BYTES];
};

struct tcp_listener {
	int fd;
};

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int set_common(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
		{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_BYTES },
	};
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(options) && !err; i++)
		err = set_int(fd, options[i].level, options[i].name, options[i].value);
	return err;
}

static int new_socket(const struct addr *a)
{
	if (a->family != 4 && a->family != 6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static struct tcp *new_connection(int fd, u32 link, const struct addr *remote)
{
	struct tcp *c = malloc(sizeof(*c));	/* not zeroed: pages of the buffers are touched as they are used */

	if (!c)
		return NULL;
	c->fd = fd;
	c->link = link;
	c->remote = *remote;
	memset(&c->local, 0, sizeof(c->local));
	c->out_start = c->out_end = c->in_start = c->in_end = 0;
	return c;
}

/* Known once connected; until then the kernel has not chosen. */
static void learn_local(struct tcp *c)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(c->fd, (struct sockaddr *)&ss, &len))
		return;
	addr_from_sockaddr(&c->local, (struct sockaddr *)&ss);
	c->local.port = 0;
}

/* ---- connections: out, in, over ---- */

int tcp_connect(struct tcp **out, u32 link, const struct tcp_settings *set)
{
	struct sockaddr_storage ss;
	struct tcp *c;
	int fd = new_socket(&set->remote);
	int err;

	if (fd < 0)
		return -errno;
	err = set_common(fd);
	if (!err && set->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, set->device, (socklen_t)strlen(set->device)))
		err = -errno;
	if (!err && set->mark)
		err = set_int(fd, SOL_SOCKET, SO_MARK, (int)set->mark);
	if (!err && connect(fd, (struct sockaddr *)&ss, addr_to_sockaddr(&set->remote, &ss)) && errno != EINPROGRESS)
		err = -errno;
	if (err)
		goto fail;
	err = -ENOMEM;
	c = new_connection(fd, link, &set->remote);
	if (!c)
		goto fail;
	*out = c;
	return 0;
fail:
	close(fd);
	return err;
}

int tcp_finish_connect(struct tcp *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int err = 0;
	socklen_t len = sizeof(err);

	if (poll(&p, 1, 0) == 0)
		return -EINPROGRESS;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	if (err)
		return -err;
	learn_local(c);
	return 0;
}

int tcp_listen(struct tcp_listener **out, const struct addr *bind_to)
{
	struct tcp_listener *l;
	struct sockaddr_storage ss;
	int fd = new_socket(bind_to);
	int err;

	if (fd < 0)
		return -errno;
	err = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!err && bind_to->family == 6)
		err = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!err && (bind(fd, (struct sockaddr *)&ss, addr_to_sockaddr(bind_to, &ss)) || listen(fd, SOMAXCONN)))
		err = -errno;
	if (err)
		goto fail;
	err = -ENOMEM;
	l = malloc(sizeof(*l));
	if (!l)
		goto fail;
	l->fd = fd;
	*out = l;
	return 0;
fail:
	close(fd);
	return err;
}

int tcp_listener_fd(const struct tcp_listener *l)
{
	return l->fd;
}

void tcp_listener_close(struct tcp_listener *l)
{
	if (!l)
		return;
	close(l->fd);
	free(l);
}

int tcp_accept(struct tcp_listener *l, u32 link, struct tcp **out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr remote;
	int fd, err;

	do {
		fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0)
		return -errno;
	addr_from_sockaddr(&remote, (struct sockaddr *)&ss);
	err = set_common(fd);
	if (!err) {
		*out = new_connection(fd, link, &remote);
		err = *out ? 0 : -ENOMEM;
	}
	if (err) {
		close(fd);
		return err;
	}
	learn_local(*out);
	return 0;
}

void tcp_close(struct tcp *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c);
}

int tcp_fd(const struct tcp *c)
{
	return c->fd;
}

u32 tcp_link(const struct tcp *c)
{
	return c->link;
}

void tcp_remote(const struct tcp *c, struct addr *out)
{
	*out = c->remote;
}

/* ---- sending ---- */

bool tcp_wants_write(const struct tcp *c)
{
	return c->out_end > c->out_start;
}

int tcp_flush(struct tcp *c)
{
	while (c->out_end > c->out_start) {
		ssize_t n = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			c->out_start += (u32)n;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	c->out_start = c->out_end = 0;
	return 0;
}

/* Makes room for `bytes` more. Moves what is left only when the end of the buffer is reached. */
static bool has_room(struct tcp *c, u32 bytes)
{
	if (c->out_end + bytes <= BACKLOG_BYTES)
		return true;
	if (c->out_end - c->out_start + bytes > BACKLOG_BYTES)
		return false;
	memmove(c->out, c->out + c->out_start, c->out_end - c->out_start);
	c->out_end -= c->out_start;
	c->out_start = 0;
	return true;
}

/* False: broken, or no room even after writing what the socket takes. */
static bool queue_datagram(struct tcp *c, const u8 *data, u32 len, int *error)
{
	if (!len || len > MAX_DATAGRAM)
		return false;	/* the other end would break the connection off */
	if (!has_room(c, LENGTH_BYTES + len)) {
		*error = -tcp_flush(c);
		if (*error || !has_room(c, LENGTH_BYTES + len))
			return false;
	}
	put_be16(c->out + c->out_end, (u16)len);
	memcpy(c->out + c->out_end + LENGTH_BYTES, data, len);
	c->out_end += LENGTH_BYTES + len;
	return true;
}

static u32 queue_run(struct tcp *c, const struct datagrams *d, int *error)
{
	u32 dropped = 0;

	for (u32 at = 0; at < d->len;) {
		u32 n = MIN(d->len - at, d->segment_bytes ? d->segment_bytes : d->len);

		dropped += *error || !queue_datagram(c, d->data + at, n, error);
		at += n;
	}
	return dropped;
}

u32 tcp_send(struct tcp *c, const struct datagrams *runs, u32 n, int *error)
{
	u32 dropped = 0;

	*error = 0;
	for (u32 i = 0; i < n; i++)
		dropped += queue_run(c, &runs[i], error);
	if (!*error)
		*error = -tcp_flush(c);
	return dropped;
}

/* ---- receiving ---- */

/* Bytes of the first datagram in the buffer; 0: not whole yet; -EPROTO. */
static int whole_datagram(const struct tcp *c)
{
	u32 left = c->in_end - c->in_start;
	u32 len;

	if (left < LENGTH_BYTES)
		return 0;
	len = get_be16(c->in + c->in_start);
	if (!len || len > MAX_DATAGRAM)
		return -EPROTO;
	return left < LENGTH_BYTES + len ? 0 : (int)len;
}

/* Reads once behind what is left of a datagram. Returns bytes, 0: nothing there, or a negative errno. */
static int read_more(struct tcp *c)
{
	ssize_t n;

	memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
	c->in_end -= c->in_start;
	c->in_start = 0;
	do {
		n = recv(c->fd, c->in + c->in_end, READ_BYTES - c->in_end, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ECONNRESET;	/* closed by the other side: over is over */
	c->in_end += (u32)n;
	return (int)n;
}

static void hand_out(struct tcp *c, struct datagrams *d, u32 len)
{
	memset(d, 0, sizeof(*d));
	d->where.link = c->link;
	d->where.remote = c->remote;
	d->where.local = c->local;
	d->data = c->in + c->in_start + LENGTH_BYTES;
	d->len = d->segment_bytes = len;
	c->in_start += LENGTH_BYTES + len;
}

u32 tcp_receive(struct tcp *c, struct datagrams *runs, u32 max, int *error)
{
	int len = whole_datagram(c);
	u32 count = 0;

	*error = 0;
	if (!len) {
		int n = read_more(c);

		if (n < 0)
			*error = -n;
		if (n <= 0)
			return 0;
		len = whole_datagram(c);
	}
	for (; len > 0 && count < max; len = whole_datagram(c))
		hand_out(c, &runs[count++], (u32)len);
	/* Those before the bad length are good; the next call finds it again. */
	if (len < 0 && !count)
		*error = -len;
	return count;
}
