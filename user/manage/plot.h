// SPDX-License-Identifier: MIT
/* plot.h - a flight record as a picture: a panel for each path and one for the session */
#ifndef TG_MANAGE_PLOT_H
#define TG_MANAGE_PLOT_H

#include <stdio.h>

#include <jansson.h>

/* Writes an SVG of a record (record_report.h has its form; it may come from a file and be anything). 0; -EPROTO: it is no
 * record, nothing was written; -ENOMEM. Errors of `out` are the caller's to look at. */
int plot_record(FILE *out, const json_t *record);

#endif
