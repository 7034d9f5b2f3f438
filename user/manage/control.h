// SPDX-License-Identifier: MIT
/* control.h - the control socket: one line of JSON asks, one line of JSON answers
 *
 * RUNTIME_DIR/NAME.sock, a stream socket of mode 0660 that belongs to group `triglav` where
 * there is one, else to root. A request is an object with "command"; an answer has "ok", and
 * with false an "error" for people and the exit "code" of the command line. A connection may ask
 * many times. Bounded: line length, connections, time.
 */
#ifndef TG_MANAGE_CONTROL_H
#define TG_MANAGE_CONTROL_H

#include <stdio.h>

#include <jansson.h>

#include "run/settings.h"

#define CONTROL_GROUP "triglav"
#define CONTROL_WHO_MAY "; run with sudo, or join the group " CONTROL_GROUP " (and log in again)"
#define CONTROL_MAX_REQUEST 65536u	/* bytes of a line */
#define CONTROL_MAX_ANSWER (64u << 20)
#define CONTROL_MAX_CONNECTIONS 16u
#define CONTROL_IDLE_SECONDS 30
#define CONTROL_PATH_BYTES 108		/* of a UNIX socket */

struct control;
struct event_base;

struct control_command {
	const char *name;
	/* Fills answer (an empty object that gets "ok": true afterwards). 0, or a negative errno
	 * with a sentence in error. */
	int (*run)(void *ctx, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);
	/* In place of run, where the answer is too long to be built as a tree: prints its members, without braces. */
	int (*print)(void *ctx, const json_t *request, FILE *out, char error[RUN_ERROR_BYTES]);
};

/* Daemon: listens. The instance's lock is held, so a socket file that is there is a dead one.
 * `commands` ends with a NULL name. Handlers run on base's thread. 0 or negative errno with
 * error. */
int control_open(struct control **out, struct event_base *base, const char *runtime_dir, const char *name,
		 const struct control_command *commands, void *ctx, char error[RUN_ERROR_BYTES]);
void control_close(struct control *c);	/* removes the socket file; NULL is fine */

/* What a handler's line is made of, without the socket: reads a request, runs it, returns the answer as
 * one line without its end, for the caller to free() (NULL: no memory). */
char *control_answer(const struct control_command *commands, void *ctx, const char *line, size_t len);

/* Fields of a request. text: NULL when it is not there or is no text. number: fallback when it
 * is not there, -1 when it is no whole number from 0 to max. */
const char *control_text(const json_t *request, const char *field);
json_int_t control_number(const json_t *request, const char *field, json_int_t fallback, json_int_t max);

/* Command line: asks a daemon and waits at most 10 s. 0 with *answer (the caller's, "ok" true);
 * -ENOENT: none runs (error says which names do); -EACCES: not permitted; -EPROTO and others.
 * When the daemon itself says no: -EREMOTEIO with its sentence in error, and *code. */
int control_request(const char *runtime_dir, const char *name, const json_t *request, json_t **answer, int *code,
		    char error[RUN_ERROR_BYTES]);

/* The instances with a socket in runtime_dir: at most `max` names. Returns how many there are,
 * or a negative errno. */
int control_instances(const char *runtime_dir, char names[][RUN_NAME_BYTES], u32 max);

/* Path of the socket. -ENAMETOOLONG. */
int control_path(const char *runtime_dir, const char *name, char path[CONTROL_PATH_BYTES]);

#endif
