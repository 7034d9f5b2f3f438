// SPDX-License-Identifier: MIT
/* tun_test.c - two tunnel devices in namespaces of this process, with this program as the wire
 *
 *   socket - tg0 [namespace one] - tun_read ... tun_write - tg0 [namespace two] - socket
 *
 * A socket and a queue stay in the namespace they were made in, so one thread can hold both ends.
 */
#include "unit/unit.h"
#include "unit/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "link/tun.h"

#define MTU 1420
#define POOL 512
#define LIMIT (20 * SEC)
#define TRANSFER_BYTES (6u << 20)

struct side {
	int ns;			/* its namespace, to make sockets in */
	struct tun *tun;
	struct addr addr[2];	/* IPv4, IPv6 */
};

static struct side sides[2];
static struct buf_pool *pool;

struct ifreq6 {
	struct in6_addr addr;
	u32 prefix;
	int ifindex;
};

static void set_number(int s, struct ifreq *ifr, unsigned long request, int value)
{
	if (request == SIOCSIFFLAGS)
		ifr->ifr_flags = (short)value;
	else
		ifr->ifr_mtu = value;
	assert_int_equal(ioctl(s, request, ifr), 0);
}

static void set_address4(int s, struct ifreq *ifr, unsigned long request, const char *text)
{
	struct sockaddr_storage ss;
	struct addr a;

	assert_int_equal(addr_parse(&a, text, 1), 0);
	a.port = 0;
	addr_to_sockaddr(&a, &ss);
	memcpy(&ifr->ifr_addr, &ss, sizeof(ifr->ifr_addr));
	assert_int_equal(ioctl(s, request, ifr), 0);
}

static void set_address6(const char *name, const struct addr *a)
{
	int s = socket(AF_INET6, SOCK_DGRAM, 0);
	struct ifreq6 r = { .prefix = 64, .ifindex = (int)if_nametoindex(name) };

	memcpy(&r.addr, a->ip, 16);
	assert_int_equal(ioctl(s, SIOCSIFADDR, &r), 0);
	close(s);
}

static void set_up_device(const char *name, const char *four, const struct addr *six)
{
	struct ifreq ifr = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	set_number(s, &ifr, SIOCSIFMTU, MTU);
	set_address4(s, &ifr, SIOCSIFADDR, four);
	set_address4(s, &ifr, SIOCSIFNETMASK, "255.255.255.0");
	set_number(s, &ifr, SIOCSIFFLAGS, IFF_UP | IFF_RUNNING);
	set_address6(name, six);
	close(s);
}

static void open_side(struct side *side, int number)
{
	char four[32], six[32];

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	side->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(side->ns >= 0);
	assert_int_equal(tun_open(&side->tun, 1, "tg%d"), 0);
	assert_string_equal(tun_name(side->tun), "tg0");
	snprintf(four, sizeof(four), "10.99.0.%d", number);
	snprintf(six, sizeof(six), "fd99::%d", number);
	assert_int_equal(addr_parse(&side->addr[0], four, 1), 0);
	assert_int_equal(addr_parse(&side->addr[1], six, 1), 0);
	set_up_device("tg0", four, &side->addr[1]);
	tun_set_hash_key(side->tun, 42);
}

static int open_sides(void **state)
{
	(void)state;
	pool = buf_pool_new(POOL);
	open_side(&sides[0], 1);
	open_side(&sides[1], 2);
	return 0;
}

static int close_sides(void **state)
{
	(void)state;
	tun_close(sides[0].tun);
	tun_close(sides[1].tun);
	close(sides[0].ns);
	close(sides[1].ns);
	buf_pool_free(pool);
	return 0;
}

/* One read of a device, checked, written to the other; `finish`: with complete checksums on the way. */
static void pump(struct side *from, struct side *to, bool finish)
{
	struct buf_queue q = { 0 };
	int n = tun_read(from->tun, pool, &q);

	assert_true(n >= 0);
	assert_int_equal(q.count, n);
	for (struct buf *b = q.head; b; b = b->next) {
		assert_in_range(b->len, 20, MTU);
		assert_int_not_equal(b->flow_hash, 0);
		if (finish && b->csum_partial) {
			packet_finish(b->data, b->len);
			assert_true(packet_is_right(b->data, b->len));
			b->csum_partial = false;
		}
	}
	tun_write(to->tun, &q);
	assert_int_equal(q.count, 0);
	assert_int_equal(buf_pool_left(pool), POOL);
}

