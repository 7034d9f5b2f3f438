// SPDX-License-Identifier: MIT
/* log_control.c - the control socket's commands "log level" and "log read" */
#define LOG_AREA LOG_AREA_CONTROL

#include "manage/log_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "manage/control.h"

char *log_area_names(char out[LOG_AREA_TEXT_BYTES])
{
	size_t used = 0;

	for (int i = 0; i < LOG_AREAS && used < LOG_AREA_TEXT_BYTES; i++)
		used += (size_t)snprintf(out + used, LOG_AREA_TEXT_BYTES - used, "%s%s", i ? ", " : "", log_area_name((enum log_area)i));
	return out;
}

static json_t *levels(void)
{
	json_t *out = json_object();

	for (int i = 0; i < LOG_AREAS; i++)
		json_object_set_new(out, log_area_name((enum log_area)i), json_string(log_level_name(log_area_level((enum log_area)i))));
	return out;
}

/* The line about it is written while the level that allows more still holds. */
static void set(int level, int area)
{
	const char *name = log_level_name((enum log_level)level), *where = area < 0 ? "all areas" : log_area_name((enum log_area)area);
	bool quieter = level < LOG_LEVEL_INFO;

	if (quieter)
		log_info("log level of %s: %s, by the control socket", where, name);
	if (area < 0)
		log_set_level((enum log_level)level);
	else
		log_set_area_level((enum log_area)area, (enum log_level)level);
	if (!quieter)
		log_info("log level of %s: %s, by the control socket", where, name);
}

int log_control_level(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	const char *level_name = control_text(request, "level"), *area_name = control_text(request, "area");
	int level = level_name ? log_level_parse(level_name) : -1, area = area_name ? log_area_parse(area_name) : -1;
	char names[LOG_AREA_TEXT_BYTES];

	(void)ctx;
	if (json_object_get(request, "level") && level < 0) {
		snprintf(error, RUN_ERROR_BYTES, "\"level\" is " LOG_EXPECTS_LEVEL);
		return -EINVAL;
	}
	if (json_object_get(request, "area") && area < 0) {
		snprintf(error, RUN_ERROR_BYTES, "\"area\" is one of %s", log_area_names(names));
		return -EINVAL;
	}
	if (level >= 0)
		set(level, area);
	json_object_set_new(answer, "levels", levels());
	return 0;
}

/* What is no UTF-8 (cut in the middle of a letter, an odd interface name) may not make a document that nobody reads. */
static json_t *line(const struct log_kept *k)
{
	json_t *text = json_string(k->text);

	return json_pack("{s:I, s:I, s:s, s:s, s:o}", "number", (json_int_t)k->number, "time_ms", (json_int_t)k->time_ms, "level",
			 log_level_name(k->level), "area", log_area_name(k->area), "text", text ? text : json_string("(not UTF-8)"));
}

int log_control_read(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES])
{
	json_int_t after = control_number(request, "after", 0, INT64_MAX), max = control_number(request, "max", LOG_KEPT, LOG_KEPT);
	struct log_kept *kept;
	json_t *lines;
	u64 last;
	u32 n;

	(void)ctx;
	if (after < 0 || max < 0) {
		snprintf(error, RUN_ERROR_BYTES, "\"after\" is the number of a line, \"max\" a whole number to %u", LOG_KEPT);
		return -EINVAL;
	}
	kept = malloc(LOG_KEPT * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	lines = json_array();
	last = log_last();	/* before: what is written meanwhile is read next time */
	n = log_read((u64)after, kept, (u32)max);
	for (u32 i = 0; i < n; i++)
		json_array_append_new(lines, line(&kept[i]));
	json_object_set_new(answer, "last", json_integer((json_int_t)(n ? kept[n - 1].number : last)));
	json_object_set_new(answer, "lines", lines);
	free(kept);
	return 0;
}
