// SPDX-License-Identifier: MIT
/* cmd.h - what the commands share: the table's row, flags, failing, asking a daemon */
#ifndef TG_CMD_CMD_H
#define TG_CMD_CMD_H

#include <jansson.h>

#include "manage/settings.h"
#include "manage/values.h"

enum cmd_exit { CMD_OK, CMD_FAILED, CMD_USAGE, CMD_NO_DAEMON, CMD_NOT_PERMITTED };

/* A flag of one command. */
struct cmd_flag {
	const char *flag;	/* "json" for --json */
	char letter;
	const char *metavar;	/* NULL for a bool */
	const char *help;
	struct value_slot slot;
};

struct command {
	const char *name;
	const char *words;	/* what follows the name: "add|list|revoke|show NAME" */
	const char *summary;	/* one line */
	const char *example;	/* lines of two spaces and a command */
	const struct cmd_flag *flags;	/* ended by one without name; NULL: none */
	u8 settings_side;	/* enum settings_side: takes the flags of the table, too */
	int (*run)(const struct command *command, int argc, char **argv);	/* argv[0] is the name; returns an enum cmd_exit */
};

extern const struct command cmd_server, cmd_tun, cmd_keygen, cmd_client, cmd_status, cmd_uplink, cmd_config, cmd_benchmark, cmd_why;
extern const struct command cmd_paths, cmd_flows, cmd_clients, cmd_counters, cmd_drops, cmd_monitor, cmd_record, cmd_log;
extern const struct command cmd_config_reload, cmd_policy, cmd_attach, cmd_detach;	/* of triglav-ctl */

/* The program that runs: "triglav" or "triglav-ctl". */
extern const char *cmd_program;

/* Writes "PROGRAM: ..." to standard error, returns code. */
int cmd_fail(enum cmd_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Ends the line about a file of the state directory that only root may touch. */
#define CMD_RUN_WITH_SUDO "; run with sudo"

/* The exit code for a negative errno of client_run(), server_run() and the like. */
enum cmd_exit cmd_exit_of(int err);

/* Takes the flags out of argv: those of the command, and with settings those of the table. What
 * is left, at most max words, goes to words. Returns how many words; or, when the command is
 * over (help was printed, or an error), -1 with *code. */
int cmd_parse(const struct command *command, int argc, char **argv, struct settings *settings, char **words, int max,
	      int *code);

/* The help of one command; `all`: rare flags too. */
void cmd_help(FILE *out, const struct command *command, bool all);

/* --config F, for commands with settings: reads it, then settings_finish(). Flags have been
 * parsed. */
int cmd_finish_settings(struct settings *settings, const char *config);

/* Which daemon is meant: the one that was named, the only one there is, or tg0. CMD_OK,
 * CMD_NO_DAEMON, CMD_USAGE (several; said). */
int cmd_choose_daemon(const char *runtime_dir, char name[RUN_NAME_BYTES]);

/* Asks the daemon; says what went wrong. CMD_OK with *answer. Takes the request. */
int cmd_ask(const char *runtime_dir, const char *name, json_t *request, json_t **answer);

/* Prints as --json does: indented, a line feed at the end. */
void cmd_print_json(const json_t *value);

#define CMD_FLAG_BOOL(name_, place_, help_) \
	{ .flag = name_, .help = help_, .slot = { .type = VALUE_BOOL, .place = place_ } }
#define CMD_FLAG_TEXT(name_, letter_, metavar_, array_, help_) \
	{ .flag = name_, .letter = letter_, .metavar = metavar_, .help = help_, \
	  .slot = { .type = VALUE_TEXT, .max = sizeof(array_), .place = array_ } }
#define CMD_FLAG_NAME(array_) \
	{ .flag = "name", .metavar = "N", .help = "name of the instance (tg0, or the only one)", \
	  .slot = { .type = VALUE_NAME, .max = sizeof(array_), .place = array_ } }

#endif
