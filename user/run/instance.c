// SPDX-License-Identifier: MIT
/* instance.c - what both daemons take hold of at their start */
#define LOG_AREA LOG_AREA_HOST

#include "run/instance.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

int run_say(char *error, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, RUN_ERROR_BYTES, fmt, args);
	va_end(args);
	return err;
}

int instance_open(struct host **out, const char *name, const char *runtime_dir, const char *state_dir, bool replaces_tables,
		  char *error)
{
	struct host_settings set = { .name = name, .runtime_dir = runtime_dir, .state_dir = state_dir };
	char why[HOST_WHY_BYTES] = "";
	int err = host_open(out, &set, why);

	if (err)
		return run_say(error, err, "%s", why[0] ? why : strerror(-err));
	err = host_sweep(*out, replaces_tables);
	if (err)
		log_warn("not everything a killed instance left could be removed: %s", strerror(-err));
	return 0;
}
