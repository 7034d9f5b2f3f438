// SPDX-License-Identifier: MIT
/* fec_decode.c - the receiver's half of forward error correction: what came, what is missing, working it out
 *
 *   ring   what came or was worked out, by number: the last `kept` numbers up to `newest`
 *   rows   repairs that still have unknowns; what is known has been taken out of their symbols already
 *
 * A number of a row that is not in the ring is an unknown. A row lives as long as all its unknowns could be kept in the ring,
 * so whatever is worked out has its place there. The path's other numbers (control datagrams) are never asked for.
 */
#include <errno.h>
#include <stdlib.h>

#include "path/fec_solve.h"
#include "path/fec_symbol.h"

struct fec_row {
	u64 first, missing;	/* unknowns: numbers first + i for its bits i; 0: the place is free */
	u64 came;		/* count of repairs when it came: its age */
	u16 len;
	u8 row;
	bool lies;		/* cannot be what an encoder made */
	bool changed;		/* since we last tried to solve */
	u8 bytes[FEC_SYMBOL_BYTES] __attribute__((aligned(32)));
};

struct fec_decoder {
	struct gf256 field;
	struct fec_counters counters;
	u32 kept;
	bool any;		/* something came: newest is valid */
	u64 newest;		/* largest number that came or that a repair told of */
	struct fec_row rows[FEC_ROWS];
	struct fec_symbol ring[];
};

struct fec_decoder *fec_decoder_new(u32 kept)
{
	struct fec_decoder *d;
	size_t bytes = sizeof(*d) + kept * sizeof(d->ring[0]);

	if (kept < FEC_KEEP_LEAST || kept > FEC_KEEP_MOST || kept & (kept - 1))
		return NULL;
	d = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	if (!d)
		return NULL;
	memset(d, 0, bytes);
	gf256_init(&d->field, gf256_best());
	d->kept = kept;
	return d;
}

void fec_decoder_free(struct fec_decoder *d)
{
	free(d);
}

void fec_decoder_reset(struct fec_decoder *d)
{
	d->any = false;
	for (u32 i = 0; i < FEC_ROWS; i++)
		d->rows[i].missing = 0;
	for (u32 i = 0; i < d->kept; i++)
		d->ring[i].len = 0;
}

const struct fec_counters *fec_decoder_counters(const struct fec_decoder *d)
{
	return &d->counters;
}

/* ---- the ring ---- */

static struct fec_symbol *place_of(struct fec_decoder *d, u64 number)
{
	return &d->ring[number & (d->kept - 1)];
}

/* The symbol of a number, NULL when it is missing. */
static const struct fec_symbol *find(struct fec_decoder *d, u64 number)
{
	const struct fec_symbol *s = place_of(d, number);

	return s->len && s->number == number ? s : NULL;
}

static bool is_too_old(const struct fec_decoder *d, u64 number)
{
	return number < d->newest && d->newest - number >= d->kept;
}

static u64 oldest_missing(const struct fec_row *r)
{
	return r->first + (u32)__builtin_ctzll(r->missing);
}

static void advance(struct fec_decoder *d, u64 number)
{
	if (d->any && number <= d->newest)
		return;
	d->any = true;
	d->newest = number;
	for (u32 i = 0; i < FEC_ROWS; i++) {
		struct fec_row *r = &d->rows[i];

		if (r->missing && is_too_old(d, oldest_missing(r))) {
			r->missing = 0;
			d->counters.stale++;
		}
	}
}

/* ---- taking out what is known ---- */

/* A row is as long as the longest symbol it covers. */
static void take_out(struct fec_decoder *d, struct fec_row *r, const struct fec_symbol *s)
{
	if (s->len > r->len)
		r->lies = true;
	else
		gf256_muladd(&d->field, r->bytes, s->bytes, fec_factor(&d->field, r->row, s->number), s->len);
	r->missing &= ~(1ULL << (s->number - r->first));
	r->changed = true;
}

static bool wants(const struct fec_row *r, u64 number)
{
	return number - r->first < TG_REPAIR_SPAN && r->missing >> (number - r->first) & 1;
}

static void drop_liars(struct fec_decoder *d)
{
	for (u32 i = 0; i < FEC_ROWS; i++) {
		struct fec_row *r = &d->rows[i];

		if (!r->lies)
			continue;
		r->lies = false;
		r->missing = 0;
		d->counters.bad++;
	}
}

