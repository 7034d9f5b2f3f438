// SPDX-License-Identifier: MIT
/* flow.c - an inner flow: its packets on the way in and out, and the record of each */
#include "sim/flow.h"

#include <stdlib.h>
#include <string.h>

#include <triglav/flow.h>

#include "base/bytes.h"

#define BUFS_LOW 256u	/* as in a worker; but there the packet waits in the tunnel device, for which the models have no place: here it is lost, and counted */
#define FIRST_PORT 10000u
#define SERVICE_PORT 443u

static const struct flow_ops *const ops_of[FLOW_KINDS] = {
	[FLOW_CUBIC] = &tcp_flow_ops, [FLOW_RENO] = &tcp_flow_ops, [FLOW_BBR] = &tcp_flow_ops,
	[FLOW_QUIC] = &quic_flow_ops, [FLOW_UDP] = &udp_flow_ops,  [FLOW_PING] = &ping_flow_ops,
};

/* ---- out ---- */

/* Which side the packets of a direction come from. */
static u32 side_of(const struct flow *f, u32 direction)
{
	return f->spec.up ? direction : 1 - direction;
}

static struct packet *record(struct flow *f, u32 direction, u32 number, u32 len, const struct ack_info *info)
{
	struct flow_direction *w = f->way[direction];
	struct packet *p = &w->log[++w->sent % FLOW_LOG];

	p->serial = w->sent;
	p->number = number;
	p->len = (u16)len;
	p->delivered = p->retransmit = false;
	p->sent_ns = flow_now(f);
	if (!info)
		return p;
	if (!p->ack)
		p->ack = malloc(sizeof(*p->ack));
	/* Most have a few ranges. */
	memcpy(p->ack, info, offsetof(struct ack_info, ranges) + info->count * sizeof(info->ranges[0]));
	return p;
}

/* IPv4 header and ports; the rest of the first 64 bytes is zero. */
static u8 *lay_out(struct flow *f, u32 direction, const struct packet *p, u8 protocol, struct buf *b)
{
	static const u8 client_ip[4] = { 10, 0, 85, 2 }, host_ip[4] = { 203, 0, 113, 5 };
	bool from_client = side_of(f, direction) == 0;
	u8 *ip = b->data, *l4 = ip + 20;

	memset(ip, 0, MIN(p->len, 96));
	b->len = p->len;
	ip[0] = 0x45;
	put_be16(ip + 2, p->len);
	put_be16(ip + 4, (u16)p->serial);
	ip[6] = 0x40;	/* don't fragment */
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, from_client ? client_ip : host_ip, 4);
	memcpy(ip + 16, from_client ? host_ip : client_ip, 4);
	put_be16(l4, (u16)(from_client ? FIRST_PORT + f->number : SERVICE_PORT));
	put_be16(l4 + 2, (u16)(from_client ? SERVICE_PORT : FIRST_PORT + f->number));
	return l4;
}

static struct buf *room(struct flow *f, u32 direction)
{
	struct sim_end *end = &f->sim->ends[side_of(f, direction)];
	struct buf *b = buf_pool_left(end->pool) < BUFS_LOW ? NULL : buf_take(end->pool);

	if (!b) {
		end->device_drops++;
		return NULL;
	}
	b->path = (u8)f->spec.outside;
	buf_queue_add(f->spec.outside ? &end->outside : &end->outbox, b);
	return b;
}

static void count_inner(const struct flow *f, const struct packet *p)
{
	if (f->spec.outside)
		return;
	f->sim->inner_bytes += p->len;
	f->sim->inner_packets++;
}

/* NOP NOP timestamps, then SACK blocks if the ack has ranges. */
static void write_options(u8 *at, const struct packet *p, u32 sacks)
{
	at[0] = at[1] = 1;
	at[2] = 8;
	at[3] = 10;
	put_be32(at + 4, (u32)(p->sent_ns / NS_PER_MS));
	put_be32(at + 8, p->ack ? (u32)(p->ack->echo_ns / NS_PER_MS) : 0);
	if (!sacks)
		return;
	at[12] = at[13] = 1;
	at[14] = 5;
	at[15] = (u8)(2 + 8 * sacks);
}

struct packet *flow_send_tcp(struct flow *f, u32 direction, u32 number, u32 seq, u32 ack, u8 flags, u32 payload,
			     const struct ack_info *info)
{
	u32 sacks = info ? MIN(info->count + (info->copy != UINT32_MAX), 3) : 0;
	u32 header = 32 + (sacks ? 4 + 8 * sacks : 0);
	struct packet *p = record(f, direction, number, 20 + header + payload, info);
	struct buf *b = room(f, direction);
	u8 *tcp;

	if (!b)
		return p;
	count_inner(f, p);
	tcp = lay_out(f, direction, p, TG_PROTO_TCP, b);
	put_be32(tcp + 4, seq);
	put_be32(tcp + 8, ack);
	tcp[12] = (u8)(header / 4 << 4);
	tcp[13] = flags;
	put_be16(tcp + 14, 0xffff);
	put_be16(tcp + 18, (u16)(p->serial >> 16));
	write_options(tcp + 20, p, sacks);
	return p;
}

struct packet *flow_send_udp(struct flow *f, u32 direction, u32 number, u32 len, const struct ack_info *info)
{
	struct packet *p = record(f, direction, number, len, info);
	struct buf *b = room(f, direction);
	u8 *udp;

	if (!b)
		return p;
	count_inner(f, p);
	udp = lay_out(f, direction, p, TG_PROTO_UDP, b);
	put_be16(udp + 4, (u16)(len - 20));
	put_be32(udp + 8, p->serial);
	return p;
}

