// SPDX-License-Identifier: MIT
/* keyfile.h - files that hold a secret: 0600, one line */
#ifndef TG_CRYPTO_KEYFILE_H
#define TG_CRYPTO_KEYFILE_H

#include "base/types.h"

#define KEYFILE_ERROR_BYTES 256

/* Writes one line to a new file, mode 0600, O_EXCL. 0, -EEXIST, or another negative errno. */
int keyfile_write(const char *path, const char *line);

/* Reads the one line of a secret file ("-": standard input). Refuses (-EPERM) a regular file that group or
 * others can read or write. error says what to do, e.g. "chmod 600 FILE". */
int keyfile_read(const char *path, char *line, size_t line_bytes, char error[KEYFILE_ERROR_BYTES]);

/* The server's 32-byte secret as base64url; read, or generate and write. */
int keyfile_read_secret(const char *path, u8 secret[32], char error[KEYFILE_ERROR_BYTES]);
int keyfile_write_secret(const char *path, const u8 secret[32]);

#endif
