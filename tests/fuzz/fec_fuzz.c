// SPDX-License-Identifier: MIT
/* fec_fuzz.c - a decoder between an honest encoder and a peer that says what it likes
 *
 * The input is a list of steps of 4 bytes: send a packet (it arrives or not), let the encoder's repair arrive, or a
 * repair with any header and symbol. Beyond not crashing: what comes out is a packet of sane size, and as long as nobody
 * has lied it is the one that was sent.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "path/fec.h"

#define MUST(x) \
	do { \
		if (!(x)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct fec_encoder *e;
static struct fec_decoder *d;
static u64 next;	/* number */
static bool lied;

static u32 packet_of(u64 number, u8 *flags, u8 plain[FEC_PLAIN_BYTES])
{
	struct rand_source rand;
	u32 len;

	rand_seeded(&rand, number);
	len = TG_ORDER_BYTES + 1 + rand_u32(&rand) % (number % 8 ? 60 : FEC_PLAIN_BYTES - TG_ORDER_BYTES);
	rand_fill(&rand, plain, len);
	*flags = (u8)rand_u32(&rand) & FEC_FLAGS;
	return len;
}

static void check(const struct fec_news *news)
{
	MUST(news->count <= FEC_ROWS);
	for (u32 i = 0; i < news->count; i++) {
		const struct fec_recovered *r = &news->packets[i];
		u8 flags, plain[FEC_PLAIN_BYTES];

		MUST(r->len > TG_ORDER_BYTES && r->len <= FEC_PLAIN_BYTES && !(r->flags & ~FEC_FLAGS));
		if (lied)
			continue;
		MUST(packet_of(r->number, &flags, plain) == r->len);
		MUST(flags == r->flags && !memcmp(plain, r->plain, r->len));
	}
}

static void send_packet(const u8 *step)
{
	struct fec_news news;
	u8 flags, plain[FEC_PLAIN_BYTES];
	u32 len;

	next += 1 + (step[1] & 3);
	len = packet_of(next, &flags, plain);
	fec_encoder_add(e, next, flags, plain, len);
	if (step[2] & 1)
		return;		/* lost */
	MUST(fec_decoder_source(d, next, flags, plain, len, &news) || lied);
	check(&news);
}

/* One that was lost, or came already, or was worked out. */
static void send_again(const u8 *step)
{
	struct fec_news news;
	u8 flags, plain[FEC_PLAIN_BYTES];
	u64 number = next - MIN(next, (u64)step[1]);
	u32 len = packet_of(number, &flags, plain);

	fec_decoder_source(d, number, flags, plain, len, &news);
	check(&news);
}

static void repair(const u8 *step)
{
	struct fec_repair r;
	struct fec_news news;

	fec_encoder_tune(e, 20000, step[1]);
	if (!fec_encoder_repair(e, step[2] & 1 ? FEC_SYMBOL_BYTES : step[3] * 8u, &r) || step[2] & 2)
		return;
	MUST(!fec_decoder_repair(d, &r, &news));
	check(&news);
}

static void lie(const u8 *step, const u8 *data, size_t size)
{
	u8 symbol[FEC_SYMBOL_BYTES] = { 0 };
	struct fec_repair r = { .row = step[3], .first = (u32)next - step[1], .symbol = symbol };
	struct fec_news news;

	lied = true;
	r.len = step[2] * 8u;
	if (size >= 12) {
		r.numbers = get_be64(data);
		r.first ^= get_be32(data + 8);
		memcpy(symbol, data + 12, MIN(size - 12, sizeof(symbol)));
	}
	if (!fec_decoder_repair(d, &r, &news))
		check(&news);
	MUST(news.count <= FEC_ROWS);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (!d) {
		e = fec_encoder_new(0);
		d = fec_decoder_new(FEC_KEEP_LEAST);
	}
	fec_encoder_reset(e);
	fec_decoder_reset(d);
	next = 0;
	lied = false;
	for (size_t at = 0; at + 4 <= size && at < 4096; at += 4) {
		const u8 *step = data + at;

		switch (step[0] % 8) {
		case 0:
			lie(step, step + 4, size - at - 4);
			break;
		case 1:
		case 2:
			repair(step);
			break;
		case 3:
			send_again(step);
			break;
		default:
			send_packet(step);
		}
	}
	return 0;
}
