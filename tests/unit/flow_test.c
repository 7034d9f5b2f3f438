// SPDX-License-Identifier: MIT
/* flow_test.c - the parser of inner packets and the flow hash */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <triglav/flow.h>

#include "base/types.h"

#define IP4(ihl, tos, total, frag, proto) \
	0x40 | (ihl), tos, (total) >> 8, (total) & 255, 0, 1, (frag) >> 8, (frag) & 255, 64, proto, 0, 0, 10, 1, 2, 3, 10, 4, 5, 6
#define IP6(tc, payload, next) \
	0x60 | (tc) >> 4, ((tc) & 15) << 4, 0, 9, (payload) >> 8, (payload) & 255, next, 64, \
	0xfd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define TCP(doff, flags) 0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, (doff) << 4, flags, 1, 0, 0, 0, 0, 0
#define UDP(bytes) 0x12, 0x34, 0, 53, (bytes) >> 8, (bytes) & 255, 0, 0
#define FOUR 1, 2, 3, 4
#define EXT(next) next, 0, 1, 4, 0, 0, 0, 0
#define FRAG(next, word) next, 0, (word) >> 8, (word) & 255, 0, 0, 0, 7

static const struct {
	const char *what;
	u8 bytes[140];
	u16 len;
	bool ok;
	u8 family, protocol, tos, flags, fragment;
	u16 sport, dport, l4, payload_at;
	u32 payload;
} packets[] = {
	{ "TCP", { IP4(5, 0xb9, 44, 0x4000, 6), TCP(5, 0x18), FOUR }, 44, true, 4, 6, 0xb9, 0x18, 0, 0x1234, 80, 20, 40, 4 },
	{ "TCP options", { IP4(5, 0, 48, 0, 6), TCP(7, 2), FOUR, FOUR }, 48, true, 4, 6, 0, 2, 0, 0x1234, 80, 20, 48, 0 },
	{ "IP options", { IP4(6, 0, 36, 0, 17), FOUR, UDP(12), FOUR }, 36, true, 4, 17, 0, 0, 0, 0x1234, 53, 24, 32, 4 },
	{ "UDP", { IP4(5, 0, 28, 0, 17), UDP(8) }, 28, true, 4, 17, 0, 0, 0, 0x1234, 53, 20, 28, 0 },
	{ "UDP options behind", { IP4(5, 0, 32, 0, 17), UDP(8), FOUR }, 32, true, 4, 17, 0, 0, 0, 0x1234, 53, 20, 28, 0 },
	{ "ICMP", { IP4(5, 0, 28, 0, 1), FOUR, FOUR }, 28, true, 4, 1, 0, 0, 0, 0, 0, 20, 20, 8 },
	{ "bare IPv4", { IP4(5, 0, 20, 0, 99) }, 20, true, 4, 99, 0, 0, 0, 0, 0, 20, 20, 0 },
	{ "padding behind", { IP4(5, 0, 28, 0, 17), UDP(8), FOUR, FOUR }, 36, true, 4, 17, 0, 0, 0, 0x1234, 53, 20, 28, 0 },
	{ "first fragment", { IP4(5, 0, 40, 0x2000, 6), TCP(5, 0x10) }, 40, true, 4, 6, 0, 0, 1, 0, 0, 20, 20, 20 },
	{ "later fragment", { IP4(5, 0, 24, 0x0003, 6), FOUR }, 24, true, 4, 6, 0, 0, 1, 0, 0, 20, 20, 4 },
	{ "6 TCP", { IP6(0xb9, 24, 6), TCP(5, 0x10), FOUR }, 64, true, 6, 6, 0xb9, 0x10, 0, 0x1234, 80, 40, 60, 4 },
	{ "6 UDP", { IP6(0, 12, 17), UDP(12), FOUR }, 52, true, 6, 17, 0, 0, 0, 0x1234, 53, 40, 48, 4 },
	{ "6 none", { IP6(0, 0, 59) }, 40, true, 6, 59, 0, 0, 0, 0, 0, 40, 40, 0 },
	{ "6 extensions", { IP6(0, 32, 0), EXT(43), EXT(60), EXT(17), UDP(8) }, 72, true, 6, 17, 0, 0, 0, 0x1234, 53, 64, 72, 0 },
	{ "6 AH", { IP6(0, 20, 51), 17, 1, 0, 0, FOUR, FOUR, UDP(8) }, 60, true, 6, 17, 0, 0, 0, 0x1234, 53, 52, 60, 0 },
	{ "6 fragment", { IP6(0, 16, 44), FRAG(17, 1), UDP(8) }, 56, true, 6, 17, 0, 0, 1, 0, 0, 48, 48, 8 },
	{ "6 last fragment", { IP6(0, 16, 44), FRAG(17, 0x10), UDP(8) }, 56, true, 6, 17, 0, 0, 1, 0, 0, 48, 48, 8 },
	{ "6 fragment of options", { IP6(0, 16, 44), FRAG(60, 0x10), FOUR, FOUR }, 56, true, 6, 60, 0, 0, 1, 0, 0, 48, 48, 8 },
	{ "6 atomic fragment", { IP6(0, 16, 44), FRAG(17, 0), UDP(8) }, 56, true, 6, 17, 0, 0, 0, 0x1234, 53, 48, 56, 0 },
	{ "6 ESP", { IP6(0, 8, 50), FOUR, FOUR }, 48, true, 6, 50, 0, 0, 0, 0, 0, 40, 40, 8 },
	{ "8 extensions", { IP6(0, 72, 0), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(17), UDP(8) }, 112,
	  true, 6, 17, 0, 0, 0, 0x1234, 53, 104, 112, 0 },

	{ "9 extensions", { IP6(0, 80, 0), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(17), UDP(8) }, 120, .ok = false },
	{ "nothing", { 0 }, 0, .ok = false },
	{ "version 0", { 0 }, 64, .ok = false },
	{ "version 5", { 0x55 }, 64, .ok = false },
	{ "19 bytes", { IP4(5, 0, 19, 0, 1) }, 19, .ok = false },
	{ "header length 4", { IP4(4, 0, 28, 0, 17), UDP(8) }, 28, .ok = false },
	{ "header longer than packet", { IP4(15, 0, 28, 0, 17), UDP(8) }, 28, .ok = false },
	{ "total less than header", { IP4(6, 0, 22, 0, 17), UDP(8) }, 28, .ok = false },
	{ "total more than packet", { IP4(5, 0, 29, 0, 17), UDP(8) }, 28, .ok = false },
	{ "total 0", { IP4(5, 0, 0, 0, 6), TCP(5, 16) }, 40, .ok = false },
	{ "TCP cut off", { IP4(5, 0, 39, 0, 6), TCP(5, 16) }, 39, .ok = false },
	{ "TCP cut off, padded", { IP4(5, 0, 39, 0, 6), TCP(5, 16) }, 60, .ok = false },
	{ "TCP offset 4", { IP4(5, 0, 40, 0, 6), TCP(4, 16) }, 40, .ok = false },
	{ "TCP offset past end", { IP4(5, 0, 40, 0, 6), TCP(6, 16) }, 40, .ok = false },
	{ "UDP cut off", { IP4(5, 0, 27, 0, 17), UDP(8) }, 27, .ok = false },
	{ "UDP length 7", { IP4(5, 0, 28, 0, 17), UDP(7) }, 28, .ok = false },
	{ "UDP length past end", { IP4(5, 0, 28, 0, 17), UDP(9) }, 28, .ok = false },
	{ "6 cut off", { IP6(0, 0, 59) }, 39, .ok = false },
	{ "6 payload past end", { IP6(0, 9, 17), UDP(8) }, 48, .ok = false },
	{ "6 jumbogram", { IP6(0, 0, 0), 17, 0, 0xc2, 4, 0, 1, 0, 0, UDP(8) }, 56, .ok = false },
	{ "6 extension past packet", { IP6(0, 8, 60), 17, 9, 0, 0, 0, 0, 0, 0 }, 48, .ok = false },
	{ "6 extension past end", { IP6(0, 8, 60), EXT(60) }, 48, .ok = false },
	{ "6 extension in padding", { IP6(0, 4, 60), EXT(17), UDP(8) }, 56, .ok = false },
	{ "6 fragment cut off", { IP6(0, 4, 44), FRAG(17, 1) }, 44, .ok = false },
};