static void pump_ready(bool finish, int also, short events)
{
	struct pollfd p[3] = { { .fd = tun_fd(sides[0].tun), .events = POLLIN }, { .fd = tun_fd(sides[1].tun), .events = POLLIN },
			       { .fd = also, .events = events } };

	assert_in_range(poll(p, 3, 5000), 1, 3);
	if (p[0].revents)
		pump(&sides[0], &sides[1], finish);
	if (p[1].revents)
		pump(&sides[1], &sides[0], finish);
}

static int socket_in(const struct side *side, int family, int type)
{
	int s;

	assert_int_equal(setns(side->ns, CLONE_NEWNET), 0);
	s = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK, 0);
	assert_true(s >= 0);
	return s;
}

static int listen_on(struct addr *a, int type)
{
	static u16 next_port = 5001;	/* a new one each time: the last connection still lingers */
	struct sockaddr_storage ss;
	int s = socket_in(&sides[1], a->family, type);
	socklen_t len;

	a->port = next_port++;
	len = addr_to_sockaddr(a, &ss);
	assert_int_equal(bind(s, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(s, 1), 0);
	return s;
}

static int accept_one(int listener, bool finish)
{
	u64 end = clock_now_us() + LIMIT;
	int s;

	while ((s = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0) {
		assert_int_equal(errno, EAGAIN);
		assert_true(clock_now_us() < end);
		pump_ready(finish, listener, POLLIN);
	}
	return s;
}

static u32 send_stream(int s, u32 sent)
{
	static u8 chunk[65536];

	while (sent < TRANSFER_BYTES) {
		u32 n = MIN(TRANSFER_BYTES - sent, sizeof(chunk));
		ssize_t took;

		for (u32 i = 0; i < n; i++)
			chunk[i] = packet_stream_byte(sent + i);
		took = send(s, chunk, n, MSG_NOSIGNAL);
		if (took < 0) {
			assert_int_equal(errno, EAGAIN);
			break;
		}
		sent += (u32)took;
	}
	return sent;
}

static u32 receive_stream(int s, u32 got)
{
	static u8 chunk[65536];
	ssize_t n;

	while ((n = recv(s, chunk, sizeof(chunk), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++, got++)
			if (chunk[i] != packet_stream_byte(got))
				fail_msg("byte %u is wrong", got);
	}
	assert_true(n < 0 && errno == EAGAIN);
	return got;
}

static void transfer(int family, bool finish)
{
	struct addr to = sides[1].addr[family == 6];
	int listener = listen_on(&to, SOCK_STREAM), client = socket_in(&sides[0], family, SOCK_STREAM), server;
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(&to, &ss);
	u64 end = clock_now_us() + LIMIT;
	u32 sent = 0, got = 0;

	assert_true(connect(client, (struct sockaddr *)&ss, len) < 0 && errno == EINPROGRESS);
	server = accept_one(listener, finish);
	while (got < TRANSFER_BYTES) {
		assert_true(clock_now_us() < end);
		sent = send_stream(client, sent);
		pump_ready(finish, server, POLLIN);
		got = receive_stream(server, got);
	}
	close(client);
	close(server);
	close(listener);
}

static void check_counters(const struct tun_counters before[2])
{
	const struct tun_counters *one = tun_counters(sides[0].tun), *two = tun_counters(sides[1].tun);

	assert_in_range(one->packets_read - before[0].packets_read, TRANSFER_BYTES / MTU, TRANSFER_BYTES / 500);
	/* Far fewer system calls than packets, on both devices. */
	assert_true((one->reads - before[0].reads) * 5 < one->packets_read - before[0].packets_read);
	assert_true((two->writes - before[1].writes) * 5 < two->packets_written - before[1].packets_written);
	for (int i = 0; i < 2; i++) {
		const struct tun_counters *c = tun_counters(sides[i].tun);

		assert_int_equal(c->drop_no_buf + c->drop_malformed + c->drop_write, 0);
	}
	assert_int_equal(one->bytes_read, two->bytes_written);
	assert_int_equal(two->packets_written, one->packets_read);
}

static void tcp_passes_in_super_packets(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct tun_counters before[2] = { *tun_counters(sides[0].tun), *tun_counters(sides[1].tun) };

		transfer(i & 1 ? 6 : 4, i & 2);
		check_counters(before);
	}
}

/* Datagrams of one size sent with UDP_SEGMENT: their sizes and contents arrive, whether or not the devices have USO. */
static void udp_passes(void **state)
{
	enum { SIZE = 1200, COUNT = 40 };
	static u8 data[SIZE * COUNT], in[2048];
	int segment = SIZE;

	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		struct addr to = sides[1].addr[family == 6];
		int server = listen_on(&to, SOCK_DGRAM), client = socket_in(&sides[0], family, SOCK_DGRAM);
		struct sockaddr_storage ss;
		socklen_t len = addr_to_sockaddr(&to, &ss);
		u64 reads = tun_counters(sides[0].tun)->reads;
		u32 got = 0;

		for (u32 i = 0; i < sizeof(data); i++)
			data[i] = packet_stream_byte(i);
		assert_int_equal(setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)), 0);
		assert_int_equal(sendto(client, data, sizeof(data), 0, (struct sockaddr *)&ss, len), sizeof(data));
		while (got < COUNT) {
			ssize_t n = recv(server, in, sizeof(in), 0);

			if (n < 0) {
				pump_ready(false, server, POLLIN);
				continue;
			}
			assert_int_equal(n, SIZE);
			assert_memory_equal(in, data + got * SIZE, SIZE);
			got++;
		}
		if (tun_has_uso(sides[0].tun))
			assert_in_range(tun_counters(sides[0].tun)->reads - reads, 1, COUNT / 2);
		close(server);
		close(client);
	}
}

