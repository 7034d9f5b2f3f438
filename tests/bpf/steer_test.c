// SPDX-License-Identifier: MIT
/* steer_test.c - whose a datagram and an inner packet are: the programs, the inline functions and real sockets say the same
 *
 * The lane is in a field that BPF_PROG_RUN does not fill (tc_index is 0: bulk); here the function tells of it, and lab/lanes_test of the device.
 */
#include "unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <triglav/steer.h>

#include "base/rand.h"
#include "bpf/inside.h"
#include "link/udp.h"

#define WORKERS 3u
#define MEMBERS (WORKERS * TG_LANES)
#define ETHERNET 14u	/* BPF_PROG_RUN takes it off before a socket filter sees the packet */
#define LONGEST 300u
#define WAIT_MS 10000
#define SOURCES 8	/* ports to send from: a hash does not send all of them to one worker, or rarely */
#define ANY TG_STEER_NOBODY
#define BULK TG_LANE_BULK
#define FAST TG_LANE_INTERACTIVE

static struct datapath *datapath;

/* The programs' packets have a type, what is in the byte that says the worker, and a length. */
static const struct fact {
	const char *what;
	u8 type, pattern;
	u32 len;
	u8 low;		/* last byte of the receiver index or the handle */
	u32 worker;
	u8 flags;
	enum tg_lane lane;
} facts[] = {
	{ "data, worker 0", TG_TYPE_DATA, 0, 60, 0, 0, 0, BULK },
	{ "data, worker 1", TG_TYPE_DATA, 0, 60, 1, 1, 0, BULK },
	{ "data, worker 2, other bits set", TG_TYPE_DATA, 0, 60, 0xc2, 2, 0, BULK },
	{ "data, shortest that is looked at", TG_TYPE_DATA, 0, TG_HEADER_BYTES, 2, 2, 0, BULK },
	{ "data, a byte less", TG_TYPE_DATA, 0, TG_HEADER_BYTES - 1, 2, ANY, 0, BULK },
	{ "data, no such worker", TG_TYPE_DATA, 0, 60, 3, ANY, 0, BULK },
	{ "data, the highest worker there could be", TG_TYPE_DATA, 0, 60, 63, ANY, 0, BULK },
	{ "interactive data, worker 0", TG_TYPE_DATA, 0, 60, 0, 0, TG_FLAG_AHEAD, FAST },
	{ "interactive data, worker 2, all flags", TG_TYPE_DATA, 0, 60, 2, 2, TG_FLAGS_KNOWN, FAST },
	{ "data, all flags but that", TG_TYPE_DATA, 0, 60, 2, 2, TG_FLAGS_KNOWN & ~TG_FLAG_AHEAD, BULK },
	{ "interactive data, no such worker", TG_TYPE_DATA, 0, 60, 3, ANY, TG_FLAG_AHEAD, BULK },
	{ "control that says so as well", TG_TYPE_CONTROL, 0, 28, 1, 1, TG_FLAG_AHEAD, BULK },
	{ "control, worker 1", TG_TYPE_CONTROL, 0, 28, 0x41, 1, 0, BULK },
	{ "join, worker 1", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, sizeof(struct tg_first), 1, 1, 0, BULK },
	{ "join, worker 2, other bits set", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, sizeof(struct tg_first), 0x82, 2, 0, BULK },
	{ "join, a byte short", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, sizeof(struct tg_first) - 1, 1, ANY, 0, BULK },
	{ "join, no such worker", TG_TYPE_FIRST, TG_PATTERN_NKPSK0, sizeof(struct tg_first), 3, ANY, 0, BULK },
	{ "first message of a session", TG_TYPE_FIRST, TG_PATTERN_NKPSK2, sizeof(struct tg_first), 1, ANY, 0, BULK },
	{ "answer", TG_TYPE_ANSWER, 0, sizeof(struct tg_answer), 1, ANY, 0, BULK },
	{ "unknown type", 9, 0, 60, 1, ANY, 0, BULK },
	{ "one byte", TG_TYPE_DATA, 0, 1, 0, ANY, 0, BULK },
};

static void make(const struct fact *f, u8 out[LONGEST])
{
	memset(out, 0, LONGEST);
	out[0] = f->type;
	out[1] = f->flags;
	if (f->type == TG_TYPE_FIRST) {
		out[offsetof(struct tg_first, pattern)] = f->pattern;
		out[offsetof(struct tg_first, handle) + 7] = f->low;
	} else {
		out[offsetof(struct tg_header, receiver) + 3] = f->low;
	}
}

static u32 member_of(const struct fact *f)
{
	return f->worker == ANY ? ANY : f->worker * TG_LANES + f->lane;
}

/* ---- the three that decide ---- */

static u32 by_function(const u8 *data, u32 len)
{
	u32 at = len < TG_HEADER_BYTES ? 0 : tg_steer_byte(data, len);

	return tg_steer_socket(data, at && at < len ? tg_steer_worker(data[at], WORKERS) : TG_STEER_NOBODY, WORKERS);
}

