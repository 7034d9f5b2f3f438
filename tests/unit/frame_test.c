// SPDX-License-Identifier: MIT
/* frame_test.c - Ethernet frames: what is written is what a kernel would have written, and what is taken apart is whole */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>
#include <triglav/wire.h>

#include "base/bytes.h"
#include "link/csum.h"
#include "link/frame.h"

#define ROOM 1600

static struct frame_peer peer(const char *remote, const char *local)
{
	struct frame_peer p = { .to = { 2, 0, 0, 0, 0, 0xee }, .from = { 2, 0, 0, 0, 0, 1 } };

	assert_int_equal(addr_parse(&p.remote, remote, 0), 0);
	assert_int_equal(addr_parse(&p.local, local, 0), 0);
	return p;
}

static struct frame_peer peer4(void) { return peer("192.0.2.7:7443", "198.51.100.1:40000"); }
static struct frame_peer peer6(void) { return peer("[2001:db8::7]:7443", "[2001:db8:1::1]:40000"); }

static u32 write_frame(const struct frame_peer *p, u8 *at, u32 len, u8 seed)
{
	struct frame_template t;
	u8 payload[ROOM];

	for (u32 i = 0; i < len; i++)
		payload[i] = (u8)(seed * 31 + i * 7 + (i >> 8));
	assert_int_equal(frame_template_make(&t, p), 0);
	return frame_write(&t, at, payload, len);
}

/* Both checksums come out right over every length, odd ones too, and are never absent. */
static void test_checksums(void **state)
{
	const struct frame_peer peers[] = { peer4(), peer6() };
	u8 frame[ROOM];

	(void)state;
	for (u32 k = 0; k < 2; k++)
		for (u32 len = 1; len < 1472; len += 1 + len / 40) {
			u32 n = write_frame(&peers[k], frame, len, (u8)len);
			const u8 *ip = frame + 14, *udp = frame + n - len - 8;
			u64 sum = csum_add16(csum_pseudo(ip, k ? 6 : 4, 17), (u16)(len + 8));

			assert_int_equal(csum_fold(csum_add(sum, udp, len + 8)), 0xffff);
			assert_true(udp[6] | udp[7]);
			if (!k)
				assert_int_equal(csum_fold(csum_add(0, ip, 20)), 0xffff);
		}
}

/* A sum that comes out as 0 is written as 0xffff. */
static void test_checksum_zero(void **state)
{
	struct frame_peer p = peer6();
	struct frame_template t;
	u8 frame[ROOM], payload[2] = { 0, 0 };
	u16 sum;

	(void)state;
	frame_template_make(&t, &p);
	frame_write(&t, frame, payload, 2);
	memcpy(&sum, frame + 60, 2);
	memcpy(payload, &sum, 2);	/* adds what makes the sum all ones, whose complement is 0 */
	frame_write(&t, frame, payload, 2);
	assert_int_equal(get_be16(frame + 60), 0xffff);
}

/* One frame, byte by byte, as worked out by hand from the RFCs. */
static void test_bytes(void **state)
{
	static const u8 expected[] = {
		2, 0, 0, 0, 0, 0xee, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 51, 100, 1, 192, 0, 2, 7,
		0x9c, 0x40, 0x1d, 0x13, 0, 11, 0, 0, 1, 2, 3,
	};
	struct frame_peer p = peer4();
	struct frame_template t;
	u8 frame[ROOM], payload[3] = { 1, 2, 3 };

	(void)state;
	frame_template_make(&t, &p);
	assert_int_equal(frame_write(&t, frame, payload, 3), sizeof(expected));
	put_be16(frame + 24, 0);	/* the checksums have a test of their own */
	put_be16(frame + 40, 0);
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void test_there_and_back(void **state)
{
	const struct frame_peer peers[] = { peer4(), peer6() };
	u8 frame[ROOM];

	(void)state;
	for (u32 k = 0; k < 2; k++)
		for (u32 padding = 0; padding < 20; padding += 19) {
			struct frame_view v;
			u32 n = write_frame(&peers[k], frame, 100, 1);

			memset(frame + n, 0xaa, padding);
			assert_true(frame_parse(frame, n + padding, &v));
			assert_true(addr_equal(&v.remote, &peers[k].local));
			assert_true(addr_equal(&v.local, &peers[k].remote));
			assert_int_equal(v.len, 100);
			assert_ptr_equal(v.payload, frame + n - 100);
			assert_false(v.ce);
		}
}

static void test_congestion(void **state)
{
	const struct frame_peer peers[] = { peer4(), peer6() };
	u8 frame[ROOM];

	(void)state;
	for (u32 k = 0; k < 2; k++)
		for (u8 ecn = 0; ecn < 4; ecn++) {
			struct frame_view v;
			u32 n = write_frame(&peers[k], frame, 50, 1);

			frame[15] |= (u8)(k ? ecn << 4 : ecn);
			assert_true(frame_parse(frame, n, &v));
			assert_int_equal(v.ce, ecn == 3);
		}
}

/* One byte changed makes a frame that is the kernel's business. */
static const struct {
	const char *what;
	u8 family;
	u32 at;
	u8 value;
} odd[] = {
	{ "ARP", 4, 13, 6 },
	{ "VLAN", 4, 12, 0x81 },
	{ "IPv6 ethertype over IPv4", 4, 12, 0x86 },
	{ "options", 4, 14, 0x46 },
	{ "version 5", 4, 14, 0x55 },
	{ "TCP", 4, 23, 6 },
	{ "first fragment", 4, 20, 0x20 },
	{ "later fragment", 4, 21, 1 },
	{ "IP longer than the frame", 4, 17, 200 },
	{ "IP shorter than its header", 4, 17, 19 },
	{ "IP ends inside the UDP header", 4, 17, 27 },
	{ "UDP longer than IP", 4, 39, 100 },
	{ "UDP shorter than IP", 4, 39, 20 },
	{ "version 4 in IPv6", 6, 14, 0x40 },
	{ "extension header", 6, 20, 0 },
	{ "fragment header", 6, 20, 44 },
	{ "IPv6 longer than the frame", 6, 19, 200 },
	{ "IPv6 shorter than UDP", 6, 19, 7 },
	{ "UDP shorter than IPv6", 6, 59, 20 },
};

static void test_odd(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
		struct frame_peer p = odd[i].family == 4 ? peer4() : peer6();
		struct frame_view v;
		u8 frame[ROOM];
		u32 n = write_frame(&p, frame, 50, 1);

		frame[odd[i].at] = odd[i].value;
		if (frame_parse(frame, n, &v))
			fail_msg("%s was taken", odd[i].what);
	}
}

