// SPDX-License-Identifier: MIT
/* server.c - triglav server: the far end
 *
 * First start: makes the server's key and a first credential, prints it. Then the daemon's
 * hooks: control socket, pid file.
 */
#define LOG_AREA LOG_AREA_CONTROL

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "cmd/background.h"
#include "cmd/cmd.h"
#include "cmd/found_at.h"
#include "cmd/server_keys.h"
#include "manage/daemon_control.h"
#include "manage/reload.h"

#define FIRST_CLIENT "default"

static struct {
	bool generate_key, print_key, qr, daemon;
	char config[SETTINGS_PATH_BYTES], pid_file[SETTINGS_PATH_BYTES];
} asked;

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("config", 'c', "F", asked.config, "configuration file; flags are stronger"),
	CMD_FLAG_BOOL("generate-key", &asked.generate_key, "make the key file when it is missing"),
	CMD_FLAG_BOOL("print-key", &asked.print_key, "print the public key string (tg1_), alone, and end"),
	CMD_FLAG_BOOL("qr", &asked.qr, "print key strings as QR codes, too"),
	CMD_FLAG_BOOL("daemon", &asked.daemon, "go to the background when it listens"),
	CMD_FLAG_TEXT("pid-file", 0, "F", asked.pid_file, "write the process id there while it runs"),
	{ .flag = NULL },
};

struct running {
	struct server_control control;	/* first: what the commands get */
	struct control *socket;
	const struct settings *settings;
	struct background background;
	struct reload *reload;
};

/* Hooks */

/* A server that cannot leave its addresses serves all the same: they are asked of it while it runs. */
static int leave_addresses(struct running *r, char *error)
{
	int err;

	r->control.found_at = found_at_report(r->settings, r->settings->server.secret);
	if (!r->control.found_at) {
		snprintf(error, RUN_ERROR_BYTES, "no memory");
		return -ENOMEM;
	}
	err = found_at_store(r->settings, r->control.found_at);
	if (err)
		log_warn("cannot write %s/" FOUND_AT_FILE ": %s", r->settings->state_dir, strerror(-err));
	return 0;
}

static int on_started(void *ctx, struct server *s, struct event_base *base, char error[RUN_ERROR_BYTES])
{
	struct running *r = ctx;
	int err;

	r->control.server = s;
	err = leave_addresses(r, error);
	if (err)
		return err;
	err = control_open(&r->socket, base, server_runtime_dir(s), server_name(s), server_commands, &r->control, error);
	if (err)
		return err;
	return background_ready(&r->background, error);
}

static void on_stopping(void *ctx, struct server *s)
{
	struct running *r = ctx;

	(void)s;
	control_close(r->socket);
	r->socket = NULL;
	background_end(&r->background);
}

static void on_revoked(void *ctx, const u8 id[8])
{
	struct running *r = ctx;

	server_close_client(r->control.server, id, TG_CLOSE_REVOKED);
}

/* There is nothing that a server would refuse. */
static int apply(void *ctx, const struct settings *wanted, bool *refused, char error[RUN_ERROR_BYTES])
{
	*refused = false;
	return server_change(ctx, &wanted->server, error);
}

static int reload_accounts(struct running *r, json_t *report, char *error)
{
	int err = accounts_reload(r->control.accounts, on_revoked, r);

	if (err) {
		snprintf(error, RUN_ERROR_BYTES, "accounts: %.200s", accounts_error(r->control.accounts));
		log_warn("%s", error);
		return err;
	}
	log_info("read the accounts again");
	json_object_set_new(report, "accounts", json_true());
	return 0;
}

/* Accounts are read with a bad file, too: somebody may have been revoked. */
static int on_reload(void *ctx, struct server *s, void *report, char error[RUN_ERROR_BYTES])
{
	struct running *r = ctx;
	int err = reload_accounts(r, report, error);

	if (!r->reload->file[0]) {
		json_object_set_new(report, "file", json_null());
		return err;
	}
	return err ? err : reload_run(r->reload, apply, s, report, error);
}

/* Keys */

static void hint_no_address(void)
{
	log_warn("no address for the key: give --address A:P, where clients find this server");
}

static void hint_private(const struct key_string *k)
{
	char text[ADDR_TEXT_BYTES];

	log_warn("the key names %s, a private address: give --address A:P for clients that are elsewhere",
		 addr_format(&k->addrs[0], text));
}

/* Prints the string that lets the first client in: its own credential, or the public key of an
 * open server. */
