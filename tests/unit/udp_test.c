// SPDX-License-Identifier: MIT
/* udp_test.c - runs of datagrams over loopback: whole, in order, with addresses; steering; errors */
#include "unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <triglav/wire.h>
#include <unistd.h>

#include "base/bytes.h"
#include "link/udp.h"

#define WAIT_MS 2000

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

static struct udp *open_at(const char *text, u32 link, bool reuse)
{
	struct udp_settings set = { .bind = address(text), .reuse_port = reuse, .places = 64 };
	struct udp *u = NULL;

	assert_int_equal(udp_open(&u, link, &set), 0);
	return u;
}

static struct addr bound(const struct udp *u)
{
	struct addr a;

	udp_local(u, &a);
	return a;
}

static bool readable(const struct udp *u, int ms)
{
	struct pollfd p = { .fd = udp_fd(u), .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void fill(u8 *p, u32 len, u32 seed)
{
	for (u32 i = 0; i < len; i++)
		p[i] = (u8)(seed + i * 31 + (i >> 9));
}

static void send_all(struct udp *u, const struct datagrams *runs, u32 n)
{
	int error;

	assert_int_equal(udp_send(u, runs, n, &error), 0);
	assert_int_equal(error, 0);
}

/* What arrived, datagram by datagram. */
struct arrived {
	u32 runs, count, bytes;
	u32 sizes[600];
	u8 data[300000];
	struct datagrams last;
};
static struct arrived arrived;

static void receive(struct udp *u, u32 datagrams)
{
	struct datagrams *runs;
	int error;

	memset(&arrived, 0, sizeof(arrived));
	while (arrived.count < datagrams) {
		u32 n;

		if (!readable(u, WAIT_MS))
			fail_msg("%u of %u datagrams came", arrived.count, datagrams);
		n = udp_receive(u, &runs, &error);
		assert_int_equal(error, 0);
		arrived.runs += n;
		for (u32 i = 0; i < n; i++) {
			memcpy(arrived.data + arrived.bytes, runs[i].data, runs[i].len);
			arrived.bytes += runs[i].len;
			for (u32 at = 0; at < runs[i].len; at += runs[i].segment_bytes)
				arrived.sizes[arrived.count++] = MIN(runs[i].segment_bytes, runs[i].len - at);
			arrived.last = runs[i];
		}
		udp_done(u, n);
	}
	assert_int_equal(arrived.count, datagrams);
}

static const struct {
	const char *from, *to;
	u32 len, segment;
} runs_sent[] = {
	{ "127.0.0.1:0", "127.0.0.1:0", 1, 1 },
	{ "127.0.0.1:0", "127.0.0.1:0", 1452, 1452 },
	{ "127.0.0.1:0", "127.0.0.1:0", 1452 * 44, 1452 },
	{ "127.0.0.1:0", "127.0.0.1:0", 1452 * 10 + 1, 1452 },
	{ "[::1]:0", "[::1]:0", 1432 * 45, 1432 },
	{ "[::1]:0", "[::]:0", 1432 * 3 + 1431, 1432 },
	{ "127.0.0.1:0", "0.0.0.0:0", 64 * 64, 64 },
	{ "127.0.0.1:0", "127.0.0.1:0", 200 * 64 + 5, 64 },	/* more segments than one message takes */
	{ "127.0.0.1:0", "127.0.0.1:0", 200000, 1452 },		/* more bytes than one message takes */
};

static void runs_arrive_whole(void **state)
{
	static u8 data[200000];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(runs_sent); i++) {
		struct udp *a = open_at(runs_sent[i].from, 1, false), *b = open_at(runs_sent[i].to, 2, false);
		u32 len = runs_sent[i].len, segment = runs_sent[i].segment, count = (len + segment - 1) / segment;
		struct datagrams d = { .data = data, .len = len, .segment_bytes = segment };

		fill(data, len, (u32)i);
		d.where.remote = bound(a);
		d.where.remote.port = bound(b).port;
		send_all(a, &d, 1);
		receive(b, count);
		assert_int_equal(arrived.bytes, len);
		assert_memory_equal(arrived.data, data, len);
		for (u32 s = 0; s < count; s++)
			assert_int_equal(arrived.sizes[s], s + 1 < count ? segment : len - (count - 1) * segment);
		assert_int_equal(arrived.last.where.link, 2);
		assert_int_equal(arrived.last.where.remote.port, bound(a).port);
		udp_close(a);
		udp_close(b);
	}
}

/* The point of it all: 44 datagrams are one message on the way in, too. */
static void a_run_is_received_as_one(void **state)
{
	static u8 data[1452 * 44];
	struct udp *a = open_at("127.0.0.1:0", 1, false), *b = open_at("127.0.0.1:0", 2, false);
	struct datagrams d = { .data = data, .len = sizeof(data), .segment_bytes = 1452 };

	(void)state;
	d.where.remote = bound(b);
	send_all(a, &d, 1);
	receive(b, 44);
	assert_int_equal(arrived.runs, 1);
	udp_close(a);
	udp_close(b);
}

static void many_runs_go_to_their_own_endpoints(void **state)
{
	enum { RUNS = 150 };
	struct udp *a = open_at("127.0.0.1:0", 1, false), *b[2];
	struct datagrams d[RUNS];
	u8 data[RUNS];

	(void)state;
	b[0] = open_at("127.0.0.1:0", 2, false);
	b[1] = open_at("127.0.0.1:0", 3, false);
	memset(d, 0, sizeof(d));
	for (u32 i = 0; i < RUNS; i++) {
		data[i] = (u8)i;
		d[i] = (struct datagrams){ .data = &data[i], .len = 1, .segment_bytes = 1, .where.remote = bound(b[i & 1]) };
	}
	send_all(a, d, RUNS);
	for (u32 side = 0; side < 2; side++) {
		receive(b[side], RUNS / 2);
		for (u32 i = 0; i < RUNS / 2; i++)
			assert_int_equal(arrived.data[i], 2 * i + side);
		udp_close(b[side]);
	}
	udp_close(a);
}

static void the_local_address_goes_both_ways(void **state)
{
	struct udp *a = open_at("0.0.0.0:0", 1, false), *b = open_at("0.0.0.0:0", 2, false);
	u8 byte = 7;
	struct datagrams d = { .data = &byte, .len = 1, .segment_bytes = 1 };

	(void)state;
	d.where.remote = address("127.0.0.9:1");
	d.where.remote.port = bound(b).port;
	d.where.local = address("127.0.0.8:1");
	d.where.local.port = 0;
	send_all(a, &d, 1);
	receive(b, 1);
	assert_true(addr_same_ip(&arrived.last.where.remote, &d.where.local));
	assert_true(addr_same_ip(&arrived.last.where.local, &d.where.remote));
	assert_int_equal(arrived.last.where.local.port, 0);

	/* The answer goes out from the address that was written to. */
	d.where = arrived.last.where;
	send_all(b, &d, 1);
	receive(a, 1);
	assert_true(addr_same_ip(&arrived.last.where.remote, &d.where.local));
	udp_close(a);
	udp_close(b);
}

/* IPv4 of newer kernels says ENETUNREACH here, as for a missing route. */
static const struct {
	const char *host, *source;
	int error, other;
} foreign[] = {
	{ "127.0.0.1:0", "192.0.2.77:1", EADDRNOTAVAIL, ENETUNREACH },
	{ "[::1]:0", "[2001:db8::77]:1", EADDRNOTAVAIL, EADDRNOTAVAIL },
};

static void a_foreign_source_is_refused(void **state)
{
	u8 bytes[4] = { 1, 2, 3, 4 };
	int error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		struct udp *a = open_at(foreign[i].host, 1, false), *b = open_at(foreign[i].host, 2, false);
		struct datagrams d = { .data = bytes, .len = 4, .segment_bytes = 2, .where.remote = bound(b) };
		struct datagrams runs[2] = { d, d };

		runs[0].where.local = address(foreign[i].source);
		/* The run behind it goes all the same. */
		assert_int_equal(udp_send(a, runs, 2, &error), 2);
		assert_true(error == foreign[i].error || error == foreign[i].other);
		receive(b, 2);
		udp_close(a);
		udp_close(b);
	}
}

