// SPDX-License-Identifier: MIT
/* keys.h - key strings that people hold (tg1_, tg2_) */
#ifndef TG_CRYPTO_KEYS_H
#define TG_CRYPTO_KEYS_H

#include "base/addr.h"

#define KEYS_MAX_ADDRS 8
#define KEYS_TEXT_BYTES 1024
#define KEYS_ERROR_BYTES 160

struct key_string {
	u8 server_public[32];
	bool has_client;		/* tg2_ */
	u8 client_id[8];
	u8 client_secret[32];
	u32 addr_count;
	struct addr addrs[KEYS_MAX_ADDRS];
	char host[256];			/* item 0x10, "" when absent */
	u16 host_port;
	u8 suites;			/* item 0x11: bit (1 << suite); 0 when absent: all */
	u16 tcp_port;			/* item 0x12; 0 when absent */
};

/* Reads a key string (surrounding white space is ignored). 0, or -EINVAL with one sentence in
 * error that says what is wrong: prefix, letters, length, check, no address. A host name counts as
 * an address; *k is zero after an error. */
int keys_parse(struct key_string *k, const char *text, char error[KEYS_ERROR_BYTES]);

/* Writes the string, with the check item last; KEYS_TEXT_BYTES is always room enough. 0, -ENOSPC when it
 * does not fit, or -EINVAL when keys_parse() would not take it back (no address, port 0, a host name
 * with letters no host name has). */
int keys_format(const struct key_string *k, char *out, size_t out_bytes);

/* base64url without padding: n bytes to text (returns its length without the NUL; 0 when it does not fit),
 * and back (returns bytes, or -EINVAL; exact: trailing bits must be zero). */
size_t keys_base64url(const u8 *data, size_t n, char *out, size_t out_bytes);
int keys_from_base64url(const char *text, size_t len, u8 *out, size_t out_bytes);

#endif
