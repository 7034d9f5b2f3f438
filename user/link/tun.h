// SPDX-License-Identifier: MIT
/* tun.h - the tunnel device: super-packets in both directions
 *
 * Reading takes one super-packet (TSO/USO) and cuts it into inner packets by copying headers,
 * checksums left partial. Writing joins consecutive packets of a flow into one super-packet.
 */
#ifndef TG_LINK_TUN_H
#define TG_LINK_TUN_H

#include "link/port.h"

struct tun;

/* Creates (or takes, when nobody uses it) device `name` ("tg0", or "tg%d") with IFF_TUN|IFF_NO_PI|IFF_VNET_HDR and, with queues > 1, IFF_MULTI_QUEUE; opens
 * `queues` queues into out[]. Offloads: checksum, TSO4/6, USO where the kernel has it. Real name through tun_name().
 * 0 or negative errno (-ENOENT: no /dev/net/tun; -EPERM; -EBUSY: name taken, or in use by others). Device vanishes when all are closed. */
int tun_open(struct tun **out, u32 queues, const char *name);
void tun_close(struct tun *t);		/* one queue; NULL is fine */
int tun_fd(const struct tun *t);
const char *tun_name(const struct tun *t);
bool tun_has_uso(const struct tun *t);
/* Key of the hash that tun_read() puts into flow_hash; 0 until set. */
void tun_set_hash_key(struct tun *t, u64 key);
const struct tun_counters *tun_counters(const struct tun *t);

/* The queue as an inside port, and back; NULL for a port that is something else. */
struct port *tun_port(struct tun *t);
struct tun *tun_of_port(struct port *p);

/* A BPF program (a socket filter) chooses the queue of each packet that leaves by the device, as its answer modulo their number; -1: the kernel does again, by
 * flows. For all queues of the device. 0 or negative errno. */
int tun_set_steering(struct tun *t, int program);

/* One read: appends the inner packets it holds (bufs from pool: data, len, csum_partial, flow_hash set, same order) to q. Returns how
 * many; 0 when nothing is there or what was there had to be dropped (so watch level-triggered); or a negative errno. */
int tun_read(struct tun *t, struct buf_pool *pool, struct buf_queue *q);

/* Writes all packets of q in order, joined where possible, and gives the bufs back. Never blocks: what the kernel refuses is
 * dropped and counted. Packets without csum_partial are joined only with their own valid checksums. */
void tun_write(struct tun *t, struct buf_queue *q);

#endif
