// SPDX-License-Identifier: MIT
/* log.c - triglav-ctl log: what a running daemon logs, and how much of it */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "cmd/fields.h"
#include "cmd/look.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "manage/log_control.h"

#define LOOK_EVERY_US (200 * MSEC)
#define LEVELS "levels"		/* the word that asks for them */

static struct look asked = LOOK_INIT;
static bool follow;
static u32 lines = 20;
static char area[16];

static const struct cmd_flag flags[] = {
	CMD_FLAG_TEXT("area", 0, "A", area, "only this one: daemon, sessions, uplinks, host, control, datapath"),
	{ .flag = "follow", .letter = 'f', .help = "go on with each new line; Ctrl-C ends", .slot = { .type = VALUE_BOOL, .place = &follow } },
	{ .flag = "lines", .metavar = "N", .help = "the last N of those that are kept (20)",
	  .slot = { .type = VALUE_COUNT, .min = 0, .max = LOG_KEPT, .place = &lines } },
	LOOK_FLAGS(asked, "JSON, with --follow an object a line"),
	{ .flag = NULL },
};

/* ---- levels ---- */

static const char *about(const char *name)
{
	static const char *const helps[] = {
#define HELP(id, name_, help) help,
		LOG_AREA_LIST(HELP)
	};
	int which = log_area_parse(name);

	return which < 0 ? "" : helps[which];	/* of another version */
}

static void print_levels(const json_t *levels)
{
	static const char *const titles[] = { "AREA", "LEVEL", "WHAT IT IS ABOUT", NULL };
	struct table *t = table_new(titles);
	const char *name;
	json_t *level;

	json_object_foreach((json_t *)levels, name, level) {
		table_put(t, "%s", name);
		table_put(t, "%s", json_string_value(level));
		table_put(t, "%s", about(name));
	}
	table_print(t, stdout);
}

/* level NULL: only asks. */
static int levels(const char *level, bool quiet)
{
	json_t *answer;
	int code = look_ask(&asked, json_pack("{s:s, s:s*, s:s*}", "command", "log level", "level", level, "area",
					      level && area[0] ? area : NULL), &answer);

	if (code)
		return code;
	if (asked.json && !quiet)
		cmd_print_json(answer);
	else if (!quiet)
		print_levels(json_object_get(answer, "levels"));
	json_decref(answer);
	return CMD_OK;
}

/* ---- lines ---- */

static enum text_colour colour_of(const char *level)
{
	return !strcmp(level, "error") ? TEXT_BAD : !strcmp(level, "warn") ? TEXT_WARN : !strcmp(level, "debug") ? TEXT_DIM : TEXT_PLAIN;
}

static void print_line(const json_t *line)
{
	const char *level = field_text(line, "level");
	u64 ms = field_number(line, "time_ms");
	time_t seconds = (time_t)(ms / 1000);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%03u %s%-5s%s %-8s %s\n", clock, (unsigned)(ms % 1000), text_colour(colour_of(level)), level,
	       text_colour(TEXT_PLAIN), field_text(line, "area"), field_text(line, "text"));
}

static bool is_wanted(const json_t *line)
{
	return !area[0] || !strcmp(field_text(line, "area"), area);
}

static void show(const json_t *line)
{
	if (asked.json) {
		json_dumpf(line, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		print_line(line);
	}
}

/* An area's lines are chosen here, so all that are kept are asked for, and the last N of the area shown. */
static json_t *last_of(const json_t *all, u32 most)
{
	json_t *chosen = json_array(), *line;
	size_t i;

	json_array_foreach(all, i, line)
		if (is_wanted(line))
			json_array_append(chosen, line);
	while (json_array_size(chosen) > most)
		json_array_remove(chosen, 0);
	return chosen;
}

static int look(u64 after, json_t **answer)
{
	return look_ask(&asked, json_pack("{s:s, s:I}", "command", "log read", "after", (json_int_t)after), answer);
}

static int follow_from(u64 last)
{
	int code = CMD_OK;

	while (!live_interrupted() && !ferror(stdout)) {
		json_t *answer, *line;
		size_t i;

		live_wait(LOOK_EVERY_US);
		if (live_interrupted())
			break;
		code = look(last, &answer);
		if (code)
			break;
		if (field_number(answer, "last") < last) {
			fprintf(stderr, "%s: the daemon was started anew\n", cmd_program);
			last = 0;	/* and its lines are counted from 1 */
			json_decref(answer);
			continue;
		}
		line = json_array_get(json_object_get(answer, "lines"), 0);
		if (line && last && field_number(line, "number") > last + 1)
			fprintf(stderr, "%s: %llu lines came too fast to be kept\n", cmd_program,
				(unsigned long long)(field_number(line, "number") - last - 1));
		json_array_foreach(json_object_get(answer, "lines"), i, line)
			if (is_wanted(line))
				show(line);
		last = field_number(answer, "last");
		json_decref(answer);
		fflush(stdout);
	}
	return live_interrupted() ? CMD_OK : code;
}

static int show_lines(void)
{
	json_t *answer, *chosen, *line;
	u64 last;
	size_t i;
	int code;

	live_begin();
	code = look(0, &answer);
	if (code)
		return code;
	chosen = last_of(json_object_get(answer, "lines"), lines);
	if (asked.json && !follow)
		cmd_print_json(chosen);
	else
		json_array_foreach(chosen, i, line)
			show(line);
	last = field_number(answer, "last");
	json_decref(chosen);
	json_decref(answer);
	fflush(stdout);
	return follow ? follow_from(last) : CMD_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	char names[LOG_AREA_TEXT_BYTES], *word = NULL;
	int code;

	if (cmd_parse(command, argc, argv, NULL, &word, 1, &code) < 0)
		return code;
	if (area[0] && log_area_parse(area) < 0)
		return cmd_fail(CMD_USAGE, "--area: expected one of %s, found \"%s\"", log_area_names(names), area);
	if (!word)
		return show_lines();
	if (!strcmp(word, LEVELS))
		return levels(NULL, false);
	if (log_level_parse(word) < 0)
		return cmd_fail(CMD_USAGE, "\"%.40s\": expected " LOG_EXPECTS_LEVEL ", or " LEVELS, word);
	code = levels(word, follow);
	return code || !follow ? code : show_lines();
}

const struct command cmd_log = {
	.name = "log",
	.words = "[error | warn | info | debug | " LEVELS "]",
	.summary = "what is logged: the last lines, new ones; a level changes how much",
	.example = "  triglav-ctl log -f\n  triglav-ctl log debug --area uplinks",
	.flags = flags,
	.run = run,
};
