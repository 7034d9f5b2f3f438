/* SPDX-License-Identifier: MIT */
/* flood.h - how many first messages get through: a token bucket and a count-min sketch of their sources
 *
 * First messages cost the daemon a MAC each, and everybody may send them. Per CPU so many a second pass; of one source prefix (IPv4 /24,
 * IPv6 /48) fewer, counted in a sketch (Cormode, Muthukrishnan, 2005), which has no entries that an attacker could fill.
 * A share of the bucket is kept for sources that have proved their address: no flood of forged ones takes it from them. Such an address can be
 * forged as well, so each gets a part of that share, and what is above it nothing. They are counted by themselves, where no flood adds to it.
 */
#ifndef TRIGLAV_FLOOD_H
#define TRIGLAV_FLOOD_H

#include <triglav/flow.h>
#include <triglav/maps.h>

#define TG_FLOOD_BURST_NS 500000000ULL		/* what both buckets hold: half a second's worth */
#define TG_FLOOD_RESERVED_SHARE 4		/* known sources have a bucket of their own that fills at 1/4 of the rate */
#define TG_FLOOD_KNOWN_PART 4			/* of which one address gets a quarter */
#define TG_FLOOD_EPOCH_SHIFT 30			/* of nanoseconds: a source is counted anew about every second */
#define TG_FLOOD_COUNT_MASK 0xffffu

/* What tg_known is keyed with. */
static inline void tg_flood_source(struct tg_source *out, __u8 family, const __u8 ip[16])
{
	__builtin_memset(out, 0, sizeof(*out));
	out->family = family;
	if (family == 4)
		__builtin_memcpy(out->ip, ip, 4);
	else
		__builtin_memcpy(out->ip, ip, 8);
}

/* 16 bits for each row of the sketch. */
static inline __u64 tg_flood_hash(__u8 family, const __u8 ip[16], __u64 key)
{
	__u64 v[4] = { key ^ 0x736f6d6570736575ULL, key ^ 0x646f72616e646f6dULL, ~key ^ 0x6c7967656e657261ULL,
		       ~key ^ 0x7465646279746573ULL };
	__u64 prefix = (__u64)ip[0] << 16 | (__u64)ip[1] << 8 | ip[2];

	if (family == 6)
		prefix = prefix << 24 | (__u64)ip[3] << 16 | (__u64)ip[4] << 8 | ip[5];
	tg_flow_sip_word(v, (__u64)family << 56 | prefix);
	v[2] ^= 0xff;
	tg_flow_sip_round(v);
	tg_flow_sip_round(v);
	tg_flow_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline __u32 *tg_flood_cell(struct tg_rate *r, __u32 row, __u64 hash)
{
	return &r->sketch[row][(hash >> row * 16) & (TG_RATE_COLUMNS - 1)];
}

/* Counts one more of this prefix; returns how many there were in this epoch before, at most. Only the least counters grow (conservative update:
 * Estan, Varghese, 2002). */
static inline __u32 tg_flood_count(struct tg_rate *r, __u64 hash, __u64 now_ns)
{
	__u32 epoch = (__u32)(now_ns >> TG_FLOOD_EPOCH_SHIFT) & 0xffff;
	__u32 least = TG_FLOOD_COUNT_MASK;
	__u32 row;

	for (row = 0; row < TG_RATE_ROWS; row++) {
		__u32 cell = *tg_flood_cell(r, row, hash);
		__u32 count = cell >> 16 == epoch ? cell & TG_FLOOD_COUNT_MASK : 0;

		least = count < least ? count : least;
	}
	if (least == TG_FLOOD_COUNT_MASK)
		return least;
	for (row = 0; row < TG_RATE_ROWS; row++) {
		__u32 *cell = tg_flood_cell(r, row, hash);
		__u32 count = *cell >> 16 == epoch ? *cell & TG_FLOOD_COUNT_MASK : 0;

		*cell = epoch << 16 | (count > least ? count : least + 1);
	}
	return least;
}

static inline __u64 tg_flood_fill(__u64 credit_ns, __u64 by_ns)
{
	return credit_ns + by_ns > TG_FLOOD_BURST_NS ? TG_FLOOD_BURST_NS : credit_ns + by_ns;
}

/* Credit is time; a message costs the time in which one is earned. */
static inline int tg_flood_take(__u64 *credit_ns, __u64 cost_ns)
{
	if (*credit_ns < cost_ns)
		return 0;
	*credit_ns -= cost_ns;
	return 1;
}

/* Counts one more of a known address. Several CPUs may, and now and then one is forgotten. */
static inline int tg_flood_exceeds(struct tg_known *known, const struct tg_settings *set, __u64 now_ns)
{
	__u32 limit = set->handshakes_per_cpu / (TG_FLOOD_RESERVED_SHARE * TG_FLOOD_KNOWN_PART);
	__u32 epoch = (__u32)(now_ns >> TG_FLOOD_EPOCH_SHIFT);

	if (known->epoch != epoch)
		known->count = 0;
	known->epoch = epoch;
	if (known->count >= (limit ? limit : 1))
		return 1;
	known->count++;
	return 0;
}

static inline void tg_flood_fill_both(struct tg_rate *r, __u64 now_ns)
{
	__u64 passed_ns = now_ns - r->filled_ns;

	if (passed_ns > TG_FLOOD_BURST_NS * TG_FLOOD_RESERVED_SHARE)
		passed_ns = TG_FLOOD_BURST_NS * TG_FLOOD_RESERVED_SHARE;	/* also the first time, and a clock that went back */
	r->filled_ns = now_ns;
	r->common_ns = tg_flood_fill(r->common_ns, passed_ns);
	r->reserved_ns = tg_flood_fill(r->reserved_ns, passed_ns / TG_FLOOD_RESERVED_SHARE);
}

/* May a first message from there pass? `known`: the source has proved its address lately; NULL: it has not. */
static inline int tg_flood_admit(struct tg_rate *r, const struct tg_settings *set, __u8 family, const __u8 ip[16], struct tg_known *known,
				 __u64 now_ns)
{
	__u64 cost_ns;

	if (!set->handshakes_per_cpu)
		return 1;
	cost_ns = 1000000000ULL / set->handshakes_per_cpu;
	tg_flood_fill_both(r, now_ns);
	if (known && tg_flood_exceeds(known, set, now_ns))
		return 0;
	if (known && tg_flood_take(&r->reserved_ns, cost_ns))
		return 1;
	/* Their share is used up: it goes as if from anybody. */
	if (set->handshakes_per_source &&
	    tg_flood_count(r, tg_flood_hash(family, ip, set->hash_key), now_ns) >= set->handshakes_per_source)
		return 0;
	return tg_flood_take(&r->common_ns, cost_ns);
}

#endif
