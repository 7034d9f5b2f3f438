/* SPDX-License-Identifier: MIT */
/* device.h - the tunnel device of a daemon, of the kind that was asked for, and its ports until the workers have them
 *
 *   TUN    a queue for each worker and lane (lanes.h)
 *   veth   the daemon sits at the inner end of a pair, with AF_XDP: for one worker. Where the kernel refuses, TUN, said once
 *
 * Worker w has queues[w * TG_LANES + lane].
 */
#ifndef TG_RUN_DEVICE_H
#define TG_RUN_DEVICE_H

#include <triglav/steer.h>

#include "bpf/datapath.h"
#include "host/host.h"
#include "link/port.h"
#include "link/umem.h"
#include "run/settings.h"

#define DEVICE_FRAMES 8192u	/* of a worker's umem: 16 MB, there only when something uses AF_XDP */

struct device_settings {
	enum run_device kind;
	const char *name;		/* "tg%d": the first that is free; not for a veth */
	u32 workers;
	bool lanes;
	enum datapath_mode xdp;		/* DATAPATH_GENERIC: the veth's program too */
	struct host *host;		/* veth only; likewise: */
	struct datapath *datapath;	/* NULL: the programs cannot be loaded */
	struct umem **umem;		/* that of the worker, made by us when it is NULL */
};

/* Opens the device; queues has room for workers * TG_LANES, those that are not there become NULL. 0 or a negative errno with a line in error. */
int device_open(struct port **queues, const struct device_settings *set, char error[RUN_ERROR_BYTES]);

/* Closes what no worker has taken. The pair itself goes with host_close(). */
void device_close(struct port **queues, u32 workers);

/* "tg%d" -> the first that is free now. -EINVAL, -ENOSPC. */
int device_choose_name(const char *pattern, char out[TUNNEL_NAME_BYTES]);

const char *device_name(struct port *const *queues);	/* the real one */
bool device_finishes(struct port *const *queues);	/* checksums that are left partial */

#endif
