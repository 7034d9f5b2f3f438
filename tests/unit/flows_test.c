// SPDX-License-Identifier: MIT
/* flows_test.c - the flows that are told of are those that passed: counted, found again from both sides, rated, chosen, named */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "manage/flows_report.h"
#include "unit/world.h"

#define KEY 0x1234567890abcdefULL

static struct flow_info list[FLOWS_MAX];
static struct buf_pool *pool;

/* ---- the table ---- */

struct end {
	u8 last;	/* of the address */
	u16 port;
};

static struct buf *packet(u8 family, u8 protocol, struct end from, struct end to, u16 len)
{
	struct buf *b = buf_take(pool);
	u32 at = family == 4 ? 20 : 40;
	u8 *d = b->data;

	memset(d, 0, len);
	b->len = len;
	if (family == 4) {
		d[0] = 0x45;
		put_be16(d + 2, len);
		d[9] = protocol;
		memcpy(d + 12, (u8[]){ 10, 0, 0, from.last, 10, 0, 0, to.last }, 8);
	} else {
		d[0] = 0x60;
		put_be16(d + 4, (u16)(len - 40));
		d[6] = protocol;
		d[8] = d[24] = 0xfd;
		d[23] = from.last;
		d[39] = to.last;
	}
	put_be16(d + at, from.port);
	put_be16(d + at + 2, to.port);
	if (protocol == TG_PROTO_TCP)
		d[at + 12] = 5 << 4;
	else
		put_be16(d + at + 4, (u16)(len - at));
	return b;
}

static void send_one(struct flows *f, struct buf *b, u64 now_us)
{
	struct tg_flow flow;

	b->flow_hash = tg_flow_parse(&flow, b->data, b->data + b->len, b->len) ? 0 : tg_flow_hash(&flow, f->key);
	flows_sent(f, 7, b, now_us);
	buf_put(b);
}

static void receive_one(struct flows *f, struct buf *b, u64 now_us)
{
	flows_received(f, 7, b, now_us);
	buf_put(b);
}

static const struct flow_info *with_port(const struct flows *f, u16 sport, u64 now_us)
{
	u32 n = flows_list(f, TIME_NEVER, list, FLOWS_MAX, now_us);

	for (u32 i = 0; i < n; i++)
		if (list[i].sport == sport)
			return &list[i];
	return NULL;
}

static int setup(void **state)
{
	(void)state;
	pool = buf_pool_new(16);
	return !pool;
}

static int teardown(void **state)
{
	(void)state;
	buf_pool_free(pool);
	return 0;
}

static void both_directions_are_one_flow(void **state)
{
	static const struct {
		u8 family, protocol;
	} kinds[] = { { 4, TG_PROTO_TCP }, { 4, TG_PROTO_UDP }, { 6, TG_PROTO_TCP }, { 6, TG_PROTO_UDP } };
	struct end a = { 2, 4000 }, b = { 9, 443 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct flows f = { .key = KEY };

		for (u32 k = 0; k < 3; k++) {
			send_one(&f, packet(kinds[i].family, kinds[i].protocol, a, b, 100), 1000 * SEC);
			receive_one(&f, packet(kinds[i].family, kinds[i].protocol, b, a, 1000), 1000 * SEC);
		}
		assert_int_equal(flows_list(&f, SEC, list, FLOWS_MAX, 1000 * SEC), 1);
		assert_int_equal(list[0].sent_packets, 3);
		assert_int_equal(list[0].sent_bytes, 300);
		assert_int_equal(list[0].received_packets, 3);
		assert_int_equal(list[0].received_bytes, 3000);
		assert_int_equal(list[0].sport, 4000);
		assert_int_equal(list[0].dport, 443);
		assert_int_equal(list[0].protocol, kinds[i].protocol);
		assert_int_equal(list[0].family, kinds[i].family);
		assert_int_equal(list[0].src[kinds[i].family == 4 ? 3 : 15], 2);
		assert_int_equal(list[0].owner, 7);
		flows_free(&f);
	}
}

