// SPDX-License-Identifier: MIT
/* pick_test.c - a pinned flow has the same path for the engine and for the programs, whatever the weights */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <triglav/flow.h>
#include <triglav/pick.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "bpf/inside.h"
#include "path/sched.h"

#include "pick.skel.h"

static struct datapath *datapath;
static struct pick_bpf *program;

static int by_program(const u8 *packet, u32 bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = bytes);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(program->progs.tg_pick), &opts), 0);
	return (int)opts.retval;
}

static u32 random_packet(struct rand_source *rand, u8 packet[64])
{
	static const u8 protocols[] = { TG_PROTO_TCP, TG_PROTO_UDP, 1 };
	bool ip6 = rand_u32(rand) & 1;
	u32 header = ip6 ? 40 : 20, bytes = header + 20;
	u8 protocol = protocols[rand_u32(rand) % 3];

	for (u32 i = 0; i < 64; i++)
		packet[i] = (u8)rand_u32(rand);
	packet[0] = ip6 ? 0x60 : 0x45;
	if (ip6) {
		put_be16(packet + 4, (u16)(bytes - 40));
		packet[6] = protocol;
	} else {
		put_be16(packet + 2, (u16)bytes);
		put_be16(packet + 6, 0);
		packet[9] = protocol;
	}
	if (protocol == TG_PROTO_TCP)
		packet[header + 12] = 0x50;
	if (protocol == TG_PROTO_UDP)
		put_be16(packet + header + 4, 20);
	return bytes;
}

static void random_paths(struct rand_source *rand, struct sched_path paths[TG_MAX_PATHS])
{
	memset(paths, 0, TG_MAX_PATHS * sizeof(*paths));
	for (u32 i = 0; i < TG_MAX_PATHS; i++) {
		paths[i].tier = rand_u32(rand) & 1 ? SCHED_TIER_GOOD : SCHED_TIER_OUT;
		paths[i].rate = 1 + rand_u64(rand) % (1ULL << (8 + rand_u32(rand) % 26));
		paths[i].weight = rand_u32(rand) % 100;
		paths[i].srtt_us = 1 + rand_u32(rand) % 300000;
		paths[i].delay_us = paths[i].srtt_us / 2;
		paths[i].loss_ppm = rand_u32(rand) % 100000;
	}
}

/* The engine's own call, and the snapshot it publishes, read by the program. */
static void engine_and_program_choose_the_same_path(void **state)
{
	enum { ROUNDS = 400, PACKETS = 50 };
	static const enum sched_strategy strategies[] = { SCHED_ADAPTIVE, SCHED_WEIGHTED_ROUND_ROBIN, SCHED_ECMP_AWARE,
							  SCHED_PRIMARY_BACKUP, SCHED_LOWEST_LATENCY, SCHED_LOWEST_LOSS };
	struct rand_source rand;
	u32 seen[TG_MAX_PATHS] = { 0 }, none = 0, paths_used = 0;

	(void)state;
	rand_seeded(&rand, 1);
	for (u32 n = 0; n < ROUNDS; n++) {
		struct sched s = { .strategy = strategies[n % ARRAY_SIZE(strategies)], .aggregation = SCHED_NONE };
		struct sched_path paths[TG_MAX_PATHS];
		struct tg_weights weights;

		random_paths(&rand, paths);
		if (n % 100 == 99)
			for (u32 i = 0; i < TG_MAX_PATHS; i++)
				paths[i].tier = SCHED_TIER_OUT;
		datapath->settings->hash_key = rand_u64(&rand);
		sched_weigh(&s, paths, TG_MAX_PATHS, &weights);
		datapath_publish(datapath, &weights);
		for (u32 i = 0; i < PACKETS; i++) {
			u8 packet[64];
			u32 bytes = random_packet(&rand, packet);
			struct tg_flow f;
			int engine;

			assert_int_equal(tg_flow_parse(&f, packet, packet + bytes, bytes), 0);
			engine = sched_pick_pinned(&s, paths, TG_MAX_PATHS, tg_flow_hash(&f, datapath->settings->hash_key));
			assert_int_equal(by_program(packet, bytes), engine);
			if (engine < 0)
				none++;
			else
				seen[engine]++;
		}
	}
	for (u32 i = 0; i < TG_MAX_PATHS; i++)
		paths_used += seen[i] > 0;
	assert_int_equal(paths_used, TG_MAX_PATHS);
	assert_int_equal(none, ROUNDS / 100 * PACKETS);
}

/* Fill the spare, then flip: the entry that counts is never written to, and nothing happens when nothing changes. */
static void weights_change_as_a_whole(void **state)
{
	struct tg_weights a = { .paths = { [2] = { .weight = 7 } } }, before;
	u32 slot, generation;

	(void)state;
	datapath_publish(datapath, &a);
	slot = datapath->settings->paths_slot;
	generation = datapath->paths[slot].generation;
	before = datapath->paths[slot];
	datapath_publish(datapath, &a);
	assert_int_equal(datapath->settings->paths_slot, slot);
	a.paths[3].weight = 9;
	datapath_publish(datapath, &a);
	assert_int_equal(datapath->settings->paths_slot, slot ^ 1);
	assert_int_equal(datapath->paths[slot ^ 1].generation, generation + 1);
	assert_int_equal(datapath->paths[slot ^ 1].paths[3].weight, 9);
	assert_memory_equal(&before, &datapath->paths[slot], sizeof(before));
}

static void the_verifier_is_done_early(void **state)
{
	struct bpf_prog_info info = { 0 };
	u32 bytes = sizeof(info);

	(void)state;
	assert_int_equal(bpf_obj_get_info_by_fd(bpf_program__fd(program->progs.tg_pick), &info, &bytes), 0);
	printf("%s: %u instructions verified, %u translated\n", info.name, info.verified_insns, info.xlated_prog_len / 8);
	assert_in_range(info.verified_insns, 1, 49999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engine_and_program_choose_the_same_path),
		cmocka_unit_test(weights_change_as_a_whole),
		cmocka_unit_test(the_verifier_is_done_early),
	};
	char why[DATAPATH_WHY_BYTES] = "needs root";
	int err = geteuid() ? -EPERM : datapath_load(&datapath, &(struct datapath_settings){ 0 }, why);

	if (err) {
		printf("%s\n", why);
		return err == -EPERM || err == -ENOSYS ? 77 : 1;
	}
	program = pick_bpf__open();
	if (!program || datapath_share_maps(datapath, program->obj) || pick_bpf__load(program)) {
		printf("the program of this test cannot be loaded\n");
		return 1;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	pick_bpf__destroy(program);
	datapath_close(datapath);
	return err;
}
