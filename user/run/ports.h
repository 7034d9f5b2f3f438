// SPDX-License-Identifier: MIT
/* ports.h - a server worker's AF_XDP sockets: one for each interface, with those of its queues that are this worker's
 *
 *   engine's runs --ports_send--+-- way to the peer known: frame headers, AF_XDP of the interface it is routed through
 *                               '-- not (yet), or that interface has none: the socket they would have gone by
 *
 * A client's uplink has one peer; a server has many, and which interface and next hop each is reached by is the kernel's to say. So there is
 * a table of peers. Who is in it or not is noticed while sending: the worker asks (ports_asks()), the control thread looks it up and
 * answers (ports_set()). An answer holds for PORTS_WAY_US, so routes that change unnoticed are followed too. Only who gets data or control
 * is asked about, never who merely sent a first message, so that strangers cannot fill the table. It is a cache: whom it has no room for is reached by the
 * socket.
 *
 * Belongs to one worker; no locks.
 */
#ifndef TG_RUN_PORTS_H
#define TG_RUN_PORTS_H

#include "link/frame.h"
#include "link/udp.h"
#include "link/xsk.h"

#define PORTS_MAX 8u
#define PORTS_ASKS 64u			/* wait for an answer at a time */
#define PORTS_WAY_US (30 * SEC)
#define PORTS_NO_WAY_US (1 * SEC)	/* the kernel did not know one: it may soon */

struct ports;

struct port_ask {
	struct addr remote, local;
};

struct port_answer {
	struct frame_peer peer;	/* valid when known */
	struct port_ask ask;
	u32 ifindex;
	bool known;
};

int ports_new(struct ports **out);		/* 0 or -ENOMEM */
void ports_free(struct ports *p);		/* closes all; NULL is fine */

/* Starts an xsk on an interface; takes it, also on error. -ENOSPC: PORTS_MAX are there. The slot is where it is found again. */
int ports_add(struct ports *p, u32 ifindex, struct xsk *x, u32 *slot);
void ports_drop(struct ports *p, u32 ifindex);		/* fine when it is not there */
struct xsk *ports_xsk(struct ports *p, u32 ifindex);	/* NULL: none, or its device has vanished */
struct xsk *ports_at(struct ports *p, u32 slot);	/* the same by slot */
void ports_gone(struct ports *p, u32 slot);		/* its device has vanished: the sockets go on alone */
void ports_close_gone(struct ports *p);			/* at the end of a turn: nobody reads what those received any more. NULL is fine */

/* As udp_send(), for runs of one listen address. `port`: that of its socket `beside`. */
u32 ports_send(struct ports *p, struct udp *beside, u16 port, const struct datagrams *runs, u32 n, u64 now, int *error);

bool ports_wait(const struct ports *p);		/* see xsk_waits(): call ports_flush() again soon */
void ports_flush(struct ports *p);

/* Peers somebody should look up, at most PORTS_ASKS; they are not told again before their answer is overdue. ports_has_asks(): are there any that nobody
 * was told of yet? True once. */
bool ports_has_asks(struct ports *p);
u32 ports_asks(struct ports *p, struct port_ask out[PORTS_ASKS]);
void ports_set(struct ports *p, const struct port_answer *answer, u64 now);
/* What is known of ways by this interface (0: all) is wrong: asked again at the next packet, which goes by the socket. */
void ports_forget(struct ports *p, u32 ifindex);

#endif
