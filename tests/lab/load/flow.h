// SPDX-License-Identifier: MIT
/* flow.h - what one run of the load generator is asked for, and what its parts share
 *
 *   flow.c      command line, the two threads of a run
 *   ends.c      sockets in both network namespaces
 *   record.c    bytes over time as the receiver saw them
 *   tcp.c udp.c quic.c      the senders and receivers
 *   watch.c     bytes per interface, and what the host takes of the cores, over time
 *
 * Both ends of a run live in one process, so that no control connection has to cross what is
 * measured, and both read one clock: microseconds of CLOCK_MONOTONIC.
 */
#ifndef TG_LAB_FLOW_H
#define TG_LAB_FLOW_H

#include <stdio.h>

#include "base/types.h"

#define STREAMS_MAX 64

enum flow_protocol { FLOW_TCP, FLOW_QUIC, FLOW_UDP };

struct flow_options {
	enum flow_protocol protocol;
	const char *cc;		/* TCP: the kernel's name of the congestion control */
	bool down;		/* the peer sends */
	u32 streams;		/* TCP only */
	u32 size;		/* payload of a datagram, UDP and QUIC */
	double rate;		/* UDP: datagrams a second */
	u64 length_us;		/* the sender sends for so long */
	u64 skip_us;		/* of that is not counted */
	const char *peer;	/* network namespace of the peer, a name of ip-netns(8) */
	const char *address;	/* of the peer */
	const char *each;	/* UDP: file for a line on each datagram that counts and came, NULL: none */
};

struct flow_ends {
	u32 count;		/* socket pairs: streams of TCP, else 1 */
	int sender[STREAMS_MAX], receiver[STREAMS_MAX];
};

/* One run. start_us is set before any thread starts. */
struct flow {
	struct flow_options ask;
	struct flow_ends ends;
	u64 start_us;
};

u64 flow_now_us(void);
u64 flow_wall_ns(void);	/* CLOCK_REALTIME: of the kernel's stamps, and of ping -D */
void flow_sleep_until(u64 when_us);

/* True when the run's time is up. */
static inline bool flow_is_over(const struct flow *f, u64 now)
{
	return now >= f->start_us + f->ask.length_us;
}

/* Opens and connects all sockets: the client's end here, the peer's in its namespace. 0 or negative
 * errno, having said on standard error what failed. */
int ends_open(struct flow *f);
void ends_close(struct flow_ends *e);

/* Sends and receives for as long as asked and prints one JSON object. 0 or negative errno. */
int tcp_run(struct flow *f);
int udp_run(struct flow *f);
int quic_run(struct flow *f);

/* Runs both, each in a thread of its own, until both return. */
int flow_run_threads(struct flow *f, void *(*send)(void *), void *(*receive)(void *), void *argument);

/* Prints the bytes of all interfaces of this network namespace over time as JSON. */
int watch_run(u64 length_us, u64 every_us);

/* Prints when, by the wall clock, the host of a virtual machine had taken how many ticks of the cores since the look before. */
int stolen_run(u64 length_us, u64 every_us);

#endif
