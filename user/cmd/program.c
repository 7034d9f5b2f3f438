// SPDX-License-Identifier: MIT
/* program.c - a table of commands, help, version, and the end of main() */
#include "cmd/program.h"

#include <stdio.h>
#include <string.h>

#include "manage/nearest.h"

static const struct command *find(const struct program *p, const char *name)
{
	for (const struct command *const *c = p->commands; *c; c++)
		if (!strcmp((*c)->name, name))
			return *c;
	return NULL;
}

static void print_overview(const struct program *p, FILE *out)
{
	fprintf(out, "%s: %s\n\n", p->name, p->summary);
	for (const struct command *const *c = p->commands; *c; c++)
		fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
	fprintf(out, "  help       this page, or that of a command: %s help %s\n"
		"  version    which triglav this is\n"
		"\nExample:\n%s", p->name, p->commands[1] ? p->commands[1]->name : p->commands[0]->name, p->example);
}

static int fail_unknown(const struct program *p, const char *name)
{
	const char *best = NULL;
	u32 distance, least = UINT32_MAX;

	if (name[0] == '-')
		return cmd_fail(CMD_USAGE, "%.40s: the command comes first, its flags behind it; %s help lists the commands", name, p->name);
	for (const struct command *const *c = p->commands; *c; c++) {
		if (!nearest_is_near(name, (*c)->name, &distance) || distance >= least)
			continue;
		best = (*c)->name;
		least = distance;
	}
	if (best)
		return cmd_fail(CMD_USAGE, "unknown command \"%.40s\"; did you mean \"%s\"?", name, best);
	return cmd_fail(CMD_USAGE, "unknown command \"%.40s\"; %s help lists them", name, p->name);
}

static int run_help(const struct program *p, int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(p, argv[1]) : NULL;

	if (argc > 1 && !command)
		return fail_unknown(p, argv[1]);
	if (command)
		cmd_help(stdout, command, argc > 2 && !strcmp(argv[2], "--help-all"));
	else
		print_overview(p, stdout);
	return CMD_OK;
}

static int run(const struct program *p, int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_overview(p, stderr);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return run_help(p, argc - 1, argv + 1);
	if (!strcmp(argv[1], "version") || !strcmp(argv[1], "--version")) {
		printf("%s " TG_VERSION "\n", p->name);
		return CMD_OK;
	}
	command = find(p, argv[1]);
	return command ? command->run(command, argc - 1, argv + 1) : fail_unknown(p, argv[1]);
}

/* What was printed counts only when it arrived. */
int program_main(const struct program *program, int argc, char **argv)
{
	int code;

	cmd_program = program->name;
	code = run(program, argc, argv);
	if (fflush(stdout) || ferror(stdout)) {
		if (code == CMD_OK)
			code = cmd_fail(CMD_FAILED, "cannot write to standard output");
	}
	return code;
}
