// SPDX-License-Identifier: MIT
/* filter.h - the XDP filter in front of a daemon's sockets: loaded once, attached where its datagrams arrive
 *
 *   filter.c          loading, and one interface    client_filter.c   the client's uplinks
 *                                                   server_filter.c   the server's interfaces
 *
 * Nothing depends on it: what the kernel refuses is logged once, and the sockets go on without.
 */
#ifndef TG_RUN_FILTER_H
#define TG_RUN_FILTER_H

#include "bpf/datapath.h"
#include "run/snapshot.h"

/* Loads the programs for an instance and pins their maps. NULL: they do not work here, and `why` says so; nothing is logged of that. */
struct datapath *filter_load(const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES]);
/* The same at start. NULL: nothing of it was wanted (mode off, no lanes, which need its maps; `why` is empty), or it does not work here, which is logged. */
struct datapath *filter_open(enum datapath_mode mode, bool lanes, const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES]);
void filter_close(struct datapath *d, const char *name);	/* NULL is fine */

/* Attaches it to one interface; fine when it is. False: refused, logged when `say`. */
bool filter_attach(struct datapath *d, u32 ifindex, const char *name, enum datapath_mode mode, bool say);

/* `refused`: why the programs could not be loaded; empty: they were, or nobody asked. */
void filter_snapshot(const struct datapath *d, const char *refused, struct filter_snapshot *out);

#endif
