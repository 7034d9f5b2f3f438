// SPDX-License-Identifier: MIT
/* settings_file.c - a TOML file into struct settings */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "manage/settings_parts.h"
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

/* One entry of an uplink's table as ",key=value". False: no such key, or another kind of value. */
static bool put_entry(FILE *out, const char *key, const json_t *value)
{
	const char *text = json_string_value(value);

	if (!strcmp(key, "metered") || !strcmp(key, "backup")) {
		if (json_is_true(value))
			fprintf(out, ",%s", key);
		return json_is_boolean(value);
	}
	if (!strcmp(key, "weight")) {
		fprintf(out, ",weight=%lld", (long long)json_integer_value(value));
		return json_is_integer(value);
	}
	if (strcmp(key, "rate") && strcmp(key, "quota") && strcmp(key, "datapath"))
		return false;
	fprintf(out, ",%s=%s", key, text ? text : "");
	return text && !strchr(text, ',');
}

/* { name = "eth0", weight = 2 } as "eth0,weight=2". */
static int uplink_from_table(const json_t *table, char *out, size_t out_bytes)
{
	const char *name = json_string_value(json_object_get(table, "name"));
	FILE *text = name && !strchr(name, ',') ? fmemopen(out, out_bytes, "w") : NULL;
	bool good = text;
	const char *key;
	json_t *value;

	if (!text)
		return -EINVAL;
	fputs(name, text);
	json_object_foreach((json_t *)table, key, value)
		good = good && (!strcmp(key, "name") || put_entry(text, key, value));
	good = !fflush(text) && good;
	return !fclose(text) && good ? 0 : -EINVAL;
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
		settings_explain(slot, err, found ? found : "something else", error);
		free(found);
	}
	sodium_memzero(text, sizeof(text));
	return err ? -EINVAL : 0;
}

int settings_set_row(struct settings *s, const struct setting *row, const json_t *value,
		   enum settings_source source, char *error)
{
	struct value_slot slot = settings_slot(s, row);
	const json_t *item;
	size_t i;
	int err = 0;

	settings_begin_row(s, row, source);
	if (row->type == VALUE_POLICIES && !json_is_array(value))
		return settings_add_policy(&slot, value, s->side, error);
	if (!value_is_list(row->type) || !json_is_array(value))
		return set_one(&slot, value, error);
	json_array_foreach(value, i, item)
		if (!err)
			err = row->type == VALUE_POLICIES ? settings_add_policy(&slot, item, s->side, error) :
							    set_one(&slot, item, error);
	return err;
}

static const struct setting *row_by_key(const char *key, u8 sides)
{
	for (const struct setting *row = settings_table; !settings_row_ends(row); row++)
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
	else if (!strncmp(key, "policy.", 7))
		snprintf(error, SETTINGS_ERROR_BYTES, "policies are a list: write [[policy]] in place of [policy]");
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
	for (const struct setting *row = settings_table; !settings_row_ends(row); row++)
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
	if (s->source[settings_row_number(row)] == SETTINGS_FLAG)
		return 0;	/* the command line is stronger */
	if (!settings_set_row(s, row, value, SETTINGS_FILE, what))
		return 0;
	if (row->type == VALUE_POLICIES) {	/* it names its key itself */
		memcpy(error, what, sizeof(what));
		return -EINVAL;
	}
	snprintf(error, SETTINGS_ERROR_BYTES, "%s: %.400s", key, what);
	return -EINVAL;
}

/* Of the key within the table that the message begins with, if it does; else of the entry. */
static int line_of(const json_t *entry, const char *message)
{
	size_t key_len = json_string_length(json_object_get(entry, "key"));
	const json_t *lines = json_object_get(entry, "lines");
	const char *field;
	json_t *line;

	json_object_foreach((json_t *)lines, field, line)
		if (strlen(message) > key_len && !strncmp(message + key_len + 1, field, strlen(field)) &&
		    message[key_len + 1 + strlen(field)] == ':')
			return (int)json_integer_value(line);
	return (int)json_integer_value(json_object_get(entry, "line"));
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
			 line_of(entry, what), what);
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
