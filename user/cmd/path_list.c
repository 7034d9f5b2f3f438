// SPDX-License-Identifier: MIT
/* path_list.c - the paths in a status of a client or a server, one after the other */
#include "cmd/path_list.h"

#include <stdio.h>
#include <string.h>

#include "cmd/fields.h"
#include "cmd/text.h"

const char *path_list_client(const json_t *session)
{
	if (field_true(session, "anonymous"))
		return "(anonymous)";
	return json_is_string(json_object_get(session, "client")) ? field_text(session, "client") : field_text(session, "client_id");
}

static u64 sent_by_all(const json_t *paths)
{
	const json_t *path;
	u64 sum = 0;
	size_t i;

	json_array_foreach(paths, i, path)
		sum += field_number(path, "sent_bytes_last_second");
	return sum;
}

static bool is_wanted(const json_t *path, const char *client, const char *only)
{
	return !only || !strcmp(field_text(path, "uplink"), only) || (client && !strcmp(client, only));
}

/* session: of a server; NULL: a client's paths. */
static void add(json_t *list, const json_t *paths, const json_t *session, const char *only)
{
	const char *client = session ? path_list_client(session) : NULL;
	u64 all = sent_by_all(paths);
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path) {
		json_t *copy = is_wanted(path, client, only) ? json_copy((json_t *)path) : NULL;

		if (!copy)
			continue;
		if (session) {
			json_object_set_new(copy, "client", json_string(client));
			json_object_set(copy, "handle", json_object_get(session, "handle"));
		}
		json_object_set_new(copy, "share", all ? json_real((double)field_number(path, "sent_bytes_last_second") / (double)all) : json_null());
		json_array_append_new(list, copy);
	}
}

json_t *path_list(const json_t *status, const char *only)
{
	const json_t *sessions = json_object_get(status, "sessions"), *session;
	json_t *list = json_array();
	size_t i;

	if (strcmp(field_text(status, "role"), "server"))
		add(list, json_object_get(status, "paths"), NULL, only);
	json_array_foreach(sessions, i, session)
		add(list, json_object_get(session, "paths"), session, only);
	return list;
}

const json_t *path_list_find(const json_t *list, const json_t *path)
{
	const json_t *other;
	size_t i;

	json_array_foreach(list, i, other)
		if (field_number(other, "id") == field_number(path, "id") && !strcmp(field_text(other, "uplink"), field_text(path, "uplink")) &&
		    !strcmp(field_text(other, "handle"), field_text(path, "handle")))
			return other;
	return NULL;
}

double path_list_rate(const json_t *now, const json_t *before, const char *field, u64 apart_us)
{
	u64 was = field_number(before, field), is = field_number(now, field);

	if (!before || !apart_us || is < was)
		return -1;
	return (double)(is - was) * SEC / (double)apart_us;
}

char *path_list_name(const json_t *path, char out[PATH_LIST_NAME_BYTES])
{
	if (json_is_string(json_object_get(path, "uplink")))
		snprintf(out, PATH_LIST_NAME_BYTES, "%s", field_text(path, "uplink"));
	else
		snprintf(out, PATH_LIST_NAME_BYTES, "path %llu", (unsigned long long)field_number(path, "id"));
	return out;
}

char *path_list_share(const json_t *path, char out[PATH_LIST_NAME_BYTES])
{
	const json_t *share = json_object_get(path, "share");

	snprintf(out, PATH_LIST_NAME_BYTES, json_is_real(share) ? "%.0f %%" : "-", 100 * json_real_value(share));
	return out;
}

char *path_list_capacity(const json_t *path, char out[PATH_LIST_NAME_BYTES])
{
	char rate[TEXT_BYTES];

	snprintf(out, PATH_LIST_NAME_BYTES, "%s",
		 field_true(path, "rate_measured") ? text_rate(field_number(path, "rate_bytes_per_second"), rate) : "unknown");
	return out;
}

char *path_list_loss(const json_t *path, char out[PATH_LIST_NAME_BYTES])
{
	bool up = !strcmp(field_text(path, "state"), "up");

	snprintf(out, PATH_LIST_NAME_BYTES, up ? "%.1f %%" : "-", (double)field_number(path, "loss_ppm") / 10000);
	return out;
}

char *path_list_state(const json_t *path, char out[PATH_LIST_NAME_BYTES])
{
	snprintf(out, PATH_LIST_NAME_BYTES, "%s%s%s", field_text(path, "state"), field_true(path, "metered") ? ", metered" : "",
		 field_true(path, "backup") ? ", backup" : "");
	return out;
}
