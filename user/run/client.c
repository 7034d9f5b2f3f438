// SPDX-License-Identifier: MIT
/* client.c - the life of a client daemon
 *
 *   check -> lock the instance, sweep -> device -> worker -> uplinks -> (loop) -> undo
 *
 * The loop is libevent's: netlink, the worker's events, a tick, signals, and what the hooks add.
 */
#define LOG_AREA LOG_AREA_SESSIONS

#include "run/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "host/nft.h"
#include "host/privileges.h"
#include "run/client_parts.h"
#include "run/filter.h"
#include "run/instance.h"

#define TICK_MS 500
#define RESCAN_GAP_US (20 * MSEC)	/* a burst of netlink events is one change */
#define BUFFERS 8192u
#define ADVISE_US (10 * SEC)
#define ADVISE_AGAIN_US (60 * SEC)

void client_fail(struct client *c, int err, const char *fmt, ...)
{
	va_list args;

	if (c->result)
		return;
	va_start(args, fmt);
	vsnprintf(c->error, RUN_ERROR_BYTES, fmt, args);
	va_end(args);
	c->result = err;
	event_base_loopexit(c->base, NULL);
}

struct policies *client_policies(struct client *c)
{
	return &c->policies;
}

int client_lanes(struct client *c, bool on, char error[RUN_ERROR_BYTES])
{
	return lanes_switch(c->datapath, c->worker, on, error);
}

void client_stop(struct client *c)
{
	event_base_loopexit(c->base, NULL);
}

const char *client_name(const struct client *c)
{
	return c->name;
}

const char *client_runtime_dir(const struct client *c)
{
	return c->runtime_dir;
}

const char *client_state_dir(const struct client *c)
{
	return c->state_dir;
}

/* ---- what the worker tells ---- */

static char *inner_text(const struct tunnel_config *k, char *out, size_t size)
{
	struct prefix p4 = { .family = 4, .len = k->ip4_len }, p6 = { .family = 6, .len = k->ip6_len };
	char a[ADDR_TEXT_BYTES] = "", b[ADDR_TEXT_BYTES] = "";

	memcpy(p4.ip, k->ip4, sizeof(k->ip4));
	memcpy(p6.ip, k->ip6, sizeof(k->ip6));
	if (k->ip4_len)
		prefix_format(&p4, a);
	if (k->ip6_len)
		prefix_format(&p6, b);
	snprintf(out, size, "%s%s%s", a, a[0] && b[0] ? " " : "", b);
	return out;
}

static void on_connected(struct client *c, const struct run_event *e)
{
	char inner[2 * ADDR_TEXT_BYTES];
	int err;

	c->config = e->config;
	c->has_config = c->was_connected = true;
	err = client_configure(c, c->error);
	if (err) {
		c->result = err;
		event_base_loopexit(c->base, NULL);
		return;
	}
	inner_text(&c->config, inner, sizeof(inner));
	log_info("connected: %s via %s", inner, c->tun_name);
	lifecycle_status("connected, %s", inner);
	if (c->said_connected)
		return;
	c->said_connected = true;
	printf("connected %s via %s\n", inner, c->tun_name);
	fflush(stdout);
	lifecycle_ready();
	if (c->hooks.connected)
		c->hooks.connected(c->hooks.ctx, c, &c->config);
}

/* Ended for good only where opening again would end the same way. */
static void on_disconnected(struct client *c, const struct run_event *e)
{
	switch (e->code) {
	case TG_CLOSE_REVOKED:
		client_fail(c, -ECONNREFUSED, "the server has revoked this key; ask its administrator for a new one");
		break;
	case TG_CLOSE_REPLACED:
		client_fail(c, -ECONNREFUSED, "another client connected with the same key; give each device a key of its own");
		break;
	default:
		log_warn("the server ended the session%s%s; opening a new one", e->text[0] ? ": " : "", e->text);
		lifecycle_status("reconnecting");
	}
}

