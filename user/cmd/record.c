// SPDX-License-Identifier: MIT
/* record.c - triglav-ctl record: the last minute of a client, as a picture or as JSON */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "manage/plot.h"

static struct {
	bool json;
	char input[SETTINGS_PATH_BYTES], name[RUN_NAME_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
} asked = { .runtime_dir = RUN_RUNTIME_DIR };

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("input", 0, "F.json", asked.input, "draw this file, as left by an outage, not a running client"),
	CMD_FLAG_BOOL("json", &asked.json, "the numbers, not the picture"),
	CMD_FLAG_NAME(asked.name),
	CMD_FLAG_TEXT("runtime-dir", 0, "D", asked.runtime_dir, "where the control socket is (" RUN_RUNTIME_DIR ")"),
	{ .flag = NULL },
};

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && !strcmp(text + len - end_len, end);
}

/* Whether FILE, or with none standard output, gets JSON or a picture. */
static int choose_form(const char *file, bool *json)
{
	*json = asked.json || (file && ends_in(file, ".json"));
	if (file && !ends_in(file, ".json") && !ends_in(file, ".svg"))
		return cmd_fail(CMD_USAGE, "\"%.80s\": FILE ends in .svg for a picture, or in .json", file);
	if (file && asked.json && !ends_in(file, ".json"))
		return cmd_fail(CMD_USAGE, "--json and \"%.80s\" contradict each other; call the file .json", file);
	if (!file && !*json && isatty(STDOUT_FILENO))
		return cmd_fail(CMD_USAGE, "which file? triglav-ctl record minute.svg, or --json");
	return CMD_OK;
}

static int read_input(json_t **record)
{
	json_error_t error;
	FILE *f = fopen(asked.input, "re");
	int err = errno;

	if (!f)
		return cmd_fail(cmd_exit_of(-err), "cannot read %s: %s%s", asked.input, strerror(err),
				err == EACCES ? CMD_RUN_WITH_SUDO : "");
	*record = json_loadf(f, 0, &error);
	fclose(f);
	return *record ? CMD_OK : cmd_fail(CMD_FAILED, "%s is no flight record: line %d: %s", asked.input, error.line, error.text);
}

static int ask_daemon(json_t **record)
{
	int code = cmd_choose_daemon(asked.runtime_dir, asked.name);

	if (!code)
		code = cmd_ask(asked.runtime_dir, asked.name, json_pack("{s:s}", "command", "record"), record);
	if (!code)
		json_object_del(*record, "ok");
	return code;
}

static int print(FILE *out, const json_t *record, bool json)
{
	int err = 0;

	if (json && json_dumpf(record, out, JSON_COMPACT | JSON_PRESERVE_ORDER))
		err = -EIO;
	else if (json)
		fputc('\n', out);
	else
		err = plot_record(out, record);
	return !err && ferror(out) ? -EIO : err;
}

static int fail_print(const char *file, int err)
{
	if (err == -EPROTO)
		return cmd_fail(CMD_FAILED, "%s is no flight record that this version understands",
				asked.input[0] ? asked.input : "what the daemon sent");
	return cmd_fail(cmd_exit_of(err), "cannot write %s: %s", file ? file : "the record", strerror(-err));
}

/* Through a new file beside it: what was there stays until all is written. */
static int write_file(const char *file, const json_t *record, bool json)
{
	char fresh[SETTINGS_PATH_BYTES + 8];
	FILE *out;
	int err;

	if (snprintf(fresh, sizeof(fresh), "%s.new", file) >= (int)sizeof(fresh))
		return fail_print(file, -ENAMETOOLONG);
	out = fopen(fresh, "we");
	if (!out)
		return fail_print(file, -errno);
	err = print(out, record, json);
	if (fclose(out) && !err)
		err = -errno;
	if (!err && rename(fresh, file))
		err = -errno;
	if (!err)
		return CMD_OK;
	unlink(fresh);
	return fail_print(file, err);
}

static int run(const struct command *command, int argc, char **argv)
{
	json_t *record = NULL;
	char *file = NULL;
	bool json;
	int code, err;

	if (cmd_parse(command, argc, argv, NULL, &file, 1, &code) < 0)
		return code;
	code = choose_form(file, &json);
	if (!code)
		code = asked.input[0] ? read_input(&record) : ask_daemon(&record);
	if (!code && file) {
		code = write_file(file, record, json);
	} else if (!code) {
		err = print(stdout, record, json);
		code = err ? fail_print(NULL, err) : CMD_OK;
	}
	json_decref(record);
	return code;
}

const struct command cmd_record = {
	.name = "record",
	.words = "[FILE.svg | FILE.json]",
	.summary = "the last minute of a client: rates, delays, losses of each path",
	.example = "  triglav-ctl record minute.svg\n"
		   "  triglav-ctl record outage.svg --input record-DATE.json",
	.flags = flags,
	.run = run,
};
