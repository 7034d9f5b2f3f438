// SPDX-License-Identifier: MIT
/* hash.h - hash functions as parameters: what Noise needs of one, and HMAC/HKDF over it */
#ifndef TG_CRYPTO_HASH_H
#define TG_CRYPTO_HASH_H

#include "base/types.h"

#define HASH_MAX_BYTES 64
#define HASH_MAX_BLOCK 128

/* A hash function, described for Noise. `name` is as it stands in the protocol name. */
struct hash {
	const char *name;
	u32 bytes;		/* HASHLEN */
	u32 block;		/* BLOCKLEN */
	/* Digest of two pieces, one after the other (either may be empty). */
	void (*digest)(const void *a, size_t a_len, const void *b, size_t b_len, u8 *out);
};

extern const struct hash hash_blake3, hash_sha256, hash_sha512, hash_blake2b;

/* HMAC (RFC 2104) over any of them; out gets h->bytes. */
void hash_hmac(const struct hash *h, const u8 *key, size_t key_len, const void *data, size_t len, u8 *out);

/* Noise's HKDF (Noise revision 34, section 4.3): n = 2 or 3 outputs of h->bytes each; out3 unused when n is 2.
 * out1 may be the chaining key itself. */
void hash_hkdf(const struct hash *h, const u8 *chaining_key, const u8 *input, size_t input_len, int n,
	       u8 *out1, u8 *out2, u8 *out3);

/* BLAKE3 of `len` bytes, 32-byte output; and its keyed mode (key 32 bytes). */
void blake3(const void *data, size_t len, u8 out[32]);
void blake3_keyed(const u8 key[32], const void *data, size_t len, u8 *out, size_t out_len);

#endif
