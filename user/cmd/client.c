// SPDX-License-Identifier: MIT
/* client.c - triglav client: the credentials of a server
 *
 * Works on the accounts directly, so the server need not run; one that does is told to read them
 * again.
 */
#define LOG_AREA LOG_AREA_CONTROL

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/found_at.h"
#include "cmd/server_keys.h"
#include "cmd/text.h"
#include "manage/control.h"
#include "manage/report.h"
#include "server/accounts.h"

static struct {
	bool json, qr, print_key;
	char config[SETTINGS_PATH_BYTES];
} asked;

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("json", &asked.json, "list, show: as JSON"),
	CMD_FLAG_BOOL("qr", &asked.qr, "add, show: the key string as a QR code, too"),
	CMD_FLAG_BOOL("print-key", &asked.print_key, "show: only the key string"),
	CMD_FLAG_TEXT("config", 'c', "F", asked.config, "the server's configuration file, if it has one"),
	{ .flag = NULL },
};

/* Tells the server; all that run here when none was named. That there is none is fine. */
static void tell_servers(const struct settings *s)
{
	char names[16][RUN_NAME_BYTES], error[RUN_ERROR_BYTES];
	int n = 1, code, err;

	memcpy(names[0], s->name, RUN_NAME_BYTES);
	if (!s->name[0])
		n = control_instances(s->runtime_dir, names, ARRAY_SIZE(names));
	for (int i = 0; i < n && i < (int)ARRAY_SIZE(names); i++) {
		json_t *request = json_pack("{s:s}", "command", "clients reload"), *answer;

		code = 0;
		err = control_request(s->runtime_dir, names[i], request, &answer, &code, error);
		json_decref(request);
		json_decref(answer);
		if (err && err != -ENOENT && !(err == -EREMOTEIO && code == CMD_USAGE))	/* a client does not know it */
			log_warn("%s was not told: %s", names[i], error);
	}
}

static int fail_accounts(struct accounts *a, const char *name, int err)
{
	switch (err) {
	case -EINVAL:
		return cmd_fail(CMD_USAGE, "\"%.80s\" is no name for a client: letters, digits, '.', '_', '-' and '@', at most %d",
				name, ACCOUNTS_NAME_BYTES - 1);
	case -EEXIST:
		return cmd_fail(CMD_FAILED, "there is a client \"%s\" already; revoke it first, or choose another name", name);
	case -ENOENT:
		return cmd_fail(CMD_FAILED, "there is no client \"%.80s\"; triglav client list shows all", name);
	default:
		return cmd_fail(CMD_FAILED, "accounts: %s", accounts_error(a));
	}
}

/* The server's part of the key string. */
static int describe_server(struct settings *s, struct key_string *k)
{
	bool made, private_only;
	u8 secret[32];
	int code = server_keys_load(s, settings_source(s, "key") == SETTINGS_PRESET, &made, secret);

	if (code)
		return code;
	found_at_learn(s, secret);
	if (!server_keys_describe(s, secret, k, &private_only))
		code = cmd_fail(CMD_USAGE, "no address for the key: give --address A:P, where clients find this server");
	else if (private_only)
		log_warn("the key names a private address only: give --address A:P for clients that are elsewhere");
	sodium_memzero(secret, sizeof(secret));
	return code;
}

static int print_key(struct key_string *k, const u8 id[8], const u8 secret[32])
{
	int code;

	server_keys_add_client(k, id, secret);
	code = server_keys_print(k, asked.qr);
	sodium_memzero(k, sizeof(*k));
	return code;
}

static int add(struct settings *s, struct accounts *a, const char *name)
{
	struct key_string k;
	u8 id[8], secret[32];
	int code = describe_server(s, &k), err;

	if (code)
		return code;
	err = accounts_add(a, name, id, secret);
	if (err)
		return fail_accounts(a, name, err);
	tell_servers(s);
	code = print_key(&k, id, secret);
	sodium_memzero(secret, sizeof(secret));
	return code;
}

static int revoke(const struct settings *s, struct accounts *a, const char *name)
{
	u8 id[8];
	int err = accounts_revoke(a, name, id);

	if (err)
		return fail_accounts(a, name, err);
	tell_servers(s);
	return CMD_OK;
}

