// SPDX-License-Identifier: MIT
/* noise.h - Noise NK, NKpsk2 and NKpsk0 (Noise revision 34), hash and cipher as parameters
 *
 *   NK:      <- s  ...  -> e, es   <- e, ee
 *   NKpsk0:  <- s  ...  -> psk, e, es   <- e, ee
 *   NKpsk2:  <- s  ...  -> e, es   <- e, ee, psk
 *
 * The message's e and its encrypted payload are separate arguments, because the wire puts a
 * session handle between them.
 */
#ifndef TG_CRYPTO_NOISE_H
#define TG_CRYPTO_NOISE_H

#include "base/rand.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

enum noise_pattern { NOISE_NK, NOISE_NKPSK2, NOISE_NKPSK0 };	/* same numbers as enum tg_pattern */

struct noise {
	const struct hash *hash;
	enum aead_suite suite;
	enum noise_pattern pattern;
	bool initiator;
	bool has_key;
	u64 n;
	u8 k[32];
	u8 ck[HASH_MAX_BYTES];
	u8 h[HASH_MAX_BYTES];
	u8 psk[32];
	u8 e_secret[32], e_public[32];	/* own ephemeral */
	u8 remote_e[32];
	u8 s_secret[32];		/* responder's static secret */
	u8 s_public[32];		/* responder's static public key: own or remote */
};

struct noise_setup {
	enum noise_pattern pattern;
	enum aead_suite suite;
	const struct hash *hash;
	bool initiator;
	const u8 *prologue;
	size_t prologue_len;
	const u8 *server_public;	/* 32 bytes, both roles */
	const u8 *server_secret;	/* 32 bytes, responder only */
	const u8 *psk;			/* 32 bytes for the psk patterns; the responder of NKpsk2 may give it
					 * later with noise_set_psk(), once it has read who is asking */
};

/* X25519 with low-order points rejected: 0, or -EPROTO when the result would be all zero. */
int noise_dh(const u8 secret[32], const u8 public_key[32], u8 out[32]);
void noise_public_from_secret(const u8 secret[32], u8 public_key[32]);

/* Counts X25519 operations done in this thread, base point or not; tests prove with it what costs
 * nothing. */
u64 noise_dh_count(void);

/* Starts a handshake; copies all it needs of `setup`. aead_init() must have run. */
void noise_begin(struct noise *s, const struct noise_setup *setup);

/* Gives the psk late: any time before the message that uses it. */
void noise_set_psk(struct noise *s, const u8 psk[32]);

/* Writes the next message (the initiator's is the first, the responder's the answer): own fresh
 * ephemeral into e, encrypted payload (len + 16 bytes, len <= 65519) into out. 0, -EPROTO for a
 * low-order remote key, or -ENOSYS when the suite cannot be used here; after an error the state is
 * wiped and of no more use. Tests fix the ephemeral with a rand_source that returns it. */
int noise_write(struct noise *s, struct rand_source *r, const u8 *payload, size_t len, u8 e[32], u8 *out);

/* Reads the next message: payload (len bytes; may equal in) out of len + 16 bytes at `in`. 0, or
 * -EBADMSG when anything about it is wrong: the payload is zeroed, the state wiped and of no more
 * use. A responder that must stay silent towards forgeries keeps no state before this succeeds. */
int noise_read(struct noise *s, const u8 e[32], const u8 *in, size_t len, u8 *payload);

/* Ends a handshake that will not be finished. */
void noise_wipe(struct noise *s);

/* After both messages. Gives the two transport keys (initiator's sending key first) and the third
 * output of the final HKDF, from which session secrets come. Wipes the state. */
void noise_finish(struct noise *s, u8 initiator_key[32], u8 responder_key[32], u8 root[32]);

#endif
