// SPDX-License-Identifier: MIT
/* flows_report.c - the control socket's command "flows" */
#include "manage/flows_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manage/control.h"
#include "manage/report.h"

#define PROTO_ICMP 1
#define PROTO_ICMP6 58

static const struct {
	const char *name;
	u8 number;
} protocols[] = { { "tcp", TG_PROTO_TCP }, { "udp", TG_PROTO_UDP }, { "icmp", PROTO_ICMP }, { "icmp6", PROTO_ICMP6 }, { "esp", 50 }, { "gre", 47 },
		  { "sctp", 132 } };

/* ---- words ---- */

const char *flows_protocol_name(u8 protocol, char out[FLOWS_PROTOCOL_BYTES])
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(out, FLOWS_PROTOCOL_BYTES, "%u", protocol);
	return out;
}

/* A whole number from 1 to max, nothing behind it. */
static int parse_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return *end || errno || !*out || *out > max ? -EINVAL : 0;
}

int flows_parse_protocol(const char *text, u8 *protocol)
{
	unsigned long number;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(protocols[i].name, text)) {
			*protocol = protocols[i].number;
			return 0;
		}
	if (parse_number(text, 255, &number))
		return -EINVAL;
	*protocol = (u8)number;
	return 0;
}

int flows_parse_end(const char *text, struct prefix *end, u16 *port)
{
	struct addr a, other;
	unsigned long number;

	*end = (struct prefix){ 0 };
	*port = 0;
	if (text[0] == ':' && text[1] != ':') {
		if (parse_number(text + 1, 65535, &number))
			return -EINVAL;
		*port = (u16)number;
		return 0;
	}
	if (!prefix_parse(end, text))
		return 0;
	if (addr_parse(&a, text, 1) || addr_parse(&other, text, 2) || a.port != other.port)
		return -EINVAL;
	*end = (struct prefix){ .family = a.family, .len = a.family == 4 ? 32 : 128 };
	memcpy(end->ip, a.ip, sizeof(end->ip));
	*port = a.port;
	return 0;
}

/* ---- the question ---- */

static int fail(char *error, const char *what)
{
	snprintf(error, RUN_ERROR_BYTES, "%s", what);
	return -EINVAL;
}

static int read_numbers(const json_t *request, struct run_flows_query *q, char *error)
{
	json_int_t top = control_number(request, "top", FLOWS_TOP, RUN_FLOWS_TOP);
	json_int_t idle_us = control_number(request, "idle_us", FLOWS_IDLE_US, 7 * 86400 * (json_int_t)SEC);

	if (top < 1)
		return fail(error, "\"top\" is a whole number from 1 to 256");
	if (idle_us < 0)
		return fail(error, "\"idle_us\" is a time in microseconds");
	q->top = (u32)top;
	q->idle_us = (u64)idle_us;
	return 0;
}

static int read_words(const json_t *request, struct run_flows_query *q, char *error)
{
	const char *sort = control_text(request, "sort"), *protocol = control_text(request, "protocol"), *end = control_text(request, "end");
	int which = sort ? run_flows_parse_sort(sort) : RUN_FLOWS_RATE;

	if (which < 0)
		return fail(error, "\"sort\" is rate, bytes, packets, age or recent");
	if (protocol && flows_parse_protocol(protocol, &q->protocol))
		return fail(error, "\"protocol\" is tcp, udp, icmp, icmp6 or a number");
	if (end && flows_parse_end(end, &q->end, &q->port))
		return fail(error, "\"end\" is " FLOWS_END_EXPECTS);
	q->sort = (enum run_flows_sort)which;
	return 0;
}

static int read_client(const json_t *request, struct accounts *accounts, struct run_flows_query *q, char *error)
{
	const char *client = control_text(request, "client");
	struct account account;

	if (!client)
		return 0;
	if (!accounts)
		return fail(error, "this is a client: it has no clients to choose from");
	if (accounts_find_name(accounts, client, &account, NULL)) {
		snprintf(error, RUN_ERROR_BYTES, "there is no client \"%.64s\" here", client);
		return -ENOENT;
	}
	q->has_client = true;
	memcpy(q->client_id, account.id, sizeof(q->client_id));
	return 0;
}

