// SPDX-License-Identifier: MIT
/* daemon_control.c - what can be asked of a running client or server */
#define LOG_AREA LOG_AREA_CONTROL

#include "manage/daemon_control.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "manage/amounts.h"
#include "manage/flows_report.h"
#include "manage/filter_control.h"
#include "manage/log_control.h"
#include "manage/policy_control.h"
#include "manage/record_report.h"
#include "manage/report.h"
#include "manage/why_report.h"

/* Moves what was made into the answer, so that its fields stand beside "ok". */
static int merge(json_t *answer, json_t *made)
{
	int err = made && !json_object_update(answer, made) ? 0 : -ENOMEM;

	json_decref(made);
	return err;
}

/* A question for the other kind of daemon. */
static int no_uplinks(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	(void)request;
	(void)answer;
	snprintf(error, RUN_ERROR_BYTES, "this is a server: uplinks are what a client has");
	return -EINVAL;
}

static int no_clients(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	(void)request;
	(void)answer;
	snprintf(error, RUN_ERROR_BYTES, "this is a client: clients are what a server has");
	return -EINVAL;
}

static int no_record(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)ctx;
	(void)request;
	(void)answer;
	snprintf(error, RUN_ERROR_BYTES, "this is a server: only clients have a flight recorder");
	return -EINVAL;
}

/* The client */

static int client_status(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct client_snapshot *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	(void)request;
	(void)error;
	if (s) {
		client_snapshot(ctx, s);
		err = merge(answer, report_client(s));
	}
	free(s);
	return err;
}

static int client_counters(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct daemon_counts counts;

	(void)request;
	(void)error;
	client_counts(ctx, &counts);
	return merge(answer, report_counts(&counts));
}

static int uplink_list(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct client_snapshot *s = calloc(1, sizeof(*s));

	(void)request;
	(void)error;
	if (!s)
		return -ENOMEM;
	client_snapshot(ctx, s);
	json_object_set_new(answer, "uplinks", report_uplinks(s));
	json_object_set_new(answer, "congestion", json_string(rate_control_name(s->sending.congestion)));
	free(s);
	return 0;
}

/* The fields that name and describe an uplink. */
static int read_uplink(const json_t *request, const char **name, u32 *weight, u8 *flags, char error[RUN_ERROR_BYTES])
{
	json_int_t number = control_number(request, "weight", 0, 1000);

	*name = control_text(request, "uplink");
	if (!*name || !**name || strlen(*name) >= TUNNEL_NAME_BYTES) {
		snprintf(error, RUN_ERROR_BYTES, "\"uplink\" is the name of an interface, at most %u letters",
			 TUNNEL_NAME_BYTES - 1);
		return -EINVAL;
	}
	if (number < 0) {
		snprintf(error, RUN_ERROR_BYTES, "\"weight\" is a whole number from 1 to 1000");
		return -EINVAL;
	}
	*weight = (u32)number;
	*flags = 0;
	if (json_is_true(json_object_get(request, "metered")))
		*flags |= TG_LINK_METERED;
	if (json_is_true(json_object_get(request, "backup")))
		*flags |= TG_LINK_BACKUP;
	return 0;
}

/* "rate" and "quota", as texts; not there: as it was. */
static int set_limits(void *ctx, const json_t *request, const char *name, char error[RUN_ERROR_BYTES])
{
	const char *rate_text = control_text(request, "rate"), *quota_text = control_text(request, "quota");
	u64 rate, quota;

	if (rate_text && amount_parse_rate(rate_text, &rate)) {
		snprintf(error, RUN_ERROR_BYTES, "\"rate\" is " AMOUNT_RATE_EXPECTS);
		return -EINVAL;
	}
	if (quota_text && amount_parse_bytes(quota_text, &quota)) {
		snprintf(error, RUN_ERROR_BYTES, "\"quota\" is " AMOUNT_BYTES_EXPECTS);
		return -EINVAL;
	}
	if (!rate_text && !quota_text)
		return 0;
	return client_uplink_limit(ctx, name, rate_text ? &rate : NULL, quota_text ? &quota : NULL, error);
}

/* "datapath", as a text; not there: as it was. */
static int set_datapath(void *ctx, const json_t *request, const char *name, char error[RUN_ERROR_BYTES])
{
	const char *text = control_text(request, "datapath");
	int datapath = text ? run_datapath_parse(text) : 0;

	if (datapath < 0) {
		snprintf(error, RUN_ERROR_BYTES, "\"datapath\" is \"auto\", \"udp\" or \"xdp\"");
		return -EINVAL;
	}
	return text ? client_uplink_datapath(ctx, name, (enum run_datapath)datapath, error) : 0;
}

static int uplink_add(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *name;
	u32 weight;
	u8 flags;
	int err = read_uplink(request, &name, &weight, &flags, error);

	if (!err)
		err = client_uplink_add(ctx, name, weight, flags, error);
	if (!err)
		err = set_limits(ctx, request, name, error);
	if (!err)
		err = set_datapath(ctx, request, name, error);
	if (!err)
		json_object_set_new(answer, "present", json_boolean(if_nametoindex(name)));
	return err;
}

