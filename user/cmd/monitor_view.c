// SPDX-License-Identifier: MIT
/* monitor_view.c - two statuses of a daemon into what moved between them */
#include "cmd/monitor_view.h"

#include <string.h>

#include "cmd/counts.h"
#include "cmd/fields.h"
#include "cmd/path_list.h"
#include "cmd/table.h"
#include "cmd/text.h"

/* ---- the view ---- */

static json_t *rate(const json_t *now, const json_t *before, const char *field, u64 apart_us, double *sum)
{
	double value = path_list_rate(now, before, field, apart_us);

	if (value < 0)
		return json_null();
	*sum += value;
	return json_integer((json_int_t)(value + 0.5));
}

/* Of the packets sent within the interval; what was found lost now may have been sent before it. */
static json_t *loss(const json_t *now, const json_t *before)
{
	u64 sent = field_number(now, "sent_packets") - field_number(before, "sent_packets");
	u64 lost = field_number(now, "lost_packets") - field_number(before, "lost_packets");

	if (!before || field_number(now, "sent_packets") <= field_number(before, "sent_packets") ||
	    field_number(now, "lost_packets") < field_number(before, "lost_packets"))
		return json_null();
	return json_real(MIN((double)lost / (double)sent, 1.0));
}

static void copy_fields(json_t *to, const json_t *from)
{
	static const char *const fields[] = {
		"client", "uplink", "id", "state", "metered", "backup", "rtt_us", "queue_us", "jitter_us", "rate_bytes_per_second", "rate_measured",
		"in_flight_bytes", "left_out", "share",
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (json_object_get(from, fields[i]))
			json_object_set(to, fields[i], json_object_get(from, fields[i]));
}

struct sums {
	double sent, received;
};

static json_t *view_path(const json_t *path, const json_t *before, u64 apart_us, struct sums *sums)
{
	json_t *out = json_object();

	copy_fields(out, path);
	json_object_set_new(out, "sent_bytes_per_second", rate(path, before, "sent_bytes", apart_us, &sums->sent));
	json_object_set_new(out, "received_bytes_per_second", rate(path, before, "received_bytes", apart_us, &sums->received));
	json_object_set_new(out, "loss_ratio", loss(path, before));
	return out;
}

static json_t *view_paths(const json_t *now, const json_t *before, u64 apart_us, struct sums *sums)
{
	json_t *list = path_list(now, NULL), *list_before = path_list(before, NULL), *out = json_array();
	const json_t *path;
	size_t i;

	json_array_foreach(list, i, path)
		json_array_append_new(out, view_path(path, path_list_find(list_before, path), apart_us, sums));
	json_decref(list_before);
	json_decref(list);
	return out;
}

/* Of engine, tunnel device, filter, firewall and AF_XDP together: a reason has one name wherever it is found. */
static json_t *view_drops(const json_t *now, const json_t *before)
{
	json_t *out = json_object(), *all = counts_dropped(now), *all_before = counts_dropped(before), *value;
	const char *reason;

	json_object_foreach(all, reason, value) {
		u64 was = field_number(all_before, reason), is = (u64)json_integer_value(value);

		if (is > was)
			json_object_set_new(out, reason, json_integer((json_int_t)(is - was)));
	}
	json_decref(all_before);
	json_decref(all);
	return out;
}

static json_t *sum(double value, bool known)
{
	return known ? json_integer((json_int_t)(value + 0.5)) : json_null();
}

json_t *monitor_view(const json_t *now, const json_t *before, u64 apart_us)
{
	json_t *out = json_object(), *paths;
	struct sums sums = { 0 };

	paths = view_paths(now, before, apart_us, &sums);
	json_object_set(out, "name", json_object_get(now, "name"));
	json_object_set(out, "role", json_object_get(now, "role"));
	if (json_object_get(now, "state"))
		json_object_set(out, "state", json_object_get(now, "state"));
	if (json_object_get(now, "sessions"))
		json_object_set_new(out, "sessions", json_integer((json_int_t)json_array_size(json_object_get(now, "sessions"))));
	json_object_set_new(out, "interval_us", before ? json_integer((json_int_t)apart_us) : json_null());
	json_object_set_new(out, "sent_bytes_per_second", sum(sums.sent, before));
	json_object_set_new(out, "received_bytes_per_second", sum(sums.received, before));
	json_object_set_new(out, "paths", paths);
	json_object_set_new(out, "drops", before ? view_drops(now, before) : json_object());
	return out;
}

/* ---- the table ---- */

static const char *rate_text(const json_t *from, const char *field, char out[TEXT_BYTES])
{
	return field_is_number(from, field) ? text_rate(field_number(from, field), out) : "-";
}

static void put_ms(struct table *t, const json_t *path, const char *field)
{
	char ms[TEXT_BYTES];

	table_put(t, "%s", field_number(path, "rtt_us") ? text_ms(field_number(path, field), ms) : "-");
}

static void put_path(struct table *t, const json_t *path, bool server)
{
	const char *why = field_text(path, "left_out");
	const json_t *lost = json_object_get(path, "loss_ratio");
	char text[PATH_LIST_NAME_BYTES], up[TEXT_BYTES], down[TEXT_BYTES];

	if (server)
		table_put(t, "%s", field_text(path, "client"));
	table_put(t, "%s", path_list_name(path, text));
	table_put(t, "%s", path_list_state(path, text));
	table_colour(t, (int)text_state_colour(field_text(path, "state")));
	table_put(t, "%s", rate_text(path, "sent_bytes_per_second", up));
	table_put(t, "%s", rate_text(path, "received_bytes_per_second", down));
	put_ms(t, path, "rtt_us");
	table_put(t, json_is_real(lost) ? "%.1f %%" : "-", 100 * json_real_value(lost));
	if (!server)
		table_put(t, "%s", path_list_capacity(path, text));
	table_put(t, "%s", strcmp(why, "-") ? why : "");
}

static void print_head(const json_t *view, bool server, FILE *out)
{
	char up[TEXT_BYTES], down[TEXT_BYTES];

	fprintf(out, "%s%s%s: ", text_colour(TEXT_BOLD), field_text(view, "name"), text_colour(TEXT_PLAIN));
	if (server)
		fprintf(out, "%llu session%s", (unsigned long long)field_number(view, "sessions"), field_number(view, "sessions") == 1 ? "" : "s");
	else
		fprintf(out, "%s%s%s", text_colour(text_state_colour(field_text(view, "state"))), field_text(view, "state"),
			text_colour(TEXT_PLAIN));
	fprintf(out, ", sends %s, receives %s\n", rate_text(view, "sent_bytes_per_second", up),
		rate_text(view, "received_bytes_per_second", down));
}

static void print_drops(const json_t *drops, FILE *out)
{
	const char *reason, *before = "dropped:";
	json_t *value;

	json_object_foreach((json_t *)drops, reason, value) {
		fprintf(out, "%s %s %lld", before, reason, (long long)json_integer_value(value));
		before = ",";
	}
	if (json_object_size(drops))
		fputc('\n', out);
}

void monitor_print(const json_t *view, FILE *out)
{
	static const char *const of_client[] = { "PATH", "STATE", ">SENDS", ">RECEIVES", ">RTT", ">LOSS", ">CAPACITY", "LEFT OUT", NULL };
	static const char *const of_server[] = { "CLIENT", "PATH", "STATE", ">SENDS", ">RECEIVES", ">RTT", ">LOSS", "LEFT OUT", NULL };
	bool server = !strcmp(field_text(view, "role"), "server");
	struct table *t = table_new(server ? of_server : of_client);
	const json_t *path;
	size_t i;

	print_head(view, server, out);
	json_array_foreach(json_object_get(view, "paths"), i, path)
		put_path(t, path, server);
	table_print(t, out);
	print_drops(json_object_get(view, "drops"), out);
}
