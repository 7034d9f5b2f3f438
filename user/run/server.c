// SPDX-License-Identifier: MIT
/* server.c - the life of a server daemon
 *
 *   check -> lock the instance, sweep -> device -> admission -> workers, each with its queue and
 *   sockets -> forwarding, firewall -> (loop) -> undo
 *
 * Workers share nothing but the admission. Every worker binds every listen address; the
 * kernel hands a datagram to the one whose number is in its receiver index. An inner packet reaches the worker that
 * has its destination (lanes.h); where the kernel takes no steering program, the one that last wrote to its flow.
 */
#define LOG_AREA LOG_AREA_SESSIONS

#include "run/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "host/privileges.h"
#include "run/filter.h"
#include "run/instance.h"
#include "run/server_parts.h"
#include "server/admission.h"

#define BUFFERS 16384u
#define FIRSTS_PER_HANDSHAKE 40u	/* so many first messages per handshake that is afforded reach us: it takes that to answer newcomers with cookies */
#define FIRSTS_PER_SOURCE 2u	/* likewise, of one source prefix */
#define FLUSH_S 2	/* cheap when nothing changed */

const char *server_name(const struct server *s)
{
	return s->name;
}

const char *server_runtime_dir(const struct server *s)
{
	return s->runtime_dir;
}

struct policies *server_policies(struct server *s)
{
	return &s->policies;
}

int server_lanes(struct server *s, bool on, char error[RUN_ERROR_BYTES])
{
	return lanes_switch(s->datapath, s->workers[0], on, error);
}

void server_stop(struct server *s)
{
	event_base_loopexit(s->base, NULL);
}

/* ---- what the workers tell ---- */

static char *client_text(const struct tunnel_grant *g, char out[48])
{
	char id[17];

	sodium_bin2hex(id, sizeof(id), g->client_id, sizeof(g->client_id));
	snprintf(out, 48, "%s", g->anonymous ? "(anonymous)" : id);
	return out;
}

static char *grant_text(const struct tunnel_grant *g, char out[ADDR_TEXT_BYTES])
{
	struct addr a = { .family = 4 };

	memcpy(a.ip, g->ip4, sizeof(g->ip4));
	if (!g->ip4_len) {
		a.family = 6;
		memcpy(a.ip, g->ip6, sizeof(g->ip6));
	}
	return addr_format(&a, out);
}

static void on_opened(struct server *s, const struct run_event *e)
{
	char client[48], inner[ADDR_TEXT_BYTES];

	log_info("client %s connected, %s", client_text(&e->grant, client), grant_text(&e->grant, inner));
	if (s->hooks.session_opened)
		s->hooks.session_opened(s->hooks.ctx, s, &e->grant, e->handle);
}

static const char *close_text(enum tg_close_code code)
{
	static const char *const texts[] = {
		[TG_CLOSE_BYE] = "said goodbye",
		[TG_CLOSE_REVOKED] = "was revoked",
		[TG_CLOSE_REPLACED] = "opened a new session",
		[TG_CLOSE_IDLE] = "was silent for too long",
	};

	return (unsigned)code < ARRAY_SIZE(texts) ? texts[code] : "left";
}

static void on_closed(struct server *s, const struct run_event *e)
{
	char client[48], inner[ADDR_TEXT_BYTES];

	log_info("client %s %s, %s, %.1f MB from it, %.1f MB to it", client_text(&e->grant, client), close_text(e->code),
		 grant_text(&e->grant, inner), (double)e->last.delivered_bytes / 1e6, (double)e->last.carried_bytes / 1e6);
	if (s->hooks.session_closed)
		s->hooks.session_closed(s->hooks.ctx, s, &e->grant, e->handle, &e->last);
}

static void on_event(struct server *s, struct worker *w, const struct run_event *e)
{
	switch (e->kind) {
	case EVENT_SESSION_OPENED:
		on_opened(s, e);
		break;
	case EVENT_SESSION_CLOSED:
		on_closed(s, e);
		break;
	case EVENT_PEERS_ASKED:
		hops_asked(s, w);
		break;
	case EVENT_TUN_LOST:
		s->result = run_say(s->error, -ENODEV, "the device %s is gone: %s", s->tun_name, strerror(e->error));
		server_stop(s);
		break;
	default:
		break;	/* a client's */
	}
}

