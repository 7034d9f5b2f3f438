// SPDX-License-Identifier: MIT
/* quic.c - a QUIC-like flow over UDP: nothing of QUIC but its loss detection, acks and pacing
 *
 * The receiver acks every second packet, at once when a number is not the one it expects, and
 * after 25 ms at the latest (RFC 9000). Data packets leave in paced batches, a batch by one
 * UDP_SEGMENT send.
 */
#include "load/quic_sender.h"
#include "load/record.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define BURST 10u		/* packets that leave at once */
#define BURST_US 1000		/* or as many as are due in this time, if that is less */
#define ACK_EVERY 2
#define ACK_DELAY_US (25 * MSEC)
#define RANGES_KEPT 256

struct data_head {
	u64 number;
	u32 chunk;
};

struct received {
	struct quic_range range[RANGES_KEPT];	/* descending */
	u32 count;
	u32 unacked;
	bool now;		/* something came out of order */
	u64 largest_us, first_unacked_us;
	u8 have[QUIC_CHUNKS / 8];
	u64 packets, again;
};

struct quic_flow {
	struct flow *flow;
	struct record record;
	struct quic_sender sender;
	struct received received;
	double next_us;		/* pacing */
};

static void wait_for_packet(int fd, u64 until)
{
	struct pollfd p = { fd, POLLIN, 0 };
	u64 now = flow_now_us(), left = until > now ? until - now : 0;
	struct timespec t = { (time_t)(left / SEC), (long)(left % SEC) * 1000 };

	ppoll(&p, 1, &t, NULL);
}

/* --- receiving --------------------------------------------------------------------------------- */

static void remove_range(struct received *r, u32 i)
{
	r->count--;
	memmove(&r->range[i], &r->range[i + 1], (r->count - i) * sizeof(r->range[0]));
}

static void insert_range(struct received *r, u32 i, u64 number)
{
	if (r->count == RANGES_KEPT)
		r->count--;	/* the oldest is forgotten */
	if (i >= RANGES_KEPT - 1)
		return;
	memmove(&r->range[i + 1], &r->range[i], (r->count - i) * sizeof(r->range[0]));
	r->range[i] = (struct quic_range){ number, number };
	r->count++;
}

static void note_number(struct received *r, u64 number)
{
	u32 i = 0;

	while (i < r->count && r->range[i].first > number + 1)
		i++;
	if (i < r->count && number >= r->range[i].first && number <= r->range[i].last)
		return;		/* a copy */
	if (i < r->count && number + 1 == r->range[i].first) {
		r->range[i].first = number;
		if (i + 1 < r->count && r->range[i + 1].last + 1 == number) {
			r->range[i].first = r->range[i + 1].first;
			remove_range(r, i + 1);
		}
	} else if (i < r->count && number == r->range[i].last + 1) {
		r->range[i].last = number;
	} else {
		insert_range(r, i, number);
	}
}

/* Returns true when the chunk is new. */
static bool take_data(struct received *r, const struct data_head *h, u64 now)
{
	u64 expected = r->count ? r->range[0].last + 1 : 0;
	u8 bit = (u8)(1 << h->chunk % 8), *have = &r->have[h->chunk / 8 % sizeof(r->have)];
	bool fresh = !(*have & bit);

	if (!r->unacked++)
		r->first_unacked_us = now;
	if (h->number != expected)
		r->now = true;
	if (h->number >= expected)
		r->largest_us = now;
	note_number(r, h->number);
	*have |= bit;
	r->packets++;
	r->again += !fresh;
	return fresh;
}

static void send_ack(struct quic_flow *q, u64 now)
{
	struct received *r = &q->received;
	struct quic_ack a = { .count = MIN(r->count, QUIC_RANGES), .delay_us = (u32)(now - r->largest_us) };

	memcpy(a.range, r->range, a.count * sizeof(a.range[0]));
	send(q->flow->ends.receiver[0], &a, offsetof(struct quic_ack, range) + a.count * sizeof(a.range[0]), 0);
	r->unacked = 0;
	r->now = false;
}

