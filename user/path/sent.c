// SPDX-License-Identifier: MIT
/* sent.c - what is on its way on a path: loss, round trip and delivery rate
 *
 *   out --acked--> acked            quiet: holds only acks; the peer owes nothing for it, so it is neither in flight
 *    |  --later ones acked--> lost --acked after all--> acked      nor lost, but its ack can give a round trip
 *    '--path in trouble--> given up --acked after all--> acked
 *
 * Acks repeat their ranges, and a fast path has thousands of numbers in them. The ranges of the newest ack
 * are kept, and of the next one only what was not in them is walked: each number once.
 */
#include "path/sent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_RECORDS 256u
#define REORDERING_LEAST 3u
#define REORDERING_MOST 16u
#define SAMPLE_LEAST_US (20 * MSEC)	/* a shorter time says more of wake-ups than of the path */
#define FLIGHT_THAT_TELLS 8u	/* packets out that can show what a path carries; a ping per round trip cannot */
#define LOSS_SHIFT 10		/* weight of one packet in the average: 1/1024, more while few have been settled */
#define LOSS_FIRST_SHIFT 6
#define LOSS_ONE (1000000u << LOSS_SHIFT)	/* all lost, in the units of loss_scaled */

enum record_state { RECORD_NONE, RECORD_QUIET, RECORD_OUT, RECORD_ACKED, RECORD_LOST, RECORD_GIVEN_UP };

struct sent_record {
	u64 time_us;
	u64 delivered;			/* the mark when it left */
	struct buf *kept;
	u32 mark_sent_ago_us;
	u32 mark_arrived_us;
	u16 bytes;
	u8 state;
	bool app_limited;
	bool no_mark;			/* left before anything was known of the peer's clock */
	u8 unused[3];
};
_Static_assert(sizeof(struct sent_record) == 40, "small: there are many");

/* What one ack adds up to, before it goes to the news. */
struct tally {
	u64 prior_largest;
	bool any_newest;
	u64 newest;		/* largest number newly acked, quiet ones aside */
};

static struct sent_record *record(const struct sent *s, u64 number)
{
	return &s->ring[number & (s->size - 1)];
}

/* Numbers below have been overwritten. */
static u64 ring_floor(const struct sent *s)
{
	return s->next > s->size ? s->next - s->size : 0;
}

void sent_init(struct sent *s)
{
	memset(s, 0, sizeof(*s));
	s->reordering = REORDERING_LEAST;
	s->loss_shift = LOSS_FIRST_SHIFT;
}

static void let_go(struct sent_record *rec)
{
	buf_put(rec->kept);
	rec->kept = NULL;
}

void sent_free(struct sent *s)
{
	for (u32 i = 0; i < s->size; i++)
		let_go(&s->ring[i]);
	free(s->ring);
	sent_init(s);
}

static u32 loss_shift(const struct sent *s)
{
	u32 shift = LOSS_FIRST_SHIFT;

	while (shift < LOSS_SHIFT && s->acked_packets + s->lost_packets >= 2u << shift)
		shift++;
	return shift;
}

static void leave_flight(struct sent *s, const struct sent_record *rec)
{
	s->in_flight_bytes -= rec->bytes;
	s->in_flight_eliciting--;
}

static void count_lost(struct sent *s, struct sent_record *rec)
{
	leave_flight(s, rec);
	rec->state = RECORD_LOST;
	s->lost_packets++;
	s->in_a_row = 0;
	s->loss_scaled += (LOSS_ONE - s->loss_scaled) >> s->loss_shift;
	s->loss_ppm = s->loss_scaled >> LOSS_SHIFT;
}

static void advance_oldest(struct sent *s)
{
	while (s->oldest < s->next && record(s, s->oldest)->state != RECORD_OUT)
		s->oldest++;
}

