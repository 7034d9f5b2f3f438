// SPDX-License-Identifier: MIT
/* link.h - a link between client and server: a queue, a rate, a delay and misfortunes, per direction
 *
 *   datagram --> [ drop-tail queue ] --rate--> loss, burst, cut --> delay + jitter --> arrived()
 *
 * A lane may stand behind that of another link: what leaves its queue enters the other's, and has its own delay after that.
 * A lane is one direction. Of the many datagrams in it only the one that leaves the queue next and the one that arrives
 * next are planned events, so their number does not matter for speed.
 */
#ifndef TG_TESTS_SIM_LINK_H
#define TG_TESTS_SIM_LINK_H

#include "base/addr.h"
#include "sim/event.h"
#include "sim/spec.h"

#define LINK_HEADERS 28u	/* IPv4 and UDP */

struct lane;
struct link;

struct datagram {
	struct datagram *next;
	u64 arrive_ns;
	struct lane *lane;	/* whose it is */
	bool outside;		/* not the tunnel's: an inner packet as it is */
	struct event stray;	/* only when it leaves the order of its lane */
	struct addr from;	/* up: the client's address as it was then */
	u32 len;		/* UDP payload */
	u8 data[2048];
};

struct datagram_queue {
	struct datagram *head, *tail;
	u32 count;
};

/* Free datagrams, one store per simulation. */
struct datagram_store {
	struct datagram *free;
	void **slabs;
	u32 slab_count;
	u64 out;
};

struct lane {
	struct link *link;
	struct lane *behind;		/* NULL: none */
	bool up;
	double value[LINK_KEYS], second[LINK_KEYS];
	double fade;			/* share of the rate there is now */
	bool in_burst;
	u64 jitter_ns, next_jitter_ns, jitter_until_ns;
	struct datagram_queue queue, wire;
	u64 queue_bytes;		/* with headers, the one being sent included */
	double carry_ns;		/* fraction of a nanosecond the last sending took more */
	u64 last_arrival_ns;
	struct event depart, arrive;
	/* Counted since the last link_count_anew(). */
	u64 bytes, packets;		/* put on it, headers included */
	u64 passed_bytes;		/* left the queue */
	u64 dropped_full, dropped_loss, dropped_cut, dropped_mtu, dropped_nat;
	u64 max_queue_bytes, max_queue_ns;
};

/* What the links' owner does for them. */
struct link_events {
	void (*arrived)(void *ctx, struct lane *lane, struct datagram *d);	/* the datagram goes back to the store after */
	void (*happened)(void *ctx, struct link *l, enum link_key key, double value);	/* carrier, present, move */
};

struct link {
	u32 number;			/* from 1 */
	struct lane lanes[2];		/* up, down */
	struct addr address;		/* the client's, as the server sees it */
	const struct link_spec *spec;
	const struct link_events *on;
	void *ctx;
	struct events *events;
	struct datagram_store *store;
	struct rand_source random;
	u64 zero_ns;
	u32 next_step;
	u64 round_ns;			/* of a schedule that repeats */
	struct event step, fade;
};

struct datagram *datagram_take(struct datagram_store *s);
void datagram_put(struct datagram_store *s, struct datagram *d);
void datagram_store_free(struct datagram_store *s);

/* Begins the link's schedule; its time zero is zero_ns. The pointers and `number`, `random`, `address` are set before. */
void link_begin(struct link *l, u64 zero_ns);

/* Puts a copy of a UDP payload on the lane. `outside`: it is none of the tunnel's. */
void lane_send(struct lane *lane, const u8 *data, u32 len, bool outside);

/* A datagram for a client's address that the NAT no longer knows. */
void lane_count_nat(struct lane *lane);

/* Can something pass now? */
bool link_is_up(const struct link *l);

/* Bit/s now; 0: unlimited. And how long the queue is. */
double lane_rate(const struct lane *lane);
u64 lane_queue_ns(const struct lane *lane);

void link_count_anew(struct link *l);

#endif
