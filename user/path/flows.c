// SPDX-License-Identifier: MIT
/* flows.c - which flows pass, and how much of each: for people who ask */
#include "path/flows.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4u
#define SETS (FLOWS_MAX / WAYS)
#define TICKS(us) ((u32)((us) >> 10))	/* 32 bits of 1024 us wrap after 50 days; nothing here looks back half as far */
#define MARK_APART TICKS(SEC / 2)
#define RATE_OVER TICKS(2 * SEC)	/* a mark older than this tells nothing about now */
#define STILL TICKS(SEC)		/* no packet for so long: it moves nothing */
#define MISSED TICKS(60 * SEC)
#define HEAD_BYTES 44u			/* both addresses and ports of an IPv6 packet without extensions */

struct mark {
	u64 sent, received;	/* bytes so far */
};

struct place {
	u8 src[16], dst[16];
	u16 sport, dport;
	u8 family, protocol, dscp;
	u8 marks;		/* in use: 1 or 2 */
	u32 first, mark_tick[2];
	u64 owner;
	u64 sent_packets, received_packets, sent_bytes, received_bytes;
	struct mark mark[2];	/* the newer one first */
};
_Static_assert(sizeof(struct place) <= 128, "two cache lines");

struct set {
	u32 hash[WAYS];		/* 0: free */
	u32 last[WAYS];		/* when its last packet came */
};

struct flows_table {
	struct set sets[SETS];
	struct place places[FLOWS_MAX];
	u8 head[HEAD_BYTES];	/* of the packet that came last, all zero: none whose like is told by these bytes */
	u32 head_hash;
};

/* ---- places ---- */

static bool has_table(struct flows *f)
{
	if (!f->table)
		f->table = calloc(1, sizeof(*f->table));
	return f->table;
}

static u32 find(const struct flows_table *t, u32 hash)
{
	const struct set *s = &t->sets[hash % SETS];

	for (u32 i = 0; i < WAYS; i++)
		if (s->hash[i] == hash)
			return hash % SETS * WAYS + i;
	return FLOWS_MAX;
}

static u32 silent_longest(const struct set *s, u32 tick)
{
	u32 chosen = 0;

	for (u32 i = 0; i < WAYS; i++) {
		if (!s->hash[i])
			return i;
		if (tick - s->last[i] > tick - s->last[chosen])
			chosen = i;
	}
	return chosen;
}

/* `flow` as it leaves this end. */
static u32 make(struct flows *f, u32 hash, const struct tg_flow *flow, u32 tick)
{
	struct set *s = &f->table->sets[hash % SETS];
	u32 way = silent_longest(s, tick), at = hash % SETS * WAYS + way;
	struct place *p = &f->table->places[at];

	f->replaced += s->hash[way] && tick - s->last[way] < MISSED;
	s->hash[way] = hash;
	*p = (struct place){
		.sport = flow->sport,
		.dport = flow->dport,
		.family = flow->family,
		.protocol = flow->protocol,
		.dscp = flow->tos >> 2,
		.marks = 1,
		.first = tick,
		.mark_tick = { tick },
	};
	memcpy(p->src, flow->src, sizeof(p->src));
	memcpy(p->dst, flow->dst, sizeof(p->dst));
	return at;
}

/* Before its totals grow: the marks that its rate is taken from follow, half a second apart. */
static struct place *touch(struct flows_table *t, u32 at, u64 owner, u32 tick)
{
	struct place *p = &t->places[at];

	t->sets[at / WAYS].last[at % WAYS] = tick;
	p->owner = owner;
	if (tick - p->mark_tick[0] < MARK_APART)
		return p;
	p->mark[1] = p->mark[0];
	p->mark_tick[1] = p->mark_tick[0];
	p->mark[0] = (struct mark){ p->sent_bytes, p->received_bytes };
	p->mark_tick[0] = tick;
	p->marks = 2;
	return p;
}

/* ---- packets ---- */

static bool parse(const struct buf *b, struct tg_flow *flow)
{
	return !tg_flow_parse(flow, b->data, b->data + b->len, b->len);
}

void flows_sent(struct flows *f, u64 owner, const struct buf *b, u64 now_us)
{
	struct tg_flow flow;
	struct place *p;
	u32 at;

	if (!b->flow_hash || !has_table(f))
		return;
	at = find(f->table, b->flow_hash);
	if (at == FLOWS_MAX) {
		if (!parse(b, &flow))
			return;
		at = make(f, b->flow_hash, &flow, TICKS(now_us));
	}
	p = touch(f->table, at, owner, TICKS(now_us));
	p->sent_packets++;
	p->sent_bytes += b->len;
}

