// SPDX-License-Identifier: MIT
/* text.c - numbers for people, and colour where it is wanted */
#include "cmd/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Three significant digits and a decimal prefix. */
static char *scaled(double value, const char *unit, char *out)
{
	static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
	size_t i = 0;

	while (value >= 999.5 && i + 1 < ARRAY_SIZE(prefixes)) {
		value /= 1000;
		i++;
	}
	snprintf(out, TEXT_BYTES, "%.*f %s%s", i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value, prefixes[i], unit);
	return out;
}

char *text_bytes(u64 bytes, char out[TEXT_BYTES])
{
	return scaled((double)bytes, "B", out);
}

char *text_rate(u64 bytes_per_second, char out[TEXT_BYTES])
{
	return scaled(8.0 * (double)bytes_per_second, "bit/s", out);
}

char *text_ms(u64 us, char out[TEXT_BYTES])
{
	snprintf(out, TEXT_BYTES, us < 100000 ? "%.1f ms" : "%.0f ms", (double)us / 1000);
	return out;
}

char *text_duration(u64 us, char out[TEXT_BYTES])
{
	unsigned long long s = us / SEC;

	if (s < 60)
		snprintf(out, TEXT_BYTES, "%llus", s);
	else if (s < 3600)
		snprintf(out, TEXT_BYTES, "%llum%llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_BYTES, "%lluh%llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_BYTES, "%llud%lluh", s / 86400, s / 3600 % 24);
	return out;
}

char *text_date(u64 seconds, char out[TEXT_BYTES])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !localtime_r(&t, &tm) || !strftime(out, TEXT_BYTES, "%Y-%m-%d %H:%M", &tm))
		snprintf(out, TEXT_BYTES, "never");
	return out;
}

#define INDENT 4

bool text_is_folded(FILE *out)
{
	int fd = fileno(out);

	return fd >= 0 && isatty(fd);
}

u32 text_width(const char *text)
{
	u32 width = 0;

	for (; *text; text++) {
		const char *end = *text == '\033' ? strchr(text, 'm') : NULL;

		if (end)
			text = end;
		else
			width += (*text & 0xc0) != 0x80;
	}
	return width;
}

static void print_words(u32 first, const char *fmt, va_list args)
{
	u32 column = 0, most = text_is_folded(stdout) ? TEXT_WIDTH : UINT32_MAX;
	char line[2048], *word, *rest = line;

	vsnprintf(line, sizeof(line), fmt, args);
	while ((word = strsep(&rest, " "))) {
		u32 width = text_width(word), indent = column ? INDENT : first;

		if (column && column + 1 + width <= most) {
			printf(" %s", word);
			column += 1 + width;
		} else {
			printf("%s%*s%s", column ? "\n" : "", (int)indent, "", word);
			column = indent + width;
		}
	}
	putchar('\n');
}

void text_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_words(0, fmt, args);
	va_end(args);
}

void text_below(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_words(INDENT, fmt, args);
	va_end(args);
}

bool text_is_coloured(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

const char *text_colour(enum text_colour colour)
{
	static const char *const sequences[] = {
		[TEXT_PLAIN] = "\033[0m", [TEXT_GOOD] = "\033[32m", [TEXT_WARN] = "\033[33m",
		[TEXT_BAD] = "\033[31m", [TEXT_DIM] = "\033[2m", [TEXT_BOLD] = "\033[1m",
	};

	return text_is_coloured() ? sequences[colour] : "";
}

enum text_colour text_state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum text_colour colour;
	} states[] = {
		{ "up", TEXT_GOOD }, { "connected", TEXT_GOOD }, { "suspect", TEXT_WARN }, { "connecting", TEXT_WARN },
		{ "waiting", TEXT_WARN }, { "suspended", TEXT_WARN }, { "down", TEXT_BAD }, { "absent", TEXT_BAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (!strcmp(state, states[i].state))
			return states[i].colour;
	return TEXT_PLAIN;
}
