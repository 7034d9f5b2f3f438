// SPDX-License-Identifier: MIT
/* udp.h - a UDP socket that moves runs of datagrams: UDP_SEGMENT out, UDP_GRO in */
#ifndef TG_LINK_UDP_H
#define TG_LINK_UDP_H

#include <triglav/steer.h>

#include "base/datagrams.h"

struct udp_settings {
	struct addr bind;	/* address and port; port 0: any */
	const char *device;	/* SO_BINDTODEVICE, or NULL */
	u32 mark;		/* SO_MARK, or 0 */
	u32 buffer_bytes;	/* SO_SNDBUFFORCE / SO_RCVBUFFORCE (plain ones without the capability); 0: 4 MB */
	bool reuse_port;	/* several workers share the address */
	bool no_gro;		/* datagrams arrive one by one */
	u32 places;		/* so many received runs may wait; at least UDP_MAX_RUNS */
};

struct udp;

/* Opens, configures and binds a non-blocking socket; `link` is the number put into endpoints. 0 or a negative errno
 * (-EADDRINUSE, -ENODEV, -EPERM, -EADDRNOTAVAIL...). Kernels without UDP_SEGMENT or UDP_GRO are noticed here
 * and served one datagram at a time. */
int udp_open(struct udp **out, u32 link, const struct udp_settings *set);
void udp_close(struct udp *u);		/* NULL is fine */
int udp_fd(const struct udp *u);
void udp_local(const struct udp *u, struct addr *out);	/* bound address and port */

/* May datagrams arrive joined? A run that waits in the queue when this is taken back is lost. */
void udp_set_gro(struct udp *u, bool on);

/* Sends runs (each to its own endpoint, from where.local when its family is set), in as few system calls as possible
 * (one sendmmsg). Returns how many datagrams were lost, wherever among the runs they were: a destination that cannot be reached
 * does not take those behind it along, a full queue does. There is nothing left to be sent again. *error is the errno of the
 * last loss, 0 when all went: EAGAIN/ENOBUFS: the queue is full; ENETDOWN, ENETUNREACH, EHOSTUNREACH, ENODEV, EADDRNOTAVAIL: the
 * path is in trouble; EMSGSIZE: too large. EIO after GSO turns GSO off for this socket and sends singly. */
u32 udp_send(struct udp *u, const struct datagrams *runs, u32 n, int *error);

/* Reads what is there, at most UDP_MAX_RUNS runs, behind those that wait in the socket's memory since earlier calls; *fresh is the first of them. Local
 * address (IP_PKTINFO) and ECN filled in. Returns how many; 0 when there is nothing, or no room until udp_done(). Errors queued on the
 * socket (ICMP) are consumed; *error tells the last one, else 0. */
#define UDP_MAX_RUNS 8u
u32 udp_receive(struct udp *u, struct datagrams **fresh, int *error);

/* Has the last call found the end of what was there? */
bool udp_is_emptied(const struct udp *u);

/* The oldest runs that wait, in order, and how many lie one behind the other: not always all, but 0 only when none is left. */
struct datagrams *udp_waiting(struct udp *u, u32 *n);

/* The n oldest need not wait any more; their memory is used again. */
void udp_done(struct udp *u, u32 n);

/* How many messages were received and not handed out since the last call, because they were empty or larger than a run. */
u32 udp_take_unusable(struct udp *u);

/* ---- lanes (udp_lanes.c) ---- */

/* Opens two sockets at one address, so that interactive datagrams (TG_FLAG_AHEAD) do not wait behind others: a SO_REUSEPORT group of the first of so many workers,
 * with the program that sorts (a descriptor of tg_select, negative or refused: a classic one). -EADDRINUSE also where another group of the same
 * user has the address. A kernel that refuses both programs gives one worker a single socket, lanes[TG_LANE_INTERACTIVE] being NULL. 0 or a
 * negative errno, as udp_open()'s; nothing is open then. */
int udp_open_lanes(struct udp *lanes[TG_LANES], u32 link, const struct udp_settings *set, u32 workers, int program);

/* The same for the other workers, in their order: set->bind is where the first one's are bound. */
int udp_join_lanes(struct udp *lanes[TG_LANES], u32 link, const struct udp_settings *set);

/* Puts a classic BPF program on a SO_REUSEPORT group that picks the member as tg_steer_socket() does, and by the kernel's hash where that picks none.
 * Of each of `workers` workers two are bound, in order. */
int udp_steer_workers(struct udp *first, u32 workers);

/* The same by a BPF program (its descriptor). 0 or a negative errno; what was there before then stays. */
int udp_steer_by(struct udp *first, int program);

#endif
