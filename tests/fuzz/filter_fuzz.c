// SPDX-License-Identifier: MIT
/* filter_fuzz.c - anything that can arrive at an uplink, through the parser and the filter of the XDP program
 *
 * The first byte chooses the framing and what the tables say; the rest is the packet. Where the filter says "pass" or "drop" the payload lies
 * within the packet.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <triglav/maps.h>
#include <triglav/outer.h>

#include "base/types.h"

static struct {
	struct tg_settings settings;
	struct tg_end end;
	struct tg_index entry;
	struct tg_seen seen;
	struct tg_skips skips;
	struct tg_rate rate;
} table;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tg_settings *tg_find_settings(void)
{
	return &table.settings;
}

static const struct tg_end *tg_find_end(const struct tg_end_key *key)
{
	return key->port ? &table.end : NULL;
}

static struct tg_index *tg_find_index(__u32 index)
{
	return index & 1 ? &table.entry : NULL;
}

static const struct tg_seen *tg_find_seen(__u32 slot)
{
	return slot ? NULL : &table.seen;
}

static struct tg_skips *tg_find_skips(__u32 slot)
{
	return slot ? NULL : &table.skips;
}

static struct tg_rate *tg_find_rate(void)
{
	return &table.rate;
}

static struct tg_known *tg_find_known(const struct tg_source *source)
{
	(void)source;
	return NULL;
}

static __u64 tg_find_now(void)
{
	return 1000000000ULL * 1000;
}

#include <triglav/filter.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tg_judgement j;
	struct tg_outer o;
	u8 *packet, choice;
	int parsed;

	if (size < 2)
		return 0;
	choice = data[0];
	table.settings = (struct tg_settings){ .workers = 1 + (choice >> 6), .flags = TG_SETTINGS_ANY_ENDS | (choice & 2 ? TG_SETTINGS_EXACT_ENDS : 0),
					 .handshakes_per_cpu = choice & 4 ? 100 : 0, .handshakes_per_source = 20,
					 .heartbeat_ns = { 1000000000ULL * 1000 } };
	table.end.flags = (choice & 8 ? TG_END_SERVER : 0) | (choice & 16 ? TG_END_RUNS : 0);
	table.entry.path = data[1];
	memset(&table.seen, choice & 32 ? 0xff : 0, 64);
	packet = malloc(size - 1);
	memcpy(packet, data + 1, size - 1);
	parsed = choice & 1 ? tg_outer_parse_ip(&o, packet, packet + size - 1) : tg_outer_parse(&o, packet, packet + size - 1);
	if (!parsed) {
		assert(o.payload >= packet && o.payload + o.bytes <= packet + size - 1);
		j = tg_filter_judge(&o, packet + size - 1, 1);
		assert((j.verdict == TG_VERDICT_DROP) == (j.reason != TG_DROP_COUNT));
	}
	free(packet);
	return 0;
}
