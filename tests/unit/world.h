// SPDX-License-Identifier: MIT
/* world.h - a client and a server engine with a small network between them, in virtual time
 *
 *   client  link 1  192.0.2.1   ---- delay, loss, cut ----+
 *           link 2  192.0.2.2   ---- delay, loss, cut ----+---  198.51.100.1:7443  server
 *           ...                                           |
 *
 * Nothing here sleeps or reads a clock; the same seed gives the same run.
 */
#ifndef TG_TESTS_WORLD_H
#define TG_TESTS_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/types.h"
#include "tunnel/internal.h"

#define WORLD_LINKS 4u
#define WORLD_POOL 8192u

struct world_link {
	struct addr address;	/* the client's, as the server sees it */
	u64 delay_us;
	u32 loss_permille;
	u32 mtu;		/* IP packets (IPv4) above this vanish; 0: none do */
	bool cut;		/* silent black hole */
	u64 rate_bytes;		/* per second, towards the server; 0: unlimited */
	u64 free_us;		/* when its queue of 100 ms will be empty */
};

struct flying {
	u64 at_us;
	bool to_server;
	struct endpoint from;
	u32 len;
	u8 data[2048];
};

/* One datagram as it passed, for tests that replay or edit. */
typedef bool (*world_tap)(void *arg, struct flying *f);

struct world_end {
	struct world *world;
	struct tunnel *tunnel;
	struct buf_pool *pool;
	struct rand_source random;
	u32 delivered;		/* inner packets that came out here */
	u32 out_of_order;	/* of them with a lower number than one before */
	u32 highest;
};

struct world {
	u8 wanted_path;		/* of the packets that are sent: a path's id plus one, or 0 */
	u16 flow;		/* likewise: added to their source port */
	u8 tos;			/* likewise: their IPv4 type of service, with ECN */
	u8 link_flags[WORLD_LINKS + 1];
	u64 now_us;
	struct rand_source random;
	struct world_link links[WORLD_LINKS + 1];	/* by link number; 0 unused */
	struct addr server_address;
	struct flying *sky;
	u32 flying, sky_size;
	u64 bytes_to_client, bytes_to_server;
	struct world_end client, server;
	u8 server_secret[32], server_public[32], client_secret[32];
	bool refuse, open;	/* server: admit nobody; admit without credential */
	u8 last_time[12];
	u32 connected, disconnected, opened, closed, unused, version_notes;
	enum tg_close_code close_code;
	struct tunnel_config config;
	struct tunnel_settings client_settings, server_settings;
	world_tap tap;
	void *tap_arg;
	world_tap filter;	/* when it arrives; false: dropped */
	const struct tunnel_events *events;	/* NULL: world_events */
};

static inline void world_put(struct world *w, const struct flying *f)
{
	if (w->flying == w->sky_size) {
		w->sky_size = w->sky_size ? 2 * w->sky_size : 256;
		w->sky = realloc(w->sky, w->sky_size * sizeof(*w->sky));
	}
	w->sky[w->flying++] = *f;
}

static inline bool world_lost(struct world *w, const struct world_link *l, const struct flying *f)
{
	return l->cut || (l->mtu && f->len + 28 > l->mtu) || (l->loss_permille && rand_u32(&w->random) % 1000 < l->loss_permille);
}

/* Time the datagram leaves the link's drop-tail queue; TIME_NEVER: it was full. */
static inline u64 world_departure(struct world *w, struct world_link *l, const struct flying *f)
{
	if (!l->rate_bytes || !f->to_server)
		return w->now_us;
	if (l->free_us > w->now_us + 100 * MSEC)
		return TIME_NEVER;
	l->free_us = MAX(l->free_us, w->now_us) + f->len * SEC / l->rate_bytes;
	return l->free_us;
}

static inline void world_fly(struct world *w, struct world_link *l, struct flying *f)
{
	u64 departure = world_departure(w, l, f);

	if (departure == TIME_NEVER)
		return;
	f->at_us = departure + l->delay_us;
	if (world_lost(w, l, f) || (w->tap && !w->tap(w->tap_arg, f)))
		return;
	*(f->to_server ? &w->bytes_to_server : &w->bytes_to_client) += f->len;
	world_put(w, f);
}

static inline void world_transmit(void *ctx, struct datagrams *runs, u32 n)
{
	struct world_end *end = ctx;
	struct world *w = end->world;

	for (u32 i = 0; i < n; i++) {
		const struct datagrams *r = &runs[i];

		for (u32 at = 0; at < r->len; at += r->segment_bytes) {
			struct flying f = { .to_server = end == &w->client, .len = MIN(r->segment_bytes, r->len - at) };
			u32 link = r->where.link;

			memcpy(f.data, r->data + at, f.len);
			if (f.to_server) {
				f.from.remote = w->links[link].address;
				f.from.local = w->server_address;
				world_fly(w, &w->links[link], &f);
				continue;
			}
			f.from.remote = w->server_address;
			for (link = 1; link <= WORLD_LINKS; link++) {
				if (!addr_equal(&w->links[link].address, &r->where.remote))
					continue;
				f.from.link = link;
				world_fly(w, &w->links[link], &f);
			}
		}
	}
}