static void print_row(const struct account *c)
{
	char created[TEXT_BYTES], seen[TEXT_BYTES], sent[TEXT_BYTES], received[TEXT_BYTES], ip[ADDR_TEXT_BYTES] = "-";
	struct addr a = { .family = 4 };

	memcpy(a.ip, c->ip4, 4);
	if (!sodium_is_zero(c->ip4, 4))
		addr_format(&a, ip);
	printf("%-20s %-8s %-15s %-17s %-17s %9s %9s\n", c->name, c->revoked ? "revoked" : "valid", ip,
	       text_date(c->created_s, created), text_date(c->seen_s, seen), text_bytes(c->sent_bytes, sent),
	       text_bytes(c->received_bytes, received));
}

static int list(struct accounts *a)
{
	struct account *all;
	json_t *report;
	int n;

	if (asked.json) {
		report = report_accounts(a);
		cmd_print_json(report);
		json_decref(report);
		return CMD_OK;
	}
	n = accounts_list(a, &all);
	if (n < 0)
		return cmd_fail(CMD_FAILED, "no memory");
	printf("%-20s %-8s %-15s %-17s %-17s %9s %9s\n", "CLIENT", "STATE", "ADDRESS", "CREATED", "LAST SEEN", "SENT", "RECEIVED");
	for (int i = 0; i < n; i++)
		print_row(&all[i]);
	free(all);
	return CMD_OK;
}

static int show(struct settings *s, struct accounts *a, const char *name)
{
	struct account account;
	struct key_string k;
	u8 secret[32];
	json_t *report;
	int err = accounts_find_name(a, name, &account, secret), code;

	if (err)
		return fail_accounts(a, name, err);
	if (asked.print_key || asked.qr) {
		if (account.revoked)
			code = cmd_fail(CMD_FAILED, "client \"%s\" was revoked: its secret is forgotten", name);
		else if (!(code = describe_server(s, &k)))
			code = print_key(&k, account.id, secret);
		sodium_memzero(secret, sizeof(secret));
		return code;
	}
	sodium_memzero(secret, sizeof(secret));
	report = report_account(&account);
	if (asked.json)
		cmd_print_json(report);
	else
		print_row(&account);
	json_decref(report);
	return CMD_OK;
}

static int open_and_run(struct settings *s, char **words, int count)
{
	char error[ACCOUNTS_ERROR_BYTES];
	struct accounts *a;
	int code, err;

	if (count < 1 || (count < 2 && strcmp(words[0], "list")))
		return cmd_fail(CMD_USAGE, "which client? triglav client add NAME; list, revoke NAME and show NAME are the others");
	if (strcmp(words[0], "add") && strcmp(words[0], "list") && strcmp(words[0], "revoke") && strcmp(words[0], "show"))
		return cmd_fail(CMD_USAGE, "triglav client can add, list, revoke and show, not \"%.40s\"", words[0]);
	err = accounts_open(&a, s->state_dir, error);
	if (err)
		return cmd_fail(cmd_exit_of(err), "%s%s", error, err == -EACCES ? CMD_RUN_WITH_SUDO : "");
	if (!strcmp(words[0], "add"))
		code = add(s, a, words[1]);
	else if (!strcmp(words[0], "revoke"))
		code = revoke(s, a, words[1]);
	else if (!strcmp(words[0], "show"))
		code = show(s, a, words[1]);
	else
		code = list(a);
	accounts_close(a);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct settings s;
	char *words[2];
	int code, count;

	if (settings_init(&s, SETTINGS_SERVER))
		return cmd_fail(CMD_FAILED, "no memory");
	s.flags = SETTINGS_TOOL;
	count = cmd_parse(command, argc, argv, &s, words, 2, &code);
	if (count < 0)
		return code;
	code = cmd_finish_settings(&s, asked.config);
	return code ? code : open_and_run(&s, words, count);
}

const struct command cmd_client = {
	.name = "client",
	.words = "add NAME | list | show NAME | revoke NAME",
	.summary = "the credentials of a server: makes, lists, ends them",
	.example = "  sudo triglav client add laptop --address 203.0.113.5:7443   # prints tg2_...",
	.flags = flags,
	.settings_side = SETTINGS_TOOL,
	.run = run,
};
