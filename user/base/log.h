// SPDX-License-Identifier: MIT
/* log.h - one line per event, to standard error (or the journal behind it)
 *
 * Each file that logs belongs to an area: #define LOG_AREA before the includes; without it is "daemon". What is written can be
 * changed area by area while the daemon runs. The last lines are kept in memory too, for who asks over the control socket.
 */
#ifndef TG_BASE_LOG_H
#define TG_BASE_LOG_H

#include "base/types.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Area, what it is about. */
#define LOG_AREA_LIST(X) \
	X(DAEMON, "daemon", "start, end, and what belongs nowhere else") \
	X(SESSIONS, "sessions", "clients, servers, states of paths") \
	X(UPLINKS, "uplinks", "interfaces, their sockets, quotas, TCP beside UDP") \
	X(HOST, "host", "devices, routes, firewall, name servers") \
	X(CONTROL, "control", "what people asked for; configuration, accounts, records") \
	X(DATAPATH, "datapath", "programs in the kernel, AF_XDP, queues")

enum log_area {
#define LOG_AREA_ENUM(id, name, help) LOG_AREA_##id,
	LOG_AREA_LIST(LOG_AREA_ENUM)
#undef LOG_AREA_ENUM
	LOG_AREAS
};

#ifndef LOG_AREA
#define LOG_AREA LOG_AREA_DAEMON
#endif

/* Lines above this level are not written, and not kept. Default LOG_LEVEL_INFO. Any thread. */
void log_set_level(enum log_level level);	/* of all areas */
void log_set_area_level(enum log_area area, enum log_level level);
enum log_level log_area_level(enum log_area area);

/* "error", "warn", "info", "debug" to a level; "uplinks" and the like to an area; -1 when unknown. */
int log_level_parse(const char *name);
int log_area_parse(const char *name);
const char *log_level_name(enum log_level level);
const char *log_area_name(enum log_area area);

/* Writes one line in one system call, without allocating. Under systemd (JOURNAL_STREAM
 * set) it opens with the syslog priority, else with the time of day. Any thread. */
void log_write(enum log_area area, enum log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_line(level, ...) log_write(LOG_AREA, level, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#define LOG_KEPT 256u		/* lines in memory */
#define LOG_TEXT_BYTES 264	/* of each, longer ones are cut there */

struct log_kept {
	u64 number;		/* 1, 2, ... since the start */
	u64 time_ms;		/* wall clock */
	enum log_level level;
	enum log_area area;
	char text[LOG_TEXT_BYTES];
};

/* Copies the lines whose number is above `after`, the newest `max` of them, oldest first. Returns how many. Any thread. */
u32 log_read(u64 after, struct log_kept *out, u32 max);

u64 log_last(void);	/* number of the newest line; 0: there is none. Any thread */

#endif