static void a_segment_above_the_mtu_is_too_large(void **state)
{
	static u8 data[65530];
	struct udp *a = open_at("127.0.0.1:0", 1, false), *b = open_at("127.0.0.1:0", 2, false);
	struct datagrams d = { .data = data, .len = 65530, .segment_bytes = 65530 };
	int error;

	(void)state;
	d.where.remote = bound(b);
	assert_int_equal(udp_send(a, &d, 1, &error), 1);
	assert_int_equal(error, EMSGSIZE);
	udp_close(a);
	udp_close(b);
}

/* What went out was taken for the first of the batch: the rest, sent already, went out again. */
static void two_unreachable_destinations_repeat_nothing(void **state)
{
	static const struct { bool unreachable; u32 datagrams; } batch[] = {
		{ false, 2 }, { true, 3 }, { false, 1 }, { true, 2 }, { false, 4 },
	};
	struct udp *a = open_at("127.0.0.1:0", 1, false), *b = open_at("127.0.0.1:0", 2, false);
	struct datagrams runs[ARRAY_SIZE(batch)];
	u8 data[ARRAY_SIZE(batch)][40];
	int error;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++) {
		memset(data[i], (int)i, sizeof(data[i]));
		runs[i] = (struct datagrams){ .data = data[i], .len = batch[i].datagrams * 10, .segment_bytes = 10 };
		/* Broadcast is not allowed on this socket: EACCES. */
		runs[i].where.remote = batch[i].unreachable ? address("255.255.255.255:9") : bound(b);
	}
	assert_int_equal(udp_send(a, runs, ARRAY_SIZE(runs), &error), 3 + 2);
	assert_int_equal(error, EACCES);
	receive(b, 2 + 1 + 4);
	for (u32 i = 0; i < 7; i++)
		assert_int_equal(arrived.data[10 * i], i < 2 ? 0 : i < 3 ? 2 : 4);
	assert_false(readable(b, 0));
	udp_close(a);
	udp_close(b);
}

