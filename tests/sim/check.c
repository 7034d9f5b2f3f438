// SPDX-License-Identifier: MIT
/* check.c - what must hold at every step of every simulation, whatever the links do */
#include "sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sim/flow.h"

#define TICK_NS (100 * NS_PER_MS)
#define NUMBERS_WINDOW 65536u
#define PACE_MULTIPLE 4u
#define PACE_SLACK 200000u		/* bytes: three times what one super-packet of the device holds */
#define STARVED_NS (5 * NS_PER_SEC)
#define IN_FLIGHT_MAX 64000000u
#define QUIET_BYTES 20000u		/* probes, acks and the like */

/* Packet numbers seen under a key. */
struct numbers {
	u32 highest;
	u64 seen[NUMBERS_WINDOW / 64];
};

void check_fail(struct check *c, const char *format, ...)
{
	va_list args;

	if (c->failures < CHECK_KEPT) {
		char *text = c->texts[c->failures];
		int n = snprintf(text, CHECK_TEXT, "%.3f s: ", (double)sim_time_ns(c->sim) / 1e9);

		va_start(args, format);
		vsnprintf(text + n, CHECK_TEXT - (size_t)n, format, args);
		va_end(args);
	}
	c->failures++;
}

/* ---- packet numbers ---- */

static struct numbers *numbers_of(struct check *c, u32 side, u32 receiver)
{
	u64 key = (u64)side << 32 | receiver;
	struct numbers *n = map_get(&c->numbers, key);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n || map_set(&c->numbers, key, n))
			abort();
	}
	return n;
}

/* Numbers may be out of order (a run waits in a pacer), but not by a whole window. */
static bool is_new(struct numbers *n, u32 number)
{
	u64 bit = 1ULL << number % 64;
	u64 *word = &n->seen[number % NUMBERS_WINDOW / 64];

	if (n->highest >= NUMBERS_WINDOW && number <= n->highest - NUMBERS_WINDOW)
		return false;
	if (number > n->highest + NUMBERS_WINDOW)
		memset(n->seen, 0, sizeof(n->seen));
	else
		for (u32 i = n->highest + 1; i <= number; i++)
			n->seen[i % NUMBERS_WINDOW / 64] &= ~(1ULL << i % 64);
	n->highest = MAX(n->highest, number);
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}

void check_datagram(struct check *c, u32 side, u32 link, const u8 *data, u32 len)
{
	u32 receiver, number;

	if (link <= CHECK_LINKS)
		c->pace_bytes[side][link] += len;
	if (len < TG_HEADER_BYTES || (data[0] != TG_TYPE_DATA && data[0] != TG_TYPE_CONTROL))
		return;
	receiver = get_be32(data + 4);
	number = get_be32(data + 8);
	if (!is_new(numbers_of(c, side, receiver), number))
		check_fail(c, "%s used packet number %u again under key %08x", side ? "server" : "client", number, receiver);
}

/* ---- ten times a second ---- */

static u64 pace_limit(const struct tunnel_path_info *p)
{
	if (!p->rate_measured)
		return TIME_NEVER;
	return p->rate_bytes * TICK_NS / NS_PER_SEC * PACE_MULTIPLE + PACE_SLACK;
}

static void check_pace(struct check *c, u32 side, u32 link, u64 limit)
{
	u64 bytes = c->pace_bytes[side][link], before = c->pace_limit[side][link];
	u64 most = MAX(limit, before);

	c->pace_bytes[side][link] = 0;
	c->pace_limit[side][link] = limit;
	/* Bounded by the estimate at either end of the tick; without one at either end, not at all. */
	if (!before || most == TIME_NEVER || c->sim->events.now_ns < c->pace_from_ns)
		return;
	c->worst_pace_permille = MAX(c->worst_pace_permille, bytes * 1000 / most);
	if (bytes > most)
		check_fail(c, "%s handed link %u %llu kB in 100 ms, the bound by its estimate is %llu kB",
			   side ? "server" : "client", link, (unsigned long long)bytes / 1000, (unsigned long long)most / 1000);
}

static u32 link_of(struct sim *s, u32 side, const struct tunnel_path_info *p)
{
	if (!side)
		return p->link;
	for (u32 i = 0; i < s->link_count; i++)
		if (addr_same_ip(&s->links[i].address, &p->remote))
			return i + 1;
	return 0;
}