static void receive_batch(struct quic_flow *q)
{
	static u8 memory[BATCH][sizeof(struct data_head)];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	u64 now = flow_now_us();
	int n;

	for (u32 i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ memory[i], sizeof(memory[i]) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(q->flow->ends.receiver[0], messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct data_head h;

		if (messages[i].msg_len < sizeof(h))
			continue;	/* a late hello */
		memcpy(&h, memory[i], sizeof(h));
		if (take_data(&q->received, &h, now))
			record_bytes(&q->record, now, q->flow->ask.size);
		if (q->received.now || q->received.unacked >= ACK_EVERY)
			send_ack(q, now);
	}
}

static void *receive_data(void *argument)
{
	struct quic_flow *q = argument;
	u64 end = q->flow->start_us + q->flow->ask.length_us, now;

	while ((now = flow_now_us()) < end) {
		u64 due = q->received.unacked ? q->received.first_unacked_us + ACK_DELAY_US : end;

		if (now >= due)
			send_ack(q, now);
		wait_for_packet(q->flow->ends.receiver[0], MIN(due, end));
		receive_batch(q);
	}
	return NULL;
}

/* --- sending ----------------------------------------------------------------------------------- */

static void take_acks(struct quic_flow *q)
{
	struct quic_ack a;
	ssize_t n;

	while ((n = recv(q->flow->ends.sender[0], &a, sizeof(a), MSG_DONTWAIT)) > 0)
		if (n >= (ssize_t)offsetof(struct quic_ack, range) && a.count <= QUIC_RANGES)
			quic_take_ack(&q->sender, &a, flow_now_us());
}

static void send_segments(int fd, u8 *memory, size_t length, u16 size)
{
	u8 control[CMSG_SPACE(sizeof(size))] = {};
	struct iovec part = { memory, length };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	if (length > size) {
		struct cmsghdr *c;

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_UDP;
		c->cmsg_type = UDP_SEGMENT;
		c->cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(c), &size, sizeof(size));
	}
	if (sendmsg(fd, &m, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
		perror("flow: quic");	/* lost, as far as the sender is concerned */
}

static void send_burst(struct quic_flow *q, u32 burst, u64 now)
{
	static u8 memory[BURST * 1500];
	u32 size = q->flow->ask.size, n = 0;

	for (; n < burst && quic_may_send(&q->sender); n++) {
		struct data_head h = {};

		h.number = quic_send(&q->sender, now, &h.chunk);
		memcpy(memory + n * size, &h, sizeof(h));
	}
	if (n)
		send_segments(q->flow->ends.sender[0], memory, n * size, (u16)size);
}

/* Sends what is due; returns when the next burst is. */
static u64 send_due(struct quic_flow *q, u64 now)
{
	double pace = quic_pace(&q->sender);
	u32 burst = (u32)MAX(MIN(pace * BURST_US / SEC, BURST), 1);

	q->next_us = MAX(q->next_us, (double)now - 2 * BURST_US);
	while (q->next_us <= (double)now && quic_may_send(&q->sender)) {
		send_burst(q, burst, now);
		q->next_us += burst * SEC / pace;
	}
	return quic_may_send(&q->sender) ? (u64)q->next_us : TIME_NEVER;
}

static void *send_data(void *argument)
{
	struct quic_flow *q = argument;
	u64 now;

	while (!flow_is_over(q->flow, now = flow_now_us())) {
		u64 next;

		take_acks(q);
		if (quic_timer(&q->sender) <= now)
			quic_run_timer(&q->sender, now);
		next = MIN(send_due(q, now), quic_timer(&q->sender));
		wait_for_packet(q->flow->ends.sender[0], MIN(next, now + 50 * MSEC));
	}
	return NULL;
}

static void print_result(const struct quic_flow *q)
{
	printf("{\"proto\": \"quic\", \"cc\": \"cubic\", \"dir\": \"%s\", ", q->flow->ask.down ? "down" : "up");
	record_print(&q->record);
	printf("\"sent\": %llu, \"declared_lost\": %llu, \"spurious\": %llu, \"reductions\": %llu, "
	       "\"received_again\": %llu, \"window\": %.0f, \"rtt_ms\": %.1f, \"least_rtt_ms\": %.1f}\n",
	       (unsigned long long)q->sender.next, (unsigned long long)q->sender.lost,
	       (unsigned long long)q->sender.spurious, (unsigned long long)q->sender.reductions,
	       (unsigned long long)q->received.again, q->sender.window, (double)q->sender.smoothed_us / MSEC,
	       (double)q->sender.least_rtt_us / MSEC);
}

int quic_run(struct flow *f)
{
	struct quic_flow *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return -ENOMEM;
	q->flow = f;
	quic_sender_init(&q->sender);
	f->start_us = flow_now_us();
	record_begin(&q->record, f);
	err = flow_run_threads(f, send_data, receive_data, q);
	record_end(&q->record);
	if (!err)
		print_result(q);
	free(q);
	return err;
}