static int grow(struct sent *s)
{
	u32 size = s->size ? s->size * 2 : FIRST_RECORDS;
	struct sent_record *ring = calloc(size, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (u64 n = s->size ? ring_floor(s) : s->next; n < s->next; n++)
		ring[n & (size - 1)] = *record(s, n);
	free(s->ring);
	s->ring = ring;
	s->size = size;
	return 0;
}

/* Half of the ring stays free of open records, so that those given up are remembered for as long again. */
static int make_room(struct sent *s)
{
	int err = 0;

	if (s->next - s->oldest < s->size / 2)
		return 0;
	if (s->size < SENT_MAX_RECORDS)
		err = grow(s);
	if (!s->size)
		return err;
	if (s->next - s->oldest < s->size)
		return 0;
	count_lost(s, record(s, s->oldest));
	let_go(record(s, s->oldest));
	advance_oldest(s);
	return err;
}

static u32 since(u64 then_us, u64 now_us)
{
	return (u32)MIN(now_us - then_us, (u64)UINT32_MAX);
}

/* Nothing was out: the sample begins with this packet, as if the one before it had just been acked. */
static void restart_mark(struct sent *s, u64 now_us)
{
	s->mark.delivered = s->delivered_bytes;
	s->mark.sent_us = now_us;
	s->mark.arrived_us = (u32)now_us + s->delay_us - s->rtt_us;
	s->mark_moved_us = now_us;
}

static void note_out(struct sent *s, struct sent_record *rec, u32 bytes, u64 now_us)
{
	if (!s->in_flight_eliciting)
		restart_mark(s, now_us);
	s->in_flight_bytes += bytes;
	s->in_flight_eliciting++;
	s->last_eliciting_us = now_us;

	rec->delivered = s->mark.delivered;
	rec->mark_sent_ago_us = since(s->mark.sent_us, now_us);
	rec->mark_arrived_us = s->mark.arrived_us;
	rec->no_mark = !s->rtt_us;
	rec->app_limited = s->app_limited_until || s->in_flight_eliciting <= FLIGHT_THAT_TELLS;
	rec->state = RECORD_OUT;
}

void sent_app_limited(struct sent *s)
{
	s->app_limited_until = MAX(s->delivered_bytes + s->in_flight_bytes, 1u);
}

int sent_note(struct sent *s, u32 bytes, bool eliciting, struct buf *kept, u64 now_us)
{
	int err = make_room(s);
	u64 number = s->next++;
	struct sent_record *rec;

	if (!s->size) {
		s->oldest = s->next;	/* nothing can be remembered, or kept */
		return err;
	}
	rec = record(s, number);
	rec->time_us = now_us;
	rec->bytes = (u16)bytes;
	rec->kept = kept;
	if (eliciting) {
		note_out(s, rec, bytes, now_us);
	} else {
		rec->state = RECORD_QUIET;
		if (s->oldest == number)
			s->oldest++;
	}
	return err;
}

/* A lost packet came after all: more later ones must be acked before the next is called lost. */
static void take_back_loss(struct sent *s, const struct tally *t, u64 number)
{
	u32 back = LOSS_ONE >> s->loss_shift;
	u64 distance = t->prior_largest - number;

	/* What it added has faded since: by half in about 710 = 1024 ln 2 packets. */
	back >>= MIN(distance / 710, 20u);
	s->loss_scaled -= MIN(s->loss_scaled, back);
	s->reordering = MAX(s->reordering, (u32)MIN(distance + 1, (u64)REORDERING_MOST));
}

static void ack_record(struct sent *s, u64 number, struct sent_record *rec, struct tally *t, struct sent_news *news)
{
	switch (rec->state) {
	case RECORD_OUT:
		leave_flight(s, rec);
		s->loss_scaled -= s->loss_scaled >> s->loss_shift;
		break;
	case RECORD_LOST:
		take_back_loss(s, t, number);
		/* fall through */
	case RECORD_GIVEN_UP:
		s->lost_packets--;
		news->late_packets++;
		break;
	case RECORD_QUIET:
		rec->state = RECORD_ACKED;
		return;
	default:
		return;
	}
	rec->state = RECORD_ACKED;
	let_go(rec);
	s->delivered_bytes += rec->bytes;
	news->acked_bytes += rec->bytes;
	news->largest_bytes = MAX(news->largest_bytes, (u32)rec->bytes);
	news->acked_packets++;
	if (!t->any_newest || number > t->newest) {
		t->any_newest = true;
		t->newest = number;
	}
}

static void ack_numbers(struct sent *s, u64 first, u64 end, struct tally *t, struct sent_news *news)
{
	for (u64 n = MAX(first, ring_floor(s)); n < end; n++)
		ack_record(s, n, record(s, n), t, news);
}

/* Walks what this ack has and the newest before it had not. Both lists are newest first. */
static void ack_new_numbers(struct sent *s, const struct ack *a, struct tally *t, struct sent_news *news)
{
	u32 k = 0;

	for (u32 i = 0; i < a->range_count; i++) {
		u64 first = a->ranges[i].first, end = a->ranges[i].last + 1;

		while (k < s->known_count && s->known[k].first >= end)
			k++;
		for (u32 j = k; j < s->known_count && s->known[j].last >= first && first < end; j++) {
			ack_numbers(s, s->known[j].last + 1, end, t, news);
			end = MIN(end, s->known[j].first);
		}
		ack_numbers(s, first, end, t, news);
	}
}

static void hand_over(struct sent_record *rec, struct buf_queue *q)
{
	if (rec->kept)
		buf_queue_add(q, rec->kept);
	rec->kept = NULL;
}

static void lose(struct sent *s, struct sent_record *rec, struct sent_news *news)
{
	count_lost(s, rec);
	news->lost_packets++;
	news->lost_bytes += rec->bytes;
	if (rec->bytes > SENT_LARGE_BYTES)
		news->large_lost_bytes = news->large_lost++ ? MIN(news->large_lost_bytes, rec->bytes) : rec->bytes;
	hand_over(rec, &news->lost);
}

/* All but the last few numbers before the largest are settled after this. */
static void find_lost(struct sent *s, struct sent_news *news)
{
	while (s->oldest + s->reordering <= s->largest_acked) {
		struct sent_record *rec = record(s, s->oldest);

		if (rec->state == RECORD_OUT)
			lose(s, rec, news);
		s->oldest++;
	}
	advance_oldest(s);
}

void sent_lose_older(struct sent *s, u64 age_us, struct sent_news *news)
{
	u64 newest_us;

	if (!s->any_acked || !s->size || s->largest_acked < ring_floor(s))
		return;
	newest_us = record(s, s->largest_acked)->time_us;
	while (s->oldest < s->largest_acked) {
		struct sent_record *rec = record(s, s->oldest);

		if (rec->state == RECORD_OUT) {
			if (rec->time_us + age_us > newest_us)
				return;
			lose(s, rec, news);
		}
		s->oldest++;
	}
	advance_oldest(s);
}

static bool ack_makes_sense(const struct sent *s, const struct ack *a)
{
	if (a->largest >= s->next || !a->range_count || a->range_count > ACK_MAX_RANGES || a->ranges[0].last != a->largest)
		return false;
	for (u32 i = 0; i < a->range_count; i++) {
		if (a->ranges[i].first > a->ranges[i].last)
			return false;
		if (i && a->ranges[i].last >= a->ranges[i - 1].first)
			return false;
	}
	return true;
}

/* The round trip is the largest number's, as the ack delay counts from its arrival. Measured before the walk marks it. */
static bool largest_is_new(const struct sent *s, const struct ack *a)
{
	u8 state;

	if (!s->size || a->largest < ring_floor(s))
		return false;
	state = record(s, a->largest)->state;
	return state != RECORD_NONE && state != RECORD_ACKED;
}

static void take_rtt(struct sent *s, const struct ack *a, struct sent_news *news, u64 now_us)
{
	u64 left_us = record(s, a->largest)->time_us;

	news->rtt_us = s->rtt_us = (u32)MIN(now_us - left_us, (u64)UINT32_MAX);
	news->ack_delay_us = a->delay_us;
	news->delay_us = s->delay_us = a->arrival - (u32)left_us;
	news->has_rtt = true;
}

static void move_mark(struct sent *s, const struct sent_record *newest, u32 arrived_us, u64 now_us)
{
	if (now_us - s->mark_moved_us < SAMPLE_LEAST_US && s->mark_moved_us)
		return;
	s->mark.delivered = s->delivered_bytes;
	s->mark.sent_us = newest->time_us;
	s->mark.arrived_us = arrived_us;
	s->mark_moved_us = now_us;
}

/* draft-cheng-iccrg-delivery-rate-estimation, section 3: the newest acked packet closes a flight whose length is
 * the longer of the time it took to send and the time it took to arrive. */
static void take_rate(struct sent *s, const struct tally *t, u32 arrived_us, struct sent_news *news, u64 now_us)
{
	const struct sent_record *rec = record(s, t->newest);
	s32 arrival_took_us = (s32)(arrived_us - rec->mark_arrived_us);
	u64 took_us = MAX((u64)MAX(arrival_took_us, 0), (u64)rec->mark_sent_ago_us);

	if (s->app_limited_until && s->delivered_bytes > s->app_limited_until)
		s->app_limited_until = 0;
	if (took_us && !rec->no_mark)
		news->rate_bytes = (s->delivered_bytes - rec->delivered) * SEC / took_us;
	news->app_limited = rec->app_limited;
	if (rec->delivered >= s->round_mark) {
		news->round = true;
		s->round_mark = s->delivered_bytes;
	}
	move_mark(s, rec, arrived_us, now_us);
}

int sent_ack(struct sent *s, const struct ack *a, struct sent_news *news, u64 now_us)
{
	struct tally t = { .prior_largest = s->largest_acked };
	bool fresh;

	memset(news, 0, sizeof(*news));
	if (!ack_makes_sense(s, a))
		return -EPROTO;
	if (!s->size)
		return 0;
	fresh = largest_is_new(s, a);
	s->loss_shift = loss_shift(s);
	ack_new_numbers(s, a, &t, news);

	if (!s->any_acked || a->largest >= s->largest_acked) {
		s->any_acked = true;
		s->largest_acked = a->largest;
		s->known_count = a->range_count;
		memcpy(s->known, a->ranges, a->range_count * sizeof(a->ranges[0]));
	}
	find_lost(s, news);
	s->acked_packets += news->acked_packets;
	s->in_a_row = news->lost_packets ? 0 : s->in_a_row + news->acked_packets;
	s->loss_ppm = s->loss_scaled >> LOSS_SHIFT;

	if (fresh)
		take_rtt(s, a, news, now_us);
	if (t.any_newest && t.newest + REORDERING_LEAST > a->largest)	/* when older ones came is not told */
		take_rate(s, &t, a->arrival, news, now_us);
	return 0;
}

void sent_believe_run(struct sent *s)
{
	if (!s->in_a_row)
		return;
	s->loss_scaled = MIN(s->loss_scaled, LOSS_ONE / MAX(s->in_a_row, 3u) * 3);
	s->loss_ppm = s->loss_scaled >> LOSS_SHIFT;
}

bool sent_is_acked(const struct sent *s, u64 number)
{
	return s->size && number < s->next && number >= ring_floor(s) && record(s, number)->state == RECORD_ACKED;
}

u64 sent_oldest_us(const struct sent *s)
{
	return s->oldest == s->next ? TIME_NEVER : record(s, s->oldest)->time_us;
}

u64 sent_after_acked_us(const struct sent *s)
{
	u64 n = s->any_acked ? MAX(s->largest_acked + 1, s->oldest) : s->oldest;

	for (; n < s->next; n++)
		if (record(s, n)->state == RECORD_OUT)
			return record(s, n)->time_us;
	return TIME_NEVER;
}

u32 sent_kept_within(const struct sent *s, u64 us)
{
	bool known = s->any_acked && s->largest_acked >= ring_floor(s);
	u64 until_us = known ? record(s, s->largest_acked)->time_us + us : TIME_NEVER;
	u32 count = 0;

	for (u64 n = s->oldest; n < s->next && record(s, n)->time_us <= until_us; n++)
		count += record(s, n)->state == RECORD_OUT && record(s, n)->kept;
	return count;
}

void sent_take_tail(struct sent *s, u32 most, struct buf_queue *again)
{
	u64 n = s->next;

	while (n > s->oldest && most) {
		n--;
		most -= record(s, n)->state == RECORD_OUT && record(s, n)->kept;
	}
	for (; n < s->next; n++)
		if (record(s, n)->state == RECORD_OUT)
			hand_over(record(s, n), again);
}

void sent_give_up(struct sent *s, struct buf_queue *again)
{
	for (; s->oldest < s->next; s->oldest++) {
		struct sent_record *rec = record(s, s->oldest);

		if (rec->state != RECORD_OUT)
			continue;
		leave_flight(s, rec);
		rec->state = RECORD_GIVEN_UP;
		if (rec->bytes > SENT_LARGE_BYTES)
			s->large_given_up_bytes = s->large_given_up++ ? MIN(s->large_given_up_bytes, rec->bytes) : rec->bytes;
		s->lost_packets++;
		hand_over(rec, again);
	}
}
