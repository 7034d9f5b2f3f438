// SPDX-License-Identifier: MIT
/* svg.h - just enough SVG: rectangles, lines, broken lines, areas and words, coloured by a style sheet */
#ifndef TG_MANAGE_SVG_H
#define TG_MANAGE_SVG_H

#include <stdio.h>

#include "base/types.h"

/* Where words are anchored. */
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* Begins a document of this size in pixels; `style` is CSS. Pixels are pixels: no scaling anywhere. */
void svg_begin(FILE *out, double width, double height, const char *style);
void svg_end(FILE *out);

/* A group; id may be NULL. */
void svg_group(FILE *out, const char *id, const char *class);
void svg_group_end(FILE *out);

void svg_rect(FILE *out, const char *class, double x, double y, double width, double height);
void svg_line(FILE *out, const char *class, double x1, double y1, double x2, double y2);

/* Words; what XML would take for markup is escaped, control characters become '?'. */
void svg_text(FILE *out, const char *class, enum svg_anchor anchor, double x, double y, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* A line through n points (x[i], y[i]), broken where y is not a number; with a base it is filled down to there. */
#define SVG_NO_BASE (-1.0)
void svg_curve(FILE *out, const char *class, const double *x, const double *y, u32 n, double base);

#endif
