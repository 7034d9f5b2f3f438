// SPDX-License-Identifier: MIT
/* table.c - rows of text in columns as wide as what stands in them */
#include "cmd/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/text.h"

#define GAP 2
#define NARROW_GAP 1	/* where a terminal has room for the table that way only */
#define LEAST 20	/* columns in which text is still folded rather than put below its row */
#define BELOW 4		/* and how far in it stands there */

struct cell {
	char *text;
	int colour;
};

struct table {
	const char *const *titles;
	u32 columns, used, room, gap;
	struct cell *cells;
	bool failed;		/* no memory for a cell: what is there is printed all the same */
};

struct table *table_new(const char *const *titles)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->titles = titles;
	t->gap = GAP;
	while (titles[t->columns])
		t->columns++;
	return t;
}

static struct cell *next_cell(struct table *t)
{
	if (t->used == t->room) {
		u32 room = t->room ? 2 * t->room : 64;
		void *more = realloc(t->cells, room * sizeof(*t->cells));

		if (!more)
			return NULL;
		t->cells = more;
		t->room = room;
	}
	return &t->cells[t->used];
}

void table_put(struct table *t, const char *fmt, ...)
{
	struct cell *cell = t && !t->failed ? next_cell(t) : NULL;
	va_list args;
	int n;

	if (!cell)
		return;
	va_start(args, fmt);
	n = vasprintf(&cell->text, fmt, args);
	va_end(args);
	cell->colour = TEXT_PLAIN;
	if (n < 0)
		t->failed = true;
	else
		t->used++;
}

void table_colour(struct table *t, int colour)
{
	if (t && t->used)
		t->cells[t->used - 1].colour = colour;
}

u32 table_rows(const struct table *t)
{
	return t ? (t->used + t->columns - 1) / t->columns : 0;
}

static bool is_right(const char *title)
{
	return title[0] == '>';
}

static const char *shown(const char *title)
{
	return title + is_right(title);
}

static void measure(const struct table *t, u32 *widths)
{
	for (u32 i = 0; i < t->columns; i++)
		widths[i] = text_width(shown(t->titles[i]));
	for (u32 i = 0; i < t->used; i++)
		widths[i % t->columns] = MAX(widths[i % t->columns], text_width(t->cells[i].text));
}

static void print_cell(FILE *out, const struct table *t, u32 column, bool last, const char *text, u32 width, int colour)
{
	int padding = (int)(width - text_width(text));
	bool coloured = colour != TEXT_PLAIN;

	if (last && !*text)
		return;		/* no blanks at the end of a line */
	if (column)
		fprintf(out, "%*s", (int)t->gap, "");
	if (is_right(t->titles[column]))
		fprintf(out, "%*s", padding, "");
	fprintf(out, "%s%s%s", coloured ? text_colour((enum text_colour)colour) : "", text, coloured ? text_colour(TEXT_PLAIN) : "");
	if (!is_right(t->titles[column]) && !last)
		fprintf(out, "%*s", padding, "");
}

static u32 start_of(const struct table *t, const u32 *widths, u32 column)
{
	u32 start = 0;

	for (u32 i = 0; i < column; i++)
		start += widths[i] + t->gap;
	return start;
}

/* Nothing folds the last column of a table that ends with numbers. */
static void choose_gap(struct table *t, const u32 *widths)
{
	u32 last = t->columns - 1, narrow = start_of(t, widths, last) + widths[last] - last * (GAP - NARROW_GAP);

	if (is_right(t->titles[last]) && narrow <= TEXT_WIDTH && start_of(t, widths, last) + widths[last] > TEXT_WIDTH)
		t->gap = NARROW_GAP;
}

/* Bytes of the text that fit into so many columns and end before a space, but one word at least. */
static u32 piece_of(const char *text, u32 room)
{
	u32 width = 0, end = 0, i;

	for (i = 0; text[i]; i++) {
		if (text[i] == ' ' && (width <= room || !end))
			end = i;
		width += (text[i] & 0xc0) != 0x80;
	}
	return width <= room || !end ? i : end;
}

/* The last cell of a row that would be wider than TEXT_WIDTH. */
static void print_folded(FILE *out, const char *text, u32 start)
{
	u32 indent = start + LEAST > TEXT_WIDTH ? BELOW : start, bytes;
	bool first = indent == start;	/* else a new line to begin with */

	while (*text) {
		bytes = piece_of(text, TEXT_WIDTH - indent);
		fprintf(out, "%s%*s%.*s", first ? "" : "\n", first ? GAP : (int)indent, "", (int)bytes, text);
		first = false;
		text += bytes;
		text += strspn(text, " ");
	}
}

static bool is_folded(FILE *out, const struct table *t, u32 column, const char *text, const u32 *widths)
{
	return text_is_folded(out) && column && column + 1 == t->columns && !is_right(t->titles[column]) && start_of(t, widths, column) + text_width(text) > TEXT_WIDTH;
}

static void print_titles(FILE *out, const struct table *t, const u32 *widths)
{
	for (u32 i = 0; i < t->columns; i++)
		print_cell(out, t, i, i + 1 == t->columns, shown(t->titles[i]), widths[i], TEXT_BOLD);
	fputc('\n', out);
}

static void print_rows(FILE *out, const struct table *t, const u32 *widths)
{
	for (u32 i = 0; i < t->used; i++) {
		u32 column = i % t->columns;
		bool last = column + 1 == t->columns || i + 1 == t->used;

		if (is_folded(out, t, column, t->cells[i].text, widths))
			print_folded(out, t->cells[i].text, start_of(t, widths, column));
		else
			print_cell(out, t, column, last, t->cells[i].text, widths[column], t->cells[i].colour);
		if (last)
			fputc('\n', out);
	}
}

void table_print(struct table *t, FILE *out)
{
	u32 widths[TABLE_COLUMNS];

	if (!t)
		return;
	measure(t, widths);
	if (text_is_folded(out))
		choose_gap(t, widths);
	print_titles(out, t, widths);
	print_rows(out, t, widths);
	for (u32 i = 0; i < t->used; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}