static u32 by_program(enum datapath_lane_program which, const u8 *data, u32 len)
{
	u8 packet[ETHERNET + LONGEST] = { [12] = 0x88, 0xb5 };	/* a type of which the kernel expects no length */
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = ETHERNET + len);

	memcpy(packet + ETHERNET, data, len);
	if (bpf_prog_test_run_opts(datapath_lane_program(datapath, which), &opts))
		fail_msg("BPF_PROG_RUN of %u bytes: %s", len, strerror(errno));
	return opts.retval;
}

static struct udp *open_loopback(const struct addr *at, u32 link)
{
	struct udp_settings set = { .bind = *at, .reuse_port = link < MEMBERS };
	struct udp *u;

	assert_int_equal(udp_open(&u, link, &set), 0);
	return u;
}

/* Of the group's sockets, the one where the next datagram arrives. */
static u32 arrival(struct udp *const *members)
{
	struct pollfd p[MEMBERS];
	struct datagrams *runs;
	int error;

	for (u32 w = 0; w < MEMBERS; w++)
		p[w] = (struct pollfd){ .fd = udp_fd(members[w]), .events = POLLIN };
	assert_int_equal(poll(p, MEMBERS, WAIT_MS), 1);
	for (u32 w = 0; w < MEMBERS; w++) {
		if (!p[w].revents)
			continue;
		assert_int_equal(udp_receive(members[w], &runs, &error), 1);
		udp_done(members[w], 1);
		return w;
	}
	return TG_STEER_NOBODY;
}

/* A group of sockets in the order of workers and lanes, as the server's. */
static void open_group(struct udp *members[MEMBERS], struct addr *shared)
{
	struct addr any;

	assert_int_equal(addr_parse(&any, "127.0.0.1:0", 0), 0);
	members[0] = open_loopback(&any, 0);
	udp_local(members[0], shared);
	for (u32 w = 1; w < MEMBERS; w++)
		members[w] = open_loopback(shared, w);
}

static void send_fact(const struct fact *f, const struct addr *to)
{
	struct addr any;
	struct udp *from;
	u8 data[LONGEST];
	struct datagrams d = { .data = data, .len = f->len, .segment_bytes = f->len, .where.remote = *to };
	int error;

	make(f, data);
	assert_int_equal(addr_parse(&any, "127.0.0.1:0", 0), 0);
	from = open_loopback(&any, MEMBERS);
	assert_int_equal(udp_send(from, &d, 1, &error), 0);
	udp_close(from);
}

static void sockets_get_what_is_theirs(const char *how, int (*steer)(struct udp *first))
{
	struct udp *members[MEMBERS];
	struct addr shared;
	u32 hashed = 0;

	open_group(members, &shared);
	assert_int_equal(steer(members[0]), 0);
	for (u32 round = 0; round < SOURCES; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
			u32 member;

			send_fact(&facts[i], &shared);
			member = arrival(members);
			if (facts[i].worker == ANY)
				hashed |= 1u << member;
			else if (member != member_of(&facts[i]))
				fail_msg("%s, %s: socket %u, not %u", how, facts[i].what, member, member_of(&facts[i]));
		}
	}
	/* What is nobody's is spread by the kernel's hash: of so many sources and kinds not all come to one worker. */
	assert_true(hashed & (hashed - 1));
	for (u32 w = 0; w < MEMBERS; w++)
		udp_close(members[w]);
}

static int steer_by_program(struct udp *first)
{
	return udp_steer_by(first, datapath_lane_program(datapath, DATAPATH_SELECT));
}

static int steer_by_classic(struct udp *first)
{
	return udp_steer_workers(first, WORKERS);
}

/* ---- tests ---- */

static void function_and_program_choose_the_workers_of_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		u8 data[LONGEST];
		u32 native, program;

		make(&facts[i], data);
		native = by_function(data, facts[i].len);
		program = by_program(DATAPATH_SELECT, data, facts[i].len);
		if (native != member_of(&facts[i]) || program != member_of(&facts[i]))
			fail_msg("%s: function %d, program %d, expected %d", facts[i].what, (int)native, (int)program, (int)member_of(&facts[i]));
	}
}

static void function_and_program_agree_on_random_datagrams(void **state)
{
	static const u8 types[] = { TG_TYPE_FIRST, TG_TYPE_ANSWER, TG_TYPE_COOKIE, TG_TYPE_DATA, TG_TYPE_CONTROL, 0, 7, 255 };
	enum { DATAGRAMS = 100000 };
	u32 met[MEMBERS + 1] = { 0 };
	struct rand_source rand;

	(void)state;
	rand_seeded(&rand, 5);
	for (u32 n = 0; n < DATAGRAMS; n++) {
		u32 len = 1 + rand_u32(&rand) % LONGEST, native;
		u8 data[LONGEST];

		for (u32 i = 0; i < LONGEST; i++)
			data[i] = (u8)rand_u32(&rand);
		data[0] = types[rand_u32(&rand) % ARRAY_SIZE(types)];
		data[2] %= 3;	/* pattern */
		native = by_function(data, len);
		assert_int_equal(by_program(DATAPATH_SELECT, data, len), native);
		met[MIN(native, MEMBERS)]++;
	}
	for (u32 i = 0; i <= MEMBERS; i++)
		assert_true(met[i] > 50);
}

