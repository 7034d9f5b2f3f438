// SPDX-License-Identifier: MIT
/* listen.c - a server's sockets: every listen address, for every worker
 *
 * A SO_REUSEPORT group holds two sockets of each worker, in their order, and the steering program hands a datagram to the worker that its
 * receiver index or session handle names, by its lane.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "run/instance.h"
#include "run/server_parts.h"

struct listen_job {
	struct addr at;
	bool no_gro;
	u32 number;		/* of the listen address */
	u32 workers;		/* for the first of so many; 0: for one that joins */
	int program;		/* that steers: a BPF one, or negative: the classic one then */
	struct addr bound;
	int err;
};

static void listen_udp_job(struct worker *w, void *arg)
{
	struct listen_job *job = arg;
	struct udp_settings set = { .bind = job->at, .no_gro = job->no_gro };
	u32 link = worker_link_reserve(w);
	struct udp *lanes[TG_LANES];

	if (!link)
		job->err = -ENOSPC;
	else if (job->workers)
		job->err = udp_open_lanes(lanes, link, &set, job->workers, job->program);
	else
		job->err = udp_join_lanes(lanes, link, &set);
	if (job->err) {
		worker_link_release(w, link);
		return;
	}
	udp_local(lanes[TG_LANE_BULK], &job->bound);
	job->err = worker_link_udp(w, link, lanes, false);
	if (!job->err)
		worker_set_listen(w, job->number, link, &job->bound);
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
		return run_say(error, err, "%s port %s is in use: stop what uses it (see: ss -lnp) or choose another (--listen)", kind, text);
	case -EADDRNOTAVAIL:
		return run_say(error, err, "%s is no address of this host: choose another (--listen)", text);
	case -EACCES:
		return run_say(error, err, "%s port %s needs a privilege (CAP_NET_BIND_SERVICE)", kind, text);
	default:
		return run_say(error, err, "cannot listen on %s %s: %s", kind, text, strerror(-err));
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
	struct listen_job job = { .at = *at, .number = s->bound_count,
				  .program = s->datapath ? datapath_lane_program(s->datapath, DATAPATH_SELECT) : -ENOENT,
				  .no_gro = s->datapath && s->set.xdp == DATAPATH_GENERIC };

	for (u32 i = 0; i < s->worker_count; i++) {
		job.workers = i ? 0 : s->worker_count;
		worker_call(s->workers[i], listen_udp_job, &job);
		if (job.err)
			return listen_failed(error, job.err, at, "UDP");
		job.at.port = job.bound.port;	/* port 0: the others share what the first got */
	}
	s->bound[s->bound_count++] = job.bound;
	return s->set.tcp_fallback ? listen_tcp(s, &job.bound, error) : 0;
}

/* Both families unless somebody chose; a kernel without IPv6 then does with one. */
int server_listen(struct server *s, char *error)
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
