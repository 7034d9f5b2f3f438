// SPDX-License-Identifier: MIT
/* ecn.h - say "congestion" in an IP header instead of dropping the packet (RFC 3168)
 *
 * The TCP or UDP checksum does not cover these bits. That of the IPv4 header does, and is corrected without
 * reading the rest of the header (RFC 1624, equation 3).
 */
#ifndef TG_PATH_ECN_H
#define TG_PATH_ECN_H

#include "base/bytes.h"

#define ECN_NONE 0u		/* the sender would not understand */
#define ECN_CONGESTED 3u

static inline void ecn_mark_ip4(u8 *ip)
{
	u16 before = get_be16(ip);
	u32 sum;

	ip[1] |= ECN_CONGESTED;
	sum = (u16)~get_be16(ip + 10) + (u16)~before + get_be16(ip);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be16(ip + 10, (u16)~sum);
}

/* Marks the IP packet of len bytes as having met congestion. False, and nothing changed: its sender does not know
 * ECN, or it is no IP packet. One that is marked already stays so, and the answer is true. */
static inline bool ecn_mark(u8 *ip, u32 len)
{
	u8 version = len ? ip[0] >> 4 : 0;

	if (version == 4 && len >= 20 && (ip[1] & 3) != ECN_NONE) {
		if ((ip[1] & 3) != ECN_CONGESTED)
			ecn_mark_ip4(ip);
		return true;
	}
	if (version == 6 && len >= 40 && (ip[1] >> 4 & 3) != ECN_NONE) {
		ip[1] |= ECN_CONGESTED << 4;
		return true;
	}
	return false;
}

#endif
