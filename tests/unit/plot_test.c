// SPDX-License-Identifier: MIT
/* plot_test.c - flight records as JSON and as pictures: what went in is what is shown
 *
 * The picture is read back as XML by a small strict reader: tags nest, attributes are quoted, nothing is left unescaped.
 */
#include "unit/unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manage/plot.h"
#include "manage/record_keeper.h"
#include "manage/record_report.h"
#include "manage/series.h"
#include "tunnel/tunnel.h"

/* ---- a record with known contents ---- */

#define ROWS 3000u		/* 30 s */
#define NOW_US (1000 * SEC)

/* Two paths: "a<&>" sends 50 kB and gets 40 kB acked in each row, is suspect from -20 to -10 s and loses 3 packets at -20 s;
 * "b" comes at -15 s. The session carries 25 kB in each row. Nothing between -8 and -5 s. */
static struct recorder *make_record(void)
{
	struct recorder *r = recorder_new();

	assert_non_null(r);
	for (u64 i = 0; i < ROWS; i++) {
		struct recorder_session s = { .carried_bytes = 25000 * i, .held_packets = i < 100 ? 40 : 0, .repairs = RECORDER_NO_TOTAL,
					      .queue_packets = RECORDER_UNKNOWN, .queue_bytes = RECORDER_UNKNOWN, .queue_us = RECORDER_UNKNOWN };
		struct recorder_path a = { .sent_bytes = 50000 * i, .acked_bytes = 40000 * i, .lost_packets = i > 1000 ? 8 : 5,
					   .rate_bytes = 10000000, .pacing_bytes = RECORDER_UNKNOWN, .srtt_us = 30000,
					   .queue_us = 12000, .delay_us = RECORDER_UNKNOWN, .state = TUNNEL_PATH_UP };
		u64 at = NOW_US - (ROWS - i) * RECORDER_INTERVAL_US;

		if (i >= 2200 && i < 2500)
			continue;
		if (i >= 1000 && i < 2000)
			a.state = TUNNEL_PATH_SUSPECT;
		recorder_take(r, at, &s);
		recorder_add(r, 0, "a<&>\0\0\0\0\0\0\0\0\0\0\0", &a);
		if (i >= 1500)
			recorder_add(r, 7, "b\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &a);
	}
	return r;
}

static json_t *parse_record(const struct recorder *r, const struct record_about *about)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	json_t *record;

	fputc('{', out);
	record_print(out, r, about);
	fputc('}', out);
	fclose(out);
	assert_null(strchr(text, '\n'));	/* a line of the control socket */
	record = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(record);
	free(text);
	return record;
}

static json_t *make_document(void)
{
	struct record_about about = { .name = "tg0", .why = "path a<&>: suspect \"now\"", .taken_s = 1700000000, .now_us = NOW_US,
				      .outage_us = NOW_US - 20 * SEC };
	struct recorder *r = make_record();
	json_t *record = parse_record(r, &about);

	recorder_free(r);
	return record;
}

static json_int_t value_at(const json_t *object, const char *name, size_t row)
{
	return json_integer_value(json_array_get(json_object_get(object, name), row));
}

static void the_document_holds_the_rows(void **state)
{
	json_t *d = make_document(), *a = json_array_get(json_object_get(d, "paths"), 0);
	json_t *b = json_array_get(json_object_get(d, "paths"), 1), *session = json_object_get(d, "session"), *states;
	static const struct {
		json_int_t t_us;
		const char *state;
	} changes[] = { { -30000000, "up" }, { -20000000, "suspect" }, { -10000000, "up" } };

	(void)state;
	assert_int_equal(json_array_size(json_object_get(d, "t_us")), ROWS - 300);
	assert_int_equal(value_at(d, "t_us", 0), -30000000);
	assert_int_equal(value_at(d, "t_us", ROWS - 301), -10000);
	assert_int_equal(json_integer_value(json_object_get(d, "outage_us")), -20000000);
	assert_int_equal(value_at(a, "sent_bytes", 5), 50000);
	assert_int_equal(value_at(a, "lost_packets", 1000), 0);
	assert_int_equal(value_at(a, "lost_packets", 1001), 3);
	assert_int_equal(value_at(session, "carried_bytes", 5), 25000);
	assert_true(json_is_null(json_object_get(a, "delay_us")));	/* nobody measures it */
	assert_true(json_is_null(json_object_get(session, "repairs")));
	assert_true(json_is_null(json_array_get(json_object_get(b, "srtt_us"), 1499)));
	assert_int_equal(value_at(b, "srtt_us", 1500), 30000);
	states = json_object_get(a, "states");
	assert_int_equal(json_array_size(states), ARRAY_SIZE(changes));
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		assert_int_equal(json_integer_value(json_object_get(json_array_get(states, i), "t_us")), changes[i].t_us);
		assert_string_equal(json_string_value(json_object_get(json_array_get(states, i), "state")), changes[i].state);
	}
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(b, "states"), 0), "state")));
	json_decref(d);
}

/* ---- series ---- */

