// SPDX-License-Identifier: MIT
/* settings.c - defaults, files and flags into struct settings, by the table */
#include "manage/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "manage/nearest.h"
#include "manage/toml.h"

/* Keys of the configuration people know from elsewhere that this version has no use for. */
static const char *const later_keys[] = {
	"transport.send_buffer_size", "transport.recv_buffer_size", "transport.connect_timeout",
	"transport.tcp_nodelay", "transport.tcp_keepalive", "metrics.enabled", "metrics.listen", "client.socks_port",
	"client.http_proxy_port", "tun.ipv4_netmask", "nat.tunnel_ipv4", "nat.udp_timeout", "nat.tcp_timeout",
	"nat.port_range_start", "nat.port_range_end", "multipath.max_uplinks", "multipath.retry_delay",
	"multipath.max_retries", "multipath.aggregator.enabled", "multipath.aggregator.reorder_buffer_size",
	"multipath.aggregator.reorder_timeout", "multipath.scheduler.rtt_weight", "multipath.scheduler.loss_weight",
	"multipath.scheduler.bandwidth_weight", "multipath.scheduler.nat_penalty_weight",
};

static bool row_ends(const struct setting *row)
{
	return !row->key && !row->flag;
}

static size_t row_number(const struct setting *row)
{
	return (size_t)(row - settings_table);
}

static struct value_slot slot_of(struct settings *s, const struct setting *row)
{
	char *base = (char *)s;

	return (struct value_slot){
		.type = row->type, .min = row->min, .max = row->max, .place = base + row->place,
		.count = row->count ? (u32 *)(base + row->count) : NULL,
		.flag = row->none ? (bool *)(base + row->none) : NULL,
	};
}

/* A list that a weaker source filled starts again. */
static void begin_row(struct settings *s, const struct setting *row, enum settings_source source)
{
	struct value_slot slot = slot_of(s, row);

	if (slot.count && s->source[row_number(row)] != source)
		*slot.count = 0;
	s->source[row_number(row)] = (u8)source;
}

/* Says what is wrong with a value; `found` as people wrote it. */
static void explain(const struct value_slot *slot, int err, const char *found, char *error)
{
	char expects[VALUE_EXPECTS_BYTES];

	if (err == -ENOSPC)
		snprintf(error, SETTINGS_ERROR_BYTES, "more than %llu values", (unsigned long long)slot->max);
	else if (err == -ENOTSUP)
		snprintf(error, SETTINGS_ERROR_BYTES, "\"%.80s\" is not in this version; use %s", found,
			 value_expects(slot, expects));
	else
		snprintf(error, SETTINGS_ERROR_BYTES, "expected %s, found %.120s", value_expects(slot, expects), found);
}

/* From a file */

/* { name = "eth0", weight = 2 } as "eth0,weight=2". */
static int uplink_from_table(const json_t *table, char *out, size_t out_bytes)
{
	const char *name = json_string_value(json_object_get(table, "name"));
	const json_t *weight = json_object_get(table, "weight");
	bool metered = json_is_true(json_object_get(table, "metered"));
	bool backup = json_is_true(json_object_get(table, "backup"));
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)table, key, value) {
		bool truth = !strcmp(key, "metered") || !strcmp(key, "backup");

		if (truth ? !json_is_boolean(value) : strcmp(key, "name") && strcmp(key, "weight"))
			return -EINVAL;
	}
	if (!name || strchr(name, ',') || (weight && !json_is_integer(weight)))
		return -EINVAL;
	if (weight)
		snprintf(out, out_bytes, "%s,weight=%lld%s%s", name, (long long)json_integer_value(weight),
			 metered ? ",metered" : "", backup ? ",backup" : "");
	else
		snprintf(out, out_bytes, "%s%s%s", name, metered ? ",metered" : "", backup ? ",backup" : "");
	return 0;
}

/* The text form of one JSON value, if it is of the kind this type is written in. */
static int text_of(const struct value_slot *slot, const json_t *value, char *out, size_t out_bytes)
{
	const char *text = json_string_value(value);

	switch (slot->type) {
	case VALUE_BOOL:
		if (!json_is_boolean(value))
			return -EINVAL;
		snprintf(out, out_bytes, "%s", json_is_true(value) ? "true" : "false");
		return 0;
	case VALUE_COUNT:
	case VALUE_SHORT:
		if (!json_is_integer(value))
			return -EINVAL;
		snprintf(out, out_bytes, "%lld", (long long)json_integer_value(value));
		return 0;
	case VALUE_UPLINKS:
		if (json_is_object(value))
			return uplink_from_table(value, out, out_bytes);
		break;
	default:
		break;
	}
	if (!text || strlen(text) != json_string_length(value) ||
	    snprintf(out, out_bytes, "%s", text) >= (int)out_bytes)
		return -EINVAL;
	return 0;
}