/* What comes is told by a few bytes of the packet before it: each of them counts. */
static void what_comes_is_not_taken_for_the_last_flow(void **state)
{
	static const struct {
		u8 family, protocol;
		struct end from, to;
	} others[] = {
		{ 4, TG_PROTO_TCP, { 9, 443 }, { 2, 4000 } }, { 4, TG_PROTO_UDP, { 9, 443 }, { 2, 4000 } }, { 4, TG_PROTO_TCP, { 8, 443 }, { 2, 4000 } },
		{ 4, TG_PROTO_TCP, { 9, 444 }, { 2, 4000 } }, { 4, TG_PROTO_TCP, { 9, 443 }, { 3, 4000 } }, { 4, TG_PROTO_TCP, { 9, 443 }, { 2, 4001 } },
		{ 6, TG_PROTO_TCP, { 9, 443 }, { 2, 4000 } }, { 6, TG_PROTO_UDP, { 9, 443 }, { 2, 4000 } }, { 6, TG_PROTO_TCP, { 9, 443 }, { 2, 4001 } },
		{ 6, TG_PROTO_TCP, { 8, 443 }, { 2, 4000 } }, { 4, 1, { 9, 443 }, { 2, 4000 } },
	};
	struct flows f = { .key = KEY };

	(void)state;
	for (u32 round = 0; round < 3; round++)
		for (size_t i = 0; i < ARRAY_SIZE(others); i++)
			for (u32 k = 0; k < 2; k++)
				receive_one(&f, packet(others[i].family, others[i].protocol, others[i].from, others[i].to, 100), SEC);
	assert_int_equal(flows_list(&f, SEC, list, FLOWS_MAX, SEC), ARRAY_SIZE(others));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(list[i].received_packets, 6);
	flows_free(&f);
}

static void fragments_have_no_ports(void **state)
{
	struct flows f = { .key = KEY };
	struct buf *b;

	(void)state;
	receive_one(&f, packet(4, TG_PROTO_UDP, (struct end){ 9, 53 }, (struct end){ 2, 4000 }, 100), SEC);
	b = packet(4, TG_PROTO_UDP, (struct end){ 9, 53 }, (struct end){ 2, 4000 }, 100);
	b->data[6] = 0x20;	/* more of it follows */
	receive_one(&f, b, SEC);
	assert_int_equal(flows_list(&f, SEC, list, FLOWS_MAX, SEC), 2);
	assert_non_null(with_port(&f, 0, SEC));
	flows_free(&f);
}

static void what_is_no_flow_is_not_counted(void **state)
{
	struct flows f = { .key = KEY };
	struct buf *b = packet(4, TG_PROTO_TCP, (struct end){ 1, 1 }, (struct end){ 2, 2 }, 60);

	(void)state;
	b->data[0] = 0x4f;	/* a header of 60 bytes in a packet that says it has 30 */
	put_be16(b->data + 2, 30);
	send_one(&f, b, SEC);
	assert_int_equal(flows_list(&f, SEC, list, FLOWS_MAX, SEC), 0);
	b = packet(4, TG_PROTO_TCP, (struct end){ 1, 1 }, (struct end){ 2, 2 }, 60);
	b->data[0] = 0x4f;
	put_be16(b->data + 2, 30);
	receive_one(&f, b, SEC);
	assert_int_equal(flows_list(&f, SEC, list, FLOWS_MAX, SEC), 0);
	flows_free(&f);
}

static void rates_are_those_of_the_last_second(void **state)
{
	struct flows f = { .key = KEY };
	struct end a = { 2, 4000 }, b = { 9, 443 };
	const struct flow_info *i;
	u64 now = 50 * SEC;

	(void)state;
	for (u32 k = 0; k < 3000; k++, now += MSEC) {	/* 1 MB/s for 3 s, then a tenth of it */
		send_one(&f, packet(4, TG_PROTO_TCP, a, b, 1000), now);
		receive_one(&f, packet(4, TG_PROTO_TCP, b, a, 100), now);
	}
	i = with_port(&f, 4000, now);
	assert_in_range(i->sent_rate, 900000, 1100000);
	assert_in_range(i->received_rate, 90000, 110000);
	assert_in_range(i->age_us, 2990 * MSEC, 3010 * MSEC);
	for (u32 k = 0; k < 200; k++, now += 10 * MSEC)
		send_one(&f, packet(4, TG_PROTO_TCP, a, b, 1000), now);
	i = with_port(&f, 4000, now);
	assert_in_range(i->sent_rate, 90000, 115000);
	assert_int_equal(i->received_rate, 0);
	i = with_port(&f, 4000, now + 2 * SEC);	/* nothing moves any more */
	assert_int_equal(i->sent_rate, 0);
	assert_in_range(i->idle_us, 2000 * MSEC, 2020 * MSEC);
	assert_int_equal(i->sent_bytes, 3200000);

	send_one(&f, packet(4, TG_PROTO_TCP, a, b, 1000), now + 3600 * SEC);	/* one packet an hour later is no burst */
	i = with_port(&f, 4000, now + 3600 * SEC);
	assert_in_range(i->sent_rate, 1, 2100);
	flows_free(&f);
}

