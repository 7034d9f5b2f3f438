// SPDX-License-Identifier: MIT
/* triglav.c - the commands, and main() */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "manage/nearest.h"

static const struct command *const commands[] = {
	&cmd_server, &cmd_tun, &cmd_keygen, &cmd_client, &cmd_status, &cmd_uplink, &cmd_config, &cmd_benchmark,
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_overview(FILE *out)
{
	fputs("triglav: one encrypted tunnel over all the links of this machine\n\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       this page, or that of a command: triglav help tun\n"
	      "  version    which triglav this is\n"
	      "\nExample:\n"
	      "  server$ sudo triglav server            # prints a key: tg2_...\n"
	      "  laptop$ sudo triglav tun --key-file F  # the key in a file of mode 0600\n", out);
}

static int fail_unknown(const char *name)
{
	const char *best = NULL;
	u32 distance, least = UINT32_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!nearest_is_near(name, commands[i]->name, &distance) || distance >= least)
			continue;
		best = commands[i]->name;
		least = distance;
	}
	if (best)
		return cmd_fail(CMD_USAGE, "unknown command \"%.40s\"; did you mean \"%s\"?", name, best);
	return cmd_fail(CMD_USAGE, "unknown command \"%.40s\"; triglav help lists them", name);
}

static int run_help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;

	if (argc > 1 && !command)
		return fail_unknown(argv[1]);
	if (command)
		cmd_help(stdout, command, argc > 2 && !strcmp(argv[2], "--help-all"));
	else
		print_overview(stdout);
	return CMD_OK;
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_overview(stderr);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return run_help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version")) {
		puts("triglav " TG_VERSION);
		return CMD_OK;
	}
	command = find(argv[1]);
	return command ? command->run(command, argc - 1, argv + 1) : fail_unknown(argv[1]);
}

/* What was printed counts only when it arrived. */
int main(int argc, char **argv)
{
	int code = run(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		if (code == CMD_OK)
			code = cmd_fail(CMD_FAILED, "cannot write to standard output");
	}
	return code;
}
