// SPDX-License-Identifier: MIT
/* counts.c - what a status has counted, by place */
#include "cmd/counts.h"

#include <string.h>

/* Under which names a status has it. */
static const struct place {
	const char *name, *counters, *drops;
} places[] = {
	{ "engine", "counters", "drops" },
	{ "tun", "tun_counters", "tun_counters" },	/* those of its counters that begin with drop_ */
	{ "filter", "filter", "filter_drops" },		/* the program in front of the uplinks */
	{ "firewall", NULL, "firewall_drops" },		/* a server's nft table */
};

static void add(json_t *to, const char *name, const json_t *value)
{
	json_object_set_new(to, name, json_integer(json_integer_value(json_object_get(to, name)) + json_integer_value(value)));
}

static void add_all(json_t *to, json_t *from, bool drops_only)
{
	const char *name;
	json_t *value;

	json_object_foreach(from, name, value)
		if (!drops_only || !strncmp(name, "drop_", 5))
			add(to, name, value);
}

static void collect_af_xdp(json_t *to, const json_t *status, bool drops)
{
	static const char *const lists[] = { "uplinks", "interfaces" };	/* a client's, a server's */
	json_t *sum = json_object(), *one;
	size_t i;

	add_all(sum, json_object_get(status, "af_xdp"), drops);	/* summed already */
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		json_array_foreach(json_object_get(status, lists[k]), i, one)
			add_all(sum, json_object_get(one, "af_xdp"), drops);
	if (json_object_size(sum))
		json_object_set(to, "af_xdp", sum);
	json_decref(sum);
}

json_t *counts_collect(const json_t *status, bool drops)
{
	json_t *out = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *name = drops ? places[i].drops : places[i].counters;
		json_t *from = name ? json_object_get(status, name) : NULL, *to;

		if (!json_is_object(from))
			continue;
		to = json_object();
		add_all(to, from, drops && places[i].drops == places[i].counters);
		json_object_set_new(out, places[i].name, to);
	}
	collect_af_xdp(out, status, drops);
	return out;
}

json_t *counts_dropped(const json_t *status)
{
	json_t *out = json_object(), *by_place = counts_collect(status, true), *place;
	const char *name;

	json_object_foreach(by_place, name, place)
		add_all(out, place, false);
	json_decref(by_place);
	return out;
}
