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
#include "run/settings.h"
#include "run/snapshot.h"

#define FILTER_PLACES 32u	/* interfaces that one command looks at */

/* Loads the programs for an instance and pins their maps. NULL: they do not work here, and `why` says so; nothing is logged of that. */
struct datapath *filter_load(const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES]);
/* The same at start. NULL: nothing of it was wanted (mode off, no lanes, which need its maps; `why` is empty), or it does not work here, which is logged. */
struct datapath *filter_open(enum datapath_mode mode, bool lanes, const struct datapath_settings *set, const char *name, char why[DATAPATH_WHY_BYTES]);
void filter_close(struct datapath *d, const char *name);	/* NULL is fine */

/* Attaches it to one interface, which is logged; fine when it is. A negative errno: refused, and why[DATAPATH_WHY_BYTES] says so. */
int filter_put(struct datapath *d, u32 ifindex, const char *name, enum datapath_mode mode, char *why);
void filter_say_none(const char *name, const char *why);

/* By command: what became of each interface. */
struct filter_place {
	char name[TUNNEL_NAME_BYTES];
	enum datapath_mode mode;		/* as it is now; DATAPATH_OFF: no filter */
	bool was_so;				/* nothing had to be done */
	char why[DATAPATH_WHY_BYTES];		/* "", or why it is not as asked */
};

struct filter_changes {
	u32 count, done, refused;
	int first_error;
	struct filter_place at[FILTER_PLACES];
};

/* Counts the entry that at[count] holds, and what came of it. */
void filter_note(struct filter_changes *c, int err);

/* 0, when something was done or is to be; else the error, with its line: refused everywhere, -EALREADY, or -ENODEV: nowhere to. */
int filter_result(const struct filter_changes *c, enum datapath_mode mode, char error[RUN_ERROR_BYTES]);

/* `refused`: why the programs could not be loaded; empty: they were, or nobody asked. */
void filter_snapshot(const struct datapath *d, const char *refused, struct filter_snapshot *out);

#endif
