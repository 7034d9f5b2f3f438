// SPDX-License-Identifier: MIT
/* text.h - numbers for people, and colour where it is wanted */
#ifndef TG_CMD_TEXT_H
#define TG_CMD_TEXT_H

#include <stdio.h>

#include "base/types.h"

#define TEXT_BYTES 32

/* All write into out and return it. */
char *text_bytes(u64 bytes, char out[TEXT_BYTES]);		/* "1.2 GB" */
char *text_rate(u64 bytes_per_second, char out[TEXT_BYTES]);	/* "94.3 Mbit/s" */
char *text_ms(u64 us, char out[TEXT_BYTES]);			/* "20.1 ms" */
char *text_duration(u64 us, char out[TEXT_BYTES]);		/* "3m12s", "2d4h" */
char *text_date(u64 seconds, char out[TEXT_BYTES]);		/* "2024-05-01 12:30", "never" for 0 */

#define TEXT_WIDTH 80	/* columns of tables and of what stands below their rows */

/* Is it a terminal? Only there lines are folded: in a file or a pipe each row is one line, for grep and the like. */
bool text_is_folded(FILE *out);

/* Columns that it takes: letters, not bytes, and no sequences of colour. */
u32 text_width(const char *text);

/* Prints a sentence, broken at spaces where lines are folded: from the first column on, what follows indented; or below the row it belongs to,
 * all of it indented. */
void text_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void text_below(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

enum text_colour { TEXT_PLAIN, TEXT_GOOD, TEXT_WARN, TEXT_BAD, TEXT_DIM, TEXT_BOLD };

/* Standard output is a terminal, and NO_COLOR is not set. */
bool text_is_coloured(void);

/* The sequence that begins a colour, or ends it (TEXT_PLAIN); "" without colour. */
const char *text_colour(enum text_colour colour);

/* How a state is shown: "up", "connected" good; "suspect", "connecting" warn; "down"... bad. */
enum text_colour text_state_colour(const char *state);

#endif
