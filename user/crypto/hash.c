// SPDX-License-Identifier: MIT
/* hash.c - BLAKE3, SHA-2 and BLAKE2b as rows of one table; HMAC and HKDF over any of them
 *
 * The session protocol uses BLAKE3. The others are here because Noise's published vectors use
 * them: the state machine that passes those is the one that runs with BLAKE3.
 */
#include "crypto/hash.h"

#include <sodium.h>
#include <string.h>

#include "tg_config.h"

/* Two homes of the same BLAKE3 code: the distribution's library, or LLVM's copy, whose names
 * carry a prefix. */
#if defined(TG_BLAKE3_LIBBLAKE3)
#include <blake3.h>
typedef blake3_hasher blake3_state;
#define b3_init blake3_hasher_init
#define b3_init_keyed blake3_hasher_init_keyed
#define b3_update blake3_hasher_update
#define b3_final blake3_hasher_finalize
#elif defined(TG_BLAKE3_LLVM)
#include TG_BLAKE3_LLVM
typedef llvm_blake3_hasher blake3_state;
#define b3_init llvm_blake3_hasher_init
#define b3_init_keyed llvm_blake3_hasher_init_keyed
#define b3_update llvm_blake3_hasher_update
#define b3_final llvm_blake3_hasher_finalize
#else
#error "tests/probe.sh found no BLAKE3"
#endif

/* The states are wiped because what is hashed here is mostly keys. */

static void digest_blake3(const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	blake3_state s;

	b3_init(&s);
	if (a_len)
		b3_update(&s, a, a_len);
	if (b_len)
		b3_update(&s, b, b_len);
	b3_final(&s, out, 32);
	sodium_memzero(&s, sizeof(s));
}

static void digest_sha256(const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	crypto_hash_sha256_state s;

	crypto_hash_sha256_init(&s);
	if (a_len)
		crypto_hash_sha256_update(&s, a, a_len);
	if (b_len)
		crypto_hash_sha256_update(&s, b, b_len);
	crypto_hash_sha256_final(&s, out);
	sodium_memzero(&s, sizeof(s));
}

static void digest_sha512(const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	crypto_hash_sha512_state s;

	crypto_hash_sha512_init(&s);
	if (a_len)
		crypto_hash_sha512_update(&s, a, a_len);
	if (b_len)
		crypto_hash_sha512_update(&s, b, b_len);
	crypto_hash_sha512_final(&s, out);
	sodium_memzero(&s, sizeof(s));
}

static void digest_blake2b(const void *a, size_t a_len, const void *b, size_t b_len, u8 *out)
{
	crypto_generichash_blake2b_state s;

	crypto_generichash_blake2b_init(&s, NULL, 0, 64);
	if (a_len)
		crypto_generichash_blake2b_update(&s, a, a_len);
	if (b_len)
		crypto_generichash_blake2b_update(&s, b, b_len);
	crypto_generichash_blake2b_final(&s, out, 64);
	sodium_memzero(&s, sizeof(s));
}

const struct hash hash_blake3 = { "BLAKE3", 32, 64, digest_blake3 };
const struct hash hash_sha256 = { "SHA256", 32, 64, digest_sha256 };
const struct hash hash_sha512 = { "SHA512", 64, 128, digest_sha512 };
const struct hash hash_blake2b = { "BLAKE2b", 64, 128, digest_blake2b };

void hash_hmac(const struct hash *h, const u8 *key, size_t key_len, const void *data, size_t len, u8 *out)
{
	u8 pad[HASH_MAX_BLOCK] = { 0 };
	u8 inner[HASH_MAX_BYTES];

	if (key_len > h->block)
		h->digest(key, key_len, NULL, 0, pad);
	else if (key_len)
		memcpy(pad, key, key_len);

	for (u32 i = 0; i < h->block; i++)
		pad[i] ^= 0x36;
	h->digest(pad, h->block, data, len, inner);

	for (u32 i = 0; i < h->block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	h->digest(pad, h->block, inner, h->bytes, out);

	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

/* One more output of the HKDF: HMAC over the output before it and a counter byte. */
static void hkdf_next(const struct hash *h, const u8 *key, const u8 *before, u8 counter, u8 *out)
{
	u8 data[HASH_MAX_BYTES + 1];
	size_t len = before ? h->bytes : 0;

	if (before)
		memcpy(data, before, len);
	data[len] = counter;
	hash_hmac(h, key, h->bytes, data, len + 1, out);
	sodium_memzero(data, sizeof(data));
}

void hash_hkdf(const struct hash *h, const u8 *chaining_key, const u8 *input, size_t input_len, int n,
	       u8 *out1, u8 *out2, u8 *out3)
{
	u8 key[HASH_MAX_BYTES];

	hash_hmac(h, chaining_key, h->bytes, input, input_len, key);
	hkdf_next(h, key, NULL, 1, out1);
	hkdf_next(h, key, out1, 2, out2);
	if (n == 3)
		hkdf_next(h, key, out2, 3, out3);
	sodium_memzero(key, sizeof(key));
}

void blake3(const void *data, size_t len, u8 out[32])
{
	digest_blake3(data, len, NULL, 0, out);
}

void blake3_keyed(const u8 key[32], const void *data, size_t len, u8 *out, size_t out_len)
{
	blake3_state s;

	b3_init_keyed(&s, key);
	if (len)
		b3_update(&s, data, len);
	b3_final(&s, out, out_len);
	sodium_memzero(&s, sizeof(s));
}
