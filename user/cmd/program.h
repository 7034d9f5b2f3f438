// SPDX-License-Identifier: MIT
/* program.h - what triglav and triglav-ctl have in common: a table of commands, help, version, and the end of main() */
#ifndef TG_CMD_PROGRAM_H
#define TG_CMD_PROGRAM_H

#include "cmd/cmd.h"

struct program {
	const char *name;
	const char *summary;
	const struct command *const *commands;	/* ended by NULL */
	const char *example;			/* lines of two spaces and a command */
};

/* All of main(): finds the command and runs it; or prints the overview, a help page, the version. */
int program_main(const struct program *program, int argc, char **argv);

#endif
