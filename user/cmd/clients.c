// SPDX-License-Identifier: MIT
/* clients.c - triglav-ctl clients: who is connected to a server */
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/path_list.h"
#include "cmd/table.h"
#include "cmd/text.h"

static struct look asked = LOOK_INIT;
static bool all, detailed;

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("all", &all, "those that are not connected, too"),
	CMD_FLAG_BOOL("detailed", &detailed, "ids and IPv6 addresses as well (a wide table)"),
	LOOK_FLAGS(asked, "all that is known of each, as JSON"),
	{ .flag = NULL },
};

/* ---- what there is ---- */

static void add_session(json_t *list, const json_t *session)
{
	json_t *one = json_copy((json_t *)session), *paths = json_object_get(one, "paths"), *path;
	u64 least = 0, up = 0;
	size_t i;

	json_array_foreach(paths, i, path) {
		u64 rtt = field_number(path, "rtt_us");

		up += !strcmp(field_text(path, "state"), "up");
		if (rtt && (!least || rtt < least))
			least = rtt;
	}
	json_object_set_new(one, "connected", json_true());
	json_object_set_new(one, "paths_up", json_integer((json_int_t)up));
	json_object_set_new(one, "rtt_us", least ? json_integer((json_int_t)least) : json_null());
	json_array_append_new(list, one);
}

static bool is_connected(const json_t *list, const char *id)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (!strcmp(field_text(one, "client_id"), id))
			return true;
	return false;
}

/* In the words of a session, as far as an account has them: "sent" of an account is what the server sent, carried into the tunnel. */
static void add_account(json_t *list, const json_t *account)
{
	json_array_append_new(list, json_pack("{s:b, s:O, s:O, s:O, s:O?, s:O?, s:O, s:O, s:O}", "connected", 0,
					      "client", json_object_get(account, "name"), "client_id", json_object_get(account, "id"),
					      "revoked", json_object_get(account, "revoked"), "ip4", json_object_get(account, "ip4"),
					      "ip6", json_object_get(account, "ip6"), "seen_s", json_object_get(account, "seen_s"),
					      "carried_bytes", json_object_get(account, "sent_bytes"),
					      "delivered_bytes", json_object_get(account, "received_bytes")));
}

static int add_accounts(json_t *list)
{
	const json_t *account;
	json_t *answer;
	size_t i;
	int code = look_ask(&asked, json_pack("{s:s}", "command", "clients list"), &answer);

	if (code)
		return code;
	json_array_foreach(json_object_get(answer, "clients"), i, account)
		if (!is_connected(list, field_text(account, "id")))
			add_account(list, account);
	json_decref(answer);
	return CMD_OK;
}

static bool is_wanted(const json_t *one, const char *only)
{
	return !only || !strcmp(path_list_client(one), only) || !strcmp(field_text(one, "client_id"), only) ||
	       !strcmp(field_text(one, "ip4"), only) || !strcmp(field_text(one, "ip6"), only);
}

static void keep_wanted(json_t *list, const char *only)
{
	for (size_t i = json_array_size(list); i--;)
		if (!is_wanted(json_array_get(list, i), only))
			json_array_remove(list, i);
}

/* ---- the table ---- */

static void put_client(struct table *t, const json_t *c)
{
	bool connected = field_true(c, "connected");
	char rtt[TEXT_BYTES], since[TEXT_BYTES], sent[TEXT_BYTES], received[TEXT_BYTES];

	table_put(t, "%s", path_list_client(c));
	if (detailed)
		table_put(t, "%s", field_text(c, "client_id"));
	table_put(t, "%s", connected ? "connected" : field_true(c, "revoked") ? "revoked" : "away");
	table_colour(t, connected ? TEXT_GOOD : TEXT_DIM);
	table_put(t, "%s", field_text(c, "ip4"));
	if (detailed)
		table_put(t, "%s", field_text(c, "ip6"));
	if (connected)
		table_put(t, "%llu/%zu", (unsigned long long)field_number(c, "paths_up"), json_array_size(json_object_get(c, "paths")));
	else
		table_put(t, "-");
	table_put(t, "%s", field_is_number(c, "rtt_us") ? text_ms(field_number(c, "rtt_us"), rtt) : "-");
	table_put(t, "%s", text_bytes(field_number(c, "carried_bytes"), sent));
	table_put(t, "%s", text_bytes(field_number(c, "delivered_bytes"), received));
	table_put(t, "%s", connected ? text_duration(field_number(c, "connected_us"), since) : text_date(field_number(c, "seen_s"), since));
}

static void print(const json_t *list)
{
	static const char *const titles[] = { "CLIENT", "STATE", "IPV4", ">PATHS", ">RTT", ">SENT", ">RECEIVED", ">SINCE", NULL };
	static const char *const wide[] = { "CLIENT", "ID", "STATE", "IPV4", "IPV6", ">PATHS", ">RTT", ">SENT", ">RECEIVED", ">SINCE", NULL };
	struct table *t = table_new(detailed ? wide : titles);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		put_client(t, one);
	table_print(t, stdout);
	if (!json_array_size(list))
		puts(all ? "there are no clients; triglav client add NAME makes one" : "nobody is connected; --all lists those that are away");
}

static int list_clients(const json_t *status, const char *only)
{
	json_t *list = json_array();
	const json_t *session;
	int code = CMD_OK;
	size_t i;

	json_array_foreach(json_object_get(status, "sessions"), i, session)
		add_session(list, session);
	if (all)
		code = add_accounts(list);
	keep_wanted(list, only);
	if (!code && only && !json_array_size(list))
		code = cmd_fail(CMD_FAILED, "no client \"%.64s\" is connected; triglav-ctl clients --all lists those that are away, too", only);
	else if (!code && asked.json)
		cmd_print_json(list);
	else if (!code)
		print(list);
	json_decref(list);
	return code;
}

static int run(const struct command *command, int argc, char **argv)
{
	char *only = NULL;
	json_t *status;
	int code;

	if (cmd_parse(command, argc, argv, NULL, &only, 1, &code) < 0)
		return code;
	code = look_status(&asked, false, &status);
	if (code)
		return code;
	if (look_is_server(status))
		code = list_clients(status, only);
	else
		code = cmd_fail(CMD_USAGE, "this is a client: clients are what a server has");
	json_decref(status);
	return code;
}

const struct command cmd_clients = {
	.name = "clients",
	.words = "[NAME | ID | ADDRESS]",
	.summary = "who is connected to a server: addresses, paths, bytes, since when",
	.example = "  triglav-ctl clients\n  triglav-ctl clients laptop --json",
	.flags = flags,
	.run = run,
};
