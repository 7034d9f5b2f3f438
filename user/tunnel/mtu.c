// SPDX-License-Identifier: MIT
/* mtu.c - how large the datagrams of a path may be: probes go out, and what becomes of them and of large data is told to pmtu.h
 *
 * A probe is a control datagram of one PAD frame. To us it is as quiet as an ack: it is not in flight, and losing it says nothing
 * about congestion, silence or repair. The peer acks it, as it acks whatever is more than an ack. A path that is silent is not
 * probed for sizes; when it answers again and nothing large was among what came, the large packets it swallowed count
 * as lost: else a hole under nothing but large packets would look like one short outage after the other.
 */
#include "tunnel/internal.h"

#include <string.h>

#include "base/bytes.h"

#define ROW_MOST 4u		/* large packets lost in one go that are told; more tell no more */
#define REFUSED_US SEC		/* our key may not send: try again after so long */
#define PAD_HEADER 3u

u32 path_overhead(const struct path *p)
{
	return p->where.remote.family == 6 ? 48 : 28;
}

void mtu_begin(struct path *p)
{
	pmtu_init(&p->pmtu, p->link_mtu, path_overhead(p));
}

void mtu_set_link(struct path *p, u32 bytes)
{
	if (p->link_mtu == bytes)
		return;
	p->link_mtu = bytes;
	pmtu_set_link(&p->pmtu, bytes, p->tunnel->now_us);
	if (p->session)
		session_touch(p->session);
}

u32 mtu_inner_most(const struct path *p)
{
	return pmtu_current(&p->pmtu) - TG_HEADER_BYTES - TG_ORDER_BYTES - TG_TAG_BYTES;
}

/* ---- probes ---- */

/* In a run of its own: should the kernel refuse it, nothing else goes with it. */
static bool send_probe(struct path *p, u32 size)
{
	u32 len = size - TG_HEADER_BYTES - TG_TAG_BYTES;
	struct aead_job *job;

	out_flush(p->tunnel);
	if (!out_add(p, &p->where, TG_TYPE_CONTROL, 0, 0, NULL, len, false, NULL, &job))
		return false;
	memset(job->out, 0, len);
	job->out[0] = TG_FRAME_PAD;
	put_be16(job->out + 1, (u16)(len - PAD_HEADER));
	out_flush(p->tunnel);
	return true;
}

/* A size is refuted only when something else came through: on an idle path a ping beside the second try sees to that. */
static void note_probe(struct path *p, u32 size)
{
	pmtu_sent(&p->pmtu, p->sent.next - 1, size, p->tunnel->now_us);
	if (p->pmtu.tries > 1)
		control_ping(p);
}

void mtu_tick(struct path *p)
{
	u64 now = p->tunnel->now_us;
	u32 size;

	if (now < mtu_due_us(p))
		return;
	if (p->rtt.any)
		pmtu_set_wait(&p->pmtu, 3ULL * p->rtt.srtt_us);
	size = pmtu_probe_size(&p->pmtu, now);
	if (!size)
		return;
	if (send_probe(p, size))
		note_probe(p, size);
	else
		p->pmtu.gap_us = now + REFUSED_US;
}

u64 mtu_due_us(const struct path *p)
{
	return p->state == TUNNEL_PATH_UP && p->current ? pmtu_due_us(&p->pmtu) : TIME_NEVER;
}

/* ---- what came and what did not ---- */

static u32 payload_of(const struct path *p, u32 packet_bytes)
{
	return packet_bytes - MIN(packet_bytes, p->pmtu.overhead);
}

static void tell_lost(struct path *p, u32 count, u32 packet_bytes)
{
	for (u32 i = 0; i < MIN(count, ROW_MOST); i++)
		pmtu_data_lost(&p->pmtu, payload_of(p, packet_bytes), p->tunnel->now_us);
}

/* What was given up when the path fell silent: the first thing that comes after it tells whether it was the path or the size. */
static void tell_given_up(struct path *p, const struct sent_news *news)
{
	if (!p->sent.large_given_up || !news->acked_packets)
		return;
	if (news->largest_bytes <= SENT_LARGE_BYTES)
		tell_lost(p, p->sent.large_given_up, p->sent.large_given_up_bytes);
	p->sent.large_given_up = 0;
}

void mtu_acked(struct path *p, const struct sent_news *news)
{
	struct pmtu *m = &p->pmtu;
	u64 now = p->tunnel->now_us;

	tell_lost(p, news->large_lost, news->large_lost_bytes);
	tell_given_up(p, news);
	if (news->acked_packets)
		pmtu_data_acked(m, payload_of(p, news->largest_bytes), now);
	for (u32 i = 0; i < m->tries; i++) {
		if (sent_is_acked(&p->sent, m->numbers[i])) {
			pmtu_acked(m, m->numbers[i], now);
			return;
		}
	}
}
