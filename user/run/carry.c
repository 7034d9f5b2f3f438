// SPDX-License-Identifier: MIT
/* carry.c - what the engine asks of its worker: send, deliver, admit, tell
 *
 * Called from within tunnel_*() calls, so nothing here calls back into the engine but to count.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/datapath.h"
#include "run/worker_parts.h"

#define RUNS_PER_SEND 64
#define VERSION_NOTE_US (60 * SEC)	/* between two that are told */

static bool is_trouble(int error)
{
	switch (error) {
	case ENETUNREACH:
	case ENETDOWN:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENODEV:
	case EADDRNOTAVAIL:
	case ECONNREFUSED:
	case EPERM:		/* a firewall rule on this host */
		return true;
	default:
		return false;
	}
}

void worker_note_trouble(struct worker *w, const struct link *k, int error)
{
	if (!k->watched || !is_trouble(error))
		return;
	for (u32 i = 0; i < w->trouble_count; i++)
		if (w->troubles[i].link == k->number)
			return;
	if (w->trouble_count < TROUBLES_PER_TURN)
		w->troubles[w->trouble_count++] = (struct trouble){ k->number, error };
}

static enum tg_drop drop_reason(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM ? TG_DROP_LINK_FULL : TG_DROP_LINK_ERROR;
}

static void send_on_link(struct worker *w, u32 number, const struct datagrams *runs, u32 n)
{
	struct link *k = links_find(&w->links, number);
	int error = ENOTCONN;
	u32 lost = 0;

	if (k) {
		lost = worker_send_link(w, k, runs, n, &error);
		links_answered(k, runs, n, w->now);
	} else {
		lost = datagrams_count_all(runs, n);
	}
	if (lost)
		tunnel_count_drop(w->tunnel, drop_reason(error), lost);
	if (k)
		worker_note_trouble(w, k, error);
}

/* Runs of several links come interleaved; each link gets its own in one call, order kept. */
static void send_by_link(struct worker *w, const struct datagrams *runs, u32 n)
{
	struct datagrams same[RUNS_PER_SEND];
	u64 done = 0;

	for (u32 i = 0; i < n; i++) {
		u32 count = 0;

		if (done >> i & 1)
			continue;
		for (u32 j = i; j < n; j++)
			if (runs[j].where.link == runs[i].where.link) {
				same[count++] = runs[j];
				done |= 1ULL << j;
			}
		send_on_link(w, runs[i].where.link, same, count);
	}
}

static void on_transmit(void *ctx, struct datagrams *runs, u32 n)
{
	struct worker *w = ctx;

	while (n) {
		u32 some = MIN(n, RUNS_PER_SEND);

		if (some == 1)
			send_on_link(w, runs->where.link, runs, 1);
		else
			send_by_link(w, runs, some);
		runs += some;
		n -= some;
	}
}

static void on_deliver(void *ctx, struct buf_queue *packets)
{
	struct worker *w = ctx;

	port_write(w->inside, packets);
}

static int on_admit(void *ctx, const struct tunnel_request *request, struct tunnel_grant *grant)
{
	struct worker *w = ctx;

	return w->admission.admit(w->admission.ctx, request, grant);
}

static void on_grant_unused(void *ctx, const struct tunnel_grant *grant)
{
	struct worker *w = ctx;

	w->admission.grant_unused(w->admission.ctx, grant);
}

/* The TUN device's queues: inner packets to a client go to its worker. */
static void own_addresses(struct worker *w, const struct tunnel_grant *g, bool own)
{
	if (!w->lanes)
		return;
	if (!own) {
		datapath_remove_inner(w->lanes, 4, g->ip4, w->number);
		datapath_remove_inner(w->lanes, 6, g->ip6, w->number);
		return;
	}
	if (g->ip4_len)
		(void)datapath_put_inner(w->lanes, 4, g->ip4, w->number);
	if (g->ip6_len)
		(void)datapath_put_inner(w->lanes, 6, g->ip6, w->number);
}

