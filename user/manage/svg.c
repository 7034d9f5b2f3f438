// SPDX-License-Identifier: MIT
/* svg.c - just enough SVG */
#include "manage/svg.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define TEXT_MAX 512

void svg_begin(FILE *out, double width, double height, const char *style)
{
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
		"<style>\n%s</style>\n",
		width, height, width, height, style);
}

void svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

/* Bytes above 127 are passed on: what comes from JSON is UTF-8. */
static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*text < ' ' || *text == 127 ? '?' : *text, out);
		}
	}
}

void svg_group(FILE *out, const char *id, const char *class)
{
	fputs("<g", out);
	if (id) {
		fputs(" id=\"", out);
		escape(out, id);
		fputc('"', out);
	}
	fprintf(out, " class=\"%s\">\n", class);
}

void svg_group_end(FILE *out)
{
	fputs("</g>\n", out);
}

void svg_rect(FILE *out, const char *class, double x, double y, double width, double height)
{
	fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x, y, width, height);
}

void svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", class, x1, y1, x2, y2);
}

/* Cuts a letter of several bytes off that did not fit as a whole. */
static void end_at_a_letter(char *text)
{
	size_t len = strlen(text), tail = 0;

	while (tail < len && tail < 3 && (text[len - 1 - tail] & 0xc0) == 0x80)
		tail++;
	if (len > tail && (text[len - 1 - tail] & 0xc0) == 0xc0)
		text[len - 1 - tail] = '\0';
}

void svg_text(FILE *out, const char *class, enum svg_anchor anchor, double x, double y, const char *fmt, ...)
{
	static const char *const anchors[] = { "start", "middle", "end" };
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	if (vsnprintf(text, sizeof(text), fmt, args) >= TEXT_MAX)
		end_at_a_letter(text);
	va_end(args);
	fprintf(out, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, anchors[anchor], x, y);
	escape(out, text);
	fputs("</text>\n", out);
}

/* One unbroken piece. A single point becomes a short stroke, else it would not be seen. */
static void piece(FILE *out, const double *x, const double *y, u32 n, double base)
{
	if (base != SVG_NO_BASE)
		fprintf(out, "M%.1f %.1fL", x[0], base);
	else
		fputc('M', out);
	for (u32 i = 0; i < n; i++)
		fprintf(out, "%s%.1f %.1f", i ? " " : "", x[i], y[i]);
	if (n == 1)
		fprintf(out, " %.1f %.1f", x[0] + 1, y[0]);
	if (base != SVG_NO_BASE)
		fprintf(out, " %.1f %.1fZ", n == 1 ? x[0] + 1 : x[n - 1], base);
}

void svg_curve(FILE *out, const char *class, const double *x, const double *y, u32 n, double base)
{
	fprintf(out, "<path class=\"%s\" d=\"", class);
	for (u32 i = 0; i < n;) {
		u32 first = i;

		while (i < n && !isnan(y[i]))
			i++;
		if (i > first)
			piece(out, x + first, y + first, i - first, base);
		else
			i++;
	}
	fputs("\"/>\n", out);
}