/* ---- in ---- */

static u32 serial_of(const struct buf *b)
{
	if (b->data[9] == TG_PROTO_TCP)
		return (u32)get_be16(b->data + 38) << 16 | get_be16(b->data + 4);
	return get_be32(b->data + 28);
}

static struct flow *flow_of(struct sim_end *end, const struct buf *b)
{
	u32 n = (end->side ? get_be16(b->data + 20) : get_be16(b->data + 22)) - FIRST_PORT;

	return b->len >= 40 && n < end->sim->flow_count ? end->sim->flows[n] : NULL;
}

static void note_order(struct flow_direction *w, const struct packet *p, const struct buf *b)
{
	w->delivered++;
	if (p->serial < w->highest)
		w->late++;
	w->highest = MAX(w->highest, p->serial);
	if (b->order == TG_ORDER_NONE)
		return;
	if (p->serial < w->highest_ordered)
		w->late_ordered++;
	w->highest_ordered = MAX(w->highest_ordered, p->serial);
}

void flow_close_gap(struct flow *f)
{
	u64 now = flow_now(f);

	if (!f->last_delivery_ns || !f->waits_since_ns || now - f->last_delivery_ns <= f->max_gap_ns)
		return;
	f->max_gap_ns = now - f->last_delivery_ns;
	f->max_gap_at_ns = sim_time_ns(f->sim);
}

void flow_progress(struct flow *f)
{
	u64 now = flow_now(f);

	if (f->last_progress_ns && now - f->last_progress_ns > f->max_stall_ns) {
		f->max_stall_ns = now - f->last_progress_ns;
		f->max_stall_at_ns = sim_time_ns(f->sim);
	}
	f->last_progress_ns = now;
}

static void note_gap(struct flow *f)
{
	flow_close_gap(f);
	f->last_delivery_ns = f->waits_since_ns = flow_now(f);
}

void flow_delivered(struct sim_end *end, struct buf *b)
{
	struct sim *s = end->sim;
	struct flow *f = flow_of(end, b);
	u32 direction = f ? f->spec.up ? 1 - end->side : end->side : 0;
	struct flow_direction *w = f ? f->way[direction] : NULL;
	struct packet *p;

	if (!f) {
		check_fail(&s->check, "a packet of no flow was delivered");
		return;
	}
	p = &w->log[serial_of(b) % FLOW_LOG];
	if (p->serial != serial_of(b) || !p->serial || p->len != b->len) {
		check_fail(&s->check, "flow %u: packet %u of %u bytes was delivered and is none that was sent lately", f->number,
			   serial_of(b), b->len);
		return;
	}
	if (p->delivered) {
		check_fail(&s->check, "flow %u: packet %u was delivered twice", f->number, p->serial);
		return;
	}
	p->delivered = true;
	note_order(w, p, b);
	if (!direction)
		note_gap(f);
	f->ops->arrived(f, direction, p);
	if (f->ops->batch_over && !f->touched) {
		f->touched = true;
		f->next_touched = end->touched;
		end->touched = f;
	}
}

void flow_batch_over(struct sim_end *end)
{
	while (end->touched) {
		struct flow *f = end->touched;

		end->touched = f->next_touched;
		f->touched = false;
		f->ops->batch_over(f);
	}
}

/* ---- begin and end ---- */

static void fire_start(struct event *e)
{
	struct flow *f = container_of(e, struct flow, start);

	f->last_delivery_ns = 0;
	f->ops->begin(f);
}

static void add_one(struct sim *s, const struct flow_spec *spec)
{
	const struct flow_ops *ops = ops_of[spec->kind];
	struct flow *f = calloc(1, ops->bytes);

	if (!f || s->flow_count == SIM_FLOWS || spec->outside > s->link_count)
		abort();
	f->ops = ops;
	f->sim = s;
	f->spec = *spec;
	f->number = s->flow_count;
	f->way[0] = calloc(1, sizeof(*f->way[0]));
	f->way[1] = calloc(1, sizeof(*f->way[1]));
	f->start.fire = fire_start;
	/* A millisecond apart: flows that begin at the same instant march in step for ever. */
	event_set(&s->events, &f->start, s->zero_ns + spec->start_ns + f->number * NS_PER_MS);
	s->flows[s->flow_count++] = f;
}

void flow_add(struct sim *s, const struct flow_spec *spec)
{
	for (u32 i = 0; i < spec->count; i++)
		add_one(s, spec);
}

bool flow_is_over(const struct flow *f)
{
	return sim_time_ns(f->sim) >= f->spec.stop_ns;
}

void flow_count_anew(struct flow *f)
{
	f->bytes = f->lost = f->retransmits = f->spurious = f->timeouts = f->requests = f->answers = 0;
	f->max_gap_ns = f->max_gap_at_ns = f->max_stall_ns = f->max_stall_at_ns = 0;
	f->counted_since_ns = flow_now(f);
	memset(&f->rtt, 0, sizeof(f->rtt));
	memset(&f->done, 0, sizeof(f->done));
	for (u32 i = 0; i < 2; i++) {
		f->late_before[i] = f->way[i]->late;
		f->delivered_before[i] = f->way[i]->delivered;
	}
}

void flow_free_all(struct sim *s)
{
	for (u32 i = 0; i < s->flow_count; i++) {
		struct flow *f = s->flows[i];

		event_set(&s->events, &f->start, TIME_NEVER);
		if (f->ops->end)
			f->ops->end(f);
		for (u32 way = 0; way < 2; way++) {
			for (u32 k = 0; k < FLOW_LOG; k++)
				free(f->way[way]->log[k].ack);
			free(f->way[way]);
		}
		free(f);
	}
}