static void take_mail(struct server *s, struct worker *w)
{
	struct run_event *next;

	for (struct run_event *e = mailbox_take(worker_mailbox(w)); e; e = next) {
		next = e->next;
		on_event(s, w, e);
		sodium_memzero(&e->grant, sizeof(e->grant));
		free(e);
	}
}

static void on_mail(int fd, short what, void *arg)
{
	struct server *s = arg;

	(void)what;
	for (u32 i = 0; i < s->worker_count; i++)
		if (worker_mailbox(s->workers[i])->event_fd == fd)
			take_mail(s, s->workers[i]);
}

static void flush(struct server *s)
{
	if (s->set.accounts && accounts_flush(s->set.accounts))
		log_warn("cannot store the clients' state: %s", accounts_error(s->set.accounts));
}

static void on_flush(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
	server_look_at_interfaces(arg);
	policies_tick(server_policies(arg));
}

static void nothing(struct worker *w, void *arg)
{
	(void)w;
	(void)arg;
}

static void alive(void *arg)
{
	struct server *s = arg;

	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], nothing, NULL);
}

int server_reload(struct server *s, void *report, char error[RUN_ERROR_BYTES])
{
	return s->hooks.reload ? s->hooks.reload(s->hooks.ctx, s, report, error) : -ENOSYS;
}

/* The hook says in the log what became of it. */
static void reload(void *arg)
{
	char error[RUN_ERROR_BYTES];

	server_reload(arg, NULL, error);
}

/* ---- start ---- */

static int open_host(struct server *s, char *error)
{
	return instance_open(&s->host, s->name, s->runtime_dir, s->state_dir, true, error);
}

static int make_admission(struct server *s, char *error)
{
	struct admission_settings set = { .accounts = s->set.accounts, .pool4 = s->set.pool4, .pool6 = s->set.pool6,
					  .open = s->set.open, .max_sessions = s->set.max_connections };
	int err;

	if (!set.accounts && !set.open)
		return run_say(error, -EINVAL, "nobody could connect: neither clients nor --open");
	err = admission_new(&s->admission, &set);
	return err ? run_say(error, err, "the address pools have no room for clients: choose larger ones (--pool)") : 0;
}

int server_engine_settings(const struct server *s, struct tunnel_settings *t)
{
	const struct server_settings *set = &s->set;

	*t = (struct tunnel_settings){
		.server = true,
		.wall_at_zero_ns = clock_wall_ns() - clock_now_us() * 1000,
		.mtu = set->mtu,
		.handshakes_per_second = set->handshakes_per_second,
		.rekey_us = set->rekey_us,
		.idle_timeout_us = set->idle_timeout_us,
		.csum = s->finishes_csum,
	};
	run_sending_fill(&set->sending, t);
	memcpy(t->server_secret, set->secret, sizeof(t->server_secret));
	return crypto_scalarmult_base(t->server_public, t->server_secret) ? -EINVAL : 0;
}

static u32 handshakes_per_second(const struct server *s)
{
	return s->set.handshakes_per_second ? s->set.handshakes_per_second : 500;
}

static struct datapath *open_filter(struct server *s, enum datapath_mode mode)
{
	u32 rate = handshakes_per_second(s);
	struct datapath_settings set = { .server = true, .workers = s->worker_count,
					 .handshakes_per_second = rate * FIRSTS_PER_HANDSHAKE,
					 .handshakes_per_source = rate * FIRSTS_PER_SOURCE };

	set.hash_key = ((u64)randombytes_random() << 32) | randombytes_random();
	return filter_open(mode, !s->set.no_lanes || s->set.device == RUN_DEVICE_VETH, &set, s->name, s->datapath_why);
}

static void use_datapath(struct worker *w, void *arg)
{
	worker_use_datapath(w, arg);
}

