// SPDX-License-Identifier: MIT
/* links.h - a worker's table of links: number -> socket or connection
 *
 * A number is slot and generation, so that an endpoint the engine still remembers never
 * reaches the socket that took the slot later. Belongs to one worker; no locks.
 */
#ifndef TG_RUN_LINKS_H
#define TG_RUN_LINKS_H

#include "link/tcp.h"
#include "link/udp.h"
#include "link/xsk.h"

enum watch_kind { WATCH_TUN, WATCH_TUN_FAST, WATCH_CALLS, WATCH_UDP, WATCH_AHEAD, WATCH_XSK, WATCH_TCP, WATCH_LISTENER, WATCH_PORT, WATCH_HANDOVER };

struct link {
	u32 number;		/* 0: slot is free */
	u16 generation;
	bool watched;		/* see worker_link_udp() */
	bool accepted;		/* server: nobody but the worker knows it */
	bool connecting;
	bool broken;		/* to be closed at the end of the turn */
	int error;		/* why it broke */
	u32 events;		/* what epoll waits for */
	struct udp *udp;
	struct udp *ahead;	/* at the same address, for interactive datagrams; NULL: they come by the other */
	bool behind, read;	/* udp: more was there than was read; read in this turn */
	struct xsk *xsk;	/* beside udp, in its place where it can */
	bool xsk_gone;		/* its device has vanished: to be closed at the end of the turn */
	struct tcp *tcp;
	struct tcp_listener *listener;
	struct addr remote;	/* accepted: who came */
	bool answered;		/* accepted: the engine has something for who is there, so it is no stranger */
	u64 alive_us;		/* accepted: when it came, later when it was last answered; what comes in proves nothing */
};

struct links {
	int epoll;
	u32 max;
	u32 accepted;		/* how many links are accepted connections */
	bool some_broken;	/* or gone */
	bool some_wait;		/* an AF_XDP ring holds frames that only links_flush() moves */
	struct link *at;
};

/* Events of an epoll set tell what they are about in data.u64. */
static inline u64 watch_tag(enum watch_kind kind, u32 number)
{
	return (u64)kind << 32 | number;
}
int watch_add(int epoll, int fd, enum watch_kind kind, u32 number, u32 events);
int watch_change(int epoll, int fd, enum watch_kind kind, u32 number, u32 events);

int links_init(struct links *l, int epoll, u32 max);
void links_destroy(struct links *l);	/* closes all; copes with a zeroed one */

struct link *links_reserve(struct links *l);			/* NULL: full */
struct link *links_find(struct links *l, u32 number);		/* NULL: gone */
void links_release(struct links *l, struct link *k);

/* Accepted connections. Anybody can open one and write to it; only who holds a key is ever answered by more than a cookie
 * or a version note. Strangers are kept LINKS_STRANGER_US, and LINKS_STRANGERS of one source (an IPv4 address, an IPv6 /64) at a
 * time; the others as long as they are answered once in LINKS_SILENCE_US. */
#define LINKS_STRANGER_US (10 * SEC)
#define LINKS_SILENCE_US (300 * SEC)
#define LINKS_STRANGERS 64u
void links_accepted(struct links *l, struct link *k, const struct addr *remote, u64 now);	/* k is one from now on */
void links_answered(struct link *k, const struct datagrams *runs, u32 n, u64 now);	/* these were sent over it */
bool links_crowded(const struct links *l, const struct addr *remote);	/* no more strangers of this source */
void links_release_silent(struct links *l, u64 now);
/* Who makes room when there is none: the stranger that is here longest, else who has been silent longest. NULL: there is none. */
struct link *links_quietest(struct links *l);

/* Put something behind a number; takes it, also on error. */
int links_put_udp(struct links *l, struct link *k, struct udp *const lanes[TG_LANES]);	/* see udp_open_lanes() */
/* AF_XDP beside the socket that is there: what it cannot do (a remote it does not know, frames that the program let pass) the socket
 * does, and everything once the device is gone from under it. Then it is marked, not closed: runs that it received may be in use up the
 * stack. */
int links_put_xsk(struct links *l, struct link *k, struct xsk *x);
void links_drop_xsk(struct link *k);
void links_flush(struct links *l);
int links_put_tcp(struct links *l, struct link *k, struct tcp *c, bool connecting);
int links_put_listener(struct links *l, struct link *k, struct tcp_listener *t);

/* Sends runs that all belong to k. Returns how many datagrams were lost; *error is the last errno, 0 when all went. A broken
 * connection is marked, not closed: its memory may be in use up the stack. */
u32 links_send(struct links *l, struct link *k, const struct datagrams *runs, u32 n, int *error);

/* The connection is ready for writing, or came up. */
void links_writable(struct links *l, struct link *k);
void links_mark_broken(struct links *l, struct link *k, int error);

#endif
