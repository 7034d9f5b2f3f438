/* SPDX-License-Identifier: MIT */
/* reload.h - a daemon's configuration file read again while it runs
 *
 *   flags said at the start + file as it is now --> settings wanted --compared, row by row, with those in force--> what changed
 *     rows that may change (settings_table.c): done now       others: named, until a restart takes them over
 *
 * A file that does not parse, or whose settings contradict each other, changes nothing. The answer for people and programs:
 *
 *   {"file": "/etc/triglav/tg0.toml", "changed": [{"key": "routing.routes", "from": "10.0.0.0/8", "to": ""}, ...],
 *    "needs_restart": [{"key": "tun.mtu", "from": "1420", "to": "1400"}, ...]}
 */
#ifndef TG_MANAGE_RELOAD_H
#define TG_MANAGE_RELOAD_H

#include <jansson.h>

#include "manage/settings.h"

struct reload {
	const char *file;		/* "": there is none */
	u8 salt[32], secrets[32];	/* what tells whether a secret is another, for the secret itself is wiped once it was used */
	struct settings said;		/* what the flags said; the file comes on top */
	struct settings *now;		/* in force; the caller's */
	bool half_done;			/* apply() failed in the middle: the next reload applies again, whatever the file says */
};

/* Before the file is read for the first time: keeps what the flags said. `file` and `now` must outlive it. Then, once it was read and before
 * secrets are taken from `now`, reload_started(). */
void reload_begin(struct reload *r, struct settings *now, const char *file);
void reload_started(struct reload *r);
void reload_wipe(struct reload *r);	/* there may be secrets in it */

/* Does what `wanted` says. 0 or a negative errno with error, and then *refused (false before): nothing of it was done. Else some of it was,
 * and it is called again with the next reload. */
typedef int (*reload_apply)(void *ctx, const struct settings *wanted, bool *refused, char error[RUN_ERROR_BYTES]);

/* Reads, compares, applies, logs. *report gets the answer above, the caller's (also NULL for report: nobody asks); with "again": true where
 * an earlier one had failed in the middle. -EINVAL: the file is wrong, there is none, or apply() refused: error says where, and nothing
 * changed. Others: what apply() said. */
int reload_run(struct reload *r, reload_apply apply, void *ctx, json_t *report, char error[RUN_ERROR_BYTES]);

#endif
