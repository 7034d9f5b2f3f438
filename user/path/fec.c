// SPDX-License-Identifier: MIT
/* fec.c - the sender's half of forward error correction: when a repair symbol is due, and making it
 *
 * The window is a ring of copies; a repair is summed up when it is asked for. At 2 % that is about one multiply-add per byte
 * sent, at 6 % three, a fraction of what sealing costs. Credit is counted in millionths of a byte, so that small rates lose nothing.
 */
#include "path/fec.h"

#include <stdlib.h>

#include "path/fec_symbol.h"

#define MILLION 1000000
#define LONG_RTT_US (100 * MSEC)
#define BULK_MOST_PPM 60000u
#define SPARSE_LEAST_PPM 50000u
#define SPARSE_MOST_PPM 200000u

struct fec_encoder {
	struct gf256 field;
	u8 path;
	u8 row;			/* of the next repair */
	u32 rate_ppm;
	u32 window;		/* symbols a repair covers */
	u32 count;		/* symbols in the ring */
	u32 next;		/* place of the next one */
	u32 fresh;		/* symbols no repair has covered */
	u32 longest;		/* of them */
	s64 credit;		/* millionths of a byte */
	struct fec_symbol ring[FEC_WINDOW];
	u8 repair[FEC_SYMBOL_BYTES] __attribute__((aligned(32)));
};

bool fec_wanted(u32 fast_rtt_us, u32 loss_ppm, bool interactive)
{
	return loss_ppm && (interactive || fast_rtt_us > LONG_RTT_US);
}

u32 fec_rate_ppm(u32 loss_ppm, bool interactive)
{
	if (!loss_ppm)
		return 0;
	if (!interactive)
		return (u32)MIN(6ULL * loss_ppm, (u64)BULK_MOST_PPM);
	return (u32)MAX(MIN(20ULL * loss_ppm, (u64)SPARSE_MOST_PPM), (u64)SPARSE_LEAST_PPM);
}

struct fec_encoder *fec_encoder_new(u8 path)
{
	struct fec_encoder *e = aligned_alloc(64, (sizeof(*e) + 63) & ~(size_t)63);

	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	gf256_init(&e->field, gf256_best());
	e->path = path;
	e->window = FEC_WINDOW;
	return e;
}

void fec_encoder_free(struct fec_encoder *e)
{
	free(e);
}

void fec_encoder_reset(struct fec_encoder *e)
{
	e->count = e->fresh = e->longest = 0;
	e->credit = 0;
}

void fec_encoder_tune(struct fec_encoder *e, u32 rate_ppm, u32 window)
{
	e->rate_ppm = rate_ppm;
	e->window = MAX(MIN(window, FEC_WINDOW), 1u);
	if (!rate_ppm)
		e->credit = 0;
}

/* The symbol that was added `back` ones before the last. */
static const struct fec_symbol *symbol_at(const struct fec_encoder *e, u32 back)
{
	return &e->ring[(e->next + FEC_WINDOW - 1 - back) % FEC_WINDOW];
}

static s64 price(u32 symbol_bytes)
{
	return (s64)(symbol_bytes + TG_REPAIR_BYTES) * MILLION;
}

void fec_encoder_add(struct fec_encoder *e, u64 number, u8 flags, const u8 *plain, u32 len)
{
	if (!fec_symbol_fits(flags, len))
		return;
	if (e->count && number <= symbol_at(e, 0)->number)
		fec_encoder_reset(e);
	fec_symbol_fill(&e->ring[e->next], number, flags, plain, len);
	e->next = (e->next + 1) % FEC_WINDOW;
	e->count = MIN(e->count + 1, FEC_WINDOW);
	e->fresh++;
	e->longest = MAX(e->longest, FEC_SYMBOL_HEADER + len);

	/* What was saved up for long would leave as a burst. */
	e->credit = MIN(e->credit + (s64)len * e->rate_ppm, 2 * price(e->longest));
}

bool fec_encoder_due(const struct fec_encoder *e)
{
	return e->rate_ppm && e->fresh && e->credit >= price(e->longest);
}

static void add_symbol(struct fec_encoder *e, const struct fec_symbol *s, struct fec_repair *out)
{
	gf256_muladd(&e->field, e->repair, s->bytes, fec_factor(&e->field, out->row, s->number), s->len);
	out->len = MAX(out->len, s->len);
}

bool fec_encoder_repair(struct fec_encoder *e, u32 capacity, struct fec_repair *out)
{
	u32 n = MIN(e->count, e->window);
	u64 newest = e->count ? symbol_at(e, 0)->number : 0, first = 0;

	*out = (struct fec_repair){ .path = e->path, .row = e->row, .symbol = e->repair };
	memset(e->repair, 0, sizeof(e->repair));
	for (u32 back = 0; back < n; back++) {
		const struct fec_symbol *s = symbol_at(e, back);

		if (newest - s->number >= TG_REPAIR_SPAN)
			break;
		if (s->len > capacity)
			continue;
		/* From the newest to the oldest: the map moves up to make place for the one before. */
		out->numbers = (out->numbers ? out->numbers << (first - s->number) : 0) | 1;
		first = s->number;
		add_symbol(e, s, out);
	}
	e->fresh = e->longest = 0;
	if (!out->numbers)
		return false;
	out->first = (u32)first;
	e->row = (u8)((e->row + 1) % TG_REPAIR_ROWS);
	e->credit -= price(out->len);
	return true;
}
