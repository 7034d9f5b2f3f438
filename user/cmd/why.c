// SPDX-License-Identifier: MIT
/* why.c - triglav why: why a flow travels as it does */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/path_list.h"
#include "cmd/status_table.h"
#include "cmd/text.h"
#include "manage/flow_text.h"

#define WORDS 4
#define FLOW_BYTES 256

static struct {
	bool json;
	char name[RUN_NAME_BYTES], runtime_dir[SETTINGS_PATH_BYTES];
} asked = { .runtime_dir = RUN_RUNTIME_DIR };

static const struct cmd_flag flags[] = {
	CMD_FLAG_BOOL("json", &asked.json, "everything, as JSON"),
	CMD_FLAG_NAME(asked.name),
	CMD_FLAG_TEXT("runtime-dir", 0, "D", asked.runtime_dir, "where the control socket is (" RUN_RUNTIME_DIR ")"),
	{ .flag = NULL },
};

static const char *text(const json_t *from, const char *field)
{
	const char *value = json_string_value(json_object_get(from, field));

	return value ? value : "-";
}

static unsigned long long number(const json_t *from, const char *field)
{
	return (unsigned long long)json_integer_value(json_object_get(from, field));
}

static bool truth(const json_t *from, const char *field)
{
	return json_is_true(json_object_get(from, field));
}

/* "up1", or "path 2" of a server; NULL: none. */
static const char *path_name(const json_t *flow, const char *field, char out[TEXT_BYTES])
{
	const json_t *id = json_object_get(flow, field), *path;
	size_t i;

	if (!json_is_integer(id))
		return NULL;
	snprintf(out, TEXT_BYTES, "path %lld", (long long)json_integer_value(id));
	json_array_foreach(json_object_get(flow, "paths"), i, path)
		if (json_integer_value(json_object_get(path, "id")) == json_integer_value(id) &&
		    json_is_string(json_object_get(path, "uplink")))
			snprintf(out, TEXT_BYTES, "%s", text(path, "uplink"));
	return out;
}

/* ---- the sentences ---- */

static void print_class(const json_t *flow)
{
	char bytes[TEXT_BYTES], idle[TEXT_BYTES];

	if (!truth(flow, "whole"))
		text_below("no socket of this host has such a flow now; below is what would become of a new one, which begins as a sparse one");
	else if (truth(flow, "straight"))
		text_below("one path is up, its rate is not limited and nothing waits: packets go straight out, without queue and order");
	else if (!strcmp(text(flow, "class"), "unseen"))
		text_below("never seen here: its packets do not come this way, or not since the queue was last idle for 30 s");
	else if (!strcmp(text(flow, "class"), "bulk"))
		text_below("bulk: it moved 30 kB within 100 ms or let 10 kB wait; %llu packets (%s) of it wait now, its last came within %s",
			   number(flow, "waiting_packets"), text_bytes(number(flow, "waiting_bytes"), bytes),
			   text_ms(number(flow, "idle_us") + 100 * MSEC, idle));
	else
		text_below("sparse: it moves less than 30 kB within 100 ms, so its packets go ahead of bulk, each for itself, without order");
}

static bool is_let_by(const json_t *way)
{
	return json_is_string(json_object_get(way, "policy"));
}

/* None of the tunnel's, as far as that is known: there is no more to say of it. */
static bool is_outside(const json_t *way)
{
	return truth(way, "outside") || (truth(way, "depends") && is_let_by(way));
}

static void print_outside(const json_t *way)
{
	const char *device = text(way, "device");

	if (!strcmp(device, "-"))
		text_below("outside the tunnel, and refused: the host has no route for it, or does not forward it");
	else if (is_let_by(way))
		text_below("outside the tunnel, by %s: the policy \"%s bypass\" lets it by%s%s", device, text(way, "policy"),
			   truth(way, "policy_is_of_connection") ? "" : " when it is a new connection",
			   truth(way, "depends") ? " and no policy by mark or cgroup keeps it in" : "");
	else
		text_below("outside the tunnel, by %s: the host's routes and rules keep it out (an excluded or connected network, or one without a route into the tunnel)",
			   device);
}

/* A server knows nothing of outside, and drops it itself. */
static void print_private(const json_t *way)
{
	bool is_server = json_is_null(json_object_get(way, "outside")) && !truth(way, "depends");

	text_below(is_server ?
		   "to a private network that --allow does not name: this server's firewall drops it (private_destination in triglav-ctl drops)" :
		   "to a private network: the server drops it (private_destination) unless it runs with --allow for that network");
}

