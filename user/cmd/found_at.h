// SPDX-License-Identifier: MIT
/* found_at.h - where a server is found, told by the server to the commands that make keys for it
 *
 * A server started with --listen or --address tells both in its status, and leaves them in
 * STATE_DIR/addresses, so that `client add` need not be told again.
 */
#ifndef TG_CMD_FOUND_AT_H
#define TG_CMD_FOUND_AT_H

#include <jansson.h>

#include "manage/settings.h"

#define FOUND_AT_FILE "addresses"

/* What this server says: public_key, address, listen (as set), tcp_port. NULL: no memory. */
json_t *found_at_report(const struct settings *s, const u8 secret[32]);

/* Leaves it in the state directory, in place of what an earlier start left. 0 or negative errno. */
int found_at_store(const struct settings *s, const json_t *report);

/* Where neither --address nor --listen was said, by flag or file: takes both from the running
 * server with this secret (s->name, or any of s->runtime_dir), else from what its last start
 * left. Without either s stays as it is. */
void found_at_learn(struct settings *s, const u8 secret[32]);

#endif