static void test_short(void **state)
{
	const struct frame_peer peers[] = { peer4(), peer6() };
	u8 frame[ROOM];

	(void)state;
	for (u32 k = 0; k < 2; k++) {
		u32 n = write_frame(&peers[k], frame, 50, 1);
		struct frame_view v;

		for (u32 len = 0; len < n; len++)
			assert_false(frame_parse(frame, len, &v));
	}
}

static void test_empty(void **state)
{
	const struct frame_peer p = peer4();
	struct frame_view v;
	u8 frame[ROOM];
	u32 n = write_frame(&p, frame, 0, 1);

	(void)state;
	assert_false(frame_parse(frame, n, &v));
}

static void test_families(void **state)
{
	struct frame_peer p = peer4(), other = peer6();
	struct frame_template t;

	(void)state;
	p.local = other.local;
	assert_int_equal(frame_template_make(&t, &p), -EINVAL);
	memset(&p, 0, sizeof(p));
	assert_int_equal(frame_template_make(&t, &p), -EINVAL);
}

/* ---- several datagrams in one ---- */

static void numbered(u8 *p, u32 len, u8 type, u32 receiver, u32 number)
{
	memset(p, (u8)number, len);
	p[0] = type;
	put_be32(p + 4, receiver);
	put_be32(p + 8, number);
}

static const struct {
	const char *what;
	u32 sizes[4];		/* of the datagrams, 0: no more */
	u8 types[4];
	u32 numbers[4];
	u32 found;
} runs[] = {
	{ "one", { 200 }, { 4 }, { 7 }, 200 },
	{ "two", { 200, 200 }, { 4, 4 }, { 7, 8 }, 200 },
	{ "two, the last shorter", { 200, 13 }, { 4, 5 }, { 7, 8 }, 200 },
	{ "three small ones", { 12, 12, 12 }, { 5, 5, 5 }, { 0xffffffff, 0, 1 }, 12 },
	{ "same receiver, other number", { 200, 200 }, { 4, 4 }, { 7, 40 }, 400 },
	{ "same receiver, an earlier number", { 200, 200 }, { 4, 4 }, { 7, 6 }, 400 },
	{ "one was lost between them", { 200, 200, 200 }, { 4, 4, 4 }, { 7, 9, 10 }, 200 },
	{ "some were lost later", { 200, 200, 200, 99 }, { 4, 5, 4, 4 }, { 7, 8, 12, 44 }, 200 },
	{ "a header where the second would be, none where the third", { 100, 300 }, { 4, 4 }, { 7, 8 }, 400 },
	{ "a tail shorter than a header", { 200, 200, 5 }, { 4, 4, 4 }, { 7, 8, 9 }, 405 },
	{ "same number", { 200, 200 }, { 4, 4 }, { 7, 7 }, 400 },
	{ "a handshake", { 200, 200 }, { 1, 4 }, { 7, 8 }, 400 },
	{ "another type in the middle", { 200, 200 }, { 4, 3 }, { 7, 8 }, 400 },
	{ "too short for two", { 20 }, { 4 }, { 7 }, 20 },
};

static void test_segments(void **state)
{
	u8 payload[ROOM];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(runs); i++) {
		u32 len = 0, found;

		for (u32 k = 0; k < 4 && runs[i].sizes[k]; k++) {
			numbered(payload + len, runs[i].sizes[k], runs[i].types[k], 0x11223344, runs[i].numbers[k]);
			len += runs[i].sizes[k];
		}
		found = frame_segment_bytes(payload, len);
		if (found != runs[i].found)
			fail_msg("%s: %u, not %u", runs[i].what, found, runs[i].found);
	}
	for (u32 len = 0; len < 2 * TG_HEADER_BYTES; len++)
		assert_int_equal(frame_segment_bytes(payload, len), len);
}

/* A receiver index of zeroes, in a datagram full of them. */
static void test_segments_zero(void **state)
{
	u8 payload[ROOM] = { TG_TYPE_DATA };

	(void)state;
	assert_int_equal(frame_segment_bytes(payload, ROOM), ROOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksums), cmocka_unit_test(test_checksum_zero), cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_congestion), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_short), cmocka_unit_test(test_empty), cmocka_unit_test(test_families),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_segments_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