static void sockets_of_a_group_agree(void **state)
{
	(void)state;
	sockets_get_what_is_theirs("program", steer_by_program);
	sockets_get_what_is_theirs("classic program", steer_by_classic);
}

/* An inner packet goes to the queue of the worker that has its destination, in both families; the first worker has what nobody has. */
static void inner_packets_go_to_the_owner_of_their_destination(void **state)
{
	static const u8 ip4[WORKERS][4] = { { 10, 99, 0, 2 }, { 10, 99, 0, 3 }, { 10, 99, 0, 4 } };
	u8 ip6[16] = { 0xfd, 0x99 };
	u8 packet[LONGEST];

	(void)state;
	for (u32 w = 0; w < WORKERS; w++) {
		u32 other = WORKERS - 1 - w;	/* IPv6 has its own owner */

		ip6[15] = (u8)(2 + w);
		assert_int_equal(datapath_put_inner(datapath, 4, ip4[w], w), 0);
		assert_int_equal(datapath_put_inner(datapath, 6, ip6, other), 0);
		memset(packet, 0, sizeof(packet));
		packet[0] = 0x45;
		memcpy(packet + 16, ip4[w], 4);
		assert_int_equal(by_program(DATAPATH_QUEUE, packet, 60), tg_steer_queue(w, 0));
		assert_int_equal(by_program(DATAPATH_QUEUE, packet, 20), tg_steer_queue(w, 0));
		packet[19]++, packet[18]++;
		assert_int_equal(by_program(DATAPATH_QUEUE, packet, 60), tg_steer_queue(0, 0));
		memset(packet, 0, sizeof(packet));
		packet[0] = 0x60;
		memcpy(packet + 24, ip6, 16);
		assert_int_equal(by_program(DATAPATH_QUEUE, packet, 60), tg_steer_queue(other, 0));
		assert_int_equal(by_program(DATAPATH_QUEUE, packet, 39), tg_steer_queue(0, 0));	/* cut off: nobody's */
	}
	packet[0] = 0x70;	/* no IP */
	assert_int_equal(by_program(DATAPATH_QUEUE, packet, 60), tg_steer_queue(0, 0));
}

/* Each worker has two queues; who was not classified, or has somebody else's tc_index, goes by the bulk one. */
static void each_worker_has_two_queues(void **state)
{
	static const struct { u32 tc_index, lane; } lanes[] = {
		{ TG_LANE_TAG | TG_LANE_INTERACTIVE, TG_LANE_INTERACTIVE }, { TG_LANE_TAG | TG_LANE_BULK, TG_LANE_BULK },
		{ 0, TG_LANE_BULK }, { TG_LANE_INTERACTIVE, TG_LANE_BULK }, { 0xffff, TG_LANE_BULK },
	};

	(void)state;
	for (u32 w = 0; w < TG_MAX_WORKERS; w++)
		for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
			assert_int_equal(tg_steer_queue(w, lanes[i].tc_index), w * 2 + lanes[i].lane);
}

static void the_verifier_is_done_early(void **state)
{
	static const enum datapath_lane_program programs[] = { DATAPATH_QUEUE, DATAPATH_SELECT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct bpf_prog_info info = { 0 };
		u32 bytes = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(datapath_lane_program(datapath, programs[i]), &info, &bytes), 0);
		printf("%s: %u instructions verified, %u translated\n", info.name, info.verified_insns, info.xlated_prog_len / 8);
		assert_in_range(info.verified_insns, 1, 49999);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(function_and_program_choose_the_workers_of_the_table),
		cmocka_unit_test(function_and_program_agree_on_random_datagrams),
		cmocka_unit_test(sockets_of_a_group_agree),
		cmocka_unit_test(inner_packets_go_to_the_owner_of_their_destination),
		cmocka_unit_test(each_worker_has_two_queues),
		cmocka_unit_test(the_verifier_is_done_early),
	};
	char why[DATAPATH_WHY_BYTES] = "needs root";
	int err = geteuid() ? -EPERM : datapath_load(&datapath, &(struct datapath_settings){ .server = true, .workers = WORKERS }, why);

	if (!err)
		err = datapath_load_lanes(datapath, why);
	if (err) {
		printf("%s\n", why);
		datapath_close(geteuid() ? NULL : datapath);
		return err == -EPERM || err == -EACCES || err == -ENOSYS ? 77 : 1;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	datapath_close(datapath);
	return err;
}