/* ---- the answer ---- */

static void put(json_t *to, const char *name, json_t *value)
{
	json_object_set_new(to, name, value);
}

static void put_number(json_t *to, const char *name, u64 value)
{
	put(to, name, json_integer((json_int_t)value));
}

static void put_end(json_t *to, const char *name, u8 family, const u8 *ip, u16 port)
{
	struct addr a = { .family = family, .port = port };
	char text[ADDR_TEXT_BYTES];

	memcpy(a.ip, ip, sizeof(a.ip));
	put(to, name, json_string(addr_format(&a, text)));
}

static void put_client(json_t *to, const struct tunnel_way *w, struct accounts *accounts)
{
	struct account account;
	char id[REPORT_ID_BYTES];

	if (!w->known)
		put(to, "client", json_null());
	else if (w->anonymous)
		put(to, "client", json_string("(anonymous)"));
	else if (!accounts_find(accounts, w->client_id, &account, NULL))
		put(to, "client", json_string(account.name));
	else
		put(to, "client", json_string(report_id(w->client_id, id)));
}

static json_t *class_of(const struct tunnel_way *w)
{
	if (!w->known)
		return json_null();
	return json_string(w->straight ? "straight" : !w->seen ? "unseen" : w->bulk ? "bulk" : "sparse");
}

static json_t *report_flow(const struct run_flow *f, struct accounts *accounts)
{
	const struct flow_info *i = &f->info;
	char protocol[FLOWS_PROTOCOL_BYTES];
	json_t *out = json_object();

	if (accounts)
		put_client(out, &f->way, accounts);
	put(out, "protocol", json_string(flows_protocol_name(i->protocol, protocol)));
	put_end(out, "from", i->family, i->src, i->sport);
	put_end(out, "to", i->family, i->dst, i->dport);
	put(out, "class", class_of(&f->way));
	put(out, "striped", json_boolean(f->way.striped));
	put(out, "path", f->way.name[0] ? json_string(f->way.name) : json_null());
	put(out, "path_id", f->way.path >= 0 ? json_integer(f->way.path) : json_null());
	put_number(out, "dscp", i->dscp);
	put_number(out, "sent_packets", i->sent_packets);
	put_number(out, "sent_bytes", i->sent_bytes);
	put_number(out, "received_packets", i->received_packets);
	put_number(out, "received_bytes", i->received_bytes);
	put_number(out, "sent_bytes_per_second", i->sent_rate);
	put_number(out, "received_bytes_per_second", i->received_rate);
	put_number(out, "age_us", i->age_us);
	put_number(out, "idle_us", i->idle_us);
	put_number(out, "waiting_packets", f->way.waiting_packets);
	put_number(out, "waiting_bytes", f->way.waiting_bytes);
	return out;
}

static void report(const struct run_flows *found, enum run_flows_sort sort, struct accounts *accounts, json_t *answer)
{
	json_t *list = json_array();

	for (u32 i = 0; i < found->count; i++)
		json_array_append_new(list, report_flow(&found->at[i], accounts));
	put_number(answer, "live", found->live);
	put_number(answer, "matched", found->matched);
	put_number(answer, "replaced", found->replaced);
	put(answer, "sort", json_string(run_flows_sort_name(sort)));
	put(answer, "flows", list);
}

int flows_answer(flows_asker ask, void *daemon, struct accounts *accounts, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	struct run_flows_query query = { 0 };
	struct run_flows *found;
	int err = read_numbers(request, &query, error);

	if (!err)
		err = read_words(request, &query, error);
	if (!err)
		err = read_client(request, accounts, &query, error);
	if (err)
		return err;
	found = malloc(sizeof(*found));
	err = found ? ask(daemon, &query, found) : -ENOMEM;
	if (!err)
		report(found, query.sort, accounts, answer);
	free(found);
	return err;
}
