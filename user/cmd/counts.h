/* SPDX-License-Identifier: MIT */
/* counts.h - what a status, or the answer to "counters", has counted, by place: engine, tun, filter, firewall, af_xdp */
#ifndef TG_CMD_COUNTS_H
#define TG_CMD_COUNTS_H

#include <jansson.h>

#include "base/types.h"

/* {"engine": {name: value, ...}, "tun": {...}, ...}: counters, or (drops) the packets thrown away by reason. A place that the daemon does not
 * have is left out; AF_XDP's are the sums over its uplinks. The caller's. */
json_t *counts_collect(const json_t *status, bool drops);

/* The packets thrown away by reason, summed over all places. The caller's. */
json_t *counts_dropped(const json_t *status);

#endif
