// SPDX-License-Identifier: MIT
/* log.c - one line per event, one write() per line */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024

static const struct {
	const char *name;
	int syslog_priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	__atomic_store_n(&max_level, level, __ATOMIC_RELAXED);
}

int log_level_parse(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (!strcasecmp(name, levels[i].name))
			return i;
	return -1;
}

static size_t write_prefix(char *line, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, LINE_BYTES, "<%d>", levels[level].syslog_priority);

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	return (size_t)snprintf(line, LINE_BYTES, "%02d:%02d:%02d.%03ld %s: ", tm.tm_hour,
				tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, levels[level].name);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list args;
	size_t used;
	int n;

	if (level > __atomic_load_n(&max_level, __ATOMIC_RELAXED))
		return;

	used = write_prefix(line, level);
	va_start(args, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	used += (size_t)n;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;		/* nobody left to tell */
}