static void an_empty_datagram_is_counted(void **state)
{
	struct udp *a = open_at("127.0.0.1:0", 1, false), *b = open_at("127.0.0.1:0", 2, false);
	struct addr to = bound(b);
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&to, &ss);
	u8 byte = 1;
	struct datagrams d = { .data = &byte, .len = 1, .segment_bytes = 1, .where.remote = to };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(udp_fd(a), "", 0, 0, (struct sockaddr *)&ss, len), 0);
	send_all(a, &d, 1);
	receive(b, 1);
	assert_int_equal(udp_take_unusable(b), 3);
	assert_int_equal(udp_take_unusable(b), 0);
	udp_close(a);
	udp_close(b);
}

static void congestion_marks_are_seen(void **state)
{
	static const char *const hosts[] = { "127.0.0.1:0", "[::1]:0" };
	u8 byte = 1;

	(void)state;
	for (int tos = 0; tos < 4; tos++) {
		for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
			struct udp *a = open_at(hosts[i], 1, false), *b = open_at(hosts[i], 2, false);
			struct datagrams d = { .data = &byte, .len = 1, .segment_bytes = 1, .where.remote = bound(b) };

			setsockopt(udp_fd(a), i ? IPPROTO_IPV6 : IPPROTO_IP, i ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
			send_all(a, &d, 1);
			receive(b, 1);
			assert_int_equal(arrived.last.ce, tos == 3);
			udp_close(a);
			udp_close(b);
		}
	}
}

static int open_error(struct udp_settings set)
{
	struct udp *u = NULL;
	int err = udp_open(&u, 1, &set);

	if (!err)
		udp_close(u);
	return err;
}

static void opening_says_what_is_wrong(void **state)
{
	struct udp *u = open_at("127.0.0.1:0", 1, false);

	(void)state;
	assert_int_equal(open_error((struct udp_settings){ .bind = bound(u) }), -EADDRINUSE);
	assert_int_equal(open_error((struct udp_settings){ .bind = address("127.0.0.1:0"), .device = "tg-no-such" }), -ENODEV);
	assert_int_equal(open_error((struct udp_settings){ .bind = address("192.0.2.1:0") }), -EADDRNOTAVAIL);
	assert_int_equal(open_error((struct udp_settings){ .bind = { 0 } }), -EAFNOSUPPORT);
	assert_int_equal(open_error((struct udp_settings){ .bind = address("127.0.0.1:0"), .device = "lo" }), 0);
	udp_close(u);
	udp_close(NULL);
}

static void both_wildcards_share_a_port(void **state)
{
	struct udp *four = open_at("0.0.0.0:0", 1, false);
	struct udp_settings set = { .bind = address("[::]:0") };

	(void)state;
	set.bind.port = bound(four).port;
	assert_int_equal(open_error(set), 0);
	udp_close(four);
}

