// SPDX-License-Identifier: MIT
/* tunnel_test.c - the tunnel device's classifier, as a program and as the inline functions: the same packets, the same accounts, classes, wishes
 *
 * The lane itself goes into a field that BPF_PROG_RUN does not show; lanes_test.c sees it on a real device. Here it follows from
 * the flow's entry by the same function.
 */
#include "lane_world.h"

#include "base/rand.h"

/* ---- a packet through both ---- */

static void run_inline(const u8 *data, u32 bytes, u32 mark, bool in)
{
	u8 *exact = malloc(bytes);	/* so that a sanitizer sees reads beyond the end */
	struct tg_flow f;

	memcpy(exact, data, bytes);
	if (!tg_flow_parse(&f, exact, exact + bytes, bytes)) {
		if (in)
			tg_lane_in(&world.settings, &f, bytes);
		else
			tg_lane_out(&world.settings, &f, &world, mark, bytes);
	}
	free(exact);
}

static void run_program(const u8 *data, u32 bytes, u32 mark, bool in)
{
	struct __sk_buff context = { .mark = mark };
	u8 *out = malloc(bytes + 256);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = bytes, .data_out = out, .data_size_out = bytes + 256,
		    .ctx_in = &context, .ctx_size_in = sizeof(context));
	int program = datapath_lane_program(datapath, in ? DATAPATH_TUNNEL_IN : DATAPATH_TUNNEL_OUT);

	if (bpf_prog_test_run_opts(program, &opts))
		fail_msg("BPF_PROG_RUN of %u bytes: %s", bytes, strerror(errno));
	assert_int_equal((int)opts.retval, -1);		/* TC_ACT_UNSPEC: other filters get their turn */
	assert_int_equal(opts.data_size_out, bytes);
	assert_memory_equal(out, data, bytes);
	free(out);
}

static void run_both(const u8 *data, u32 bytes, u32 mark, bool in)
{
	run_inline(data, bytes, mark, in);
	run_program(data, bytes, mark, in);
}

/* ---- tables ---- */

#define EF (46 << 2)