static void rates_are_exact_and_gaps_stay_open(void **state)
{
	json_t *d = make_document(), *a = json_array_get(json_object_get(d, "paths"), 0);
	struct bins sent, lost;
	struct timeline t;

	(void)state;
	assert_int_equal(timeline_read(&t, d), 0);
	assert_true(t.from_s == -30 && t.to_s == 0);
	series_read(&t, a, "sent_bytes", SERIES_RATE, 1, &sent);
	series_read(&t, a, "lost_packets", SERIES_SUM, 1, &lost);
	for (u32 i = 1; i + 1 < t.bins; i++) {
		double at = t.from_s + (i + 0.5) * t.bin_s;

		if (at > -7.9 && at < -5.1)
			assert_true(isnan(sent.at[i]) && isnan(lost.at[i]));
		else if (at < -8.1 || at > -4.9)
			assert_true(fabs(sent.at[i] - 5e6) < 1);	/* not a step up or down for a row more in a bin */
	}
	assert_true(lost.sum == 3 && lost.most == 3);
	assert_true(fabs(sent.most - 5e6) < 1);
	series_read(&t, a, "no such list", SERIES_MEAN, 1, &sent);
	assert_false(sent.known);
	timeline_free(&t);
	json_decref(d);
}

/* ---- the picture ---- */

static char *draw(const json_t *record)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int err = plot_record(out, record);

	fclose(out);
	if (!err)
		return text;
	assert_int_equal(len, 0);
	free(text);
	return NULL;
}

static const char *skip_name(const char *p)
{
	assert_true(isalpha((unsigned char)*p));
	while (isalnum((unsigned char)*p) || *p == '-' || *p == ':')
		p++;
	return p;
}

static const char *skip_text(const char *p, char end)
{
	static const char *const entities[] = { "&lt;", "&gt;", "&amp;", "&quot;" };

	for (; *p && *p != end; p++) {
		bool known = *p != '&';

		assert_true(*p != '<' && ((unsigned char)*p >= ' ' || *p == '\n'));
		for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
			known |= !strncmp(p, entities[i], strlen(entities[i]));
		assert_true(known);
	}
	return p;
}

/* After a tag's name. True: it closed itself. */
static bool skip_attributes(const char **at)
{
	const char *p = *at;

	while (*p == ' ') {
		p = skip_name(p + 1);
		assert_memory_equal(p, "=\"", 2);
		p = skip_text(p + 2, '"');
		assert_int_equal(*p++, '"');
	}
	*at = p + (*p == '/') + 1;
	assert_int_equal((*at)[-1], '>');
	return *p == '/';
}

static void assert_well_formed(const char *p)
{
	const char *open[16];
	u32 depth = 0;

	assert_memory_equal(p, "<?xml ", 6);
	p = strstr(p, "?>") + 3;
	do {
		const char *name = p + 1 + (p[1] == '/'), *end = skip_name(name);

		assert_int_equal(*p, '<');
		if (p[1] == '/') {
			assert_true(depth > 0);
			depth--;
			assert_memory_equal(open[depth], name, (size_t)(end - name + 1) - 1);
			assert_int_equal(*end, '>');
			p = end + 1;
		} else {
			assert_true(depth < ARRAY_SIZE(open));
			open[depth] = name;
			p = end;
			depth += !skip_attributes(&p);
		}
		p = skip_text(p, '<');
	} while (depth);
	assert_string_equal(p, "");
}

static const char *panel(const char *svg, const char *id)
{
	char start[64];

	snprintf(start, sizeof(start), "<g id=\"%s\" class=\"panel\">", id);
	return strstr(svg, start);
}

static void assert_panel_holds(const char *svg, const char *id, const char *text)
{
	const char *start = panel(svg, id), *found = start ? strstr(start, text) : NULL;

	if (!found || found > strstr(start, "</g>"))
		fail_msg("panel %s lacks %s", id, text);
}

static void each_panel_shows_its_facts(void **state)
{
	json_t *d = make_document();
	char *svg = draw(d);

	(void)state;
	assert_non_null(svg);
	assert_well_formed(svg);
	assert_non_null(strstr(svg, ">triglav tg0: the last minute<"));
	assert_non_null(strstr(svg, "2023-11-14 22:13:20 UTC after path a&lt;&amp;&gt;: suspect &quot;now&quot;"));
	assert_panel_holds(svg, "path-0", ">a&lt;&amp;&gt;<");
	assert_panel_holds(svg, "path-0", "sent 150.0 MB, received 0.0 MB, lost 3 packets");
	assert_panel_holds(svg, "path-0", ">Mbit/s<");
	assert_panel_holds(svg, "path-0", ">suspect<");
	assert_panel_holds(svg, "path-0", "<path class=\"estimate\"");
	assert_panel_holds(svg, "path-0", "<line class=\"outage\"");
	assert_panel_holds(svg, "path-7", ">absent<");
	assert_panel_holds(svg, "path-7", "<path class=\"rtt\"");
	assert_panel_holds(svg, "session", "carried 75.0 MB, delivered 0.0 MB");
	assert_panel_holds(svg, "session", "<path class=\"held\"");
	assert_null(strstr(svg, ">pacing<"));	/* nobody measures it: neither line nor legend */
	assert_null(strstr(svg, "nan"));
	assert_null(strstr(svg, "inf"));
	free(svg);
	json_decref(d);
}

