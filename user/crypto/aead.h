// SPDX-License-Identifier: MIT
/* aead.h - authenticated encryption in batches, over two backends
 *
 * libsodium always; Intel IPsec-MB when it is present and passes a self-test against
 * libsodium at start. Nonce layouts are Noise's: ChaChaPoly 4 zero bytes and the number
 * little-endian, AESGCM 4 zero bytes and the number big-endian.
 */
#ifndef TG_CRYPTO_AEAD_H
#define TG_CRYPTO_AEAD_H

#include "base/types.h"

#define AEAD_KEY_BYTES 32
#define AEAD_TAG_BYTES 16

enum aead_suite {		/* same numbers as enum tg_suite */
	AEAD_CHACHAPOLY = 1,
	AEAD_AESGCM = 2,
};

enum aead_backend { AEAD_SODIUM, AEAD_IPSEC_MB };

/* An expanded key. Heap-allocated (its size depends on suite and backend). */
struct aead_key;

struct aead_job {
	u64 number;		/* packet number: becomes the nonce */
	const u8 *ad;
	const u8 *in;		/* plaintext; for open: ciphertext with the tag behind it */
	u8 *out;		/* ciphertext and tag (len + 16); for open: plaintext (len). May equal in, not overlap otherwise */
	u16 ad_len;
	u16 len;		/* bytes of plaintext */
	bool ok;		/* set by aead_open */
};

/* Chooses and self-tests backends; call once before threads start. Returns 0, or -ENOSYS when
 * libsodium cannot start. */
int aead_init(void);

/* Can this suite be used here (AESGCM needs AES instructions)? */
bool aead_has(enum aead_suite suite);

/* Which backend serves a suite, by name: "ipsec-mb" or "libsodium". */
const char *aead_backend_name(enum aead_suite suite);

/* Tests and benchmarks: use this backend for keys made from now on. -ENOSYS when it is not here. */
int aead_use(enum aead_backend backend);

/* Expands a key; NULL when there is no memory or the suite is not available. Locked in memory
 * where the limit allows, wiped by aead_key_free (NULL is fine). A key may be used by one thread
 * at a time. */
struct aead_key *aead_key_new(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES]);
void aead_key_free(struct aead_key *key);

/* Encrypts n packets under one key. */
void aead_seal(const struct aead_key *key, struct aead_job *jobs, u32 n);

/* Decrypts n packets; job.ok says which are authentic, the output of the others is zeroed. Returns how many are. */
u32 aead_open(const struct aead_key *key, struct aead_job *jobs, u32 n);

#endif