static const struct {
	const char *what;
	struct packet packet;
	u32 mark;
	struct { u32 kind; u64 value; u8 class, path; } policies[2];
	u8 class, path;
	enum tg_lane lane;
} rows[] = {
	{ "small UDP", { 4, 17, .sport = 5000, .dport = 53, .payload = 40 }, 0, {}, TG_CLASS_AUTO, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "small TCP, IPv6", { 6, 6, .sport = 5000, .dport = 22, .flags = 0x18, .payload = 40 }, 0, {}, TG_CLASS_AUTO, TG_PATH_NONE,
	  TG_LANE_INTERACTIVE },
	{ "a super-packet is bulk at once", { 4, 6, .sport = 5000, .dport = 80, .flags = 0x10, .payload = 20000 }, 0, {}, TG_CLASS_AUTO,
	  TG_PATH_NONE, TG_LANE_BULK },
	{ "a mark without a policy is nothing", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 7, {}, TG_CLASS_AUTO, TG_PATH_NONE,
	  TG_LANE_INTERACTIVE },
	{ "bulk by mark", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 7, { { TG_POLICY_MARK, 7, TG_CLASS_BULK, TG_PATH_NONE } },
	  TG_CLASS_BULK, TG_PATH_NONE, TG_LANE_BULK },
	{ "another mark", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 8, { { TG_POLICY_MARK, 7, TG_CLASS_BULK, TG_PATH_NONE } },
	  TG_CLASS_AUTO, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "realtime by DSCP, whatever its size", { 6, 17, .tos = EF, .sport = 1, .dport = 2, .payload = 20000 }, 0,
	  { { TG_POLICY_DSCP, 46, TG_CLASS_REALTIME, TG_PATH_NONE } }, TG_CLASS_REALTIME, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "ECN's bits are no DSCP", { 4, 17, .tos = EF | 3, .sport = 1, .dport = 2, .payload = 40 }, 0,
	  { { TG_POLICY_DSCP, 46, TG_CLASS_BULK, TG_PATH_NONE } }, TG_CLASS_BULK, TG_PATH_NONE, TG_LANE_BULK },
	{ "DSCP 0 can be named", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { { TG_POLICY_DSCP, 0, TG_CLASS_BULK, TG_PATH_NONE } },
	  TG_CLASS_BULK, TG_PATH_NONE, TG_LANE_BULK },
	{ "a path by destination port", { 4, 6, .sport = 5000, .dport = 443, .flags = 0x10, .payload = 40 }, 0,
	  { { TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_AUTO, 3 } }, TG_CLASS_AUTO, 3, TG_LANE_INTERACTIVE },
	{ "a path by source port", { 4, 6, .sport = 443, .dport = 5000, .flags = 0x10, .payload = 40 }, 0,
	  { { TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_AUTO, 3 } }, TG_CLASS_AUTO, 3, TG_LANE_INTERACTIVE },
	{ "the port of another protocol", { 4, 17, .sport = 5000, .dport = 443, .payload = 40 }, 0,
	  { { TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_AUTO, 3 } }, TG_CLASS_AUTO, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "by cgroup", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { { TG_POLICY_CGROUP, OWN_CGROUP, TG_CLASS_BULK, 2 } },
	  TG_CLASS_BULK, 2, TG_LANE_BULK },
	{ "another cgroup", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { { TG_POLICY_CGROUP, 99, TG_CLASS_BULK, 2 } },
	  TG_CLASS_AUTO, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "the mark counts before the cgroup", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 7,
	  { { TG_POLICY_CGROUP, OWN_CGROUP, TG_CLASS_BULK, 2 }, { TG_POLICY_MARK, 7, TG_CLASS_REALTIME, TG_PATH_NONE } },
	  TG_CLASS_REALTIME, TG_PATH_NONE, TG_LANE_INTERACTIVE },
	{ "the port counts before the DSCP", { 4, 17, .tos = EF, .sport = 1, .dport = 2, .payload = 40 }, 0,
	  { { TG_POLICY_DSCP, 46, TG_CLASS_BULK, TG_PATH_NONE }, { TG_POLICY_PORT, 17 << 16 | 2, TG_CLASS_REALTIME, TG_PATH_NONE } },
	  TG_CLASS_REALTIME, TG_PATH_NONE, TG_LANE_INTERACTIVE },
};

static void program_and_function_agree_on_each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		static u8 data[65536];
		u32 bytes = packet_build(data, &rows[i].packet, PACKET_FULL);
		const struct tg_flow_entry *e;
		union tg_wish wish;

		print_message("  %s\n", rows[i].what);
		reset();
		for (size_t p = 0; p < 2 && rows[i].policies[p].kind; p++)
			add_policy(rows[i].policies[p].kind, rows[i].policies[p].value, rows[i].policies[p].class, rows[i].policies[p].path);
		run_inline(data, bytes, rows[i].mark, false);
		if (bytes < 4000)	/* more than BPF_PROG_RUN takes everywhere */
			run_program(data, bytes, rows[i].mark, false);
		assert_int_equal(world.flow_count, 1);
		e = &world.flows[0].entry;
		assert_int_equal(e->packets_out, 1);
		assert_int_equal(e->bytes_out, bytes);
		assert_int_equal(e->class, rows[i].class);
		assert_int_equal(e->path, rows[i].path);
		assert_int_equal(tg_lane_of(e), rows[i].lane);
		if (bytes < 4000)
			both_agree();
		else
			continue;
		wish = datapath_wish(datapath, e->hash);
		assert_int_equal(wish.class, rows[i].class);
		assert_int_equal(wish.path, rows[i].path);
	}
}

static void both_directions_are_one_flow(void **state)
{
	struct packet out = { 4, 17, .sport = 5000, .dport = 53, .payload = 40, .tos = 8 };
	u8 data[256], back[256];
	u32 bytes = packet_build(data, &out, PACKET_FULL);

	(void)state;
	reset();
	memcpy(back, data, bytes);
	memcpy(back + 12, data + 16, 4);
	memcpy(back + 16, data + 12, 4);
	memcpy(back + 20, data + 22, 2);
	memcpy(back + 22, data + 20, 2);
	run_both(back, bytes, 0, true);		/* the other side begins */
	run_both(data, bytes, 0, false);
	run_both(data, bytes, 0, false);
	both_agree();
	assert_int_equal(world.flow_count, 1);
	assert_int_equal(world.flows[0].entry.packets_out, 2);
	assert_int_equal(world.flows[0].entry.packets_in, 1);
	assert_int_equal(world.flows[0].entry.bytes_in, bytes);
	assert_int_equal(world.flows[0].key.dport, 53);
}