/* Sends to a port where nobody listens until the ICMP error has come back. */
static void icmp_errors_are_consumed(void **state)
{
	struct udp *a = open_at("127.0.0.1:0", 1, false), *gone = open_at("127.0.0.1:0", 2, false);
	struct datagrams *runs, d = { .len = 1, .segment_bytes = 1, .where.remote = bound(gone) };
	u8 byte = 1;
	int error = 0;

	(void)state;
	udp_close(gone);
	d.data = &byte;
	send_all(a, &d, 1);
	send_all(a, &d, 1);	/* a pending error neither stops nor loses the next */
	for (int i = 0; i < 4 && readable(a, i ? 0 : WAIT_MS); i++) {
		int e;

		assert_int_equal(udp_receive(a, &runs, &e), 0);
		error = e ? e : error;
	}
	assert_int_equal(error, ECONNREFUSED);
	assert_false(readable(a, 0));
	udp_close(a);
}

/* Datagram `number`, of that many bytes, each of which says which one it is. */
static void send_numbered(struct udp *from, const struct udp *to, u32 number)
{
	u8 bytes[8 + 4];
	struct datagrams d = { .data = bytes, .len = 4 + number % 8, .segment_bytes = 4 + number % 8, .where.remote = bound(to) };

	memset(bytes, (u8)number, sizeof(bytes));
	put_be32(bytes, number);
	send_all(from, &d, 1);
}

/* Reads are more than what is done with, until there is no room; the rest comes later, and all in order. */
static void runs_wait_until_they_are_done_with(void **state)
{
	struct udp *from = open_at("127.0.0.1:0", 1, true), *to = open_at("127.0.0.1:0", 2, true);
	u32 sent = 0, read = 0, done = 0, most = 0, n;
	struct datagrams *runs;
	int error;

	(void)state;
	while (done < 2000) {
		for (u32 i = 0; i < 8 && sent < 2000; i++)
			send_numbered(from, to, sent++);
		n = udp_receive(to, &runs, &error);
		assert_int_equal(error, 0);
		for (u32 i = 0; i < n; i++)
			assert_int_equal(get_be32(runs[i].data), read++);
		most = MAX(most, read - done);
		runs = udp_waiting(to, &n);
		assert_true(n > 0 || read == done);
		n = MIN(n, read < 2000 && read - done < 40 ? 3u : 11u);
		for (u32 i = 0; i < n; i++, done++) {
			assert_int_equal(get_be32(runs[i].data), done);
			assert_int_equal(runs[i].len, 4 + done % 8);
			assert_int_equal(runs[i].data[runs[i].len - 1], (u8)done);
		}
		udp_done(to, n);
	}
	assert_int_equal(read, 2000);
	assert_true(most >= 40);
	udp_close(from);
	udp_close(to);
}

static void a_full_ring_leaves_the_rest_to_the_socket(void **state)
{
	struct udp *from = open_at("127.0.0.1:0", 1, true), *to = open_at("127.0.0.1:0", 2, true);
	u32 read = 0, n, rest;
	struct datagrams *runs;
	int error;

	(void)state;
	for (u32 i = 0; i < 300; i++)
		send_numbered(from, to, i);
	while ((n = udp_receive(to, &runs, &error)))
		read += n;
	assert_in_range(read, 40, 299);
	for (u32 done = 0; done < 300; done += n) {
		runs = udp_waiting(to, &n);
		assert_true(n > 0);
		for (u32 i = 0; i < n; i++)
			assert_int_equal(get_be32(runs[i].data), done + i);
		udp_done(to, n);
		while ((rest = udp_receive(to, &runs, &error)))
			read += rest;
	}
	assert_int_equal(read, 300);
	udp_close(from);
	udp_close(to);
}

/* What is no run leaves no gap: its memory serves the next one. */
static void an_empty_datagram_between_others_loses_none(void **state)
{
	struct udp *from = open_at("127.0.0.1:0", 1, true), *to = open_at("127.0.0.1:0", 2, true);
	struct sockaddr_storage ss;
	struct addr there = bound(to);
	socklen_t len = addr_to_sockaddr(&there, &ss);
	struct datagrams *runs;
	u32 n, read = 0;
	int error;

	(void)state;
	for (u32 i = 0; i < 40; i++) {
		send_numbered(from, to, i);
		if (i % 3 == 0)
			assert_int_equal(sendto(udp_fd(from), "", 0, 0, (struct sockaddr *)&ss, len), 0);
	}
	while (readable(to, 0))		/* what loopback takes is there when the call returns */
		read += udp_receive(to, &runs, &error);
	assert_int_equal(read, 40);
	assert_int_equal(udp_take_unusable(to), 14);
	runs = udp_waiting(to, &n);
	assert_int_equal(n, 40);
	for (u32 i = 0; i < n; i++)
		assert_int_equal(get_be32(runs[i].data), i);
	udp_close(from);
	udp_close(to);
}