static void on_path_changed(struct client *c, const struct run_event *e)
{
	const struct tunnel_path_info *p = &e->path;

	char rtt[32] = "-", loss[32] = "-";	/* nothing is measured yet */

	if (p->srtt_us) {
		snprintf(rtt, sizeof(rtt), "%.1f ms", p->srtt_us / 1000.0);
		snprintf(loss, sizeof(loss), "%.2f %%", p->loss_ppm / 10000.0);
	}
	log_info("path %s: %s (%s), rtt %s, loss %s", p->name, tunnel_path_state_name(p->state), e->text, rtt, loss);
	uplinks_path_changed(c, p);
	policies_refresh(&c->policies);
	if (c->hooks.path_changed)
		c->hooks.path_changed(c->hooks.ctx, c, p, e->text);
}

static void on_event(struct client *c, const struct run_event *e)
{
	struct uplink *u;

	switch (e->kind) {
	case EVENT_CONNECTED:
		on_connected(c, e);
		break;
	case EVENT_DISCONNECTED:
		on_disconnected(c, e);
		break;
	case EVENT_PATH_CHANGED:
		on_path_changed(c, e);
		break;
	case EVENT_VERSION_REFUSED:
		/* Nobody signs such a note and its source is not looked at, so it may only inform. */
		log_warn("somebody, perhaps the server, says that it speaks protocol versions %s, not ours (%d): "
			 "if nothing connects, update the older side", e->text, TG_VERSION_WIRE);
		break;
	case EVENT_LINK_UP:
		u = uplink_by_link(c, e->link);
		if (u && u->tcp.link == e->link)
			fallback_link_up(c, u);
		break;
	case EVENT_LINK_LOST:
		u = uplink_by_link(c, e->link);
		if (u && u->tcp.link == e->link)
			fallback_link_lost(c, u, e->error);
		break;
	case EVENT_TUN_LOST:
		client_fail(c, -ENODEV, "the device %s is gone: %s", c->tun_name, strerror(e->error));
		break;
	case EVENT_SESSION_OPENED:
	case EVENT_SESSION_CLOSED:
	case EVENT_PEERS_ASKED:
		break;		/* a server's */
	}
}

static void on_mail(int fd, short what, void *arg)
{
	struct client *c = arg;
	struct run_event *next;

	(void)fd;
	(void)what;
	for (struct run_event *e = mailbox_take(worker_mailbox(c->worker)); e; e = next) {
		next = e->next;
		on_event(c, e);
		free(e);
	}
	client_note_state(c);
}

/* ---- what the machine and the clock tell ---- */

static void on_rescan(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	uplinks_rescan(arg);
}

static void on_host_event(void *arg, const struct host_event *event)
{
	struct client *c = arg;
	u64 since = clock_now_us() - c->scanned_us;
	struct timeval wait = { 0, since < RESCAN_GAP_US ? (suseconds_t)(RESCAN_GAP_US - since) : 0 };

	if (event->kind == HOST_NEIGHBOUR) {
		xdp_neighbour(c, event->ifindex);
		return;
	}
	log_debug("netlink: event %d on %s", event->kind, event->name);
	if (!event_pending(c->rescan, EV_TIMEOUT, NULL))
		event_add(c->rescan, &wait);
}

static void watch_links(struct client *c);

static void on_links(int fd, short what, void *arg)
{
	struct client *c = arg;
	int err = host_monitor_read(c->monitor);

	(void)fd;
	(void)what;
	if (!err)
		return;
	log_warn("watching interfaces: %s; starting over", strerror(-err));
	event_free(c->links_changed);
	c->links_changed = NULL;
	host_monitor_free(c->monitor);
	c->monitor = NULL;
	watch_links(c);
	uplinks_rescan(c);
}

