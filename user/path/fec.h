// SPDX-License-Identifier: MIT
/* fec.h - packets of one path that got lost are worked out from repair symbols that came by another
 *
 * A sliding-window linear code over GF(2^8). The idea is that of RFC 8680 and RFC 8681: the sender keeps what it sent last and
 * now and then sends a sum of all of it, each packet times a factor. Unlike there the factors are not drawn by lot but are the
 * entries of a Cauchy matrix (as in Bloemer et al., "An XOR-based erasure-resilient coding scheme", 1995), every square part of
 * which can be inverted: any k losses that k repair symbols all cover come back, always, not only nearly always.
 *
 *   numbers of the path   10 11 12 13 14 15 16 17 18     (13: a control datagram, not ours)
 *   window                [x  x  x  .  x  x  x  x]         first 10, bits 1 1 1 0 1 1 1 1
 *   repair symbol          sum of factor(row, n) * symbol(n)
 *
 * A source symbol is flags 1, length 2, and the plaintext of a data datagram (order word and inner packet), padded with zero to
 * the longest of the window. factor(row, n) = 1 / ((64 + row) xor (n modulo 64)).
 *
 * Overhead. A repair symbol is FEC_SYMBOL_HEADER longer than the longest plaintext it covers. Its frame puts FRAMES_REPAIR_BYTES
 * (17) more around it. So a repair datagram is 20 bytes longer than the longest data datagram of the window: with 1480 bytes (an
 * inner packet of 1420 over IPv4 and UDP) exactly 1500; over IPv6 inner packets up to 1400 can be covered on a link of 1500.
 * Symbols that would be too long are left out of the window (`capacity` below).
 *
 * One encoder per path that sends, one decoder per path that receives. All memory is taken when one is made.
 */
#ifndef TG_PATH_FEC_H
#define TG_PATH_FEC_H

#include <triglav/wire.h>

#include "path/gf256.h"

#define FEC_WINDOW TG_REPAIR_SPAN	/* most symbols in a window: one repair in 50 packets (2 %) must reach the one before */
#define FEC_SYMBOL_HEADER 3u		/* flags 1, length 2 */
#define FEC_SYMBOL_BYTES 1536u
#define FEC_PLAIN_BYTES (FEC_SYMBOL_BYTES - FEC_SYMBOL_HEADER)
#define FEC_ROWS 32u			/* repair symbols that wait at the decoder: most losses mended together */
#define FEC_KEEP_LEAST TG_REPAIR_SPAN
#define FEC_KEEP_MOST 1024u
#define FEC_FLAGS (TG_FLAG_CSUM | TG_FLAG_FIRST | TG_FLAG_LAST)	/* flags of the header that are restored */

/* The content of a REPAIR frame. */
struct fec_repair {
	u8 path;		/* whose packets */
	u8 row;			/* of the factors, below TG_REPAIR_ROWS */
	u16 len;		/* of the symbol */
	u32 first;		/* low 32 bits of the first number of the window */
	u64 numbers;		/* bit i: number first + i is in the window; bit 0 is set */
	const u8 *symbol;
};

/* ---- how much ---- */

/* Is it worth while? There must be loss; and either resending takes too long (least round trip of all paths above 100 ms), or
 * the flow is interactive. */
bool fec_wanted(u32 fast_rtt_us, u32 loss_ppm, bool interactive);

/* Repair bytes per million source bytes for this measured loss: six times the loss, at most 6 %, for bulk. With twice the loss
 * four losses in ten share their repair with another one and still wait to be sent again, so that most of the delay stays (at 1 %
 * loss and 150 ms; docs/multipath.md has the figures). For a sparse, interactive flow 20 times the loss, between 5 and 20 % of its own rate: a repair that waits for 50 of its packets comes too late. 0
 * without loss. */
u32 fec_rate_ppm(u32 loss_ppm, bool interactive);

/* ---- sender ---- */

struct fec_encoder;

