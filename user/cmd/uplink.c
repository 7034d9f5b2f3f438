// SPDX-License-Identifier: MIT
/* uplink.c - triglav uplink: the links of a running client */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/status_table.h"
#include "manage/amounts.h"

static struct {
	bool json, metered, backup;
	u32 weight;
	const char *rate, *quota, *datapath;	/* as typed; NULL: not said */
	char name[RUN_NAME_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
} asked = { .runtime_dir = RUN_RUNTIME_DIR };

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("json", &asked.json, "list, show: as JSON"),
	{ .flag = "weight", .metavar = "N", .help = "add, set: its share with --strategy weighted_round_robin",
	  .slot = { .type = VALUE_COUNT, .min = 1, .max = 1000, .place = &asked.weight } },
	CMD_FLAG_BOOL("metered", &asked.metered, "add, set: costs money; when others are full or gone"),
	CMD_FLAG_BOOL("backup", &asked.backup, "add, set: only when no other link is there"),
	CMD_FLAG_NAME(asked.name),
	CMD_FLAG_TEXT("runtime-dir", 0, "D", asked.runtime_dir, "where the control socket is (" RUN_RUNTIME_DIR ")"),
	{ .flag = NULL },
};

static int get_uplinks(json_t **answer)
{
	return cmd_ask(asked.runtime_dir, asked.name, json_pack("{s:s}", "command", "uplink list"), answer);
}

static int list(const char *interface)
{
	json_t *answer, *uplinks;
	int code = get_uplinks(&answer);

	(void)interface;
	if (code)
		return code;
	uplinks = json_object_get(answer, "uplinks");
	if (asked.json)
		cmd_print_json(uplinks);
	else
		status_print_uplinks(uplinks, NULL, 0, NULL);
	json_decref(answer);
	return CMD_OK;
}

static int show(const char *interface)
{
	json_t *answer, *one, *chosen = NULL;
	int code = get_uplinks(&answer);
	size_t i;

	if (code)
		return code;
	json_array_foreach(json_object_get(answer, "uplinks"), i, one)
		if (!strcmp(json_string_value(json_object_get(one, "name")), interface))
			chosen = one;
	if (!chosen) {
		code = cmd_fail(CMD_FAILED, "\"%.40s\" is no uplink; triglav uplink list shows all", interface);
	} else if (asked.json) {
		cmd_print_json(chosen);
	} else {
		json_t *alone = json_pack("[O]", chosen);

		status_print_uplinks(alone, NULL, 0, json_string_value(json_object_get(answer, "congestion")));
		json_decref(alone);
	}
	json_decref(answer);
	return code;
}

static int change(const char *command, const char *interface)
{
	bool limits_only = (asked.rate || asked.quota || asked.datapath) && !asked.weight && !asked.metered && !asked.backup;
	json_t *answer, *request = json_pack("{s:s, s:s, s:i, s:b, s:b, s:b, s:s*, s:s*, s:s*}", "command", command, "uplink", interface,
					     "weight", (int)asked.weight, "metered", asked.metered, "backup", asked.backup,
					     "limits_only", limits_only, "rate", asked.rate, "quota", asked.quota,
					     "datapath", asked.datapath);
	int code = cmd_ask(asked.runtime_dir, asked.name, request, &answer);

	if (code)
		return code;
	if (json_is_false(json_object_get(answer, "present")))
		fprintf(stderr, "triglav: \"%s\" is not there yet; it will be used when it comes\n", interface);
	json_decref(answer);
	return CMD_OK;
}

static int add(const char *interface)
{
	return change("uplink add", interface);
}

static int remove_uplink(const char *interface)
{
	return change("uplink remove", interface);
}

static int set(const char *interface)
{
	return change("uplink set", interface);
}

static const struct {
	const char *name;
	bool needs_interface, takes_limits;
	int (*run)(const char *interface);
} verbs[] = {
	{ "list", false, false, list }, { "show", true, false, show }, { "add", true, true, add },
	{ "remove", true, false, remove_uplink }, { "set", true, true, set },
};

/* A word behind the interface: rate=20mbit, quota=10GB, datapath=xdp. False: another one, and it was said. */
static bool take_limit(const char *word)
{
	u64 value;

	if (!strncmp(word, "rate=", 5)) {
		asked.rate = word + 5;
		if (!amount_parse_rate(asked.rate, &value))
			return true;
		cmd_fail(CMD_USAGE, "rate: expected " AMOUNT_RATE_EXPECTS ", found \"%.40s\"", asked.rate);
	} else if (!strncmp(word, "quota=", 6)) {
		asked.quota = word + 6;
		if (!amount_parse_bytes(asked.quota, &value))
			return true;
		cmd_fail(CMD_USAGE, "quota: expected " AMOUNT_BYTES_EXPECTS ", found \"%.40s\"", asked.quota);
	} else if (!strncmp(word, "datapath=", 9)) {
		asked.datapath = word + 9;
		if (run_datapath_parse(asked.datapath) >= 0)
			return true;
		cmd_fail(CMD_USAGE, "datapath: expected auto, udp or xdp, found \"%.40s\"", asked.datapath);
	} else {
		cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many; behind the interface add and set take rate=20mbit, quota=10GB, datapath=xdp", word);
	}
	return false;
}

static int run(const struct command *command, int argc, char **argv)
{
	char *words[4] = { NULL };
	int code, count = cmd_parse(command, argc, argv, NULL, words, 4, &code);
	size_t verb = 0;

	if (count < 0)
		return code;
	if (!count)
		return cmd_fail(CMD_USAGE, "triglav uplink can list, show IF, add IF, remove IF and set IF");
	while (verb < ARRAY_SIZE(verbs) && strcmp(verbs[verb].name, words[0]))
		verb++;
	if (verb == ARRAY_SIZE(verbs))
		return cmd_fail(CMD_USAGE, "triglav uplink can list, show, add, remove and set, not \"%.40s\"", words[0]);
	if (verbs[verb].needs_interface != (count >= 2))
		return cmd_fail(CMD_USAGE, verbs[verb].needs_interface ? "which interface? triglav uplink %s IF" :
				"triglav uplink %s takes no interface", words[0]);
	for (int i = 2; i < count; i++)
		if (!verbs[verb].takes_limits || !take_limit(words[i]))
			return verbs[verb].takes_limits ? CMD_USAGE : cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many", words[i]);
	code = cmd_choose_daemon(asked.runtime_dir, asked.name);
	return code ? code : verbs[verb].run(words[1]);
}

const struct command cmd_uplink = {
	.name = "uplink",
	.words = "list | show IF | add IF | remove IF | set IF",
	.summary = "the links of a running client: shows, adds, removes, changes them",
	.example = "  sudo triglav uplink add wwan0 --metered\n  sudo triglav uplink set wwan0 rate=20mbit quota=10GB",
	.flags = flags,
	.run = run,
};
