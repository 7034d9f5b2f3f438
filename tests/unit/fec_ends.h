// SPDX-License-Identifier: MIT
/* fec_ends.h - an encoder, a decoder, and packets that say of themselves whether they are right
 *
 * The packet of a number is always the same: packet_of() makes it, so whatever a decoder gives out can be checked.
 */
#ifndef TG_TESTS_FEC_ENDS_H
#define TG_TESTS_FEC_ENDS_H

#include <string.h>

#include "base/rand.h"
#include "path/fec.h"

#define KEEP 256u

struct packet {
	u8 flags;
	u32 len;
	u8 plain[FEC_PLAIN_BYTES];
};

struct ends {
	struct fec_encoder *e;
	struct fec_decoder *d;
	struct fec_news news;
	u32 recovered;
	u32 longest;		/* of packet_of() */
};

static inline const struct packet *packet_of(u64 number, u32 longest)
{
	static const u8 flags[] = { 0, TG_FLAG_CSUM, TG_FLAG_FIRST, TG_FLAG_LAST | TG_FLAG_CSUM };
	static struct packet p;
	struct rand_source rand;

	rand_seeded(&rand, number);
	p.flags = flags[number % ARRAY_SIZE(flags)];
	p.len = TG_ORDER_BYTES + 1 + rand_u32(&rand) % (longest - TG_ORDER_BYTES);
	rand_fill(&rand, p.plain, p.len);
	return &p;
}

static inline void ends_init(struct ends *w, u32 kept, u32 longest)
{
	memset(w, 0, sizeof(*w));
	w->e = fec_encoder_new(3);
	w->d = fec_decoder_new(kept);
	w->longest = longest;
	assert_non_null(w->e);
	assert_non_null(w->d);
}

static inline void ends_free(struct ends *w)
{
	fec_encoder_free(w->e);
	fec_decoder_free(w->d);
}

static inline void check_news(struct ends *w)
{
	for (u32 i = 0; i < w->news.count; i++) {
		const struct fec_recovered *r = &w->news.packets[i];
		const struct packet *p = packet_of(r->number, w->longest);

		assert_int_equal(r->flags, p->flags);
		assert_int_equal(r->len, p->len);
		assert_memory_equal(r->plain, p->plain, p->len);
	}
	w->recovered += w->news.count;
}

static inline void add(struct ends *w, u64 number)
{
	const struct packet *p = packet_of(number, w->longest);

	fec_encoder_add(w->e, number, p->flags, p->plain, p->len);
}

static inline bool come(struct ends *w, u64 number)
{
	const struct packet *p = packet_of(number, w->longest);
	bool fresh = fec_decoder_source(w->d, number, p->flags, p->plain, p->len, &w->news);

	check_news(w);
	return fresh;
}

static inline int repair_comes(struct ends *w, const struct fec_repair *r)
{
	int err = fec_decoder_repair(w->d, r, &w->news);

	check_news(w);
	return err;
}

/* A repair that outlives the encoder's next one. */
struct kept_repair {
	struct fec_repair r;
	u8 symbol[FEC_SYMBOL_BYTES];
};

static inline void repair_keep(struct ends *w, struct kept_repair *k)
{
	assert_true(fec_encoder_repair(w->e, FEC_SYMBOL_BYTES, &k->r));
	memcpy(k->symbol, k->r.symbol, k->r.len);
	k->r.symbol = k->symbol;
}

static inline void repair_goes(struct ends *w)
{
	struct kept_repair k;

	repair_keep(w, &k);
	assert_int_equal(repair_comes(w, &k.r), 0);
}

static inline void shuffle(struct rand_source *rand, u32 *list, u32 count)
{
	for (u32 i = count; i > 1; i--) {
		u32 j = rand_u32(rand) % i, keep = list[j];

		list[j] = list[i - 1];
		list[i - 1] = keep;
	}
}

#endif
