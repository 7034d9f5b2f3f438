// SPDX-License-Identifier: MIT
/* noise.c - Noise NK, NKpsk2, NKpsk0: symmetric state first, tokens next, messages last
 *
 * Names follow the Noise document (revision 34): mix_hash, mix_key, mix_key_and_hash are its
 * section 5.2; the psk rules, among them that `e` also enters the key, its section 9.
 * The handshake encrypts a few hundred bytes, so it uses libsodium whatever serves the packets.
 */
#include "crypto/noise.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypto/aead_ops.h"

static _Thread_local u64 dh_done;

u64 noise_dh_count(void)
{
	return dh_done;
}

int noise_dh(const u8 secret[32], const u8 public_key[32], u8 out[32])
{
	dh_done++;
	/* libsodium refuses the low-order points itself, and with them an all-zero result. */
	if (crypto_scalarmult_curve25519(out, secret, public_key) || sodium_is_zero(out, 32)) {
		sodium_memzero(out, 32);
		return -EPROTO;
	}
	return 0;
}

void noise_public_from_secret(const u8 secret[32], u8 public_key[32])
{
	dh_done++;
	crypto_scalarmult_curve25519_base(public_key, secret);
}

static void mix_hash(struct noise *s, const void *data, size_t len)
{
	s->hash->digest(s->h, s->hash->bytes, data, len, s->h);
}

/* The cipher key is the first 32 bytes of an output, however long the hash. */
static void start_cipher(struct noise *s, const u8 *key)
{
	memcpy(s->k, key, sizeof(s->k));
	s->has_key = true;
	s->n = 0;
}

static void mix_key(struct noise *s, const u8 *input, size_t len)
{
	u8 key[HASH_MAX_BYTES];

	hash_hkdf(s->hash, s->ck, input, len, 2, s->ck, key, NULL);
	start_cipher(s, key);
	sodium_memzero(key, sizeof(key));
}

static void mix_key_and_hash(struct noise *s, const u8 *input, size_t len)
{
	u8 hash[HASH_MAX_BYTES], key[HASH_MAX_BYTES];

	hash_hkdf(s->hash, s->ck, input, len, 3, s->ck, hash, key);
	mix_hash(s, hash, s->hash->bytes);
	start_cipher(s, key);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(key, sizeof(key));
}

static void encrypt_and_hash(struct noise *s, const u8 *payload, size_t len, u8 *out)
{
	struct aead_job job = {
		.number = s->n++, .ad = s->h, .ad_len = (u16)s->hash->bytes, .in = payload, .out = out, .len = (u16)len,
	};

	aead_once_seal(s->suite, s->k, &job);
	mix_hash(s, out, len + AEAD_TAG_BYTES);
}

static int decrypt_and_hash(struct noise *s, const u8 *in, size_t len, u8 *payload)
{
	struct aead_job job = {
		.number = s->n++, .ad = s->h, .ad_len = (u16)s->hash->bytes, .in = in, .out = payload, .len = (u16)len,
	};
	u8 next[HASH_MAX_BYTES];

	/* The ciphertext enters the hash; opening in place would have overwritten it by then. */
	s->hash->digest(s->h, s->hash->bytes, in, len + AEAD_TAG_BYTES, next);
	if (!aead_once_open(s->suite, s->k, &job))
		return -EBADMSG;
	memcpy(s->h, next, s->hash->bytes);
	return 0;
}

static const char *pattern_name(enum noise_pattern pattern)
{
	switch (pattern) {
	case NOISE_NKPSK2: return "NKpsk2";
	case NOISE_NKPSK0: return "NKpsk0";
	default: return "NK";
	}
}

/* h starts as the protocol's name, padded with zeros, or hashed where it is too long. */
static void start_hash(struct noise *s)
{
	char name[64];
	size_t len;

	snprintf(name, sizeof(name), "Noise_%s_25519_%s_%s", pattern_name(s->pattern),
		 s->suite == AEAD_AESGCM ? "AESGCM" : "ChaChaPoly", s->hash->name);
	len = strlen(name);
	if (len <= s->hash->bytes)
		memcpy(s->h, name, len);
	else
		s->hash->digest(name, len, NULL, 0, s->h);
	memcpy(s->ck, s->h, s->hash->bytes);
}

