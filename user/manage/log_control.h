/* SPDX-License-Identifier: MIT */
/* log_control.h - the control socket's commands "log level" and "log read", of client and server alike
 *
 *   {"command": "log level", "level": "debug", "area": "uplinks"}   both may be left out: no level, nothing changes; no area, all of them
 *     -> {"levels": {"daemon": "info", "uplinks": "debug", ...}}
 *   {"command": "log read", "after": 0, "max": 256}                 the newest lines with a higher number, oldest first
 *     -> {"last": 17, "lines": [{"number": 17, "time_ms": ..., "level": "info", "area": "uplinks", "text": "..."}]}
 */
#ifndef TG_MANAGE_LOG_CONTROL_H
#define TG_MANAGE_LOG_CONTROL_H

#include <jansson.h>

#include "run/settings.h"

#define LOG_EXPECTS_LEVEL "error, warn, info or debug"

int log_control_level(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);
int log_control_read(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);

/* "daemon, sessions, ..." into out, which it returns. */
#define LOG_AREA_TEXT_BYTES 128
char *log_area_names(char out[LOG_AREA_TEXT_BYTES]);

#endif
