// SPDX-License-Identifier: MIT
/* lanes.c - two queues of the TUN device for each worker, so that a small packet never waits behind a 64 KB read */
#include "run/lanes.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "run/instance.h"
#include "run/worker.h"

void lanes_close_tun(struct tun **queues, u32 workers)
{
	for (u32 i = 0; i < workers * TG_LANES; i++) {
		tun_close(queues[i]);
		queues[i] = NULL;
	}
}

/* From queues one behind the other to the places of the bulk lane; from the last on, so that none is overwritten. */
static void spread(struct tun **queues, u32 workers)
{
	for (u32 w = workers; w-- > 0;) {
		struct tun *t = queues[w];

		queues[w * TG_LANES + TG_LANE_INTERACTIVE] = NULL;
		queues[w * TG_LANES + TG_LANE_BULK] = t;
	}
}

/* A device that persists may have one queue only, so a refusal of many says nothing about one. */
int lanes_open_tun(struct tun **queues, u32 workers, bool wanted, const char *name, char error[RUN_ERROR_BYTES])
{
	int err = wanted ? tun_open(queues, workers * TG_LANES, name) : -ENOTSUP;

	if (!err)
		return 0;
	err = instance_open_tun(queues, workers, name, error);
	if (err)
		return err;
	spread(queues, workers);
	if (wanted)
		log_info("no lanes on %s: the device takes no more than one queue for each worker", tun_name(queues[TG_LANE_BULK]));
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

static void close_interactive(struct tun **queues, u32 workers)
{
	for (u32 w = 0; w < workers; w++) {
		struct tun **queue = &queues[w * TG_LANES + TG_LANE_INTERACTIVE];

		tun_close(*queue);
		*queue = NULL;
	}
}

void lanes_start(struct datapath *d, struct tun **queues, u32 workers)
{
	struct tun *any = queues[TG_LANE_INTERACTIVE];
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

	s->err = s->on ? attach(s->datapath, worker_tun(w), s->why) : detach(s->datapath, worker_tun(w));
}

int lanes_switch(struct datapath *d, struct worker *w, bool on, char error[RUN_ERROR_BYTES])
{
	struct switching s = { .datapath = d, .on = on };

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
