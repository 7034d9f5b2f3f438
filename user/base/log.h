// SPDX-License-Identifier: MIT
/* log.h - one line per event, to standard error (or the journal behind it) */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are not written. Default LOG_LEVEL_INFO. Any thread. */
void log_set_level(enum log_level level);

/* "error", "warn", "info", "debug" to a level; -1 when unknown. */
int log_level_parse(const char *name);

/* Writes one line in one system call, without allocating. Under systemd (JOURNAL_STREAM
 * set) it opens with the syslog priority, else with the time of day. Any thread. */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
