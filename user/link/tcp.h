// SPDX-License-Identifier: MIT
/* tcp.h - the same datagrams over a TCP connection, each behind its 2-byte length
 *
 * For networks that let no UDP through. The engine sees a link like any other.
 */
#ifndef TG_LINK_TCP_H
#define TG_LINK_TCP_H

#include "base/datagrams.h"

struct tcp;		/* one connection */
struct tcp_listener;

struct tcp_settings {
	struct addr remote;
	const char *device;	/* SO_BINDTODEVICE, or NULL */
	u32 mark;		/* SO_MARK, or 0 */
};

/* Starts a non-blocking connection (TCP_NODELAY, keepalive). Writable means connected or failed: tcp_finish_connect(). */
int tcp_connect(struct tcp **out, u32 link, const struct tcp_settings *set);
int tcp_finish_connect(struct tcp *c);	/* 0 connected, -EINPROGRESS, or the error */

int tcp_listen(struct tcp_listener **out, const struct addr *bind);
int tcp_listener_fd(const struct tcp_listener *l);
void tcp_listener_close(struct tcp_listener *l);
/* Takes one waiting connection; -EAGAIN when there is none. */
int tcp_accept(struct tcp_listener *l, u32 link, struct tcp **out);

void tcp_close(struct tcp *c);		/* NULL is fine */
int tcp_fd(const struct tcp *c);
u32 tcp_link(const struct tcp *c);
void tcp_remote(const struct tcp *c, struct addr *out);

/* Queues the datagrams of the runs and writes what the socket takes. A bounded backlog (256 KB): a datagram that does not fit is
 * dropped whole, never half; returns how many datagrams were dropped. *error: connection broken. */
u32 tcp_send(struct tcp *c, const struct datagrams *runs, u32 n, int *error);
bool tcp_wants_write(const struct tcp *c);	/* backlog left: watch for writable, then tcp_flush */
int tcp_flush(struct tcp *c);

/* Reads and cuts: runs of single datagrams valid until the next call. Returns how many (up to max); 0: nothing whole yet; *error set
 * (ECONNRESET, EPROTO for a length of 0 or > 2048) when the connection is over. Call until it returns 0: what was read and
 * does not fit in `max` waits here, where no watching of the socket sees it. */
u32 tcp_receive(struct tcp *c, struct datagrams *runs, u32 max, int *error);

#endif
