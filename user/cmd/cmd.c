// SPDX-License-Identifier: MIT
/* cmd.c - flags and help of the commands, and asking a daemon */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "manage/control.h"
#include "manage/nearest.h"

const char *cmd_program = "triglav";

int cmd_fail(enum cmd_exit code, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", cmd_program);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

enum cmd_exit cmd_exit_of(int err)
{
	switch (-err) {
	case 0:
		return CMD_OK;
	case EINVAL:
		return CMD_USAGE;
	case EPERM:
	case EACCES:
		return CMD_NOT_PERMITTED;
	default:
		return CMD_FAILED;
	}
}

/* Flags */

static bool flag_ends(const struct cmd_flag *f)
{
	return !f || !f->flag;
}

static const struct cmd_flag *find_flag(const struct command *command, const char *word, const char **value)
{
	for (const struct cmd_flag *f = command->flags; !flag_ends(f); f++) {
		size_t len = strlen(f->flag);

		*value = NULL;
		if (f->letter && word[0] == '-' && word[1] == f->letter) {
			*value = word[2] ? word + 2 : NULL;
			return f;
		}
		if (strncmp(word, "--", 2) || strncmp(word + 2, f->flag, len))
			continue;
		if (word[2 + len] == '=')
			*value = word + len + 3;
		if (!word[2 + len] || *value)
			return f;
	}
	return NULL;
}

/* 1: taken; 0: not a flag of the command; -1: wrong, and said. */
static int take_flag(const struct command *command, int argc, char **argv, int *at)
{
	const char *value, *word = argv[*at];
	const struct cmd_flag *f = find_flag(command, word, &value);
	char expects[VALUE_EXPECTS_BYTES];

	if (!f)
		return 0;
	if (!value && f->slot.type == VALUE_BOOL)
		value = "true";
	if (!value && *at + 1 < argc)
		value = argv[++*at];
	if (value && !value_set(&f->slot, value))
		return 1;
	if (value)
		cmd_fail(CMD_USAGE, "--%s: expected %s, found \"%.100s\"", f->flag, value_expects(&f->slot, expects), value);
	else
		cmd_fail(CMD_USAGE, "--%s needs a value: %s", f->flag, f->help);
	return -1;
}

static int fail_unknown_flag(const struct command *command, const char *word)
{
	const char *typed = word + strspn(word, "-"), *best = NULL;
	u32 distance, least = UINT32_MAX;

	for (const struct cmd_flag *f = command->flags; !flag_ends(f); f++) {
		if (!nearest_is_near(typed, f->flag, &distance) || distance >= least)
			continue;
		best = f->flag;
		least = distance;
	}
	if (command->settings_side && !best)
		best = settings_nearest_flag((enum settings_side)command->settings_side, typed);
	if (best)
		return cmd_fail(CMD_USAGE, "unknown flag %s; did you mean --%s?", word, best);
	return cmd_fail(CMD_USAGE, "unknown flag %s; see %s %s --help", word, cmd_program, command->name);
}

static bool is_help(const struct command *command, const char *word)
{
	bool all = !strcmp(word, "--help-all");

	if (!all && strcmp(word, "--help") && strcmp(word, "-h"))
		return false;
	cmd_help(stdout, command, all);
	return true;
}

/* One word that begins with a dash. true: go on. */
static bool parse_flag(const struct command *command, int argc, char **argv, int *at, struct settings *settings,
		       int *code)
{
	char error[SETTINGS_ERROR_BYTES];
	int taken = take_flag(command, argc, argv, at);

	if (!taken && settings) {
		taken = settings_flag(settings, argc, argv, at, error);
		if (taken < 0)
			cmd_fail(CMD_USAGE, "%s", error);
	}
	if (taken > 0)
		return true;
	*code = CMD_USAGE;
	if (taken < 0)
		return false;
	if (is_help(command, argv[*at]))
		*code = CMD_OK;
	else
		fail_unknown_flag(command, argv[*at]);
	return false;
}

int cmd_parse(const struct command *command, int argc, char **argv, struct settings *settings, char **words, int max,
	      int *code)
{
	bool flags = true;
	int count = 0;

	for (int i = 1; i < argc; i++) {
		if (flags && !strcmp(argv[i], "--")) {
			flags = false;
		} else if (flags && argv[i][0] == '-' && argv[i][1]) {
			if (!parse_flag(command, argc, argv, &i, settings, code))
				return -1;
		} else if (count == max) {
			*code = cmd_fail(CMD_USAGE, "\"%.40s\" is one word too many; see %s %s --help", argv[i],
					 cmd_program, command->name);
			return -1;
		} else {
			words[count++] = argv[i];
		}
	}
	return count;
}

void cmd_help(FILE *out, const struct command *command, bool all)
{
	fprintf(out, "%s %s%s%s [flags]\n  %s\n\n", cmd_program, command->name, command->words ? " " : "",
		command->words ? command->words : "", command->summary);
	for (const struct cmd_flag *f = command->flags; !flag_ends(f); f++) {
		char words[64], letter[8] = "";

		if (f->letter)
			snprintf(letter, sizeof(letter), "-%c, ", f->letter);
		snprintf(words, sizeof(words), "%s--%s %s", letter, f->flag, f->metavar ? f->metavar : "");
		settings_print_flag(out, words, f->help);
	}
	if (command->settings_side) {
		settings_print_help(out, (enum settings_side)command->settings_side, all);
		if (command->settings_side != SETTINGS_TOOL)	/* it takes no yes or no */
			fputs("  Flags without a value are turned off by no-: --no-tcp-fallback.\n", out);
		if (!all)
			settings_print_flag(out, "--help-all", "the rest of the flags");
	}
	fprintf(out, "\nExample:\n%s\n", command->example);
}

int cmd_finish_settings(struct settings *settings, const char *config)
{
	char error[SETTINGS_ERROR_BYTES];
	int err = config[0] ? settings_read_file(settings, config, error) : 0;

	if (err)
		return cmd_fail(err == -EINVAL ? CMD_USAGE : cmd_exit_of(err), "%s", error);
	settings_finish(settings);
	log_set_level((enum log_level)settings->log_level);
	return CMD_OK;
}

/* Daemons */

int cmd_choose_daemon(const char *runtime_dir, char name[RUN_NAME_BYTES])
{
	char names[16][RUN_NAME_BYTES];
	int n;

	if (name[0])
		return CMD_OK;
	n = control_instances(runtime_dir, names, ARRAY_SIZE(names));
	if (n == -EACCES)
		return cmd_fail(CMD_NOT_PERMITTED, "%s: %s" CONTROL_WHO_MAY, runtime_dir, strerror(-n));
	if (n <= 0)
		return cmd_fail(CMD_NO_DAEMON, "no triglav runs here (%s has no control socket)", runtime_dir);
	if (n == 1) {
		memcpy(name, names[0], RUN_NAME_BYTES);
		return CMD_OK;
	}
	for (int i = 0; i < n && i < (int)ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], RUN_TUN_NAME)) {
			memcpy(name, names[i], RUN_NAME_BYTES);
			return CMD_OK;
		}
	return cmd_fail(CMD_USAGE, "several run here: %s, %s%s; choose with --name", names[0], names[1],
			n > 2 ? ", ..." : "");
}

int cmd_ask(const char *runtime_dir, const char *name, json_t *request, json_t **answer)
{
	char error[RUN_ERROR_BYTES];
	int code = CMD_FAILED, err;

	err = control_request(runtime_dir, name, request, answer, &code, error);
	json_decref(request);
	if (!err)
		return CMD_OK;
	if (err == -ENOENT)
		code = CMD_NO_DAEMON;
	else if (err != -EREMOTEIO)
		code = cmd_exit_of(err);
	return cmd_fail((enum cmd_exit)code, "%s", error);
}

void cmd_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}
