// SPDX-License-Identifier: MIT
/* pmtu.c - the largest datagram that a path carries, found by probing (DPLPMTUD, RFC 8899) */
#include "path/pmtu.h"

#include <string.h>

#define LINK_USUAL 1500u
#define PRECISION 8u		/* bytes: nearer than that is not worth probes */
#define RAISE_US (600 * SEC)	/* PMTU_RAISE_TIMER of the RFC */
#define GAP_US (50 * MSEC)	/* after a loss: the next probe shall not meet the same full queue */
#define WAIT_LEAST_US (200 * MSEC)
#define WAIT_MOST_US (1 * SEC)
#define HOLE_DOUBT 2u		/* large packets lost in a row: ask */
#define HOLE_CERTAIN 4u
#define HOLE_WATCH_US (500 * MSEC)	/* small ones get through for so long, and large ones do not */

/* IP packets that links carry: plain PPPoE (1492), IPv6 in IPv4 (1480), GRE (1476), both of PPPoE and IPv6 in IPv4
 * (1472), clouds (1460), Japan's PPPoE (1454), VXLAN (1450), LTE (1440, 1428, 1358), WireGuard (1420, over PPPoE
 * 1412), round numbers of careful people, and the least that IPv6 allows. */
static const u16 usual[] = { 1280, 1358, 1380, 1400, 1412, 1420, 1428, 1440,
			      1450, 1454, 1460, 1472, 1476, 1480, 1492, 1500 };

/* ---- the next size to try ---- */

/* The middle one of the usual sizes between confirmed and refuted. 0: none lies there. */
static u32 next_usual(const struct pmtu *p)
{
	u32 from = 0, to = ARRAY_SIZE(usual);

	while (from < to && usual[from] - p->overhead <= p->current)
		from++;
	while (from < to && usual[to - 1] - p->overhead >= p->too_large)
		to--;
	return from < to ? (u32)(usual[from + (to - from) / 2] - p->overhead) : 0;
}

static bool is_usual(const struct pmtu *p, u32 size)
{
	for (u32 i = 0; i < ARRAY_SIZE(usual); i++)
		if (usual[i] == size + p->overhead)
			return true;
	return false;
}

/* Between two usual sizes. When the lower one is confirmed it most likely is the answer: a little more tells. */
static u32 next_between(const struct pmtu *p)
{
	if (p->too_large <= p->current + PRECISION)
		return 0;
	if (is_usual(p, p->current))
		return p->current + PRECISION;
	return (p->current + p->too_large) / 2;
}

/* 0: found. */
static u32 next_size(const struct pmtu *p)
{
	u32 size;

	if (p->current >= p->max)
		return 0;
	if (p->too_large > p->max)
		return p->max;
	size = next_usual(p);
	return size ? size : next_between(p);
}

/* After each change of what is known. */
static void plan(struct pmtu *p, u64 now_us)
{
	p->tries = 0;
	p->out = false;
	if (next_size(p))
		p->search_us = now_us;
	else
		p->search_us = p->current < p->max ? now_us + RAISE_US : TIME_NEVER;
}

static void search_anew(struct pmtu *p, u64 now_us)
{
	p->too_large = p->max + 1;
	plan(p, now_us);
}

/* ---- holes ---- */

static void row_lost(struct pmtu *p, u32 size)
{
	if (size <= p->base || size > p->current)
		return;
	if (!p->row || size < p->row_size)
		p->row_size = (u16)size;
	if (!p->row)
		p->small_us = 0;
	p->row++;
}

static void row_acked(struct pmtu *p, u32 size, u64 now_us)
{
	p->heard_us = now_us;
	if (!p->row)
		return;
	if (size >= p->row_size)
		p->row = 0;
	else if (!p->small_us)
		p->small_us = now_us;
}

/* Without any ack the path is dead rather than small: a few probes, then none until something gets through. */
static bool is_doubted(const struct pmtu *p)
{
	return p->row >= HOLE_DOUBT && (p->row < HOLE_CERTAIN || p->small_us);
}

static u64 hole_us(const struct pmtu *p)
{
	if (p->row < HOLE_CERTAIN || !p->small_us)
		return TIME_NEVER;
	return p->small_us + MAX(HOLE_WATCH_US, p->wait_us);
}

static void fall_back(struct pmtu *p, u64 now_us)
{
	p->current = p->base;
	p->row = 0;
	search_anew(p, now_us);
}

