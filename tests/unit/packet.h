// SPDX-License-Identifier: MIT
/* packet.h - inner packets for tests: built and checked byte by byte, with none of the code under test */
#ifndef TG_TESTS_PACKET_H
#define TG_TESTS_PACKET_H

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/types.h"

#define PACKET_PARTIAL 1	/* checksum field: the pseudo header's sum */
#define PACKET_FULL 2

struct packet {
	u8 family, protocol;	/* 6 or 17 */
	u8 tos, ttl;
	u8 host;		/* last byte of both addresses */
	u8 flags;		/* TCP */
	u8 options;		/* bytes of TCP options, a multiple of 4 */
	bool df;
	u16 id;
	u16 sport, dport;
	u16 window;
	u32 seq, ack;		/* the payload is a stream of bytes that follow from seq */
	u32 payload;
};

static inline u8 packet_stream_byte(u32 position)
{
	return (u8)(position * 7 + (position >> 8) * 13);
}

/* The checksum of RFC 1071 as its text says: 16-bit big-endian words, carry added back at once. */
static inline u16 packet_sum(u16 sum, const u8 *p, u32 len)
{
	for (u32 i = 0; i < len; i += 2) {
		u32 word = (u32)(p[i] << 8) + (i + 1 < len ? p[i + 1] : 0);
		u32 total = sum + word;

		sum = (u16)(total > 0xffff ? total - 0xffff : total);
	}
	return sum;
}

static inline u32 packet_l4_offset(const struct packet *k)
{
	return k->family == 4 ? 20 : 40;
}

static inline u32 packet_header_bytes(const struct packet *k)
{
	return packet_l4_offset(k) + (k->protocol == 6 ? 20u + k->options : 8u);
}

static inline u16 packet_pseudo_sum(const u8 *ip, u32 l4_bytes)
{
	bool four = ip[0] >> 4 == 4;
	u8 tail[4] = { 0, four ? ip[9] : ip[6], (u8)(l4_bytes >> 8), (u8)l4_bytes };
	u16 sum = four ? packet_sum(0, ip + 12, 8) : packet_sum(0, ip + 8, 32);

	return packet_sum(sum, tail, 4);
}

static inline void packet_build_ip(u8 *ip, const struct packet *k, u32 bytes)
{
	if (k->family == 4) {
		ip[0] = 0x45;
		ip[1] = k->tos;
		put_be16(ip + 2, (u16)bytes);
		put_be16(ip + 4, k->id);
		put_be16(ip + 6, k->df ? 0x4000 : 0);
		ip[8] = k->ttl;
		ip[9] = k->protocol;
		memcpy(ip + 12, (u8[]){ 10, 7, 7, k->host, 192, 0, 2, k->host }, 8);
		put_be16(ip + 10, (u16)~packet_sum(0, ip, 20));
		return;
	}
	put_be32(ip, 6u << 28 | (u32)k->tos << 20 | 0x12345);
	put_be16(ip + 4, (u16)(bytes - 40));
	ip[6] = k->protocol;
	ip[7] = k->ttl;
	memcpy(ip + 8, (u8[]){ 0xfd, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, k->host }, 16);
	memcpy(ip + 24, (u8[]){ 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, k->host }, 16);
}

static inline void packet_build_l4(u8 *l4, const struct packet *k, u32 bytes)
{
	put_be16(l4, k->sport);
	put_be16(l4 + 2, k->dport);
	if (k->protocol == 17) {
		put_be16(l4 + 4, (u16)bytes);
		return;
	}
	put_be32(l4 + 4, k->seq);
	put_be32(l4 + 8, k->ack);
	l4[12] = (u8)((20 + k->options) / 4 << 4);
	l4[13] = k->flags;
	put_be16(l4 + 14, k->window);
	for (u32 i = 0; i < k->options; i++)
		l4[20 + i] = (u8)(i % 4 ? 0x5a + i : 1);
}

/* Writes the packet; returns its length. `checksum` as above. */
static inline u32 packet_build(u8 *out, const struct packet *k, int checksum)
{
	u32 offset = packet_l4_offset(k), header = packet_header_bytes(k);
	u32 bytes = header + k->payload, field = offset + (k->protocol == 6 ? 16 : 6);
	u16 sum;

	memset(out, 0, header);
	packet_build_ip(out, k, bytes);
	packet_build_l4(out + offset, k, bytes - offset);
	for (u32 i = 0; i < k->payload; i++)
		out[header + i] = packet_stream_byte(k->seq + i);
	sum = packet_pseudo_sum(out, bytes - offset);
	if (checksum == PACKET_FULL) {
		sum = (u16)~packet_sum(sum, out + offset, bytes - offset);
		if (!sum && k->protocol == 17)
			sum = 0xffff;
	}
	put_be16(out + field, sum);
	return bytes;
}

/* Finishes the partial checksum as a network card would. */
static inline void packet_finish(u8 *ip, u32 len)
{
	u32 offset = ip[0] >> 4 == 4 ? 20 : 40;
	u8 protocol = offset == 20 ? ip[9] : ip[6];
	u16 sum = (u16)~packet_sum(0, ip + offset, len - offset);

	put_be16(ip + offset + (protocol == 6 ? 16 : 6), sum || protocol == 6 ? sum : 0xffff);
}

/* Are lengths and checksums of a whole packet (complete checksum) right? */
static inline bool packet_is_right(const u8 *ip, u32 len)
{
	bool four = ip[0] >> 4 == 4;
	u32 offset = four ? 20 : 40;

	if (four && (get_be16(ip + 2) != len || packet_sum(0, ip, 20) != 0xffff))
		return false;
	if (!four && get_be16(ip + 4) + 40u != len)
		return false;
	if ((four ? ip[9] : ip[6]) == 17 && get_be16(ip + offset + 4) != len - offset)
		return false;
	return packet_sum(packet_pseudo_sum(ip, len - offset), ip + offset, len - offset) == 0xffff;
}

#endif