/* Inner test packets: IPv4 UDP, the payload opens with a counter. */
static inline void world_deliver(void *ctx, struct buf_queue *q)
{
	struct world_end *end = ctx;
	struct buf *b;

	while ((b = buf_queue_take(q))) {
		u32 number = get_be32(b->data + 28);

		end->delivered++;
		if (number < end->highest)
			end->out_of_order++;
		end->highest = MAX(end->highest, number);
		buf_put(b);
	}
}

static inline int world_admit(void *ctx, const struct tunnel_request *r, struct tunnel_grant *g)
{
	struct world *w = ((struct world_end *)ctx)->world;

	if (w->refuse || (r->anonymous && !w->open))
		return -EACCES;
	if (!r->anonymous && memcmp(r->time, w->last_time, 12) <= 0)
		return -EALREADY;
	memcpy(g->psk, w->client_secret, 32);
	memcpy(g->ip4, "\x0a\x00\x55\x02", 4);
	g->ip4_len = 24;
	return 0;
}

static inline void world_unused(void *ctx, const struct tunnel_grant *g)
{
	(void)g;
	((struct world_end *)ctx)->world->unused++;
}

static inline void world_opened(void *ctx, const struct tunnel_grant *g, u64 handle)
{
	struct world *w = ((struct world_end *)ctx)->world;

	(void)handle;
	w->opened++;
	memcpy(w->last_time, g->time, 12);
}

static inline void world_closed(void *ctx, const struct tunnel_grant *g, u64 handle, enum tg_close_code code,
				const struct tunnel_session_info *last)
{
	(void)g, (void)handle, (void)code, (void)last;
	((struct world_end *)ctx)->world->closed++;
}

static inline void world_connected(void *ctx, const struct tunnel_config *config)
{
	struct world *w = ((struct world_end *)ctx)->world;

	w->connected++;
	w->config = *config;
}

static inline void world_disconnected(void *ctx, enum tg_close_code code, const char *text)
{
	struct world *w = ((struct world_end *)ctx)->world;

	(void)text;
	w->disconnected++;
	w->close_code = code;
}

static inline void world_version(void *ctx, const char *text)
{
	(void)text;
	((struct world_end *)ctx)->world->version_notes++;
}

static const struct tunnel_events world_events = {
	.transmit = world_transmit,
	.deliver = world_deliver,
	.admit = world_admit,
	.grant_unused = world_unused,
	.session_opened = world_opened,
	.session_closed = world_closed,
	.connected = world_connected,
	.disconnected = world_disconnected,
	.version_refused = world_version,
};

static inline void world_start_end(struct world *w, struct world_end *end, const struct tunnel_settings *set)
{
	end->world = w;
	if (!end->pool)
		end->pool = buf_pool_new(WORLD_POOL);
	end->tunnel = tunnel_new(set, w->events ? w->events : &world_events, end, end->pool, &end->random, w->now_us);
}

static inline void world_start_server(struct world *w)
{
	world_start_end(w, &w->server, &w->server_settings);
}

static inline void world_start_client(struct world *w, u32 links)
{
	world_start_end(w, &w->client, &w->client_settings);
	for (u32 i = 1; i <= links; i++) {
		struct tunnel_uplink u = { .link = i, .remote = w->server_address, .flags = w->link_flags[i] };

		u.name[0] = (char)('a' + i - 1);
		tunnel_path_add(w->client.tunnel, &u, w->now_us);
	}
}

/* Keys and addresses; tests may change the settings before world_start(). */
static inline void world_init(struct world *w, u64 seed)
{
	char text[32];

	memset(w, 0, sizeof(*w));
	w->now_us = 1000 * SEC;
	rand_seeded(&w->random, seed);
	rand_seeded(&w->client.random, seed + 1);
	rand_seeded(&w->server.random, seed + 2);
	aead_init();
	rand_fill(&w->random, w->server_secret, 32);
	rand_fill(&w->random, w->client_secret, 32);
	noise_public_from_secret(w->server_secret, w->server_public);
	addr_parse(&w->server_address, "198.51.100.1:7443", 0);
	for (u32 i = 1; i <= WORLD_LINKS; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u:1000", i);
		addr_parse(&w->links[i].address, text, 0);
		w->links[i].delay_us = 10 * MSEC * i;
	}
	w->server_settings.server = true;
	w->server_settings.csum = w->client_settings.csum = true;
	memcpy(w->server_settings.server_secret, w->server_secret, 32);
	memcpy(w->server_settings.server_public, w->server_public, 32);
	memcpy(w->client_settings.server_public, w->server_public, 32);
	memcpy(w->client_settings.client_secret, w->client_secret, 32);
	memcpy(w->client_settings.client_id, "client 1", 8);
	w->client_settings.has_credential = true;
	w->client_settings.aggregation = w->server_settings.aggregation = SCHED_AUTO;
	w->client_settings.wall_at_zero_ns = 1700000000ULL * 1000000000ULL;
}

