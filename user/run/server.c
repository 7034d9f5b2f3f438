// SPDX-License-Identifier: MIT
/* server.c - the life of a server daemon
 *
 *   check -> lock the instance, sweep -> device -> admission -> workers, each with its queue and
 *   sockets -> forwarding, firewall -> (loop) -> undo
 *
 * Workers share nothing but the admission. Every worker binds every listen address; the
 * kernel hands a datagram to the one whose number is in its receiver index. An inner packet reaches
 * the worker that last wrote to its flow: that is how a multi-queue TUN device picks queues.
 */
#include "run/server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "host/nft.h"
#include "host/privileges.h"
#include "host/routes.h"
#include "host/sysctl.h"
#include "host/tundev.h"
#include "run/lifecycle.h"
#include "run/worker.h"
#include "server/admission.h"

#define WORKERS_MAX (1u << TG_WORKER_BITS)
#define BUFFERS 8192u
#define FLUSH_S 10

struct server {
	struct server_settings set;
	struct server_hooks hooks;
	char name[RUN_NAME_BYTES];
	const char *state_dir, *runtime_dir;
	char tun_name[TUNNEL_NAME_BYTES];
	struct event_base *base;
	struct lifecycle life;
	struct host *host;
	struct admission *admission;
	struct tun *queues[WORKERS_MAX];	/* until a worker has them */
	struct worker *workers[WORKERS_MAX];
	struct event *mail[WORKERS_MAX];
	struct event *flush;
	u32 worker_count;
	struct addr bound[SERVER_MAX_LISTEN];
	u32 bound_count;
	u64 started_us;
	bool hooked;			/* the hooks saw the start, and will see the end */
	int result;
	char *error;
};

const char *server_name(const struct server *s)
{
	return s->name;
}

const char *server_runtime_dir(const struct server *s)
{
	return s->runtime_dir;
}

void server_stop(struct server *s)
{
	event_base_loopexit(s->base, NULL);
}

