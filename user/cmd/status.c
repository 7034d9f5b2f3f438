// SPDX-License-Identifier: MIT
/* status.c - triglav status: how a daemon stands, once or live */
#include <stdio.h>
#include <unistd.h>

#include "cmd/look.h"
#include "cmd/status_table.h"

static struct {
	bool detailed, json, watch;
	u64 interval_us;
	char name[RUN_NAME_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
} asked = { .runtime_dir = RUN_RUNTIME_DIR };

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("detailed", &asked.detailed, "addresses, what the scheduler knows, counters"),
	CMD_FLAG_BOOL("json", &asked.json, "everything, as JSON"),
	{ .flag = "watch", .letter = 'w', .help = "again and again, with the rates of now; Ctrl-C ends",
	  .slot = { .type = VALUE_BOOL, .place = &asked.watch } },
	{ .flag = "interval", .metavar = "TIME", .help = "time between two looks, in seconds or as 500ms (1s)",
	  .slot = { .type = VALUE_SECONDS, .min = 100 * MSEC, .max = 3600 * SEC, .place = &asked.interval_us } },
	CMD_FLAG_NAME(asked.name),
	CMD_FLAG_TEXT("runtime-dir", 0, "D", asked.runtime_dir, "where the control socket is (" RUN_RUNTIME_DIR ")"),
	{ .flag = NULL },
};

static bool show(const json_t *now, const json_t *before, u64 apart_us)
{
	if (asked.json && asked.watch) {	/* one line each: easy to read by a program */
		json_dumpf(now, stdout, JSON_COMPACT);
		putchar('\n');
	} else if (asked.json) {
		cmd_print_json(now);
	} else {
		if (asked.watch)
			live_clear();
		status_print(now, before, apart_us, asked.detailed);
	}
	if (asked.watch && !asked.json && !isatty(STDOUT_FILENO))
		putchar('\n');
	return true;
}

static int look(json_t **now)
{
	json_t *request = json_pack("{s:s, s:b}", "command", "status", "detailed", asked.detailed || asked.json);
	int code = cmd_ask(asked.runtime_dir, asked.name, request, now);

	if (!code)
		json_object_del(*now, "ok");
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct live live = { .look = look, .show = show };
	json_t *now;
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	if (asked.interval_us && !asked.watch)
		return cmd_fail(CMD_USAGE, "--interval is for --watch: give both");
	code = cmd_choose_daemon(asked.runtime_dir, asked.name);
	if (code)
		return code;
	live.interval_us = asked.interval_us ? asked.interval_us : SEC;
	if (asked.watch)
		return live_run(&live);
	code = look(&now);
	if (code)
		return code;
	show(now, NULL, 0);
	json_decref(now);
	return CMD_OK;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "how a client or server stands: one line for each uplink or session",
	.example = "  triglav status --watch",
	.flags = flags,
	.run = run,
};
