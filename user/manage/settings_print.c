// SPDX-License-Identifier: MIT
/* settings_print.c - the table as a configuration file and as help */
#include <string.h>

#include "manage/settings.h"

/* A list of tables is a section of its own name, in double brackets. */
static bool is_tables(const struct setting *row)
{
	return !strchr(row->key, '.');
}

static size_t section_length(const struct setting *row)
{
	return is_tables(row) ? strlen(row->key) : (size_t)(strrchr(row->key, '.') - row->key);
}

static bool same_section(const struct setting *a, const struct setting *b)
{
	return a && section_length(a) == section_length(b) && !strncmp(a->key, b->key, section_length(a));
}

void settings_print_file(FILE *out, enum settings_side side)
{
	const struct setting *before = NULL;

	fprintf(out, "# triglav %s. Every key is at its default, or is an example where there is none;\n"
		"# take the # away to change one. Run with: triglav %s --config FILE\n",
		side == SETTINGS_SERVER ? "server" : "client", side == SETTINGS_SERVER ? "server" : "tun");
	for (const struct setting *row = settings_table; row->key || row->flag; row++) {
		if (!row->key || !(row->sides & side))
			continue;
		if (is_tables(row)) {
			fprintf(out, "\n# %s\n#[[%s]]\n#%s\n", row->help, row->key, row->example);
			continue;
		}
		if (!same_section(before, row))
			fprintf(out, "\n[%.*s]\n", (int)section_length(row), row->key);
		before = row;
		fprintf(out, "# %s\n#%s = %s\n", row->help, strrchr(row->key, '.') + 1,
			row->preset ? row->preset : row->example);
	}
}

#define HELP_COLUMN 24
#define HELP_WIDTH 80

/* Letters of the text that fit on a line, up to the last space. */
static size_t line_length(const char *text)
{
	size_t room = HELP_WIDTH - HELP_COLUMN, len = strlen(text);

	if (len <= room)
		return len;
	for (len = room; len > 0 && text[len] != ' '; len--)
		;
	return len ? len : room;
}

void settings_print_flag(FILE *out, const char *words, const char *help)
{
	if (strlen(words) > HELP_COLUMN - 3)	/* no room for a space before the help */
		fprintf(out, "  %s\n%*s", words, HELP_COLUMN, "");
	else
		fprintf(out, "  %-*s", HELP_COLUMN - 2, words);
	while (*help) {
		size_t len = line_length(help);

		fprintf(out, "%.*s\n", (int)len, help);
		help += len;
		help += *help == ' ';
		if (*help)
			fprintf(out, "%*s", HELP_COLUMN, "");
	}
}

static void print_row(FILE *out, const struct setting *row)
{
	char words[64], letter[8] = "";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(words, sizeof(words), "%s--%s %s", letter, row->flag, row->metavar ? row->metavar : "");
	settings_print_flag(out, words, row->help);
}

void settings_print_help(FILE *out, enum settings_side side, bool rare)
{
	for (const struct setting *row = settings_table; row->key || row->flag; row++)
		if (row->flag && (row->sides & side) && (rare || !row->rare))
			print_row(out, row);
}
