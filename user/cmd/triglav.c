// SPDX-License-Identifier: MIT
/* triglav.c - the commands that run things, and main() */
#include "cmd/program.h"

static const struct command *const commands[] = {
	&cmd_server, &cmd_tun, &cmd_keygen, &cmd_client, &cmd_status, &cmd_uplink, &cmd_config, &cmd_benchmark,
	&cmd_why, NULL,
};

static const struct program triglav = {
	.name = "triglav",
	.summary = "one encrypted tunnel over all the links of this machine",
	.commands = commands,
	.example = "  server$ sudo triglav server            # prints a key: tg2_...\n"
		   "  laptop$ sudo triglav tun --key-file F  # the key in a file of mode 0600\n",
};

int main(int argc, char **argv)
{
	return program_main(&triglav, argc, argv);
}
