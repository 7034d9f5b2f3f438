// SPDX-License-Identifier: MIT
/* inner_test.c - the inner end of a veth pair, as a program and as the inline functions: the same frames, the same accounts and sockets
 *
 * The program's choice of a socket shows by the answer: there is a real AF_XDP socket in one slot at a time, and a redirect to
 * an empty slot is a drop.
 */
#include "lane_world.h"

#include <net/if.h>
#include <sched.h>

#include <triglav/inside.h>

#include "base/rand.h"
#include "link/inner.h"

#define OUTER "outer"
#define INNER "inner"

static struct umem *memory;
static struct port *ports[TG_LANES];

/* ---- a frame through both ---- */

static const u8 mac[6] = { 0x02, 't', 'g', 0, 0, 1 };

/* As the host sends it; a tag in the place of its source when one is given. */
static u32 frame_build(u8 *out, const struct packet *k, u16 ethertype, const struct tg_policy *told)
{
	u32 bytes = packet_build(out + TG_ETHERNET_BYTES, k, PACKET_FULL);

	memcpy(out, mac, 6);
	memcpy(out + 6, mac, 6);
	put_be16(out + 12, ethertype ? ethertype : k->family == 4 ? TG_ETHERTYPE_IP4 : TG_ETHERTYPE_IP6);
	if (told)
		tg_inside_tell(out + TG_INSIDE_SOURCE_AT, told);
	return TG_ETHERNET_BYTES + bytes;
}

static int run_inline(const u8 *frame, u32 bytes)
{
	u8 *exact = malloc(bytes);	/* so that a sanitizer sees reads beyond the end */
	int number;

	memcpy(exact, frame, bytes);
	number = tg_inside_judge(&world.settings, exact, exact + bytes, bytes);
	free(exact);
	return number;
}

static u32 run_xdp(const u8 *frame, u32 bytes)
{
	u8 out[4096];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = bytes, .data_out = out, .data_size_out = sizeof(out));

	if (bpf_prog_test_run_opts(datapath_inner_program(datapath, DATAPATH_INNER_OUT), &opts))
		fail_msg("BPF_PROG_RUN of %u bytes: %s", bytes, strerror(errno));
	assert_int_equal(opts.data_size_out, bytes);
	assert_memory_equal(out, frame, bytes);
	return opts.retval;
}

static void only_socket(int number)
{
	int map = datapath_map(datapath, "tg_xsks");

	for (u32 i = 0; i < TG_INSIDE_SOCKETS; i++) {
		u32 at = TG_XSKS_INSIDE + i;

		(void)bpf_map_delete_elem(map, &at);
	}
	if (number >= 0)
		assert_int_equal(datapath_put_inner_xsk(datapath, (u32)number, inner_socket(ports[0], (u32)number)), 0);
}

static u64 counted(u64 *redirected, u64 *malformed)
{
	struct datapath_counts c;

	assert_int_equal(datapath_read(datapath, &c), 0);
	*redirected = c.counters.redirected;
	*malformed = c.drops[TG_DROP_INNER_MALFORMED];
	assert_int_equal(c.counters.packets, c.counters.redirected + c.counters.dropped);
	return c.counters.packets;
}

/* Returns what both say. */
static int run_both(const u8 *frame, u32 bytes)
{
	u64 redirected, malformed, more_redirected, more_malformed, packets = counted(&redirected, &malformed);
	int number = run_inline(frame, bytes);

	only_socket(number);
	assert_int_equal(run_xdp(frame, bytes), number < 0 ? XDP_DROP : XDP_REDIRECT);
	assert_int_equal(counted(&more_redirected, &more_malformed), packets + 1);
	assert_int_equal(more_redirected, redirected + (number >= 0));
	assert_int_equal(more_malformed, malformed + (number < 0));
	return number;
}

/* ---- tables ---- */

#define EF (46 << 2)
#define PATH(id) ((int)TG_LANES + (id))

