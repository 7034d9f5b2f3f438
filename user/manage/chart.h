// SPDX-License-Identifier: MIT
/* chart.h - one pair of axes: time to the right, a quantity upwards from zero
 *
 *   unit
 *   100 |..........|..........|....      the frame comes first, then what is drawn in it
 *    50 |..........|..........|....
 *     0 +----------+----------+----
 *     -60 s       -50        -40
 */
#ifndef TG_MANAGE_CHART_H
#define TG_MANAGE_CHART_H

#include "manage/series.h"
#include "manage/svg.h"

struct chart {
	FILE *out;
	const struct timeline *time;
	double x, y, width, height;
	double top;		/* the value at the upper edge */
};

/* Makes room for values up to `most`: the upper edge becomes a round number. */
void chart_scale(struct chart *c, double most);

/* The lines and numbers of the upward axis; `unit` stands over them. */
void chart_frame(const struct chart *c, const char *unit);

/* The numbers under the time axis. */
void chart_times(const struct chart *c);

/* Bins as a line or, filled, as an area. Of bins that know nothing there is none. */
void chart_line(const struct chart *c, const char *class, const struct bins *b);
void chart_area(const struct chart *c, const char *class, const struct bins *b);

/* A stroke for each bin that is more than zero, hanging from the upper edge; longer for more. */
void chart_ticks(const struct chart *c, const char *class, const struct bins *b);

/* Colours the background between two times, with a word in it where there is room. */
void chart_band(const struct chart *c, const char *class, double from_s, double to_s, const char *word);

/* A vertical line at this time, if it is within. */
void chart_mark(const struct chart *c, const char *class, double at_s);

#endif