static int say(char *error, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int say(char *error, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, RUN_ERROR_BYTES, fmt, args);
	va_end(args);
	return err;
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

static void on_event(struct server *s, const struct run_event *e)
{
	switch (e->kind) {
	case EVENT_SESSION_OPENED:
		on_opened(s, e);
		break;
	case EVENT_SESSION_CLOSED:
		on_closed(s, e);
		break;
	case EVENT_TUN_LOST:
		s->result = say(s->error, -ENODEV, "the device %s is gone: %s", s->tun_name, strerror(e->error));
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
		on_event(s, e);
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
	int err = s->set.accounts ? accounts_flush(s->set.accounts) : 0;

	if (err)
		log_warn("cannot store the clients' state: %s", strerror(-err));
}

static void on_flush(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush(arg);
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

static void reload(void *arg)
{
	struct server *s = arg;

	if (s->hooks.reload)
		s->hooks.reload(s->hooks.ctx, s);
}

/* ---- start: device and host ---- */

static int default_prefix(struct prefix *p, bool none, const char *text)
{
	if (none) {
		*p = (struct prefix){ 0 };
		return 0;
	}
	if (!p->family && prefix_parse(p, text))
		return -EINVAL;
	prefix_mask(p);
	return 0;
}

static int check_pools(struct server *s, char *error)
{
	struct prefix *pools[] = { &s->set.pool4, &s->set.pool6 };
	char what[HOST_WHY_BYTES], text[ADDR_TEXT_BYTES];

	if (default_prefix(&s->set.pool4, s->set.no_pool4, SERVER_POOL4) ||
	    default_prefix(&s->set.pool6, s->set.no_pool6, SERVER_POOL6))
		return say(error, -EINVAL, "the address pools are no prefixes");
	for (size_t i = 0; i < ARRAY_SIZE(pools); i++) {
		if (!pools[i]->family || !host_overlap(pools[i], s->tun_name, what))
			continue;
		return say(error, -EINVAL, "the pool %s overlaps this host's networks (%s): choose another (--pool%s)",
			   prefix_format(pools[i], text), what, i ? "6" : "");
	}
	return 0;
}

static int open_host(struct server *s, char *error)
{
	struct host_settings set = { .name = s->name, .runtime_dir = s->runtime_dir, .state_dir = s->state_dir };
	char why[HOST_WHY_BYTES] = "";
	int err = host_open(&s->host, &set, why);

	if (err)
		return say(error, err, "%s", why[0] ? why : strerror(-err));
	err = host_sweep(s->host, false);
	if (err)
		log_warn("not everything a killed instance left could be removed: %s", strerror(-err));
	return 0;
}

static int open_queues(struct server *s, char *error)
{
	int err = tun_open(s->queues, s->worker_count, s->tun_name);

	switch (err) {
	case 0:
		return 0;
	case -ENOENT:
		return say(error, err, "/dev/net/tun is missing: load the module (modprobe tun)");
	case -EBUSY:
		return say(error, err, "the device %s is in use: choose another name (--tun-name)", s->tun_name);
	default:
		return say(error, err, "cannot make the device %s: %s", s->tun_name, strerror(-err));
	}
}

static int configure_device(struct server *s, char *error)
{
	struct host_tun set = { .name = s->tun_name, .mtu_bytes = s->set.mtu ? s->set.mtu : TG_INNER_MTU };
	char why[HOST_WHY_BYTES] = "";
	int err;

	admission_server_address(s->admission, &set.addr4, &set.addr6);
	err = host_tun_configure(&set, NULL, why);
	return err ? say(error, err, "addresses of %s: %.200s", s->tun_name, why[0] ? why : strerror(-err)) : 0;
}

static struct addr address_of(const struct prefix *p)
{
	struct addr a = { .family = p->family };

	memcpy(a.ip, p->ip, sizeof(a.ip));
	return a;
}

static int set_firewall(struct server *s, char *why)
{
	struct prefix own4, own6;
	struct host_nft_server set = {
		.tun = s->tun_name,
		.pool4 = s->set.pool4,
		.pool6 = s->set.pool6,
		.masquerade4 = !s->set.routed,
		.masquerade6 = !s->set.routed,
		.client_to_client = s->set.client_to_client,
		.allow = s->set.allow.at,
		.allow_count = s->set.allow.count,
	};

	admission_server_address(s->admission, &own4, &own6);
	set.inner4 = address_of(&own4);
	set.inner6 = address_of(&own6);
	return host_nft_server(s->host, &set, why);
}

/* The firewall first: no packet of a client may be forwarded without it. */
static int configure_forwarding(struct server *s, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = set_firewall(s, why);

	if (err)
		return say(error, err, "firewall: %.200s", why[0] ? why : strerror(-err));
	err = host_sysctl_forwarding(s->host, s->set.pool4.family, s->set.pool6.family, why);
	return err ? say(error, err, "forwarding: %.200s", why[0] ? why : strerror(-err)) : 0;
}

static int make_admission(struct server *s, char *error)
{
	struct admission_settings set = { .accounts = s->set.accounts, .pool4 = s->set.pool4, .pool6 = s->set.pool6,
					  .open = s->set.open, .max_sessions = s->set.max_connections };
	int err;

	if (!set.accounts && !set.open)
		return say(error, -EINVAL, "nobody could connect: neither clients nor --open");
	err = admission_new(&s->admission, &set);
	return err ? say(error, err, "the address pools have no room for clients: choose larger ones (--pool)") : 0;
}

/* ---- start: workers and sockets ---- */

static int engine_settings(const struct server *s, struct tunnel_settings *t)
{
	const struct server_settings *set = &s->set;

	*t = (struct tunnel_settings){
		.server = true,
		.wall_at_zero_ns = clock_wall_ns() - clock_now_us() * 1000,
		.mtu = set->mtu,
		.max_sessions = set->max_connections,
		.handshakes_per_second = set->handshakes_per_second,
		.rekey_us = set->rekey_us,
		.idle_timeout_us = set->idle_timeout_us,
		.csum = true,
		.aggregation = SCHED_FULL,
	};
	memcpy(t->server_secret, set->secret, sizeof(t->server_secret));
	return crypto_scalarmult_base(t->server_public, t->server_secret) ? -EINVAL : 0;
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
	int err = engine_settings(s, &set.tunnel);

	for (u32 i = 0; !err && i < s->worker_count; i++) {
		set.tunnel.worker = i;
		set.tun = s->queues[i];
		err = worker_start(&s->workers[i], &set);
		if (!err)
			s->queues[i] = NULL;
	}
	sodium_memzero(&set.tunnel, sizeof(set.tunnel));
	return err ? say(error, err, "cannot start the workers: %s", strerror(-err)) : 0;
}

struct listen_job {
	struct addr at;
	bool share;		/* SO_REUSEPORT */
	u32 steer;		/* != 0: the last of so many workers, put the steering program in */
	bool tcp;
	struct addr bound;
	int err;
};

static void listen_udp_job(struct worker *w, void *arg)
{
	struct listen_job *job = arg;
	struct udp_settings set = { .bind = job->at, .reuse_port = job->share };
	u32 link = worker_link_reserve(w);
	struct udp *u;

	job->err = link ? udp_open(&u, link, &set) : -ENOSPC;
	if (job->err) {
		worker_link_release(w, link);
		return;
	}
	udp_local(u, &job->bound);
	if (job->steer)
		job->err = udp_steer_workers(u, job->steer);
	if (job->err)
		udp_close(u);
	else
		job->err = worker_link_udp(w, link, u, false);
}

static void listen_tcp_job(struct worker *w, void *arg)
{
	struct listen_job *job = arg;
	struct tcp_listener *l;

	job->err = tcp_listen(&l, &job->at);
	if (!job->err)
		job->err = worker_listen_tcp(w, l);
}

static int listen_failed(char *error, int err, const struct addr *at, const char *kind)
{
	char text[ADDR_TEXT_BYTES];

	addr_format(at, text);
	switch (err) {
	case -EADDRINUSE:
		return say(error, err, "%s port %s is in use: stop what uses it (see: ss -lnp) or choose another (--listen)", kind, text);
	case -EADDRNOTAVAIL:
		return say(error, err, "%s is no address of this host: choose another (--listen)", text);
	case -EACCES:
		return say(error, err, "%s port %s needs a privilege (CAP_NET_BIND_SERVICE)", kind, text);
	default:
		return say(error, err, "cannot listen on %s %s: %s", kind, text, strerror(-err));
	}
}

/* Connections all go to the first worker: they carry no number that could choose one. */
static int listen_tcp(struct server *s, const struct addr *bound, char *error)
{
	struct listen_job job = { .at = *bound };

	if (s->set.tcp_port)
		job.at.port = s->set.tcp_port;
	worker_call(s->workers[0], listen_tcp_job, &job);
	return job.err ? listen_failed(error, job.err, &job.at, "TCP") : 0;
}

static int listen_at(struct server *s, const struct addr *at, char *error)
{
	struct listen_job job = { .at = *at, .share = s->worker_count > 1 };

	for (u32 i = 0; i < s->worker_count; i++) {
		if (s->worker_count > 1 && i == s->worker_count - 1)
			job.steer = s->worker_count;
		worker_call(s->workers[i], listen_udp_job, &job);
		if (job.err)
			return listen_failed(error, job.err, at, "UDP");
		job.at.port = job.bound.port;	/* port 0: the others share what the first got */
	}
	s->bound[s->bound_count++] = job.bound;
	return s->set.tcp_fallback ? listen_tcp(s, &job.bound, error) : 0;
}

/* Both families unless somebody chose; a kernel without IPv6 then does with one. */
static int listen_everywhere(struct server *s, char *error)
{
	struct addr any4 = { .family = 4, .port = TG_PORT }, any6 = { .family = 6, .port = TG_PORT };
	int err;

	for (u32 i = 0; i < s->set.listen_count; i++) {
		err = listen_at(s, &s->set.listen[i], error);
		if (err)
			return err;
	}
	if (s->set.listen_count)
		return 0;
	err = listen_at(s, &any4, error);
	if (err)
		return err;
	err = listen_at(s, &any6, error);
	if (err != -EAFNOSUPPORT && err != -EADDRNOTAVAIL)
		return err;
	log_info("no IPv6 here; listening on IPv4 only");
	error[0] = '\0';
	return 0;
}

/* ---- start ---- */

static int start_events(struct server *s, char *error)
{
	struct timeval every = { FLUSH_S, 0 };

	if (lifecycle_start(&s->life, s->base, alive, reload, s))
		return say(error, -ENOMEM, "cannot start: no memory");
	for (u32 i = 0; i < s->worker_count; i++) {
		s->mail[i] = event_new(s->base, worker_mailbox(s->workers[i])->event_fd, EV_READ | EV_PERSIST, on_mail, s);
		if (!s->mail[i] || event_add(s->mail[i], NULL))
			return say(error, -ENOMEM, "cannot start: no memory");
	}
	s->flush = event_new(s->base, -1, EV_PERSIST, on_flush, s);
	if (!s->flush || event_add(s->flush, &every))
		return say(error, -ENOMEM, "cannot start: no memory");
	return 0;
}

static int check(struct server *s, char *error)
{
	char why[HOST_WHY_BYTES] = "";
	int err = aead_init();

	if (err)
		return say(error, err, "libsodium does not start");
	err = host_check_privileges(HOST_NEED_NET_ADMIN | HOST_NEED_TUN, why);
	if (err)
		return say(error, err, "%s", why);
	return check_pools(s, error);
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
		check, open_host, open_queues, make_admission, configure_device, configure_forwarding,
		start_workers, listen_everywhere, start_events,
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
	announce(s);
	return 0;
}

/* ---- end ---- */

static void say_goodbye(struct worker *w, void *arg)
{
	(void)arg;
	tunnel_close_all(worker_tunnel(w), TG_CLOSE_BYE, "server stops", worker_now(w));
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
		tun_close(s->queues[i]);
	}
}

static void end(struct server *s)
{
	lifecycle_stopping();
	end_workers(s);
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
		return say(error, -ENOMEM, "cannot start: no memory");
	err = start(s, error);
	if (!err) {
		event_base_dispatch(s->base);
		err = s->result;
	}
	if (s->hooked && s->hooks.stopping)
		s->hooks.stopping(s->hooks.ctx, s);
	end(s);
	return err;
}

/* ---- looking in ---- */

struct close_job {
	const u8 *client_id;
	enum tg_close_code code;
	u32 closed;
};

static void close_job(struct worker *w, void *arg)
{
	struct close_job *job = arg;

	job->closed += tunnel_close_client(worker_tunnel(w), job->client_id, job->code, worker_now(w));
}

u32 server_close_client(struct server *s, const u8 client_id[8], enum tg_close_code code)
{
	struct close_job job = { .client_id = client_id, .code = code };

	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], close_job, &job);
	return job.closed;
}