static void nothing_is_no_error(void **state)
{
	struct udp *a = open_at("127.0.0.1:0", 1, false);
	struct datagrams *runs;
	int error = 1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(udp_receive(a, &runs, &error), 0);
		assert_int_equal(error, 0);
	}
	udp_close(a);
}

enum { WORKERS = 3, MEMBERS = WORKERS * TG_LANES };

static const struct {
	const char *what;
	u8 type, pattern;
	u32 len;
	u8 low;		/* last byte of the receiver index or the handle */
	int worker;	/* -1: any */
	u8 flags;
} steered[] = {
	{ "data, worker 0", TG_TYPE_DATA, 0, 60, 0, 0, 0 },
	{ "data, worker 1", TG_TYPE_DATA, 0, 60, 1, 1, 0 },
	{ "data, worker 2, higher bits", TG_TYPE_DATA, 0, 60, 0xc2, 2, 0 },
	{ "interactive data, worker 0", TG_TYPE_DATA, 0, 60, 0, 0, TG_FLAG_AHEAD },
	{ "interactive data, worker 1", TG_TYPE_DATA, 0, 60, 1, 1, TG_FLAG_AHEAD },
	{ "data, worker 1, other flags", TG_TYPE_DATA, 0, 60, 1, 1, TG_FLAGS_KNOWN & ~TG_FLAG_AHEAD },
	{ "control with that flag, worker 1", TG_TYPE_CONTROL, 0, 60, 1, 1, TG_FLAG_AHEAD },
	{ "control, worker 2", TG_TYPE_CONTROL, 0, 28, 2, 2, 0 },
	{ "join, worker 1", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, 224, 1, 1, 0 },
	{ "join, worker 2", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, 224, 0x42, 2, 0 },
	{ "no such worker", TG_TYPE_DATA, 0, 60, 3, -1, 0 },
	{ "first", TG_TYPE_FIRST, TG_PATTERN_NKPSK2, 224, 1, -1, 0 },
	{ "short data", TG_TYPE_DATA, 0, 11, 1, -1, 0 },
	{ "short join", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, 100, 1, -1, 0 },
	{ "one byte", TG_TYPE_DATA, 0, 1, 1, -1, 0 },
};

static int which_member(struct udp *const *members, int count)
{
	struct pollfd p[MEMBERS];

	for (int i = 0; i < count; i++)
		p[i] = (struct pollfd){ .fd = udp_fd(members[i]), .events = POLLIN };
	assert_int_equal(poll(p, (nfds_t)count, WAIT_MS), 1);
	for (int i = 0; i < count; i++) {
		if (p[i].revents) {
			receive(members[i], 1);
			return i;
		}
	}
	return -1;
}

static void make(u8 data[224], size_t i)
{
	memset(data, 0, 224);
	data[0] = steered[i].type;
	data[1] = steered[i].flags;
	data[2] = steered[i].pattern;
	data[steered[i].type == TG_TYPE_FIRST ? 47 : 7] = steered[i].low;
}

static int lane_of(size_t i)
{
	return steered[i].type == TG_TYPE_DATA && steered[i].flags & TG_FLAG_AHEAD ? TG_LANE_INTERACTIVE : TG_LANE_BULK;
}

static void send_steered(struct udp *from, size_t i, const struct addr *to)
{
	u8 data[224];
	struct datagrams d = { .data = data, .len = steered[i].len, .segment_bytes = steered[i].len, .where.remote = *to };

	make(data, i);
	send_all(from, &d, 1);
}