/* Encoder for packets of path id `path` (100 kB), with rate 0 and the largest window. NULL: no memory. */
struct fec_encoder *fec_encoder_new(u8 path);
void fec_encoder_free(struct fec_encoder *e);		/* NULL is fine */

/* The path begins anew: forgets the window and the credit. */
void fec_encoder_reset(struct fec_encoder *e);

/* Rate as of fec_rate_ppm(), and how many of the last symbols a repair covers (packets of one fast round trip are sensible),
 * clamped to 1..FEC_WINDOW. */
void fec_encoder_tune(struct fec_encoder *e, u32 rate_ppm, u32 window);

/* The data datagram `number` of the path was sent with these header flags and this plaintext, which is copied. Numbers grow; one
 * that does not means that the path began anew. Left out: longer ones than FEC_PLAIN_BYTES, and those with TG_FLAG_COPY, as they
 * travel twice anyway. A window spans TG_REPAIR_SPAN numbers of the path, so it should be told of most that the path carries: of
 * a sparse flow among many other packets only the last one or two fit. */
void fec_encoder_add(struct fec_encoder *e, u64 number, u8 flags, const u8 *plain, u32 len);

/* Has enough been sent since the last repair to pay for one? */
bool fec_encoder_due(const struct fec_encoder *e);

/* Makes a repair symbol over the window, due or not, of at most `capacity` bytes; symbols that are longer are left out. out->symbol
 * belongs to the encoder and stays valid until the next repair. False: nothing to cover. */
bool fec_encoder_repair(struct fec_encoder *e, u32 capacity, struct fec_repair *out);

/* ---- receiver ---- */

struct fec_decoder;

struct fec_recovered {
	u64 number;
	u8 flags;		/* of the data header, a subset of FEC_FLAGS */
	u16 len;
	const u8 *plain;	/* order word and inner packet */
};

struct fec_news {
	u32 count;
	struct fec_recovered packets[FEC_ROWS];
};

struct fec_counters {
	u64 repairs;		/* that came */
	u64 recovered;		/* packets worked out */
	u64 useless;		/* repairs that covered nothing missing */
	u64 stale;		/* repairs given up: too old, or too many waited */
	u64 bad;		/* repairs that contradict what came, or made no packet */
};

/* Decoder for one path that keeps what came under the last `kept` numbers, a power of two from FEC_KEEP_LEAST to FEC_KEEP_MOST
 * (60 kB and 1.6 kB per number). It bounds how far a repair may lag behind. NULL: no memory, or no such size. */
struct fec_decoder *fec_decoder_new(u32 kept);
void fec_decoder_free(struct fec_decoder *d);		/* NULL is fine */

/* The path begins anew: forgets everything but the counters. */
void fec_decoder_reset(struct fec_decoder *d);

/* A data datagram came (authentic, once per number). False: it had been worked out already, this is a copy. What it lets us work
 * out goes to `news`, and is valid until the next call; it may make earlier repairs useful. */
bool fec_decoder_source(struct fec_decoder *d, u64 number, u8 flags, const u8 *plain, u32 len, struct fec_news *news);

/* A repair symbol came. 0 and what it lets us work out in `news`, as above; -EBADMSG for what no encoder makes. Whatever the peer
 * sends, one call costs at most one elimination of FEC_ROWS equations in 64 unknowns (on the factors alone), FEC_WINDOW
 * multiply-adds of a symbol, and 2 * FEC_ROWS more for each packet worked out, which uses a repair up. */
int fec_decoder_repair(struct fec_decoder *d, const struct fec_repair *r, struct fec_news *news);

const struct fec_counters *fec_decoder_counters(const struct fec_decoder *d);

/* ---- shared by both ends ---- */

/* Never 0; distinct numbers of a window and distinct rows make a Cauchy matrix. */
static inline u8 fec_factor(const struct gf256 *g, u8 row, u64 number)
{
	return g->inverse[(TG_REPAIR_SPAN + row) ^ (number % TG_REPAIR_SPAN)];
}

#endif
