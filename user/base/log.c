// SPDX-License-Identifier: MIT
/* log.c - one line per event, one write() per line; the last ones stay in a ring */
#include "base/log.h"

#include <pthread.h>
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

static const char *const area_names[LOG_AREAS] = {
#define AREA_NAME(id, name, help) name,
	LOG_AREA_LIST(AREA_NAME)
#undef AREA_NAME
};

static int max_levels[LOG_AREAS] = {
#define AREA_LEVEL(id, name, help) LOG_LEVEL_INFO,
	LOG_AREA_LIST(AREA_LEVEL)
#undef AREA_LEVEL
};

static struct {
	pthread_mutex_t lock;
	u64 last;			/* number of the newest line */
	struct log_kept lines[LOG_KEPT];	/* by number */
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER };

void log_set_area_level(enum log_area area, enum log_level level)
{
	__atomic_store_n(&max_levels[area], (int)level, __ATOMIC_RELAXED);
}

void log_set_level(enum log_level level)
{
	for (int i = 0; i < LOG_AREAS; i++)
		log_set_area_level((enum log_area)i, level);
}

enum log_level log_area_level(enum log_area area)
{
	return (enum log_level)__atomic_load_n(&max_levels[area], __ATOMIC_RELAXED);
}

int log_level_parse(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (!strcasecmp(name, levels[i].name))
			return i;
	return -1;
}

int log_area_parse(const char *name)
{
	for (int i = 0; i < LOG_AREAS; i++)
		if (!strcmp(name, area_names[i]))
			return i;
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level <= LOG_LEVEL_DEBUG ? levels[level].name : "?";
}

const char *log_area_name(enum log_area area)
{
	return (unsigned)area < LOG_AREAS ? area_names[area] : "?";
}

/* ---- the ring ---- */

static void keep(enum log_area area, enum log_level level, const struct timespec *now, const char *text, size_t len)
{
	struct log_kept *k;

	len = MIN(len, LOG_TEXT_BYTES - 1u);
	pthread_mutex_lock(&ring.lock);
	k = &ring.lines[++ring.last % LOG_KEPT];
	k->number = ring.last;
	k->time_ms = (u64)now->tv_sec * 1000 + (u64)now->tv_nsec / 1000000;
	k->level = level;
	k->area = area;
	memcpy(k->text, text, len);
	k->text[len] = '\0';
	pthread_mutex_unlock(&ring.lock);
}

u32 log_read(u64 after, struct log_kept *out, u32 max)
{
	u64 first;
	u32 n = 0;

	pthread_mutex_lock(&ring.lock);
	max = (u32)MIN((u64)MIN(max, LOG_KEPT), ring.last);
	first = MAX(after, ring.last - max) + 1;
	for (u64 number = first; number <= ring.last; number++)
		out[n++] = ring.lines[number % LOG_KEPT];
	pthread_mutex_unlock(&ring.lock);
	return n;
}

u64 log_last(void)
{
	u64 last;

	pthread_mutex_lock(&ring.lock);
	last = ring.last;
	pthread_mutex_unlock(&ring.lock);
	return last;
}

/* ---- lines ---- */

static size_t write_prefix(char *line, enum log_level level, const struct timespec *now)
{
	struct tm tm;

	if (getenv("JOURNAL_STREAM"))
		return (size_t)snprintf(line, LINE_BYTES, "<%d>", levels[level].syslog_priority);

	localtime_r(&now->tv_sec, &tm);
	return (size_t)snprintf(line, LINE_BYTES, "%02d:%02d:%02d.%03ld %s: ", tm.tm_hour,
				tm.tm_min, tm.tm_sec, now->tv_nsec / 1000000, levels[level].name);
}

void log_write(enum log_area area, enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	struct timespec now;
	va_list args;
	size_t used, prefix;
	int n;

	if (level > log_area_level(area))
		return;

	clock_gettime(CLOCK_REALTIME, &now);
	used = prefix = write_prefix(line, level, &now);
	va_start(args, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	used += (size_t)n;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	keep(area, level, &now, line + prefix, used - prefix);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;		/* nobody left to tell */
}