static int set_one(const struct value_slot *slot, const json_t *value, char *error)
{
	char text[KEYS_TEXT_BYTES];
	int err = text_of(slot, value, text, sizeof(text));
	char *found;

	if (!err)
		err = value_set(slot, text);
	if (err) {
		found = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		explain(slot, err, found ? found : "something else", error);
		free(found);
	}
	sodium_memzero(text, sizeof(text));
	return err ? -EINVAL : 0;
}

static int set_row(struct settings *s, const struct setting *row, const json_t *value,
		   enum settings_source source, char *error)
{
	struct value_slot slot = slot_of(s, row);
	const json_t *item;
	size_t i;
	int err = 0;

	begin_row(s, row, source);
	if (!value_is_list(row->type) || !json_is_array(value))
		return set_one(&slot, value, error);
	json_array_foreach(value, i, item)
		if (!err)
			err = set_one(&slot, item, error);
	return err;
}

static const struct setting *row_by_key(const char *key, u8 sides)
{
	for (const struct setting *row = settings_table; !row_ends(row); row++)
		if (row->key && (row->sides & sides) && !strcmp(row->key, key))
			return row;
	return NULL;
}

static bool is_later_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(later_keys); i++)
		if (!strcmp(later_keys[i], key))
			return true;
	return false;
}

static void explain_unknown(const struct settings *s, const char *key, char *error)
{
	const char *near = settings_nearest_key(s->side, key);

	if (row_by_key(key, SETTINGS_BOTH))
		snprintf(error, SETTINGS_ERROR_BYTES, "%.100s is a key of a %s's file", key,
			 s->side == SETTINGS_CLIENT ? "server" : "client");
	else if (is_later_key(key))
		snprintf(error, SETTINGS_ERROR_BYTES, "%s has no effect in this version; remove the line", key);
	else if (near)
		snprintf(error, SETTINGS_ERROR_BYTES, "unknown key %.100s; did you mean %s?", key, near);
	else
		snprintf(error, SETTINGS_ERROR_BYTES, "unknown key %.100s; `triglav config --%s` lists all", key,
			 s->side == SETTINGS_CLIENT ? "client" : "server");
}

/* Sections may stand empty. */
static bool is_empty_section(const json_t *value, const char *key)
{
	size_t len = strlen(key);

	if (!json_is_object(value) || json_object_size(value))
		return false;
	for (const struct setting *row = settings_table; !row_ends(row); row++)
		if (row->key && !strncmp(row->key, key, len) && row->key[len] == '.')
			return true;
	return false;
}

static int read_key(struct settings *s, const json_t *entry, char *error)
{
	const char *key = json_string_value(json_object_get(entry, "key"));
	const json_t *value = json_object_get(entry, "value");
	const struct setting *row = key ? row_by_key(key, (u8)s->side) : NULL;
	char what[SETTINGS_ERROR_BYTES];

	if (!row) {
		if (key && is_empty_section(value, key))
			return 0;
		explain_unknown(s, key ? key : "", error);
		return -EINVAL;
	}
	if (s->source[row_number(row)] == SETTINGS_FLAG)
		return 0;	/* the command line is stronger */
	if (!set_row(s, row, value, SETTINGS_FILE, what))
		return 0;
	snprintf(error, SETTINGS_ERROR_BYTES, "%s: %.400s", key, what);
	return -EINVAL;
}

int settings_read_text(struct settings *s, const char *file, const char *text, size_t len,
		       char error[SETTINGS_ERROR_BYTES])
{
	char what[SETTINGS_ERROR_BYTES];
	struct toml_error bad;
	json_t *keys = toml_parse(text, len, &bad);
	json_t *entry;
	size_t i;
	int err = 0;

	if (!keys) {
		snprintf(error, SETTINGS_ERROR_BYTES, "%.200s:%u: %s", file, bad.line, bad.text);
		return -EINVAL;
	}
	json_array_foreach(keys, i, entry) {
		err = read_key(s, entry, what);
		if (!err)
			continue;
		snprintf(error, SETTINGS_ERROR_BYTES, "%.100s:%d: %.400s", file,
			 (int)json_integer_value(json_object_get(entry, "line")), what);
		break;
	}
	json_decref(keys);
	return err;
}

