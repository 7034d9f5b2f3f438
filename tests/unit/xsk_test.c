// SPDX-License-Identifier: MIT
/* xsk_test.c - AF_XDP links against sockets of the kernel, over veth pairs between namespaces of this test's own
 *
 *     here (xsk)  v0 10.1.1.1 fd00:1::1  ====  v1 10.1.1.2 fd00:1::2  there (udp.c)
 *
 * Whatever is sent bears its number, and all of it must come: nothing on a veth pair loses packets as long as nobody
 * sends more than a ring holds. Runs with the XDP program native and generic, with and without the peer's offloads.
 */
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <stdio.h>
#include <stdlib.h>
#include <triglav/wire.h>
#include <unistd.h>

#include "base/bytes.h"
#include "link/udp.h"
#include "link/xsk_parts.h"
#include "run/links.h"
#include "steer.h"

#define WAIT_MS 3000
#define FRAMES 4096u
#define PORT_HERE 40000
#define PORT_THERE 7443
#define LINK_HERE 7u
#define RECEIVER 0x4a5b6c00u

static int here = -1, there = -1;	/* the two namespaces */

static void sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void sh(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (system(line))
		fail_msg("failed: %s", line);
}

static void enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* ---- a pair of interfaces and both ends on it ---- */

struct world {
	u8 family;
	bool generic;
	u32 queues;
	struct umem *memory;
	struct steer steer;
	struct xsk *x;
	struct udp *beside;	/* our own socket, for what the program lets pass */
	struct udp *peer;
	struct addr local, remote;
};

static struct udp *sockets[2];	/* open now */

static struct addr address(u8 family, int last, u16 port)
{
	char text[ADDR_TEXT_BYTES];
	struct addr a;

	snprintf(text, sizeof(text), family == 4 ? "10.1.1.%d:%d" : "[fd00:1::%d]:%d", last, port);
	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

static void remove_pair(void)
{
	enter(here);
	for (u32 i = 0; i < ARRAY_SIZE(sockets); i++) {
		udp_close(sockets[i]);
		sockets[i] = NULL;
	}
	if (if_nametoindex("v0"))
		sh("ip link del v0");
}

/* A test that failed has left its pair and its sockets. */
static void add_pair(u32 queues)
{
	remove_pair();
	sh("ip link add v0 address 02:00:00:00:00:01 numrxqueues %u numtxqueues %u type veth peer name v1 address 02:00:00:00:00:02 "
	   "numrxqueues %u numtxqueues %u netns /proc/%d/fd/%d", queues, queues, queues, queues, getpid(), there);
	sh("ip addr add 10.1.1.1/24 dev v0; ip addr add fd00:1::1/64 dev v0 nodad; ip link set v0 up");
	enter(there);
	sh("ip addr add 10.1.1.2/24 dev v1; ip addr add fd00:1::2/64 dev v1 nodad; ip link set v1 up; ip link set lo up");
	sh("ip neigh replace 10.1.1.1 lladdr 02:00:00:00:00:01 nud permanent dev v1;"
	   "ip neigh replace fd00:1::1 lladdr 02:00:00:00:00:01 nud permanent dev v1");
	enter(here);
}

static struct xsk_settings settings(const struct world *w)
{
	return (struct xsk_settings){ .device = "v0", .queues = w->queues, .mtu = 1500, .local = w->local,
				      .generic = w->generic };
}

static void set_peer(struct world *w)
{
	struct frame_peer p = { .remote = w->remote, .local = w->local, .to = { 2, 0, 0, 0, 0, 2 }, .from = { 2, 0, 0, 0, 0, 1 } };

	assert_int_equal(xsk_set_peer(w->x, &p), 0);
}

static void open_here(struct world *w)
{
	struct xsk_settings set = settings(w);

	assert_int_equal(xsk_open(&w->x, LINK_HERE, w->memory, &set), 0);
	assert_int_equal(xsk_start(w->x), 0);
	for (u32 i = 0; i < xsk_queues(w->x); i++)
		assert_int_equal(steer_add(&w->steer, i, xsk_queue_fd(w->x, i)), 0);
	set_peer(w);
}

static struct udp *open_socket(const struct addr *bind)
{
	struct udp_settings set = { .bind = *bind };
	struct udp *u;

