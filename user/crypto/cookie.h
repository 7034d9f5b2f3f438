// SPDX-License-Identifier: MIT
/* cookie.h - mac1, mac2 and the cookie: who may cost us a handshake
 *
 * mac1 proves that the sender knows whom it talks to; a cookie under load proves that it
 * receives at its address (as in the WireGuard paper, section 5.3, with BLAKE3).
 */
#ifndef TG_CRYPTO_COOKIE_H
#define TG_CRYPTO_COOKIE_H

#include "base/addr.h"
#include "base/rand.h"

#define COOKIE_MAC_BYTES 16
#define COOKIE_LIFE_US (120 * SEC)

/* Key of mac1 for strangers: BLAKE3("triglav mac1" | server public key). */
void cookie_mac1_key(const u8 server_public[32], u8 key[32]);

/* mac over the message up to the mac itself: keyed BLAKE3, 16 bytes of it. The key has 32 bytes; one
 * of another length (a cookie, for mac2) is brought to 32 with BLAKE3 first. */
void cookie_mac(const u8 *key, size_t key_len, const void *msg, size_t len, u8 mac[COOKIE_MAC_BYTES]);

/* Constant-time compare. */
bool cookie_mac_equal(const u8 *a, const u8 *b);

/* The server's side. */
struct cookie_jar {
	u8 secret[32];
	u8 seal_key[32];	/* BLAKE3("triglav cookie" | server public key) */
	u64 secret_born_us;	/* 0: none yet */
};

void cookie_jar_init(struct cookie_jar *jar, const u8 server_public[32]);

/* The cookie of an address and port: keyed BLAKE3 of family, address and port under a secret that is
 * renewed every COOKIE_LIFE_US. */
void cookie_for(struct cookie_jar *jar, struct rand_source *r, const struct addr *from, u64 now_us, u8 cookie[16]);

/* Fills nonce[24] and sealed[32] for a reply to the message whose mac1 is given: XChaCha20-Poly1305
 * with mac1 as additional data, so that only who sent that message can have asked. */
void cookie_seal(const struct cookie_jar *jar, struct rand_source *r, const u8 cookie[16], const u8 mac1[16],
		 u8 nonce[24], u8 sealed[32]);

/* The client's side: opens a cookie reply with the mac1 it sent. 0 or -EBADMSG. */
int cookie_open(const u8 server_public[32], const u8 nonce[24], const u8 sealed[32], const u8 mac1[16], u8 cookie[16]);

#endif