static inline void world_start(struct world *w, u32 links)
{
	world_start_server(w);
	world_start_client(w, links);
}

static inline void world_end(struct world *w)
{
	tunnel_free(w->client.tunnel);
	tunnel_free(w->server.tunnel);
	buf_pool_free(w->client.pool);	/* asserts that every buf came back */
	buf_pool_free(w->server.pool);
	free(w->sky);
}

static inline u32 world_next_flying(const struct world *w)
{
	u32 best = 0;

	for (u32 i = 1; i < w->flying; i++)
		if (w->sky[i].at_us < w->sky[best].at_us)
			best = i;
	return best;
}

static inline void world_land(struct world *w, u32 i)
{
	struct flying f = w->sky[i];
	struct world_end *end = f.to_server ? &w->server : &w->client;
	struct datagrams run = { .where = f.from, .data = f.data, .len = f.len, .segment_bytes = f.len };

	memmove(&w->sky[i], &w->sky[i + 1], (w->flying - i - 1) * sizeof(f));	/* equal times keep their order */
	w->flying--;
	if (w->filter && !w->filter(w->tap_arg, &f))
		return;
	if (end->tunnel)
		tunnel_receive(end->tunnel, &run, 1, w->now_us);
}

/* Runs until `until_us` of virtual time. */
static inline void world_run_until(struct world *w, u64 until_us)
{
	for (;;) {
		u32 i = world_next_flying(w);
		u64 land = w->flying ? w->sky[i].at_us : TIME_NEVER;
		u64 client = w->client.tunnel ? tunnel_due_us(w->client.tunnel) : TIME_NEVER;
		u64 server = w->server.tunnel ? tunnel_due_us(w->server.tunnel) : TIME_NEVER;
		u64 next = MIN(land, MIN(client, server));

		if (next > until_us)
			break;
		if (next > w->now_us)
			w->now_us = next;
		else if (next != land)
			w->now_us += 10;	/* a timer that re-arms for now must not stop time */
		if (next == land)
			world_land(w, i);
		else
			tunnel_tick(next == client ? w->client.tunnel : w->server.tunnel, w->now_us);
	}
	w->now_us = until_us;
}

static inline void world_run(struct world *w, u64 us)
{
	world_run_until(w, w->now_us + us);
}

/* Sends one inner UDP packet of `len` bytes with this number from the end's side. */
static inline void world_send(struct world *w, struct world_end *end, u32 number, u32 len)
{
	static const u8 client_ip[4] = { 10, 0, 85, 2 }, host_ip[4] = { 203, 0, 113, 5 };
	bool from_client = end == &w->client;
	struct buf_queue q = { 0 };
	struct buf *b = buf_take(end->pool);

	memset(b->data, 0, len);
	b->len = (u16)len;
	b->wanted_path = w->wanted_path;
	b->data[0] = 0x45;
	b->data[1] = w->tos;
	put_be16(b->data + 2, (u16)len);
	b->data[8] = 64;
	b->data[9] = 17;
	memcpy(b->data + 12, from_client ? client_ip : host_ip, 4);
	memcpy(b->data + 16, from_client ? host_ip : client_ip, 4);
	put_be16(b->data + 20, (u16)(4000 + w->flow));
	put_be16(b->data + 22, 5000);
	put_be16(b->data + 24, (u16)(len - 20));
	put_be32(b->data + 28, number);
	buf_queue_add(&q, b);
	tunnel_send(end->tunnel, &q, w->now_us);
}

/* A steady flow: one packet every `gap_us` for `us`. Returns how many were sent. */
static inline u32 world_flow(struct world *w, struct world_end *end, u64 us, u64 gap_us, u32 len, u32 first)
{
	u64 until = w->now_us + us;
	u32 n = 0;

	for (; w->now_us < until; n++) {
		world_send(w, end, first + n, len);
		world_run(w, gap_us);
	}
	return n;
}

static inline u64 world_drops(const struct world_end *end)
{
	u64 sum = 0;

	for (u32 i = 0; i < TG_DROP_COUNT; i++)
		sum += tunnel_counters(end->tunnel)->drops[i];
	return sum;
}

#endif
