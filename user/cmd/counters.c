// SPDX-License-Identifier: MIT
/* counters.c - triglav-ctl counters and drops: what was counted since the start, and what it means
 *
 * Names and meanings come from the lists that are counted by (triglav/maps.h, tunnel/tunnel.h, link/tun.h); AF_XDP's stand here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/counts.h"
#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"
#include "host/nft.h"
#include "link/tun.h"
#include "tunnel/tunnel.h"

static struct look asked = LOOK_INIT;
static bool all;

static const struct cmd_flag counter_flags[] = {
	LOOK_FLAGS(asked, "{\"engine\": {name: value, ...}, \"tun\": {...}}"),
	{ .flag = NULL },
};

static const struct cmd_flag drop_flags[] = {
	CMD_FLAG_BOOL("all", &all, "those that never happened, too"),
	LOOK_FLAGS(asked, "{\"engine\": {reason: packets, ...}, \"tun\": {...}}"),
	{ .flag = NULL },
};

static const char *meaning_of(const char *name)
{
	static const struct {
		const char *name, *meaning;
	} meanings[] = {
#define COUNTER(name, help) { #name, help },
#define DROP(id, name, help) { name, help },
		TUNNEL_COUNTERS(COUNTER) TUN_COUNTERS(COUNTER) TG_COUNTERS(COUNTER) HOST_NFT_DROPS(COUNTER) TG_DROPS(DROP)
		{ "sent_frames", "frames sent by AF_XDP" },
		{ "received_frames", "frames received by AF_XDP" },
		{ "drop_no_frame", "not sent: all frames of the shared memory were in use" },
		{ "drop_ring_full", "not sent: the device does not keep up" },
		{ "drop_unusable", "received, but no datagram for this end" },
		{ "drop_kernel", "dropped by the kernel: a ring was full or empty, or it is larger than a frame" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (!strcmp(meanings[i].name, name))
			return meanings[i].meaning;
	return "";	/* a daemon of another version */
}

static int ask(const struct command *command, int argc, char **argv, bool drops, void (*print)(const json_t *counts))
{
	json_t *status, *counts;
	int code;

	if (cmd_parse(command, argc, argv, NULL, NULL, 0, &code) < 0)
		return code;
	code = look_ask(&asked, json_pack("{s:s}", "command", "counters"), &status);	/* a status has every session and path */
	if (code)
		return code;
	counts = counts_collect(status, drops);
	if (asked.json)
		cmd_print_json(counts);
	else
		print(counts);
	json_decref(counts);
	json_decref(status);
	return CMD_OK;
}

/* ---- counters ---- */

static void print_counters(const json_t *counts)
{
	static const char *const titles[] = { "WHERE", "COUNTER", ">VALUE", "WHAT IT COUNTS", NULL };
	struct table *t = table_new(titles);
	json_t *group, *value;
	const char *where, *name;

	json_object_foreach((json_t *)counts, where, group) {
		json_object_foreach(group, name, value) {
			table_put(t, "%s", where);
			table_put(t, "%s", name);
			table_put(t, "%lld", (long long)json_integer_value(value));
			table_put(t, "%s", meaning_of(name));
		}
	}
	table_print(t, stdout);
}

static int run_counters(const struct command *command, int argc, char **argv)
{
	return ask(command, argc, argv, false, print_counters);
}

/* ---- drops ---- */

struct drop {
	const char *reason, *where;
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

static size_t list_drops(const json_t *counts, struct drop *out, size_t max)
{
	json_t *group, *value;
	const char *where, *name;
	size_t n = 0;

	json_object_foreach((json_t *)counts, where, group) {
		json_object_foreach(group, name, value) {
			if (n == max || (!all && !json_integer_value(value)))
				continue;
			out[n] = (struct drop){ name, where, json_integer_value(value), n };
			n++;
		}
	}
	qsort(out, n, sizeof(*out), by_packets);
	return n;
}

static void print_drops(const json_t *counts)
{
	static const char *const titles[] = { "REASON", ">PACKETS", "WHERE", "MEANING", NULL };
	struct drop list[4 * TG_DROP_COUNT];
	size_t n = list_drops(counts, list, ARRAY_SIZE(list));
	struct table *t;

	if (!n) {
		puts("nothing was dropped since the start");
		return;
	}
	t = table_new(titles);
	for (size_t i = 0; i < n; i++) {
		table_put(t, "%s", list[i].reason);
		table_put(t, "%lld", list[i].packets);
		table_put(t, "%s", list[i].where);
		table_put(t, "%s", meaning_of(list[i].reason));
	}
	table_print(t, stdout);
}

static int run_drops(const struct command *command, int argc, char **argv)
{
	return ask(command, argc, argv, true, print_drops);
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
