// SPDX-License-Identifier: MIT
/* server_xdp.c - AF_XDP beside a server's sockets: on every Ethernet interface that has a listen address
 *
 *   sockets alone --wanted, device can, program attached, bound--> AF_XDP and sockets, same addresses and ports
 *        ^                                                             |
 *        '-- device or address gone, program taken away, queues or MTU changed --'   (the last two: and opened again)
 *
 * The rules are those of a client's uplink (uplink_xdp.c): the sockets stay, so to fall back moves no path, and what stands in the way is
 * logged once. Receive queue q belongs to worker q % N, which has a umem of its own; a worker without a queue on an interface sends by its sockets
 * and receives through the hand-over.
 */
#define LOG_AREA LOG_AREA_DATAPATH

#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "host/nic.h"
#include "link/xsk.h"
#include "run/filter.h"
#include "run/ports.h"
#include "run/server_parts.h"

#define FRAMES 8192u		/* of a worker's umem: 16 MB, there only when an interface uses AF_XDP */
#define RETRY_US (30 * SEC)

static enum run_datapath wanted(const struct server *s)
{
	return s->set.datapath == RUN_DATAPATH_UNSAID ? RUN_DATAPATH_AUTO : s->set.datapath;
}

const char *server_xdp_name(const struct server_xdp *x)
{
	if (!x->on)
		return "udp";
	if (x->mode == DATAPATH_GENERIC)
		return "xdp generic";
	return x->zero_copy ? "xdp native zero-copy" : "xdp native";
}

