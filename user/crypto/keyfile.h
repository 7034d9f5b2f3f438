// SPDX-License-Identifier: MIT
/* keyfile.h - files that hold a secret: 0600, one line */
#ifndef TG_CRYPTO_KEYFILE_H
#define TG_CRYPTO_KEYFILE_H

#include "base/types.h"

#define KEYFILE_ERROR_BYTES 256

/* Writes one line to a new file, mode 0600, O_EXCL, and syncs it. 0, -EEXIST, -EINVAL for more than one
 * line, or another negative errno; after an error the file is gone again. */
int keyfile_write(const char *path, const char *line);

/* Reads the one line of a secret file ("-": standard input). Refuses (-EPERM) a regular file that group or
 * others can read or write, unless it lies in systemd's $CREDENTIALS_DIRECTORY. White space at the end
 * is cut. 0, or a negative errno and one sentence in error, which also says what to do, e.g.
 * "chmod 600 FILE"; line is then wiped. Of a pipe or terminal no byte behind the line is read. */
int keyfile_read(const char *path, char *line, size_t line_bytes, char error[KEYFILE_ERROR_BYTES]);

/* The server's 32-byte secret as base64url, in the same kind of file, with the same errors. */
int keyfile_read_secret(const char *path, u8 secret[32], char error[KEYFILE_ERROR_BYTES]);
int keyfile_write_secret(const char *path, const u8 secret[32]);

#endif
