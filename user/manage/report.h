// SPDX-License-Identifier: MIT
/* report.h - snapshots and accounts as JSON, the form in which they leave the daemon
 *
 * Names are stable and carry their units. All return a new object, NULL when there is no memory.
 * Times that never happened are null.
 */
#ifndef TG_MANAGE_REPORT_H
#define TG_MANAGE_REPORT_H

#include <jansson.h>

#include "run/snapshot.h"
#include "server/accounts.h"

json_t *report_client(const struct client_snapshot *s);

/* accounts gives sessions their names; NULL: none known. */
json_t *report_server(const struct server_snapshot *s, struct accounts *accounts);

/* What is counted and nothing else, under the names of report_client() and report_server(); "af_xdp" is the sum over all uplinks or interfaces. */
json_t *report_counts(const struct daemon_counts *c);

/* What a session carried, what waits, what repair and reordering did. */
json_t *report_session(const struct tunnel_session_info *s);

/* The uplinks of a client, each with its path when there is one. */
json_t *report_uplinks(const struct client_snapshot *s);

/* [{"name": ..., "id": ..., "revoked": ...}, ...] */
json_t *report_account(const struct account *account);
json_t *report_accounts(struct accounts *accounts);

#define REPORT_ID_BYTES 17
/* A client id as 16 hexadecimal letters; returns out. */
char *report_id(const u8 id[8], char out[REPORT_ID_BYTES]);

#endif
