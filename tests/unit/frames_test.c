// SPDX-License-Identifier: MIT
/* frames_test.c - frames written and read back, and what does not parse */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "tunnel/frames.h"

static void a_repair_is_read_as_it_was_written(void **state)
{
	static const u32 sizes[] = { 1, 100, FEC_SYMBOL_BYTES };
	static u8 symbol[FEC_SYMBOL_BYTES], out[FRAMES_REPAIR_BYTES + FEC_SYMBOL_BYTES + 1];

	(void)state;
	for (u32 i = 0; i < sizeof(symbol); i++)
		symbol[i] = (u8)(i * 31);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct fec_repair r = {
			.path = 7,
			.row = 191,
			.first = 0x12345678,
			.numbers = 0x8000000000000005ULL,
			.len = (u16)sizes[i],
			.symbol = symbol,
		};
		u32 len = FRAMES_REPAIR_BYTES + sizes[i], pos = 0;
		struct frame f;

		memset(out, 0xee, sizeof(out));
		frames_put_repair(out, &r);
		assert_int_equal(out[len], 0xee);
		assert_int_equal(frames_next(out, len, &pos, &f), 1);
		assert_int_equal(pos, len);
		assert_int_equal(f.type, TG_FRAME_REPAIR);
		assert_int_equal(f.repair.path, 7);
		assert_int_equal(f.repair.row, 191);
		assert_int_equal(f.repair.first, 0x12345678);
		assert_true(f.repair.numbers == 0x8000000000000005ULL);
		assert_int_equal(f.repair.len, sizes[i]);
		assert_ptr_equal(f.repair.symbol, out + FRAMES_REPAIR_BYTES);
		assert_memory_equal(f.repair.symbol, symbol, sizes[i]);
		assert_int_equal(frames_next(out, len, &pos, &f), 0);
	}
}

/* As docs/protocol.md has it, byte for byte. */
static void the_layout_is_that_of_the_protocol(void **state)
{
	static const u8 symbol[] = { 0xaa, 0xbb };
	static const u8 wire[] = { 12, 0, 16, 3, 9, 0, 0, 1, 2, 0x80, 0, 0, 0, 0, 0, 0, 1, 0xaa, 0xbb };
	struct fec_repair r = { .path = 3, .row = 9, .first = 258, .numbers = 1 | 1ULL << 63, .len = 2, .symbol = symbol };
	u8 out[sizeof(wire)];

	(void)state;
	frames_put_repair(out, &r);
	assert_memory_equal(out, wire, sizeof(wire));
}

static void a_repair_without_a_symbol_is_none(void **state)
{
	(void)state;
	for (u32 len = 0; len <= TG_REPAIR_BYTES + 1; len++) {
		u8 bytes[FRAMES_REPAIR_BYTES + 1] = { TG_FRAME_REPAIR };
		struct frame f;
		u32 pos = 0;

		put_be16(bytes + 1, (u16)len);
		assert_int_equal(frames_next(bytes, 3 + len, &pos, &f), len > TG_REPAIR_BYTES ? 1 : -EBADMSG);
		pos = 0;
		if (len)
			assert_int_equal(frames_next(bytes, 3 + len - 1, &pos, &f), -EBADMSG);
	}
}

static void a_skip_is_read_as_written(void **state)
{
	static const struct { u32 slot, first, count; } facts[] = {
		{ 0, 0, 1 }, { 1, 2, 3 }, { 0xffff, 0xffffffff, 0xffffffff }, { 0x0102, 0x03040506, 0x0708090a },
	};
	struct frames f = { 0 };
	struct frame got;
	u32 pos = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		assert_true(frames_add_skip(&f, facts[i].slot, facts[i].first, facts[i].count));
	assert_true(f.eliciting);	/* lost, it would leave the peer waiting */
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		assert_int_equal(frames_next(f.bytes, f.len, &pos, &got), 1);
		assert_int_equal(got.type, TG_FRAME_SKIP);
		assert_int_equal(got.skip.slot, facts[i].slot);
		assert_int_equal(got.skip.first, facts[i].first);
		assert_int_equal(got.skip.count, facts[i].count);
	}
	assert_int_equal(frames_next(f.bytes, f.len, &pos, &got), 0);
}

