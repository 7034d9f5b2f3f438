// SPDX-License-Identifier: MIT
/* settings.c - defaults and flags into struct settings, by the table */
#include "manage/settings.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "manage/nearest.h"
#include "manage/settings_parts.h"
#include "manage/toml.h"

bool settings_row_ends(const struct setting *row)
{
	return !row->key && !row->flag;
}

size_t settings_row_number(const struct setting *row)
{
	return (size_t)(row - settings_table);
}

struct value_slot settings_slot(struct settings *s, const struct setting *row)
{
	char *base = (char *)s;

	return (struct value_slot){
		.type = row->type, .min = row->min, .max = row->max, .place = base + row->place,
		.count = row->count ? (u32 *)(base + row->count) : NULL,
		.flag = row->none ? (bool *)(base + row->none) : NULL,
	};
}

void settings_begin_row(struct settings *s, const struct setting *row, enum settings_source source)
{
	struct value_slot slot = settings_slot(s, row);

	if (slot.count && s->source[settings_row_number(row)] != source)
		*slot.count = 0;
	s->source[settings_row_number(row)] = (u8)source;
}

void settings_explain(const struct value_slot *slot, int err, const char *found, char *error)
{
	char expects[VALUE_EXPECTS_BYTES];

	if (err == -ENOSPC)
		snprintf(error, SETTINGS_ERROR_BYTES, "more than %llu values", (unsigned long long)slot->max);
	else if (err == -ENOTSUP)
		snprintf(error, SETTINGS_ERROR_BYTES, "\"%.80s\" is not in this version; use %s", found,
			 value_expects(slot, expects));
	else if (err == -EEXIST)
		snprintf(error, SETTINGS_ERROR_BYTES, "%.120s names an interface a second time; once is enough", found);
	else
		snprintf(error, SETTINGS_ERROR_BYTES, "expected %s, found %.120s", value_expects(slot, expects), found);
}

/* From the command line */

/* Does the word name this row? *value: what stands behind "=", or NULL. */
static bool flag_matches(const struct setting *row, const char *word, const char **value)
{
	size_t len = strlen(row->flag);

	*value = NULL;
	if (row->letter && word[0] == '-' && word[1] == row->letter) {
		if (word[2])
			*value = word + 2;
		return true;
	}
	if (strncmp(word, "--", 2) || strncmp(word + 2, row->flag, len))
		return false;
	if (word[2 + len] == '=')
		*value = word + 2 + len + 1;
	return !word[2 + len] || *value;
}

static bool is_negation(const struct setting *row, const char *word)
{
	return row->type == VALUE_BOOL && !strncmp(word, "--no-", 5) && !strcmp(word + 5, row->flag);
}

static int take_flag(struct settings *s, const struct setting *row, const char *word, const char *value, char *error)
{
	struct value_slot slot = settings_slot(s, row);
	char what[SETTINGS_ERROR_BYTES], found[128];
	bool again = row->type == VALUE_BOOL && s->source[settings_row_number(row)] == SETTINGS_FLAG;
	bool before = again && *(bool *)slot.place;
	int err;

	settings_begin_row(s, row, SETTINGS_FLAG);
	err = value_set(&slot, value);
	if (!err && again && *(bool *)slot.place != before) {
		snprintf(error, SETTINGS_ERROR_BYTES, "--%s and --no-%s contradict each other; give one", row->flag, row->flag);
		return -EINVAL;
	}
	if (!err)
		return 1;
	snprintf(found, sizeof(found), err == -ENOTSUP ? "%.100s" : "\"%.100s\"", value);
	settings_explain(&slot, err, found, what);
	snprintf(error, SETTINGS_ERROR_BYTES, "%.*s: %.400s", (int)strcspn(word, "="), word, what);
	return err == -ENOTSUP ? err : -EINVAL;
}

int settings_flag(struct settings *s, int argc, char **argv, int *at, char error[SETTINGS_ERROR_BYTES])
{
	const char *word = argv[*at], *value;

	for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
		if (!row->flag || !(row->sides & s->flags))
			continue;
		if (is_negation(row, word))
			return take_flag(s, row, word, "false", error);
		if (!flag_matches(row, word, &value))
			continue;
		if (!value && row->type == VALUE_BOOL)
			value = "true";
		if (!value && *at + 1 < argc)
			value = argv[++*at];
		if (value)
			return take_flag(s, row, word, value, error);
		snprintf(error, SETTINGS_ERROR_BYTES, "%s needs a value: %s", word, row->help);
		return -EINVAL;
	}
	return 0;
}