static int uplink_remove(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *name;
	u32 weight;
	u8 flags;
	int err = read_uplink(request, &name, &weight, &flags, error);

	(void)answer;
	return err ? err : client_uplink_remove(ctx, name, error);
}

static int uplink_set(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *name;
	u32 weight;
	u8 flags;
	int err = read_uplink(request, &name, &weight, &flags, error);

	(void)answer;
	if (!err)
		err = set_limits(ctx, request, name, error);
	if (!err)
		err = set_datapath(ctx, request, name, error);
	if (!err && !json_is_true(json_object_get(request, "limits_only")))
		err = client_uplink_set(ctx, name, weight, flags, error);
	return err;
}

static int ask_client(void *ctx, const struct tg_flow *flow, struct tunnel_why *out)
{
	return client_why(ctx, flow, out);
}

static void ask_client_way(void *ctx, const struct tg_flow *flow, struct run_way *out)
{
	client_way(ctx, flow, out);
}

static int client_tells_why(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return why_answer(ask_client, ask_client_way, ctx, true, request, answer, error);
}

static int ask_client_flows(void *ctx, const struct run_flows_query *query, struct run_flows *out)
{
	return client_flows(ctx, query, out);
}

static int client_lists_flows(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return flows_answer(ask_client_flows, ctx, NULL, request, answer, error);
}

static int client_print_record(void *ctx, const json_t *request, FILE *out, char error[RUN_ERROR_BYTES])
{
	struct record_about about = { .name = client_name(ctx), .why = "asked" };
	struct recorder *r = client_record(ctx);

	(void)request;
	if (!r) {
		snprintf(error, RUN_ERROR_BYTES, "nothing is recorded: no traffic has flowed yet");
		return -ENODATA;
	}
	about.taken_s = (u64)time(NULL);
	about.now_us = clock_now_us();
	record_print(out, r, &about);
	recorder_free(r);
	return 0;
}

static int client_config_reload(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	return client_reload(ctx, answer, error);
}

/* One that is not known may come yet, as an uplink may; but more likely it is a slip. */
static bool knows_uplink(struct client *c, const char *name)
{
	struct client_snapshot *s = malloc(sizeof(*s));
	bool known = !s;

	if (s)
		client_snapshot(c, s);
	for (u32 i = 0; s && i < s->uplink_count; i++)
		known |= !strcmp(s->uplinks[i].name, name);
	free(s);
	return known;
}

static int client_policy_add(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *path = control_text(request, "path");
	int err = policy_control_add(client_policies(ctx), request, error);

	if (!err && path)
		json_object_set_new(answer, "present", json_boolean(knows_uplink(ctx, path)));
	return err;
}

static int client_policy_remove(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)answer;
	return policy_control_remove(client_policies(ctx), request, error);
}

static int client_policy_list(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)error;
	return policy_control_list(client_policies(ctx), answer);
}

static int client_attach(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)answer;
	return client_lanes(ctx, true, error);
}

static int client_detach(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)answer;
	return client_lanes(ctx, false, error);
}

static int change_client_filter(void *ctx, const char *where, enum datapath_mode mode, struct filter_changes *out, char *error)
{
	return client_filter(ctx, where, mode, out, error);
}

static int client_attach_filter(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return filter_control(change_client_filter, ctx, true, request, answer, error);
}

static int client_detach_filter(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return filter_control(change_client_filter, ctx, false, request, answer, error);
}

static int client_end(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)answer;
	(void)error;
	log_info("asked to end by the control socket");
	client_stop(ctx);
	return 0;
}

const struct control_command client_commands[] = {
	{ "status", client_status, NULL },
	{ "counters", client_counters, NULL },
	{ "uplink list", uplink_list, NULL },
	{ "uplink add", uplink_add, NULL },
	{ "uplink remove", uplink_remove, NULL },
	{ "uplink set", uplink_set, NULL },
	{ "record", NULL, client_print_record },
	{ "why", client_tells_why, NULL },
	{ "flows", client_lists_flows, NULL },
	{ "config reload", client_config_reload, NULL },
	{ "clients list", no_clients, NULL },
	{ "clients reload", no_clients, NULL },
	{ "clients revoke", no_clients, NULL },
	{ "policy add", client_policy_add, NULL },
	{ "policy remove", client_policy_remove, NULL },
	{ "policy list", client_policy_list, NULL },
	{ "attach lanes", client_attach, NULL },
	{ "detach lanes", client_detach, NULL },
	{ "attach filter", client_attach_filter, NULL },
	{ "detach filter", client_detach_filter, NULL },
	{ "stop", client_end, NULL },
	{ "log level", log_control_level, NULL },
	{ "log read", log_control_read, NULL },
	{ NULL, NULL, NULL },
};

/* The server */

static int server_status(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct server_control *c = ctx;
	struct server_snapshot s = { 0 };
	int err = server_snapshot(c->server, json_is_true(json_object_get(request, "detailed")), &s);

	(void)error;
	if (err)
		return err;
	err = merge(answer, report_server(&s, c->accounts));
	if (!err && c->found_at && json_object_update_missing(answer, c->found_at))
		err = -ENOMEM;
	server_snapshot_free(&s);
	return err;
}