	assert_int_equal(udp_open(&u, 9, &set), 0);
	return u;
}

static void open_world(struct world *w, u8 family, bool generic, u32 queues)
{
	*w = (struct world){ .family = family, .generic = generic, .queues = queues };
	w->local = address(family, 1, PORT_HERE);
	w->remote = address(family, 2, PORT_THERE);
	add_pair(queues);
	assert_int_equal(umem_open(&w->memory, FRAMES), 0);
	assert_int_equal(steer_load(&w->steer, queues), 0);
	assert_int_equal(steer_attach(&w->steer, if_nametoindex("v0"), generic), 0);
	open_here(w);
	w->beside = sockets[0] = open_socket(&w->local);
	enter(there);
	w->peer = sockets[1] = open_socket(&w->remote);
	enter(here);
}

/* Nothing is left anywhere: all frames are back. */
static void close_world(struct world *w)
{
	struct xsk_counters count;

	xsk_count(w->x, &count);
	assert_int_equal(count.kernel_invalid, 0);
	xsk_close(w->x);
	assert_int_equal(umem_free(w->memory), FRAMES);
	steer_close(&w->steer);
	umem_close(w->memory);
	remove_pair();
}

/* ---- numbered datagrams ---- */

/* As the engine's: a header with the receiver's index and the number. */
static void fill(u8 *p, u32 len, u32 number)
{
	for (u32 i = TG_HEADER_BYTES; i < len; i++)
		p[i] = (u8)(number * 13 + i * 31 + (i >> 9));
	memset(p, 0, TG_HEADER_BYTES);
	p[0] = TG_TYPE_DATA;
	put_be32(p + 4, RECEIVER);
	put_be32(p + 8, number);
}

static u32 number_of(const u8 *p)
{
	return get_be32(p + 8);
}

static bool is_whole(const u8 *p, u32 len)
{
	u8 expected[2048];

	fill(expected, len, number_of(p));
	return !memcmp(p, expected, len);
}

/* What has come: each number at most once. */
struct tally {
	u32 next;		/* numbers below were sent */
	u32 count, runs;
	bool seen[200000];
};
static struct tally sent;

static void start_tally(void)
{
	memset(&sent, 0, sizeof(sent));
}

static void note_runs(const struct datagrams *runs, u32 n, const struct addr *from)
{
	for (u32 i = 0; i < n; i++) {
		assert_true(addr_equal(&runs[i].where.remote, from));
		for (u32 at = 0; at < runs[i].len; at += runs[i].segment_bytes) {
			u32 len = MIN(runs[i].segment_bytes, runs[i].len - at), number;

			assert_in_range(len, TG_HEADER_BYTES, 2000);
			number = number_of(runs[i].data + at);
			assert_true(number < sent.next);
			assert_false(sent.seen[number]);
			assert_true(is_whole(runs[i].data + at, len));
			sent.seen[number] = true;
			sent.count++;
		}
	}
	sent.runs += n;
}

static u8 outgoing[65536];

/* A run of `count` datagrams, the last one shorter. */
static struct datagrams make_run(const struct addr *to, u32 bytes, u32 count, u32 last)
{
	struct datagrams d = { .data = outgoing, .segment_bytes = count > 1 ? bytes : last };

