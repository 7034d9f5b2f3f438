// SPDX-License-Identifier: MIT
/* instance.h - what both daemons take hold of at their start: the instance's lock */
#ifndef TG_RUN_INSTANCE_H
#define TG_RUN_INSTANCE_H

#include "host/host.h"
#include "run/settings.h"

/* Writes a line into error[RUN_ERROR_BYTES]; returns err. */
int run_say(char *error, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Takes the lock and sweeps what a killed instance of the same name left (not its nft tables when they are about to be
 * replaced, see host_sweep). 0 or negative errno with a line in error. */
int instance_open(struct host **out, const char *name, const char *runtime_dir, const char *state_dir, bool replaces_tables,
		  char *error);

#endif