/* The first point of a curve of this class in a panel. */
static double height_of_curve(const char *svg, const char *id, const char *class)
{
	char start[64];
	double x, y;

	snprintf(start, sizeof(start), "<path class=\"%s\" d=\"M", class);
	assert_int_equal(sscanf(strstr(panel(svg, id), start) + strlen(start), "%lf %lf", &x, &y), 2);
	return y;
}

/* Where the axis of the panel's first chart has this number. */
static double height_of_number(const char *svg, const char *id, const char *number)
{
	char end[32];
	const char *at, *tag;
	double y;

	snprintf(end, sizeof(end), ">%s</text>", number);
	at = strstr(panel(svg, id), end);
	assert_non_null(at);
	for (tag = at; strncmp(tag, " y=\"", 4); tag--)
		;
	assert_int_equal(sscanf(tag, " y=\"%lf", &y), 1);
	return y - 3.5;		/* the number's foot stands below its line */
}

static void a_curve_lies_where_the_axis_says(void **state)
{
	json_t *d = make_document();
	char *svg = draw(d);

	(void)state;
	/* 10 MB/s are 80 Mbit/s, 40 kB each 10 ms are 32. */
	assert_true(fabs(height_of_curve(svg, "path-0", "estimate") - height_of_number(svg, "path-0", "80")) < 0.2);
	assert_true(fabs(height_of_curve(svg, "path-0", "acked") -
			 (height_of_number(svg, "path-0", "0") * 0.6 + height_of_number(svg, "path-0", "80") * 0.4)) < 0.2);
	free(svg);
	json_decref(d);
}

/* ---- what is no record ---- */

static void junk_is_refused(void **state)
{
	static const char *const documents[] = {
		"[]", "{}", "{\"triglav_record\": 2, \"t_us\": [-2, -1]}", "{\"triglav_record\": 1}",
		"{\"triglav_record\": 1, \"t_us\": []}", "{\"triglav_record\": 1, \"t_us\": [-1, -1]}",
		"{\"triglav_record\": 1, \"t_us\": [-2, \"x\"]}",
		"{\"triglav_record\": 1, \"t_us\": [-2, -1], \"paths\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		json_t *d = json_loads(documents[i], 0, NULL);

		assert_non_null(d);
		assert_null(draw(d));
		json_decref(d);
	}
}

static void odd_records_are_drawn_as_far_as_they_go(void **state)
{
	static const char *const documents[] = {
		"{\"triglav_record\": 1, \"t_us\": [-5]}",
		"{\"triglav_record\": 1, \"t_us\": [-1e300, 0, 1e300], \"paths\": [1, {}, {\"sent_bytes\": [1e308, -1e308, 1e308]}]}",
		"{\"triglav_record\": 1, \"t_us\": [-9e9, -8e9], \"taken_s\": -1, \"name\": \"\\u0001\\u00e9\", \"why\": 5, "
		"\"paths\": [{\"uplink\": 3, \"srtt_us\": [null, \"a\"], \"lost_packets\": [1e9, 2], \"states\": [1, {\"state\": \"new\"}]}]}",
		"{\"triglav_record\": 1, \"t_us\": [-2, -1], \"session\": [], \"paths\": {}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		json_t *d = json_loads(documents[i], 0, NULL);
		char *svg;

		assert_non_null(d);
		svg = draw(d);
		assert_non_null(svg);
		assert_well_formed(svg);
		free(svg);
		json_decref(d);
	}
}

/* ---- files ---- */

static u32 count_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	u32 n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void the_newest_five_files_stay(void **state)
{
	char top[] = "/tmp/triglav-record-XXXXXX", dir[64], path[RECORD_PATH_BYTES], first[RECORD_PATH_BYTES], command[128];
	struct recorder *r = make_record();
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(dir, sizeof(dir), "%s/tg0", top);
	for (u32 i = 0; i < RECORD_FILES + 2; i++) {
		struct record_about about = { .name = "tg0", .why = "test", .taken_s = 1700000000 + 60 * i, .now_us = NOW_US };

		assert_int_equal(record_file_write(dir, r, &about, i ? path : first), 0);
	}
	assert_int_equal(count_files(dir), RECORD_FILES);
	assert_int_equal(access(first, F_OK), -1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(path + strlen(dir), "/record-20231114-221920.json");
	recorder_free(r);
	snprintf(command, sizeof(command), "rm -r %s", top);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_holds_the_rows),
		cmocka_unit_test(rates_are_exact_and_gaps_stay_open),
		cmocka_unit_test(each_panel_shows_its_facts),
		cmocka_unit_test(a_curve_lies_where_the_axis_says),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(odd_records_are_drawn_as_far_as_they_go),
		cmocka_unit_test(the_newest_five_files_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