/* Without the monitor the tick tries again. */
static void watch_links(struct client *c)
{
	int err;

	if (c->monitor)
		return;
	err = host_monitor_new(&c->monitor, on_host_event, c);
	if (err) {
		log_warn("cannot watch interfaces: %s", strerror(-err));
		c->monitor = NULL;
		return;
	}
	c->links_changed = event_new(c->base, host_monitor_fd(c->monitor), EV_READ | EV_PERSIST, on_links, c);
	if (c->links_changed)
		event_add(c->links_changed, NULL);
}

/* The server answers nothing it cannot authenticate, so the reason can only be guessed at. */
static void advise(struct client *c, u64 now)
{
	char server[ADDR_TEXT_BYTES];

	if (c->was_connected || now < c->advise_us || !uplinks_usable(c))
		return;
	c->advise_us = now + ADVISE_AGAIN_US;
	log_warn("no answer from %s: is the server running, is its UDP port%s reachable, is this key still valid there?",
		 addr_format(&c->servers[0], server), c->set.no_tcp_fallback ? "" : " (or TCP)");
	lifecycle_status("no answer from %s", server);
}

static void on_tick(int fd, short what, void *arg)
{
	struct client *c = arg;
	u64 now = clock_now_us();

	(void)fd;
	(void)what;
	watch_links(c);
	fallback_tick(c, now);
	uplinks_reap(c, now);
	uplinks_usage_tick(c, now);
	xdp_tick(c, now);
	policies_tick(&c->policies);
	advise(c, now);
}

static void nothing(struct worker *w, void *arg)
{
	(void)w;
	(void)arg;
}

static void alive(void *arg)
{
	struct client *c = arg;

	worker_call(c->worker, nothing, NULL);
}

int client_reload(struct client *c, void *report, char error[RUN_ERROR_BYTES])
{
	return c->hooks.reload ? c->hooks.reload(c->hooks.ctx, c, report, error) : -ENOSYS;
}

/* The hook says in the log what became of it. */
static void reload(void *arg)
{
	char error[RUN_ERROR_BYTES];

	client_reload(arg, NULL, error);
}

/* ---- start ---- */

static const char *wanted_tun(const struct client *c)
{
	return c->set.tun_name[0] ? c->set.tun_name : RUN_TUN_NAME;
}

static int open_device(struct client *c, const char *name, char *error)
{
	struct device_settings set = { .kind = c->set.device, .name = name, .workers = 1, .lanes = !c->set.no_lanes, .xdp = c->set.xdp,
				       .host = c->host, .datapath = c->datapath, .umem = &c->umem };
	int err = device_open(c->queues, &set, error);

	if (err)
		return err;
	snprintf(c->tun_name, sizeof(c->tun_name), "%s", device_name(c->queues));
	c->finishes_csum = device_finishes(c->queues);
	return 0;
}

static struct datapath *open_datapath(struct client *c)
{
	struct datapath_settings set = { 0 };
	bool inside = !c->set.no_lanes || c->set.device == RUN_DEVICE_VETH;

	randombytes_buf(&set.hash_key, sizeof(set.hash_key));
	return filter_open(c->set.xdp, inside, &set, c->name, c->datapath_why);
}

/* A name with a number to be chosen ("tg%d") is known only once a TUN device is there; otherwise the
 * lock comes first: it says best what is wrong when the instance runs already. A veth pair needs the instance. */
static int open_instance(struct client *c, char *error)
{
	const char *tun = wanted_tun(c);
	bool choose = strchr(tun, '%'), is_open = false;
	int err = 0;

	if (choose && c->set.device == RUN_DEVICE_VETH) {
		err = device_choose_name(tun, c->tun_name);
	} else if (choose) {
		err = open_device(c, tun, error);
		is_open = !err;
	}
	if (err)
		return error[0] ? err : run_say(error, err, "no name like %s is free", tun);
	tun = choose ? c->tun_name : tun;
	snprintf(c->name, sizeof(c->name), "%s", c->set.place.name[0] ? c->set.place.name : tun);
	err = instance_open(&c->host, c->name, c->runtime_dir, c->state_dir, c->set.kill_switch, error);
	if (err)
		return err;
	c->datapath = open_datapath(c);
	return is_open ? 0 : open_device(c, tun, error);
}