/* The packet in memory of exactly its size, so that the sanitizer sees a read past it. */
static int parse(struct tg_flow *f, const u8 *bytes, u32 len)
{
	u8 *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	err = tg_flow_parse(f, copy, copy + len, len);
	free(copy);
	return err;
}

static void packets_parse(void **state)
{
	struct tg_flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		int err = parse(&f, packets[i].bytes, packets[i].len);

		if ((err == 0) != packets[i].ok)
			fail_msg("%s: %d", packets[i].what, err);
		if (err)
			continue;
		print_message("%s\n", packets[i].what);
		assert_int_equal(f.family, packets[i].family);
		assert_int_equal(f.protocol, packets[i].protocol);
		assert_int_equal(f.tos, packets[i].tos);
		assert_int_equal(f.tcp_flags, packets[i].flags);
		assert_int_equal(f.fragment, packets[i].fragment);
		assert_int_equal(f.sport, packets[i].sport);
		assert_int_equal(f.dport, packets[i].dport);
		assert_int_equal(f.l4_offset, packets[i].l4);
		assert_int_equal(f.payload_offset, packets[i].payload_at);
		assert_int_equal(f.payload_bytes, packets[i].payload);
	}
}

/* Every cut of every packet, at every place: an answer, and no byte read behind the cut. */
static void cut_off_packets_are_refused(void **state)
{
	struct tg_flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		if (!packets[i].ok || parse(&f, packets[i].bytes, packets[i].len))
			continue;
		for (u32 len = 0, whole = f.bytes; len < whole; len++)
			assert_int_not_equal(parse(&f, packets[i].bytes, len), 0);
	}
}

