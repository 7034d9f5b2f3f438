// SPDX-License-Identifier: MIT
/* monitor_view_test.c - tables, lists of paths, and what moved between two looks */
#include "unit/unit.h"

#include <stdio.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/monitor_view.h"
#include "cmd/path_list.h"
#include "cmd/table.h"
#include "cmd/text.h"

/* ---- tables ---- */

static char *printed(struct table *t)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_print(t, out);
	fclose(out);
	return text;
}

/* The same on a terminal, one that leaves line ends as they are. */
static char *shown(struct table *t)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char *text = calloc(1, 4096);
	struct termios raw;
	size_t len = 0;
	ssize_t n;
	FILE *out;

	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && !tcgetattr(slave, &raw));
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	out = fdopen(slave, "w");
	table_print(t, out);
	fclose(out);
	while (len < 4095 && (n = read(master, text + len, 4095 - len)) > 0)	/* then EIO: the other end is closed */
		len += (size_t)n;
	close(master);
	return text;
}

static void columns_are_as_wide_as_what_stands_in_them(void **state)
{
	static const char *const titles[] = { "NAME", ">N", "WHY", NULL };
	struct table *t = table_new(titles);
	char *text;

	(void)state;
	table_put(t, "a");
	table_put(t, "%d", 12345);
	table_put(t, "no reason");
	table_put(t, "longer name");
	table_put(t, "7");
	table_put(t, "%s", "");
	assert_int_equal(table_rows(t), 2);
	text = printed(t);
	assert_string_equal(text, "NAME             N  WHY\n"
				  "a            12345  no reason\n"
				  "longer name      7\n");
	free(text);
}

static void letters_count_not_bytes(void **state)
{
	static const char *const titles[] = { "X", "Y", NULL };
	struct table *t = table_new(titles);
	char *text;

	(void)state;
	table_put(t, "\u00e4\u00f6");
	table_put(t, "1");
	table_put(t, "abc");
	text = printed(t);	/* the last row is not full */
	assert_string_equal(text, "X    Y\n\u00e4\u00f6   1\nabc\n");
	free(text);
}

static void a_table_without_rows_is_its_titles(void **state)
{
	static const char *const titles[] = { "A", ">B", NULL };
	char *text = printed(table_new(titles));

	(void)state;
	assert_string_equal(text, "A  B\n");
	free(text);
	table_put(NULL, "no memory");	/* does nothing */
	table_colour(NULL, TEXT_BAD);
	assert_int_equal(table_rows(NULL), 0);
}