static const struct {
	const char *what;
	struct packet packet;
	u16 ethertype;		/* 0: the packet's */
	struct { bool is; u8 class, path; } told;
	struct { u32 kind; u64 value; u8 class, path; } policy;
	int pinned;		/* all flows to this path; 0: none */
	int socket;
	u8 class, path;
} rows[] = {
	{ "small UDP", { 4, 17, .sport = 5000, .dport = 53, .payload = 40 }, 0, {}, {}, 0, TG_LANE_INTERACTIVE, TG_CLASS_AUTO, TG_PATH_NONE },
	{ "small TCP, IPv6", { 6, 6, .sport = 5000, .dport = 22, .flags = 0x18, .payload = 40 }, 0, {}, {}, 0, TG_LANE_INTERACTIVE,
	  TG_CLASS_AUTO, TG_PATH_NONE },
	{ "no port at all", { 4, 1, .payload = 40 }, 0, {}, {}, 0, TG_LANE_INTERACTIVE, TG_CLASS_AUTO, TG_PATH_NONE },
	{ "the longest that fits", { 4, 17, .sport = 1, .dport = 2, .payload = TG_XSK_LONGEST - 14 - 28 }, 0, {}, {}, 0, TG_LANE_INTERACTIVE,
	  TG_CLASS_AUTO, TG_PATH_NONE },
	{ "one byte more", { 4, 17, .sport = 1, .dport = 2, .payload = TG_XSK_LONGEST - 14 - 27 }, 0, {}, {}, 0, TG_INSIDE_DROP, 0, 0 },
	{ "ARP", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0x0806, {}, {}, 0, TG_INSIDE_DROP, 0, 0 },
	{ "a VLAN tag", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, TG_ETHERTYPE_VLAN, {}, {}, 0, TG_INSIDE_DROP, 0, 0 },
	{ "pinned by the weights, but small", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, {}, {}, 5, TG_LANE_INTERACTIVE, TG_CLASS_AUTO, 5 },
	{ "pinned by the weights", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, TG_CLASS_BULK, TG_PATH_NONE }, {}, 5, PATH(5),
	  TG_CLASS_BULK, 5 },
	{ "pinned by the weights, IPv6", { 6, 6, .sport = 1, .dport = 2, .flags = 0x10, .payload = 40 }, 0, { true, TG_CLASS_BULK, TG_PATH_NONE }, {}, 15,
	  PATH(15), TG_CLASS_BULK, 15 },
	{ "a path by port, but small", { 4, 6, .sport = 5000, .dport = 443, .flags = 0x10, .payload = 40 }, 0, {},
	  { TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_AUTO, 3 }, 0, TG_LANE_INTERACTIVE, TG_CLASS_AUTO, 3 },
	{ "a path by port", { 4, 6, .sport = 5000, .dport = 443, .flags = 0x10, .payload = 40 }, 0, {},
	  { TG_POLICY_PORT, 6 << 16 | 443, TG_CLASS_BULK, 3 }, 0, PATH(3), TG_CLASS_BULK, 3 },
	{ "bulk by DSCP", { 6, 17, .tos = EF, .sport = 1, .dport = 2, .payload = 40 }, 0, {}, { TG_POLICY_DSCP, 46, TG_CLASS_BULK, TG_PATH_NONE }, 0,
	  TG_LANE_BULK, TG_CLASS_BULK, TG_PATH_NONE },
	{ "cgroups cannot be seen here", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, {},
	  { TG_POLICY_CGROUP, OWN_CGROUP, TG_CLASS_BULK, 2 }, 0, TG_LANE_INTERACTIVE, TG_CLASS_AUTO, TG_PATH_NONE },
	{ "told: bulk", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, TG_CLASS_BULK, TG_PATH_NONE }, {}, 0, TG_LANE_BULK, TG_CLASS_BULK,
	  TG_PATH_NONE },
	{ "told: a path", { 6, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, TG_CLASS_BULK, 7 }, {}, 0, PATH(7), TG_CLASS_BULK, 7 },
	{ "told counts before the port", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, TG_CLASS_REALTIME, TG_PATH_NONE },
	  { TG_POLICY_PORT, 17 << 16 | 2, TG_CLASS_BULK, 3 }, 0, TG_LANE_INTERACTIVE, TG_CLASS_REALTIME, TG_PATH_NONE },
	{ "told nonsense: no such path", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, TG_CLASS_BULK, 200 }, {}, 0, TG_LANE_BULK,
	  TG_CLASS_BULK, TG_PATH_NONE },
	{ "told nonsense: no such class", { 4, 17, .sport = 1, .dport = 2, .payload = 40 }, 0, { true, 99, 3 }, {}, 0, TG_LANE_INTERACTIVE, TG_CLASS_AUTO,
	  TG_PATH_NONE },
};

static void program_and_function_agree_on_each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tg_policy told = { .class = rows[i].told.class, .path = rows[i].told.path };
		struct tg_weights weights = { .pinned = 1 };
		u8 frame[4096];
		u32 bytes = frame_build(frame, &rows[i].packet, rows[i].ethertype, rows[i].told.is ? &told : NULL);

		print_message("  %s\n", rows[i].what);
		reset();
		if (rows[i].policy.kind)
			add_policy(rows[i].policy.kind, rows[i].policy.value, rows[i].policy.class, rows[i].policy.path);
		if (rows[i].pinned) {
			weights.paths[rows[i].pinned].weight = 1;
			world.weights = weights;
			datapath_publish(datapath, &weights);
		}
		assert_int_equal(run_both(frame, bytes), rows[i].socket);
		both_agree();
		assert_int_equal(world.flow_count, rows[i].socket != TG_INSIDE_DROP);
		if (!world.flow_count)
			continue;
		assert_int_equal(world.flows[0].entry.packets_out, 1);
		assert_int_equal(world.flows[0].entry.bytes_out, bytes - TG_ETHERNET_BYTES);
		assert_int_equal(world.flows[0].entry.class, rows[i].class);
		assert_int_equal(world.flows[0].entry.path, rows[i].path);
	}
}

