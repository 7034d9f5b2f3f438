/* SPDX-License-Identifier: MIT */
/* path_list.h - the paths in a status of a client or a server, one after the other, with what moves on them now */
#ifndef TG_CMD_PATH_LIST_H
#define TG_CMD_PATH_LIST_H

#include <jansson.h>

#include "base/types.h"

/* A new list of copies of all paths. Those of a server have a member "client" (a name, "(anonymous)" or an id) and "handle" more. All
 * have "share": of the bytes that this end sent to the same peer within the last second, 0 to 1; null when it sent none. Only paths
 * whose uplink or client is called `only` (NULL: all). */
json_t *path_list(const json_t *status, const char *only);

/* The name people know a session by, of an answer of a server. */
const char *path_list_client(const json_t *session);

/* The path of the list that is the same one as `path`; NULL: it is not in there. */
const json_t *path_list_find(const json_t *list, const json_t *path);

/* What a growing member gained per second between the two; -1: not known. */
double path_list_rate(const json_t *now, const json_t *before, const char *field, u64 apart_us);

#define PATH_LIST_NAME_BYTES 32

/* "up1", "path 2" for those of a server. Returns out. */
char *path_list_name(const json_t *path, char out[PATH_LIST_NAME_BYTES]);

/* The same words and values of a path in every table. Its estimated capacity, "unknown" until something was measured; its loss, "-" while it is not
 * up, as what is not sent is not lost; its state, with what it is kept for: "up, metered". Return out. */
char *path_list_capacity(const json_t *path, char out[PATH_LIST_NAME_BYTES]);
char *path_list_loss(const json_t *path, char out[PATH_LIST_NAME_BYTES]);
char *path_list_state(const json_t *path, char out[PATH_LIST_NAME_BYTES]);

/* "69 %", or "-". */
char *path_list_share(const json_t *path, char out[PATH_LIST_NAME_BYTES]);

#endif
