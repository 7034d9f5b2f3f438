// SPDX-License-Identifier: MIT
/* log_test.c - levels by area, and the lines that are kept */
#define LOG_AREA LOG_AREA_UPLINKS

#include "unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/log.h"
#include "manage/log_control.h"

static struct log_kept kept[LOG_KEPT];

/* What is logged need not be seen among the tests' output. */
static int quiet(void **state)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	log_set_level(LOG_LEVEL_INFO);
	return dup2(null, STDERR_FILENO) < 0 || close(null);
}

static u64 last(void)
{
	u32 n = log_read(0, kept, LOG_KEPT);

	return n ? kept[n - 1].number : 0;
}

static void names_and_values_agree(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_AREAS; i++)
		assert_int_equal(log_area_parse(log_area_name((enum log_area)i)), i);
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		assert_int_equal(log_level_parse(log_level_name((enum log_level)i)), i);
	assert_int_equal(log_area_parse("nothing"), -1);
	assert_int_equal(log_level_parse("loud"), -1);
}

static void a_level_holds_for_its_area(void **state)
{
	u64 before = last();

	(void)state;
	log_set_area_level(LOG_AREA_UPLINKS, LOG_LEVEL_DEBUG);
	log_debug("this file's area");
	log_write(LOG_AREA_HOST, LOG_LEVEL_DEBUG, "another one");
	assert_int_equal(log_read(before, kept, LOG_KEPT), 1);
	assert_string_equal(kept[0].text, "this file's area");
	assert_int_equal(kept[0].area, LOG_AREA_UPLINKS);
	assert_int_equal(kept[0].level, LOG_LEVEL_DEBUG);
	assert_true(kept[0].time_ms > 1600000000000);

	log_set_level(LOG_LEVEL_ERROR);
	log_warn("not now");
	log_error("but this");
	assert_int_equal(log_read(before + 1, kept, LOG_KEPT), 1);
	assert_string_equal(kept[0].text, "but this");
	log_set_level(LOG_LEVEL_INFO);
}

static void the_newest_lines_are_kept_in_order(void **state)
{
	u64 before = last();
	u32 n;

	(void)state;
	for (u32 i = 0; i < 3 * LOG_KEPT + 5; i++)
		log_info("line %u", i);
	n = log_read(before, kept, LOG_KEPT);
	assert_int_equal(n, LOG_KEPT);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(kept[i].number, before + 2 * LOG_KEPT + 6 + i);
	assert_string_equal(kept[n - 1].text, "line 772");

	assert_int_equal(log_read(0, kept, 3), 3);		/* the newest of them */
	assert_string_equal(kept[0].text, "line 770");
	assert_int_equal(log_read(last(), kept, LOG_KEPT), 0);
	assert_int_equal(log_read(UINT64_MAX - 1, kept, LOG_KEPT), 0);
	assert_int_equal(log_read(0, kept, 0), 0);
}

static void a_long_line_is_cut(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_int_equal(log_read(0, kept, 1), 1);
	assert_int_equal(strlen(kept[0].text), LOG_TEXT_BYTES - 1);
}

/* ---- over the control socket ---- */

static int ask(int (*command)(void *, const json_t *, json_t *, char *), const char *request, json_t **answer)
{
	json_t *asked = json_loads(request, 0, NULL);
	char error[RUN_ERROR_BYTES] = "";
	int err;

	*answer = json_object();
	err = command(NULL, asked, *answer, error);
	assert_int_equal(err != 0, error[0] != '\0');
	json_decref(asked);
	return err;
}

static const char *level_of(const char *area)
{
	static char text[16];
	json_t *answer;

	ask(log_control_level, "{}", &answer);
	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(json_object_get(answer, "levels"), area)));
	json_decref(answer);
	return text;
}

static void levels_are_asked_and_set(void **state)
{
	static const struct {
		const char *request;
		int err;
		const char *host, *control;
	} rows[] = {
		{ "{}", 0, "info", "info" },
		{ "{\"level\": \"debug\", \"area\": \"host\"}", 0, "debug", "info" },
		{ "{\"level\": \"warn\"}", 0, "warn", "warn" },
		{ "{\"level\": \"loud\"}", -EINVAL, "warn", "warn" },
		{ "{\"level\": 3}", -EINVAL, "warn", "warn" },
		{ "{\"level\": \"debug\", \"area\": \"nothing\"}", -EINVAL, "warn", "warn" },
		{ "{\"level\": \"debug\", \"area\": 7}", -EINVAL, "warn", "warn" },
		{ "{\"area\": \"host\"}", 0, "warn", "warn" },
		{ "{\"level\": \"info\"}", 0, "info", "info" },
	};
	json_t *answer;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (ask(log_control_level, rows[i].request, &answer) != rows[i].err)
			fail_msg("%s", rows[i].request);
		json_decref(answer);
		assert_string_equal(level_of("host"), rows[i].host);
		assert_string_equal(level_of("control"), rows[i].control);
	}
}

static void lines_are_read(void **state)
{
	u64 before = last();
	json_t *answer, *lines;
	char request[64];

	(void)state;
	log_info("one");
	log_warn("two \xff");	/* no UTF-8 */
	snprintf(request, sizeof(request), "{\"after\": %llu}", (unsigned long long)before);
	assert_int_equal(ask(log_control_read, request, &answer), 0);
	lines = json_object_get(answer, "lines");
	assert_int_equal(json_array_size(lines), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 0), "text")), "one");
	assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 0), "area")), "uplinks");
	assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 1), "level")), "warn");
	assert_string_equal(json_string_value(json_object_get(json_array_get(lines, 1), "text")), "(not UTF-8)");
	assert_int_equal(json_integer_value(json_object_get(answer, "last")), before + 2);
	json_decref(answer);

	assert_int_equal(ask(log_control_read, "{\"after\": -1}", &answer), -EINVAL);
	json_decref(answer);
	assert_int_equal(ask(log_control_read, "{\"max\": 257}", &answer), -EINVAL);
	json_decref(answer);
	assert_int_equal(ask(log_control_read, "{\"after\": 9000000000}", &answer), 0);	/* of a daemon before this one */
	assert_int_equal(json_array_size(json_object_get(answer, "lines")), 0);
	assert_int_equal(json_integer_value(json_object_get(answer, "last")), last());	/* so who follows sees that it was started anew */
	json_decref(answer);
}

static void *write_lines(void *arg)
{
	for (int i = 0; i < 2000; i++)
		log_info("%s %d", (const char *)arg, i);
	return NULL;
}

/* Lines of several threads stay whole, and their numbers go on without a hole. */
static void threads_may_log_at_once(void **state)
{
	pthread_t threads[3];
	u32 n;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)(i % 2 ? "aaaaaaaaaaaaaaaaaaaaaaaa" : "bbbb")), 0);
	for (int k = 0; k < 200; k++) {
		n = log_read(0, kept, LOG_KEPT);
		for (u32 i = 1; i < n; i++) {
			assert_int_equal(kept[i].number, kept[i - 1].number + 1);
			assert_true(strlen(kept[i].text) > 0);
		}
	}
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_values_agree),
		cmocka_unit_test(a_level_holds_for_its_area),
		cmocka_unit_test(the_newest_lines_are_kept_in_order),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(levels_are_asked_and_set),
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(threads_may_log_at_once),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
