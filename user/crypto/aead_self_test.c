// SPDX-License-Identifier: MIT
/* aead_self_test.c - is a backend the same function as the one we trust?
 *
 * Vectorised ciphers go wrong at the edges of their blocks and in the paths only some CPUs take,
 * so this runs at every start, on the CPU that will do the work. A few hundred packets.
 */
#include "crypto/aead_ops.h"

#include <string.h>

#define MAX_BYTES 1920u
#define STATE_BYTES 1152u

static const u16 lengths[] = { 0,   1,   2,   15,  16,  17,   31,   32,   33,   63,   64,	 65,   127,
			       128, 129, 191, 192, 255, 256,  257,  511,  512,  513,  767,	 768,  1023,
			       1024, 1025, 1279, 1280, 1419, 1420, 1421, 1424, 1500, 1535, 1536, 1904 };
static const u16 ad_lengths[] = { 12, 16 };

/* Everything one comparison needs; the packets are arbitrary but fixed bytes. */
struct comparison {
	enum aead_suite suite;
	u8 tested_key[STATE_BYTES] __attribute__((aligned(AEAD_STATE_ALIGN)));
	u8 trusted_key[STATE_BYTES] __attribute__((aligned(AEAD_STATE_ALIGN)));
	u8 nonce[1][AEAD_NONCE_BYTES];
	u8 ad[16];
	u8 plain[MAX_BYTES];
	u8 expected[MAX_BYTES + AEAD_TAG_BYTES];
	u8 work[MAX_BYTES + AEAD_TAG_BYTES];
};

static void fill(u8 *p, size_t len, u32 seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;	/* Numerical Recipes' generator */
		p[i] = (u8)(seed >> 24);
	}
}

static void prepare(struct comparison *b, const struct aead_ops *tested, const struct aead_ops *trusted,
		    enum aead_suite suite)
{
	u8 key[AEAD_KEY_BYTES];

	b->suite = suite;
	fill(key, sizeof(key), suite);
	tested->expand(suite, key, b->tested_key);
	trusted->expand(suite, key, b->trusted_key);
	fill(b->ad, sizeof(b->ad), 3);
	fill(b->plain, sizeof(b->plain), 4);
}

/* Seals out of place and in place; both must give what the trusted backend gives. */
static bool seals_alike(struct comparison *b, const struct aead_ops *tested, const struct aead_ops *trusted, u16 len,
			u16 ad_len)
{
	struct aead_job job = { .ad = b->ad, .ad_len = ad_len, .in = b->plain, .out = b->expected, .len = len };

	trusted->seal(b->suite, b->trusted_key, (const u8 (*)[AEAD_NONCE_BYTES])b->nonce, &job, 1);

	job.out = b->work;
	tested->seal(b->suite, b->tested_key, (const u8 (*)[AEAD_NONCE_BYTES])b->nonce, &job, 1);
	if (memcmp(b->work, b->expected, len + AEAD_TAG_BYTES))
		return false;

	memcpy(b->work, b->plain, len);
	job.in = b->work;
	tested->seal(b->suite, b->tested_key, (const u8 (*)[AEAD_NONCE_BYTES])b->nonce, &job, 1);
	return !memcmp(b->work, b->expected, len + AEAD_TAG_BYTES);
}

/* Opens b->expected in place, and refuses it with one bit of the tag changed. */
static bool opens_alike(struct comparison *b, const struct aead_ops *tested, u16 len, u16 ad_len)
{
	struct aead_job job = { .ad = b->ad, .ad_len = ad_len, .in = b->work, .out = b->work, .len = len };

	memcpy(b->work, b->expected, len + AEAD_TAG_BYTES);
	tested->open(b->suite, b->tested_key, (const u8 (*)[AEAD_NONCE_BYTES])b->nonce, &job, 1);
	if (!job.ok || memcmp(b->work, b->plain, len))
		return false;

	memcpy(b->work, b->expected, len + AEAD_TAG_BYTES);
	b->work[len + len % AEAD_TAG_BYTES] ^= 1u << len % 8;
	tested->open(b->suite, b->tested_key, (const u8 (*)[AEAD_NONCE_BYTES])b->nonce, &job, 1);
	return !job.ok;
}

bool aead_self_test(const struct aead_ops *tested, const struct aead_ops *trusted, enum aead_suite suite)
{
	struct comparison b;

	if (tested->state_bytes(suite) > STATE_BYTES || trusted->state_bytes(suite) > STATE_BYTES)
		return false;
	prepare(&b, tested, trusted, suite);
	for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (u32 a = 0; a < ARRAY_SIZE(ad_lengths); a++) {
			aead_nonce(suite, 0x0123456789abcdefull + i, b.nonce[0]);
			if (!seals_alike(&b, tested, trusted, lengths[i], ad_lengths[a]) ||
			    !opens_alike(&b, tested, lengths[i], ad_lengths[a]))
				return false;
		}
	}
	return true;
}