static void the_last_column_is_folded_on_a_terminal(void **state)
{
	static const char *const titles[] = { "NAME", ">N", "WHY", NULL };
	static const struct {
		u32 name_letters;
		const char *why, *expected;	/* behind the name and what pads it */
	} cases[] = {
		{ 10, "short", "  7  short\n" },
		{ 50, "this is of 25 letters too", "  7  this is of 25 letters too\n" },
		{ 50, "but this one is of 26 of it", "  7  but this one is of 26 of\n                                                       it\n" },
		{ 50, "aword,whichisnotfoldedandismuchlonger", "  7  aword,whichisnotfoldedandismuchlonger\n" },
		{ 60, "no room beside it", "  7\n    no room beside it\n" },	/* 15 columns are left */
		{ 60, "it fits", "  7  it fits\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct table *t = table_new(titles);
		char *text;

		table_put(t, "%.*s", (int)cases[i].name_letters, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");
		table_put(t, "7");
		table_put(t, "%s", cases[i].why);
		text = shown(t);
		assert_string_equal(text + strcspn(text, "\n") + 1 + cases[i].name_letters, cases[i].expected);
		free(text);
	}
}

/* What is folded grep cannot find. */
static void in_a_pipe_a_row_is_a_line(void **state)
{
	static const char *const titles[] = { "NAME", "WHY", NULL };
	struct table *t = table_new(titles);
	char *text;

	(void)state;
	table_put(t, "a");
	table_put(t, "%s", "a sentence of more than eighty letters, which on a terminal would begin another line somewhere here");
	text = printed(t);
	assert_string_equal(text, "NAME  WHY\n"
				  "a     a sentence of more than eighty letters, which on a terminal would begin another line somewhere here\n");
	free(text);
}

static void colours_and_bytes_take_no_columns(void **state)
{
	static const struct {
		const char *text;
		u32 width;
	} cases[] = { { "", 0 }, { "abc", 3 }, { "\u00e4\u00f6", 2 }, { "\033[1mab\033[0m", 2 }, { "\033[32m\033[0m", 0 }, { "a\033[", 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(text_width(cases[i].text), cases[i].width);
}

/* ---- paths ---- */

/* The same path in every table. */
static void a_path_has_one_capacity_loss_and_state(void **state)
{
	static const struct {
		const char *path, *capacity, *loss, *state;
	} cases[] = {
		{ "{\"state\": \"up\", \"rate_measured\": true, \"rate_bytes_per_second\": 1250000, \"loss_ppm\": 2000}", "10.0 Mbit/s", "0.2 %", "up" },
		{ "{\"state\": \"up\", \"rate_measured\": false, \"rate_bytes_per_second\": 1250000, \"loss_ppm\": 0}", "unknown", "0.0 %", "up" },
		{ "{\"state\": \"up\", \"metered\": true}", "unknown", "0.0 %", "up, metered" },
		{ "{\"state\": \"suspect\", \"backup\": true, \"metered\": false, \"loss_ppm\": 0}", "unknown", "-", "suspect, backup" },
		{ "{\"state\": \"down\", \"rate_measured\": true, \"rate_bytes_per_second\": 125000, \"loss_ppm\": 500000}", "1.00 Mbit/s", "-", "down" },
	};
	char text[PATH_LIST_NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *path = json_loads(cases[i].path, 0, NULL);

		assert_non_null(path);
		assert_string_equal(path_list_capacity(path, text), cases[i].capacity);
		assert_string_equal(path_list_loss(path, text), cases[i].loss);
		assert_string_equal(path_list_state(path, text), cases[i].state);
		json_decref(path);
	}
}

/* ---- statuses ---- */

static json_t *path(const char *uplink, int id, int sent, int packets, int lost, int second)
{
	return json_pack("{s:s?, s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:s}", "uplink", uplink, "id", id, "state", "up", "sent_bytes", sent,
			 "received_bytes", 2 * sent, "sent_packets", packets, "lost_packets", lost, "rtt_us", 10000,
			 "sent_bytes_last_second", second, "left_out", "");
}

static json_t *client_status(int sent, int lost, int forged)
{
	return json_pack("{s:s, s:s, s:s, s:[o, o], s:{s:i, s:i}}", "role", "client", "name", "tg0", "state", "connected", "paths",
			 path("eth0", 0, sent, sent / 100, lost, 300), path("wwan0", 1, 0, 0, 0, 100), "drops", "forged", forged, "short", 3);
}

static json_t *server_status(void)
{
	return json_pack("{s:s, s:s, s:[{s:s, s:s, s:[o]}, {s:b, s:n, s:s, s:[o]}], s:{}}", "role", "server", "name", "s", "sessions",
			 "client", "laptop", "handle", "1", "paths", path(NULL, 0, 100, 1, 0, 10), "anonymous", 1, "client", "handle", "2",
			 "paths", path(NULL, 0, 700, 7, 0, 0), "drops");
}

static double real(const json_t *list, size_t i, const char *field)
{
	return json_number_value(json_object_get(json_array_get(list, i), field));
}

static void shares_are_those_of_one_peer(void **state)
{
	json_t *status = client_status(1000, 0, 0), *list = path_list(status, NULL);
	char text[PATH_LIST_NAME_BYTES];

	(void)state;
	assert_int_equal(json_array_size(list), 2);
	assert_float_equal(real(list, 0, "share"), 0.75, 1e-9);
	assert_float_equal(real(list, 1, "share"), 0.25, 1e-9);
	assert_string_equal(path_list_share(json_array_get(list, 0), text), "75 %");
	assert_null(json_object_get(json_array_get(json_object_get(status, "paths"), 0), "share"));	/* copies */
	json_decref(list);
	json_decref(status);

	status = server_status();
	list = path_list(status, NULL);
	assert_float_equal(real(list, 0, "share"), 1, 1e-9);
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "share")));
	assert_string_equal(path_list_share(json_array_get(list, 1), text), "-");
	assert_string_equal(path_list_name(json_array_get(list, 1), text), "path 0");
	json_decref(list);
	json_decref(status);
}

static void paths_are_found_by_uplink_or_client(void **state)
{
	static const struct {
		bool server;
		const char *only;
		size_t found;
	} rows[] = { { false, "eth0", 1 }, { false, "eth1", 0 }, { true, "laptop", 1 }, { true, "(anonymous)", 1 }, { true, "eth0", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *status = rows[i].server ? server_status() : client_status(1, 0, 0), *list = path_list(status, rows[i].only);

		assert_int_equal(json_array_size(list), rows[i].found);
		json_decref(list);
		json_decref(status);
	}
}

/* Two sessions have paths of the same number. */
static void a_path_is_told_by_its_session_too(void **state)
{
	json_t *status = server_status(), *list = path_list(status, NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_ptr_equal(path_list_find(list, json_array_get(list, i)), json_array_get(list, i));
	json_decref(list);
	json_decref(status);
}

static void what_moved_is_per_second(void **state)
{
	json_t *before = client_status(1000, 1, 5), *now = client_status(6000, 3, 9), *view = monitor_view(now, before, SEC / 2), *paths;

	(void)state;
	paths = json_object_get(view, "paths");
	assert_int_equal(real(paths, 0, "sent_bytes_per_second"), 10000);
	assert_int_equal(real(paths, 0, "received_bytes_per_second"), 20000);
	assert_float_equal(real(paths, 0, "loss_ratio"), 2.0 / 50, 1e-9);
	assert_true(json_is_null(json_object_get(json_array_get(paths, 1), "loss_ratio")));	/* nothing was sent there */
	assert_int_equal(json_integer_value(json_object_get(view, "sent_bytes_per_second")), 10000);
	assert_int_equal(json_object_size(json_object_get(view, "drops")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(view, "drops"), "forged")), 4);
	json_decref(view);

	view = monitor_view(now, NULL, 0);
	assert_true(json_is_null(json_object_get(view, "sent_bytes_per_second")));
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(view, "paths"), 0), "sent_bytes_per_second")));
	assert_int_equal(json_object_size(json_object_get(view, "drops")), 0);
	json_decref(view);

	view = monitor_view(before, now, SEC);	/* the daemon was started anew: no rate is better than a huge one */
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(view, "paths"), 0), "sent_bytes_per_second")));
	json_decref(view);
	json_decref(before);
	json_decref(now);
}