static int server_counters(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct daemon_counts counts;

	(void)request;
	(void)error;
	server_counts(((struct server_control *)ctx)->server, &counts);
	return merge(answer, report_counts(&counts));
}

static int clients_list(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct server_control *c = ctx;
	json_t *list = report_accounts(c->accounts);

	(void)request;
	(void)error;
	return list && !json_object_set_new(answer, "clients", list) ? 0 : -ENOMEM;
}

static void end_sessions(void *ctx, const u8 id[8])
{
	struct server_control *c = ctx;
	u32 sessions = server_close_client(c->server, id, TG_CLOSE_REVOKED);
	char text[REPORT_ID_BYTES];

	log_info("client %s was revoked; %u of its sessions ended", report_id(id, text), sessions);
}

static int clients_reload(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct server_control *c = ctx;
	int err = accounts_reload(c->accounts, end_sessions, c);

	(void)request;
	(void)answer;
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "cannot read the accounts: %.200s", accounts_error(c->accounts));
	return err;
}

static int clients_revoke(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct server_control *c = ctx;
	const char *name = control_text(request, "client");
	u8 id[8];
	int err = name ? accounts_revoke(c->accounts, name, id) : -EINVAL;

	(void)answer;
	if (!err)
		end_sessions(c, id);
	else if (!name)
		snprintf(error, RUN_ERROR_BYTES, "\"client\" is the name of a client");
	else if (err == -ENOENT)
		snprintf(error, RUN_ERROR_BYTES, "there is no client \"%.64s\" to revoke", name);
	else
		snprintf(error, RUN_ERROR_BYTES, "cannot write the accounts: %.200s", accounts_error(c->accounts));
	return err;
}

static int ask_server(void *ctx, const struct tg_flow *flow, struct tunnel_why *out)
{
	return server_why(((struct server_control *)ctx)->server, flow, out);
}

static void ask_server_way(void *ctx, const struct tg_flow *flow, struct run_way *out)
{
	server_way(((struct server_control *)ctx)->server, flow, out);
}

static int server_tells_why(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return why_answer(ask_server, ask_server_way, ctx, false, request, answer, error);
}

static int ask_server_flows(void *ctx, const struct run_flows_query *query, struct run_flows *out)
{
	return server_flows(((struct server_control *)ctx)->server, query, out);
}

static int server_lists_flows(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return flows_answer(ask_server_flows, ctx, ((struct server_control *)ctx)->accounts, request, answer, error);
}

static int server_config_reload(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	return server_reload(((struct server_control *)ctx)->server, answer, error);
}

static int server_policy_add(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)answer;
	return policy_control_add(server_policies(((struct server_control *)ctx)->server), request, error);
}

static int server_policy_remove(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)answer;
	return policy_control_remove(server_policies(((struct server_control *)ctx)->server), request, error);
}

static int server_policy_list(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)error;
	return policy_control_list(server_policies(((struct server_control *)ctx)->server), answer);
}

static int server_attach(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)answer;
	return server_lanes(((struct server_control *)ctx)->server, true, error);
}

static int server_detach(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	(void)request;
	(void)answer;
	return server_lanes(((struct server_control *)ctx)->server, false, error);
}

static int change_server_filter(void *ctx, const char *where, enum datapath_mode mode, struct filter_changes *out, char *error)
{
	return server_set_filter(((struct server_control *)ctx)->server, where, mode, out, error);
}

static int server_attach_filter(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return filter_control(change_server_filter, ctx, true, request, answer, error);
}

static int server_detach_filter(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	return filter_control(change_server_filter, ctx, false, request, answer, error);
}

static int server_end(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct server_control *c = ctx;

	(void)request;
	(void)answer;
	(void)error;
	log_info("asked to end by the control socket");
	server_stop(c->server);
	return 0;
}

const struct control_command server_commands[] = {
	{ "status", server_status, NULL },
	{ "counters", server_counters, NULL },
	{ "clients list", clients_list, NULL },
	{ "clients reload", clients_reload, NULL },
	{ "clients revoke", clients_revoke, NULL },
	{ "record", no_record, NULL },
	{ "why", server_tells_why, NULL },
	{ "flows", server_lists_flows, NULL },
	{ "config reload", server_config_reload, NULL },
	{ "uplink list", no_uplinks, NULL },
	{ "uplink add", no_uplinks, NULL },
	{ "uplink remove", no_uplinks, NULL },
	{ "uplink set", no_uplinks, NULL },
	{ "policy add", server_policy_add, NULL },
	{ "policy remove", server_policy_remove, NULL },
	{ "policy list", server_policy_list, NULL },
	{ "attach lanes", server_attach, NULL },
	{ "detach lanes", server_detach, NULL },
	{ "attach filter", server_attach_filter, NULL },
	{ "detach filter", server_detach_filter, NULL },
	{ "stop", server_end, NULL },
	{ "log level", log_control_level, NULL },
	{ "log read", log_control_read, NULL },
	{ NULL, NULL, NULL },
};
