// SPDX-License-Identifier: MIT
/* uplink_xdp.c - AF_XDP beside an uplink's socket: opened where wanted and possible, left again by itself
 *
 *   socket alone --wanted, device can, program attached, bound--> AF_XDP and socket, same address and port
 *        ^                                                             |
 *        '-- device gone, program taken away, queues or MTU changed ---'   (the last two: and opened again)
 *
 * The socket stays, so falling back moves no path: it keeps the port, takes what the program lets pass, and sends while
 * the next hop's link address is not known. What stands in the way is logged once, not at every try.
 */
#define LOG_AREA LOG_AREA_DATAPATH

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/datapath.h"
#include "host/nic.h"
#include "link/xsk.h"
#include "run/client_parts.h"
#include "run/filter.h"

#define RETRY_US (30 * SEC)
#define FLAP_US (10 * SEC)	/* a link that goes down so soon may do so because of us */
#define LOSSES_ALLOWED 3u	/* the first may be the program that came */
#define LOSSES_MAX 8u

static const char *const choices[] = { [RUN_DATAPATH_UNSAID] = "", [RUN_DATAPATH_AUTO] = "auto", [RUN_DATAPATH_UDP] = "udp", [RUN_DATAPATH_XDP] = "xdp" };

int run_datapath_parse(const char *name)
{
	for (u32 i = RUN_DATAPATH_AUTO; i < ARRAY_SIZE(choices); i++)
		if (!strcmp(choices[i], name))
			return (int)i;
	return -1;
}

const char *run_datapath_name(enum run_datapath datapath)
{
	return (size_t)datapath < ARRAY_SIZE(choices) ? choices[datapath] : "unknown";
}

static enum run_datapath wanted(const struct client *c, const struct uplink *u)
{
	if (u->datapath != RUN_DATAPATH_UNSAID)
		return u->datapath;
	return c->set.datapath != RUN_DATAPATH_UNSAID ? c->set.datapath : RUN_DATAPATH_AUTO;
}

const char *xdp_name(const struct uplink *u)
{
	if (!u->xdp.on)
		return "udp";
	if (u->xdp.mode == DATAPATH_GENERIC)
		return "xdp generic";
	return u->xdp.zero_copy ? "xdp native zero-copy" : "xdp native";
}

/* Why it is the socket alone; the same reason twice is no news. */
static void tell(struct uplink *u, u64 retry_us, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void tell(struct uplink *u, u64 retry_us, const char *format, ...)
{
	char why[sizeof(u->xdp.told)];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	u->xdp.retry_us = retry_us;
	if (!strcmp(why, u->xdp.told))
		return;
	memcpy(u->xdp.told, why, sizeof(why));
	log_info("uplink %s: a socket, not AF_XDP: %s", u->name, why);
}

/* ---- on the worker's thread ---- */

struct xdp_job {
	struct uplink *u;
	struct xsk *x;
	struct frame_peer peer;
	bool known;
	int err;
};

static void use_datapath_job(struct worker *w, void *arg)
{
	worker_use_datapath(w, arg);
}

static void adopt_job(struct worker *w, void *arg)
{
	struct xdp_job *job = arg;

	job->err = worker_link_xsk(w, job->u->link, job->x);
}

static void drop_job(struct worker *w, void *arg)
{
	struct xdp_job *job = arg;

	worker_link_drop_xsk(w, job->u->link);
}

static void peer_job(struct worker *w, void *arg)
{
	struct xdp_job *job = arg;
	struct xsk *x = worker_xsk(w, job->u->link);

	if (x && job->known)
		job->err = xsk_set_peer(x, &job->peer);
	else if (x)
		xsk_forget_peers(x);
}

/* The worker drops a socket whose device has vanished; that is seen here later. */
static void alive_job(struct worker *w, void *arg)
{
	struct xdp_job *job = arg;

	job->x = worker_xsk(w, job->u->link);
}

/* ---- next hop ---- */

static void set_hop(struct client *c, struct uplink *u, const struct host_hop *hop)
{
	struct xdp_job job = { .u = u, .known = hop->known, .peer = { .remote = u->remote, .local = u->bound } };

	memcpy(job.peer.to, hop->mac, sizeof(job.peer.to));
	memcpy(job.peer.from, hop->own, sizeof(job.peer.from));
	u->xdp.hop = *hop;
	worker_call(c->worker, peer_job, &job);
}

/* Until the kernel knows the neighbour, frames go by the socket. */
void xdp_changed(struct client *c, struct uplink *u)
{
	struct host_hop hop;

	if (!u->xdp.on)
		return;
	if (host_hop_find(u->xdp.ifindex, host_mark(c->host), &u->bound, &u->remote, &hop))
		hop = (struct host_hop){ .ifindex = u->xdp.ifindex };
	if (!host_hop_equal(&hop, &u->xdp.hop))
		set_hop(c, u, &hop);
	if (!hop.known && hop.next.family)
		(void)host_hop_use(&hop);
}

void xdp_neighbour(struct client *c, u32 ifindex)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		if (c->uplinks[i].used && c->uplinks[i].xdp.on && c->uplinks[i].xdp.ifindex == ifindex)
			xdp_changed(c, &c->uplinks[i]);
}