/* In BPF the payload of a super-packet lies elsewhere: only headers can be looked at. */
static void headers_suffice(void **state)
{
	static const u8 tcp[] = { IP4(5, 0, 40000, 0x4000, 6), TCP(5, 0x10) };
	struct tg_flow f;

	(void)state;
	assert_int_equal(tg_flow_parse(&f, tcp, tcp + 40, 40000), 0);
	assert_int_equal(f.payload_bytes, 39960);
	assert_int_not_equal(tg_flow_parse(&f, tcp, tcp + 39, 40000), 0);
	assert_int_not_equal(tg_flow_parse(&f, tcp, tcp + 40, 39999), 0);
}

static void addresses_are_found(void **state)
{
	static const u8 four[] = { IP4(5, 0, 20, 0, 1) }, six[] = { IP6(0, 0, 59) };
	struct tg_flow f;
	u8 ip[16];

	(void)state;
	assert_int_equal(parse(&f, four, 20), 0);
	assert_int_equal(tg_inner_src(four, four + 20, ip), 4);
	assert_memory_equal(ip, f.src, 16);
	assert_memory_equal(ip, ((u8[16]){ 10, 1, 2, 3 }), 16);
	assert_int_equal(tg_inner_dst(four, four + 20, ip), 4);
	assert_memory_equal(ip, f.dst, 16);
	assert_memory_equal(ip, ((u8[16]){ 10, 4, 5, 6 }), 16);
	assert_int_equal(parse(&f, six, 40), 0);
	assert_int_equal(tg_inner_src(six, six + 40, ip), 6);
	assert_memory_equal(ip, f.src, 16);
	assert_int_equal(ip[0], 0xfd);
	assert_int_equal(tg_inner_dst(six, six + 40, ip), 6);
	assert_memory_equal(ip, f.dst, 16);
	assert_int_equal(ip[0], 0xfe);
	assert_int_equal(tg_inner_src(six, six + 39, ip), 0);
	assert_int_equal(tg_inner_src(four, four + 19, ip), 0);
}

