/* SPDX-License-Identifier: MIT */
/* table.h - rows of text in columns as wide as what stands in them
 *
 * A title that begins with '>' (which is not printed) makes a column whose text stands at the right: numbers. The last column, when
 * its text stands at the left, is folded on a terminal: at spaces to end at TEXT_WIDTH, below itself or, with little room there, below its row.
 * A table that ends with numbers has one blank between its columns on a terminal, not two, when it fits into TEXT_WIDTH that way only.
 * Elsewhere a row is a line. Nothing is padded behind it. Titles are bold on a terminal.
 */
#ifndef TG_CMD_TABLE_H
#define TG_CMD_TABLE_H

#include <stdio.h>

#include "base/types.h"

#define TABLE_COLUMNS 16u

struct table;

/* `titles`: at most TABLE_COLUMNS, ended by NULL; they must outlive the table. NULL: no memory; then the calls below do nothing. */
struct table *table_new(const char *const *titles);

/* The next cell of the row that is being filled; the cell behind the last column begins a new row. */
void table_put(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Colour of the cell that was put last (one of text.h). */
void table_colour(struct table *t, int colour);

/* Rows that were begun. */
u32 table_rows(const struct table *t);

/* Prints titles and rows, and frees the table. A row that is not full ends early. */
void table_print(struct table *t, FILE *out);

#endif