void noise_begin(struct noise *s, const struct noise_setup *setup)
{
	memset(s, 0, sizeof(*s));
	s->hash = setup->hash;
	s->suite = setup->suite;
	s->pattern = setup->pattern;
	s->initiator = setup->initiator;
	memcpy(s->s_public, setup->server_public, 32);
	if (setup->server_secret)
		memcpy(s->s_secret, setup->server_secret, 32);
	if (setup->psk)
		memcpy(s->psk, setup->psk, 32);
	start_hash(s);
	mix_hash(s, setup->prologue, setup->prologue_len);
	mix_hash(s, s->s_public, 32);	/* the pre-message "<- s" */
}

void noise_set_psk(struct noise *s, const u8 psk[32])
{
	memcpy(s->psk, psk, 32);
}

void noise_wipe(struct noise *s)
{
	sodium_memzero(s, sizeof(*s));
}

/* Token "e", whoever made it. */
static void mix_e(struct noise *s, const u8 e[32])
{
	mix_hash(s, e, 32);
	if (s->pattern != NOISE_NK)
		mix_key(s, e, 32);
}

static int mix_dh(struct noise *s, const u8 secret[32], const u8 public_key[32])
{
	u8 shared[32];
	int err = noise_dh(secret, public_key, shared);

	if (!err)
		mix_key(s, shared, sizeof(shared));
	sodium_memzero(shared, sizeof(shared));
	return err;
}

/* What both sides of the first message do after its e is known: [psk,] e, es. */
static int first_tokens(struct noise *s, const u8 e[32])
{
	if (s->pattern == NOISE_NKPSK0)
		mix_key_and_hash(s, s->psk, 32);
	mix_e(s, e);
	return s->initiator ? mix_dh(s, s->e_secret, s->s_public) : mix_dh(s, s->s_secret, s->remote_e);
}

/* And of the answer: e, ee [, psk]. */
static int answer_tokens(struct noise *s, const u8 e[32])
{
	int err;

	mix_e(s, e);
	err = mix_dh(s, s->e_secret, s->remote_e);
	if (!err && s->pattern == NOISE_NKPSK2)
		mix_key_and_hash(s, s->psk, 32);
	return err;
}

int noise_write(struct noise *s, struct rand_source *r, const u8 *payload, size_t len, u8 e[32], u8 *out)
{
	int err;

	if (!aead_sodium_ops.has(s->suite)) {
		err = -ENOSYS;
		goto fail;
	}
	rand_fill(r, s->e_secret, 32);
	noise_public_from_secret(s->e_secret, s->e_public);
	memcpy(e, s->e_public, 32);
	err = s->initiator ? first_tokens(s, e) : answer_tokens(s, e);
	if (err)
		goto fail;
	encrypt_and_hash(s, payload, len, out);
	return 0;
fail:
	noise_wipe(s);
	return err;
}

int noise_read(struct noise *s, const u8 e[32], const u8 *in, size_t len, u8 *payload)
{
	int err = -EBADMSG;

	if (!aead_sodium_ops.has(s->suite))
		goto fail;
	memcpy(s->remote_e, e, 32);
	if (s->initiator ? answer_tokens(s, e) : first_tokens(s, e))
		goto fail;
	err = decrypt_and_hash(s, in, len, payload);
	if (err)
		goto fail;
	return 0;
fail:
	noise_wipe(s);
	return err;
}

void noise_finish(struct noise *s, u8 initiator_key[32], u8 responder_key[32], u8 root[32])
{
	u8 one[HASH_MAX_BYTES], two[HASH_MAX_BYTES], three[HASH_MAX_BYTES];

	hash_hkdf(s->hash, s->ck, NULL, 0, 3, one, two, three);
	memcpy(initiator_key, one, 32);
	memcpy(responder_key, two, 32);
	memcpy(root, three, 32);
	sodium_memzero(one, sizeof(one));
	sodium_memzero(two, sizeof(two));
	sodium_memzero(three, sizeof(three));
	noise_wipe(s);
}
