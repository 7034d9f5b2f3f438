// SPDX-License-Identifier: MIT
/* record_report.c - a flight record as JSON */
#include "manage/record_report.h"

#include <string.h>

#include <jansson.h>

#include "tunnel/tunnel.h"

/* A field of a row or a sample that becomes a list. All ones in it: unknown. */
struct column {
	const char *name;
	u8 offset, bytes;
};

#define COLUMN(type, field) { #field, offsetof(struct type, field), sizeof(((struct type *)NULL)->field) }

static const struct column session_columns[] = {
	COLUMN(recorder_row, carried_bytes), COLUMN(recorder_row, delivered_bytes), COLUMN(recorder_row, queue_packets),
	COLUMN(recorder_row, queue_bytes), COLUMN(recorder_row, queue_us), COLUMN(recorder_row, held_packets),
	COLUMN(recorder_row, holes_filled), COLUMN(recorder_row, holes_expired), COLUMN(recorder_row, late),
	COLUMN(recorder_row, repairs), COLUMN(recorder_row, copies),
};

static const struct column path_columns[] = {
	COLUMN(recorder_sample, sent_bytes), COLUMN(recorder_sample, acked_bytes), COLUMN(recorder_sample, received_bytes),
	COLUMN(recorder_sample, lost_packets), COLUMN(recorder_sample, rate_bytes), COLUMN(recorder_sample, pacing_bytes),
	COLUMN(recorder_sample, in_flight_bytes), COLUMN(recorder_sample, srtt_us), COLUMN(recorder_sample, queue_us),
	COLUMN(recorder_sample, delay_us),
};

#define SESSION RECORDER_PATHS	/* in place of a path's id: the rows themselves */

/* False: unknown. */
static bool read_value(const struct recorder *r, u32 row, u32 id, const struct column *c, u32 *value)
{
	const void *from = id == SESSION ? (const void *)recorder_row(r, row) : recorder_sample(r, row, id);
	u16 small;

	if (!from)
		return false;
	if (c->bytes == sizeof(small)) {
		memcpy(&small, (const u8 *)from + c->offset, sizeof(small));
		*value = small;
		return small != RECORDER_UNKNOWN_SMALL;
	}
	memcpy(value, (const u8 *)from + c->offset, sizeof(*value));
	return *value != RECORDER_UNKNOWN;
}

static bool any_value(const struct recorder *r, u32 rows, u32 id, const struct column *c)
{
	u32 value;

	for (u32 i = 0; i < rows; i++)
		if (read_value(r, i, id, c, &value))
			return true;
	return false;
}

static void print_column(FILE *out, const struct recorder *r, u32 rows, u32 id, const struct column *c)
{
	u32 value;

	fprintf(out, "\"%s\":", c->name);
	if (!any_value(r, rows, id, c)) {
		fputs("null", out);
		return;
	}
	for (u32 i = 0; i < rows; i++) {
		fputc(i ? ',' : '[', out);
		if (read_value(r, i, id, c, &value))
			fprintf(out, "%u", value);
		else
			fputs("null", out);
	}
	fputc(']', out);
}

static void print_columns(FILE *out, const struct recorder *r, u32 rows, u32 id, const struct column *columns, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (i)
			fputc(',', out);
		print_column(out, r, rows, id, &columns[i]);
	}
}

static void print_text(FILE *out, const char *text)
{
	json_t *value = json_string(text);

	if (!value || json_dumpf(value, out, JSON_ENCODE_ANY))
		fputs("null", out);	/* no text at all is better than half of one */
	json_decref(value);
}

static long long before(u64 then_us, const struct record_about *about)
{
	return (long long)then_us - (long long)about->now_us;
}

static void print_states(FILE *out, const struct recorder *r, u32 rows, u32 id, const struct record_about *about)
{
	const char *last = NULL, *comma = "";

	fputs("\"states\":[", out);
	for (u32 i = 0; i < rows; i++) {
		const struct recorder_sample *s = recorder_sample(r, i, id);
		const char *state = s ? tunnel_path_state_name((enum tunnel_path_state)s->state) : NULL;

		if (i && state == last)
			continue;
		fprintf(out, state ? "%s{\"t_us\":%lld,\"state\":\"%s\"}" : "%s{\"t_us\":%lld,\"state\":null}", comma,
			before(recorder_row(r, i)->time_us, about), state);
		last = state;
		comma = ",";
	}
	fputs("],", out);
}

static void print_paths(FILE *out, const struct recorder *r, u32 rows, const struct record_about *about)
{
	const char *comma = "";

	fputs("\"paths\":[", out);
	for (u32 id = 0; id < RECORDER_PATHS; id++) {
		if (!recorder_name(r, id))
			continue;
		fprintf(out, "%s{\"id\":%u,\"uplink\":", comma, id);
		print_text(out, recorder_name(r, id));
		fputc(',', out);
		print_states(out, r, rows, id, about);
		print_columns(out, r, rows, id, path_columns, ARRAY_SIZE(path_columns));
		fputc('}', out);
		comma = ",";
	}
	fputc(']', out);
}

static void print_times(FILE *out, const struct recorder *r, u32 rows, const struct record_about *about)
{
	fputs("\"t_us\":[", out);
	for (u32 i = 0; i < rows; i++)
		fprintf(out, i ? ",%lld" : "%lld", before(recorder_row(r, i)->time_us, about));
	fputs("],", out);
}

void record_print(FILE *out, const struct recorder *r, const struct record_about *about)
{
	u32 rows = recorder_rows(r);

	fprintf(out, "\"triglav_record\":%d,\"version\":\"" TG_VERSION "\",\"name\":", RECORD_VERSION);
	print_text(out, about->name);
	fprintf(out, ",\"taken_s\":%llu,\"why\":", (unsigned long long)about->taken_s);
	print_text(out, about->why);
	if (about->outage_us)
		fprintf(out, ",\"outage_us\":%lld", before(about->outage_us, about));
	else
		fputs(",\"outage_us\":null", out);
	fprintf(out, ",\"interval_us\":%llu,", RECORDER_INTERVAL_US);
	print_times(out, r, rows, about);
	fputs("\"session\":{", out);
	print_columns(out, r, rows, SESSION, session_columns, ARRAY_SIZE(session_columns));
	fputs("},", out);
	print_paths(out, r, rows, about);
}
