// SPDX-License-Identifier: MIT
/* settings_parts.h - what reading files (settings_file.c) and everything else (settings.c) share */
#ifndef TG_MANAGE_SETTINGS_PARTS_H
#define TG_MANAGE_SETTINGS_PARTS_H

#include <jansson.h>

#include "manage/settings.h"

bool settings_row_ends(const struct setting *row);	/* the last one, without a name */
size_t settings_row_number(const struct setting *row);

/* Where the row's value goes. */
struct value_slot settings_slot(struct settings *s, const struct setting *row);

/* The row's value comes from this source now; a list that a weaker source filled starts again. */
void settings_begin_row(struct settings *s, const struct setting *row, enum settings_source source);

/* Says what is wrong with a value; `found` as people wrote it. */
void settings_explain(const struct value_slot *slot, int err, const char *found, char *error);

/* A value, or a list of them, as TOML had it. 0 or -EINVAL with error. */
int settings_set_row(struct settings *s, const struct setting *row, const json_t *value, enum settings_source source,
		     char *error);

/* A [[policy]] table into the list behind the slot. 0 or -EINVAL with error, "policy.KEY: ..." or "policy: ...". */
int settings_add_policy(const struct value_slot *slot, const json_t *table, enum settings_side side, char *error);

#endif
