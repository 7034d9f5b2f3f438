// SPDX-License-Identifier: MIT
/* world.h - the filter's tables twice: as maps, and as arrays for the inline functions
 *
 * A test says what is in the world and gives it a packet; it goes through BPF_PROG_RUN and through tg_filter_judge(), and both
 * must say the same. Needs root for BPF and a network namespace of its own; 77 (skip) without.
 */
#ifndef TG_TESTS_BPF_WORLD_H
#define TG_TESTS_BPF_WORLD_H

#include "unit/unit.h"

#include <endian.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/clock.h"
#include "bpf/inside.h"

#define WORLD_IFINDEX 1u	/* BPF_PROG_RUN says that packets come from the loopback device */
#define WORLD_ENDS 4u
#define WORLD_INDICES 4u
#define WORLD_SEEN 2u
#define WORLD_KNOWN 2u

struct world {
	struct datapath *d;
	struct tg_settings settings;
	struct { struct tg_end_key key; struct tg_end end; } ends[WORLD_ENDS];
	u32 end_count;
	struct { u32 index; struct tg_index entry; } indices[WORLD_INDICES];
	u32 index_count;
	struct tg_seen seen[WORLD_SEEN];
	struct tg_skips skips[WORLD_SEEN];
	struct tg_rate rate;
	struct { struct tg_source source; struct tg_known known; } known[WORLD_KNOWN];
	u32 known_count;
	u64 now_ns;		/* of the inline functions */
};

static struct world world;

/* ---- the tables as arrays ---- */

static inline const struct tg_settings *tg_find_settings(void)
{
	return &world.settings;
}

static inline const struct tg_end *tg_find_end(const struct tg_end_key *key)
{
	for (u32 i = 0; i < world.end_count; i++)
		if (!memcmp(&world.ends[i].key, key, sizeof(*key)))
			return &world.ends[i].end;
	return NULL;
}

static inline struct tg_index *tg_find_index(__u32 index)
{
	for (u32 i = 0; i < world.index_count; i++)
		if (world.indices[i].index == index)
			return &world.indices[i].entry;
	return NULL;
}

static inline const struct tg_seen *tg_find_seen(__u32 slot)
{
	return slot < WORLD_SEEN ? &world.seen[slot] : NULL;
}

static inline struct tg_skips *tg_find_skips(__u32 slot)
{
	return slot < WORLD_SEEN ? &world.skips[slot] : NULL;
}

static inline struct tg_rate *tg_find_rate(void)
{
	return &world.rate;
}

static inline struct tg_known *tg_find_known(const struct tg_source *source)
{
	for (u32 i = 0; i < world.known_count; i++)
		if (!memcmp(&world.known[i].source, source, sizeof(*source)))
			return &world.known[i].known;
	return NULL;
}

static inline __u64 tg_find_now(void)
{
	return world.now_ns;
}

#include <triglav/filter.h>

/* ---- the same in maps ---- */

/* 0, or what main() is to return: 77 with a reason. */
static inline int world_open(const struct datapath_settings *set)
{
	char why[DATAPATH_WHY_BYTES];
	int err;

	if (geteuid() || unshare(CLONE_NEWNET)) {
		printf("needs root\n");
		return 77;
	}
	err = datapath_load(&world.d, set, why);
	if (!err)
		return 0;
	printf("%s\n", why);
	return err == -EPERM || err == -ENOSYS ? 77 : 1;	/* -EACCES is the verifier's */
}

static inline void world_clear_map(const char *name, size_t key_bytes)
{
	int map = datapath_map(world.d, name);
	u8 key[64];

	assert_true(key_bytes <= sizeof(key));
	while (!bpf_map_get_next_key(map, NULL, key))
		assert_int_equal(bpf_map_delete_elem(map, key), 0);
}

static inline void world_clear_percpu(const char *name, size_t bytes)
{
	u32 first = 0;
	void *zero = calloc((size_t)libbpf_num_possible_cpus(), bytes);

	assert_non_null(zero);
	assert_int_equal(bpf_map_update_elem(datapath_map(world.d, name), &first, zero, BPF_ANY), 0);
	free(zero);
}

/* An empty world with one living worker. */
static inline void world_reset(void)
{
	struct datapath *d = world.d;

	memset(&world, 0, sizeof(world));
	world.d = d;
	world_clear_map("tg_ends", sizeof(struct tg_end_key));
	world_clear_map("tg_index", sizeof(u32));
	world_clear_map("tg_known", sizeof(struct tg_source));
	world_clear_percpu("tg_rate", sizeof(struct tg_rate));
	world_clear_percpu("tg_drops", sizeof(struct tg_drops));
	world_clear_percpu("tg_counters", sizeof(struct tg_counters));
	memset(d->sieve, 0, sizeof(*d->sieve));
	memset(d->seen, 0, WORLD_SEEN * sizeof(*d->seen));
	memset(d->skips, 0, WORLD_SEEN * sizeof(*d->skips));
	world.now_ns = clock_now_us() * 1000;
	world.settings.workers = 1;
	world.settings.suspended_ns = clock_suspended_ns();
	world.settings.hash_key = 0x1234567;
	world.settings.heartbeat_ns[0] = world.now_ns;
}