static void what_is_no_packet_is_refused_and_counted(void **state)
{
	struct buf_queue q = { 0 };
	struct buf *b = buf_take(pool);
	u64 before = tun_counters(sides[1].tun)->drop_write;

	(void)state;
	b->len = 60;
	memset(b->data, 0, 60);
	buf_queue_add(&q, b);
	tun_write(sides[1].tun, &q);
	assert_int_equal(tun_counters(sides[1].tun)->drop_write, before + 1);
	assert_int_equal(buf_pool_left(pool), POOL);
}

static void names_and_queues(void **state)
{
	struct tun *queues[3], *other = NULL;

	(void)state;
	assert_int_equal(tun_open(&other, 1, "lo"), -EBUSY);
	assert_int_equal(tun_open(&other, 1, "a-name-much-too-long"), -EINVAL);
	assert_int_equal(tun_open(&other, 0, "tg5"), -EINVAL);
	assert_int_equal(tun_open(queues, 3, "tg%d"), 0);
	for (int i = 0; i < 3; i++)
		assert_string_equal(tun_name(queues[i]), tun_name(queues[0]));
	assert_int_not_equal(tun_fd(queues[0]), tun_fd(queues[1]));
	assert_int_equal(tun_open(&other, 1, tun_name(queues[0])), -EBUSY);
	assert_int_not_equal(if_nametoindex(tun_name(queues[0])), 0);
	assert_int_equal(tun_read(queues[2], pool, &(struct buf_queue){ 0 }), 0);
	for (int i = 0; i < 3; i++)
		tun_close(queues[i]);
	tun_close(NULL);
}

/* The kernel lets a second program have queues of such a device, and gives it half of the packets. */
static void queues_of_another_are_not_joined(void **state)
{
	struct tun *first[2], *second[2];
	char name[IFNAMSIZ];

	(void)state;
	assert_int_equal(tun_open(first, 2, "tg%d"), 0);
	snprintf(name, sizeof(name), "%s", tun_name(first[0]));
	assert_int_equal(tun_open(second, 2, name), -EBUSY);

	/* One that persists, and that nobody uses, may be had. */
	assert_int_equal(ioctl(tun_fd(first[0]), TUNSETPERSIST, 1), 0);
	tun_close(first[0]);
	assert_int_equal(tun_open(second, 2, name), -EBUSY);
	tun_close(first[1]);
	assert_int_equal(tun_open(second, 2, name), 0);
	assert_int_equal(ioctl(tun_fd(second[0]), TUNSETPERSIST, 0), 0);
	tun_close(second[0]);
	tun_close(second[1]);
	assert_int_equal(if_nametoindex(name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_passes_in_super_packets),
		cmocka_unit_test(udp_passes),
		cmocka_unit_test(what_is_no_packet_is_refused_and_counted),
		cmocka_unit_test(names_and_queues),
		cmocka_unit_test(queues_of_another_are_not_joined),
	};
	struct tun *probe = NULL;
	int err = unshare(CLONE_NEWNET) ? -errno : tun_open(&probe, 1, "tg%d");

	if (err == -EPERM || err == -ENOENT || err == -EACCES) {
		printf("no network namespaces or tunnel devices here: %s\n", strerror(-err));
		return 77;
	}
	tun_close(probe);
	return cmocka_run_group_tests(tests, open_sides, close_sides);
}