/* Why it is the sockets alone; the same reason twice is no news. */
static void tell(struct server_xdp *x, u64 retry_us, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(struct server_xdp *x, u64 retry_us, const char *format, ...)
{
	char why[sizeof(x->told)];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	x->retry_us = retry_us;
	if (!strcmp(why, x->told))
		return;
	memcpy(x->told, why, sizeof(why));
	log_info("interface %s: sockets, not AF_XDP: %s", x->name, why);
}

/* ---- on the workers' threads ---- */

struct port_job {
	u32 ifindex;
	struct xsk *x;
	int err;
};

static void add_job(struct worker *w, void *arg)
{
	struct port_job *job = arg;

	job->err = worker_add_port(w, job->ifindex, job->x);
}

static void drop_job(struct worker *w, void *arg)
{
	struct port_job *job = arg;

	worker_drop_port(w, job->ifindex);
}

/* A worker closes a socket whose device has vanished; that is seen here later. */
static void look_job(struct worker *w, void *arg)
{
	struct port_job *job = arg;
	struct ports *p = worker_ports(w);

	job->x = p ? ports_xsk(p, job->ifindex) : NULL;
}

/* ---- what all interfaces share ---- */

/* Without a filter the programs are loaded when the first interface wants AF_XDP. What the kernel said was logged. */
static int load(struct server *s, char *why)
{
	int err = server_load_filter(s);

	if (err)
		snprintf(why, DATAPATH_WHY_BYTES, "the kernel does not take the XDP program");
	return err;
}

/* ---- opening ---- */

/* Native, and where the driver does not take that, generic, unless the driver's ways were the point. */
static int attach(struct server *s, struct server_xdp *x, bool native_only, char *why)
{
	char refused[DATAPATH_WHY_BYTES];
	int err;

	x->mode = datapath_attached(s->datapath, x->ifindex);
	if (x->mode != DATAPATH_OFF)
		return 0;
	err = datapath_attach(s->datapath, x->ifindex, DATAPATH_NATIVE, &x->mode, why);
	if (!err || native_only || err == -EBUSY || err == -EPERM || err == -ENODEV)
		return err;
	memcpy(refused, why, sizeof(refused));
	err = datapath_attach(s->datapath, x->ifindex, DATAPATH_GENERIC, &x->mode, why);
	if (err)
		memcpy(why, refused, sizeof(refused));
	return err;
}

static u32 queues_of_worker(const struct server *s, const struct server_xdp *x, u32 worker)
{
	return x->queues > worker ? (x->queues - worker - 1) / s->worker_count + 1 : 0;
}

static int bind_queues(struct server *s, struct server_xdp *x, u32 worker, bool zero_copy, struct xsk **out)
{
	struct xsk_settings set = { .device = x->name, .mtu = x->mtu, .scope = x->ifindex,
				    .queues = queues_of_worker(s, x, worker), .first = worker, .step = s->worker_count,
				    .generic = x->mode == DATAPATH_GENERIC, .copying = zero_copy ? XSK_ZERO_COPY : XSK_BEST };
	int err = s->umems[worker] ? 0 : umem_open(&s->umems[worker], FRAMES);

	return err ? err : xsk_open(out, 0, s->umems[worker], &set);
}

/* The socket is on its worker before the program learns of it. */
static int open_worker(struct server *s, struct server_xdp *x, u32 worker, bool zero_copy)
{
	struct port_job job = { .ifindex = x->ifindex };
	int err = bind_queues(s, x, worker, zero_copy, &job.x);

	if (err)
		return err;
	if (!worker)
		x->zero_copy = true;
	x->zero_copy &= xsk_is_zero_copy(job.x);
	worker_call(s->workers[worker], add_job, &job);
	if (job.err)
		return job.err;
	for (u32 i = 0; !err && i < xsk_queues(job.x); i++)
		err = datapath_put_xsk(s->datapath, x->ifindex, xsk_queue_number(job.x, i), xsk_queue_fd(job.x, i));
	return err;
}

static int open_workers(struct server *s, struct server_xdp *x, bool zero_copy, char *why)
{
	int queues = host_nic_queues(x->name), err = queues < 0 ? queues : 0;

	x->queues = (u32)MAX(queues, 0);
	if (x->queues > TG_QUEUES_MAX)
		err = -ERANGE;
	for (u32 i = 0; !err && i < s->worker_count && i < x->queues; i++)
		err = open_worker(s, x, i, zero_copy);
	if (err)
		snprintf(why, DATAPATH_WHY_BYTES, "%s",
			 err == -EBUSY ? "somebody else has an AF_XDP socket there" :
			 err == -EOPNOTSUPP ? "its driver has no zero-copy on all queues" :
			 err == -EMSGSIZE ? "its MTU is too large for a frame" :
			 err == -ENOSPC ? "AF_XDP is on as many interfaces as there can be" :
			 err == -ERANGE ? "it has more queues than there can be" :
			 err == -EPERM ? "not permitted (needs CAP_NET_RAW)" : strerror(-err));
	return err;
}

static int open_steps(struct server *s, struct server_xdp *x, bool auto_only, char *why)
{
	int err = load(s, why);

	if (!err)
		err = attach(s, x, auto_only, why);
	if (!err)
		err = open_workers(s, x, auto_only, why);
	if (!err)
		server_put_ends(s, x->ifindex);
	return err;
}

/* First nothing more comes in by it, then it goes. The program stays where it filters as well. */
static void close_xdp(struct server *s, struct server_xdp *x)
{
	struct port_job job = { .ifindex = x->ifindex };

	if (!x->on)
		return;
	x->on = false;
	if (!s->datapath)
		return;
	for (u32 q = 0; q < MIN(x->queues, TG_QUEUES_MAX); q++)
		datapath_remove_xsk(s->datapath, x->ifindex, q);
	if (server_filter_wanted(s, x->name) == DATAPATH_OFF)
		datapath_detach(s->datapath, x->ifindex);
	for (u32 i = 0; i < s->worker_count; i++)
		worker_call(s->workers[i], drop_job, &job);
	hops_forget(s, x->ifindex);
}

static void open_xdp(struct server *s, struct server_xdp *x, u64 now)
{
	bool auto_only = wanted(s) == RUN_DATAPATH_AUTO;
	char why[DATAPATH_WHY_BYTES] = "";

	x->retry_us = TIME_NEVER;
	if (auto_only && host_nic_zero_copy(x->ifindex) != HOST_NIC_YES) {
		log_debug("interface %s: sockets; its driver offers no zero-copy AF_XDP", x->name);
		return;
	}
	if (open_steps(s, x, auto_only, why)) {
		x->on = true;	/* as far as it came */
		close_xdp(s, x);
		tell(x, now + RETRY_US, "%s", why);
		return;
	}
	x->on = true;
	x->told[0] = '\0';
	hops_watch(s);
	log_info("interface %s: AF_XDP, %s, %u queue%s for %u worker%s", x->name, server_xdp_name(x) + strlen("xdp "), x->queues,
		 x->queues == 1 ? "" : "s", MIN(x->queues, s->worker_count), MIN(x->queues, s->worker_count) == 1 ? "" : "s");
}

/* ---- what changes under it ---- */

static bool all_alive(struct server *s, const struct server_xdp *x)
{
	struct port_job job = { .ifindex = x->ifindex };

	for (u32 i = 0; i < s->worker_count && i < x->queues; i++) {
		worker_call(s->workers[i], look_job, &job);
		if (!job.x)
			return false;
	}
	return true;
}

static void watch(struct server *s, struct server_xdp *x, u32 mtu, u64 now)
{
	int queues = host_nic_queues(x->name);
	const char *wrong = datapath_attached(s->datapath, x->ifindex) == DATAPATH_OFF ? "the XDP program was taken away" :
			    !all_alive(s, x) ? "the device has vanished under it" : NULL;

	if (wrong) {
		close_xdp(s, x);
		tell(x, now + RETRY_US, "%s", wrong);
	} else if ((queues > 0 && (u32)queues != x->queues) || mtu != x->mtu) {
		log_info("interface %s: other queues or MTU: AF_XDP is opened again", x->name);
		close_xdp(s, x);
		x->mtu = mtu;
		open_xdp(s, x, now);
	}
}

static struct server_xdp *find(struct server *s, u32 ifindex)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->xdp); i++)
		if (s->xdp[i].ifindex == ifindex)
			return &s->xdp[i];
	return NULL;
}