static void a_skip_is_these_bytes(void **state)
{
	static const u8 expected[] = { TG_FRAME_SKIP, 0, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct frames f = { 0 };

	(void)state;
	assert_true(frames_add_skip(&f, 0x0102, 0x03040506, 0x0708090a));
	assert_int_equal(f.len, sizeof(expected));
	assert_memory_equal(f.bytes, expected, sizeof(expected));
}

/* It rides on acks: were it acked, acks would be acked for ever. */
static void an_order_comes_back_and_is_not_acked(void **state)
{
	struct frames f = { 0 };
	struct frame got;
	u32 pos = 0;

	(void)state;
	assert_true(frames_add_order(&f, 1ULL << 40, 7));
	assert_false(f.eliciting);
	assert_int_equal(frames_next(f.bytes, f.len, &pos, &got), 1);
	assert_int_equal(got.type, TG_FRAME_ORDER);
	assert_true(got.order.late == 1ULL << 40);
	assert_true(got.order.given_up == 7);
	for (u32 len = 1; len < f.len; len++) {
		pos = 0;
		assert_int_equal(frames_next(f.bytes, len, &pos, &got), -EBADMSG);
	}
}

/* Cut anywhere, or of another length than a SKIP has: refused, not read beyond. */
static void a_mutilated_skip_is_refused(void **state)
{
	struct frames f = { 0 };
	struct frame got;

	(void)state;
	assert_true(frames_add_skip(&f, 1, 2, 3));
	for (u32 len = 1; len < f.len; len++) {
		u32 pos = 0;

		assert_int_equal(frames_next(f.bytes, len, &pos, &got), -EBADMSG);
	}
	for (u8 len = 0; len < 20; len++) {
		u8 bytes[23] = { TG_FRAME_SKIP, 0, len };
		u32 pos = 0;

		assert_int_equal(frames_next(bytes, 3u + len, &pos, &got), len == 10 ? 1 : -EBADMSG);
	}
}

static void a_full_datagram_takes_no_more(void **state)
{
	struct frames f = { 0 };
	struct frame got;
	u32 count = 0, read = 0, pos = 0;

	(void)state;
	while (frames_add_skip(&f, 7, count, 1)) {
		count++;
		assert_true(f.len <= FRAMES_BYTES);
	}
	assert_int_equal(count, FRAMES_BYTES / 13);
	assert_int_equal(f.len, count * 13);	/* what did not fit left nothing behind */
	while (frames_next(f.bytes, f.len, &pos, &got) == 1)
		assert_int_equal(got.skip.first, read++);
	assert_int_equal(read, count);
}

static void frames_of_all_kinds_stand_side_by_side(void **state)
{
	static const struct ack acked = {
		.path_id = 3, .largest = 1000, .delay_us = 1500, .stamp = 77, .arrival = 0xfffffff0,
		.packets = 900, .bytes = 1ULL << 40, .ce = 2, .range_count = 2, .ranges = { { 950, 1000 }, { 1, 940 } },
	};
	static const enum tg_frame types[] = { TG_FRAME_ACK, TG_FRAME_SKIP, TG_FRAME_PING, TG_FRAME_PATH, TG_FRAME_CLOSE };
	struct frames f = { 0 };
	struct frame got;
	u32 pos = 0;

	(void)state;
	assert_true(frames_add_ack(&f, &acked));
	assert_false(f.eliciting);	/* or acks would be acked for ever */
	assert_true(frames_add_skip(&f, 5, 6, 7));
	assert_true(frames_add_ping(&f, 0x0123456789abcdefULL));
	assert_true(frames_add_path(&f, 2, TG_PATH_SUSPECT, 4));
	assert_true(frames_add_close(&f, (enum tg_close_code)1, "bye\n"));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(frames_next(f.bytes, f.len, &pos, &got), 1);
		assert_int_equal(got.type, types[i]);
		switch (got.type) {
		case TG_FRAME_ACK:
			assert_memory_equal(&got.ack.ranges, &acked.ranges, 2 * sizeof(acked.ranges[0]));
			assert_int_equal(got.ack.arrival, acked.arrival);
			assert_int_equal(got.ack.bytes, acked.bytes);
			break;
		case TG_FRAME_PING:
			assert_true(got.token == 0x0123456789abcdefULL);
			break;
		case TG_FRAME_PATH:
			assert_int_equal(got.path.path_id, 2);
			assert_int_equal(got.path.state, TG_PATH_SUSPECT);
			assert_int_equal(got.path.reason, 4);
			break;
		case TG_FRAME_CLOSE:
			assert_string_equal(got.close.text, "bye?");
			break;
		default:
			assert_int_equal(got.skip.slot, 5);
		}
	}
	assert_int_equal(frames_next(f.bytes, f.len, &pos, &got), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repair_is_read_as_it_was_written),
		cmocka_unit_test(the_layout_is_that_of_the_protocol),
		cmocka_unit_test(a_repair_without_a_symbol_is_none),
		cmocka_unit_test(a_skip_is_read_as_written),
		cmocka_unit_test(a_skip_is_these_bytes),
		cmocka_unit_test(an_order_comes_back_and_is_not_acked),
		cmocka_unit_test(a_mutilated_skip_is_refused),
		cmocka_unit_test(a_full_datagram_takes_no_more),
		cmocka_unit_test(frames_of_all_kinds_stand_side_by_side),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
