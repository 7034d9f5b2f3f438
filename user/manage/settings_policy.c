// SPDX-License-Identifier: MIT
/* settings_policy.c - [[policy]] tables of a file into the list of policies
 *
 *   [[policy]]
 *   port = "udp/5060"        which packets: one of mark, cgroup, dscp, port
 *   class = "realtime"       what of them: class, path or both; or bypass = true
 *
 * What is said about a mistake begins with the key it is in, for settings_file.c to find the line of.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/maps.h>

#include "manage/nearest.h"
#include "manage/policy_text.h"
#include "manage/settings_parts.h"
#include "run/policy.h"

static const char *const fields[] = { "mark", "cgroup", "dscp", "port", "class", "path", "bypass" };

static int say(char *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int say(char *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, SETTINGS_ERROR_BYTES, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* A value as it stands in the file. */
static int say_expected(char *error, const char *field, const char *expects, const json_t *found)
{
	char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);

	say(error, "policy.%s: expected %s, found %.120s", field, expects, text ? text : "something else");
	free(text);
	return -EINVAL;
}

static int check_field(const char *name, char *error)
{
	const char *near = NULL;
	u32 distance, least = UINT32_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!strcmp(fields[i], name))
			return 0;
		if (!nearest_is_near(name, fields[i], &distance) || distance >= least)
			continue;
		near = fields[i];
		least = distance;
	}
	if (near)
		return say(error, "policy.%.60s: there is no such key; did you mean %s?", name, near);
	return say(error, "policy.%.60s: there is no such key; a policy has one of mark, cgroup, dscp, port, and class, path or bypass", name);
}

/* Numbers may stand without quotes. */
static int read_packets(struct policy *p, const char *field, const json_t *value, char *error)
{
	u32 kind = policy_parse_kind(field);
	char number[32];
	const char *text = json_string_value(value);

	if (p->kind)
		return say(error, "policy.%s: %s says which packets already; one of mark, cgroup, dscp, port is enough", field,
			   policy_kind_name(p->kind));
	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		text = number;
	}
	if (text && !policy_parse_packets(p, kind, text))
		return 0;
	return say_expected(error, field, policy_packets_expects(kind), value);
}

static int read_class(struct policy *p, const json_t *value, char *error)
{
	const char *text = json_string_value(value);

	if (text && !strcmp(text, "bypass"))
		return say(error, "policy.class: for packets that are to keep out of the tunnel write bypass = true");
	if (!text || (strcmp(text, "realtime") && strcmp(text, "bulk")))
		return say_expected(error, "class", "\"realtime\" or \"bulk\"", value);
	p->class = (u8)policy_parse_class(text);
	return 0;
}

static int read_path(struct policy *p, const json_t *value, char *error)
{
	const char *text = json_string_value(value);

	if (!text || !text[0] || strlen(text) >= sizeof(p->path))
		return say_expected(error, "path", "the name of an uplink", value);
	snprintf(p->path, sizeof(p->path), "%s", text);
	return 0;
}

static int read_field(struct policy *p, bool *bypass, const char *field, const json_t *value, char *error)
{
	if (check_field(field, error))
		return -EINVAL;
	if (policy_parse_kind(field))
		return read_packets(p, field, value, error);
	if (!strcmp(field, "class"))
		return read_class(p, value, error);
	if (!strcmp(field, "path"))
		return read_path(p, value, error);
	*bypass = json_is_true(value);
	return json_is_boolean(value) ? 0 : say_expected(error, "bypass", "true or false", value);
}

/* What the keys come to together. */
static int check(const struct policy *p, bool bypass, enum settings_side side, char *error)
{
	if (!p->kind)
		return say(error, "policy: which packets? Add one of mark, cgroup, dscp, port");
	if (bypass && (p->class || p->path[0]))
		return say(error, "policy.bypass: what bypasses the tunnel has no %s; leave one out", p->class ? "class" : "path");
	if (!bypass && !p->class && !p->path[0])
		return say(error, "policy: what of %s %.100s? Add class = \"realtime\" or \"bulk\", path = \"UPLINK\", or bypass = true",
			   policy_kind_name(p->kind), p->text);
	if (side == SETTINGS_SERVER && (bypass || p->path[0]))
		return say(error, "policy.%s: is for clients; a server has class = \"realtime\" or \"bulk\"", bypass ? "bypass" : "path");
	return 0;
}

static int put(const struct value_slot *slot, const struct policy *p, char *error)
{
	struct policy *list = slot->place;

	for (u32 i = 0; i < *slot->count; i++)
		if (policy_same_packets(&list[i], p))
			return say(error, "policy.%s: there is one for %.100s already; one is enough", policy_kind_name(p->kind), p->text);
	if (*slot->count >= slot->max)
		return say(error, "policy: more than %llu of them", (unsigned long long)slot->max);
	list[(*slot->count)++] = *p;
	return 0;
}

int settings_add_policy(const struct value_slot *slot, const json_t *table, enum settings_side side, char *error)
{
	struct policy p = { 0 };
	bool bypass = false;
	const char *field;
	json_t *value;
	int err = 0;

	if (!json_is_object(table))
		return say(error, "policy: a policy is a table: [[policy]], and its keys on the lines below");
	json_object_foreach((json_t *)table, field, value)
		if (!err)
			err = read_field(&p, &bypass, field, value, error);
	if (!err)
		err = check(&p, bypass, side, error);
	if (bypass)
		p.class = TG_CLASS_BYPASS;
	return err ? err : put(slot, &p, error);
}
