// SPDX-License-Identifier: MIT
/* csum.h - the Internet checksum (RFC 1071), in pieces
 *
 * Sums are taken over bytes as they lie in memory, in the machine's order: ones' complement
 * addition does not care, as long as the folded result is stored the same way.
 */
#ifndef TG_LINK_CSUM_H
#define TG_LINK_CSUM_H

#include <endian.h>
#include <string.h>

#include "base/types.h"

/* Adds `len` bytes to a running sum; only the last piece may have an odd length. The carries of the wide
 * additions gather above bit 64 and come back in at the end, as ones' complement wants it. */
static inline u64 csum_add(u64 sum, const void *data, u32 len)
{
	const u8 *p = data;
	unsigned __int128 even = sum, odd = 0;

	for (; len >= 16; len -= 16, p += 16) {
		u64 a, b;

		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		even += a;
		odd += b;
	}
	even += odd;
	sum = ((u64)even & 0xffffffff) + ((u64)even >> 32) + (u64)(even >> 64);
	for (; len >= 2; len -= 2, p += 2) {
		u16 word;

		memcpy(&word, p, 2);
		sum += word;
	}
	if (len)
		sum += htobe16((u16)(*p << 8));
	return sum;
}

/* Adds a number as if it stood in the packet as 16 bits in network byte order. */
static inline u64 csum_add16(u64 sum, u16 value)
{
	return sum + htobe16(value);
}

/* Folds to 16 bits, not complemented: what a partial checksum field holds. */
static inline u16 csum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

/* Sum of the addresses and the protocol, without the length, of the pseudo header of TCP and UDP. */
static inline u64 csum_pseudo(const u8 *ip, u8 family, u8 protocol)
{
	u64 sum = family == 4 ? csum_add(0, ip + 12, 8) : csum_add(0, ip + 8, 32);

	return csum_add16(sum, protocol);
}

static inline void csum_store(void *field, u16 folded)
{
	memcpy(field, &folded, 2);
}

#endif