bool server_xdp_is_on(struct server *s, u32 ifindex)
{
	const struct server_xdp *x = find(s, ifindex);

	return x && x->on;
}

static struct server_xdp *find_or_make(struct server *s, u32 ifindex, const char *name)
{
	struct server_xdp *x = find(s, ifindex);

	if (x)
		return x;
	x = find(s, 0);
	if (!x)
		return NULL;
	*x = (struct server_xdp){ .ifindex = ifindex };
	snprintf(x->name, sizeof(x->name), "%s", name);
	return x;
}

void server_xdp_look(struct server *s, u32 ifindex, const char *name, u64 now)
{
	struct server_xdp *x;
	int mtu;

	if (wanted(s) == RUN_DATAPATH_UDP)
		return;
	x = find_or_make(s, ifindex, name);
	if (!x || x->seen)	/* one more of its addresses */
		return;
	x->seen = true;
	mtu = host_nic_mtu(name);
	if (mtu == -EAFNOSUPPORT)
		tell(x, TIME_NEVER, "it is no Ethernet device");
	if (x->on) {
		watch(s, x, mtu < 0 ? x->mtu : (u32)mtu, now);
	} else if (mtu > 0 && now >= x->retry_us) {
		x->mtu = (u32)mtu;
		open_xdp(s, x, now);
	}
}

/* Interfaces that were not looked at are gone, or have no listen address any more. */
void server_xdp_sweep(struct server *s)
{
	for (u32 i = 0; i < ARRAY_SIZE(s->xdp); i++) {
		struct server_xdp *x = &s->xdp[i];

		if (x->ifindex && !x->seen) {
			if (x->on)
				log_info("interface %s: is gone or has no listen address: no AF_XDP", x->name);
			close_xdp(s, x);
			*x = (struct server_xdp){ 0 };
		}
		x->seen = false;
	}
}

void server_xdp_end(struct server *s)
{
	for (u32 i = 0; i < s->worker_count; i++)
		umem_close(s->umems[i]);
}
