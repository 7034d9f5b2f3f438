// SPDX-License-Identifier: MIT
/* config_reload.c - triglav-ctl config reload: a daemon reads its configuration file again */
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"
#include "cmd/text.h"

static struct look asked = LOOK_INIT;

static const struct cmd_flag flags[] = {
	LOOK_FLAGS(asked, "what changed, and what needs a restart"),
	{ .flag = NULL },
};

static void put_changes(struct table *t, const json_t *list, const char *effect, enum text_colour colour)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one) {
		table_put(t, "%s", field_text(one, "key"));
		table_put(t, "%s", field_text(one, "from"));
		table_put(t, "%s", field_text(one, "to"));
		table_put(t, "%s", effect);
		table_colour(t, (int)colour);
	}
}

static void print(const json_t *answer)
{
	static const char *const titles[] = { "KEY", "WAS", "IS", "TAKES EFFECT", NULL };
	const json_t *changed = json_object_get(answer, "changed"), *later = json_object_get(answer, "needs_restart");
	struct table *t;

	if (field_true(answer, "accounts"))
		puts("the accounts were read again");
	if (!json_is_string(json_object_get(answer, "file"))) {
		puts("it was started without a configuration file");
		return;
	}
	if (!json_array_size(changed) && !json_array_size(later)) {
		printf("%s: %s\n", field_text(answer, "file"), field_true(answer, "again") ? "what had failed is done" : "nothing changed");
		return;
	}
	t = table_new(titles);
	put_changes(t, changed, "now", TEXT_GOOD);
	put_changes(t, later, "after a restart", TEXT_WARN);
	table_print(t, stdout);
}

static int run(const struct command *command, int argc, char **argv)
{
	json_t *answer;
	char *verb = NULL;
	int code;

	if (cmd_parse(command, argc, argv, NULL, &verb, 1, &code) < 0)
		return code;
	if (!verb || strcmp(verb, "reload"))
		return cmd_fail(CMD_USAGE, "triglav-ctl config can reload; see triglav-ctl config --help");
	code = look_ask(&asked, json_pack("{s:s}", "command", "config reload"), &answer);
	if (code)
		return code;
	if (asked.json)
		cmd_print_json(answer);
	else
		print(answer);
	json_decref(answer);
	return CMD_OK;
}

const struct command cmd_config_reload = {
	.name = "config",
	.words = "reload",
	.summary = "a daemon reads its file again; says what changed, what needs a restart",
	.example = "  sudo triglav-ctl config reload\n  sudo triglav-ctl config reload --json | jq .needs_restart",
	.flags = flags,
	.run = run,
};
