// SPDX-License-Identifier: MIT
/* nearest.c - "did you mean ...?" */
#include "manage/nearest.h"

#include <string.h>

u32 nearest_distance(const char *a, const char *b)
{
	u32 rows[3][NEAREST_MAX_LETTERS + 1], *before = rows[0], *above = rows[1], *row = rows[2];
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > NEAREST_MAX_LETTERS || len_b > NEAREST_MAX_LETTERS)
		return UINT32_MAX;
	for (u32 j = 0; j <= len_b; j++)
		row[j] = j;
	for (u32 i = 1; i <= len_a; i++) {
		u32 *recycled = before;

		before = above;
		above = row;
		row = recycled;
		row[0] = i;
		for (u32 j = 1; j <= len_b; j++) {
			row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN(row[j], before[j - 2] + 1);
		}
	}
	return row[len_b];
}

bool nearest_is_near(const char *typed, const char *meant, u32 *distance)
{
	size_t len = strlen(meant);

	*distance = nearest_distance(typed, meant);
	return *distance <= (len < 4 ? 1 : len < 9 ? 2 : len / 4 + 1);
}