static int print_first_key(const struct settings *s, struct accounts *accounts)
{
	struct key_string k;
	bool private_only;
	u8 id[8], secret[32];
	int code, err;

	if (!server_keys_describe(s, s->server.secret, &k, &private_only)) {
		hint_no_address();
		return CMD_OK;	/* it can still be reached by who knows where it is */
	}
	if (!s->server.open) {
		err = accounts_add(accounts, FIRST_CLIENT, id, secret);
		if (err)
			return cmd_fail(CMD_FAILED, "cannot add a first client: %s", accounts_error(accounts));
		server_keys_add_client(&k, id, secret);
	}
	code = server_keys_print(&k, asked.qr);
	if (private_only)
		hint_private(&k);
	sodium_memzero(&k, sizeof(k));
	sodium_memzero(secret, sizeof(secret));
	return code;
}

static int print_public_key(struct settings *s)
{
	struct key_string k;
	bool private_only;

	found_at_learn(s, s->server.secret);
	if (!server_keys_describe(s, s->server.secret, &k, &private_only))
		return cmd_fail(CMD_FAILED, "no address for the key: give --address A:P, where clients find this server");
	return server_keys_print(&k, asked.qr);
}

static int offer_keys(const struct settings *s, struct accounts *accounts, bool first_start)
{
	struct account *list = NULL;
	int n = accounts_list(accounts, &list), valid = 0;

	for (int i = 0; i < n; i++)
		valid += !list[i].revoked;
	free(list);
	if (n < 0)
		return cmd_fail(CMD_FAILED, "no memory");
	if (s->server.open ? first_start : n == 0)
		return print_first_key(s, accounts);
	log_info("%d %s a key; triglav client add NAME makes another", valid, valid == 1 ? "client has" : "clients have");
	return CMD_OK;
}

/* Running */

static int serve(struct settings *s, struct accounts *accounts, struct running *r)
{
	struct server_hooks hooks = { .ctx = r, .started = on_started, .reload = on_reload, .stopping = on_stopping };
	char error[RUN_ERROR_BYTES] = "";
	int err;

	s->server.accounts = accounts;
	r->control.accounts = accounts;
	r->settings = s;
	err = server_run(&s->server, &hooks, error);
	json_decref(r->control.found_at);
	return err ? cmd_fail(cmd_exit_of(err), "%s", error[0] ? error : strerror(-err)) : CMD_OK;
}

static int start(struct settings *s, struct running *r)
{
	char error[ACCOUNTS_ERROR_BYTES];
	struct accounts *accounts = NULL;
	bool made;
	int code, err;

	/* Without being asked only the default key is made: a path that was given may be a
	 * mistake. */
	bool make = asked.generate_key || settings_source(s, "key") == SETTINGS_PRESET;

	code = server_keys_load(s, make, &made, s->server.secret);
	if (code)
		return code;
	if (made)
		log_info("made a new key: %s", s->key_file);
	if (asked.print_key)
		return print_public_key(s);
	err = accounts_open(&accounts, s->state_dir, error);
	if (err)
		return cmd_fail(cmd_exit_of(err), "%s%s", error, err == -EACCES ? CMD_RUN_WITH_SUDO : "");
	code = offer_keys(s, accounts, made);
	if (!code)
		code = serve(s, accounts, r);
	accounts_close(accounts);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct settings s;	/* large, and a place for secrets that is known */
	static struct reload reload;
	struct running r = { .reload = &reload };
	int code;

	if (settings_init(&s, SETTINGS_SERVER))
		return cmd_fail(CMD_FAILED, "no memory");
	if (cmd_parse(command, argc, argv, &s, NULL, 0, &code) < 0)
		return code;
	reload_begin(&reload, &s, asked.config);
	code = cmd_finish_settings(&s, asked.config);
	if (!code)
		reload_started(&reload);
	if (!code)
		code = background_begin(&r.background, asked.daemon && !asked.print_key, s.runtime_dir,
					s.name[0] ? s.name : s.tun_name, asked.pid_file);
	if (!code && background_is_parent(&r.background))
		return background_wait(&r.background);
	if (!code)
		code = start(&s, &r);
	settings_wipe(&s);
	reload_wipe(&reload);
	return code;
}

const struct command cmd_server = {
	.name = "server",
	.summary = "the far end: listens, gives addresses to clients, forwards for them",
	.example = "  sudo triglav server --address 203.0.113.5:7443",
	.flags = flags,
	.settings_side = SETTINGS_SERVER,
	.run = run,
};