/* True when a row waited for this symbol. */
static bool take_out_everywhere(struct fec_decoder *d, const struct fec_symbol *s)
{
	bool wanted = false;

	for (u32 i = 0; i < FEC_ROWS; i++) {
		if (!wants(&d->rows[i], s->number))
			continue;
		take_out(d, &d->rows[i], s);
		wanted = true;
	}
	return wanted;
}

/* ---- working out ---- */

/* Do the rows have an unknown in common? */
static bool overlap(const struct fec_row *a, const struct fec_row *b)
{
	if (a->first > b->first)
		return overlap(b, a);
	return b->first - a->first < TG_REPAIR_SPAN && a->missing >> (b->first - a->first) & b->missing;
}

/* The rows that changed, and all that hang together with them through unknowns: only for those something is new. */
static u32 connected(struct fec_decoder *d, struct fec_row *rows[FEC_ROWS])
{
	bool in[FEC_ROWS] = { false };
	u32 count = 0;

	for (u32 i = 0; i < FEC_ROWS; i++) {
		if (d->rows[i].changed && d->rows[i].missing) {
			rows[count++] = &d->rows[i];
			in[i] = true;
		}
		d->rows[i].changed = false;
	}
	for (u32 n = 0; n < count; n++)
		for (u32 i = 0; i < FEC_ROWS; i++) {
			if (in[i] || !d->rows[i].missing || !overlap(rows[n], &d->rows[i]))
				continue;
			rows[count++] = &d->rows[i];
			in[i] = true;
		}
	return count;
}

/* The equations that may help. One with more unknowns than there are equations never does: by itself they are too many, and a set
 * that determines them would have to be larger. */
static void collect(struct fec_decoder *d, struct fec_system *s, struct fec_row *used[FEC_ROWS])
{
	struct fec_row *rows[FEC_ROWS];
	u32 count = connected(d, rows);

	fec_system_init(s);
	for (u32 i = 0; i < count; i++) {
		if ((u32)__builtin_popcountll(rows[i]->missing) > count)
			continue;
		used[s->rows] = rows[i];
		fec_system_add(s, &d->field, rows[i]->row, rows[i]->first, rows[i]->missing);
	}
}

/* Sums up the rows to the symbol of `number`, in its place of the ring. */
static struct fec_symbol *sum_up(struct fec_decoder *d, u64 number, const u8 *factors, struct fec_row *const used[], u32 count)
{
	struct fec_symbol *s = place_of(d, number);

	memset(s, 0, sizeof(*s));
	s->number = number;
	s->recovered = true;
	for (u32 i = 0; i < count; i++) {
		if (!factors[i])
			continue;
		gf256_muladd(&d->field, s->bytes, used[i]->bytes, factors[i], used[i]->len);
		s->len = MAX(s->len, used[i]->len);
	}
	return s;
}

/* A packet of sane flags and length, with nothing but zero behind it. Trims the symbol to it. */
static bool is_sane(struct fec_symbol *s)
{
	u32 len = get_be16(s->bytes + 1), end = FEC_SYMBOL_HEADER + len;

	if (s->bytes[0] & ~FEC_FLAGS || !fec_symbol_fits(s->bytes[0], len) || end > s->len)
		return false;
	if (has_bytes(s->bytes + end, s->len - end))
		return false;
	s->len = (u16)end;
	return true;
}

static void accuse(const u8 *factors, struct fec_row *const used[], u32 count)
{
	for (u32 i = 0; i < count; i++)
		if (factors[i])
			used[i]->lies = true;
}

static void report(struct fec_decoder *d, const struct fec_symbol *s, struct fec_news *news)
{
	d->counters.recovered++;
	news->packets[news->count++] = (struct fec_recovered){
		.number = s->number,
		.flags = s->bytes[0],
		.len = (u16)(s->len - FEC_SYMBOL_HEADER),
		.plain = s->bytes + FEC_SYMBOL_HEADER,
	};
}

