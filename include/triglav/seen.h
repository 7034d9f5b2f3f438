/* SPDX-License-Identifier: MIT */
/* seen.h - window of copy ids already accepted, and of copies that XDP dropped for it
 *
 * Userspace marks an id after the packet proved authentic; XDP only looks. A word carries
 * the number of its block beside its bits, so that an id of another lap never matches.
 *
 * A dropped copy has a packet number of its path, and the peer waits for its ack. So XDP notes the number, and lets one copy pass
 * every now and then. When that one has proved authentic, the numbers noted between the one before and it count as
 * received: they were certainly sent. And only numbers next after the newest authentic one are noted, each of which has a bit of
 * its own. So the worst that forged copies can do is to hide a loss.
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

#define TG_SKIP_WORDS 64u		/* 32 numbers each */
#define TG_SKIP_NUMBERS (TG_SKIP_WORDS * 32u - 32u)	/* so many reach over no word twice, wherever they begin */
#define TG_SKIP_PATHS 16u		/* TG_MAX_PATHS */
#define TG_SKIP_PASS_NS 2000000ULL	/* a copy may pass when the last one of its path did so long ago: sparse traffic is left alone */
#define TG_SKIP_PASS_MASK 127u		/* and when these bits of its number are 0 */

/* Numbers of one path whose packets were dropped as copies. XDP writes, the daemon reads. */
struct tg_skip {
	__u32 newest;		/* authentic number, its low 32 bits. Daemon */
	__u32 zero;
	struct tg_seen_word words[TG_SKIP_WORDS];
};

/* All paths of a session. */
struct tg_skips {
	struct tg_skip paths[TG_SKIP_PATHS];
};

/* Can this number be noted? */
static inline int tg_skip_takes(const struct tg_skip *skip, __u32 number)
{
	return number - skip->newest - 1 < TG_SKIP_NUMBERS;
}

/* Writer's side: on one CPU nearly always, as a path is one flow. If not, a number may be forgotten, and counts as lost. */
static inline void tg_skip_note(struct tg_skip *skip, __u32 number)
{
	struct tg_seen_word *at = &skip->words[(number / 32) % TG_SKIP_WORDS];
	struct tg_seen_word w = tg_seen_load(at);
	__u32 block = number / 32 + 1;
	__u64 whole;

	w.bits = (w.block == block ? w.bits : 0) | 1u << (number % 32);
	w.block = block;
	__builtin_memcpy(&whole, &w, sizeof(whole));
	*(volatile __u64 *)at = whole;
}

static inline int tg_skip_has(const struct tg_skip *skip, __u32 number)
{
	struct tg_seen_word w = tg_seen_load(&skip->words[(number / 32) % TG_SKIP_WORDS]);

	return w.block == number / 32 + 1 && (w.bits >> (number % 32) & 1);
}

#endif
