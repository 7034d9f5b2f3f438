// SPDX-License-Identifier: MIT
/* series.c - the lists of a flight record, brought onto a grid of equal bins */
#include "manage/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BIN_LEAST_S 0.05	/* five rows */
#define GAP_S 0.2		/* rows farther apart have idle time between them */
#define MINUTE_S 60.0

/* ---- times ---- */

static int read_times(struct timeline *t, const json_t *list)
{
	for (u32 i = 0; i < t->rows; i++) {
		const json_t *value = json_array_get(list, i);

		t->at_s[i] = json_number_value(value) / 1e6;
		if (!json_is_number(value) || (i && t->at_s[i] <= t->at_s[i - 1]))
			return -EPROTO;
	}
	return 0;
}

/* Up to the moment it was taken, unless the traffic had ended long before. */
static void choose_span(struct timeline *t)
{
	double oldest = t->at_s[0], newest = t->at_s[t->rows - 1];

	t->from_s = floor(oldest + GAP_S);	/* a minute and a row is a minute */
	t->to_s = newest > -MINUTE_S ? 0 : ceil(newest);
	t->to_s = fmax(t->to_s, t->from_s + 1);
	t->bin_s = fmax((t->to_s - t->from_s) / SERIES_BINS, BIN_LEAST_S);
	t->bins = (u32)fmin(ceil((t->to_s - t->from_s) / t->bin_s), SERIES_BINS);
}

int timeline_read(struct timeline *t, const json_t *record)
{
	const json_t *list = json_object_get(record, "t_us");
	int err;

	*t = (struct timeline){ .rows = (u32)MIN(json_array_size(list), SERIES_MAX_ROWS) };
	if (!t->rows)
		return -EPROTO;
	t->at_s = calloc(t->rows, sizeof(*t->at_s));
	if (!t->at_s)
		return -ENOMEM;
	err = read_times(t, list);
	if (err)
		timeline_free(t);
	else
		choose_span(t);
	return err;
}

void timeline_free(struct timeline *t)
{
	free(t->at_s);
	t->at_s = NULL;
}

/* ---- values ---- */

/* Of each bin: what came into it, and how much of it is known: rows, or with SERIES_RATE seconds. */
struct filling {
	double value[SERIES_BINS], weight[SERIES_BINS];
};

static u32 bin_of(const struct timeline *t, double at_s)
{
	double bin = (at_s - t->from_s) / t->bin_s;

	return (u32)fmin(fmax(bin, 0), t->bins - 1);
}

/* The bytes of a row left between the row before and this one. Across a gap nobody knows when. */
static void spread(const struct timeline *t, u32 row, double value, struct filling *f)
{
	double end = t->at_s[row], start = row ? t->at_s[row - 1] : end;

	if (end <= start || end - start > GAP_S)
		return;
	for (u32 bin = bin_of(t, start); bin <= bin_of(t, end); bin++) {
		double left = fmax(start, t->from_s + bin * t->bin_s);
		double covered = fmin(end, t->from_s + (bin + 1) * t->bin_s) - left;

		if (covered <= 0)
			continue;
		f->value[bin] += value * covered / (end - start);
		f->weight[bin] += covered;
	}
}

static void fill(const struct timeline *t, u32 row, double value, enum series_kind kind, struct filling *f)
{
	u32 bin = bin_of(t, t->at_s[row]);

	if (kind == SERIES_RATE) {
		spread(t, row, value, f);
		return;
	}
	if (kind != SERIES_MOST)
		f->value[bin] += value;
	else if (!f->weight[bin] || value > f->value[bin])
		f->value[bin] = value;
	f->weight[bin]++;
}

/* Of a bin at the edge of a gap too little is known for a rate. */
static double settle(const struct timeline *t, u32 bin, enum series_kind kind, const struct filling *f)
{
	double least = kind == SERIES_RATE ? t->bin_s / 2 : 1;

	if (f->weight[bin] < least)
		return NAN;
	return kind == SERIES_RATE || kind == SERIES_MEAN ? f->value[bin] / f->weight[bin] : f->value[bin];
}

void series_read(const struct timeline *t, const json_t *object, const char *name, enum series_kind kind, double scale,
		 struct bins *out)
{
	const json_t *list = json_object_get(object, name);
	struct filling f = { 0 };

	*out = (struct bins){ 0 };
	for (u32 i = 0; json_array_size(list) == t->rows && i < t->rows; i++) {
		const json_t *value = json_array_get(list, i);

		if (!json_is_number(value))
			continue;
		out->sum += json_number_value(value) * scale;
		fill(t, i, json_number_value(value) * scale, kind, &f);
	}
	for (u32 i = 0; i < t->bins; i++) {
		out->at[i] = settle(t, i, kind, &f);
		if (isnan(out->at[i]))
			continue;
		out->known = true;
		out->most = fmax(out->most, out->at[i]);
	}
}
