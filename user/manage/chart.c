// SPDX-License-Identifier: MIT
/* chart.c - one pair of axes */
#include "manage/chart.h"

#include <math.h>
#include <string.h>

#define LETTER_WIDTH 6.0	/* about, at the size of small words */
#define TICK_LEAST 4.0
#define TICK_MOST 16.0

/* 1, 2 or 5 times a power of ten: the least that gives at most `most_steps` steps. */
static double round_step(double range, u32 most_steps)
{
	double step = pow(10, floor(log10(range / most_steps)));

	while (range / step > most_steps * 1.0001) {
		double digit = step / pow(10, floor(log10(step) + 1e-9));

		step *= digit > 1.5 && digit < 3 ? 2.5 : 2;
	}
	return step;
}

static double x_of(const struct chart *c, double at_s)
{
	double span = c->time->to_s - c->time->from_s;

	return c->x + (fmin(fmax(at_s, c->time->from_s), c->time->to_s) - c->time->from_s) / span * c->width;
}

static double y_of(const struct chart *c, double value)
{
	return c->y + c->height - fmin(fmax(value / c->top, 0), 1) * c->height;
}

void chart_scale(struct chart *c, double most)
{
	double step = round_step(fmax(most, 1e-3), 4);

	c->top = ceil(fmax(most, 1e-3) / step - 1e-9) * step;
}

static void times_grid(const struct chart *c)
{
	double step = round_step(c->time->to_s - c->time->from_s, 12);

	for (double t = ceil(c->time->from_s / step) * step; t <= c->time->to_s + 1e-9; t += step)
		svg_line(c->out, "grid", x_of(c, t), c->y, x_of(c, t), c->y + c->height);
}

void chart_frame(const struct chart *c, const char *unit)
{
	double step = round_step(c->top, 4);
	int places = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;

	times_grid(c);
	for (u32 i = 0; i * step <= c->top * 1.0001; i++) {
		svg_line(c->out, i ? "grid" : "axis", c->x, y_of(c, i * step), c->x + c->width, y_of(c, i * step));
		svg_text(c->out, "number", SVG_END, c->x - 6, y_of(c, i * step) + 3.5, "%.*f", places, i * step);
	}
	svg_text(c->out, "unit", SVG_END, c->x - 6, c->y - 8, "%s", unit);
}

void chart_times(const struct chart *c)
{
	double step = round_step(c->time->to_s - c->time->from_s, 12);

	for (double t = ceil(c->time->from_s / step) * step; t <= c->time->to_s + 1e-9; t += step)
		svg_text(c->out, "number", SVG_MIDDLE, x_of(c, t), c->y + c->height + 14, fabs(t) < 1e-9 ? "0 s" : "%g", t);
}

static void curve(const struct chart *c, const char *class, const struct bins *b, double base)
{
	double x[SERIES_BINS], y[SERIES_BINS];

	if (!b->known)
		return;
	for (u32 i = 0; i < c->time->bins; i++) {
		x[i] = x_of(c, c->time->from_s + (i + 0.5) * c->time->bin_s);
		y[i] = isnan(b->at[i]) ? NAN : y_of(c, b->at[i]);
	}
	svg_curve(c->out, class, x, y, c->time->bins, base);
}

void chart_line(const struct chart *c, const char *class, const struct bins *b)
{
	curve(c, class, b, SVG_NO_BASE);
}

void chart_area(const struct chart *c, const char *class, const struct bins *b)
{
	curve(c, class, b, c->y + c->height);
}

void chart_ticks(const struct chart *c, const char *class, const struct bins *b)
{
	for (u32 i = 0; i < c->time->bins; i++) {
		double x = x_of(c, c->time->from_s + (i + 0.5) * c->time->bin_s);

		if (b->at[i] > 0)
			svg_line(c->out, class, x, c->y, x, c->y + fmin(TICK_LEAST + 2 * log2(b->at[i] + 1), TICK_MOST));
	}
}

void chart_band(const struct chart *c, const char *class, double from_s, double to_s, const char *word)
{
	double left = x_of(c, from_s), width = x_of(c, to_s) - left;

	if (width <= 0)
		return;
	svg_rect(c->out, class, left, c->y, fmax(width, 1), c->height);
	if (word && width > (double)strlen(word) * LETTER_WIDTH + 8)
		svg_text(c->out, "word", SVG_MIDDLE, left + width / 2, c->y + 28, "%s", word);
}

void chart_mark(const struct chart *c, const char *class, double at_s)
{
	if (at_s >= c->time->from_s && at_s <= c->time->to_s)
		svg_line(c->out, class, x_of(c, at_s), c->y, x_of(c, at_s), c->y + c->height);
}
