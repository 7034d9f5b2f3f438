/* SPDX-License-Identifier: MIT */
/* filter_control.h - the control socket's commands about the XDP filter, of client and server alike
 *
 *   {"command": "attach filter", "uplink": "eth0", "mode": "auto|native|generic"}	uplink: without it all; mode: without it auto
 *   {"command": "detach filter", "uplink": "eth0"}
 *     -> {"filter": [{"uplink": "eth0", "mode": "native", "changed": true, "why": ""}]}	mode: as it is now, "off" without; why it is not as asked
 */
#ifndef TG_MANAGE_FILTER_CONTROL_H
#define TG_MANAGE_FILTER_CONTROL_H

#include <jansson.h>

#include "run/filter.h"

/* client_filter() or server_set_filter(). */
typedef int (*filter_change)(void *ctx, const char *where, enum datapath_mode mode, struct filter_changes *out, char *error);

int filter_control(filter_change change, void *ctx, bool attach, const json_t *request, json_t *answer, char error[RUN_ERROR_BYTES]);

#endif
