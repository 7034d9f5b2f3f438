// SPDX-License-Identifier: MIT
/* frames.c - the frames inside a control datagram, written and read */
#include "tunnel/frames.h"

#include <errno.h>

#include "base/bytes.h"

#define FRAME_HEADER 3u
#define ACK_FIXED 40u
#define ACK_RANGE 8u

/* Room for a frame of this type and length; NULL when it does not fit. */
static u8 *begin(struct frames *f, enum tg_frame type, u32 len)
{
	u8 *p = f->bytes + f->len;

	if (f->len + FRAME_HEADER + len > sizeof(f->bytes))
		return NULL;
	p[0] = (u8)type;
	put_be16(p + 1, (u16)len);
	f->len += FRAME_HEADER + len;
	return p + FRAME_HEADER;
}

/* Everything but acks and closes makes the peer ack. */
static u8 *begin_eliciting(struct frames *f, enum tg_frame type, u32 len)
{
	u8 *p = begin(f, type, len);

	if (p)
		f->eliciting = true;
	return p;
}

bool frames_add_ack(struct frames *f, const struct ack *a)
{
	u8 *p = begin(f, TG_FRAME_ACK, ACK_FIXED + a->range_count * ACK_RANGE);
	u64 below = a->largest;

	if (!p)
		return false;
	p[0] = a->path_id;
	p[1] = (u8)a->range_count;
	put_be16(p + 2, a->stamp);
	put_be64(p + 4, a->largest);
	put_be32(p + 12, a->delay_us);
	put_be32(p + 16, a->arrival);
	put_be64(p + 20, a->packets);
	put_be64(p + 28, a->bytes);
	put_be32(p + 36, a->ce);
	p += ACK_FIXED;
	for (u32 i = 0; i < a->range_count; i++, p += ACK_RANGE) {
		const struct ack_range *r = &a->ranges[i];

		put_be32(p, (u32)(below - r->last));
		put_be32(p + 4, (u32)(r->last - r->first));
		below = r->first;
	}
	return true;
}

static bool add_token(struct frames *f, enum tg_frame type, u64 token)
{
	u8 *p = begin_eliciting(f, type, 8);

	if (p)
		put_be64(p, token);
	return p != NULL;
}

bool frames_add_ping(struct frames *f, u64 token)
{
	return add_token(f, TG_FRAME_PING, token);
}

bool frames_add_pong(struct frames *f, u64 token, u32 delay_us)
{
	u8 *p = begin(f, TG_FRAME_PONG, 12);

	if (!p)
		return false;
	put_be64(p, token);
	put_be32(p + 8, delay_us);
	return true;
}

bool frames_add_path(struct frames *f, u8 path_id, enum tg_path_state state, u8 reason)
{
	u8 *p = begin_eliciting(f, TG_FRAME_PATH, 3);

	if (!p)
		return false;
	p[0] = path_id;
	p[1] = (u8)state;
	p[2] = reason;
	return true;
}

bool frames_add_challenge(struct frames *f, u64 token)
{
	return add_token(f, TG_FRAME_CHALLENGE, token);
}

bool frames_add_response(struct frames *f, u64 token)
{
	return add_token(f, TG_FRAME_RESPONSE, token);
}

bool frames_add_skip(struct frames *f, u32 slot, u32 first, u32 count)
{
	u8 *p = begin_eliciting(f, TG_FRAME_SKIP, 10);

	if (!p)
		return false;
	put_be16(p, (u16)slot);
	put_be32(p + 2, first);
	put_be32(p + 6, count);
	return true;
}

bool frames_add_limits(struct frames *f, u64 rate, u64 left)
{
	u8 *p = begin_eliciting(f, TG_FRAME_LIMITS, 16);

	if (!p)
		return false;
	put_be64(p, rate);
	put_be64(p + 8, left);
	return true;
}

bool frames_add_order(struct frames *f, u64 late, u64 given_up)
{
	u8 *p = begin(f, TG_FRAME_ORDER, 16);

	if (!p)
		return false;
	put_be64(p, late);
	put_be64(p + 8, given_up);
	return true;
}

bool frames_add_close(struct frames *f, enum tg_close_code code, const char *text)
{
	u32 len = (u32)strnlen(text, 120);
	u8 *p = begin(f, TG_FRAME_CLOSE, 1 + len);

	if (!p)
		return false;
	p[0] = (u8)code;
	memcpy(p + 1, text, len);
	return true;
}

void frames_put_repair(u8 *out, const struct fec_repair *r)
{
	out[0] = TG_FRAME_REPAIR;
	put_be16(out + 1, (u16)(TG_REPAIR_BYTES + r->len));
	out += FRAME_HEADER;
	out[0] = r->path;
	out[1] = r->row;
	put_be32(out + 2, r->first);
	put_be64(out + 6, r->numbers);
	memcpy(out + TG_REPAIR_BYTES, r->symbol, r->len);
}

