/* SPDX-License-Identifier: MIT */
/* why_report.h - the control socket's command "why": {"flow": "tcp A:P B:Q"} */
#ifndef TG_MANAGE_WHY_REPORT_H
#define TG_MANAGE_WHY_REPORT_H

#include <jansson.h>

#include "run/client.h"
#include "run/server.h"

#define WHY_FLOWS 4u		/* of one question */

/* Asks the engine. -ENOENT: the flow belongs to no session. */
typedef int (*why_asker)(void *daemon, const struct tg_flow *flow, struct tunnel_why *out);

/* Tells where it goes. */
typedef void (*why_way)(void *daemon, const struct tg_flow *flow, struct run_way *out);

/* Fills answer with "flows": one for each that fits what was asked. `own_sockets`: where something was left out, it may be found among
 * this host's sockets. */
int why_answer(why_asker ask, why_way way, void *daemon, bool own_sockets, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);

#endif