void client_engine_settings(const struct client *c, struct tunnel_settings *t)
{
	const struct client_settings *s = &c->set;

	*t = (struct tunnel_settings){
		.has_credential = s->key.has_client,
		.suites = s->suites ? s->suites : s->key.suites,
		.wall_at_zero_ns = clock_wall_ns() - clock_now_us() * 1000,
		.mtu = s->mtu,
		.rekey_us = s->rekey_us,
		.keepalive_us = s->keepalive_us,
		.csum = c->finishes_csum,
	};
	run_sending_fill(&s->sending, t);
	memcpy(t->server_public, s->key.server_public, sizeof(t->server_public));
	memcpy(t->client_id, s->key.client_id, sizeof(t->client_id));
	memcpy(t->client_secret, s->key.client_secret, sizeof(t->client_secret));
}

static int start_worker(struct client *c, char *error)
{
	struct worker_settings set = { .buffer_count = c->set.buffer_count ? c->set.buffer_count : BUFFERS };
	int err;

	lanes_start(c->datapath, c->queues, 1);
	c->is_filtering = c->datapath && c->set.xdp != DATAPATH_OFF;
	set.datapath = c->is_filtering ? c->datapath : NULL;
	set.lanes = c->datapath;
	set.inside = c->queues[TG_LANE_BULK];
	set.inside_fast = c->queues[TG_LANE_INTERACTIVE];
	client_engine_settings(c, &set.tunnel);
	err = worker_start(&c->worker, &set);
	sodium_memzero(&set.tunnel, sizeof(set.tunnel));
	if (err)
		return run_say(error, err, "cannot start the worker: %s", strerror(-err));
	memset(c->queues, 0, sizeof(c->queues));
	c->policies.datapath = c->datapath;
	c->policies.worker = c->worker;
	c->policies.host = c->host;
	c->policies.tun = c->tun_name;
	return 0;
}

static int start_events(struct client *c, char *error)
{
	struct timeval tick = { 0, TICK_MS * 1000 };

	if (lifecycle_start(&c->life, c->base, alive, reload, c))
		return run_say(error, -ENOMEM, "cannot start: no memory");
	c->rescan = evtimer_new(c->base, on_rescan, c);
	c->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
	c->mail = event_new(c->base, worker_mailbox(c->worker)->event_fd, EV_READ | EV_PERSIST, on_mail, c);
	if (!c->rescan || !c->tick || !c->mail || event_add(c->tick, &tick) || event_add(c->mail, NULL))
		return run_say(error, -ENOMEM, "cannot start: no memory");
	watch_links(c);
	return 0;
}

/* Named interfaces may come later, but when there is not one of them it is more likely a slip. */
static int check_uplinks(const struct client *c, char *error)
{
	const struct client_settings *s = &c->set;

	for (u32 i = 0; i < s->uplink_count; i++)
		if (if_nametoindex(s->uplinks[i].name))
			return 0;
	if (!s->uplink_count || s->auto_discover)
		return 0;
	return run_say(error, -ENODEV, "there is no interface %s: give the name of one that exists (see: ip link)",
		 s->uplinks[0].name);
}

static int check(struct client *c, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = aead_init();

	if (err)
		return run_say(error, err, "libsodium does not start");
	err = host_check_privileges(HOST_NEED_NET_ADMIN | HOST_NEED_TUN, why);
	if (err)
		return run_say(error, err, "%s", why);
	err = check_uplinks(c, error);
	if (err)
		return err;
	err = client_resolve(c);
	if (err && !c->server_count && c->set.kill_switch)
		return run_say(error, -EHOSTUNREACH, "%s has no address now, and with a kill switch it cannot be asked for later", c->set.key.host);
	if (err && !c->server_count)
		log_warn("no address of the server is known yet; trying again every few seconds");
	return client_check_settings(c, error);
}

