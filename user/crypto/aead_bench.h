// SPDX-License-Identifier: MIT
/* aead_bench.h - how fast a backend encrypts here */
#ifndef TG_CRYPTO_AEAD_BENCH_H
#define TG_CRYPTO_AEAD_BENCH_H

#include "crypto/aead.h"

#define AEAD_BENCH_MAX_BYTES 9000u

struct aead_speed {
	u64 seal;	/* bytes of plaintext per second, one thread */
	u64 open;
};

/* Measures one backend and suite with packets of `size` bytes (1..AEAD_BENCH_MAX_BYTES), in batches
 * as the packet path makes them, about 200 ms for each direction. now_us is the caller's clock.
 * 0, -EINVAL, -ENOMEM, or -ENOSYS when the backend cannot do the suite here. */
int aead_benchmark(enum aead_backend backend, enum aead_suite suite, u16 size, u64 (*now_us)(void),
		   struct aead_speed *speed);

#endif