static void check_paths(struct check *c, u32 side)
{
	struct tunnel_session_info info;
	u64 limits[CHECK_LINKS + 1];

	for (u32 i = 0; i <= CHECK_LINKS; i++)
		limits[i] = TIME_NEVER;
	sim_session(c->sim, side, &info);
	for (u32 i = 0; i < info.path_count; i++) {
		const struct tunnel_path_info *p = &info.paths[i];

		limits[link_of(c->sim, side, p)] = pace_limit(p);
		c->max_in_flight = MAX(c->max_in_flight, p->in_flight_bytes);
		if (p->in_flight_bytes > IN_FLIGHT_MAX)
			check_fail(c, "%llu bytes in flight on one path", (unsigned long long)p->in_flight_bytes);
	}
	for (u32 i = 1; i <= CHECK_LINKS; i++)
		check_pace(c, side, i, limits[i]);
}

/* Links that come and go reset the patience; after an outage of all of them senders have backed off for about as long. */
static void note_outage(struct check *c)
{
	u64 now = c->sim->events.now_ns;

	if (sim_any_link_up(c->sim)) {
		if (!c->up_since_ns)
			c->up_since_ns = now;
		return;
	}
	if (c->up_since_ns)
		c->down_since_ns = now;
	c->up_since_ns = 0;
	c->down_ns = now - c->down_since_ns;
}

static void check_starved(struct check *c)
{
	u64 now = c->sim->events.now_ns, patience = STARVED_NS + 2 * c->down_ns;

	if (!c->up_since_ns || now - c->up_since_ns < patience)
		return;
	for (u32 i = 0; i < c->sim->flow_count; i++) {
		struct flow *f = c->sim->flows[i];

		if (!f->waits_since_ns || flow_is_over(f) || now - f->waits_since_ns < patience)
			continue;
		check_fail(c, "flow %u (%s) has got nothing through for %.1f s with a link up", i, flow_kind_names[f->spec.kind],
			   (double)(now - f->waits_since_ns) / 1e9);
		f->waits_since_ns = now;
	}
}

static void fire_tick(struct event *e)
{
	struct check *c = container_of(e, struct check, tick);

	check_paths(c, 0);
	check_paths(c, 1);
	note_outage(c);
	check_starved(c);
	event_set(&c->sim->events, e, c->sim->events.now_ns + TICK_NS);
}

/* ---- at the end ---- */

static void check_order(struct check *c)
{
	struct tunnel_session_info info;
	u64 late[2] = { 0 };

	for (u32 i = 0; i < c->sim->flow_count; i++) {
		struct flow *f = c->sim->flows[i];

		for (u32 way = 0; way < 2; way++)
			late[f->spec.up ? 1 - way : way] += f->way[way]->late_ordered;
	}
	for (u32 side = 0; side < 2; side++)
		if (sim_session(c->sim, side, &info) && late[side] > info.reorder_late)
			check_fail(c, "%llu packets with an order came out of the %s after a later one, which counted %llu late",
				   (unsigned long long)late[side], side ? "server" : "client",
				   (unsigned long long)info.reorder_late);
}

void check_quiet(struct check *c)
{
	struct tunnel_session_info info;

	check_order(c);
	if (!c->up_since_ns || c->sim->events.now_ns - c->up_since_ns < 2 * NS_PER_SEC)
		return;		/* what waits for a link may still wait */
	for (u32 side = 0; side < 2; side++) {
		u32 left = buf_pool_left(c->sim->ends[side].pool);

		if (left < SIM_POOL)
			check_fail(c, "%u bufs of the %s are still in use with nothing going on", SIM_POOL - left,
				   side ? "server" : "client");
		sim_session(c->sim, side, &info);
		for (u32 i = 0; i < info.path_count; i++)
			if (info.paths[i].in_flight_bytes > QUIET_BYTES && info.paths[i].state == TUNNEL_PATH_UP)
				check_fail(c, "%llu bytes still in flight with nothing going on",
					   (unsigned long long)info.paths[i].in_flight_bytes);
	}
}

void check_bufs_back(struct check *c, u32 side, u32 left, u32 all)
{
	if (left != all)
		check_fail(c, "%u bufs of the %s never came back", all - left, side ? "server" : "client");
}

void check_begin(struct check *c, struct sim *s)
{
	c->sim = s;
	c->tick.fire = fire_tick;
	c->up_since_ns = c->down_since_ns = s->events.now_ns;
	event_set(&s->events, &c->tick, s->events.now_ns + TICK_NS);
}

void check_end(struct check *c)
{
	for (u32 i = 0; i < c->numbers.size; i++)
		free(c->numbers.entries[i].value);
	map_free(&c->numbers);
}