	d.where.remote = *to;
	for (u32 i = 0; i < count; i++) {
		u32 len = i + 1 == count ? last : bytes;

		fill(outgoing + d.len, len, sent.next++);
		d.len += len;
	}
	return d;
}

static bool ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void take_from_socket(struct udp *u, const struct addr *from)
{
	struct datagrams *runs;
	int error;
	u32 n = udp_receive(u, &runs, &error);

	assert_int_equal(error, 0);
	note_runs(runs, n, from);
	udp_done(u, n);
}

static void take_from_xsk(struct world *w)
{
	struct datagrams runs[XSK_MAX_RUNS];
	int error;
	u32 n = xsk_receive(w->x, runs, XSK_MAX_RUNS, &error);

	assert_int_equal(error, 0);
	for (u32 i = 0; i < n; i++) {
		assert_int_equal(runs[i].where.link, LINK_HERE);
		assert_true(addr_same_ip(&runs[i].where.local, &w->local));
	}
	note_runs(runs, n, &w->remote);
}

/* Until everything has come that was sent. */
static void await_there(struct world *w)
{
	while (sent.count < sent.next) {
		if (!ready(udp_fd(w->peer), WAIT_MS))
			fail_msg("%u of %u datagrams came to the socket", sent.count, sent.next);
		take_from_socket(w->peer, &w->local);
	}
}

static void await_here(struct world *w)
{
	while (sent.count < sent.next) {
		struct pollfd p[2] = { { .fd = xsk_fd(w->x), .events = POLLIN }, { .fd = udp_fd(w->beside), .events = POLLIN } };

		if (poll(p, 2, WAIT_MS) < 1)
			fail_msg("%u of %u datagrams came to the AF_XDP socket", sent.count, sent.next);
		if (p[0].revents)
			take_from_xsk(w);
		if (p[1].revents)
			take_from_socket(w->beside, &w->remote);
	}
}

static void send_here(struct world *w, u32 bytes, u32 count, u32 last)
{
	struct datagrams d = make_run(&w->remote, bytes, count, last);
	int error;

	assert_int_equal(xsk_send(w->x, &d, 1, &error), 0);
	assert_int_equal(error, 0);
	for (int i = 0; xsk_waits(w->x); i++) {
		assert_true(i < 100000);
		assert_int_equal(xsk_flush(w->x), 0);
	}
}

static void send_there(struct world *w, u32 bytes, u32 count, u32 last)
{
	struct datagrams d = make_run(&w->local, bytes, count, last);
	int error;

	assert_int_equal(udp_send(w->peer, &d, 1, &error), 0);
	assert_int_equal(error, 0);
}

/* ---- the ways it can run ---- */

static const struct way {
	const char *name;
	u8 family;
	bool generic;
	bool offloads;		/* of the peer: checksums left to be finished, segments left to be cut */
	u32 queues;
} ways[] = {
	{ "native, IPv4", 4, false, true, 1 },
	{ "native, IPv6", 6, false, true, 1 },
	{ "native, no offloads", 4, false, false, 1 },
	{ "native, 2 queues", 6, false, true, 2 },
	{ "generic, IPv4", 4, true, true, 1 },
	{ "generic, IPv6", 6, true, true, 1 },
	{ "generic, no offloads", 6, true, false, 1 },
};

static void each_way(void (*test)(struct world *w))
{
	for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
		struct world w;

		print_message("             %s\n", ways[i].name);
		open_world(&w, ways[i].family, ways[i].generic, ways[i].queues);
		if (!ways[i].offloads) {
			enter(there);
			sh("ethtool -K v1 tx off tso off gso off gro off >/dev/null 2>&1");
			enter(here);
		}
		start_tally();
		test(&w);
		close_world(&w);
	}
}

static const struct {
	u32 bytes, count, last;
} shapes[] = {
	{ 100, 1, 100 }, { 12, 1, 12 }, { 1400, 1, 1400 }, { 1400, 2, 1400 }, { 1400, 46, 17 }, { 64, 64, 64 }, { 64, 3, 63 }, { 1452, 40, 15 },
};

static void all_shapes_out(struct world *w)
{
	for (u32 i = 0; i < ARRAY_SIZE(shapes); i++) {
		send_here(w, shapes[i].bytes, shapes[i].count, shapes[i].last);
		await_there(w);
	}
}

static void test_out(void **state)
{
	(void)state;
	each_way(all_shapes_out);
}

static void all_shapes_in(struct world *w)
{
	for (u32 i = 0; i < ARRAY_SIZE(shapes); i++) {
		send_there(w, shapes[i].bytes, shapes[i].count, shapes[i].last);
		await_here(w);
	}
}

static void test_in(void **state)
{
	(void)state;
	each_way(all_shapes_in);
}

/* Many times round all four rings, both ways; what is in the air stays below what they hold. */
static void wrap_rings(struct world *w)
{
	struct xsk_counters count;

	for (u32 i = 0; i < 320; i++) {
		send_here(w, 200, 64, 200);
		await_there(w);
	}
	start_tally();
	for (u32 i = 0; i < 320; i++) {
		send_there(w, 200, 64, 200);
		await_here(w);
	}
	xsk_count(w->x, &count);
	assert_int_equal(count.sent, 320 * 64);
	assert_int_equal(count.no_frame, 0);
	assert_int_equal(count.ring_full, 0);
}

static void test_wrap(void **state)
{
	(void)state;
	each_way(wrap_rings);
}

/* ---- runs ---- */

/* What came as a burst of equal datagrams is handed up as runs, not one by one. */
static void test_joined(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 4, false, 1);
	start_tally();
	send_there(&w, 1000, 60, 1000);
	sched_yield();
	await_here(&w);
	assert_in_range(sent.runs, 1, 30);
	close_world(&w);
}