static void print_way(const json_t *way)
{
	if (is_outside(way))
		print_outside(way);
	else if (truth(way, "depends"))
		text_below("into the tunnel, unless a policy by mark, cgroup or DSCP lets it by: a new connection is judged by its first packet");
	if (truth(way, "to_private"))
		print_private(way);
}

static const char *choice_reason(const char *strategy)
{
	static const struct {
		const char *strategy, *reason;
	} reasons[] = {
		{ "adaptive", "where it arrives first" },
		{ "lowest_latency", "the path of least delay" },
		{ "lowest_loss", "the path that loses least" },
		{ "bandwidth_proportional", "by turns, in proportion to the rates" },
		{ "weighted_round_robin", "by turns, in proportion to the weights" },
		{ "primary_backup", "the one of most weight that is up" },
		{ "redundant", "and by every other path as well" },
		{ "ecmp_aware", "the one it was drawn to" },
		{ "minrtt", "the path of least round trip that has room" },
		{ "blest", "the path of least round trip that blocks no faster one" },
		{ "ecf", "the path on which it is through earlier" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!strcmp(reasons[i].strategy, strategy))
			return reasons[i].reason;
	return strategy;
}

static void print_order(const json_t *flow)
{
	u64 stretch_us = number(json_object_get(flow, "session"), "stretch_us");
	char stretch[TEXT_BYTES];

	if (truth(flow, "straight"))
		return;
	if (truth(flow, "pinned"))
		text_below("bulk stays on one path, chosen by the flow's hash (aggregation %s)", text(flow, "aggregation"));
	else if (truth(flow, "striped"))
		text_below("bulk is striped over the paths that are not left out (aggregation %s)", text(flow, "aggregation"));
	else
		text_below("bulk goes by one path at a time (strategy %s, aggregation %s)", text(flow, "strategy"), text(flow, "aggregation"));
	if (stretch_us)
		text_below("TCP and QUIC take %s longer than by the nearest path, so that a sender that goes by the round trip fills the others, too",
			   text_ms(stretch_us, stretch));
	if (truth(flow, "ordered") && truth(flow, "whole"))
		text_below("bulk is put in order again at the other end: slot %llu, %llu packets numbered so far", number(flow, "slot"),
			   number(flow, "numbered_packets"));
	else if (!truth(flow, "ordered"))
		text_below("nothing needs to be put in order at the other end");
}

static void print_next(const json_t *flow)
{
	char sparse_text[TEXT_BYTES], copy_text[TEXT_BYTES], bulk_text[TEXT_BYTES];
	const char *sparse = path_name(flow, "sparse_path", sparse_text), *copy = path_name(flow, "copy_path", copy_text);
	const char *bulk = path_name(flow, "bulk_path", bulk_text), *class = text(flow, "class");

	if (strcmp(class, "bulk")) {
		if (sparse)
			text_below("its next packet goes by %s, the path of least delay%s%s%s", sparse, copy ? ", and once more by " : "",
				   copy ? copy : "", copy ? " while there is room for copies" : "");
		else
			text_below("no path takes its next packet now: it waits");
	}
	if (!strcmp(class, "sparse") || truth(flow, "straight"))
		return;
	if (bulk)
		text_below("%s goes by %s: %s (strategy %s)", strcmp(class, "bulk") ? "as bulk it" : "its next packet", bulk,
			   choice_reason(text(flow, "strategy")), text(flow, "strategy"));
	else
		text_below("as bulk it waits: no path has room that is worth taking (strategy %s)", text(flow, "strategy"));
}

/* ---- the table ---- */

static unsigned long long samples_of(const json_t *flow)
{
	unsigned long long sum = 0;
	const json_t *path;
	size_t i;

	json_array_foreach(json_object_get(flow, "paths"), i, path)
		sum += number(path, "sampled_packets");
	return sum;
}

static char *ms_or_dash(const json_t *path, const char *field, const char *sign, char out[2 * TEXT_BYTES])
{
	char ms[TEXT_BYTES];

	if (json_is_integer(json_object_get(path, field)))
		snprintf(out, 2 * TEXT_BYTES, "%s%s", sign, text_ms(number(path, field), ms));
	else
		strcpy(out, "-");
	return out;
}

static void print_path(const json_t *path, unsigned long long samples)
{
	char name[TEXT_BYTES], arrives[2 * TEXT_BYTES], waits[2 * TEXT_BYTES], delay[2 * TEXT_BYTES];
	char capacity[PATH_LIST_NAME_BYTES], took[TEXT_BYTES] = "-";

	snprintf(name, sizeof(name), "path %llu", number(path, "id"));
	if (samples)
		snprintf(took, sizeof(took), "%llu %%", number(path, "sampled_packets") * 100 / samples);
	printf("    %-15s %-10s %8s %8s %9s %11s %5s\n",
	       json_is_string(json_object_get(path, "uplink")) ? text(path, "uplink") : name,
	       strcmp(text(path, "state"), "up") ? text(path, "state") : text(path, "wanted"), ms_or_dash(path, "arrival_us", "", arrives),
	       ms_or_dash(path, "wait_us", "", waits), ms_or_dash(path, "delay_us", "+", delay), path_list_capacity(path, capacity), took);
	if (text(path, "left_out")[0] && strcmp(text(path, "left_out"), "-"))
		printf("    %15s left out: %s\n", "", text(path, "left_out"));
}

static void print_paths(const json_t *flow)
{
	unsigned long long samples = samples_of(flow);
	const json_t *path;
	char reach[TEXT_BYTES];
	size_t i;

	printf("\n%s    %-15s %-10s %8s %8s %9s %11s %5s%s\n", text_colour(TEXT_BOLD), "PATH", "WANTED", "ARRIVES", "WAITS", "ONE WAY",
	       "CAPACITY", "TOOK", text_colour(TEXT_PLAIN));
	json_array_foreach(json_object_get(flow, "paths"), i, path)
		print_path(path, samples);
	if (!samples)
		return;
	putchar('\n');
	text_below("took: of %llu packets of it noted within the last %s, one in 13", samples, text_ms(number(flow, "sampled_us"), reach));
}

static void print_flow(const json_t *flow)
{
	printf("%s%s%s\n", text_colour(TEXT_BOLD), text(flow, "flow"), text_colour(TEXT_PLAIN));
	print_way(json_object_get(flow, "way"));
	if (is_outside(json_object_get(flow, "way")))
		return;
	print_class(flow);
	print_order(flow);
	print_next(flow);
	print_paths(flow);
}

static void print_flows(const json_t *flows)
{
	const json_t *flow;
	bool inside = false;
	size_t i;

	json_array_foreach(flows, i, flow) {
		print_flow(flow);
		inside |= !is_outside(json_object_get(flow, "way"));
	}
	if (!inside)
		return;
	printf("\nThe whole session:\n");
	status_print_session(json_object_get(json_array_get(flows, 0), "session"));
}

/* ---- asking ---- */

static int ask(const char *flow)
{
	json_t *answer;
	int code = cmd_ask(asked.runtime_dir, asked.name, json_pack("{s:s, s:s}", "command", "why", "flow", flow), &answer);

	if (code)
		return code;
	if (asked.json)
		cmd_print_json(json_object_get(answer, "flows"));
	else
		print_flows(json_object_get(answer, "flows"));
	json_decref(answer);
	return CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	char *words[WORDS] = { NULL }, flow[FLOW_BYTES] = "";
	struct flow_wish wish;
	int code, count = cmd_parse(command, argc, argv, NULL, words, WORDS, &code);
	size_t used = 0;

	if (count < 0)
		return code;
	if (!count)
		return cmd_fail(CMD_USAGE, "which flow? Give " FLOW_EXPECTS);
	for (int i = 0; i < count && used < sizeof(flow); i++)
		used += (size_t)snprintf(flow + used, sizeof(flow) - used, "%s%s", i ? " " : "", words[i]);
	if (used >= sizeof(flow) || flow_parse(flow, &wish))
		return cmd_fail(CMD_USAGE, "expected " FLOW_EXPECTS ", found \"%.100s\"", flow);
	code = cmd_choose_daemon(asked.runtime_dir, asked.name);
	return code ? code : ask(flow);
}

const struct command cmd_why = {
	.name = "why",
	.words = "[tcp|udp] [FROM] TO",
	.summary = "why a flow travels as it does: its class, its path, what was left out",
	.example = "  triglav why tcp 10.0.85.2:43210 198.51.100.2:443\n  triglav why 198.51.100.2",
	.flags = flags,
	.run = run,
};
