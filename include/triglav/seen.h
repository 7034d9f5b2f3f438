/* SPDX-License-Identifier: MIT */
/* seen.h - window of copy ids already accepted
 *
 * Userspace marks an id after the packet proved authentic; XDP only looks. A word carries
 * the number of its block beside its bits, so that an id of another lap never matches.
 */
#ifndef TRIGLAV_SEEN_H
#define TRIGLAV_SEEN_H

#include <linux/types.h>

#define TG_SEEN_WORDS 512u	/* 32 ids each: the last 16384 ids */

/* Written and read as one 64-bit word, so that nobody sees the bits of one block beside the number of another. */
struct tg_seen_word {
	__u32 block;		/* id / 32 + 1; 0: never used */
	__u32 bits;
} __attribute__((aligned(8)));

struct tg_seen {
	struct tg_seen_word words[TG_SEEN_WORDS];
};

static inline struct tg_seen_word tg_seen_load(const struct tg_seen_word *w)
{
	struct tg_seen_word copy;
	__u64 whole = *(const volatile __u64 *)w;

	__builtin_memcpy(&copy, &whole, sizeof(copy));
	return copy;
}

static inline int tg_seen_has(const struct tg_seen *seen, __u32 id)
{
	struct tg_seen_word w = tg_seen_load(&seen->words[(id / 32) % TG_SEEN_WORDS]);

	return w.block == id / 32 + 1 && (w.bits >> (id % 32) & 1);
}

/* Writer's side; a window has one. Returns 1 when the id is new, 0 when it was there. An id older than the word's block is
 * let through as new: the replay windows stay the authority, and a wrong 0 would kill a real packet. */
static inline int tg_seen_mark(struct tg_seen *seen, __u32 id)
{
	struct tg_seen_word *at = &seen->words[(id / 32) % TG_SEEN_WORDS];
	struct tg_seen_word w = tg_seen_load(at);
	__u32 block = id / 32 + 1;
	__u64 whole;

	if (w.block != block) {
		if (w.block && (__s32)(block - w.block) < 0)
			return 1;
		w.bits = 0;
		w.block = block;
	}
	if (w.bits >> (id % 32) & 1)
		return 0;
	w.bits |= 1u << (id % 32);
	__builtin_memcpy(&whole, &w, sizeof(whole));
	*(volatile __u64 *)at = whole;
	return 1;
}

#endif