/* What GRO made of 10 small datagrams is as long as one shorter datagram could be, at the end of a run of larger ones. */
static void test_run_of_shorter_ones_is_no_last_datagram(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 4, true, 1);
	start_tally();
	send_there(&w, 1400, 1, 1400);
	send_there(&w, 84, 10, 84);
	await_here(&w);
	close_world(&w);
}

/* A datagram for a port of ours that is not this link's is not handed up, but counted. */
static void test_foreign_port(void **state)
{
	struct addr other;
	struct datagrams d;
	struct world w;
	int error;

	(void)state;
	open_world(&w, 4, false, 1);
	start_tally();
	other = address(4, 1, PORT_HERE + 1);
	d = make_run(&other, 100, 1, 100);
	assert_int_equal(udp_send(w.peer, &d, 1, &error), 0);
	start_tally();
	send_there(&w, 100, 1, 100);
	await_here(&w);
	assert_int_equal(xsk_take_unusable(w.x), 1);
	assert_int_equal(xsk_take_unusable(w.x), 0);
	close_world(&w);
}

/* ---- what cannot go ---- */

static void test_refusals(void **state)
{
	struct datagrams d;
	struct addr stranger;
	struct world w;
	int error;

	(void)state;
	open_world(&w, 4, false, 1);
	start_tally();
	stranger = address(4, 99, PORT_THERE);
	d = make_run(&stranger, 100, 3, 100);
	assert_false(xsk_knows(w.x, &stranger));
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 3);
	assert_int_equal(error, EHOSTUNREACH);

	d = make_run(&w.remote, 1473, 2, 100);
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 1);
	assert_int_equal(error, EMSGSIZE);

	xsk_forget_peer(w.x, &w.remote);
	d = make_run(&w.remote, 100, 1, 100);
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 1);
	assert_int_equal(error, EHOSTUNREACH);
	close_world(&w);
}

/* Peers beyond the table's size push out the oldest, never the one just set. */
static void test_many_peers(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 4, false, 1);
	for (int i = 10; i < 60; i++) {
		struct frame_peer p = { .remote = address(4, i, 1), .local = w.local };

		assert_int_equal(xsk_set_peer(w.x, &p), 0);
		assert_true(xsk_knows(w.x, &p.remote));
	}
	assert_false(xsk_knows(w.x, &w.remote));
	xsk_forget_peers(w.x);
	set_peer(&w);
	start_tally();
	send_here(&w, 100, 1, 100);
	await_there(&w);
	close_world(&w);
}

static void test_open_errors(void **state)
{
	struct xsk_settings set;
	struct xsk *second;
	struct world w;
	u32 free_before;

	(void)state;
	open_world(&w, 4, false, 1);
	free_before = umem_free(w.memory);
	set = settings(&w);
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -EBUSY);
	set.queues = 0;
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -EINVAL);
	set = settings(&w);
	set.mtu = 9000;
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -EMSGSIZE);
	set = settings(&w);
	set.device = "nothing";
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -ENODEV);

	xsk_close(w.x);
	set = settings(&w);
	set.copying = XSK_ZERO_COPY;	/* a veth has no memory to share */
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -EOPNOTSUPP);
	set.generic = true;		/* "or nothing", and it was copies */
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -EOPNOTSUPP);
	set = settings(&w);
	set.queues = 2;
	assert_int_equal(xsk_open(&second, 1, w.memory, &set), -ENODEV);
	assert_int_equal(umem_free(w.memory), FRAMES);
	open_here(&w);
	assert_int_equal(umem_free(w.memory), free_before);
	assert_false(xsk_is_zero_copy(w.x));
	close_world(&w);
}

/* The umem runs dry: a lost datagram, counted; and all goes on when frames are back. */
static void test_no_frames(void **state)
{
	struct xsk_counters count;
	struct datagrams d;
	struct world w;
	int error;

	(void)state;
	open_world(&w, 4, false, 1);
	start_tally();
	while (umem_take(w.memory, 0xffff) != UMEM_NONE)
		;
	d = make_run(&w.remote, 100, 5, 100);
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 5);
	assert_int_equal(error, ENOBUFS);
	xsk_count(w.x, &count);
	assert_int_equal(count.no_frame, 5);
	umem_give_all(w.memory, 0xffff);
	start_tally();
	send_here(&w, 100, 5, 100);
	await_there(&w);
	close_world(&w);
}

