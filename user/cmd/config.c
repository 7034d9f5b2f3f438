// SPDX-License-Identifier: MIT
/* config.c - triglav config: a commented configuration file */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

static bool for_server, for_client;
static char output[SETTINGS_PATH_BYTES];

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("server", &for_server, "of triglav server"),
	CMD_FLAG_BOOL("client", &for_client, "of triglav tun"),
	CMD_FLAG_TEXT("output", 'o', "F", output, "write it there; a file that exists stays as it is"),
	{ .flag = NULL },
};

/* 0600: a client's file may get a key. */
static int write_file(enum settings_side side)
{
	int fd = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int err = f ? 0 : errno;

	if (f) {
		settings_print_file(f, side);
		if (fclose(f))
			err = errno;
	}
	return err ? cmd_fail(cmd_exit_of(-err), "cannot write %s: %s%s", output, strerror(err),
			      err == EEXIST ? "; it stays as it is: choose another name, or remove it" : "") : CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	enum settings_side side;
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	if (for_server == for_client)
		return cmd_fail(CMD_USAGE, "which file? triglav config --server, or triglav config --client");
	side = for_server ? SETTINGS_SERVER : SETTINGS_CLIENT;
	if (output[0])
		return write_file(side);
	settings_print_file(stdout, side);
	return CMD_OK;
}

const struct command cmd_config = {
	.name = "config",
	.words = "--server | --client",
	.summary = "prints a commented configuration file that works as it is",
	.example = "  triglav config --server -o /etc/triglav/server.toml",
	.flags = flags,
	.run = run,
};
