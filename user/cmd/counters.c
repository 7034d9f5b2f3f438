// SPDX-License-Identifier: MIT
/* counters.c - triglav-ctl counters and drops: what was counted since the start, and what it means
 *
 * Names and meanings come from the lists that are counted by (triglav/maps.h, tunnel/tunnel.h, link/tun.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"
#include "link/tun.h"
#include "tunnel/tunnel.h"

static struct look asked = LOOK_INIT;
static bool all;

static const struct cmd_flag counter_flags[] = {
	LOOK_FLAGS(asked, "{\"engine\": {name: value}, \"tun\": {...}}"),
	{ .flag = NULL },
};

static const struct cmd_flag drop_flags[] = {
	CMD_FLAG_BOOL("all", &all, "those that never happened, too"),
	LOOK_FLAGS(asked, "every reason with its count, as JSON"),
	{ .flag = NULL },
};

static const char *meaning_of(const char *name)
{
	static const struct {
		const char *name, *meaning;
	} meanings[] = {
#define COUNTER(name, help) { #name, help },
#define DROP(id, name, help) { name, help },
		TUNNEL_COUNTERS(COUNTER) TUN_COUNTERS(COUNTER) TG_DROPS(DROP)
	};

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (!strcmp(meanings[i].name, name))
			return meanings[i].meaning;
	return "";	/* a daemon of another version */
}

/* ---- counters ---- */

static void put_group(struct table *t, const char *group, const json_t *counts)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)counts, name, value) {
		table_put(t, "%s", group);
		table_put(t, "%s", name);
		table_put(t, "%lld", (long long)json_integer_value(value));
		table_put(t, "%s", meaning_of(name));
	}
}

static void print_counters(const json_t *groups)
{
	static const char *const titles[] = { "WHERE", "COUNTER", ">VALUE", "WHAT IT COUNTS", NULL };
	struct table *t = table_new(titles);
	const char *group;
	json_t *counts;

	json_object_foreach((json_t *)groups, group, counts)
		put_group(t, group, counts);
	table_print(t, stdout);
}

static int run_counters(const struct command *command, int argc, char **argv)
{
	json_t *status, *groups;
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	code = look_status(&asked, &status);
	if (code)
		return code;
	groups = json_pack("{s:O, s:O}", "engine", json_object_get(status, "counters"), "tun", json_object_get(status, "tun_counters"));
	if (asked.json)
		cmd_print_json(groups);
	else
		print_counters(groups);
	json_decref(groups);
	json_decref(status);
	return CMD_OK;
}

/* ---- drops ---- */

struct drop {
	const char *reason;
	long long packets;
	size_t place;
};

static int by_packets(const void *a, const void *b)
{
	const struct drop *x = a, *y = b;

	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static size_t collect(const json_t *drops, struct drop *out, size_t max)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)drops, name, value) {
		if (n == max || (!all && !json_integer_value(value)))
			continue;
		out[n] = (struct drop){ name, json_integer_value(value), n };
		n++;
	}
	qsort(out, n, sizeof(*out), by_packets);
	return n;
}

static void print_drops(const json_t *drops)
{
	static const char *const titles[] = { "REASON", ">PACKETS", "MEANING", NULL };
	struct drop list[2 * TG_DROP_COUNT];
	size_t n = collect(drops, list, ARRAY_SIZE(list));
	struct table *t;

	if (!n) {
		puts("nothing was dropped since the start");
		return;
	}
	t = table_new(titles);
	for (size_t i = 0; i < n; i++) {
		table_put(t, "%s", list[i].reason);
		table_put(t, "%lld", list[i].packets);
		table_put(t, "%s", meaning_of(list[i].reason));
	}
	table_print(t, stdout);
}

/* Those at the tunnel device are drops as well: "drop_no_buf" and the like. */
static void add_tun_drops(json_t *drops, const json_t *tun)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)tun, name, value)
		if (!strncmp(name, "drop_", 5))
			json_object_set(drops, name, value);
}

static int run_drops(const struct command *command, int argc, char **argv)
{
	json_t *status, *drops;
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	code = look_status(&asked, &status);
	if (code)
		return code;
	drops = json_copy(json_object_get(status, "drops"));
	add_tun_drops(drops, json_object_get(status, "tun_counters"));
	if (asked.json)
		cmd_print_json(drops);
	else
		print_drops(drops);
	json_decref(drops);
	json_decref(status);
	return CMD_OK;
}

const struct command cmd_counters = {
	.name = "counters",
	.summary = "what was counted since the start, and what it means",
	.example = "  triglav-ctl counters\n  triglav-ctl counters --json | jq .engine.rekeys",
	.flags = counter_flags,
	.run = run_counters,
};

const struct command cmd_drops = {
	.name = "drops",
	.summary = "why packets were thrown away, most frequent reason first",
	.example = "  triglav-ctl drops\n  triglav-ctl drops --all",
	.flags = drop_flags,
	.run = run_drops,
};