static void idle_ones_are_left_out(void **state)
{
	struct flows f = { .key = KEY };

	(void)state;
	send_one(&f, packet(4, TG_PROTO_TCP, (struct end){ 1, 10 }, (struct end){ 2, 2 }, 60), 100 * SEC);
	send_one(&f, packet(4, TG_PROTO_TCP, (struct end){ 1, 20 }, (struct end){ 2, 2 }, 60), 130 * SEC);
	assert_int_equal(flows_list(&f, 10 * SEC, list, FLOWS_MAX, 131 * SEC), 1);
	assert_int_equal(list[0].sport, 20);
	assert_int_equal(flows_list(&f, 60 * SEC, list, FLOWS_MAX, 131 * SEC), 2);
	assert_int_equal(flows_list(&f, 60 * SEC, list, 1, 131 * SEC), 1);
	flows_free(&f);
}

/* A flood of flows takes the places of those that were silent longest: one that goes on stays. */
static void a_flood_costs_silent_flows_their_place(void **state)
{
	struct flows f = { .key = KEY };
	const struct flow_info *i;
	u64 now = 100 * SEC;
	u32 n;

	(void)state;
	for (u32 k = 0; k < 20000; k++, now += MSEC) {
		send_one(&f, packet(4, TG_PROTO_TCP, (struct end){ (u8)(k >> 14), (u16)(1000 + k % 16384) }, (struct end){ 2, 2 }, 60), now);
		send_one(&f, packet(4, TG_PROTO_TCP, (struct end){ 77, 77 }, (struct end){ 2, 2 }, 60), now);
	}
	n = flows_list(&f, TIME_NEVER, list, FLOWS_MAX, now);
	assert_in_range(n, FLOWS_MAX - 20, FLOWS_MAX);
	i = with_port(&f, 77, now);
	assert_non_null(i);
	assert_int_equal(i->sent_packets, 20000);
	assert_int_equal(f.replaced, 20001 - n);
	flows_free(&f);
}

/* ---- the engine ---- */

static struct world w;
static struct tunnel_way way;

static const struct flow_info *the_flow(struct world_end *end)
{
	assert_int_equal(tunnel_flows(end->tunnel, 10 * SEC, list, FLOWS_MAX, w.now_us), 1);
	tunnel_flow_ways(end->tunnel, list, 1, &way, w.now_us);
	return list;
}

static void both_ends_tell_of_the_same_flow(void **state)
{
	const struct flow_info *i;

	(void)state;
	world_init(&w, 71);
	world_start(&w, 2);
	world_run(&w, SEC);
	assert_int_equal(tunnel_flows(w.client.tunnel, 10 * SEC, list, FLOWS_MAX, w.now_us), 0);

	world_flow(&w, &w.client, SEC, 20 * MSEC, 100, 1);
	i = the_flow(&w.client);
	assert_int_equal(i->sent_packets, 50);
	assert_int_equal(i->sent_bytes, 5000);
	assert_int_equal(i->received_packets, 0);
	assert_int_equal(i->sport, 4000);
	assert_true(way.known && way.seen && !way.bulk && !way.striped && !way.straight);
	assert_int_equal(way.path, 0);		/* 10 ms against 20 */
	assert_string_equal(way.name, "a");

	i = the_flow(&w.server);		/* its packets would leave there the other way round */
	assert_int_equal(i->received_packets, 50);
	assert_int_equal(i->sent_packets, 0);
	assert_int_equal(i->sport, 5000);
	assert_int_equal(i->dport, 4000);
	assert_true(way.known && !way.seen);
	assert_memory_equal(way.client_id, "client 1", 8);
	assert_true(tunnel_handle_is_of(w.server.tunnel, i->owner, (const u8 *)"client 1"));
	assert_false(tunnel_handle_is_of(w.server.tunnel, i->owner, (const u8 *)"client 2"));
	assert_false(tunnel_handle_is_of(w.server.tunnel, i->owner + 1, (const u8 *)"client 1"));

	world_flow(&w, &w.client, SEC, MSEC, 1000, 100);
	i = the_flow(&w.client);
	assert_true(way.bulk && way.striped);
	assert_int_equal(way.path, -1);
	assert_in_range(i->sent_rate, 900000, 1100000);
	world_end(&w);
}

