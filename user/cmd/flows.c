// SPDX-License-Identifier: MIT
/* flows.c - triglav-ctl flows: which flows pass, and how */
#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/path_list.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "manage/flows_report.h"

#define WORDS 2

static struct look asked = LOOK_INIT;
static bool detailed;
static u32 top = FLOWS_TOP;
static u64 idle_us = FLOWS_IDLE_US;
static char sort[16], client[64];

static const struct cmd_flag flags[] = {
	{ .flag = "top", .metavar = "N", .help = "how many at most (20)",
	  .slot = { .type = VALUE_COUNT, .min = 1, .max = RUN_FLOWS_TOP, .place = &top } },
	CMD_FLAG_TEXT("sort", 0, "KEY", sort, "largest first: rate, bytes, packets, age; or recent (rate)"),
	{ .flag = "idle", .metavar = "TIME", .help = "those with a packet within this time, in seconds or as 5m (10s)",
	  .slot = { .type = VALUE_SECONDS, .min = 100 * MSEC, .max = 7 * 86400 * SEC, .place = &idle_us } },
	CMD_FLAG_TEXT("client", 0, "NAME", client, "of a server: those of this client"),
	CMD_FLAG_BOOL("detailed", &detailed, "bytes, packets and age as well (a wide table)"),
	LOOK_FLAGS(asked, "{\"flows\": [...], \"live\": N, \"matched\": N}"),
	{ .flag = NULL },
};

/* ---- the table ---- */

static const char *path_text(const json_t *flow, char out[TEXT_BYTES])
{
	if (field_true(flow, "striped"))
		return "striped";
	if (json_is_string(json_object_get(flow, "path")))
		return field_text(flow, "path");
	if (!field_is_number(flow, "path_id"))
		return "-";
	snprintf(out, TEXT_BYTES, "path %llu", (unsigned long long)field_number(flow, "path_id"));
	return out;
}

static void put_details(struct table *t, const json_t *flow)
{
	char sent[TEXT_BYTES], received[TEXT_BYTES], age[TEXT_BYTES];

	table_put(t, "%s", text_bytes(field_number(flow, "sent_bytes"), sent));
	table_put(t, "%s", text_bytes(field_number(flow, "received_bytes"), received));
	table_put(t, "%llu", (unsigned long long)(field_number(flow, "sent_packets") + field_number(flow, "received_packets")));
	table_put(t, "%s", text_duration(field_number(flow, "age_us"), age));
}

/* "27.3M" of "27.3 Mbit/s": two of them stand under one unit. */
static char *short_rate(u64 bytes_per_second, char out[TEXT_BYTES])
{
	char *unit = strstr(text_rate(bytes_per_second, out), "bit/s"), *gap = strchr(out, ' ');

	if (unit)
		*unit = '\0';
	if (gap)
		memmove(gap, gap + 1, strlen(gap));
	return out;
}

static void put_flow(struct table *t, const json_t *flow, bool server)
{
	char path[TEXT_BYTES], up[TEXT_BYTES], down[TEXT_BYTES];

	if (server)
		table_put(t, "%s", field_text(flow, "client"));
	table_put(t, "%s", field_text(flow, "protocol"));
	table_put(t, "%s", field_text(flow, "from"));
	table_put(t, "%s", field_text(flow, "to"));
	table_put(t, "%s", field_text(flow, "class"));
	table_put(t, "%s", path_text(flow, path));
	short_rate(field_number(flow, "sent_bytes_per_second"), up);
	short_rate(field_number(flow, "received_bytes_per_second"), down);
	if (server) {
		table_put(t, "%s/%s", up, down);
	} else {
		table_put(t, "%s", up);
		table_put(t, "%s", down);
	}
	if (detailed)
		put_details(t, flow);
}

#define OF_CLIENT "PROTO", "FROM", "TO", "CLASS", "PATH", ">OUT bit/s", ">IN bit/s"
#define OF_SERVER "CLIENT", "PROTO", "FROM", "TO", "CLASS", "PATH", ">OUT/IN bit/s"	/* the name of a client takes the room of a column */
#define DETAILS ">SENT", ">RECEIVED", ">PACKETS", ">AGE"

static void print(const json_t *answer)
{
	static const char *const of_client[2][12] = { { OF_CLIENT, NULL }, { OF_CLIENT, DETAILS, NULL } };
	static const char *const of_server[2][12] = { { OF_SERVER, NULL }, { OF_SERVER, DETAILS, NULL } };
	const json_t *flows = json_object_get(answer, "flows"), *flow;
	bool server = json_object_get(json_array_get(flows, 0), "client");
	struct table *t = table_new(server ? of_server[detailed] : of_client[detailed]);
	u64 matched = field_number(answer, "matched"), live = field_number(answer, "live");
	size_t i;

	json_array_foreach(flows, i, flow)
		put_flow(t, flow, server);
	table_print(t, stdout);
	if (json_array_size(flows) < matched)
		printf("%zu of %llu; --top %u shows more\n", json_array_size(flows), (unsigned long long)matched, RUN_FLOWS_TOP);
	else if (!matched)
		printf("%s (%llu live)\n", live ? "none of the live flows fits" : "no flow had a packet lately; --idle 5m looks back farther",
		       (unsigned long long)live);
}

/* ---- asking ---- */

/* What a word says is seen here already, so that a mistake is one of usage without a daemon, too. */
static int take_words(char **words, int count, json_t *request)
{
	struct prefix end;
	u8 protocol;
	u16 port;

	for (int i = 0; i < count; i++) {
		const char *field = !flows_parse_protocol(words[i], &protocol) ? "protocol" : !flows_parse_end(words[i], &end, &port) ? "end" : NULL;

		if (!field)
			return cmd_fail(CMD_USAGE, "\"%.60s\": expected tcp, udp, icmp, icmp6, or " FLOWS_END_EXPECTS, words[i]);
		if (json_object_get(request, field))
			return cmd_fail(CMD_USAGE, "\"%.60s\": one protocol and one end are enough; see triglav-ctl flows --help", words[i]);
		json_object_set_new(request, field, json_string(words[i]));
	}
	if (sort[0] && run_flows_parse_sort(sort) < 0)
		return cmd_fail(CMD_USAGE, "--sort: expected rate, bytes, packets, age or recent, found \"%s\"", sort);
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	char *words[WORDS];
	json_t *request, *answer;
	int code, count = cmd_parse(command, argc, argv, NULL, words, WORDS, &code);

	if (count < 0)
		return code;
	request = json_pack("{s:s, s:i, s:I, s:s*, s:s*}", "command", "flows", "top", (int)top, "idle_us", (json_int_t)idle_us,
			    "sort", sort[0] ? sort : NULL, "client", client[0] ? client : NULL);
	code = take_words(words, count, request);
	if (code) {
		json_decref(request);
		return code;
	}
	code = look_ask(&asked, request, &answer);
	if (code)
		return code;
	if (asked.json)
		cmd_print_json(answer);
	else
		print(answer);
	json_decref(answer);
	return CMD_OK;
}

const struct command cmd_flows = {
	.name = "flows",
	.words = "[tcp|udp|icmp|N] [ADDRESS|NETWORK|:PORT|A:P]",
	.summary = "which flows pass: 5-tuple, class, path, rates, bytes, age",
	.example = "  triglav-ctl flows tcp :443\n  triglav-ctl flows 10.0.0.0/8 --sort bytes --top 50",
	.flags = flags,
	.run = run,
};
