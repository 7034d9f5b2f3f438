// SPDX-License-Identifier: MIT
/* links.h - all links of one emulator, and the commands that change them
 *
 *   add NAME INTERFACE-A INTERFACE-B [CHANGE...]    a new link between two interfaces
 *   remove NAME
 *   [link NAME] [dir a|b] CHANGE...                 all links and both directions when not named
 *   [at TIME] any of these                          later, counted from when the line came in
 *   stats                                           counters as JSON
 *
 * dir a is what enters at interface A and leaves at B. CHANGE: see shape.h.
 */
#ifndef TG_LAB_LINKS_H
#define TG_LAB_LINKS_H

#include "emulate/direction.h"
#include "emulate/wire.h"

#define LINKS_MAX 32

struct link {
	char name[16];		/* empty: unused */
	struct wire end[2];
	struct direction direction[2];	/* [0] from end[0] to end[1] */
};

/* A line that is not due yet. */
struct planned {
	struct planned *next;
	u64 time_ns;
	char *line;
};

struct links {
	struct link link[LINKS_MAX];
	struct planned *plan;	/* soonest first */
	int epoll;		/* the ends are watched here */
	u64 seed;
};

#define REPLY_ROOM 16384

/* Does what the line says. Writes "ok", JSON, or "error: ..." to reply (REPLY_ROOM bytes). A
 * planned line is checked before it is accepted, as far as that is possible. */
void links_command(struct links *l, const char *line, u64 now, char *reply);

/* Runs the lines that are due at now; what they have to say goes to standard error. */
void links_run_plan(struct links *l, u64 now);

/* Moves frames on all links: in from the interfaces, out what is due. Returns true when it moved
 * any; there may be more of them. *next is when it has to be called again, if no frame comes earlier. */
bool links_move(struct links *l, u64 now, s64 wall_offset_ns, u64 *next);

void links_close(struct links *l);

#endif
