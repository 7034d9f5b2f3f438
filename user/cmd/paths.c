// SPDX-License-Identifier: MIT
/* paths.c - triglav-ctl paths: every path, with what is known of it */
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/path_list.h"
#include "cmd/table.h"
#include "cmd/text.h"

static struct look asked = LOOK_INIT;
static bool detailed;

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("detailed", &detailed, "queue, jitter, rate of now, bytes in flight and MTU as well (a wide table)"),
	LOOK_FLAGS(asked, "all that is known of each, as JSON"),
	{ .flag = NULL },
};

static void put_ms(struct table *t, const json_t *path, const char *field, bool known)
{
	char ms[TEXT_BYTES];

	table_put(t, "%s", known ? text_ms(field_number(path, field), ms) : "-");
}

static void put_details(struct table *t, const json_t *path, bool measured)
{
	char now[TEXT_BYTES], flight[TEXT_BYTES];

	put_ms(t, path, "queue_us", measured);
	put_ms(t, path, "jitter_us", measured);
	table_put(t, "%s", text_rate(field_number(path, "sent_bytes_last_second"), now));
	table_put(t, "%s", text_bytes(field_number(path, "in_flight_bytes"), flight));
	table_put(t, "%llu", (unsigned long long)field_number(path, "mtu"));
}

static void put_path(struct table *t, const json_t *path, bool server)
{
	bool measured = field_number(path, "rtt_us");
	char text[PATH_LIST_NAME_BYTES];
	const char *why = field_text(path, "left_out");

	if (server)
		table_put(t, "%s", field_text(path, "client"));
	table_put(t, "%s", path_list_name(path, text));
	table_put(t, "%s", path_list_state(path, text));
	table_colour(t, (int)text_state_colour(field_text(path, "state")));
	put_ms(t, path, "rtt_us", measured);
	table_put(t, "%s", path_list_loss(path, text));
	table_put(t, "%s", path_list_capacity(path, text));
	table_put(t, "%s", path_list_share(path, text));
	if (detailed)
		put_details(t, path, measured);
	table_put(t, "%s", strcmp(why, "-") ? why : "");
}

#define SHORT "CLIENT", "PATH", "STATE", ">RTT", ">LOSS", ">CAPACITY", ">SHARE"

static void print(const json_t *list, bool server)
{
	static const char *const titles[] = { SHORT, "LEFT OUT", NULL };
	static const char *const all[] = { SHORT, ">QUEUE", ">JITTER", ">SENDING", ">IN FLIGHT", ">MTU", "LEFT OUT", NULL };
	struct table *t = table_new((detailed ? all : titles) + !server);
	const json_t *path;
	size_t i;

	json_array_foreach(list, i, path)
		put_path(t, path, server);
	table_print(t, stdout);
	if (!json_array_size(list))
		puts(server ? "nobody is connected; triglav-ctl clients --all lists those that are away" : "no path yet; triglav uplink list shows the uplinks");
}

static int run(const struct command *command, int argc, char **argv)
{
	json_t *status, *list;
	char *only = NULL;
	int code;

	if (cmd_parse(command, argc, argv, NULL, &only, 1, &code) < 0)
		return code;
	code = look_status(&asked, false, &status);
	if (code)
		return code;
	list = path_list(status, only);
	if (only && !json_array_size(list))
		code = cmd_fail(CMD_FAILED, "no path of \"%.40s\" is there; triglav-ctl paths lists all", only);
	else if (asked.json)
		cmd_print_json(list);
	else
		print(list, look_is_server(status));
	json_decref(list);
	json_decref(status);
	return code;
}

const struct command cmd_paths = {
	.name = "paths",
	.words = "[UPLINK | CLIENT]",
	.summary = "every path: delay, queue, loss, what it carries and what is sent on it",
	.example = "  triglav-ctl paths\n  triglav-ctl paths wwan0 --json",
	.flags = flags,
	.run = run,
};