int server_load_filter(struct server *s)
{
	if (s->is_filtering)
		return 0;
	if (!s->datapath && !s->datapath_why[0])	/* the lanes may have brought it, or the kernel has refused */
		s->datapath = open_filter(s, DATAPATH_NATIVE);
	if (!s->datapath)
		return -EIO;
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], use_datapath, s->datapath);
	s->is_filtering = true;
	return 0;
}

static int open_device(struct server *s, char *error)
{
	struct device_settings set = { .kind = s->set.device, .name = s->tun_name, .workers = s->worker_count, .lanes = !s->set.no_lanes,
				       .xdp = s->set.xdp, .host = s->host, .umem = &s->umems[0] };
	int err;

	set.datapath = s->datapath = open_filter(s, s->set.xdp);
	err = device_open(s->queues, &set, error);
	s->finishes_csum = !err && device_finishes(s->queues);
	return err;
}

void server_set_rates(struct server *s)
{
	u32 rate = handshakes_per_second(s);

	if (s->datapath)
		datapath_set_rates(s->datapath, rate * FIRSTS_PER_HANDSHAKE, rate * FIRSTS_PER_SOURCE);
}

static int start_workers(struct server *s, char *error)
{
	struct worker_settings set = {
		.admission = {
			.ctx = s->admission,
			.admit = admission_admit,
			.grant_unused = admission_grant_unused,
			.session_opened = admission_session_opened,
			.session_closed = admission_session_closed,
		},
		.buffer_count = s->set.buffer_count ? s->set.buffer_count : BUFFERS,
	};
	int err = server_engine_settings(s, &set.tunnel);

	if (!err && s->worker_count > 1)
		err = handover_open(&s->handover, s->worker_count);
	s->filter_wanted = s->set.xdp;
	s->is_filtering = s->datapath && s->set.xdp != DATAPATH_OFF;
	lanes_start(s->datapath, s->queues, s->worker_count);
	set.datapath = s->is_filtering ? s->datapath : NULL;
	set.handover = s->handover;
	set.lanes = s->policies.datapath = s->datapath;
	for (u32 i = 0; !err && i < s->worker_count; i++) {
		set.tunnel.worker = i;
		set.inside = s->queues[i * TG_LANES + TG_LANE_BULK];
		set.inside_fast = s->queues[i * TG_LANES + TG_LANE_INTERACTIVE];
		err = worker_start(&s->workers[i], &set);
		if (!err)
			s->queues[i * TG_LANES + TG_LANE_BULK] = s->queues[i * TG_LANES + TG_LANE_INTERACTIVE] = NULL;
	}
	sodium_memzero(&set.tunnel, sizeof(set.tunnel));
	return err ? run_say(error, err, "cannot start the workers: %s", strerror(-err)) : 0;
}

static int start_events(struct server *s, char *error)
{
	struct timeval every = { FLUSH_S, 0 };

	if (lifecycle_start(&s->life, s->base, alive, reload, s))
		return run_say(error, -ENOMEM, "cannot start: no memory");
	for (u32 i = 0; i < s->worker_count; i++) {
		s->mail[i] = event_new(s->base, worker_mailbox(s->workers[i])->event_fd, EV_READ | EV_PERSIST, on_mail, s);
		if (!s->mail[i] || event_add(s->mail[i], NULL))
			return run_say(error, -ENOMEM, "cannot start: no memory");
	}
	s->flush = event_new(s->base, -1, EV_PERSIST, on_flush, s);
	if (!s->flush || event_add(s->flush, &every))
		return run_say(error, -ENOMEM, "cannot start: no memory");
	return 0;
}

static int check(struct server *s, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = aead_init();

	if (err)
		return run_say(error, err, "libsodium does not start");
	err = host_check_privileges(HOST_NEED_NET_ADMIN | HOST_NEED_TUN, why);
	if (err)
		return run_say(error, err, "%s", why);
	return server_check_pools(s, error);
}

