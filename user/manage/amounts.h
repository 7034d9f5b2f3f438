/* SPDX-License-Identifier: MIT */
/* amounts.h - "20mbit" and "10GB" as people write them */
#ifndef TG_MANAGE_AMOUNTS_H
#define TG_MANAGE_AMOUNTS_H

#include "base/types.h"

#define AMOUNT_RATE_EXPECTS "a rate such as \"20mbit\" or \"1.5gbit\", or \"none\""
#define AMOUNT_BYTES_EXPECTS "an amount such as \"10GB\" or \"500MB\", or \"none\""

/* A number, with a fraction or without, and a unit in any case: bit, kbit, mbit, gbit (a second; powers of 1000). In bytes per second,
 * at least 8 kbit; "none" is 0. 0 or -EINVAL. */
int amount_parse_rate(const char *text, u64 *bytes_per_second);

/* Likewise with K, M, G, T (powers of 1000), KiB, MiB, GiB, TiB; each of the former may have a B behind it. At least 1 MB; "none" is 0. */
int amount_parse_bytes(const char *text, u64 *bytes);

#endif
