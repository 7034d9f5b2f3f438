// SPDX-License-Identifier: MIT
/* view.h - what the scheduler sees of a session's paths, made anew for each turn of the pump */
#ifndef TG_TUNNEL_VIEW_H
#define TG_TUNNEL_VIEW_H

#include "tunnel/internal.h"

#define VIEW_EARLY_NS 100000u	/* timers this close together fire as one */

/* The scheduler's view of a session's paths. The place is the path's id, so that what the scheduler
 * remembers of a path stays with it when others come and go. */
struct view {
	struct sched_path entries[TG_MAX_PATHS];
	struct path *paths[TG_MAX_PATHS];
	u32 count;		/* places in use, those of unusable paths among them */
	u32 usable;		/* paths that may carry data: not silent ones */
	u32 bulk_paths;		/* bits: those that striped bulk may take */
	bool stripe;
	bool ordered;		/* bulk gets sequences */
	u32 stretch_us;		/* striped bulk is under way for so long at least, beyond the way of the nearest path (stretch.h) */
	u32 nearest_us;		/* least delay of that */
	u64 release_us;		/* when the first is to leave of those that a path would take, were they not held; TIME_NEVER: none is */
	u32 fits;		/* inner packets up to this size fit every path; larger ones are cut in two */
};

/* Looks at all paths: fills the view, judges which of them carry striped bulk, and takes pace and window over into the paths. */
void view_look(struct session *s, struct view *v);

/* Books b on the path: busy for as long as it really takes, however fast we try to send. */
void view_book(struct sched_path *e, const struct buf *b, u64 now_us);

/* When b, of the line, came into the tunnel. */
u64 view_came_us(const struct buf *b);

/* Notes in the entries how long b, of the line, is held for each path; NULL: nothing is. */
void view_hold(struct view *v, const struct buf *b, u64 now_us);

/* May p be given more now, up to `ahead_ns` before its pace allows it? */
bool view_can_send(const struct path *p, u32 ahead_ns);

/* Largest inner packet that p carries in one datagram. */
u32 view_inner_most(const struct session *s, const struct path *p);

/* A path that, alone, needs no repair from us. */
bool path_is_near(const struct path *p);

#endif