static void announce(const struct server *s)
{
	char at[ADDR_TEXT_BYTES], pool[ADDR_TEXT_BYTES];

	for (u32 i = 0; i < s->bound_count; i++)
		log_info("listening on %s, UDP%s", addr_format(&s->bound[i], at), s->set.tcp_fallback ? " and TCP" : "");
	if (s->set.pool4.family)
		log_info("clients get addresses of %s on %s", prefix_format(&s->set.pool4, pool), s->tun_name);
	if (s->set.pool6.family)
		log_info("clients get addresses of %s on %s", prefix_format(&s->set.pool6, pool), s->tun_name);
	lifecycle_status("listening");
	lifecycle_ready();
}

static int start(struct server *s, char *error)
{
	static int (*const steps[])(struct server *s, char *error) = {
		check, open_host, open_device, make_admission, server_configure_device, server_configure_forwarding,
		start_workers, server_listen, start_events,
	};
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		err = steps[i](s, error);
		if (err)
			return err;
	}
	if (s->hooks.started) {
		err = s->hooks.started(s->hooks.ctx, s, s->base, error);
		if (err)
			return err;
	}
	s->hooked = true;
	(void)policies_change(&s->policies, NULL, &s->set.policies, (char[RUN_ERROR_BYTES]){ 0 });
	server_look_at_interfaces(s);	/* takes its time, so it is last: people may talk to us already */
	announce(s);
	return 0;
}

/* ---- end ---- */

static void say_goodbye(struct worker *w, void *arg)
{
	(void)arg;
	worker_goodbye(w, "server stops");
}

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

static void end_workers(struct server *s)
{
	for (u32 i = 0; i < s->worker_count; i++) {
		struct worker *w = s->workers[i];

		free_event(s->mail[i]);
		if (w) {
			worker_call(w, say_goodbye, NULL);
			take_mail(s, w);
			worker_stop(w);
		}
	}
	device_close(s->queues, s->worker_count);
}

static void end(struct server *s)
{
	lifecycle_stopping();
	end_workers(s);
	handover_close(s->handover);
	server_xdp_end(s);
	hops_end(s);
	filter_close(s->datapath, s->name);
	free_event(s->flush);
	flush(s);
	lifecycle_end(&s->life);
	admission_free(s->admission);
	host_close(s->host, false);
	event_base_free(s->base);
	sodium_memzero(s->set.secret, sizeof(s->set.secret));
	free(s);
}

static struct server *new_server(const struct server_settings *set, const struct server_hooks *hooks, char *error)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	lifecycle_lock_memory(s->set.secret, sizeof(s->set.secret));
	s->set = *set;
	if (hooks)
		s->hooks = *hooks;
	s->error = error;
	snprintf(s->tun_name, sizeof(s->tun_name), "%s", set->tun_name[0] ? set->tun_name : RUN_TUN_NAME);
	snprintf(s->name, sizeof(s->name), "%s", set->place.name[0] ? set->place.name : s->tun_name);
	s->state_dir = set->place.state_dir ? set->place.state_dir : RUN_STATE_DIR;
	s->runtime_dir = set->place.runtime_dir ? set->place.runtime_dir : RUN_RUNTIME_DIR;
	s->worker_count = MIN(MAX(set->workers, 1u), WORKERS_MAX);
	s->started_us = clock_now_us();
	s->base = event_base_new();
	if (s->base)
		return s;
	free(s);
	return NULL;
}

int server_run(const struct server_settings *set, const struct server_hooks *hooks, char error[RUN_ERROR_BYTES])
{
	struct server *s;
	int err;

	error[0] = '\0';
	lifecycle_protect();
	s = new_server(set, hooks, error);
	if (!s)
		return run_say(error, -ENOMEM, "cannot start: no memory");
	err = start(s, error);
	if (!err) {
		if (event_base_dispatch(s->base) < 0)
			s->result = run_say(error, -EIO, "the event loop failed");
		err = s->result;
	}
	if (s->hooked && s->hooks.stopping)
		s->hooks.stopping(s->hooks.ctx, s);
	end(s);
	return err;
}

