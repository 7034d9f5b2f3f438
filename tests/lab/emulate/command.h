// SPDX-License-Identifier: MIT
/* command.h - what links.c and command.c know of each other */
#ifndef TG_LAB_COMMAND_H
#define TG_LAB_COMMAND_H

#include "emulate/links.h"

/* The link of that name ("" finds an unused one), or NULL. */
struct link *links_find(struct links *l, const char *name);

/* Opens the two interfaces. 0 or negative errno; nothing is left behind. */
int links_add(struct links *l, const char *name, char *const interface[2], const struct shape *s);

/* Drops what is under way and closes the interfaces. */
void links_remove(struct link *k);

void plan_clear(struct links *l);

#endif