/* ---- the device ---- */

static void test_down_and_up(void **state)
{
	struct datagrams d;
	struct world w;
	int error;

	(void)state;
	open_world(&w, 4, false, 1);
	sh("ip link set v0 down");
	start_tally();
	d = make_run(&w.remote, 100, 1, 100);
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 1);
	assert_int_equal(error, ENETDOWN);
	sh("ip link set v0 up");
	while (xsk_flush(w.x))
		;
	await_there(&w);	/* what lay in its ring */
	send_there(&w, 100, 10, 100);
	await_here(&w);
	close_world(&w);
}

static void test_deleted(void **state)
{
	struct datagrams d, runs[XSK_MAX_RUNS];
	struct world w;
	int error;

	(void)state;
	open_world(&w, 6, false, 2);
	start_tally();
	send_here(&w, 1000, 20, 1000);
	sh("ip link del v0");
	d = make_run(&w.remote, 1000, 20, 1000);
	assert_int_equal(xsk_send(w.x, &d, 1, &error), 20);
	assert_int_equal(error, ENODEV);
	assert_int_equal(xsk_receive(w.x, runs, XSK_MAX_RUNS, &error), 0);
	assert_int_equal(error, ENODEV);
	close_world(&w);
}

/* The device vanished while runs from it were still being read: an answer to one of them found that out, and closed it under the rest. */
static void test_runs_outlive_their_device(void **state)
{
	struct datagrams d, runs[XSK_MAX_RUNS];
	struct links l = { 0 };
	struct link *k;
	struct xsk_settings set;
	struct world w;
	int error;

	(void)state;
	open_world(&w, 4, false, 1);
	xsk_close(w.x);
	assert_int_equal(links_init(&l, epoll_create1(0), 1), 0);
	k = links_reserve(&l);
	set = settings(&w);
	assert_int_equal(xsk_open(&w.x, k->number, w.memory, &set), 0);
	sockets[0] = NULL;
	assert_int_equal(links_put_udp(&l, k, (struct udp *[TG_LANES]){ [TG_LANE_BULK] = w.beside }), 0);
	assert_int_equal(links_put_xsk(&l, k, w.x), 0);
	assert_int_equal(steer_add(&w.steer, 0, xsk_queue_fd(w.x, 0)), 0);
	set_peer(&w);
	start_tally();
	send_there(&w, 1000, 1, 1000);
	assert_true(ready(xsk_fd(w.x), WAIT_MS));
	assert_int_equal(xsk_receive(w.x, runs, XSK_MAX_RUNS, &error), 1);

	sh("ip link del v0");
	d = make_run(&w.remote, 100, 1, 100);
	assert_int_equal(links_send(&l, k, &d, 1, &error), 1);
	assert_int_equal(error, ENODEV);
	assert_ptr_equal(k->xsk, w.x);
	assert_true(is_whole(runs[0].data, runs[0].len));
	assert_true(l.some_broken && k->xsk_gone);
	links_send(&l, k, &d, 1, &error);	/* by the socket, whatever comes of it */
	assert_int_not_equal(error, ENODEV);

	links_drop_xsk(k);
	assert_int_equal(umem_free(w.memory), FRAMES);
	links_destroy(&l);
	close(l.epoll);
	steer_close(&w.steer);
	umem_close(w.memory);
	remove_pair();
}

/* The device was done with all it had got, so that the completion ring was full; and the last frame waited for ever. */
static void test_flush_makes_room_in_the_completion_ring(void **state)
{
	enum { RING = 64 };
	struct xsk_settings set;
	struct xdp_desc *desc;
	struct datagrams d;
	struct world w;
	u32 at = 0;

	(void)state;
	open_world(&w, 4, false, 1);
	xsk_close(w.x);
	set = settings(&w);
	set.ring = RING;
	assert_int_equal(xsk_open(&w.x, LINK_HERE, w.memory, &set), 0);
	assert_int_equal(xsk_start(w.x), 0);
	assert_int_equal(steer_add(&w.steer, 0, xsk_queue_fd(w.x, 0)), 0);
	set_peer(&w);
	start_tally();
	send_here(&w, 200, RING, 200);
	await_there(&w);

	d = make_run(&w.remote, 200, 1, 200);	/* as xsk_send() does, after its look at the completion ring */
	assert_int_equal(xsk_ring_prod__reserve(&w.x->queue[0].tx, 1, &at), 1);
	desc = xsk_ring_prod__tx_desc(&w.x->queue[0].tx, at);
	*desc = (struct xdp_desc){ .addr = umem_take(w.memory, w.x->owner) };
	desc->len = frame_write(&w.x->templates[0], umem_area(w.memory) + desc->addr, d.data, d.len);
	xsk_ring_prod__submit(&w.x->queue[0].tx, 1);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(xsk_flush(w.x), 0);
	assert_false(xsk_waits(w.x));
	await_there(&w);
	close_world(&w);
}

