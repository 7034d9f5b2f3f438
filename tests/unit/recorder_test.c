// SPDX-License-Identifier: MIT
/* recorder_test.c - the ring of the flight recorder, and what the engine puts into it */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "path/recorder.h"
#include "unit/world.h"

static struct recorder *r;

static int make(void **state)
{
	(void)state;
	r = recorder_new();
	return r ? 0 : -1;
}

static int unmake(void **state)
{
	(void)state;
	recorder_free(r);
	return 0;
}

static void take(u64 now_us, u64 carried)
{
	struct recorder_session s = { .carried_bytes = carried, .repairs = RECORDER_NO_TOTAL, .queue_bytes = RECORDER_UNKNOWN,
				      .queue_packets = RECORDER_UNKNOWN };

	recorder_take(r, now_us, &s);
}

static void add(u32 id, const char *name, u64 sent, u64 lost)
{
	struct recorder_path p = { .sent_bytes = sent, .lost_packets = lost, .srtt_us = (u32)sent, .delay_us = RECORDER_UNKNOWN };
	char padded[RECORDER_NAME_BYTES] = "";

	snprintf(padded, sizeof(padded), "%s", name);
	recorder_add(r, id, padded, &p);
}

static void totals_become_what_was_added(void **state)
{
	static const struct {
		u64 sent, lost;
		u32 sent_bytes;
		u16 lost_packets;
	} steps[] = {
		{ 5000, 3, 0, 0 },	/* the first sample cannot know since when */
		{ 5000, 3, 0, 0 },
		{ 6500, 4, 1500, 1 },
		{ 6500 + (1ULL << 40), 4 + (1 << 20), UINT32_MAX - 1, UINT16_MAX - 1 },	/* as much as fits, not "unknown" */
		{ 100, 2, 100, 2 },	/* the path began anew */
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		take(SEC + i * RECORDER_INTERVAL_US, 0);
		add(2, "eth0", steps[i].sent, steps[i].lost);
	}
	assert_int_equal(recorder_rows(r), ARRAY_SIZE(steps));
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct recorder_sample *s = recorder_sample(r, i, 2);

		assert_int_equal(recorder_row(r, i)->time_us, SEC + i * RECORDER_INTERVAL_US);
		assert_int_equal(s->sent_bytes, steps[i].sent_bytes);
		assert_int_equal(s->lost_packets, steps[i].lost_packets);
		assert_int_equal(s->delay_us, RECORDER_UNKNOWN);
		assert_null(recorder_sample(r, i, 3));
	}
	assert_string_equal(recorder_name(r, 2), "eth0");
	assert_null(recorder_name(r, 3));
}

static void what_nobody_counts_stays_unknown(void **state)
{
	(void)state;
	take(SEC, 70);
	take(2 * SEC, 100);
	assert_int_equal(recorder_row(r, 1)->carried_bytes, 30);
	assert_int_equal(recorder_row(r, 1)->repairs, RECORDER_UNKNOWN_SMALL);
	assert_int_equal(recorder_row(r, 1)->queue_packets, RECORDER_UNKNOWN_SMALL);
	assert_int_equal(recorder_row(r, 1)->queue_bytes, RECORDER_UNKNOWN);
	assert_int_equal(recorder_row(r, 1)->copies, 0);
}

static void the_ring_keeps_the_newest(void **state)
{
	u32 rounds = 2 * RECORDER_ROWS + 17;

	(void)state;
	for (u32 i = 0; i < rounds; i++) {
		take(SEC + i * RECORDER_INTERVAL_US, 10 * i);
		add(0, "a", 1000 * i, 0);
	}
	assert_int_equal(recorder_rows(r), RECORDER_ROWS);
	for (u32 i = 0; i < RECORDER_ROWS; i++) {
		u32 n = rounds - RECORDER_ROWS + i;

		assert_int_equal(recorder_row(r, i)->time_us, SEC + n * RECORDER_INTERVAL_US);
		assert_int_equal(recorder_row(r, i)->carried_bytes, 10);
		assert_int_equal(recorder_sample(r, i, 0)->srtt_us, 1000 * n);
	}
}

static void a_gap_is_a_gap_and_the_span_a_minute(void **state)
{
	(void)state;
	assert_int_equal(recorder_rows(r), 0);
	take(1 * SEC, 0);
	take(2 * SEC, 0);
	take(50 * SEC, 0);
	assert_int_equal(recorder_rows(r), 3);
	take(62 * SEC, 0);	/* a minute after the second: the first is too old */
	assert_int_equal(recorder_rows(r), 3);
	assert_int_equal(recorder_row(r, 0)->time_us, 2 * SEC);
	assert_int_equal(recorder_row(r, 2)->time_us, 62 * SEC);
	take(3600 * SEC, 0);
	assert_int_equal(recorder_rows(r), 1);
}

static void another_path_under_the_same_id_starts_empty(void **state)
{
	(void)state;
	take(1 * SEC, 0);
	add(1, "wlan0", 500, 0);
	take(2 * SEC, 0);
	take(3 * SEC, 0);
	add(1, "eth1", 900, 0);
	assert_null(recorder_sample(r, 0, 1));
	assert_null(recorder_sample(r, 1, 1));
	assert_int_equal(recorder_sample(r, 2, 1)->sent_bytes, 0);
	assert_string_equal(recorder_name(r, 1), "eth1");
}

