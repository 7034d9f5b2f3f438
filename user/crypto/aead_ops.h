// SPDX-License-Identifier: MIT
/* aead_ops.h - what a backend offers to aead.c; for crypto/ and its tests only
 *
 * Backends take ready 12-byte nonces, so that published vectors can be run on them. Everybody
 * else goes through aead.h, which makes the nonce from the packet number.
 */
#ifndef TG_CRYPTO_AEAD_OPS_H
#define TG_CRYPTO_AEAD_OPS_H

#include "crypto/aead.h"

#define AEAD_NONCE_BYTES 12
#define AEAD_STATE_ALIGN 64

/* Two implementations: libsodium and IPsec-MB. Keys in `state` are aligned to AEAD_STATE_ALIGN. */
struct aead_ops {
	const char *name;
	bool (*has)(enum aead_suite suite);		/* library and CPU can; call start first */
	size_t (*state_bytes)(enum aead_suite suite);	/* of an expanded key */
	void (*expand)(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], void *state);
	/* jobs[i] under nonces[i]; job.number is not looked at. Different jobs share no output. */
	void (*seal)(enum aead_suite suite, const void *state, const u8 (*nonces)[AEAD_NONCE_BYTES],
		     struct aead_job *jobs, u32 n);
	/* Sets job.ok. May leave unauthentic plaintext in out: aead.c zeroes it. */
	void (*open)(enum aead_suite suite, const void *state, const u8 (*nonces)[AEAD_NONCE_BYTES],
		     struct aead_job *jobs, u32 n);
};

extern const struct aead_ops aead_sodium_ops;
extern const struct aead_ops aead_ipsecmb_ops;	/* exists only with TG_HAVE_IPSEC_MB */

/* Loads and probes IPsec-MB; 0 or -ENOSYS. Once, before threads. */
int aead_ipsecmb_start(void);

/* Noise's nonce of a packet number. */
void aead_nonce(enum aead_suite suite, u64 number, u8 nonce[AEAD_NONCE_BYTES]);

/* The ops of a backend, or NULL where it was not built in, cannot run, or failed its self-test
 * for this suite. After aead_init(). */
const struct aead_ops *aead_backend_ops(enum aead_backend backend, enum aead_suite suite);

/* Does `tested` agree with `trusted`, sealing and opening, over lengths around every block size
 * and both header lengths? */
bool aead_self_test(const struct aead_ops *tested, const struct aead_ops *trusted, enum aead_suite suite);

/* A key of one backend; else as aead_key_new(). */
struct aead_key *aead_key_new_on(const struct aead_ops *ops, enum aead_suite suite, const u8 key[AEAD_KEY_BYTES]);

/* One message (job->number included) under a key that is used once, as in handshakes: libsodium,
 * nothing allocated. The suite must be available. False: not authentic, out is zeroed. */
void aead_once_seal(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], struct aead_job *job);
bool aead_once_open(enum aead_suite suite, const u8 key[AEAD_KEY_BYTES], struct aead_job *job);

#endif
