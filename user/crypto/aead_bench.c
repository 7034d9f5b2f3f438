// SPDX-License-Identifier: MIT
/* aead_bench.c - how fast a backend encrypts here */
#include "crypto/aead_bench.h"

#include <errno.h>
#include <stdlib.h>

#include "crypto/aead_ops.h"

#define PACKETS 32u	/* of a batch: as many as a worker seals at once */
#define RUN_US (200 * MSEC)
#define HEADER_BYTES 12u

struct bench {
	struct aead_key *key;
	struct aead_job jobs[PACKETS];
	u8 header[HEADER_BYTES];
	u8 *plain, *sealed, *opened;	/* PACKETS pieces each */
};

static void aim(struct bench *b, u16 size, const u8 *in, u8 *out)
{
	size_t step = size + AEAD_TAG_BYTES;

	for (u32 i = 0; i < PACKETS; i++) {
		b->jobs[i].in = in + i * step;
		b->jobs[i].out = out + i * step;
	}
}

static int prepare(struct bench *b, const struct aead_ops *ops, enum aead_suite suite, u16 size)
{
	static const u8 key[AEAD_KEY_BYTES] = { 1, 2, 3 };
	size_t bytes = PACKETS * (size + (size_t)AEAD_TAG_BYTES);

	b->key = aead_key_new_on(ops, suite, key);
	b->plain = calloc(1, bytes);
	b->sealed = calloc(1, bytes);
	b->opened = calloc(1, bytes);
	if (!b->key || !b->plain || !b->sealed || !b->opened)
		return -ENOMEM;
	for (u32 i = 0; i < PACKETS; i++)
		b->jobs[i] = (struct aead_job){ .number = i, .ad = b->header, .ad_len = HEADER_BYTES, .len = size };
	return 0;
}

static void release(struct bench *b)
{
	aead_key_free(b->key);
	free(b->plain);
	free(b->sealed);
	free(b->opened);
}

/* Repeats a batch until the time is over; the clock is read once per batch. Numbers repeat, as
 * nothing of this leaves the function. Returns bytes per second. */
static u64 measure(struct bench *b, u16 size, bool seal, u64 (*now_us)(void))
{
	u64 start = now_us(), spent, bytes = 0;

	do {
		if (seal)
			aead_seal(b->key, b->jobs, PACKETS);
		else
			aead_open(b->key, b->jobs, PACKETS);
		bytes += PACKETS * (u64)size;
		spent = now_us() - start;
	} while (spent < RUN_US);
	return bytes * SEC / spent;
}

int aead_benchmark(enum aead_backend backend, enum aead_suite suite, u16 size, u64 (*now_us)(void),
		   struct aead_speed *speed)
{
	const struct aead_ops *ops = aead_backend_ops(backend, suite);
	struct bench b = { 0 };
	int err;

	if (!size || size > AEAD_BENCH_MAX_BYTES)
		return -EINVAL;
	if (!ops)
		return -ENOSYS;
	err = prepare(&b, ops, suite, size);
	if (!err) {
		aim(&b, size, b.plain, b.sealed);
		speed->seal = measure(&b, size, true, now_us);
		aim(&b, size, b.sealed, b.opened);
		speed->open = measure(&b, size, false, now_us);
	}
	release(&b);
	return err;
}