enum settings_source settings_source(const struct settings *s, const char *flag)
{
	for (const struct setting *row = settings_table; !settings_row_ends(row); row++)
		if (row->flag && (row->sides & s->side) && !strcmp(row->flag, flag))
			return (enum settings_source)s->source[settings_row_number(row)];
	return SETTINGS_PRESET;
}

static bool is_set(const struct settings *s, const char *flag)
{
	return settings_source(s, flag) != SETTINGS_PRESET;
}

/* Typing errors */

const char *settings_nearest_flag(enum settings_side side, const char *typed)
{
	const char *best = NULL;
	u32 distance, least = UINT32_MAX;

	for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
		if (!row->flag || !(row->sides & side) || !nearest_is_near(typed, row->flag, &distance) || distance >= least)
			continue;
		best = row->flag;
		least = distance;
	}
	return best;
}

static const char *last_part(const char *key)
{
	const char *dot = strrchr(key, '.');

	return dot ? dot + 1 : key;
}

/* A key may also stand in the wrong section: then its last part is compared, for a little extra. */
const char *settings_nearest_key(enum settings_side side, const char *typed)
{
	const char *typed_last = last_part(typed);
	const char *best = NULL;
	u32 whole, last, least = UINT32_MAX;

	for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
		bool near;

		if (!row->key || !(row->sides & side))
			continue;
		near = nearest_is_near(typed, row->key, &whole);
		if (nearest_is_near(typed_last, last_part(row->key), &last) && (!near || last + 2 < whole)) {
			near = true;
			whole = last + 2;
		}
		if (!near || whole >= least)
			continue;
		best = row->key;
		least = whole;
	}
	return best;
}

/* Begin and end */

int settings_init(struct settings *s, enum settings_side side)
{
	char text[512], error[SETTINGS_ERROR_BYTES];
	struct toml_error bad;

	memset(s, 0, sizeof(*s));
	s->side = side;
	s->flags = side;
	for (const struct setting *row = settings_table; !settings_row_ends(row); row++) {
		json_t *preset;
		int err;

		if (!row->preset || row->automatic || !(row->sides & side))
			continue;
		snprintf(text, sizeof(text), "preset = %s", row->preset);
		preset = toml_parse(text, strlen(text), &bad);
		err = preset ? settings_set_row(s, row, json_object_get(json_array_get(preset, 0), "value"),
				       SETTINGS_PRESET, error) : -ENOMEM;
		json_decref(preset);
		if (err)
			return err;
	}
	return 0;
}

void settings_wipe(struct settings *s)
{
	sodium_memzero(s, sizeof(*s));
}

static struct run_place place_of(const struct settings *s)
{
	struct run_place place = { .state_dir = s->state_dir, .runtime_dir = s->runtime_dir };

	memcpy(place.name, s->name, sizeof(place.name));
	return place;
}

static struct run_sending sending_of(const struct settings *s)
{
	return (struct run_sending){
		.strategy = s->strategy,
		.aggregation = s->aggregation,
		.congestion = s->congestion,
		.no_copies = !s->copies,
	};
}

static void finish_client(struct settings *s)
{
	struct client_settings *c = &s->client;
	bool by_itself = !is_set(s, "full-tunnel") && !is_set(s, "route");

	c->place = place_of(s);
	memcpy(c->tun_name, s->tun_name, sizeof(c->tun_name));
	c->mtu = s->mtu;
	c->rekey_us = s->rekey_us;
	c->no_tcp_fallback = !s->tcp_fallback;
	c->sending = sending_of(s);
	c->xdp = s->xdp;
	c->no_lanes = !s->lanes;
	c->policies = s->policies;
	c->device = s->device;
	if (by_itself)
		c->full_tunnel = true;
	if (!is_set(s, "dns"))
		c->dns = by_itself || is_set(s, "dns-server");
	if (!c->dns)
		c->dns_count = 0;
}

static void finish_server(struct settings *s)
{
	struct server_settings *v = &s->server;

	v->place = place_of(s);
	memcpy(v->tun_name, s->tun_name, sizeof(v->tun_name));
	v->mtu = s->mtu;
	v->rekey_us = s->rekey_us;
	v->tcp_fallback = s->tcp_fallback;
	v->sending = sending_of(s);
	v->xdp = s->xdp;
	v->no_lanes = !s->lanes;
	v->policies = s->policies;
	v->device = s->device;
	if (!s->key_file[0])
		snprintf(s->key_file, sizeof(s->key_file), "%.240s/server.key", s->state_dir);
}

void settings_finish(struct settings *s)
{
	if (s->side == SETTINGS_CLIENT)
		finish_client(s);
	else
		finish_server(s);
}
