// SPDX-License-Identifier: MIT
/* key_source.h - where a client's key string comes from
 *
 * The first of: the word on the command line ("-": standard input), --key-file, $TRIGLAV_KEY,
 * the systemd credential "key", the configuration file.
 */
#ifndef TG_CMD_KEY_SOURCE_H
#define TG_CMD_KEY_SOURCE_H

#include "crypto/keys.h"
#include "manage/settings.h"

#define KEY_SOURCE_ENV "TRIGLAV_KEY"

/* Finds, reads and parses it. The word, which points into argv, and the variable are
 * overwritten: others could read them in ps and /proc. CMD_OK, or said. */
int key_source_read(struct settings *s, char *word, struct key_string *k);

#endif