/* They were invisible: a flood that dies in front of the sockets, an AF_XDP ring that runs over. */
static void drops_of_filter_and_af_xdp_count_as_well(void **state)
{
	json_t *before = client_status(0, 0, 5), *now = client_status(0, 0, 6), *view, *drops;

	(void)state;
	json_object_set_new(before, "filter_drops", json_pack("{s:i, s:i}", "forged", 0, "no_session", 7));
	json_object_set_new(now, "filter_drops", json_pack("{s:i, s:i}", "forged", 2, "no_session", 9));
	json_object_set_new(before, "tun_counters", json_pack("{s:i, s:i}", "read_bytes", 1, "drop_write", 0));
	json_object_set_new(now, "tun_counters", json_pack("{s:i, s:i}", "read_bytes", 9, "drop_write", 1));
	json_object_set_new(now, "uplinks", json_pack("[{s:{s:i, s:i}}, {s:{s:i, s:i}}, {}]", "af_xdp", "sent_frames", 9, "drop_ring_full", 3,
						      "af_xdp", "sent_frames", 9, "drop_ring_full", 4));
	view = monitor_view(now, before, SEC);
	drops = json_object_get(view, "drops");
	assert_int_equal(json_object_size(drops), 4);
	assert_int_equal(json_integer_value(json_object_get(drops, "forged")), 3);	/* 1 in the engine, 2 in the filter */
	assert_int_equal(json_integer_value(json_object_get(drops, "no_session")), 2);
	assert_int_equal(json_integer_value(json_object_get(drops, "drop_write")), 1);
	assert_int_equal(json_integer_value(json_object_get(drops, "drop_ring_full")), 7);
	json_decref(view);
	json_decref(before);
	json_decref(now);
}

static void a_picture_says_it_in_words(void **state)
{
	json_t *before = client_status(0, 0, 0), *now = client_status(1000000, 0, 2), *view = monitor_view(now, before, SEC);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	monitor_print(view, out);
	fclose(out);
	assert_non_null(strstr(text, "tg0: connected, sends 8.00 Mbit/s, receives 16.0 Mbit/s\n"));
	assert_non_null(strstr(text, "dropped: forged 2\n"));
	assert_non_null(strstr(text, "eth0"));
	assert_null(strstr(text, "CLIENT"));
	free(text);
	json_decref(view);
	json_decref(before);
	json_decref(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_what_stands_in_them),
		cmocka_unit_test(the_last_column_is_folded_on_a_terminal),
		cmocka_unit_test(in_a_pipe_a_row_is_a_line),
		cmocka_unit_test(colours_and_bytes_take_no_columns),
		cmocka_unit_test(a_path_has_one_capacity_loss_and_state),
		cmocka_unit_test(letters_count_not_bytes),
		cmocka_unit_test(a_table_without_rows_is_its_titles),
		cmocka_unit_test(shares_are_those_of_one_peer),
		cmocka_unit_test(paths_are_found_by_uplink_or_client),
		cmocka_unit_test(a_path_is_told_by_its_session_too),
		cmocka_unit_test(what_moved_is_per_second),
		cmocka_unit_test(drops_of_filter_and_af_xdp_count_as_well),
		cmocka_unit_test(a_picture_says_it_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
