// SPDX-License-Identifier: MIT
/* replay.h - which packet numbers of one key have been accepted already
 *
 * A window of REPLAY_WINDOW numbers below the largest, as a ring of words (RFC 6479's
 * layout). Check before opening, mark after the tag proved true.
 */
#ifndef TG_CRYPTO_REPLAY_H
#define TG_CRYPTO_REPLAY_H

#include "base/types.h"

#define REPLAY_WINDOW 16384u
#define REPLAY_WORDS (REPLAY_WINDOW / 64u + 1u)

struct replay {
	u64 largest;		/* meaningful once any is set */
	bool any;
	u64 words[REPLAY_WORDS];
};

/* All zero is an empty window. */

/* Could this number still be accepted? */
bool replay_is_fresh(const struct replay *w, u64 number);

/* Marks it accepted. False when it was there already or is too old (two copies in one batch). */
bool replay_mark(struct replay *w, u64 number);

/* The 64-bit number whose low 32 bits are `low`, nearest to `expected`. */
u64 replay_recover(u64 expected, u32 low);

#endif
