// SPDX-License-Identifier: MIT
/* settings_print.c - the table as a configuration file and as help */
#include <string.h>

#include "manage/settings.h"

static size_t section_length(const struct setting *row)
{
	return (size_t)(strrchr(row->key, '.') - row->key);
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
		if (!same_section(before, row))
			fprintf(out, "\n[%.*s]\n", (int)section_length(row), row->key);
		before = row;
		fprintf(out, "# %s\n#%s = %s\n", row->help, strrchr(row->key, '.') + 1,
			row->preset ? row->preset : row->example);
	}
}

static void print_flag(FILE *out, const struct setting *row)
{
	char words[64];
	size_t used = 0;

	if (row->letter)
		used = (size_t)snprintf(words, sizeof(words), "-%c, ", row->letter);
	snprintf(words + used, sizeof(words) - used, "--%s%s%s", row->flag, row->metavar ? " " : "",
		 row->metavar ? row->metavar : "");
	fprintf(out, "  %-21s %s\n", words, row->help);
}

void settings_print_help(FILE *out, enum settings_side side, bool rare)
{
	for (const struct setting *row = settings_table; row->key || row->flag; row++)
		if (row->flag && (row->sides & side) && (rare || !row->rare))
			print_flag(out, row);
}
