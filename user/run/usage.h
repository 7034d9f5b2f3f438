/* SPDX-License-Identifier: MIT */
/* usage.h - what each uplink with a quota has carried this month, kept across restarts
 *
 * A file of one line "month 2024-05" and one line "NAME BYTES" per uplink, written whole and renamed into place. The month is that
 * of UTC. What a daemon that was killed had counted since it last wrote (a few seconds) is forgotten.
 */
#ifndef TG_RUN_USAGE_H
#define TG_RUN_USAGE_H

#include "base/types.h"
#include "tunnel/tunnel.h"

#define USAGE_MAX 64u		/* names that are remembered */
#define USAGE_MONTH_BYTES 8	/* "2024-05" */

struct usage {
	char month[USAGE_MONTH_BYTES];
	u32 count;
	struct {
		char name[TUNNEL_NAME_BYTES];
		u64 bytes;
	} at[USAGE_MAX];
	bool changed;		/* since it was written */
};

/* All zero is the start. */

/* Reads the file; one that is not there, or no such file at all, leaves *u as it is. 0 or a negative errno, -EBADMSG. */
int usage_read(struct usage *u, const char *path);

/* Writes it when something changed. 0 or a negative errno. */
int usage_write(struct usage *u, const char *path);

/* It is now this second of the calendar. True: a month began, and all is zero again. */
bool usage_turn(struct usage *u, u64 wall_s);

void usage_add(struct usage *u, const char *name, u64 bytes);	/* more names than USAGE_MAX are not counted */
u64 usage_of(const struct usage *u, const char *name);

#endif