/* The engine's own hash of the packet is that of the entry, whichever direction came first; else no wish would be found. */
static void the_engine_finds_the_wish(void **state)
{
	struct packet k = { 6, 6, .sport = 5000, .dport = 443, .flags = 0x10, .payload = 40 };
	u8 data[256];
	u32 bytes = packet_build(data, &k, PACKET_FULL);
	struct tg_flow f;

	(void)state;
	reset();
	add_policy(TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_REALTIME, 5);
	run_both(data, bytes, 0, false);
	assert_int_equal(tg_flow_parse(&f, data, data + bytes, bytes), 0);
	assert_int_equal(world.flows[0].entry.hash, tg_flow_hash(&f, HASH_KEY));
	assert_int_equal(datapath_wish(datapath, tg_flow_hash(&f, HASH_KEY)).path, 5);
	assert_int_equal(datapath_wish(datapath, tg_flow_hash(&f, HASH_KEY) ^ TG_WISHES).path, TG_PATH_NONE);
}

static void a_policy_that_is_removed_is_forgotten(void **state)
{
	struct packet k = { 4, 17, .sport = 1, .dport = 2, .payload = 40 };
	struct tg_policy_key key = { .kind = TG_POLICY_MARK, .value = 7 };
	u8 data[256];
	u32 bytes = packet_build(data, &k, PACKET_FULL);

	(void)state;
	reset();
	add_policy(TG_POLICY_MARK, 7, TG_CLASS_BULK, 1);
	assert_true(datapath_has_policies(datapath));
	run_both(data, bytes, 7, false);
	run_both(data, bytes, 0, false);	/* the same flow without the mark */
	both_agree();
	assert_int_equal(world.flows[0].entry.class, TG_CLASS_AUTO);
	assert_int_equal(datapath_wish(datapath, world.flows[0].entry.hash).class, TG_CLASS_AUTO);
	run_both(data, bytes, 7, false);
	assert_int_equal(datapath_wish(datapath, world.flows[0].entry.hash).class, TG_CLASS_BULK);
	assert_int_equal(datapath_remove_policy(datapath, &key), 0);
	assert_int_equal(datapath_remove_policy(datapath, &key), -ENOENT);
	assert_int_equal(datapath_wish(datapath, world.flows[0].entry.hash).class, TG_CLASS_AUTO);
	assert_false(datapath_has_policies(datapath));
}

/* 30 kB in a window, by packets that are no super-packets. */
static void a_busy_flow_becomes_bulk(void **state)
{
	struct packet k = { 4, 6, .sport = 1, .dport = 2, .flags = 0x10, .payload = 1360 };
	u8 data[2048];
	u32 bytes = packet_build(data, &k, PACKET_FULL), packets = TG_LANE_BULK_BYTES / bytes;

	(void)state;
	reset();
	for (u32 i = 0; i < packets; i++)
		run_inline(data, bytes, 0, false);
	assert_int_equal(world.flows[0].entry.bulk, 0);
	run_inline(data, bytes, 0, false);
	assert_int_equal(world.flows[0].entry.bulk, 1);
	world.now_ns += (TG_LANE_STAYS_MS - 1) * 1000000ULL;	/* nothing comes, then a little */
	run_inline(data, bytes, 0, false);
	assert_int_equal(world.flows[0].entry.bulk, 1);
	world.now_ns += 2 * 1000000ULL;
	run_inline(data, bytes, 0, false);
	assert_int_equal(world.flows[0].entry.bulk, 0);

	/* a window's bytes do not count in the next */
	for (u32 i = 0; i < 2 * packets; i++) {
		world.now_ns += 2 * TG_LANE_WINDOW_MS * 1000000ULL / packets;
		run_inline(data, bytes, 0, false);
		assert_int_equal(world.flows[0].entry.bulk, 0);
	}
}

