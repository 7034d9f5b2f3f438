// SPDX-License-Identifier: MIT
/* lanes.c - two queues of the TUN device for each worker, so that a small packet never waits behind a 64 KB read */
#include "run/lanes.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "link/tun.h"
#include "run/instance.h"
#include "run/worker.h"

/* From queues one behind the other to the places of the bulk lane; from the last on, so that none is overwritten. */
static void spread(struct port **queues, u32 workers)
{
	for (u32 w = workers; w-- > 0;) {
		struct port *p = queues[w];

		queues[w * TG_LANES + TG_LANE_INTERACTIVE] = NULL;
		queues[w * TG_LANES + TG_LANE_BULK] = p;
	}
}

static int open_queues(struct port **queues, u32 count, const char *name)
{
	struct tun *tuns[TG_MAX_WORKERS * TG_LANES];
	int err = tun_open(tuns, count, name);

	for (u32 i = 0; !err && i < count; i++)
		queues[i] = tun_port(tuns[i]);
	return err;
}

static int say_refused(int err, const char *name, char *error)
{
	switch (err) {
	case -ENOENT:
		return run_say(error, err, "/dev/net/tun is missing: load the module (modprobe tun)");
	case -EBUSY:
		return run_say(error, err, "the device %s is in use: choose another name (--tun-name)", name);
	default:
		return run_say(error, err, "cannot make the device %s: %s", name, strerror(-err));
	}
}

/* A device that persists may have one queue only, so a refusal of many says nothing about one. */
int lanes_open_tun(struct port **queues, u32 workers, bool wanted, const char *name, char error[RUN_ERROR_BYTES])
{
	int err = wanted ? open_queues(queues, workers * TG_LANES, name) : -ENOTSUP;

	if (!err)
		return 0;
	err = open_queues(queues, workers, name);
	if (err)
		return say_refused(err, name, error);
	spread(queues, workers);
	if (wanted)
		log_info("no lanes on %s: the device takes no more than one queue for each worker", queues[TG_LANE_BULK]->name);
	return 0;
}

static int attach(struct datapath *d, struct tun *queue, char why[DATAPATH_WHY_BYTES])
{
	int err = datapath_attach_tunnel(d, if_nametoindex(tun_name(queue)), why);

	if (err && err != -EALREADY)
		return err;
	err = tun_set_steering(queue, datapath_lane_program(d, DATAPATH_QUEUE));
	if (!err)
		return 0;
	snprintf(why, DATAPATH_WHY_BYTES, "%s: no steering of queues: %s", tun_name(queue), strerror(-err));
	datapath_detach_tunnel(d);
	return err;
}

static int detach(struct datapath *d, struct tun *queue)
{
	datapath_detach_tunnel(d);
	return tun_set_steering(queue, -1);
}

static void close_interactive(struct port **queues, u32 workers)
{
	for (u32 w = 0; w < workers; w++) {
		struct port **queue = &queues[w * TG_LANES + TG_LANE_INTERACTIVE];

		port_close(*queue);
		*queue = NULL;
	}
}

void lanes_start(struct datapath *d, struct port **queues, u32 workers)
{
	struct tun *any = tun_of_port(queues[TG_LANE_INTERACTIVE]);
	char why[DATAPATH_WHY_BYTES] = "the programs are not loaded";
	int err;

	if (!any)
		return;
	err = d ? datapath_load_lanes(d, why) : -ENOENT;
	if (!err)
		err = attach(d, any, why);
	if (!err) {
		log_debug("lanes on %s: interactive and bulk", tun_name(any));
		return;
	}
	log_info("no lanes on %s: %s", tun_name(any), why);
	close_interactive(queues, workers);
	if (d)
		datapath_free_lanes(d);	/* nobody may attach them later: the queues are gone */
}

/* ---- at run time ---- */

struct switching {
	struct datapath *datapath;
	bool on;
	int err;
	char why[DATAPATH_WHY_BYTES];
};

static void switch_job(struct worker *w, void *arg)
{
	struct switching *s = arg;

	struct tun *queue = tun_of_port(worker_inside(w));

	s->err = s->on ? attach(s->datapath, queue, s->why) : detach(s->datapath, queue);
}

int lanes_switch(struct datapath *d, struct worker *w, bool on, char error[RUN_ERROR_BYTES])
{
	struct switching s = { .datapath = d, .on = on };

	if (!tun_of_port(worker_inside(w)))
		return run_say(error, -ENOTSUP, "the tunnel device is a veth pair: without its classifier nothing would go through");
	if (!d || datapath_lane_program(d, DATAPATH_QUEUE) < 0)
		return run_say(error, -ENOTSUP, "there are no lanes: started with --no-lanes, or the kernel refused (see the log)");
	if (datapath_tunnel_is_attached(d) == on)
		return run_say(error, -EALREADY, on ? "it is attached already" : "it is not attached");
	worker_call(w, switch_job, &s);
	if (s.err)
		return run_say(error, s.err, "%s", s.why[0] ? s.why : strerror(-s.err));
	log_info("classifier and steering of the tunnel device: %s by command", on ? "attached" : "detached");
	return 0;
}
