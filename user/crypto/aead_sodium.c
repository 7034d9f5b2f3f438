// SPDX-License-Identifier: MIT
/* aead_sodium.c - AEAD backend over libsodium: always present, and the one we trust */
#include "crypto/aead_ops.h"

#include <sodium.h>
#include <string.h>

static bool sodium_has(enum aead_suite suite)
{
	return suite == AEAD_CHACHAPOLY || (suite == AEAD_AESGCM && crypto_aead_aes256gcm_is_available());
}

static size_t sodium_state_bytes(enum aead_suite suite)
{
	return suite == AEAD_AESGCM ? sizeof(crypto_aead_aes256gcm_state) : AEAD_KEY_BYTES;
}

static void sodium_expand(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], void *state)
{
	if (suite == AEAD_AESGCM)
		crypto_aead_aes256gcm_beforenm(state, key);
	else
		memcpy(state, key, AEAD_KEY_BYTES);
}

static void sodium_seal(enum aead_suite suite, const void *state, const u8 (*nonces)[AEAD_NONCE_BYTES],
			struct aead_job *jobs, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct aead_job *j = &jobs[i];

		if (suite == AEAD_AESGCM)
			crypto_aead_aes256gcm_encrypt_afternm(j->out, NULL, j->in, j->len, j->ad, j->ad_len,
							      NULL, nonces[i], state);
		else
			crypto_aead_chacha20poly1305_ietf_encrypt(j->out, NULL, j->in, j->len, j->ad, j->ad_len,
								  NULL, nonces[i], state);
	}
}

static void sodium_open(enum aead_suite suite, const void *state, const u8 (*nonces)[AEAD_NONCE_BYTES],
			struct aead_job *jobs, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct aead_job *j = &jobs[i];
		const u8 *tag = j->in + j->len;
		int err;

		if (suite == AEAD_AESGCM)
			err = crypto_aead_aes256gcm_decrypt_detached_afternm(j->out, NULL, j->in, j->len, tag, j->ad,
									     j->ad_len, nonces[i], state);
		else
			err = crypto_aead_chacha20poly1305_ietf_decrypt_detached(j->out, NULL, j->in, j->len, tag,
										 j->ad, j->ad_len, nonces[i], state);
		j->ok = !err;
	}
}

const struct aead_ops aead_sodium_ops = {
	.name = "libsodium",
	.has = sodium_has,
	.state_bytes = sodium_state_bytes,
	.expand = sodium_expand,
	.seal = sodium_seal,
	.open = sodium_open,
};

/* Room for the expanded key of either suite. */
union any_state {
	crypto_aead_aes256gcm_state aes;
	u8 chacha[AEAD_KEY_BYTES];
} __attribute__((aligned(AEAD_STATE_ALIGN)));

void aead_once_seal(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], struct aead_job *job)
{
	u8 nonce[1][AEAD_NONCE_BYTES];
	union any_state state;

	aead_nonce(suite, job->number, nonce[0]);
	sodium_expand(suite, key, &state);
	sodium_seal(suite, &state, nonce, job, 1);
	sodium_memzero(&state, sizeof(state));
}

bool aead_once_open(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], struct aead_job *job)
{
	u8 nonce[1][AEAD_NONCE_BYTES];
	union any_state state;

	aead_nonce(suite, job->number, nonce[0]);
	sodium_expand(suite, key, &state);
	sodium_open(suite, &state, nonce, job, 1);
	sodium_memzero(&state, sizeof(state));
	if (!job->ok && job->len)
		memset(job->out, 0, job->len);
	return job->ok;
}
