// SPDX-License-Identifier: MIT
/* server_keys.h - a server's key file, and the key strings it gives to clients */
#ifndef TG_CMD_SERVER_KEYS_H
#define TG_CMD_SERVER_KEYS_H

#include "crypto/keys.h"
#include "manage/settings.h"

/* Reads the secret of s->key_file; makes the file (and the state directory) when it is missing
 * and `make`. CMD_OK, or said. */
int server_keys_load(const struct settings *s, bool make, bool *made, u8 secret[32]);

/* Fills the string's public key and addresses: --address, else --listen where it is specific,
 * else those of this host's interfaces with a default route. false: none found. *private_only:
 * clients elsewhere will not reach them. */
bool server_keys_describe(const struct settings *s, const u8 secret[32], struct key_string *k, bool *private_only);

/* Adds a credential. */
void server_keys_add_client(struct key_string *k, const u8 id[8], const u8 secret[32]);

/* Prints it alone on a line, and as a QR code when asked; wipes the text. CMD_OK, or said. */
int server_keys_print(const struct key_string *k, bool qr);

#endif
