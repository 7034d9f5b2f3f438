// SPDX-License-Identifier: MIT
/* fec_solve.c - linear equations over GF(2^8), by Gauss and Jordan */
#include "path/fec_solve.h"

#include <string.h>

void fec_system_init(struct fec_system *s)
{
	memset(s, 0, sizeof(*s));
}

/* The column of a number, a new one if need be; FEC_UNKNOWNS: no place. */
static u32 column_of(struct fec_system *s, u64 number)
{
	u32 c = 0;

	while (c < s->unknowns && s->numbers[c] != number)
		c++;
	if (c == s->unknowns && c < FEC_UNKNOWNS)
		s->numbers[s->unknowns++] = number;
	return c;
}

bool fec_system_add(struct fec_system *s, const struct gf256 *g, u8 row, u64 first, u64 missing)
{
	u8 *line = s->m[s->rows];
	u32 unknowns = s->unknowns;

	for (u64 left = missing; left; left &= left - 1) {
		u64 number = first + (u32)__builtin_ctzll(left);
		u32 c = column_of(s, number);

		if (c == FEC_UNKNOWNS) {
			s->unknowns = unknowns;
			memset(line, 0, sizeof(s->m[0]));
			return false;
		}
		line[c] = fec_factor(g, row, number);
	}
	line[FEC_UNKNOWNS + s->rows++] = 1;
	return true;
}

static void swap_lines(struct fec_system *s, u32 a, u32 b)
{
	u8 keep[sizeof(s->m[0])];

	if (a == b)
		return;
	memcpy(keep, s->m[a], sizeof(keep));
	memcpy(s->m[a], s->m[b], sizeof(keep));
	memcpy(s->m[b], keep, sizeof(keep));
}

/* Clears column c everywhere but in line `top`, where it becomes 1. False: no line from `top` on has it. */
static bool clear_column(struct fec_system *s, const struct gf256 *g, u32 c, u32 top)
{
	u32 pivot = top;

	while (pivot < s->rows && !s->m[pivot][c])
		pivot++;
	if (pivot == s->rows)
		return false;
	swap_lines(s, top, pivot);
	gf256_scale(g, s->m[top], g->inverse[s->m[top][c]], sizeof(s->m[0]));
	for (u32 i = 0; i < s->rows; i++)
		if (i != top)
			gf256_muladd(g, s->m[i], s->m[top], s->m[i][c], sizeof(s->m[0]));
	return true;
}

u32 fec_system_solve(struct fec_system *s, const struct gf256 *g)
{
	u32 rank = 0;

	for (u32 c = 0; c < s->unknowns && rank < s->rows; c++)
		rank += clear_column(s, g, c, rank);
	return rank;
}

const u8 *fec_system_solved(const struct fec_system *s, u32 i, u64 *number)
{
	u32 found = 0;

	for (u32 c = 0; c < s->unknowns; c++) {
		if (!s->m[i][c])
			continue;
		if (found++)
			return NULL;
		*number = s->numbers[c];
	}
	return found ? s->m[i] + FEC_UNKNOWNS : NULL;
}