static const struct {
	u8 doff, flags;
	u8 payload;
	bool pure;
} acks[] = {
	{ 5, 0x10, 0, true }, { 8, 0x10, 0, true }, { 5, 0x50, 0, true }, { 5, 0x10, 1, false }, { 5, 0x11, 0, false },
	{ 5, 0x12, 0, false }, { 5, 0x14, 0, false }, { 5, 0x18, 0, false }, { 5, 0x30, 0, false }, { 5, 0x00, 0, false },
};

static void pure_acks_are_known(void **state)
{
	struct tg_flow f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(acks); i++) {
		u32 len = 20u + acks[i].doff * 4u + acks[i].payload;
		u8 bytes[64] = { IP4(5, 0, 0, 0, 6), TCP(acks[i].doff, acks[i].flags) };

		bytes[3] = (u8)len;
		assert_int_equal(parse(&f, bytes, len), 0);
		assert_int_equal(tg_flow_is_pure_ack(&f), acks[i].pure);
	}
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Each field and the key change the hash, and neighbours spread over few slots as evenly as strangers. */
static void hash_mixes(void **state)
{
	enum { FLOWS = 4096, SLOTS = 64 };
	static u32 seen[FLOWS];
	u32 slots[SLOTS] = { 0 }, equal = 0;
	struct tg_flow f;

	(void)state;
	assert_int_equal(parse(&f, packets[0].bytes, packets[0].len), 0);
	for (u32 i = 0; i < FLOWS; i++) {
		f.sport = (u16)(1000 + i % 64);
		f.dst[3] = (u8)(i / 64);
		seen[i] = tg_flow_hash(&f, 99);
		assert_int_equal(seen[i], tg_flow_hash(&f, 99));
		assert_int_not_equal(seen[i], tg_flow_hash(&f, 98));
		slots[seen[i] % SLOTS]++;
	}
	for (u32 i = 0; i < SLOTS; i++)
		assert_in_range(slots[i], 24, 112);	/* 64 expected, deviation 8 */
	qsort(seen, FLOWS, sizeof(seen[0]), by_value);
	for (u32 i = 1; i < FLOWS; i++)
		equal += seen[i] == seen[i - 1];
	assert_in_range(equal, 0, 1);
}

static void every_field_of_the_flow_counts(void **state)
{
	struct tg_flow a, b;

	(void)state;
	assert_int_equal(parse(&a, packets[10].bytes, packets[10].len), 0);
	for (u32 i = 0; i < 35; i++) {
		b = a;
		if (i < 16)
			b.src[i] ^= 1;
		else if (i < 32)
			b.dst[i - 16] ^= 1;
		else if (i == 32)
			b.sport++;
		else if (i == 33)
			b.dport++;
		else
			b.protocol++;
		assert_int_not_equal(tg_flow_hash(&a, 7), tg_flow_hash(&b, 7));
	}
	b = a;
	b.tos = 1;
	b.tcp_flags = 1;
	b.payload_bytes++;
	assert_int_equal(tg_flow_hash(&a, 7), tg_flow_hash(&b, 7));
}

static void fragments_of_a_packet_share_their_hash(void **state)
{
	static const u8 first[] = { IP4(5, 0, 40, 0x2000, 17), UDP(500), FOUR, FOUR, FOUR };
	static const u8 last[] = { IP4(5, 0, 24, 0x0002, 17), FOUR };
	struct tg_flow a, b;

	(void)state;
	assert_int_equal(parse(&a, first, 40), 0);
	assert_int_equal(parse(&b, last, 24), 0);
	assert_int_equal(tg_flow_hash(&a, 1), tg_flow_hash(&b, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_parse),
		cmocka_unit_test(cut_off_packets_are_refused),
		cmocka_unit_test(headers_suffice),
		cmocka_unit_test(addresses_are_found),
		cmocka_unit_test(pure_acks_are_known),
		cmocka_unit_test(hash_mixes),
		cmocka_unit_test(every_field_of_the_flow_counts),
		cmocka_unit_test(fragments_of_a_packet_share_their_hash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
