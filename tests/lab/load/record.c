// SPDX-License-Identifier: MIT
/* record.c - count bytes over time and remember the longest gaps */
#include "load/record.h"

#include <stdlib.h>

void record_begin(struct record *r, const struct flow *f)
{
	*r = (struct record){ .start_us = f->start_us,
			      .skip_us = f->ask.skip_us,
			      .length_us = f->ask.length_us,
			      .last_us = f->start_us };
	r->bin_count = (u32)(f->ask.length_us / RECORD_BIN_US);
	r->bins = calloc(r->bin_count + 1, sizeof(*r->bins));
	if (!r->bins)
		abort();
}

/* The shortest one remembered makes room. */
static void remember_gap(struct record *r, u64 from, u64 length)
{
	struct record_gap *least = r->gaps;

	for (u32 i = 1; i < RECORD_GAPS; i++)
		if (r->gaps[i].length_us < least->length_us)
			least = &r->gaps[i];
	if (length > least->length_us)
		*least = (struct record_gap){ from, length };
}

void record_bytes(struct record *r, u64 now, u64 bytes)
{
	u64 bin = (now - r->start_us) / RECORD_BIN_US;

	if (bin >= r->bin_count)
		return;
	if (now - r->last_us > MSEC)
		remember_gap(r, r->last_us, now - r->last_us);
	r->bins[bin] += bytes;
	r->last_us = now;
}

void record_end(struct record *r)
{
	u64 end = r->start_us + r->length_us;

	if (end > r->last_us)
		remember_gap(r, r->last_us, end - r->last_us);
}

static double mbit(const struct record *r, u32 from, u32 to)
{
	u64 bytes = 0;

	for (u32 i = from; i < to; i++)
		bytes += r->bins[i];
	return to > from ? (double)bytes * 8 / ((double)(to - from) * RECORD_BIN_US) : 0;
}

static double rise_ms(const struct record *r, double goodput)
{
	for (u32 i = 0; i + 3 <= r->bin_count; i++)
		if (mbit(r, i, i + 3) >= 0.8 * goodput)
			return (double)(i * RECORD_BIN_US) / MSEC;
	return -1;
}

/* A gap counts when it ends behind the skipped part. */
static u64 longest_gap(const struct record *r)
{
	u64 longest = 0;

	for (u32 i = 0; i < RECORD_GAPS; i++)
		if (r->gaps[i].from_us + r->gaps[i].length_us > r->start_us + r->skip_us)
			longest = MAX(longest, r->gaps[i].length_us);
	return longest;
}

static void print_gaps(const struct record *r)
{
	const char *comma = "";

	printf("\"gaps\": [");
	for (u32 i = 0; i < RECORD_GAPS; i++) {
		const struct record_gap *g = &r->gaps[i];

		if (!g->length_us)
			continue;
		printf("%s[%llu, %.1f]", comma, (unsigned long long)g->from_us, (double)g->length_us / MSEC);
		comma = ", ";
	}
	printf("], ");
}

void record_print(const struct record *r)
{
	u32 skip = (u32)(r->skip_us / RECORD_BIN_US), second = SEC / RECORD_BIN_US;
	double goodput = mbit(r, skip, r->bin_count);

	printf("\"start_us\": %llu, \"goodput_mbit\": %.3f, \"first_mbit\": %.3f, \"rise_ms\": %.0f, "
	       "\"longest_gap_ms\": %.1f, ",
	       (unsigned long long)r->start_us, goodput, mbit(r, 0, skip), rise_ms(r, goodput),
	       (double)longest_gap(r) / MSEC);
	print_gaps(r);
	printf("\"seconds\": [");
	for (u32 i = 0; i + second <= r->bin_count; i += second)
		printf("%s%.1f", i ? ", " : "", mbit(r, i, i + second));
	printf("], ");
}
