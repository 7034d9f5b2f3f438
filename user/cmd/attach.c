// SPDX-License-Identifier: MIT
/* attach.c - triglav-ctl attach, detach: programs of a running daemon, put on and taken off */
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"

static struct look asked = LOOK_INIT;
static char uplink[TUNNEL_NAME_BYTES], mode[16];

#define UPLINK_FLAG CMD_FLAG_TEXT("uplink", 0, "NAME", uplink, "filter: of this uplink, or interface of a server, alone")

static const struct cmd_flag attach_flags[] = {
	UPLINK_FLAG,
	CMD_FLAG_TEXT("mode", 0, "M", mode, "filter: native (in the driver), generic, or auto (native where that costs nothing else)"),
	LOOK_FLAGS(asked, "what is attached now"),
	{ .flag = NULL },
};

static const struct cmd_flag detach_flags[] = {
	UPLINK_FLAG,
	LOOK_FLAGS(asked, "what is attached now"),
	{ .flag = NULL },
};

static int lanes(bool attach)
{
	json_t *answer;
	int code;

	if (uplink[0] || mode[0])
		return cmd_fail(CMD_USAGE, "--uplink and --mode are for the filter");
	code = look_ask(&asked, json_pack("{s:s}", "command", attach ? "attach lanes" : "detach lanes"), &answer);
	if (code)
		return code;
	json_object_set_new(answer, "lanes", json_boolean(attach));
	if (asked.json)
		cmd_print_json(answer);
	json_decref(answer);
	return CMD_OK;
}

static void print_places(const json_t *list)
{
	static const char *const titles[] = { "INTERFACE", "FILTER", "", NULL };
	struct table *t = table_new(titles);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		table_put(t, "%s", field_text(one, "uplink"));
		table_put(t, "%s", field_text(one, "mode"));
		table_put(t, "%s", field_text(one, "why"));
	}
	table_print(t, stdout);
}

static int filter(bool attach)
{
	json_t *request = json_pack("{s:s}", "command", attach ? "attach filter" : "detach filter"), *answer;
	int code;

	if (uplink[0])
		json_object_set_new(request, "uplink", json_string(uplink));
	if (mode[0])
		json_object_set_new(request, "mode", json_string(mode));
	code = look_ask(&asked, request, &answer);
	if (code)
		return code;
	if (asked.json)
		cmd_print_json(json_object_get(answer, "filter"));
	else
		print_places(json_object_get(answer, "filter"));
	json_decref(answer);
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	bool attach = !strcmp(command->name, "attach");
	char *what = NULL;
	int code, count = cmd_parse(command, argc, argv, NULL, &what, 1, &code);

	if (count < 0)
		return code;
	if (count && !strcmp(what, "lanes"))
		return lanes(attach);
	if (!count)
		return cmd_fail(CMD_USAGE, "%s what? lanes, or filter; see triglav-ctl %s --help", command->name, command->name);
	if (strcmp(what, "filter"))
		return cmd_fail(CMD_USAGE, "\"%.40s\": triglav-ctl can %s lanes, or filter", what, command->name);
	if (mode[0] && strcmp(mode, "auto") && strcmp(mode, "native") && strcmp(mode, "generic"))
		return cmd_fail(CMD_USAGE, "--mode: expected auto, native or generic, found \"%s\"", mode);
	return filter(attach);
}

const struct command cmd_attach = {
	.name = "attach",
	.words = "lanes | filter",
	.summary = "puts on the tunnel device's classifier, or the XDP filter of the uplinks",
	.example = "  triglav-ctl attach lanes\n"
		   "  triglav-ctl attach filter --uplink eth0 --mode native",
	.flags = attach_flags,
	.run = run,
};

const struct command cmd_detach = {
	.name = "detach",
	.words = "lanes | filter",
	.summary = "takes them off while the daemon runs",
	.example = "  triglav-ctl detach lanes\n"
		   "  triglav-ctl detach filter --uplink eth0",
	.flags = detach_flags,
	.run = run,
};
