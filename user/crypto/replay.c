// SPDX-License-Identifier: MIT
/* replay.c - the window of accepted packet numbers
 *
 * One bit per number in a ring of 64-bit words. The ring has one word more than the window needs,
 * so that moving ahead clears whole words and never shifts (the idea of RFC 6479).
 */
#include "crypto/replay.h"

#include <string.h>

static u64 *word_of(struct replay *w, u64 number)
{
	return &w->words[number / 64 % REPLAY_WORDS];
}

static u64 bit_of(u64 number)
{
	return 1ull << number % 64;
}

bool replay_is_fresh(const struct replay *w, u64 number)
{
	if (!w->any || number > w->largest)
		return true;
	if (w->largest - number >= REPLAY_WINDOW)
		return false;
	return !(w->words[number / 64 % REPLAY_WORDS] & bit_of(number));
}

/* Empties the words between the largest number so far and the new one. */
static void move_ahead(struct replay *w, u64 number)
{
	u64 from = w->largest / 64, to = number / 64;

	if (to - from >= REPLAY_WORDS) {
		memset(w->words, 0, sizeof(w->words));
	} else {
		while (from < to)
			w->words[++from % REPLAY_WORDS] = 0;
	}
	w->largest = number;
}

bool replay_mark(struct replay *w, u64 number)
{
	if (!replay_is_fresh(w, number))
		return false;
	if (!w->any) {
		w->any = true;
		w->largest = number;
	} else if (number > w->largest) {
		move_ahead(w, number);
	}
	*word_of(w, number) |= bit_of(number);
	return true;
}

u64 replay_recover(u64 expected, u32 low)
{
	const u64 span = 1ull << 32, half = span / 2;
	u64 number = (expected & ~(span - 1)) | low;

	if (number < expected && expected - number > half && number <= UINT64_MAX - span)
		return number + span;
	if (number > expected && number - expected > half && number >= span)
		return number - span;
	return number;
}