struct look_job {
	struct server_snapshot *out;
	u32 room;
	int err;
};

static void add_session(void *arg, const struct tunnel_session_info *info)
{
	struct look_job *job = arg;
	struct server_snapshot *out = job->out;

	if (out->session_count == job->room) {
		u32 room = job->room ? 2 * job->room : 16;
		void *more = realloc(out->sessions, room * sizeof(*info));

		if (!more) {
			job->err = -ENOMEM;
			return;
		}
		out->sessions = more;
		job->room = room;
	}
	out->sessions[out->session_count++] = *info;
}

static void add_counters(struct tunnel_counters *sum, const struct tunnel_counters *one)
{
	for (int i = 0; i < TG_DROP_COUNT; i++)
		sum->drops[i] += one->drops[i];
	sum->handshakes_sent += one->handshakes_sent;
	sum->handshakes_received += one->handshakes_received;
	sum->sessions_opened += one->sessions_opened;
	sum->sessions_closed += one->sessions_closed;
	sum->rekeys += one->rekeys;
	sum->migrations += one->migrations;
	sum->cookies_sent += one->cookies_sent;
	sum->acks_sent += one->acks_sent;
	sum->acks_received += one->acks_received;
	sum->pings_sent += one->pings_sent;
	sum->half_open += one->half_open;
}