/* ---- what all uplinks share ---- */

/* Without a filter the programs are loaded when the first uplink wants AF_XDP, or a filter by command. */
int xdp_load(struct client *c, char *why)
{
	if (c->is_filtering)
		return 0;
	if (!c->datapath && !c->datapath_why[0])	/* the lanes may have brought it, or been refused */
		c->datapath = filter_load(&(struct datapath_settings){ .hash_key = worker_hash_key(c->worker) }, c->name, c->datapath_why);
	if (!c->datapath) {
		memcpy(why, c->datapath_why, DATAPATH_WHY_BYTES);
		return -EIO;
	}
	worker_call(c->worker, use_datapath_job, c->datapath);
	c->is_filtering = true;
	return 0;
}

static int prepare(struct client *c, char *why)
{
	int err = xdp_load(c, why);

	if (!err && !c->umem)
		err = umem_open(&c->umem, DEVICE_FRAMES);
	if (err && !why[0])
		snprintf(why, DATAPATH_WHY_BYTES, "%s", strerror(-err));
	return err;
}

/* ---- opening ---- */

/* Native, and where the driver does not take that, generic, unless the driver's ways were the point. */
static int attach(struct client *c, struct uplink *u, bool native_only, char *why)
{
	struct xdp_side *x = &u->xdp;
	char refused[DATAPATH_WHY_BYTES];
	int err;

	x->ifindex = u->seen.ifindex;
	x->mode = datapath_attached(c->datapath, x->ifindex);
	if (x->mode != DATAPATH_OFF)
		return 0;
	err = datapath_attach(c->datapath, x->ifindex, DATAPATH_NATIVE, &x->mode, why);
	if (!err || native_only || err == -EBUSY || err == -EPERM || err == -ENODEV)
		return err;
	memcpy(refused, why, sizeof(refused));
	err = datapath_attach(c->datapath, x->ifindex, DATAPATH_GENERIC, &x->mode, why);
	if (err)
		memcpy(why, refused, sizeof(refused));
	return err;
}

static void explain_bind(char *why, int err)
{
	const char *text = err == -EBUSY ? "somebody else has an AF_XDP socket there" :
			   err == -EOPNOTSUPP ? "its driver has no zero-copy on all queues" :
			   err == -EMSGSIZE ? "its MTU is too large for a frame" :
			   err == -ENOBUFS ? "the other uplinks have all memory for frames" :
			   err == -EPERM ? "not permitted (needs CAP_NET_RAW)" : strerror(-err);

	snprintf(why, DATAPATH_WHY_BYTES, "%s", text);
}

static int bind_queues(struct client *c, struct uplink *u, bool zero_copy, struct xsk **out, char *why)
{
	struct xsk_settings set = { .device = u->seen.name, .mtu = u->seen.mtu, .local = u->bound,
				    .generic = u->xdp.mode == DATAPATH_GENERIC, .copying = zero_copy ? XSK_ZERO_COPY : XSK_BEST };
	int queues = host_nic_queues(u->seen.name), err = queues < 0 ? queues : 0;

	u->xdp.queues = set.queues = (u32)MAX(queues, 0);
	if (!err)
		err = xsk_open(out, u->link, c->umem, &set);
	if (err)
		explain_bind(why, err);
	else
		u->xdp.zero_copy = xsk_is_zero_copy(*out);
	return err;
}

/* The socket is on the worker when the program learns of it, and everything is known when the address is. */
static int steer(struct client *c, struct uplink *u, struct xsk *x, char *why)
{
	struct xdp_job job = { .u = u, .x = x };
	int err = 0;

	worker_call(c->worker, adopt_job, &job);
	if (job.err) {
		explain_bind(why, job.err);
		return job.err;
	}
	for (u32 q = 0; !err && q < u->xdp.queues; q++)
		err = datapath_put_xsk(c->datapath, u->xdp.ifindex, q, xsk_queue_fd(x, q));
	if (!err)
		err = datapath_put_end(c->datapath, u->xdp.ifindex, &u->bound);
	if (err)
		snprintf(why, DATAPATH_WHY_BYTES, "its queues cannot be taken over: %s", strerror(-err));
	return err;
}

/* Frames are Ethernet's, both ways; the program would hand over those of a modem too, which begin with IP. */
static int check_ethernet(struct client *c, struct uplink *u, char *why)
{
	struct host_hop hop;
	int err = host_hop_find(u->seen.ifindex, host_mark(c->host), &u->bound, &u->remote, &hop);

	if (err == -EAFNOSUPPORT)
		snprintf(why, DATAPATH_WHY_BYTES, "it is no Ethernet device");
	return err == -EAFNOSUPPORT ? err : 0;	/* a route that is missing may come */
}

static int open_steps(struct client *c, struct uplink *u, bool auto_only, char *why)
{
	struct xsk *x = NULL;
	int err = check_ethernet(c, u, why);

	if (!err)
		err = prepare(c, why);
	if (!err)
		err = attach(c, u, auto_only, why);
	if (!err)
		err = bind_queues(c, u, auto_only, &x, why);
	if (!err)
		err = steer(c, u, x, why);
	return err;
}

