// SPDX-License-Identifier: MIT
/* filter_test.c - the filter of the uplinks: a table of packets, through the program and through the inline functions */
#include "bpf/world.h"

#include <sys/socket.h>

#include "base/rand.h"
#include "bpf/frame.h"

#define INDEX 0x04000040u	/* of worker 0 */
#define INDEX_COPIES 0x08000080u	/* its session has a window of ids */
#define INDEX_WORKER1 0x0c0000c1u
#define UNKNOWN 0x4000u	/* added to one: of nobody, but of the same worker */
#define TICK_NS 20000000ULL	/* the program's clock may be late by so much */
#define ID 1000u

enum { STALE = 1, PARTIAL = 2, RUNS = 4, CLIENT = 8, DEAD_WORKER1 = 16, ID_MARKED = 32 };

struct fact {
	const char *what;
	struct frame f;
	struct payload p;
	u32 with;
	enum tg_verdict verdict;
	enum tg_drop reason;
};

#define PASSES .verdict = TG_VERDICT_PASS, .reason = TG_DROP_COUNT
#define IS_FOREIGN .verdict = TG_VERDICT_FOREIGN, .reason = TG_DROP_COUNT
#define IS_STALE .verdict = TG_VERDICT_STALE, .reason = TG_DROP_COUNT
#define DROPS(r) .verdict = TG_VERDICT_DROP, .reason = TG_DROP_##r
#define DATA .type = TG_TYPE_DATA, .receiver = INDEX
#define COPY .type = TG_TYPE_DATA, .flags = TG_FLAG_COPY, .receiver = INDEX_COPIES, .copy_id = ID

