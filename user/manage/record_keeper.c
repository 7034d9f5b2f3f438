// SPDX-License-Identifier: MIT
/* record_keeper.c - writes a client's flight record to a file when one of its paths fails
 *
 *   (nothing due) --a path turns suspect or down, none written for a minute--> (due) --4 s--> writes, (nothing due)
 */
#define LOG_AREA LOG_AREA_CONTROL

#include "manage/record_keeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "manage/record_report.h"

#define AFTER_S 4			/* what follows an outage is wanted, too */
#define APART_US (60 * SEC)
#define STALE_US (10 * SEC)		/* nothing was recorded for so long: no traffic met the outage */

struct record_keeper {
	struct client *client;
	struct event *due;
	u64 outage_us;			/* TIME_NEVER: nothing is due */
	u64 written_us;			/* the last one; 0: none */
	char why[160];
};

static bool is_worth_it(const struct recorder *r, u64 outage_us)
{
	u32 rows = recorder_rows(r);

	return rows && recorder_row(r, rows - 1)->time_us + STALE_US > outage_us;
}

static void write_file(struct record_keeper *k, const struct recorder *r, u64 now)
{
	struct record_about about = { .name = client_name(k->client), .why = k->why, .taken_s = (u64)time(NULL),
				      .now_us = now, .outage_us = k->outage_us };
	char dir[RECORD_PATH_BYTES], path[RECORD_PATH_BYTES];
	int err;

	snprintf(dir, sizeof(dir), "%.400s/%s", client_state_dir(k->client), client_name(k->client));
	err = record_file_write(dir, r, &about, path);
	if (err)
		log_warn("the record of %s could not be written into %s: %s", k->why, dir, strerror(-err));
	else
		log_info("the minute around it is in %s; triglav-ctl record --input draws it", path);
	k->written_us = now;
}

static void keep(struct record_keeper *k)
{
	struct recorder *r = client_record(k->client);

	if (r && is_worth_it(r, k->outage_us))
		write_file(k, r, clock_now_us());
	recorder_free(r);
	k->outage_us = TIME_NEVER;
}

static void on_due(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	keep(arg);
}

struct record_keeper *record_keeper_new(struct client *c, struct event_base *base)
{
	struct record_keeper *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->client = c;
	k->outage_us = TIME_NEVER;
	k->due = event_new(base, -1, 0, on_due, k);
	if (k->due)
		return k;
	free(k);
	return NULL;
}

void record_keeper_note(struct record_keeper *k, const struct tunnel_path_info *path, const char *why)
{
	static const struct timeval after = { .tv_sec = AFTER_S };
	u64 now = clock_now_us();

	if (!k || k->outage_us != TIME_NEVER || (path->state != TUNNEL_PATH_SUSPECT && path->state != TUNNEL_PATH_DOWN))
		return;
	if (k->written_us && now - k->written_us < APART_US)
		return;
	k->outage_us = now;
	snprintf(k->why, sizeof(k->why), "path %s: %s (%s)", path->name, tunnel_path_state_name(path->state), why);
	event_add(k->due, &after);
}

void record_keeper_free(struct record_keeper *k)
{
	if (!k)
		return;
	if (k->outage_us != TIME_NEVER)
		keep(k);
	event_free(k->due);
	free(k);
}
