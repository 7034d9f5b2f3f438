// SPDX-License-Identifier: MIT
/* status_table.h - what `status` and `uplink list` show to people */
#ifndef TG_CMD_STATUS_TABLE_H
#define TG_CMD_STATUS_TABLE_H

#include <jansson.h>

#include "base/types.h"

/* The answer of a client or a server to "status". `before` is the one before, `apart_us`
 * earlier, or NULL: with it there are columns for what moves now. */
void status_print(const json_t *now, const json_t *before, u64 apart_us, bool detailed);

/* The "uplinks" of a client: one line each; or several, when `detailed` is the congestion control they are under. */
void status_print_uplinks(const json_t *uplinks, const json_t *before, u64 apart_us, const char *detailed);

/* What waits in a session, and what repair and reordering did; null is fine. */
void status_print_session(const json_t *session);

#endif
