// SPDX-License-Identifier: MIT
/* monitor.c - triglav-ctl monitor: what moves now, again and again */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cmd/look.h"
#include "cmd/monitor_view.h"

static struct look asked = LOOK_INIT;
static u64 interval_us = SEC;
static u32 count;

static const struct cmd_flag flags[] = {
	{ .flag = "interval", .metavar = "TIME", .help = "time between two looks, in seconds or as 500ms (1s)",
	  .slot = { .type = VALUE_SECONDS, .min = 100 * MSEC, .max = 3600 * SEC, .place = &interval_us } },
	{ .flag = "count", .metavar = "N", .help = "end after so many intervals (until Ctrl-C)",
	  .slot = { .type = VALUE_COUNT, .min = 1, .max = UINT32_MAX, .place = &count } },
	LOOK_FLAGS(asked, "a line of JSON for each interval"),
	{ .flag = NULL },
};

static int look(json_t **now)
{
	return look_status(&asked, true, now);
}

/* Of the first look programs want nothing: it has no interval. People see it, and wait for the second. */
static bool show(const json_t *now, const json_t *before, u64 apart_us)
{
	json_t *view = asked.json && !before ? NULL : monitor_view(now, before, apart_us);

	if (view && asked.json) {
		json_object_set_new(view, "time_s", json_integer((json_int_t)time(NULL)));
		json_dumpf(view, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else if (view) {
		live_clear();
		monitor_print(view, stdout);
		if (!isatty(STDOUT_FILENO))
			putchar('\n');
	}
	json_decref(view);
	return before != NULL;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct live live = { .look = look, .show = show };
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	live.interval_us = interval_us;
	live.count = count;
	return live_run(&live);
}

const struct command cmd_monitor = {
	.name = "monitor",
	.summary = "live: rates, delays and losses of every path, what was dropped; Ctrl-C ends",
	.example = "  triglav-ctl monitor\n  triglav-ctl monitor --json --interval 5 >> log.jsonl",
	.flags = flags,
	.run = run,
};