static void a_lone_path_is_straight_and_a_gone_session_unknown(void **state)
{
	struct flow_info before;

	(void)state;
	world_init(&w, 72);
	w.links[1].delay_us = MSEC;
	world_start(&w, 1);
	world_run(&w, SEC);
	world_flow(&w, &w.client, SEC, 20 * MSEC, 100, 1);
	before = *the_flow(&w.client);
	assert_true(way.known && way.straight);
	assert_string_equal(way.name, "a");
	assert_int_equal(before.sent_packets, 50);

	before.owner++;
	tunnel_flow_ways(w.client.tunnel, &before, 1, &way, w.now_us);
	assert_false(way.known);
	assert_int_equal(way.path, -1);
	world_end(&w);
}

/* ---- choosing and naming ---- */

static void filters(void **state)
{
	static const struct {
		const char *protocol, *end;
		bool fits;
	} rows[] = {
		{ NULL, NULL, true }, { "tcp", NULL, true }, { "udp", NULL, false }, { "6", NULL, true },
		{ NULL, "10.0.0.2", true }, { NULL, "10.0.0.9", true }, { NULL, "10.0.0.3", false }, { NULL, "10.0.0.0/24", true },
		{ NULL, "10.0.1.0/24", false }, { NULL, ":443", true }, { NULL, ":4000", true }, { NULL, ":80", false },
		{ NULL, "10.0.0.9:443", true }, { NULL, "10.0.0.2:443", false }, { NULL, "fd00::/8", false }, { "udp", ":443", false },
	};
	struct flow_info f = { .family = 4, .protocol = TG_PROTO_TCP, .src = { 10, 0, 0, 2 }, .dst = { 10, 0, 0, 9 }, .sport = 4000, .dport = 443 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run_flows_query q = { 0 };

		if (rows[i].protocol)
			assert_int_equal(flows_parse_protocol(rows[i].protocol, &q.protocol), 0);
		if (rows[i].end)
			assert_int_equal(flows_parse_end(rows[i].end, &q.end, &q.port), 0);
		if (run_flows_fits(&q, &f) != rows[i].fits)
			fail_msg("%s %s", rows[i].protocol, rows[i].end);
	}
}

static void words_that_mean_nothing(void **state)
{
	static const char *const ends[] = { "", ":", ":0", ":65536", ":x", "10.0.0.0/33", "example.org", "10.0.0.1:", "10.0.0.1:x", "443" };
	static const char *const protocols[] = { "", "TCP", "256", "0", "-1", "17x" };
	struct prefix end;
	u16 port;
	u8 protocol;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (flows_parse_end(ends[i], &end, &port) != -EINVAL)
			fail_msg("%s", ends[i]);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (flows_parse_protocol(protocols[i], &protocol) != -EINVAL)
			fail_msg("%s", protocols[i]);
	assert_int_equal(flows_parse_end("[fd00::1]:53", &end, &port), 0);
	assert_true(end.family == 6 && end.len == 128 && port == 53);
	assert_int_equal(flows_parse_end("::1", &end, &port), 0);
	assert_true(end.family == 6 && port == 0);
}