/* Is it TCP or UDP, whole, its ports where `head` has them? */
static bool is_plain(const u8 *d, u32 len)
{
	if (len >= 28 && d[0] == 0x45)
		return (d[9] == TG_PROTO_TCP || d[9] == TG_PROTO_UDP) && !(d[6] & 0x3f) && !d[7];
	return len >= 48 && d[0] >> 4 == 6 && (d[6] == TG_PROTO_TCP || d[6] == TG_PROTO_UDP);
}

static bool is_like_last(const u8 *head, const u8 *d)
{
	if (d[0] == 0x45)
		return head[0] == 0x45 && head[9] == d[9] && !memcmp(head + 12, d + 12, 12);
	return head[0] >> 4 == 6 && head[6] == d[6] && !memcmp(head + 8, d + 8, 36);
}

static void turn(struct tg_flow *f)
{
	u8 ip[16];
	u16 port = f->sport;

	memcpy(ip, f->src, sizeof(ip));
	memcpy(f->src, f->dst, sizeof(ip));
	memcpy(f->dst, ip, sizeof(ip));
	f->sport = f->dport;
	f->dport = port;
}

static u32 find_received(struct flows *f, const struct buf *b, bool plain, u32 tick)
{
	struct flows_table *t = f->table;
	struct tg_flow flow;
	u32 hash, at;

	if (plain && is_like_last(t->head, b->data)) {
		at = find(t, t->head_hash);
		if (at < FLOWS_MAX)
			return at;
	}
	if (!parse(b, &flow))
		return FLOWS_MAX;
	turn(&flow);
	hash = tg_flow_hash(&flow, f->key);
	at = find(t, hash);
	if (at == FLOWS_MAX)
		at = make(f, hash, &flow, tick);
	if (plain) {
		memcpy(t->head, b->data, MIN(b->len, HEAD_BYTES));
		t->head_hash = hash;
	}
	return at;
}

void flows_received(struct flows *f, u64 owner, const struct buf *b, u64 now_us)
{
	struct place *p;
	u32 at;

	if (!has_table(f))
		return;
	at = find_received(f, b, is_plain(b->data, b->len), TICKS(now_us));
	if (at == FLOWS_MAX)
		return;
	p = touch(f->table, at, owner, TICKS(now_us));
	p->received_packets++;
	p->received_bytes += b->len;
}

void flows_free(struct flows *f)
{
	free(f->table);
	f->table = NULL;
}

/* ---- looking ---- */

/* The older mark tells more, unless it is that of another time. */
static void fill_rates(const struct place *p, u32 idle, u32 now, struct flow_info *out)
{
	u32 from = p->marks == 2 && now - p->mark_tick[1] <= RATE_OVER ? 1 : 0;
	u64 over_us;

	if (idle >= STILL)
		return;
	over_us = (u64)MAX(now - p->mark_tick[from], MARK_APART) << 10;
	out->sent_rate = (p->sent_bytes - p->mark[from].sent) * SEC / over_us;
	out->received_rate = (p->received_bytes - p->mark[from].received) * SEC / over_us;
}

static void fill(const struct flows_table *t, u32 at, u32 now, struct flow_info *out)
{
	const struct place *p = &t->places[at];
	u32 idle = now - t->sets[at / WAYS].last[at % WAYS];

	*out = (struct flow_info){
		.family = p->family,
		.protocol = p->protocol,
		.dscp = p->dscp,
		.sport = p->sport,
		.dport = p->dport,
		.hash = t->sets[at / WAYS].hash[at % WAYS],
		.owner = p->owner,
		.sent_packets = p->sent_packets,
		.sent_bytes = p->sent_bytes,
		.received_packets = p->received_packets,
		.received_bytes = p->received_bytes,
		.age_us = (u64)(now - p->first) << 10,
		.idle_us = (u64)idle << 10,
	};
	memcpy(out->src, p->src, sizeof(out->src));
	memcpy(out->dst, p->dst, sizeof(out->dst));
	fill_rates(p, idle, now, out);
}

u32 flows_list(const struct flows *f, u64 idle_us, struct flow_info *out, u32 max, u64 now_us)
{
	const struct flows_table *t = f->table;
	u32 now = TICKS(now_us), n = 0;

	for (u32 at = 0; t && at < FLOWS_MAX && n < max; at++) {
		const struct set *s = &t->sets[at / WAYS];

		if (s->hash[at % WAYS] && (u64)(now - s->last[at % WAYS]) << 10 <= idle_us)
			fill(t, at, now, &out[n++]);
	}
	return n;
}