static inline void world_add_end(u32 ifindex, u8 family, const u8 *ip, u16 port, u32 flags)
{
	struct tg_end_key key = { .ifindex = ifindex, .port = htobe16(port), .family = family };
	struct tg_end end = { .flags = flags };

	if (ip)
		memcpy(key.ip, ip, family == 4 ? 4 : 16);
	world.settings.flags |= ip ? TG_SETTINGS_EXACT_ENDS : TG_SETTINGS_ANY_ENDS;
	world.ends[world.end_count].key = key;
	world.ends[world.end_count++].end = end;
	assert_int_equal(bpf_map_update_elem(datapath_map(world.d, "tg_ends"), &key, &end, BPF_ANY), 0);
}

/* As if a copy had just passed: then the next ones are dropped. */
static inline void world_add_index(u32 index, u32 seen, u32 path)
{
	struct tg_index entry = { .seen = seen, .path = path, .passed_ns = world.now_ns + 3600 * 1000000000ULL };

	world.indices[world.index_count].index = index;
	world.indices[world.index_count++].entry = entry;
	datapath_put_index(world.d, index, seen, path);
	assert_int_equal(bpf_map_update_elem(datapath_map(world.d, "tg_index"), &index, &entry, BPF_EXIST), 0);
}

static inline void world_mark(u32 slot, u32 id)
{
	tg_seen_mark(&world.seen[slot], id);
	tg_seen_mark(&world.d->seen[slot], id);
}

static inline void world_know(const struct addr *from, u64 until_us)
{
	tg_flood_source(&world.known[world.known_count].source, from->family, from->ip);
	world.known[world.known_count++].known.until_ns = until_us * 1000;
	datapath_know_source(world.d, from, until_us);
}

/* ---- a packet through both ---- */

struct outcome {
	enum tg_verdict verdict;
	enum tg_drop reason;
};

static inline struct outcome run_inline(const u8 *data, u32 bytes, bool ethernet)
{
	u8 *exact = malloc(bytes);	/* so that a sanitizer sees reads beyond the end */
	struct tg_judgement j = { .verdict = TG_VERDICT_FOREIGN };
	struct tg_outer o;

	memcpy(exact, data, bytes);
	if (!(ethernet ? tg_outer_parse(&o, exact, exact + bytes) : tg_outer_parse_ip(&o, exact, exact + bytes)))
		j = tg_filter_judge(&o, exact + bytes, WORLD_IFINDEX);
	free(exact);
	return (struct outcome){ j.verdict, j.verdict == TG_VERDICT_DROP ? j.reason : TG_DROP_COUNT };
}

static inline void world_counts(struct datapath_counts *out)
{
	assert_int_equal(datapath_read(world.d, out), 0);
}

/* What the counters say that the program did with one packet. */
static inline struct outcome outcome_of(const struct datapath_counts *before, const struct datapath_counts *after)
{
	struct outcome o = { TG_VERDICT_FOREIGN, TG_DROP_COUNT };

	assert_int_equal(after->counters.packets - before->counters.packets, 1);
	if (after->counters.stale != before->counters.stale)
		o.verdict = TG_VERDICT_STALE;
	if (after->counters.passed != before->counters.passed || after->counters.redirected != before->counters.redirected)
		o.verdict = TG_VERDICT_PASS;
	for (u32 i = 0; i < TG_DROP_COUNT; i++) {
		if (after->drops[i] == before->drops[i])
			continue;
		assert_int_equal(o.reason, TG_DROP_COUNT);
		assert_int_equal(after->drops[i] - before->drops[i], 1);
		o.reason = (enum tg_drop)i;
		o.verdict = TG_VERDICT_DROP;
	}
	return o;
}

/* Only what is passed on comes back. */
static inline struct outcome run_program(const u8 *data, u32 bytes, bool ethernet)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = bytes);
	struct datapath_counts before, after;
	struct outcome o;

	*world.d->settings = world.settings;
	world_counts(&before);
	if (bpf_prog_test_run_opts(datapath_program(world.d, ethernet), &opts))
		fail_msg("BPF_PROG_RUN of %u bytes: %s", bytes, strerror(errno));
	world_counts(&after);
	o = outcome_of(&before, &after);
	assert_int_equal(opts.retval, o.verdict == TG_VERDICT_DROP ? XDP_DROP : XDP_PASS);
	return o;
}

static inline const char *outcome_text(const struct outcome *o)
{
	static const char *const verdicts[] = { "foreign", "stale", "drop", "pass" };
	static const char *const reasons[] = {
#define REASON_TEXT(name, text, help) text,
		TG_DROPS(REASON_TEXT)
#undef REASON_TEXT
	};

	return o->verdict == TG_VERDICT_DROP ? reasons[o->reason] : verdicts[o->verdict];
}

#endif