static void on_session_opened(void *ctx, const struct tunnel_grant *grant, u64 handle)
{
	struct worker *w = ctx;
	struct run_event *e = mailbox_event(&w->mail, EVENT_SESSION_OPENED);

	own_addresses(w, grant, true);
	w->admission.session_opened(w->admission.ctx, grant, handle);
	if (!e)
		return;
	e->grant = *grant;
	e->handle = handle;
	mailbox_post(&w->mail, e);
}

static void on_session_closed(void *ctx, const struct tunnel_grant *grant, u64 handle, enum tg_close_code code,
			      const struct tunnel_session_info *last)
{
	struct worker *w = ctx;
	struct run_event *e = mailbox_event(&w->mail, EVENT_SESSION_CLOSED);

	own_addresses(w, grant, false);
	w->admission.session_closed(w->admission.ctx, grant, handle, code, last);
	if (!e)
		return;
	e->grant = *grant;
	e->handle = handle;
	e->code = code;
	if (last)
		e->last = *last;
	mailbox_post(&w->mail, e);
}

static void on_connected(void *ctx, const struct tunnel_config *config)
{
	struct worker *w = ctx;
	struct run_event *e = mailbox_event(&w->mail, EVENT_CONNECTED);

	if (!e)
		return;
	e->config = *config;
	mailbox_post(&w->mail, e);
}

static void post_text(struct worker *w, enum event_kind kind, enum tg_close_code code, const char *text)
{
	struct run_event *e = mailbox_event(&w->mail, kind);

	if (!e)
		return;
	e->code = code;
	snprintf(e->text, sizeof(e->text), "%s", text ? text : "");
	mailbox_post(&w->mail, e);
}

static void on_disconnected(void *ctx, enum tg_close_code code, const char *text)
{
	post_text(ctx, EVENT_DISCONNECTED, code, text);
}

/* Whoever sees our first message can send such notes, as many as it likes. */
static void on_version_refused(void *ctx, const char *text)
{
	struct worker *w = ctx;

	if (w->now < w->version_note_us)
		return;
	w->version_note_us = w->now + VERSION_NOTE_US;
	post_text(w, EVENT_VERSION_REFUSED, TG_CLOSE_BYE, text);
}

static void on_path_changed(void *ctx, const struct tunnel_path_info *path, const char *why)
{
	struct worker *w = ctx;
	struct run_event *e = mailbox_event(&w->mail, EVENT_PATH_CHANGED);

	if (!e)
		return;
	e->path = *path;
	e->link = path->link;
	snprintf(e->text, sizeof(e->text), "%s", why ? why : "");
	mailbox_post(&w->mail, e);
}

/* ---- the filter in front of the links ---- */

#define KNOWN_US (3600 * SEC)		/* who proved an address has a share of the handshakes reserved for so long */

static void on_index_used(void *ctx, u32 index, u32 seen, u32 path)
{
	struct worker *w = ctx;

	if (w->datapath)
		datapath_put_index(w->datapath, index, seen, path);
}

static void on_index_freed(void *ctx, u32 index)
{
	struct worker *w = ctx;

	if (w->datapath)
		datapath_remove_index(w->datapath, index);
}

static bool on_seen_take(void *ctx, u32 *slot, struct tg_seen **seen, struct tg_skips **skips)
{
	struct worker *w = ctx;

	return w->datapath && datapath_take_seen(w->datapath, slot, seen, skips);
}

static void on_seen_give(void *ctx, u32 slot)
{
	struct worker *w = ctx;

	datapath_give_seen(w->datapath, slot);
}

static void on_address_proved(void *ctx, const struct addr *from)
{
	struct worker *w = ctx;

	if (w->datapath)
		datapath_know_source(w->datapath, from, w->now + KNOWN_US);
}

const struct tunnel_events worker_events = {
	.transmit = on_transmit,
	.deliver = on_deliver,
	.admit = on_admit,
	.grant_unused = on_grant_unused,
	.session_opened = on_session_opened,
	.session_closed = on_session_closed,
	.connected = on_connected,
	.disconnected = on_disconnected,
	.path_changed = on_path_changed,
	.version_refused = on_version_refused,
	.index_used = on_index_used,
	.index_freed = on_index_freed,
	.seen_take = on_seen_take,
	.seen_give = on_seen_give,
	.address_proved = on_address_proved,
};
