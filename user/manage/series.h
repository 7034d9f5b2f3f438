// SPDX-License-Identifier: MIT
/* series.h - the lists of a flight record, brought onto a grid of equal bins for drawing
 *
 * A bin that no row covers, and a value nobody knew, are not a number (NAN): lines break there.
 */
#ifndef TG_MANAGE_SERIES_H
#define TG_MANAGE_SERIES_H

#include <jansson.h>

#include "base/types.h"

#define SERIES_BINS 600u
#define SERIES_MAX_ROWS 100000u

struct timeline {
	u32 rows;
	double *at_s;		/* of the rows; negative, growing */
	double from_s, to_s;	/* what is drawn */
	double bin_s;
	u32 bins;		/* at most SERIES_BINS */
};

/* A value for each bin. */
struct bins {
	double at[SERIES_BINS];
	double most;		/* of those that are numbers; 0 when none is */
	double sum;		/* of all rows, in the unit of the list */
	bool known;		/* at least one is a number */
};

/* Reads "t_us". -EPROTO: it is none, or its times do not grow. -ENOMEM. */
int timeline_read(struct timeline *t, const json_t *record);
void timeline_free(struct timeline *t);

/* What is made of a list of one value per row: */
enum series_kind {
	SERIES_RATE,	/* what was added since the row before, per second: spread over the time since then */
	SERIES_SUM,	/* the sum of what falls into a bin */
	SERIES_MEAN,
	SERIES_MOST,	/* the largest */
};

/* Lists that are missing, null or of another length give bins of which nothing is known. Values are multiplied by scale. */
void series_read(const struct timeline *t, const json_t *object, const char *name, enum series_kind kind, double scale,
		 struct bins *out);

#endif