static void a_copy_stands_alone(void **state)
{
	struct recorder *copy;

	(void)state;
	take(1 * SEC, 0);
	add(0, "a", 7, 0);
	copy = recorder_copy(r);
	take(2 * SEC, 0);
	add(0, "b", 9, 0);
	assert_int_equal(recorder_rows(copy), 1);
	assert_int_equal(recorder_sample(copy, 0, 0)->srtt_us, 7);
	assert_string_equal(recorder_name(copy, 0), "a");
	assert_null(recorder_name(copy, 1));
	recorder_free(copy);
}

/* ---- the engine ---- */

static struct world w;

static u32 count_state(const struct recorder *record, u32 id, enum tunnel_path_state state)
{
	u32 n = 0;

	for (u32 i = 0; i < recorder_rows(record); i++) {
		const struct recorder_sample *s = recorder_sample(record, i, id);

		n += s && s->state == state;
	}
	return n;
}

static u64 sum_sent(const struct recorder *record, u32 id)
{
	u64 sum = 0;

	for (u32 i = 0; i < recorder_rows(record); i++) {
		const struct recorder_sample *s = recorder_sample(record, i, id);

		sum += s ? s->sent_bytes : 0;
	}
	return sum;
}

static void a_client_records_while_traffic_flows(void **state)
{
	struct recorder *record;
	u64 sent;

	(void)state;
	world_init(&w, 3);
	w.client_settings.no_copies = true;	/* counted by packets below */
	world_start(&w, 2);
	world_run(&w, 5 * SEC);
	assert_null(tunnel_record(w.client.tunnel));	/* connected, but idle */
	world_flow(&w, &w.client, 2 * SEC, 5 * MSEC, 1000, 1);
	record = tunnel_record(w.client.tunnel);
	assert_in_range(recorder_rows(record), 190, 201);
	sent = sum_sent(record, 0) + sum_sent(record, 1);
	assert_in_range(sent, 390 * 1000, 440 * 1000);	/* 400 packets and their headers, less the first 10 ms */
	assert_int_equal(count_state(record, 0, TUNNEL_PATH_UP), recorder_rows(record));
	assert_in_range(recorder_sample(record, 150, 1)->srtt_us, 40 * MSEC, 45 * MSEC);
	recorder_free(record);
	world_end(&w);
}

static void an_idle_client_wakes_nobody(void **state)
{
	u32 rows;

	(void)state;
	world_init(&w, 4);
	world_start(&w, 1);
	world_run(&w, SEC);
	world_flow(&w, &w.client, SEC, 5 * MSEC, 1000, 1);
	world_run(&w, SEC);
	r = tunnel_record(w.client.tunnel);
	rows = recorder_rows(r);
	assert_in_range(rows, 140, 151);	/* it lingers half a second */
	recorder_free(r);
	world_run(&w, 20 * SEC);
	r = tunnel_record(w.client.tunnel);
	assert_int_equal(recorder_rows(r), rows);
	assert_true(record_due_us(w.client.tunnel) == TIME_NEVER);
	assert_null(tunnel_record(w.server.tunnel));
	assert_true(record_due_us(w.server.tunnel) == TIME_NEVER);
	world_end(&w);
}

static void an_outage_is_recorded_with_what_follows(void **state)
{
	struct recorder *record;
	u32 rows;

	(void)state;
	world_init(&w, 5);
	world_start(&w, 2);
	world_run(&w, SEC);
	world_flow(&w, &w.client, 2 * SEC, 2 * MSEC, 1000, 1);
	w.links[1].cut = w.links[2].cut = true;
	world_flow(&w, &w.client, 100 * MSEC, 2 * MSEC, 1000, 2000);
	world_run(&w, 4 * SEC);	/* nobody sends, and the record goes on */
	record = tunnel_record(w.client.tunnel);
	rows = recorder_rows(record);
	assert_int_equal(recorder_sample(record, 0, 0)->state, TUNNEL_PATH_UP);
	assert_int_equal(recorder_sample(record, rows - 1, 0)->state, TUNNEL_PATH_SUSPECT);
	assert_in_range(count_state(record, 0, TUNNEL_PATH_SUSPECT), 200, 410);
	assert_true(w.now_us - recorder_row(record, rows - 1)->time_us <= 20 * MSEC);
	recorder_free(record);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(totals_become_what_was_added, make, unmake),
		cmocka_unit_test_setup_teardown(what_nobody_counts_stays_unknown, make, unmake),
		cmocka_unit_test_setup_teardown(the_ring_keeps_the_newest, make, unmake),
		cmocka_unit_test_setup_teardown(a_gap_is_a_gap_and_the_span_a_minute, make, unmake),
		cmocka_unit_test_setup_teardown(another_path_under_the_same_id_starts_empty, make, unmake),
		cmocka_unit_test_setup_teardown(a_copy_stands_alone, make, unmake),
		cmocka_unit_test(a_client_records_while_traffic_flows),
		cmocka_unit_test_teardown(an_idle_client_wakes_nobody, unmake),
		cmocka_unit_test(an_outage_is_recorded_with_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