/* The same in the program, whose clock is real: all packets are sent well within a window. */
static void a_busy_flow_becomes_bulk_in_the_program(void **state)
{
	struct packet k = { 4, 6, .sport = 1, .dport = 2, .flags = 0x10, .payload = 1360 };
	int map = datapath_map(datapath, "tg_flows");
	struct tg_flow_entry entry = { 0 };
	struct tg_flow_key key;
	u8 data[2048];
	u32 bytes = packet_build(data, &k, PACKET_FULL);

	(void)state;
	for (u32 tries = 0; tries < 20 && !entry.bulk; tries++) {
		reset();
		for (u32 i = 0; i <= TG_LANE_BULK_BYTES / bytes; i++)
			run_program(data, bytes, 0, false);
		assert_int_equal(bpf_map_get_next_key(map, NULL, &key), 0);
		assert_int_equal(bpf_map_lookup_elem(map, &key, &entry), 0);
	}
	assert_int_equal(entry.bulk, 1);	/* in 20 tries it was never put aside for 100 ms */
}

static void pinned_flows_show_their_path(void **state)
{
	struct tg_weights weights = { .pinned = 1, .paths = { [1] = { .weight = 5 }, [4] = { .weight = 9 } } };
	bool seen[TG_MAX_PATHS] = { 0 };
	u8 data[256];

	(void)state;
	reset();
	datapath_publish(datapath, &weights);
	world.weights = weights;
	for (u16 port = 1; port <= FLOWS; port++) {
		struct packet k = { 4, 17, .sport = port, .dport = 2, .payload = 40 };

		run_both(data, packet_build(data, &k, PACKET_FULL), 0, false);
		seen[world.flows[port - 1].entry.path] = true;
	}
	both_agree();
	assert_true(seen[1] && seen[4]);
}

/* What is no IP packet leaves no trace and reads nothing beyond its end. */
static void junk_is_left_alone(void **state)
{
	struct rand_source rand;
	u8 data[128];

	(void)state;
	reset();
	rand_seeded(&rand, 3);
	for (u32 n = 0; n < 3000; n++) {
		u32 bytes = 20 + rand_u32(&rand) % 100;

		for (u32 i = 0; i < bytes; i++)
			data[i] = (u8)rand_u32(&rand);
		data[0] = (u8)(data[0] & 0x4f) | (n & 1 ? 0x40 : 0x60);
		if (n & 2)
			put_be16(data + 2, (u16)bytes);
		if (world.flow_count > FLOWS - 2) {
			both_agree();
			reset();
		}
		run_both(data, bytes, 0, n & 4);
	}
	both_agree();
}

static void the_verifier_is_done_early(void **state)
{
	(void)state;
	for (enum datapath_lane_program p = DATAPATH_TUNNEL_OUT; p <= DATAPATH_SELECT; p++) {
		struct bpf_prog_info info = { 0 };
		u32 bytes = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(datapath_lane_program(datapath, p), &info, &bytes), 0);
		printf("%s: %u instructions verified, %u translated\n", info.name, info.verified_insns, info.xlated_prog_len / 8);
		assert_in_range(info.verified_insns, 1, 49999);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_and_function_agree_on_each_row),
		cmocka_unit_test(both_directions_are_one_flow),
		cmocka_unit_test(the_engine_finds_the_wish),
		cmocka_unit_test(a_policy_that_is_removed_is_forgotten),
		cmocka_unit_test(a_busy_flow_becomes_bulk),
		cmocka_unit_test(a_busy_flow_becomes_bulk_in_the_program),
		cmocka_unit_test(pinned_flows_show_their_path),
		cmocka_unit_test(junk_is_left_alone),
		cmocka_unit_test(the_verifier_is_done_early),
	};
	char why[DATAPATH_WHY_BYTES] = "needs root";
	int err = geteuid() ? -EPERM : datapath_load(&datapath, &(struct datapath_settings){ .hash_key = HASH_KEY }, why);

	own_cgroup = find_own_cgroup();
	if (!err)
		err = datapath_load_lanes(datapath, why);
	if (err) {
		printf("%s\n", why);
		datapath_close(geteuid() ? NULL : datapath);
		return err == -EPERM || err == -ENOSYS ? 77 : 1;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	datapath_close(datapath);
	return err;
}