static const struct fact facts[] = {
	/* which packets are looked at */
	{ "data, IPv4", { 0 }, { DATA }, 0, PASSES },
	{ "data, IPv6", { .family = 6 }, { DATA }, 0, PASSES },
	{ "one VLAN tag", { .vlans = 1 }, { DATA }, 0, PASSES },
	{ "two VLAN tags", { .vlans = 2, .vlan_type = 0x88a8 }, { DATA }, 0, PASSES },
	{ "two VLAN tags, IPv6, unknown index", { .vlans = 2, .family = 6 }, { DATA + UNKNOWN }, 0, DROPS(NO_SESSION) },
	{ "three VLAN tags", { .vlans = 3 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "ARP", { .ethertype = 0x0806 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "IPv4 says it is IPv6", { .ethertype = 0x86dd }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "IPv4 options", { .options = true }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "first fragment", { .fragment = 0x2000 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "last fragment", { .fragment = 100 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "may not be fragmented", { .fragment = 0x4000 }, { DATA }, 0, PASSES },
	{ "IPv6 extension header", { .family = 6, .options = true }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "IPv6 fragment", { .family = 6, .fragment = 1 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "TCP", { .protocol = 6 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "another port", { .port = 53 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "another address", { .host = 77 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "another address, IPv6 any", { .host = 77, .family = 6 }, { DATA + UNKNOWN }, 0, DROPS(NO_SESSION) },
	{ "UDP longer than IP", { .udp_longer = 1 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "UDP shorter than IP", { .udp_longer = -1 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "UDP and IP longer than the frame", { .udp_longer = 9, .ip_longer = 9 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "padded by Ethernet", { .padding = 40 }, { DATA }, 0, PASSES },
	{ "cut off", { .cut = 20 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "cut off within the UDP header", { .cut = 104 }, { DATA + UNKNOWN }, 0, IS_FOREIGN },
	{ "no Ethernet: data, IPv4", { .raw = true }, { DATA }, 0, PASSES },
	{ "no Ethernet: data, IPv6", { .raw = true, .family = 6 }, { DATA }, 0, PASSES },
	{ "no Ethernet: unknown index", { .raw = true }, { DATA + UNKNOWN }, 0, DROPS(NO_SESSION) },
	{ "no Ethernet: IPv4 options", { .raw = true, .options = true }, { DATA + UNKNOWN }, 0, IS_FOREIGN },

	/* data and control */
	{ "unknown index", { 0 }, { DATA + UNKNOWN }, 0, DROPS(NO_SESSION) },
	{ "unknown index, the map was full", { 0 }, { DATA + UNKNOWN }, PARTIAL, PASSES },
	{ "index 0", { 0 }, { .type = TG_TYPE_DATA }, 0, DROPS(NO_SESSION) },
	{ "control", { 0 }, { .type = TG_TYPE_CONTROL, .receiver = INDEX }, 0, PASSES },
	{ "control with a flag", { 0 }, { .type = TG_TYPE_CONTROL, .flags = TG_FLAG_CSUM, .receiver = INDEX }, 0, DROPS(BAD_HEADER) },
	{ "all known flags", { 0 }, { DATA, .flags = TG_FLAG_CSUM | TG_FLAG_FIRST | TG_FLAG_LAST | TG_FLAG_AHEAD }, 0, PASSES },
	{ "unknown flag", { 0 }, { DATA, .flags = 32 }, 0, DROPS(BAD_HEADER) },
	{ "shortest", { 0 }, { DATA, .bytes = 28 }, 0, PASSES },
	{ "too short", { 0 }, { DATA, .bytes = 27 }, 0, DROPS(SHORT) },
	{ "shortest copy", { 0 }, { COPY, .bytes = 32 }, 0, PASSES },
	{ "copy too short", { 0 }, { COPY, .bytes = 31 }, 0, DROPS(SHORT) },
	{ "half a header", { 0 }, { DATA, .bytes = 11 }, 0, DROPS(SHORT) },
	{ "one byte", { 0 }, { DATA, .bytes = 1 }, 0, DROPS(SHORT) },
	{ "largest of a link of 1500", { 0 }, { DATA, .bytes = 1472 }, 0, PASSES },

	/* copies */
	{ "copy of nothing seen", { 0 }, { COPY }, 0, PASSES },
	{ "copy that was accepted", { 0 }, { COPY }, ID_MARKED, DROPS(COPY) },
	{ "copy that was accepted, IPv6", { .family = 6 }, { COPY }, ID_MARKED, DROPS(COPY) },
	{ "now and then one passes", { 0 }, { COPY, .number = TG_SKIP_PASS_MASK + 1 }, ID_MARKED, PASSES },
	{ "number out of reach", { 0 }, { COPY, .number = 3001 }, ID_MARKED, PASSES },
	{ "its neighbour", { 0 }, { COPY + 1 }, ID_MARKED, PASSES },
	{ "the same a lap later", { 0 }, { COPY + 32 * TG_SEEN_WORDS }, ID_MARKED, PASSES },
	{ "the same id of another session", { 0 }, { DATA, .flags = TG_FLAG_COPY, .copy_id = ID }, ID_MARKED, PASSES },
	{ "the same without the flag", { 0 }, { .type = TG_TYPE_DATA, .receiver = INDEX_COPIES, .copy_id = ID }, ID_MARKED, PASSES },
	{ "copy at the head of a run", { 0 }, { COPY }, ID_MARKED | RUNS, PASSES },

	/* handshakes, as a server */
	{ "first", { 0 }, { .type = TG_TYPE_FIRST }, 0, PASSES },
	{ "first, join", { 0 }, { .type = TG_TYPE_FIRST, .pattern = TG_PATTERN_NKPSK0 }, 0, PASSES },
	{ "first, unknown pattern", { 0 }, { .type = TG_TYPE_FIRST, .pattern = 3 }, 0, DROPS(BAD_HEADER) },
	{ "first, another version", { 0 }, { .type = TG_TYPE_FIRST, .version = 9, .pattern = 3 }, 0, PASSES },
	{ "first, a byte more", { 0 }, { .type = TG_TYPE_FIRST, .bytes = 225 }, 0, DROPS(SHORT) },
	{ "first, a byte less", { 0 }, { .type = TG_TYPE_FIRST, .bytes = 223 }, 0, DROPS(SHORT) },
	{ "two firsts in a run", { 0 }, { .type = TG_TYPE_FIRST, .bytes = 448 }, RUNS, PASSES },
	{ "answer to a server", { 0 }, { .type = TG_TYPE_ANSWER, .receiver = INDEX }, 0, DROPS(SHORT) },
	{ "type 0", { 0 }, { .type = 0, .receiver = INDEX }, 0, DROPS(UNKNOWN_TYPE) },
	{ "type 7", { 0 }, { .type = 7, .receiver = INDEX }, 0, DROPS(UNKNOWN_TYPE) },
	{ "type 7 at the head of a run", { 0 }, { .type = 7, .receiver = INDEX, .bytes = 500 }, RUNS, PASSES },

	/* handshakes, as a client */
	{ "answer", { 0 }, { .type = TG_TYPE_ANSWER, .receiver = INDEX }, CLIENT, PASSES },
	{ "answer nobody asked for", { 0 }, { .type = TG_TYPE_ANSWER, .receiver = INDEX + UNKNOWN }, CLIENT, DROPS(LATE_ANSWER) },
	{ "answer, too long", { 0 }, { .type = TG_TYPE_ANSWER, .receiver = INDEX, .bytes = 205 }, CLIENT, DROPS(SHORT) },
	{ "cookie", { 0 }, { .type = TG_TYPE_COOKIE, .receiver = INDEX }, CLIENT, PASSES },
	{ "cookie nobody asked for", { 0 }, { .type = TG_TYPE_COOKIE, .receiver = INDEX + UNKNOWN }, CLIENT, DROPS(LATE_ANSWER) },
	{ "versions", { 0 }, { .type = TG_TYPE_VERSIONS, .receiver = INDEX }, CLIENT, PASSES },
	{ "versions nobody asked for", { 0 }, { .type = TG_TYPE_VERSIONS, .receiver = 7 }, CLIENT, DROPS(LATE_ANSWER) },
	{ "versions, the map was full", { 0 }, { .type = TG_TYPE_VERSIONS, .receiver = 7 }, CLIENT | PARTIAL, PASSES },
	{ "first to a client", { 0 }, { .type = TG_TYPE_FIRST }, CLIENT, DROPS(SHORT) },

	/* a daemon that is dead or stuck */
	{ "unknown index, no heartbeat", { 0 }, { DATA + UNKNOWN }, STALE, IS_STALE },
	{ "one byte, no heartbeat", { 0 }, { DATA, .bytes = 1 }, STALE, IS_STALE },
	{ "known copy, no heartbeat", { 0 }, { COPY }, STALE | ID_MARKED, IS_STALE },
	{ "first, no heartbeat", { 0 }, { .type = TG_TYPE_FIRST }, STALE, IS_STALE },
	{ "for the worker that is dead", { 0 }, { .type = TG_TYPE_DATA, .receiver = INDEX_WORKER1 }, DEAD_WORKER1, IS_STALE },
	{ "for the one beside it", { 0 }, { DATA + UNKNOWN }, DEAD_WORKER1, DROPS(NO_SESSION) },
	{ "for a worker that does not exist", { 0 }, { DATA + 63 }, DEAD_WORKER1, DROPS(NO_SESSION) },
};

static void settle(u32 with)
{
	static const u8 ip[4] = { 198, 51, 100, 1 };
	u32 flags = (with & CLIENT ? 0 : TG_END_SERVER) | (with & RUNS ? TG_END_RUNS : 0);

	world_reset();
	world_add_end(WORLD_IFINDEX, 4, ip, FRAME_PORT, flags);
	world_add_end(WORLD_IFINDEX, 6, NULL, FRAME_PORT, flags);
	world_add_end(WORLD_IFINDEX + UNKNOWN, 4, NULL, 53, flags);	/* another interface */
	world_add_index(INDEX, TG_SEEN_NONE, 0);
	world_add_index(INDEX_COPIES, 1, 3);
	world_add_index(INDEX_WORKER1, TG_SEEN_NONE, 0);
	if (with & ID_MARKED)
		world_mark(1, ID);
	if (with & PARTIAL)
		world.settings.flags |= TG_SETTINGS_INDEX_PARTIAL;
	if (with & STALE)
		world.settings.heartbeat_ns[0] -= TG_HEARTBEAT_NS + TICK_NS;
	world.settings.workers = 2;
	world.settings.heartbeat_ns[1] = with & DEAD_WORKER1 ? world.now_ns - TG_HEARTBEAT_NS - TICK_NS : world.now_ns;
}

/* The program may mark nothing: whoever guesses ids would kill real packets. */
static void nothing_else_changed(const struct fact *fact)
{
	for (u32 i = 0; i < WORLD_SEEN; i++)
		if (memcmp(&world.seen[i], &world.d->seen[i], sizeof(world.seen[i])))
			fail_msg("%s: a window of ids changed", fact->what);
	if (memcmp(world.skips, world.d->skips, sizeof(world.skips)))
		fail_msg("%s: program and function noted different numbers", fact->what);
	if (fact->reason == TG_DROP_COPY && !tg_skip_has(&world.skips[1].paths[3], 1))
		fail_msg("%s: the number of a dropped copy was not noted", fact->what);
}

static void packets_get_the_verdict_of_the_table(void **state)
{
	u8 packet[FRAME_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		const struct fact *fact = &facts[i];
		struct outcome expected = { fact->verdict, fact->reason }, by_inline, by_program;
		u32 bytes = frame_write(packet, &fact->f, &fact->p);

		settle(fact->with);
		by_inline = run_inline(packet, bytes, !fact->f.raw);
		by_program = run_program(packet, bytes, !fact->f.raw);
		if (memcmp(&by_inline, &expected, sizeof(expected)))
			fail_msg("%s: inline says %s, expected %s", fact->what, outcome_text(&by_inline), outcome_text(&expected));
		if (memcmp(&by_program, &expected, sizeof(expected)))
			fail_msg("%s: the program says %s, expected %s", fact->what, outcome_text(&by_program), outcome_text(&expected));
		nothing_else_changed(fact);
	}
	printf("%zu packets\n", ARRAY_SIZE(facts));
}

static void packets_with_wrong_bytes_and_lengths_get_the_same_verdict_from_both(void **state)
{
	const u32 packets = getenv("TG_EMULATED") ? 2000 : 20000;
	u32 met[4] = { 0 };
	struct rand_source rand;
	u8 packet[FRAME_BYTES];

	(void)state;
	rand_seeded(&rand, 7);
	for (u32 n = 0; n < packets; n++) {
		const struct fact *fact = &facts[rand_u32(&rand) % ARRAY_SIZE(facts)];
		u32 bytes = frame_write(packet, &fact->f, &fact->p), changes = rand_u32(&rand) % 3;
		struct outcome by_inline, by_program;

		for (u32 i = 0; i < changes; i++)
			packet[rand_u32(&rand) % MIN(bytes, 64u)] ^= (u8)(1u << rand_u32(&rand) % 8);
		if (rand_u32(&rand) % 8 == 0)
			bytes = 14 + rand_u32(&rand) % (bytes - 14);	/* BPF_PROG_RUN takes no less */
		settle(ID_MARKED);
		by_inline = run_inline(packet, bytes, !fact->f.raw);
		by_program = run_program(packet, bytes, !fact->f.raw);
		if (memcmp(&by_inline, &by_program, sizeof(by_inline)))
			fail_msg("packet %u, from \"%s\": inline says %s, the program %s", n, fact->what, outcome_text(&by_inline),
				 outcome_text(&by_program));
		met[by_inline.verdict]++;
	}
	assert_true(met[TG_VERDICT_FOREIGN] > packets / 40);
	assert_true(met[TG_VERDICT_DROP] > packets / 40);
	assert_true(met[TG_VERDICT_PASS] > packets / 40);
}

/* They were given to the AF_XDP socket of the device below, which takes none of them. */
static void tagged_frames_are_not_redirected(void **state)
{
	static const struct { struct frame f; u32 action; } cases[] = {
		{ { 0 }, XDP_REDIRECT },
		{ { .vlans = 1 }, XDP_PASS },
		{ { .vlans = 2, .vlan_type = 0x88a8 }, XDP_PASS },
	};
	struct tg_end end = { .flags = TG_END_SERVER, .xsk_queues = 1 };
	int fd = socket(AF_XDP, SOCK_RAW, 0);
	u8 packet[FRAME_BYTES];
	u32 first = 0;

	(void)state;
	if (fd < 0)
		skip();
	settle(0);
	assert_int_equal(bpf_map_update_elem(datapath_map(world.d, "tg_ends"), &world.ends[0].key, &end, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(datapath_map(world.d, "tg_xsks"), &first, &fd, BPF_ANY), 0);
	*world.d->settings = world.settings;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet);

		opts.data_size_in = frame_write(packet, &cases[i].f, &(struct payload){ DATA });
		assert_int_equal(bpf_prog_test_run_opts(datapath_program(world.d, true), &opts), 0);
		assert_int_equal(opts.retval, cases[i].action);
	}
	close(fd);
}

static enum tg_verdict verdict_of_data(void)
{
	const struct frame f = { 0 };
	const struct payload p = { DATA };
	u8 packet[FRAME_BYTES];

	return run_program(packet, frame_write(packet, &f, &p), true).verdict;
}

/* The sieve in front of the table counts them together. */
static void indices_of_one_class_come_and_go_by_themselves(void **state)
{
	u32 other = INDEX + 1;

	(void)state;
	while (tg_sieve_class(other) != tg_sieve_class(INDEX))
		other++;
	settle(0);
	assert_int_equal(verdict_of_data(), TG_VERDICT_PASS);
	datapath_put_index(world.d, other, TG_SEEN_NONE, 0);
	datapath_put_index(world.d, other, TG_SEEN_NONE, 1);	/* known already: a change */
	datapath_remove_index(world.d, INDEX);
	assert_int_equal(verdict_of_data(), TG_VERDICT_DROP);
	datapath_put_index(world.d, INDEX, TG_SEEN_NONE, 0);
	datapath_remove_index(world.d, other);
	datapath_remove_index(world.d, other);			/* not there any more */
	assert_int_equal(verdict_of_data(), TG_VERDICT_PASS);
	datapath_remove_index(world.d, INDEX);
	assert_int_equal(verdict_of_data(), TG_VERDICT_DROP);
	assert_int_equal(world.d->sieve->count[tg_sieve_class(INDEX)], 0);
}

static struct outcome send_copy(u32 number)
{
	const struct frame f = { 0 };
	const struct payload p = { COPY, .number = number };
	u8 packet[FRAME_BYTES];
	u32 bytes = frame_write(packet, &f, &p);

	world.settings.heartbeat_ns[0] = clock_now_us() * 1000;
	return run_program(packet, bytes, true);
}

/* A guessed id passes as often as it likes, and the real packet after it as well; only what the daemon marks is dropped. */
static void a_forged_id_does_not_kill_the_real_packet(void **state)
{
	struct tg_skips *skips;
	struct tg_seen *seen;
	u32 slot;

	(void)state;
	settle(0);
	assert_true(datapath_take_seen(world.d, &slot, &seen, &skips));
	world_add_index(INDEX_COPIES, slot, 0);
	for (u32 i = 0; i < 100; i++)
		assert_int_equal(send_copy(1).verdict, TG_VERDICT_PASS);
	assert_int_equal(tg_seen_mark(seen, ID), 1);
	assert_int_equal(send_copy(1).reason, TG_DROP_COPY);
	datapath_give_seen(world.d, slot);
}

/* Sparse copies pass, so that their path keeps being measured; of many the peer gets to know by their numbers. */
static void copies_are_dropped_when_they_are_many_and_their_numbers_noted(void **state)
{
	enum { COPIES = 1900 };
	struct tg_skips *skips;
	struct tg_seen *seen;
	u32 slot, dropped = 0, noted = 0, passes = 0;
	u64 began;

	(void)state;
	settle(0);
	assert_true(datapath_take_seen(world.d, &slot, &seen, &skips));
	datapath_put_index(world.d, INDEX_COPIES, slot, 7);
	tg_seen_mark(seen, ID);
	assert_int_equal(send_copy(1).verdict, TG_VERDICT_PASS);	/* the first for a while */
	began = clock_now_us();
	for (u32 n = 2; n < COPIES; n++) {	/* fewer than TG_SKIP_NUMBERS */
		struct outcome o = send_copy(n);

		dropped += o.verdict == TG_VERDICT_DROP;
		passes += o.verdict == TG_VERDICT_PASS;
		noted += (u32)tg_skip_has(&skips->paths[7], n);
		assert_int_equal(tg_skip_has(&skips->paths[7], n), o.verdict == TG_VERDICT_DROP);
	}
	assert_int_equal(dropped, noted);
	assert_true(passes >= COPIES / (TG_SKIP_PASS_MASK + 1) - 1);
	assert_true(passes <= COPIES / (TG_SKIP_PASS_MASK + 1) + 1 + (clock_now_us() - began) * 1000 / TG_SKIP_PASS_NS);
	datapath_give_seen(world.d, slot);
}

static void counters_add_up(void **state)
{
	u8 packet[FRAME_BYTES];
	struct datapath_counts c;
	u64 sum = 0;

	(void)state;
	settle(ID_MARKED);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		run_program(packet, frame_write(packet, &facts[i].f, &facts[i].p), !facts[i].f.raw);
	world_counts(&c);
	for (u32 i = 0; i < TG_DROP_COUNT; i++)
		sum += c.drops[i];
	assert_int_equal(c.counters.packets, ARRAY_SIZE(facts));
	assert_int_equal(sum, c.counters.dropped);
	assert_int_equal(c.counters.foreign + c.counters.stale + c.counters.passed + c.counters.redirected + sum, c.counters.packets);
}

/* Every run of a repeated one is judged and counted. What one costs is printed, to be read and not to be relied upon. */
static void repeated_runs_are_all_counted(void **state)
{
	static const struct { const char *what; struct payload p; u32 with; enum tg_drop reason; } kinds[] = {
		{ "unknown index", { DATA + UNKNOWN }, 0, TG_DROP_NO_SESSION },
		{ "accepted copy", { COPY }, ID_MARKED, TG_DROP_COPY },
		{ "unknown type", { .type = 7 }, 0, TG_DROP_UNKNOWN_TYPE },
	};
	enum { REPEAT = 20000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = REPEAT);
		struct datapath_counts c;
		u8 packet[FRAME_BYTES];

		settle(kinds[i].with);
		world.settings.heartbeat_ns[0] += 3600ULL * 1000000000;	/* it may take a while */
		*world.d->settings = world.settings;
		opts.data_in = packet;
		opts.data_size_in = frame_write(packet, &(struct frame){ 0 }, &kinds[i].p);
		assert_int_equal(bpf_prog_test_run_opts(datapath_program(world.d, true), &opts), 0);
		world_counts(&c);
		assert_int_equal(c.drops[kinds[i].reason], REPEAT);
		printf("%s: %u ns\n", kinds[i].what, opts.duration);
	}
}

/* The limit of the issue, on the kernel that runs this. */
static void the_verifier_is_done_early(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct bpf_prog_info info = { 0 };
		u32 bytes = sizeof(info);

		assert_int_equal(bpf_obj_get_info_by_fd(datapath_program(world.d, i == 0), &info, &bytes), 0);
		printf("%s: %u instructions verified, %u translated\n", info.name, info.verified_insns, info.xlated_prog_len / 8);
		assert_in_range(info.verified_insns, 1, 49999);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_get_the_verdict_of_the_table),
		cmocka_unit_test(packets_with_wrong_bytes_and_lengths_get_the_same_verdict_from_both),
		cmocka_unit_test(tagged_frames_are_not_redirected),
		cmocka_unit_test(indices_of_one_class_come_and_go_by_themselves),
		cmocka_unit_test(a_forged_id_does_not_kill_the_real_packet),
		cmocka_unit_test(copies_are_dropped_when_they_are_many_and_their_numbers_noted),
		cmocka_unit_test(counters_add_up),
		cmocka_unit_test(repeated_runs_are_all_counted),
		cmocka_unit_test(the_verifier_is_done_early),
	};
	int skip = world_open(&(struct datapath_settings){ .server = true, .workers = 2, .seen_slots = 8 });

	return skip ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