/* Two devices share the memory, and either may go first. */
static void test_shared(void **state)
{
	struct xsk_settings set;
	struct xsk *second;
	struct world w;
	u32 free_before;

	(void)state;
	open_world(&w, 4, false, 1);
	sh("ip link add w0 type veth peer name w1; ip link set w0 up; ip link set w1 up");
	for (int i = 0; i < 2; i++) {
		set = settings(&w);
		set.device = "w0";
		set.copying = XSK_COPY;
		free_before = umem_free(w.memory);
		assert_int_equal(xsk_open(&second, 2, w.memory, &set), 0);
		assert_int_equal(xsk_start(second), 0);
		assert_true(umem_free(w.memory) < free_before);
		if (!i) {
			xsk_close(second);
			assert_int_equal(umem_free(w.memory), free_before);
		} else {
			xsk_close(w.x);
			open_here(&w);
			xsk_close(second);
		}
		start_tally();
		send_here(&w, 1000, 20, 1000);
		await_there(&w);
	}
	sh("ip link del w0");
	close_world(&w);
}

/* ---- leaks ---- */

static u32 open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	u32 count = 0;

	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

/* Memory maps of this process: pages that come and go do not matter, maps that stay do. */
static u32 memory_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	u32 count = 0;
	int c;

	while ((c = fgetc(f)) != EOF)
		count += c == '\n';
	fclose(f);
	return count;
}

/* The address sanitizer keeps what was freed for a while, and finds leaks by itself. */
#ifdef __SANITIZE_ADDRESS__
#define GROWTH_COUNTS 0
#else
#define GROWTH_COUNTS 1
#endif

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_thousand_times(void **state)
{
	u32 fds = 0, maps = 0;
	long kb = 0;
	struct world w;

	(void)state;
	open_world(&w, 4, false, 1);
	for (u32 i = 0; i < 1000; i++) {
		xsk_close(w.x);
		assert_int_equal(umem_free(w.memory), FRAMES);
		open_here(&w);
		if (i % 100)
			continue;
		start_tally();
		send_here(&w, 1000, 20, 1000);
		await_there(&w);
		start_tally();
		send_there(&w, 1000, 20, 1000);
		await_here(&w);
		if (i == 100) {
			fds = open_descriptors();
			maps = memory_maps();
			kb = resident_kb();
		}
	}
	assert_int_equal(open_descriptors(), fds);
	assert_in_range(memory_maps(), maps - 20, maps + 20);
	assert_true(!GROWTH_COUNTS || resident_kb() < kb + 2048);
	close_world(&w);
}

/* ---- start ---- */

static bool new_namespace(int *ns)
{
	if (unshare(CLONE_NEWNET))
		return false;
	*ns = open("/proc/self/ns/net", O_RDONLY);
	if (system("ip link set lo up"))
		return false;
	return *ns >= 0;
}

static bool kernel_has_it(void)
{
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (fd < 0)
		return false;
	close(fd);
	return !system("ip link add v0 type veth peer name v1 2>/dev/null && ip link del v0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out), cmocka_unit_test(test_in), cmocka_unit_test(test_wrap), cmocka_unit_test(test_joined),
		cmocka_unit_test(test_run_of_shorter_ones_is_no_last_datagram),
		cmocka_unit_test(test_foreign_port), cmocka_unit_test(test_refusals), cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_open_errors), cmocka_unit_test(test_no_frames), cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_runs_outlive_their_device), cmocka_unit_test(test_flush_makes_room_in_the_completion_ring),
		cmocka_unit_test(test_deleted), cmocka_unit_test(test_shared), cmocka_unit_test(test_thousand_times),
	};

	if (geteuid() || !new_namespace(&there) || !new_namespace(&here)) {
		puts("needs root and network namespaces");
		return 77;
	}
	if (!kernel_has_it()) {
		puts("this kernel has no AF_XDP, or no veth");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
