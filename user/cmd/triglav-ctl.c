// SPDX-License-Identifier: MIT
/* triglav-ctl.c - the commands that talk to what runs, and main() */
#include "cmd/program.h"

/* In the order in which the overview lists them. */
static const struct command *const commands[] = {
	&cmd_paths,
	&cmd_flows,
	&cmd_clients,
	&cmd_counters,
	&cmd_drops,
	&cmd_policy,
	&cmd_attach,
	&cmd_detach,
	&cmd_monitor,
	&cmd_log,
	&cmd_config_reload,
	&cmd_record,
	NULL,
};

static const struct program triglav_ctl = {
	.name = "triglav-ctl",
	.summary = "looks into a running triglav",
	.commands = commands,
	.example = "  triglav-ctl monitor              # what moves now, live\n"
		   "  triglav-ctl record minute.svg    # the last minute of every path, drawn\n",
};

int main(int argc, char **argv)
{
	return program_main(&triglav_ctl, argc, argv);
}