static int start(struct client *c, char *error)
{
	int err = check(c, error);

	if (!err)
		err = open_instance(c, error);
	if (!err)
		err = client_before(c, error);
	if (!err)
		err = start_worker(c, error);
	if (!err)
		err = start_events(c, error);
	if (err)
		return err;
	uplinks_usage_open(c);
	uplinks_configure(c);
	uplinks_rescan(c);
	(void)policies_change(&c->policies, NULL, &c->set.policies, (char[RUN_ERROR_BYTES]){ 0 });
	if (!uplinks_usable(c))
		log_warn("no usable uplink now (up, with an address and a default route); waiting for one");
	if (c->hooks.started)
		err = c->hooks.started(c->hooks.ctx, c, c->base, error);
	c->hooked = !err;
	return err;
}

/* ---- end ---- */

static void say_goodbye(struct worker *w, void *arg)
{
	(void)arg;
	worker_goodbye(w, "client ends");
}

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

/* Somebody asked for the end: then the host is as before. But where the daemon gives up by itself nobody has said that
 * traffic may leave in the clear from now on. */
static void leave_host(struct client *c, bool failed)
{
	bool keep = c->set.kill_switch && failed;
	char table[HOST_WHY_BYTES];

	if (keep && c->kill_switch_stands)
		log_warn("the kill switch stays; to remove it start and end %s again, or: nft delete table inet %s", c->name,
			 host_nft_kill_switch_table(c->host, table));
	host_close(c->host, keep);
}

static void end(struct client *c, bool failed)
{
	lifecycle_stopping();
	if (c->worker) {
		uplinks_usage_close(c);
		worker_call(c->worker, say_goodbye, NULL);
	}
	free_event(c->mail);
	free_event(c->links_changed);
	free_event(c->tick);
	free_event(c->rescan);
	host_monitor_free(c->monitor);
	lifecycle_end(&c->life);
	worker_stop(c->worker);
	filter_close(c->datapath, c->name);
	device_close(c->queues, 1);
	umem_close(c->umem);
	leave_host(c, failed);
	if (c->base)
		event_base_free(c->base);
	sodium_memzero(&c->set.key, sizeof(c->set.key));
	free(c);
}

static struct client *new_client(const struct client_settings *set, const struct client_hooks *hooks, char *error)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	lifecycle_lock_memory(&c->set.key, sizeof(c->set.key));
	c->set = *set;
	if (hooks)
		c->hooks = *hooks;
	c->error = error;
	c->state_dir = set->place.state_dir ? set->place.state_dir : RUN_STATE_DIR;
	c->runtime_dir = set->place.runtime_dir ? set->place.runtime_dir : RUN_RUNTIME_DIR;
	c->started_us = clock_now_us();
	c->advise_us = c->started_us + ADVISE_US;
	c->filter_wanted = set->xdp;
	c->base = event_base_new();
	if (c->base)
		return c;
	free(c);
	return NULL;
}

int client_run(const struct client_settings *set, const struct client_hooks *hooks, char error[RUN_ERROR_BYTES])
{
	struct client *c;
	int err;

	error[0] = '\0';
	lifecycle_protect();
	c = new_client(set, hooks, error);
	if (!c)
		return run_say(error, -ENOMEM, "cannot start: no memory");
	err = start(c, error);
	if (!err) {
		if (event_base_dispatch(c->base) < 0)
			client_fail(c, -EIO, "the event loop failed");
		err = c->result;
	}
	if (c->hooked && c->hooks.stopping)
		c->hooks.stopping(c->hooks.ctx, c);
	end(c, err);
	return err;
}
