// SPDX-License-Identifier: MIT
/* attach.c - triglav-ctl attach, detach: programs of a running daemon, put on and taken off */
#include <stdio.h>
#include <string.h>

#include "cmd/look.h"

static struct look asked = LOOK_INIT;

static const struct cmd_flag flags[] = {
	LOOK_FLAGS(asked, "what is attached now"),
	{ .flag = NULL },
};

static int run(const struct command *command, int argc, char **argv)
{
	bool attach = !strcmp(command->name, "attach");
	char *what = NULL;
	json_t *answer;
	int code, count = cmd_parse(command, argc, argv, NULL, &what, 1, &code);

	if (count < 0)
		return code;
	if (!count || strcmp(what, "lanes"))
		return cmd_fail(CMD_USAGE, "triglav-ctl %s lanes", command->name);
	code = look_ask(&asked, json_pack("{s:s}", "command", attach ? "attach lanes" : "detach lanes"), &answer);
	if (code)
		return code;
	json_object_set_new(answer, "lanes", json_boolean(attach));
	if (asked.json)
		cmd_print_json(answer);
	json_decref(answer);
	return CMD_OK;
}

const struct command cmd_attach = {
	.name = "attach",
	.words = "lanes",
	.summary = "puts the tunnel device's classifier on again",
	.example = "  triglav-ctl attach lanes",
	.flags = flags,
	.run = run,
};

const struct command cmd_detach = {
	.name = "detach",
	.words = "lanes",
	.summary = "takes the tunnel device's classifier off while the daemon runs",
	.example = "  triglav-ctl detach lanes",
	.flags = flags,
	.run = run,
};
