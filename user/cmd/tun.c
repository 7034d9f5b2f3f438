// SPDX-License-Identifier: MIT
/* tun.c - triglav tun: the near end */
#define LOG_AREA LOG_AREA_CONTROL

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>
#include <sodium.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/key_source.h"
#include "manage/daemon_control.h"
#include "manage/record_keeper.h"
#include "manage/reload.h"

static char config[SETTINGS_PATH_BYTES];

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("config", 'c', "F", config, "configuration file; flags are stronger"),
	{ .flag = NULL },
};

/* What hangs on the running client. */
struct attached {
	struct control *control;
	struct record_keeper *keeper;
	struct reload *reload;
};

static int on_started(void *ctx, struct client *c, struct event_base *base, char error[RUN_ERROR_BYTES])
{
	struct attached *a = ctx;
	int err = control_open(&a->control, base, client_runtime_dir(c), client_name(c), client_commands, c, error);

	if (!err)
		a->keeper = record_keeper_new(c, base);
	return err;
}

static void on_path_changed(void *ctx, struct client *c, const struct tunnel_path_info *path, const char *why)
{
	struct attached *a = ctx;

	(void)c;
	record_keeper_note(a->keeper, path, why);
}

static int apply(void *ctx, const struct settings *wanted, bool *refused, char error[RUN_ERROR_BYTES])
{
	return client_change(ctx, &wanted->client, refused, error);
}

static int on_reload(void *ctx, struct client *c, void *report, char error[RUN_ERROR_BYTES])
{
	struct attached *a = ctx;

	return reload_run(a->reload, apply, c, report, error);
}

static void on_stopping(void *ctx, struct client *c)
{
	struct attached *a = ctx;

	(void)c;
	record_keeper_free(a->keeper);
	a->keeper = NULL;
	control_close(a->control);
	a->control = NULL;
}

/* A name typed wrong would wait for ever; one in a file may belong to a stick that comes later. */
static int check_interfaces(const struct settings *s)
{
	struct if_nameindex *all;
	char there[256] = "";
	size_t used = 0;
	u32 missing = 0;

	if (settings_source(s, "interface") != SETTINGS_FLAG)
		return CMD_OK;
	while (missing < s->client.uplink_count && if_nametoindex(s->client.uplinks[missing].name))
		missing++;
	if (missing == s->client.uplink_count)
		return CMD_OK;
	all = if_nameindex();
	for (struct if_nameindex *i = all; i && i->if_index && used < sizeof(there); i++)
		if (strcmp(i->if_name, "lo"))
			used += (size_t)snprintf(there + used, sizeof(there) - used, "%s%s", used ? ", " : "", i->if_name);
	if (all)
		if_freenameindex(all);
	return cmd_fail(CMD_FAILED, "there is no interface \"%s\"; there is %s", s->client.uplinks[missing].name,
			there[0] ? there : "none");
}

/* What was said on the command line, before the file and the defaults come in. */
static int check_dns(const struct settings *s)
{
	if (s->client.dns || settings_source(s, "dns") != SETTINGS_FLAG || settings_source(s, "dns-server") != SETTINGS_FLAG)
		return CMD_OK;
	return cmd_fail(CMD_USAGE, "--no-dns and --dns-server contradict each other; give one");
}

static int connect_tunnel(const struct settings *s, struct reload *reload)
{
	struct attached attached = { .reload = reload };
	struct client_hooks hooks = { .ctx = &attached, .started = on_started, .reload = on_reload,
				      .path_changed = on_path_changed, .stopping = on_stopping };
	char error[RUN_ERROR_BYTES] = "";
	int err = client_run(&s->client, &hooks, error);

	return err ? cmd_fail(cmd_exit_of(err), "%s", error[0] ? error : strerror(-err)) : CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct settings s;	/* large, and a place for secrets that is known */
	static struct reload reload;
	char *word = NULL;
	int code;

	if (settings_init(&s, SETTINGS_CLIENT))
		return cmd_fail(CMD_FAILED, "no memory");
	if (cmd_parse(command, argc, argv, &s, &word, 1, &code) < 0)
		return code;
	reload_begin(&reload, &s, config);
	code = check_dns(&s);
	if (!code)
		code = cmd_finish_settings(&s, config);
	if (!code)
		reload_started(&reload);
	if (!code)
		code = key_source_read(&s, word, &s.client.key);
	if (!code)
		code = check_interfaces(&s);
	if (!code)
		code = connect_tunnel(&s, &reload);
	settings_wipe(&s);
	reload_wipe(&reload);
	return code;
}

const struct command cmd_tun = {
	.name = "tun",
	.words = "KEY | --key-file F | -",
	.summary = "the near end: a tunnel over every uplink, for all traffic and DNS",
	.example = "  sudo triglav tun --key-file laptop.key -i eth0 -i wwan0,backup",
	.flags = flags,
	.settings_side = SETTINGS_CLIENT,
	.run = run,
};
