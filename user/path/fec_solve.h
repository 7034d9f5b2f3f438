// SPDX-License-Identifier: MIT
/* fec_solve.h - linear equations over GF(2^8): which unknowns do these repair symbols determine?
 *
 * Knows only coefficients. The identity matrix that is carried along tells in the end which sum of rows gives an unknown, so
 * that the long symbols are touched only for what can be solved.
 */
#ifndef TG_PATH_FEC_SOLVE_H
#define TG_PATH_FEC_SOLVE_H

#include "path/fec.h"

#define FEC_UNKNOWNS 64u

struct fec_system {
	u32 rows, unknowns;
	u64 numbers[FEC_UNKNOWNS];		/* what each column stands for */
	u8 m[FEC_ROWS][FEC_UNKNOWNS + FEC_ROWS];	/* factors, then how the row was made of the rows put in */
};

/* Makes it empty. */
void fec_system_init(struct fec_system *s);

/* Adds the equation of a repair: row `row` of the factors, over the numbers first + i for the bits i of `missing`. False, and
 * nothing is added, when it has more unknowns than a place for them is left. At most FEC_ROWS equations. */
bool fec_system_add(struct fec_system *s, const struct gf256 *g, u8 row, u64 first, u64 missing);

/* Solves as far as it goes. Afterwards fec_system_solved() answers for each i below the number returned. */
u32 fec_system_solve(struct fec_system *s, const struct gf256 *g);

/* The unknown that line i determines, and the factors to sum up the equations with, in the order they were added.
 * NULL: it determines none. */
const u8 *fec_system_solved(const struct fec_system *s, u32 i, u64 *number);

#endif
