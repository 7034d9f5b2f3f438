/* SPDX-License-Identifier: MIT */
/* lanes.h - two queues of the TUN device for each worker, so that a small packet never waits behind a 64 KB read
 *
 * The device is opened with twice the queues; then classifier and steering are put on it. Where the kernel refuses, the interactive queues are
 * closed again, said once, and each worker goes on with the one it has.
 *
 * Worker w has queues[w * TG_LANES + lane].
 */
#ifndef TG_RUN_LANES_H
#define TG_RUN_LANES_H

#include <triglav/steer.h>

#include "bpf/datapath.h"
#include "link/port.h"
#include "run/settings.h"

struct worker;

/* Opens the device with queues for all lanes, or (lanes not wanted, or refused) with bulk queues only; the interactive ones are then NULL.
 * `queues` has room for workers * TG_LANES. 0 or a negative errno with a line in error. */
int lanes_open_tun(struct port **queues, u32 workers, bool wanted, const char *name, char error[RUN_ERROR_BYTES]);

/* Puts the programs on the device, or closes the interactive queues. NULL datapath: as if refused. A veth pair brings its own: nothing is done. */
void lanes_start(struct datapath *d, struct port **queues, u32 workers);

/* Takes classifier and steering off while the daemon runs, or puts them on again; the queues stay, and the kernel spreads flows over them meanwhile. The worker
 * is any that has queues. 0 or a negative errno with a line in error: -EALREADY, -ENOTSUP... Control thread. */
int lanes_switch(struct datapath *d, struct worker *w, bool on, char error[RUN_ERROR_BYTES]);

#endif