/* ---- probes ---- */

static void refute(struct pmtu *p, u64 now_us)
{
	if (p->heard_us >= p->first_us) {
		p->too_large = p->probe;
		plan(p, now_us);
		return;
	}
	p->tries = 0;		/* nothing at all came through: this tells nothing about sizes */
	p->gap_us = now_us + p->wait_us;
}

static void lose_probe(struct pmtu *p, u64 now_us)
{
	p->out = false;
	p->gap_us = now_us + GAP_US;
	row_lost(p, p->probe);
	if (p->tries < PMTU_TRIES)
		return;
	if (p->probe > p->current)
		refute(p, now_us);
	else
		p->tries = 0;
}

u32 pmtu_probe_size(struct pmtu *p, u64 now_us)
{
	if (p->out && now_us >= p->last_us + p->wait_us)
		lose_probe(p, now_us);
	if (p->out)
		return 0;
	if (now_us >= hole_us(p)) {
		p->holes++;
		fall_back(p, now_us);
	}
	if (now_us < p->gap_us)
		return 0;
	if (is_doubted(p))
		return p->current;
	if (now_us < p->search_us)
		return 0;
	if (!next_size(p))
		search_anew(p, now_us);
	return next_size(p);
}

u64 pmtu_due_us(const struct pmtu *p)
{
	u64 probe_us = is_doubted(p) ? 0 : p->search_us;

	if (p->out)
		return p->last_us + p->wait_us;
	return MIN(MAX(probe_us, p->gap_us), hole_us(p));
}

void pmtu_sent(struct pmtu *p, u64 number, u32 size, u64 now_us)
{
	if (size != p->probe || p->tries == PMTU_TRIES)
		p->tries = 0;
	if (!p->tries)
		p->first_us = now_us;
	p->probe = (u16)size;
	p->numbers[p->tries++] = number;
	p->last_us = now_us;
	p->out = true;
	p->probes++;
}

/* Late acks of earlier tries count as well. */
static bool is_awaited(const struct pmtu *p, u64 number)
{
	for (u32 i = 0; i < p->tries; i++)
		if (p->numbers[i] == number)
			return true;
	return false;
}

void pmtu_acked(struct pmtu *p, u64 number, u64 now_us)
{
	if (!is_awaited(p, number))
		return;
	row_acked(p, p->probe, now_us);
	p->tries = 0;
	p->out = false;
	if (p->probe <= p->current)
		return;
	p->current = p->probe;
	plan(p, now_us);
}

void pmtu_lost(struct pmtu *p, u64 number, u64 now_us)
{
	if (p->out && p->numbers[p->tries - 1] == number)
		lose_probe(p, now_us);
}

/* ---- what others see ---- */

void pmtu_data_acked(struct pmtu *p, u32 size, u64 now_us)
{
	row_acked(p, size, now_us);
}

void pmtu_data_lost(struct pmtu *p, u32 size, u64 now_us)
{
	(void)now_us;
	row_lost(p, size);
}

void pmtu_refused(struct pmtu *p, u32 size, u64 now_us)
{
	if (size <= p->base || size >= p->too_large)
		return;
	if (size <= p->current)
		fall_back(p, now_us);
	p->too_large = (u16)size;
	plan(p, now_us);
}

/* ---- begin ---- */

static void set_max(struct pmtu *p, u32 link_bytes)
{
	u32 link = MIN(MAX(link_bytes ? link_bytes : LINK_USUAL, PMTU_BASE_LINK), UINT16_MAX - 1);

	p->max = (u16)(link - p->overhead);
	p->current = MIN(p->current, p->max);
}

void pmtu_init(struct pmtu *p, u32 link_bytes, u32 overhead_bytes)
{
	memset(p, 0, sizeof(*p));
	p->overhead = (u16)overhead_bytes;
	p->current = p->base = (u16)(PMTU_BASE_LINK - overhead_bytes);
	p->wait_us = WAIT_MOST_US;
	set_max(p, link_bytes);
	search_anew(p, 0);
}

void pmtu_set_link(struct pmtu *p, u32 link_bytes, u64 now_us)
{
	set_max(p, link_bytes);
	p->row = 0;
	search_anew(p, now_us);
}

void pmtu_set_wait(struct pmtu *p, u64 wait_us)
{
	p->wait_us = MIN(MAX(wait_us, WAIT_LEAST_US), WAIT_MOST_US);
}
