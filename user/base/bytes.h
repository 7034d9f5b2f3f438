// SPDX-License-Identifier: MIT
/* bytes.h - big-endian integers at unaligned places, and whether bytes say anything */
#ifndef TG_BASE_BYTES_H
#define TG_BASE_BYTES_H

#include <endian.h>
#include <string.h>

#include "base/types.h"

static inline u16 get_be16(const void *p)
{
	u16 v;
	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline u32 get_be32(const void *p)
{
	u32 v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline u64 get_be64(const void *p)
{
	u64 v;
	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void put_be16(void *p, u16 v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be32(void *p, u32 v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be64(void *p, u64 v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* Is any of n bytes not zero? All-zero addresses mean "none" everywhere. */
static inline bool has_bytes(const u8 *p, size_t n)
{
	u8 any = 0;

	while (n--)
		any |= *p++;
	return any;
}

#endif