/* Ranges go down from the largest without overlapping; anything else is no ack. */
static bool read_ack(const u8 *p, u32 len, struct ack *a)
{
	u64 below;

	if (len < ACK_FIXED)
		return false;
	a->path_id = p[0];
	a->range_count = p[1];
	a->stamp = get_be16(p + 2);
	a->largest = get_be64(p + 4);
	a->delay_us = get_be32(p + 12);
	a->arrival = get_be32(p + 16);
	a->packets = get_be64(p + 20);
	a->bytes = get_be64(p + 28);
	a->ce = get_be32(p + 36);
	if (!a->range_count || a->range_count > ACK_MAX_RANGES || len != ACK_FIXED + a->range_count * ACK_RANGE)
		return false;

	below = a->largest;
	p += ACK_FIXED;
	for (u32 i = 0; i < a->range_count; i++, p += ACK_RANGE) {
		u32 gap = get_be32(p), length = get_be32(p + 4);

		if (gap > below || length > below - gap || (i == 0) != (gap == 0))
			return false;
		a->ranges[i].last = below - gap;
		a->ranges[i].first = below - gap - length;
		below = a->ranges[i].first;
	}
	return true;
}

static bool read_close(const u8 *p, u32 len, struct frame *out)
{
	u32 n = len ? MIN(len - 1, (u32)sizeof(out->close.text) - 1) : 0;

	if (!len)
		return false;
	out->close.code = p[0];
	for (u32 i = 0; i < n; i++)
		out->close.text[i] = p[1 + i] >= 32 && p[1 + i] < 127 ? (char)p[1 + i] : '?';
	out->close.text[n] = '\0';
	return true;
}

static bool read_config(const u8 *p, u32 len, struct frame *out)
{
	if (len != 44)
		return false;
	memcpy(out->config.ip4, p, 4);
	out->config.ip4_len = p[4];
	memcpy(out->config.ip6, p + 5, 16);
	out->config.ip6_len = p[21];
	memcpy(out->config.server_ip4, p + 22, 4);
	memcpy(out->config.server_ip6, p + 26, 16);
	out->config.mtu = get_be16(p + 42);
	return out->config.ip4_len <= 32 && out->config.ip6_len <= 128;
}

/* What the fields may be is the decoder's business (fec_decoder_repair()). */
static bool read_repair(const u8 *p, u32 len, struct fec_repair *r)
{
	if (len <= TG_REPAIR_BYTES)
		return false;
	r->path = p[0];
	r->row = p[1];
	r->first = get_be32(p + 2);
	r->numbers = get_be64(p + 6);
	r->symbol = p + TG_REPAIR_BYTES;
	r->len = (u16)(len - TG_REPAIR_BYTES);
	return true;
}

/* 1: read into out, 0: a type nobody here knows, -EBADMSG. */
static int read_value(u8 type, const u8 *p, u32 len, struct frame *out)
{
	bool ok;

	out->type = type;
	switch (type) {
	case TG_FRAME_ACK:
		ok = read_ack(p, len, &out->ack);
		break;
	case TG_FRAME_PING:
	case TG_FRAME_CHALLENGE:
	case TG_FRAME_RESPONSE:
		ok = len == 8;
		if (ok)
			out->token = get_be64(p);
		break;
	case TG_FRAME_PONG:
		ok = len == 12;
		if (ok)
			out->token = get_be64(p);
		break;
	case TG_FRAME_PATH:
		ok = len == 3;
		if (ok) {
			out->path.path_id = p[0];
			out->path.state = p[1];
			out->path.reason = p[2];
		}
		break;
	case TG_FRAME_SKIP:
		ok = len == 10;
		if (ok) {
			out->skip.slot = get_be16(p);
			out->skip.first = get_be32(p + 2);
			out->skip.count = get_be32(p + 6);
		}
		break;
	case TG_FRAME_CONFIG:
		ok = read_config(p, len, out);
		break;
	case TG_FRAME_LIMITS:
		ok = len == 16;
		if (ok) {
			out->limits.rate = get_be64(p);
			out->limits.left = get_be64(p + 8);
		}
		break;
	case TG_FRAME_ORDER:
		ok = len == 16;
		if (ok) {
			out->order.late = get_be64(p);
			out->order.given_up = get_be64(p + 8);
		}
		break;
	case TG_FRAME_CLOSE:
		ok = read_close(p, len, out);
		break;
	case TG_FRAME_REPAIR:
		ok = read_repair(p, len, &out->repair);
		break;
	default:
		return 0;
	}
	return ok ? 1 : -EBADMSG;
}

int frames_next(const u8 *bytes, u32 len, u32 *pos, struct frame *out)
{
	while (*pos < len) {
		const u8 *p = bytes + *pos;
		u32 value_len;
		int got;

		if (len - *pos < FRAME_HEADER)
			return -EBADMSG;
		value_len = get_be16(p + 1);
		if (value_len > len - *pos - FRAME_HEADER)
			return -EBADMSG;
		*pos += FRAME_HEADER + value_len;
		got = read_value(p[0], p + FRAME_HEADER, value_len, out);
		if (got)
			return got;
	}
	return 0;
}
