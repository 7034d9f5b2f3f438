// SPDX-License-Identifier: MIT
/* wire_fuzz.c - hostile bytes into both engines: as they come, as a datagram, and as control frames behind the tag
 *
 * The first byte says which. The session stays open over all inputs; time moves a little with each.
 */
#include <errno.h>
#include <stdio.h>

#include "unit/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world w;

static void open_session(void)
{
	world_init(&w, 1);
	world_start(&w, 2);
	world_run(&w, SEC);
	if (!w.connected)
		abort();
}

/* Straight from a stranger, to one of the ends. */
static void as_datagram(const uint8_t *data, size_t size, bool to_server)
{
	struct flying f = { .to_server = to_server, .at_us = w.now_us, .len = (u32)size };

	memcpy(f.data, data, size);
	f.from.remote = to_server ? w.links[3].address : w.server_address;
	f.from.link = to_server ? 0 : 1;
	world_put(&w, &f);
}

/* Under valid keys: a hostile peer. */
static void as_frames(const uint8_t *data, size_t size, struct path *p)
{
	struct frames f = { .len = (u32)MIN(size, (size_t)FRAMES_BYTES) };

	if (!p || !p->current)
		return;
	memcpy(f.bytes, data, f.len);
	control_send(p, &f, NULL);
	out_flush(p->tunnel);
}

static void as_inner(const uint8_t *data, size_t size)
{
	struct buf_queue q = { 0 };
	struct buf *b = buf_take(w.client.pool);

	b->len = (u16)MIN(size, (size_t)1500);
	memcpy(b->data, data, b->len);
	buf_queue_add(&q, b);
	tunnel_send(w.client.tunnel, &q, w.now_us);
}

static struct path *server_path(u32 id)
{
	for (u32 i = 0; i < w.server.tunnel->by_handle.size; i++) {
		struct session *s = w.server.tunnel->by_handle.entries[i].value;

		if (s)
			return s->paths[id];
	}
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.client.tunnel)
		open_session();
	if (!size || size > 2000)
		return 0;
	switch (data[0] % 5) {
	case 0:
		as_datagram(data + 1, size - 1, true);
		break;
	case 1:
		as_datagram(data + 1, size - 1, false);
		break;
	case 2:
		as_frames(data + 1, size - 1, w.client.tunnel->uplinks[0]);
		break;
	case 3:
		as_frames(data + 1, size - 1, server_path(0));
		break;
	default:
		as_inner(data + 1, size - 1);
	}
	world_run(&w, 30 * MSEC);
	/* A goodbye from a hostile peer ends the session: begin again. */
	if (!w.client.tunnel->session || w.client.tunnel->closed || !server_path(0)) {
		world_end(&w);
		open_session();
	}
	return 0;
}