static void orders(void **state)
{
	static const struct flow_info flows[] = {
		{ .sport = 1, .sent_rate = 5, .sent_bytes = 100, .received_packets = 1, .age_us = 9, .idle_us = 3 },
		{ .sport = 2, .received_rate = 9, .sent_bytes = 50, .sent_packets = 8, .age_us = 1, .idle_us = 1 },
		{ .sport = 3, .sent_rate = 1, .received_bytes = 900, .sent_packets = 3, .age_us = 5, .idle_us = 2 },
	};
	static const struct {
		const char *sort;
		u16 order[3];
	} rows[] = {
		{ "rate", { 2, 1, 3 } }, { "bytes", { 3, 1, 2 } }, { "packets", { 2, 3, 1 } }, { "age", { 1, 3, 2 } }, { "recent", { 2, 3, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct run_flow sorted[3];
		int sort = run_flows_parse_sort(rows[i].sort);

		assert_int_not_equal(sort, -1);
		assert_string_equal(run_flows_sort_name((enum run_flows_sort)sort), rows[i].sort);
		for (u32 k = 0; k < 3; k++)
			sorted[k] = (struct run_flow){ .info = flows[k] };
		run_flows_order((enum run_flows_sort)sort, sorted, 3);
		for (u32 k = 0; k < 3; k++)
			assert_int_equal(sorted[k].info.sport, rows[i].order[k]);
	}
	assert_int_equal(run_flows_parse_sort("size"), -1);
}

static struct run_flows given;

static int give(void *daemon, const struct run_flows_query *query, struct run_flows *out)
{
	*(struct run_flows_query *)daemon = *query;
	*out = given;
	return 0;
}

static void the_answer_says_it_in_names(void **state)
{
	struct run_flows_query query;
	json_t *request = json_pack("{s:i, s:s, s:s, s:s}", "top", 5, "sort", "bytes", "protocol", "udp", "end", ":53"), *answer = json_object(), *flow;
	char error[RUN_ERROR_BYTES];

	(void)state;
	given = (struct run_flows){ .live = 3, .matched = 2, .count = 1 };
	given.at[0] = (struct run_flow){
		.info = { .family = 6, .protocol = TG_PROTO_UDP, .src = { 0xfd }, .dst = { 0xfd, [15] = 1 }, .sport = 5, .dport = 53, .sent_bytes = 7 },
		.way = { .known = true, .seen = true, .path = 1, .name = "eth0" },
	};
	assert_int_equal(flows_answer(give, &query, NULL, request, answer, error), 0);
	assert_true(query.top == 5 && query.sort == RUN_FLOWS_BYTES && query.protocol == TG_PROTO_UDP && query.port == 53 && query.idle_us == FLOWS_IDLE_US);
	flow = json_array_get(json_object_get(answer, "flows"), 0);
	assert_string_equal(json_string_value(json_object_get(flow, "protocol")), "udp");
	assert_string_equal(json_string_value(json_object_get(flow, "from")), "[fd00::]:5");
	assert_string_equal(json_string_value(json_object_get(flow, "to")), "[fd00::1]:53");
	assert_string_equal(json_string_value(json_object_get(flow, "class")), "sparse");
	assert_string_equal(json_string_value(json_object_get(flow, "path")), "eth0");
	assert_null(json_object_get(flow, "client"));
	assert_int_equal(json_integer_value(json_object_get(answer, "matched")), 2);
	json_decref(answer);
	json_decref(request);
}

static void questions_that_are_refused(void **state)
{
	static const char *const requests[] = {
		"{\"top\": 0}", "{\"top\": 257}", "{\"top\": \"x\"}", "{\"sort\": \"size\"}", "{\"protocol\": \"x\"}", "{\"end\": \"x\"}",
		"{\"idle_us\": -1}", "{\"client\": \"laptop\"}",
	};
	struct run_flows_query query;
	char error[RUN_ERROR_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		json_t *request = json_loads(requests[i], 0, NULL), *answer = json_object();

		error[0] = '\0';
		if (flows_answer(give, &query, NULL, request, answer, error) != -EINVAL || !error[0])
			fail_msg("%s", requests[i]);
		json_decref(answer);
		json_decref(request);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_are_one_flow),
		cmocka_unit_test(what_comes_is_not_taken_for_the_last_flow),
		cmocka_unit_test(fragments_have_no_ports),
		cmocka_unit_test(what_is_no_flow_is_not_counted),
		cmocka_unit_test(rates_are_those_of_the_last_second),
		cmocka_unit_test(idle_ones_are_left_out),
		cmocka_unit_test(a_flood_costs_silent_flows_their_place),
		cmocka_unit_test(both_ends_tell_of_the_same_flow),
		cmocka_unit_test(a_lone_path_is_straight_and_a_gone_session_unknown),
		cmocka_unit_test(filters),
		cmocka_unit_test(words_that_mean_nothing),
		cmocka_unit_test(orders),
		cmocka_unit_test(the_answer_says_it_in_names),
		cmocka_unit_test(questions_that_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