/* Reads all of a small file; the caller wipes and frees. */
static int slurp(const char *file, char **text, size_t *len, struct stat *st)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err = 0;
	ssize_t n;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return -errno;
	*text = malloc(SETTINGS_MAX_FILE);
	if (!*text || fstat(fd, st)) {
		err = *text ? -errno : -ENOMEM;
		goto done;
	}
	do {
		n = read(fd, *text + *len, SETTINGS_MAX_FILE - *len);
		if (n > 0)
			*len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		err = -errno;
	else if (*len == SETTINGS_MAX_FILE)
		err = -EFBIG;
done:
	close(fd);
	return err;
}

int settings_read_file(struct settings *s, const char *file, char error[SETTINGS_ERROR_BYTES])
{
	struct stat st;
	size_t len;
	char *text;
	int err = slurp(file, &text, &len, &st);

	if (err) {
		snprintf(error, SETTINGS_ERROR_BYTES, "cannot read %.200s: %s", file, strerror(-err));
	} else {
		err = settings_read_text(s, file, text, len, error);
		if (!err && s->auth_key[0] && S_ISREG(st.st_mode) && (st.st_mode & 077)) {
			snprintf(error, SETTINGS_ERROR_BYTES,
				 "%.200s holds a key and others may read it: chmod 600 %.200s", file, file);
			err = -EPERM;
		}
	}
	if (text)
		sodium_memzero(text, len);
	free(text);
	return err;
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
	struct value_slot slot = slot_of(s, row);
	char what[SETTINGS_ERROR_BYTES], found[128];
	int err;

	begin_row(s, row, SETTINGS_FLAG);
	err = value_set(&slot, value);
	if (!err)
		return 1;
	snprintf(found, sizeof(found), err == -ENOTSUP ? "%.100s" : "\"%.100s\"", value);
	explain(&slot, err, found, what);
	snprintf(error, SETTINGS_ERROR_BYTES, "%.*s: %.400s", (int)strcspn(word, "="), word, what);
	return err == -ENOTSUP ? err : -EINVAL;
}

int settings_flag(struct settings *s, int argc, char **argv, int *at, char error[SETTINGS_ERROR_BYTES])
{
	const char *word = argv[*at], *value;

	for (const struct setting *row = settings_table; !row_ends(row); row++) {
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
	for (const struct setting *row = settings_table; !row_ends(row); row++)
		if (row->flag && (row->sides & s->side) && !strcmp(row->flag, flag))
			return (enum settings_source)s->source[row_number(row)];
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

	for (const struct setting *row = settings_table; !row_ends(row); row++) {
		if (!row->flag || !(row->sides & side) || !nearest_is_near(typed, row->flag, &distance) || distance >= least)
			continue;
		best = row->flag;
		least = distance;
	}
	return best;
}

/* A key may also stand in the wrong section: then its last part is compared, for a little extra. */
const char *settings_nearest_key(enum settings_side side, const char *typed)
{
	const char *typed_last = strrchr(typed, '.') ? strrchr(typed, '.') + 1 : typed;
	const char *best = NULL;
	u32 whole, last, least = UINT32_MAX;

	for (const struct setting *row = settings_table; !row_ends(row); row++) {
		bool near;

		if (!row->key || !(row->sides & side))
			continue;
		near = nearest_is_near(typed, row->key, &whole);
		if (nearest_is_near(typed_last, strrchr(row->key, '.') + 1, &last) && (!near || last + 2 < whole)) {
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
	for (const struct setting *row = settings_table; !row_ends(row); row++) {
		json_t *preset;
		int err;

		if (!row->preset || row->automatic || !(row->sides & side))
			continue;
		snprintf(text, sizeof(text), "preset = %s", row->preset);
		preset = toml_parse(text, strlen(text), &bad);
		err = preset ? set_row(s, row, json_object_get(json_array_get(preset, 0), "value"),
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

static void finish_client(struct settings *s)
{
	struct client_settings *c = &s->client;
	bool by_itself = !is_set(s, "full-tunnel") && !is_set(s, "route");

	c->place = place_of(s);
	memcpy(c->tun_name, s->tun_name, sizeof(c->tun_name));
	c->mtu = s->mtu;
	c->rekey_us = s->rekey_us;
	c->no_tcp_fallback = !s->tcp_fallback;
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
