// SPDX-License-Identifier: MIT
/* record_keeper.h - writes a client's flight record to a file when one of its paths fails
 *
 *   STATE_DIR/NAME/record-YYYYmmdd-HHMMSS.json (UTC), mode 0600; the newest five stay.
 *
 * A few seconds after the outage, so that what followed is in it; at most one a minute. All on the control thread.
 */
#ifndef TG_MANAGE_RECORD_KEEPER_H
#define TG_MANAGE_RECORD_KEEPER_H

#include "run/client.h"

struct record_keeper;
struct event_base;

#define RECORD_FILES 5u

/* NULL: no memory; the calls below then do nothing. */
struct record_keeper *record_keeper_new(struct client *c, struct event_base *base);

/* A path changed its state. */
void record_keeper_note(struct record_keeper *k, const struct tunnel_path_info *path, const char *why);

/* Writes what is still due, and ends. NULL is fine. */
void record_keeper_free(struct record_keeper *k);

/* The keeper's own parts, for whoever has a record already: writes it as a new file into dir (made when missing) and
 * removes all but the newest RECORD_FILES. path gets the file's. 0 or a negative errno. */
#define RECORD_PATH_BYTES 512
struct record_about;
int record_file_write(const char *dir, const struct recorder *r, const struct record_about *about,
		      char path[RECORD_PATH_BYTES]);

#endif
