// SPDX-License-Identifier: MIT
/* tcp_test.c - datagrams over TCP on loopback: whole or not at all, however the stream is cut */
#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "link/tcp.h"

#define WAIT_MS 2000

static struct tcp *near, *far;	/* near connected to far */
static struct tcp_listener *listener;
static struct addr listening;

static bool ready(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) == 1;
}

static int listen_at(const char *text)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int err = addr_parse(&listening, text, 0);

	if (!err)
		err = tcp_listen(&listener, &listening);
	if (!err && !getsockname(tcp_listener_fd(listener), (struct sockaddr *)&ss, &len))
		addr_from_sockaddr(&listening, (struct sockaddr *)&ss);
	return err;
}

static int connect_both(void)
{
	struct tcp_settings set = { .remote = listening };
	int err = tcp_connect(&near, 1, &set);

	if (err)
		return err;
	if (!ready(tcp_fd(near), POLLOUT, WAIT_MS) || tcp_finish_connect(near))
		return -1;
	if (!ready(tcp_listener_fd(listener), POLLIN, WAIT_MS))
		return -1;
	return tcp_accept(listener, 2, &far);
}

static int open_pair(void **state)
{
	(void)state;
	near = far = NULL;
	return listen_at("127.0.0.1:0") || connect_both();
}

static int open_pair6(void **state)
{
	(void)state;
	near = far = NULL;
	return listen_at("[::1]:0") || connect_both();
}

static int close_pair(void **state)
{
	(void)state;
	tcp_close(near);
	tcp_close(far);
	tcp_listener_close(listener);
	return 0;
}

/* Datagram number i: its number, then bytes that follow from it. */
static u32 datagram_bytes(u32 i)
{
	return i % 7 == 0 ? 2048 : 4 + i * 37 % 2045;
}

static void fill(u8 *p, u32 i, u32 len)
{
	put_be32(p, i);
	for (u32 b = 4; b < len; b++)
		p[b] = (u8)(i + b * 3);
}

static void check(const struct datagrams *d, u32 i, u32 len)
{
	u8 expected[2048];

	fill(expected, i, len);
	assert_int_equal(d->len, len);
	assert_int_equal(d->segment_bytes, len);
	assert_memory_equal(d->data, expected, len);
}

static void datagrams_arrive_in_order(void **state)
{
	enum { COUNT = 400 };
	u8 data[2048];
	struct datagrams in[16], d = { .data = data };
	u32 sent = 0, got = 0;
	int error;

	(void)state;
	while (got < COUNT) {
		u32 n;

		for (; sent < COUNT && sent < got + 40; sent++) {
			d.len = d.segment_bytes = datagram_bytes(sent);
			fill(data, sent, d.len);
			assert_int_equal(tcp_send(near, &d, 1, &error), 0);
			assert_int_equal(error, 0);
		}
		assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
		while ((n = tcp_receive(far, in, ARRAY_SIZE(in), &error))) {
			for (u32 i = 0; i < n; i++, got++)
				check(&in[i], got, datagram_bytes(got));
		}
		assert_int_equal(error, 0);
		assert_int_equal(tcp_flush(near), 0);
	}
	assert_int_equal(got, COUNT);
}

static void runs_are_sent_datagram_by_datagram(void **state)
{
	u8 data[1000 * 3 + 10];
	struct datagrams in[8], d = { .data = data, .len = sizeof(data), .segment_bytes = 1000 };
	u32 got = 0;
	int error;

	(void)state;
	for (u32 i = 0; i < 4; i++)
		fill(data + i * 1000, i, i < 3 ? 1000 : 10);
	assert_int_equal(tcp_send(near, &d, 1, &error), 0);
	while (got < 4) {
		u32 n;

		assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
		n = tcp_receive(far, in, 8, &error);
		for (u32 i = 0; i < n; i++, got++)
			check(&in[i], got, got < 3 ? 1000 : 10);
	}
}

