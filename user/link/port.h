/* SPDX-License-Identifier: MIT */
/* port.h - an inside port: where a worker takes the host's packets from, and where it puts what came by the tunnel
 *
 *   tun.c     a queue of a TUN device                     super-packets, checksums left partial
 *   inner.c   AF_XDP sockets at one end of a veth pair    frames, checksums finished
 *
 * With lanes a worker has two: for interactive and for bulk. Belongs to one worker; no locks.
 */
#ifndef TG_LINK_PORT_H
#define TG_LINK_PORT_H

#include <net/if.h>

#include "base/buf.h"

/* Name, what it counts. */
#define TUN_COUNTERS(X) \
	X(reads, "reads of the tunnel device") \
	X(packets_read, "inner packets read from it") \
	X(bytes_read, "bytes of them") \
	X(writes, "writes to it") \
	X(packets_written, "inner packets written to it") \
	X(bytes_written, "bytes of them") \
	X(drop_no_buf, "inner packets lost: the worker's buffer pool is dry") \
	X(drop_malformed, "what the device gave is no IP packet, or will not cut") \
	X(drop_write, "inner packets the device refused: its queue is full, or it is down")

struct tun_counters {
#define TUN_COUNTER(name, help) u64 name;
	TUN_COUNTERS(TUN_COUNTER)
#undef TUN_COUNTER
};

void tun_counters_add(struct tun_counters *sum, const struct tun_counters *one);

struct port;

struct port_ops {
	/* Appends inner packets (bufs from pool: data, len, csum_partial, flow_hash set; pinned_path where the device knows it) to q, in the order of each flow. Returns
	 * how many; 0 when nothing is there or what was there had to be dropped (so watch level-triggered); a negative errno: the device is gone. */
	int (*read)(struct port *p, struct buf_pool *pool, struct buf_queue *q);
	/* Writes all packets of q in order and gives the bufs back. Never blocks: what the device refuses is dropped and counted. */
	void (*write)(struct port *p, struct buf_queue *q);
	/* Some of what was written is held back: try again. NULL: that does not happen. */
	void (*flush)(struct port *p);
	void (*close)(struct port *p);
	bool finishes;		/* checksums that are left partial; else none may be */
};

struct port {
	const struct port_ops *ops;
	int fd;			/* readable: read() */
	bool waits;		/* flush() is due */
	u64 hash_key;		/* of the hash that read() puts into flow_hash; 0 until set */
	char name[IFNAMSIZ];	/* of the tunnel device */
	struct tun_counters counters;
};

static inline int port_read(struct port *p, struct buf_pool *pool, struct buf_queue *q)
{
	return p->ops->read(p, pool, q);
}

static inline void port_write(struct port *p, struct buf_queue *q)
{
	p->ops->write(p, q);
}

static inline void port_flush(struct port *p)
{
	if (p->waits)
		p->ops->flush(p);
}

static inline void port_close(struct port *p)		/* NULL is fine */
{
	if (p)
		p->ops->close(p);
}

#endif