static void add_tun_counters(struct tun_counters *sum, const struct tun_counters *one)
{
	sum->reads += one->reads;
	sum->packets_read += one->packets_read;
	sum->bytes_read += one->bytes_read;
	sum->writes += one->writes;
	sum->packets_written += one->packets_written;
	sum->bytes_written += one->bytes_written;
	sum->drop_no_buf += one->drop_no_buf;
	sum->drop_malformed += one->drop_malformed;
	sum->drop_write += one->drop_write;
}

static void look_in(struct worker *w, void *arg)
{
	struct look_job *job = arg;

	tunnel_each_session(worker_tunnel(w), add_session, job, worker_now(w));
	add_counters(&job->out->counters, tunnel_counters(worker_tunnel(w)));
	add_tun_counters(&job->out->tun, tun_counters(worker_tun(w)));
}

int server_snapshot(struct server *s, struct server_snapshot *out)
{
	struct look_job job = { .out = out };

	memset(out, 0, sizeof(*out));
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], look_in, &job);
	if (job.err) {
		server_snapshot_free(out);
		return job.err;
	}
	out->now_us = clock_now_us();
	out->uptime_us = out->now_us - s->started_us;
	memcpy(out->name, s->name, sizeof(out->name));
	memcpy(out->tun_name, s->tun_name, sizeof(out->tun_name));
	memcpy(out->listen, s->bound, sizeof(out->listen));
	out->listen_count = s->bound_count;
	out->open = s->set.open;
	out->tcp = s->set.tcp_fallback;
	out->pool4 = s->set.pool4;
	out->pool6 = s->set.pool6;
	out->worker_count = s->worker_count;
	return 0;
}