/* Many bulk flows over two paths: each goes to the socket of the path that the engine would choose for it. */
static void pinned_flows_go_to_the_socket_of_their_path(void **state)
{
	struct tg_weights weights = { .pinned = 1, .paths = { [1] = { .weight = 5 }, [4] = { .weight = 9 } } };
	u32 seen[TG_MAX_PATHS] = { 0 };

	(void)state;
	reset();
	add_policy(TG_POLICY_PORT, 17 << 16 | 2, TG_CLASS_BULK, TG_PATH_NONE);
	datapath_publish(datapath, &weights);
	world.weights = weights;
	for (u16 port = 1; port <= FLOWS; port++) {
		struct packet k = { port & 1 ? 4 : 6, 17, .sport = port, .dport = 2, .payload = 40 };
		u8 frame[256];
		u32 bytes = frame_build(frame, &k, 0, NULL);
		struct tg_flow f;
		int number = run_both(frame, bytes), path;

		assert_int_equal(tg_flow_parse(&f, frame + 14, frame + bytes, bytes - 14), 0);
		path = tg_pick_path(&weights, tg_flow_hash(&f, HASH_KEY));
		assert_int_equal(number, PATH(path));
		seen[path]++;
	}
	both_agree();
	assert_true(seen[1] && seen[4] && seen[1] + seen[4] == FLOWS);
}

/* What a program with a mark and a cgroup to look at finds, the other gets told; the frame is else the same. */
static void what_counts_is_told_in_the_source(void **state)
{
	struct packet k = { 4, 17, .sport = 1, .dport = 2, .payload = 40 };
	static const struct { u32 kind; u64 value; u8 class, path; u32 mark; bool tagged; int socket; } tags[] = {
		{ TG_POLICY_MARK, 7, TG_CLASS_BULK, TG_PATH_NONE, 7, true, TG_LANE_BULK },
		{ TG_POLICY_MARK, 7, TG_CLASS_BULK, TG_PATH_NONE, 8, false, TG_LANE_INTERACTIVE },
		{ TG_POLICY_MARK, 7, TG_CLASS_BULK, 9, 7, true, PATH(9) },
		{ TG_POLICY_CGROUP, OWN_CGROUP, TG_CLASS_BULK, 2, 0, true, PATH(2) },
		{ TG_POLICY_CGROUP, 99, TG_CLASS_BULK, 2, 0, false, TG_LANE_INTERACTIVE },
		{ TG_POLICY_PORT, 17 << 16 | 2, TG_CLASS_AUTO, 0, 0, true, TG_LANE_INTERACTIVE },
		{ 0, 0, 0, 0, 7, false, TG_LANE_INTERACTIVE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		struct __sk_buff context = { .mark = tags[i].mark };
		u8 frame[256], out[512];
		union tg_wish wish;
		u32 bytes = frame_build(frame, &k, 0, NULL);
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = bytes, .data_out = out, .data_size_out = sizeof(out),
			    .ctx_in = &context, .ctx_size_in = sizeof(context));

		reset();
		if (tags[i].kind)
			add_policy(tags[i].kind, tags[i].value, tags[i].class, tags[i].path);
		assert_int_equal(bpf_prog_test_run_opts(datapath_inner_program(datapath, DATAPATH_INNER_TAG), &opts), 0);
		assert_int_equal((int)opts.retval, -1);		/* TC_ACT_UNSPEC: other filters get their turn */
		assert_int_equal(opts.data_size_out, bytes);
		assert_memory_equal(out, frame, 6);
		assert_memory_equal(out + 12, frame + 12, bytes - 12);
		assert_int_equal(out[6] == TG_INSIDE_TAG, tags[i].tagged);
		assert_int_equal(run_both(out, bytes), tags[i].socket);
		both_agree();
		/* and the engine finds it */
		assert_int_equal(datapath_has_policies(datapath), tags[i].kind != 0);
		wish = datapath_wish(datapath, world.flows[0].entry.hash);
		assert_int_equal(wish.class, tags[i].tagged ? tags[i].class : TG_CLASS_AUTO);
		assert_int_equal(wish.path, tags[i].tagged ? tags[i].path : TG_PATH_NONE);
	}
}