static void endpoints_are_known(void **state)
{
	u8 byte[4] = { 1, 2, 3, 4 };
	struct datagrams in[1], d = { .data = byte, .len = 4, .segment_bytes = 4 };
	struct addr remote;
	int error;

	(void)state;
	tcp_remote(near, &remote);
	assert_true(addr_equal(&remote, &listening));
	assert_int_equal(tcp_link(near), 1);
	assert_int_equal(tcp_link(far), 2);
	assert_int_equal(tcp_send(far, &d, 1, &error), 0);
	assert_true(ready(tcp_fd(near), POLLIN, WAIT_MS));
	assert_int_equal(tcp_receive(near, in, 1, &error), 1);
	assert_int_equal(in[0].where.link, 1);
	assert_true(addr_equal(&in[0].where.remote, &listening));
	assert_true(addr_same_ip(&in[0].where.local, &listening));
	assert_int_equal(in[0].where.local.port, 0);
	assert_false(in[0].ce);
}

static void write_raw(const void *data, size_t len)
{
	assert_int_equal(send(tcp_fd(near), data, len, MSG_NOSIGNAL), len);
}

static void one_byte_at_a_time(void **state)
{
	u8 stream[3 * 2050];
	static const u32 sizes[] = { 5, 2048, 300 };
	struct datagrams in[4];
	u32 len = 0, whole = 0, got = 0;
	int error;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		put_be16(stream + len, (u16)sizes[i]);
		fill(stream + len + 2, i, sizes[i]);
		len += 2 + sizes[i];
	}
	for (u32 i = 0, next = 2 + sizes[0]; i < len; i++) {
		u32 n;

		write_raw(stream + i, 1);
		assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
		n = tcp_receive(far, in, 4, &error);
		assert_int_equal(error, 0);
		whole += i + 1 == next;
		assert_int_equal(n, i + 1 == next);
		if (n) {
			check(&in[0], got, sizes[got]);
			got++;
			next += got < ARRAY_SIZE(sizes) ? 2 + sizes[got] : 0;
		}
	}
	assert_int_equal(got, ARRAY_SIZE(sizes));
	assert_int_equal(whole, got);
}

static void more_than_asked_for_waits(void **state)
{
	u8 stream[3 * 6] = { 0, 4, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 4, 0, 0, 0, 2 };
	struct datagrams in[1];
	int error;

	(void)state;
	write_raw(stream, sizeof(stream));
	assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
	for (u32 i = 0; i < 3; i++) {
		assert_int_equal(tcp_receive(far, in, 1, &error), 1);
		check(in, i, 4);
	}
	assert_int_equal(tcp_receive(far, in, 1, &error), 0);
	assert_int_equal(error, 0);
}

static void bad_lengths_end_the_connection(void **state)
{
	static const u16 bad[] = { 0, 2049, 65535 };
	struct datagrams in[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 stream[8] = { 0, 4, 0, 0, 0, 0 };
		int error;

		put_be16(stream + 6, bad[i]);
		write_raw(stream, sizeof(stream));
		assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
		assert_int_equal(tcp_receive(far, in, 4, &error), 1);	/* what came before it is good */
		assert_int_equal(error, 0);
		for (int again = 0; again < 2; again++) {
			assert_int_equal(tcp_receive(far, in, 4, &error), 0);
			assert_int_equal(error, EPROTO);
		}
		tcp_close(near);
		tcp_close(far);
		near = far = NULL;
		assert_int_equal(connect_both(), 0);
	}
}

static void closing_is_noticed(void **state)
{
	struct datagrams in[1];
	u8 half[5] = { 0, 4, 0, 0, 0 };
	int error;

	(void)state;
	write_raw(half, sizeof(half));
	tcp_close(near);
	near = NULL;
	assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
	assert_int_equal(tcp_receive(far, in, 1, &error), 0);
	assert_int_equal(error, 0);
	assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
	assert_int_equal(tcp_receive(far, in, 1, &error), 0);
	assert_int_equal(error, ECONNRESET);
}

static void a_broken_connection_says_so(void **state)
{
	u8 data[4] = { 0 };
	struct datagrams d = { .data = data, .len = 4, .segment_bytes = 4 };
	int error = 0;

	(void)state;
	tcp_close(far);
	far = NULL;
	for (int i = 0; i < 100 && !error; i++) {
		tcp_send(near, &d, 1, &error);
		ready(tcp_fd(near), POLLHUP | POLLERR, 20);
	}
	assert_true(error == EPIPE || error == ECONNRESET);
}

