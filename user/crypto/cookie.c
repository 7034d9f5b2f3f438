// SPDX-License-Identifier: MIT
/* cookie.c - macs and cookies in front of the handshake */
#include "crypto/cookie.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/hash.h"

static void labelled_key(const char *label, const u8 server_public[32], u8 key[32])
{
	hash_blake3.digest(label, strlen(label), server_public, 32, key);
}

void cookie_mac1_key(const u8 server_public[32], u8 key[32])
{
	labelled_key("triglav mac1", server_public, key);
}

static void cookie_seal_key(const u8 server_public[32], u8 key[32])
{
	labelled_key("triglav cookie", server_public, key);
}

void cookie_mac(const u8 *key, size_t key_len, const void *msg, size_t len, u8 mac[COOKIE_MAC_BYTES])
{
	u8 whole[32];

	if (key_len == sizeof(whole))
		memcpy(whole, key, sizeof(whole));
	else
		blake3(key, key_len, whole);
	blake3_keyed(whole, msg, len, mac, COOKIE_MAC_BYTES);
	sodium_memzero(whole, sizeof(whole));
}

bool cookie_mac_equal(const u8 *a, const u8 *b)
{
	return !sodium_memcmp(a, b, COOKIE_MAC_BYTES);
}

void cookie_jar_init(struct cookie_jar *jar, const u8 server_public[32])
{
	memset(jar, 0, sizeof(*jar));
	cookie_seal_key(server_public, jar->seal_key);
}

static void renew_secret(struct cookie_jar *jar, struct rand_source *r, u64 now_us)
{
	if (jar->secret_born_us && now_us < jar->secret_born_us + COOKIE_LIFE_US)
		return;
	rand_fill(r, jar->secret, sizeof(jar->secret));
	jar->secret_born_us = MAX(now_us, 1);	/* 0 says that there is none */
}

void cookie_for(struct cookie_jar *jar, struct rand_source *r, const struct addr *from, u64 now_us, u8 cookie[16])
{
	u8 who[1 + 16 + 2];

	renew_secret(jar, r, now_us);
	who[0] = from->family;
	memcpy(who + 1, from->ip, 16);
	put_be16(who + 17, from->port);
	blake3_keyed(jar->secret, who, sizeof(who), cookie, 16);
}

void cookie_seal(const struct cookie_jar *jar, struct rand_source *r, const u8 cookie[16], const u8 mac1[16],
		 u8 nonce[24], u8 sealed[32])
{
	rand_fill(r, nonce, 24);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, cookie, 16, mac1, 16, NULL, nonce, jar->seal_key);
}

int cookie_open(const u8 server_public[32], const u8 nonce[24], const u8 sealed[32], const u8 mac1[16], u8 cookie[16])
{
	u8 key[32];

	cookie_seal_key(server_public, key);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(cookie, NULL, NULL, sealed, 32, mac1, 16, nonce, key))
		return -EBADMSG;
	return 0;
}