/* From 16 source ports: what is steered always goes to its worker and its lane, what is hashed comes to more than one. */
static void workers_get_what_is_theirs(void **state)
{
	struct udp_settings set = { .bind = address("127.0.0.1:0") };
	struct udp *members[MEMBERS];
	u32 used[ARRAY_SIZE(steered)] = { 0 };

	(void)state;
	assert_int_equal(udp_open_lanes(members, 0, &set, WORKERS, -1), 0);
	set.bind = bound(members[TG_LANE_BULK]);
	for (u32 w = 1; w < WORKERS; w++)
		assert_int_equal(udp_join_lanes(members + w * TG_LANES, w, &set), 0);
	for (u32 round = 0; round < 16; round++) {
		struct udp *from = open_at("127.0.0.1:0", 9, false);

		for (size_t i = 0; i < ARRAY_SIZE(steered); i++) {
			int member;

			send_steered(from, i, &set.bind);
			member = which_member(members, MEMBERS);
			if (steered[i].worker >= 0 && member != steered[i].worker * TG_LANES + lane_of(i))
				fail_msg("%s: went to socket %d", steered[i].what, member);
			used[i] |= 1u << member;
		}
		udp_close(from);
	}
	for (size_t i = 0; i < ARRAY_SIZE(steered); i++) {
		if (steered[i].worker < 0 && !(used[i] & (used[i] - 1)))
			fail_msg("%s: always the same socket, not hashed", steered[i].what);
	}
	for (u32 i = 0; i < MEMBERS; i++)
		udp_close(members[i]);
}

/* Nobody else is there, so what says no worker need not be spread. */
static void a_lone_worker_has_all_but_the_interactive_in_one_socket(void **state)
{
	struct udp_settings set = { .bind = address("127.0.0.1:0") };
	struct udp *lanes[TG_LANES], *from = open_at("127.0.0.1:0", 9, false);
	struct addr there;

	(void)state;
	assert_int_equal(udp_open_lanes(lanes, 4, &set, 1, -1), 0);
	there = bound(lanes[TG_LANE_BULK]);
	assert_true(addr_equal(&there, &(struct addr){ .family = 4, .ip = { 127, 0, 0, 1 }, .port = bound(lanes[TG_LANE_INTERACTIVE]).port }));
	for (size_t i = 0; i < ARRAY_SIZE(steered); i++) {
		send_steered(from, i, &there);
		assert_int_equal(which_member(lanes, TG_LANES), steered[i].low ? TG_LANE_BULK : lane_of(i));
	}
	udp_close(from);
	udp_close(lanes[TG_LANE_INTERACTIVE]);
	udp_close(lanes[TG_LANE_BULK]);
}

/* The kernel lets sockets of one user share a port once they ask for it: a second server would have taken half of the first one's datagrams. */
static void an_address_with_lanes_is_not_shared_with_others(void **state)
{
	struct udp_settings set = { .bind = address("127.0.0.1:0") };
	struct udp *lanes[TG_LANES], *second[TG_LANES];

	(void)state;
	assert_int_equal(udp_open_lanes(lanes, 1, &set, 1, -1), 0);
	set.bind = bound(lanes[TG_LANE_BULK]);
	assert_int_equal(udp_open_lanes(second, 2, &set, 1, -1), -EADDRINUSE);
	udp_close(lanes[TG_LANE_INTERACTIVE]);
	udp_close(lanes[TG_LANE_BULK]);
	assert_int_equal(udp_open_lanes(second, 2, &set, 1, -1), 0);
	udp_close(second[TG_LANE_INTERACTIVE]);
	udp_close(second[TG_LANE_BULK]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_arrive_whole),
		cmocka_unit_test(a_run_is_received_as_one),
		cmocka_unit_test(many_runs_go_to_their_own_endpoints),
		cmocka_unit_test(the_local_address_goes_both_ways),
		cmocka_unit_test(a_foreign_source_is_refused),
		cmocka_unit_test(a_segment_above_the_mtu_is_too_large),
		cmocka_unit_test(two_unreachable_destinations_repeat_nothing),
		cmocka_unit_test(an_empty_datagram_is_counted),
		cmocka_unit_test(congestion_marks_are_seen),
		cmocka_unit_test(opening_says_what_is_wrong),
		cmocka_unit_test(both_wildcards_share_a_port),
		cmocka_unit_test(icmp_errors_are_consumed),
		cmocka_unit_test(nothing_is_no_error),
		cmocka_unit_test(runs_wait_until_they_are_done_with),
		cmocka_unit_test(a_full_ring_leaves_the_rest_to_the_socket),
		cmocka_unit_test(an_empty_datagram_between_others_loses_none),
		cmocka_unit_test(workers_get_what_is_theirs),
		cmocka_unit_test(a_lone_worker_has_all_but_the_interactive_in_one_socket),
		cmocka_unit_test(an_address_with_lanes_is_not_shared_with_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