static void begin_hop(struct client *c, struct uplink *u, u64 now)
{
	u->xdp.hop = (struct host_hop){ 0 };
	u->xdp.use_us = now;	/* at the next tick */
	xdp_changed(c, u);
}

static bool is_worth_trying(const struct client *c, const struct uplink *u)
{
	if (wanted(c, u) == RUN_DATAPATH_UDP)
		return false;
	if (wanted(c, u) != RUN_DATAPATH_AUTO || host_nic_zero_copy(u->seen.ifindex) == HOST_NIC_YES)
		return true;
	log_debug("uplink %s: a socket; its driver offers no zero-copy AF_XDP", u->name);
	return false;
}

void xdp_open(struct client *c, struct uplink *u)
{
	bool auto_only = wanted(c, u) == RUN_DATAPATH_AUTO;
	char why[DATAPATH_WHY_BYTES] = "";
	u64 now = clock_now_us();

	u->xdp.retry_us = TIME_NEVER;
	if (u->xdp.on)
		return;
	if (!is_worth_trying(c, u)) {
		u->xdp.told[0] = '\0';
		return;
	}
	if (open_steps(c, u, auto_only, why)) {
		u->xdp.on = true;	/* as far as it came */
		xdp_close(c, u);
		tell(u, now + RETRY_US, "%s", why);
		return;
	}
	u->xdp.on = true;
	u->xdp.opened_us = now;
	u->xdp.told[0] = '\0';
	begin_hop(c, u, now);
	log_info("uplink %s: AF_XDP, %s, %u queue%s", u->name, xdp_name(u) + strlen("xdp "), u->xdp.queues, u->xdp.queues == 1 ? "" : "s");
}

/* ---- closing ---- */

/* First nothing more comes in by it, then it goes. A program that does not filter is left with nothing to judge. */
void xdp_pause(struct client *c, struct uplink *u)
{
	struct xdp_job job = { .u = u };

	if (!u->xdp.on)
		return;
	u->xdp.on = false;
	for (u32 q = 0; c->datapath && q < u->xdp.queues; q++)
		datapath_remove_xsk(c->datapath, u->xdp.ifindex, q);
	if (c->datapath && !uplink_filters(u))
		datapath_remove_ends(c->datapath, u->xdp.ifindex);
	worker_call(c->worker, drop_job, &job);
}

void xdp_close(struct client *c, struct uplink *u)
{
	xdp_pause(c, u);
	if (c->datapath && !uplink_filters(u))
		datapath_detach(c->datapath, u->xdp.ifindex);
}

/* When it goes down each time, it gets longer and longer times without. */
void xdp_lost(struct client *c, struct uplink *u)
{
	u64 now = clock_now_us();

	if (u->xdp.on) {
		u->xdp.losses = now - u->xdp.opened_us < FLAP_US ? MIN(u->xdp.losses + 1, LOSSES_MAX) : 0;
		if (u->xdp.losses >= LOSSES_ALLOWED)
			tell(u, now + (RETRY_US << (u->xdp.losses - LOSSES_ALLOWED)), "the link goes down when it is opened");
	}
	xdp_pause(c, u);
}

void xdp_reopen(struct client *c, struct uplink *u)
{
	bool same = u->xdp.ifindex == u->seen.ifindex;

	if (same && u->xdp.retry_us != TIME_NEVER && clock_now_us() < u->xdp.retry_us)
		return;
	if (!same) {
		xdp_close(c, u);	/* another device has the name now */
		u->xdp.losses = 0;
	}
	xdp_open(c, u);
}

/* ---- what changes under it ---- */

/* NULL: all is as it was. */
static const char *what_is_wrong(struct client *c, struct uplink *u)
{
	struct xdp_job job = { .u = u };

	if (datapath_attached(c->datapath, u->xdp.ifindex) == DATAPATH_OFF)
		return "the XDP program was taken away";
	worker_call(c->worker, alive_job, &job);
	return job.x ? NULL : "the device has vanished under it";
}

static void watch(struct client *c, struct uplink *u, u64 now)
{
	const char *wrong = what_is_wrong(c, u);
	int queues = host_nic_queues(u->seen.name);

	if (wrong) {
		xdp_close(c, u);
		tell(u, now + RETRY_US, "%s", wrong);
	} else if (queues > 0 && (u32)queues != u->xdp.queues) {
		log_info("uplink %s: %d queues, not %u any more: AF_XDP is opened again", u->name, queues, u->xdp.queues);
		xdp_close(c, u);
		xdp_open(c, u);
	} else if (now >= u->xdp.use_us && u->xdp.hop.next.family) {
		u->xdp.use_us = now + HOST_HOP_USE_US;
		(void)host_hop_use(&u->xdp.hop);
	}
}

void xdp_tick(struct client *c, u64 now)
{
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		struct uplink *u = &c->uplinks[i];

		if (!u->used || !u->usable)
			continue;
		if (u->xdp.on)
			watch(c, u, now);
		else if (u->xdp.retry_us && now >= u->xdp.retry_us)
			xdp_open(c, u);
	}
}