static void what_comes_in_is_of_the_same_flow(void **state)
{
	struct packet k = { 4, 17, .sport = 5000, .dport = 53, .payload = 40 }, back = { 4, 17, .sport = 53, .dport = 5000, .payload = 90 };
	u8 frame[256], out[512];
	u32 bytes = frame_build(frame, &k, 0, NULL);
	struct tg_flow f;

	(void)state;
	reset();
	run_both(frame, bytes);
	bytes = frame_build(frame, &back, 0, NULL);
	for (u32 i = 0; i < 4; i++) {		/* addresses turned round */
		u8 kept = frame[14 + 12 + i];

		frame[14 + 12 + i] = frame[14 + 16 + i];
		frame[14 + 16 + i] = kept;
	}
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = bytes, .data_out = out, .data_size_out = sizeof(out));
	assert_int_equal(bpf_prog_test_run_opts(datapath_inner_program(datapath, DATAPATH_INNER_IN), &opts), 0);
	assert_memory_equal(out, frame, bytes);
	assert_int_equal(tg_flow_parse(&f, frame + 14, frame + bytes, bytes - 14), 0);
	tg_lane_in(&world.settings, &f, bytes - 14);
	both_agree();
	assert_int_equal(world.flow_count, 1);
	assert_int_equal(world.flows[0].entry.bytes_in, bytes - 14);
}

/* Each is dropped, or is a packet for both; nothing is read beyond the end. */
static void junk_is_judged_alike(void **state)
{
	u32 passed = 0, dropped = 0;
	struct rand_source rand;
	u8 frame[128];

	(void)state;
	reset();
	rand_seeded(&rand, 5);
	for (u32 n = 0; n < 3000; n++) {
		u32 bytes = 14 + rand_u32(&rand) % 100;

		for (u32 i = 0; i < bytes; i++)
			frame[i] = (u8)rand_u32(&rand);
		put_be16(frame + 12, n & 1 ? TG_ETHERTYPE_IP4 : TG_ETHERTYPE_IP6);
		if (bytes > 18 && n & 2) {
			frame[14] = (u8)((frame[14] & 0x0f) | (n & 1 ? 0x45 : 0x60));
			put_be16(frame + 16, (u16)(bytes - 14));
		}
		if (world.flow_count > FLOWS - 2) {
			both_agree();
			reset();
		}
		if (run_both(frame, bytes) < 0)
			dropped++;
		else
			passed++;
	}
	both_agree();
	assert_true(passed > 100 && dropped > 100);
}

static void the_verifier_is_done_early(void **state)
{
	(void)state;
	for (enum datapath_inner_program p = DATAPATH_INNER_OUT; p <= DATAPATH_INNER_IN; p++) {
		struct bpf_prog_info info = { 0 };
		u32 bytes = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(datapath_inner_program(datapath, p), &info, &bytes), 0);
		printf("%s: %u instructions verified, %u translated\n", info.name, info.verified_insns, info.xlated_prog_len / 8);
		assert_in_range(info.verified_insns, 1, 49999);
	}
}

/* ---- begin and end ---- */

static int open_all(char why[DATAPATH_WHY_BYTES])
{
	struct inner_settings set = { .name = OUTER, .device = INNER, .to = mac, .from = mac, .ring = 64 };
	int err;

	if (unshare(CLONE_NEWNET) || system("ip link add " OUTER " type veth peer name " INNER " && ip link set " INNER " up"))
		return -EPERM;
	own_cgroup = find_own_cgroup();
	err = datapath_load(&datapath, &(struct datapath_settings){ .hash_key = HASH_KEY }, why);
	if (!err)
		err = datapath_load_inner(datapath, why);
	if (!err)
		err = umem_open(&memory, 256);
	return err ? err : inner_open(ports, memory, &set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_and_function_agree_on_each_row),
		cmocka_unit_test(pinned_flows_go_to_the_socket_of_their_path),
		cmocka_unit_test(what_counts_is_told_in_the_source),
		cmocka_unit_test(what_comes_in_is_of_the_same_flow),
		cmocka_unit_test(junk_is_judged_alike),
		cmocka_unit_test(the_verifier_is_done_early),
	};
	char why[DATAPATH_WHY_BYTES] = "needs root";
	int err = geteuid() ? -EPERM : open_all(why);

	if (err) {
		printf("%s: %s\n", why, strerror(-err));
		return err == -EPERM || err == -EACCES || err == -ENOSYS ? 77 : 1;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	for (u32 i = 0; i < TG_LANES; i++)
		port_close(ports[i]);
	if (umem_free(memory) != 256)
		err = 1;
	umem_close(memory);
	datapath_close(datapath);
	return err;
}