/* All sums are made before any row changes; then what they gave is taken out of the rows. */
static void solve(struct fec_decoder *d, struct fec_news *news)
{
	struct fec_system s;
	struct fec_row *used[FEC_ROWS];
	u32 lines;

	collect(d, &s, used);
	lines = fec_system_solve(&s, &d->field);
	for (u32 i = 0; i < lines; i++) {
		u64 number;
		const u8 *factors = fec_system_solved(&s, i, &number);
		struct fec_symbol *symbol;

		if (!factors)
			continue;
		symbol = sum_up(d, number, factors, used, s.rows);
		if (is_sane(symbol)) {
			report(d, symbol, news);
			continue;
		}
		symbol->len = 0;
		accuse(factors, used, s.rows);
	}
	for (u32 i = 0; i < news->count; i++)
		take_out_everywhere(d, place_of(d, news->packets[i].number));
	drop_liars(d);
}

bool fec_decoder_source(struct fec_decoder *d, u64 number, u8 flags, const u8 *plain, u32 len, struct fec_news *news)
{
	struct fec_symbol *s;

	news->count = 0;
	if (find(d, number))
		return false;
	advance(d, number);
	if (is_too_old(d, number) || !fec_symbol_fits(flags, len))
		return true;
	s = place_of(d, number);
	fec_symbol_fill(s, number, flags, plain, len);
	if (take_out_everywhere(d, s)) {
		drop_liars(d);
		solve(d, news);
	}
	return true;
}

/* ---- repairs coming in ---- */

/* The 64-bit number with these low bits that is nearest to the newest. False: it would lie before 0. */
static bool whole_number(const struct fec_decoder *d, u32 low, u64 *number)
{
	s32 ahead = (s32)(low - (u32)d->newest);

	if (ahead < 0 && (u64) - (s64)ahead > d->newest)
		return false;
	*number = d->newest + (u64)(s64)ahead;
	return true;
}

/* A free place, else that of the one that came first. */
static struct fec_row *row_place(struct fec_decoder *d)
{
	struct fec_row *oldest = &d->rows[0];

	for (u32 i = 0; i < FEC_ROWS; i++) {
		if (!d->rows[i].missing)
			return &d->rows[i];
		if (d->rows[i].came < oldest->came)
			oldest = &d->rows[i];
	}
	d->counters.stale++;
	return oldest;
}

static u64 missing_of(struct fec_decoder *d, u64 first, u64 numbers)
{
	u64 missing = 0;

	for (u64 left = numbers; left; left &= left - 1) {
		u32 i = (u32)__builtin_ctzll(left);

		if (!find(d, first + i))
			missing |= 1ULL << i;
	}
	return missing;
}

/* Takes the repair in as a row, without what is known of it. */
static void row_fill(struct fec_decoder *d, struct fec_row *row, const struct fec_repair *r, u64 first, u64 missing)
{
	row->first = first;
	row->missing = r->numbers;
	row->came = d->counters.repairs;
	row->len = r->len;
	row->row = r->row;
	row->changed = true;
	memcpy(row->bytes, r->symbol, r->len);
	for (u64 left = r->numbers & ~missing; left; left &= left - 1)
		take_out(d, row, place_of(d, first + (u32)__builtin_ctzll(left)));
}

static bool repair_is_valid(const struct fec_repair *r)
{
	return r->row < TG_REPAIR_ROWS && r->numbers & 1 && r->len > FEC_SYMBOL_HEADER && r->len <= FEC_SYMBOL_BYTES;
}

int fec_decoder_repair(struct fec_decoder *d, const struct fec_repair *r, struct fec_news *news)
{
	u64 first, last, missing;

	news->count = 0;
	d->counters.repairs++;
	if (!repair_is_valid(r) || !whole_number(d, r->first, &first))
		return -EBADMSG;
	last = first + 63 - (u32)__builtin_clzll(r->numbers);
	if (last < first)
		return -EBADMSG;

	/* Before anything came, or when the path is far ahead of what came, there is nothing to work with. */
	if (!d->any || (last > d->newest && last - d->newest >= d->kept)) {
		d->counters.stale++;
		return 0;
	}
	missing = missing_of(d, first, r->numbers);
	if (!missing) {
		d->counters.useless++;
		return 0;
	}
	advance(d, last);
	if (is_too_old(d, first + (u32)__builtin_ctzll(missing))) {
		d->counters.stale++;
		return 0;
	}
	row_fill(d, row_place(d), r, first, missing);
	drop_liars(d);
	solve(d, news);
	return 0;
}