/* Until near takes more or far has something. */
static void wait_for_either(void)
{
	struct pollfd p[2] = { { .fd = tcp_fd(far), .events = POLLIN },
			       { .fd = tcp_fd(near), .events = tcp_wants_write(near) ? POLLOUT : 0 } };

	assert_in_range(poll(p, 2, WAIT_MS), 1, 2);
}

/* The other side does not read: the backlog fills, whole datagrams are dropped; then it reads and finds none cut. */
static void a_full_backlog_drops_whole_datagrams(void **state)
{
	u8 data[2048];
	struct datagrams in[16], d = { .data = data };
	u32 sent = 0, dropped = 0, queued[20000], kept = 0, got = 0;
	int error, small = 16384;

	(void)state;
	setsockopt(tcp_fd(near), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (dropped < 50 && sent < ARRAY_SIZE(queued)) {
		u32 lost;

		d.len = d.segment_bytes = datagram_bytes(sent);
		fill(data, sent, d.len);
		lost = tcp_send(near, &d, 1, &error);
		assert_int_equal(error, 0);
		if (!lost)
			queued[kept++] = sent;
		dropped += lost;
		sent++;
	}
	assert_int_equal(dropped, 50);
	assert_true(tcp_wants_write(near));
	while (got < kept) {
		u32 n;

		assert_int_equal(tcp_flush(near), 0);
		wait_for_either();
		while ((n = tcp_receive(far, in, ARRAY_SIZE(in), &error))) {
			for (u32 i = 0; i < n; i++, got++)
				check(&in[i], queued[got], datagram_bytes(queued[got]));
		}
		assert_int_equal(error, 0);
	}
	assert_false(tcp_wants_write(near));
	assert_false(ready(tcp_fd(far), POLLIN, 0));
}

static void what_cannot_be_framed_is_dropped(void **state)
{
	u8 data[3000] = { 0 };
	struct datagrams in[2], d[2] = { { .data = data, .len = 2049, .segment_bytes = 2049 }, { .data = data, .len = 4, .segment_bytes = 4 } };
	int error;

	(void)state;
	assert_int_equal(tcp_send(near, d, 2, &error), 1);
	assert_int_equal(error, 0);
	assert_true(ready(tcp_fd(far), POLLIN, WAIT_MS));
	assert_int_equal(tcp_receive(far, in, 2, &error), 1);
	check(in, 0, 4);
}

static int connect_error(struct tcp_settings set)
{
	struct tcp *c = NULL;
	int err = tcp_connect(&c, 1, &set);

	if (!err) {
		assert_true(ready(tcp_fd(c), POLLOUT, WAIT_MS));
		err = tcp_finish_connect(c);
	}
	tcp_close(c);
	return err;
}

static void errors_are_told(void **state)
{
	struct tcp_listener *other = NULL;
	struct tcp_settings unknown = { .remote = listening, .device = "tg-no-such" };
	struct tcp_settings gone = { .remote = listening };
	struct tcp *c;

	(void)state;
	assert_int_equal(tcp_accept(listener, 1, &c), -EAGAIN);
	assert_int_equal(tcp_listen(&other, &listening), -EADDRINUSE);
	assert_int_equal(connect_error(unknown), -ENODEV);
	tcp_listener_close(listener);
	listener = NULL;
	assert_int_equal(connect_error(gone), -ECONNREFUSED);
}

#define with_pair(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_pair(datagrams_arrive_in_order),
		cmocka_unit_test_setup_teardown(runs_are_sent_datagram_by_datagram, open_pair6, close_pair),
		with_pair(endpoints_are_known),
		with_pair(one_byte_at_a_time),
		with_pair(more_than_asked_for_waits),
		with_pair(bad_lengths_end_the_connection),
		with_pair(closing_is_noticed),
		with_pair(a_broken_connection_says_so),
		with_pair(a_full_backlog_drops_whole_datagrams),
		with_pair(what_cannot_be_framed_is_dropped),
		with_pair(errors_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
