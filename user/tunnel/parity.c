// SPDX-License-Identifier: MIT
/* parity.c - forward error correction of a path: when it is worth while, repair symbols out, and what they bring back
 *
 *   out   data of a lossy path -> encoder (a copy) -> repair symbol, over another path if there is one
 *   in    data of the path -> decoder (a copy)     -> what it works out goes the way of what came
 *         REPAIR of the path, by whatever path ----^
 *
 * Worth while: where sending a lost packet again takes too long (round trips above 100 ms), and for little traffic, of which
 * nothing is sent again. An encoder is made when loss shows and goes when it is over; a decoder is made by the first REPAIR that
 * tells of its path. The sender does not know what was worked out: it sends it again as well, and the order tells the copy. And as
 * a repair that takes a faster path can work out what is still under way, the original that comes later is a copy, too.
 */
#include "tunnel/internal.h"

#include <string.h>

#define TUNE_US (100 * MSEC)
#define LOSS_LEAST_PPM 1000u		/* less is left to those who send again */
#define OVER_US (10 * SEC)		/* not wanted for so long: the encoder goes */
#define VOLUME_US SEC
#define LITTLE_BYTES 100000u		/* inner bytes of a session in VOLUME_US: interactive flows and nothing else */
#define KEPT 1024u			/* numbers a decoder remembers, as a repair may run ahead of what waits in a queue: 120 ms at 100 Mbit/s */
#define DECODERS_MOST 64u		/* of an engine: 1.7 MB each */
#define DECODER_IDLE_US (30 * SEC)
#define DECODER_IDLE_PACKETS (4 * KEPT)	/* a sender that wants it repairs one of 170 at least */

/* ---- sender ---- */

/* By what was carried in the last VOLUME_US (after a pause, in all of it), and so far in this one, as a transfer that begins is none. */
static bool is_little(struct path *p)
{
	struct parity *y = &p->parity;
	struct session *s = p->session;
	u64 now = p->tunnel->now_us;

	if (now - y->volume_us >= VOLUME_US) {
		y->little = s->carried_bytes - y->volume_mark < LITTLE_BYTES;
		y->volume_mark = s->carried_bytes;
		y->volume_us = now;
	}
	return y->little && s->carried_bytes - y->volume_mark < LITTLE_BYTES;
}

static bool is_wanted(const struct path *p, bool little)
{
	const struct path *fast = session_best_path(p->session, NULL);

	return p->session->peer_fec && fast && p->sent.loss_ppm >= LOSS_LEAST_PPM &&
	       fec_wanted(fast->rtt.min_us, p->sent.loss_ppm, little);
}

static void end_encoder(struct path *p)
{
	fec_encoder_free(p->parity.encoder);
	p->parity.encoder = NULL;
	p->parity.covers = false;
}

void parity_tune(struct path *p)
{
	struct parity *y = &p->parity;
	u64 now = p->tunnel->now_us;
	bool little;

	if (now - y->tuned_us < TUNE_US)
		return;
	y->tuned_us = now;
	little = is_little(p);
	if (is_wanted(p, little)) {
		y->wanted_us = now;
		if (!y->encoder)
			y->encoder = fec_encoder_new(p->id);	/* without memory there is none */
		y->covers = y->encoder;
		if (y->encoder)
			fec_encoder_tune(y->encoder, fec_rate_ppm(p->sent.loss_ppm, little), FEC_WINDOW);
	} else if (y->encoder && now - y->wanted_us >= OVER_US) {
		end_encoder(p);
	} else if (y->encoder) {
		y->covers = false;
		fec_encoder_tune(y->encoder, 0, FEC_WINDOW);
	}
}

bool parity_due(const struct path *p)
{
	return p->parity.encoder && fec_encoder_due(p->parity.encoder);
}

void parity_send(struct path *p, struct path *over)
{
	u32 capacity = pmtu_current(&over->pmtu) - TG_HEADER_BYTES - TG_TAG_BYTES - FRAMES_REPAIR_BYTES;
	struct fec_repair repair;
	struct aead_job *job;

	if (!fec_encoder_repair(p->parity.encoder, capacity, &repair))
		return;
	if (!out_add(over, &over->where, TG_TYPE_CONTROL, 0, 0, NULL, FRAMES_REPAIR_BYTES + repair.len, true, NULL, &job))
		return;
	frames_put_repair(job->out, &repair);
	p->session->parity_sent++;
	p->session->parity_bytes += repair.len;
}

/* ---- receiver ---- */

/* A decoder that was made a moment ago does not know what came before it. Numbers go on through rekeys: both windows are asked. */
static bool is_new(const struct path *p, u64 number)
{
	return replay_is_fresh(&p->current->window, number) && (!p->previous || replay_is_fresh(&p->previous->window, number));
}

void parity_bring_back(struct path *p, const struct fec_news *news)
{
	for (u32 i = 0; i < news->count; i++) {
		const struct fec_recovered *r = &news->packets[i];

		if (!is_new(p, r->number) || !replay_mark(&p->parity.brought, r->number))
			continue;
		p->session->parity_recovered++;
		receive_recovered(p, r->flags, r->plain, r->len);
	}
}

static void end_decoder(struct path *p)
{
	if (!p->parity.decoder)
		return;
	fec_decoder_free(p->parity.decoder);
	p->parity.decoder = NULL;
	p->parity.brought = (struct replay){ 0 };
	p->tunnel->decoders--;
}

bool parity_source(struct path *p, u64 number, u8 flags, const u8 *plain, u32 len, struct fec_news *news)
{
	if (!replay_is_fresh(&p->parity.brought, number))
		return false;	/* even if the decoder has forgotten that */
	if (++p->parity.unrepaired > DECODER_IDLE_PACKETS) {
		end_decoder(p);		/* the copies it takes are a twentieth of what receiving costs */
		return true;
	}
	return fec_decoder_source(p->parity.decoder, number, flags, plain, len, news);
}

static struct fec_decoder *decoder_of(struct path *p)
{
	struct tunnel *t = p->tunnel;

	if (p->parity.decoder || t->decoders == DECODERS_MOST)
		return p->parity.decoder;
	p->parity.decoder = fec_decoder_new(KEPT);
	if (p->parity.decoder)
		t->decoders++;
	return p->parity.decoder;
}

void parity_receive(struct session *s, const struct fec_repair *r)
{
	struct path *p = r->path < TG_MAX_PATHS ? s->paths[r->path] : NULL;
	struct fec_decoder *d = p ? decoder_of(p) : NULL;
	struct fec_news news;

	if (!d)
		return;		/* the path went meanwhile, or there are too many: what it tells is sent again anyway */
	p->parity.repair_us = s->tunnel->now_us;
	p->parity.unrepaired = 0;
	if (fec_decoder_repair(d, r, &news))
		drop(s->tunnel, TG_DROP_BAD_FRAME);
	else
		parity_bring_back(p, &news);
}

/* ---- ends ---- */

u64 parity_end_us(const struct path *p)
{
	return p->parity.decoder ? p->parity.repair_us + DECODER_IDLE_US : TIME_NEVER;
}

void parity_tick(struct path *p)
{
	if (p->tunnel->now_us >= parity_end_us(p))
		end_decoder(p);
}

void parity_free(struct path *p)
{
	end_encoder(p);
	end_decoder(p);
}
