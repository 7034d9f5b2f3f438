/* SPDX-License-Identifier: MIT */
/* flows_report.h - the control socket's command "flows"
 *
 * Asked: {"top": 20, "sort": "rate", "idle_us": 10000000, "protocol": "tcp", "end": "198.51.100.2:443", "client": "laptop"}, of which
 * everything may be left out. Answered:
 *
 *   {"live": 31, "matched": 4, "replaced": 0, "sort": "rate", "flows": [{"client": (server), "protocol": "tcp", "from": "10.0.85.2:43210",
 *    "to": "198.51.100.2:443", "class": "bulk", "striped": true, "path": null, "path_id": null, "dscp": 0, "sent_packets": ...,
 *    "sent_bytes", "received_packets", "received_bytes", "sent_bytes_per_second", "received_bytes_per_second", "age_us", "idle_us",
 *    "waiting_packets", "waiting_bytes"}, ...]}
 *
 * From and to are as packets leave this end, so is sent. A class is "bulk", "sparse", "straight" (one open path, no queue), "unseen" (it only
 * receives, or was not queued lately), or null when its session is gone.
 */
#ifndef TG_MANAGE_FLOWS_REPORT_H
#define TG_MANAGE_FLOWS_REPORT_H

#include <jansson.h>

#include "run/flows.h"
#include "server/accounts.h"

#define FLOWS_END_EXPECTS "an address, a network, a port or both of either end: 198.51.100.2, 10.0.0.0/8, :443, 198.51.100.2:443"
#define FLOWS_TOP 20u		/* when it is not said how many */
#define FLOWS_IDLE_US (10 * SEC)

typedef int (*flows_asker)(void *daemon, const struct run_flows_query *query, struct run_flows *out);

/* Reads the request, asks, fills answer. accounts: a server's, for names; NULL: a client. */
int flows_answer(flows_asker ask, void *daemon, struct accounts *accounts, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);

/* "tcp", "udp", "icmp", or a number as text, into out. */
#define FLOWS_PROTOCOL_BYTES 8
const char *flows_protocol_name(u8 protocol, char out[FLOWS_PROTOCOL_BYTES]);

/* The reverse. 0, or -EINVAL. */
int flows_parse_protocol(const char *text, u8 *protocol);

/* What FLOWS_END_EXPECTS says. 0 or -EINVAL. */
int flows_parse_end(const char *text, struct prefix *end, u16 *port);

#endif
