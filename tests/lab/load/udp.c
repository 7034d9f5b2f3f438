// SPDX-License-Identifier: MIT
/* udp.c - datagrams at a steady pace: which were lost, late or doubled, and how long they took
 *
 * A datagram's delay is from just before it is sent to the kernel's own time of arrival, so that
 * a receiver that has to wait for a core adds nothing.
 */
#include "load/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define DRAIN_US (2 * SEC)	/* what is under way at the end gets this long */
#define INTERVAL_US 250		/* between batches, unless the pace is slower */
#define LATE_US (20 * MSEC)	/* what a sender that had to wait for a core makes up for */
#define LOST_SHOWN 400

struct datagram {
	u64 number;
	u64 sent_ns;		/* CLOCK_REALTIME, as the kernel's stamps */
};

struct fate {
	u32 sent_us;		/* after the start of the run */
	u32 delay_us;
	u8 copies;		/* 0: lost */
	bool late;		/* a later one came before it */
};

struct udp_flow {
	struct flow *flow;
	struct record record;
	struct fate *fate;
	u32 planned;
	u32 sent;		/* by the sender; the receiver only reads it */
	u32 highest;		/* number of the latest that came, plus 1 */
	u32 arrived;
};

/* --- sending ----------------------------------------------------------------------------------- */

static void send_batch(struct udp_flow *u, u32 n)
{
	static u8 memory[BATCH][2048];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	u32 after = (u32)(flow_now_us() - u->flow->start_us), sent = u->sent;
	struct datagram d = { .sent_ns = flow_wall_ns() };

	for (u32 i = 0; i < n; i++) {
		d.number = sent + i;
		u->fate[sent + i].sent_us = after;
		memcpy(memory[i], &d, sizeof(d));
		parts[i] = (struct iovec){ memory[i], u->flow->ask.size };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* What the kernel refuses (no route just now) is lost like any other. */
	for (u32 done = 0; done < n;) {
		int r = sendmmsg(u->flow->ends.sender[0], messages + done, n - done, 0);

		done += r > 0 ? (u32)r : 1;
	}
	__atomic_store_n(&u->sent, sent + n, __ATOMIC_RELEASE);
}

static void *send_paced(void *argument)
{
	struct udp_flow *u = argument;
	double gap_us = SEC / u->flow->ask.rate;
	u32 batch = (u32)MAX(MIN(INTERVAL_US / gap_us, BATCH), 1);
	double due = (double)u->flow->start_us;

	while (u->sent + batch <= u->planned && !flow_is_over(u->flow, flow_now_us())) {
		flow_sleep_until((u64)due);
		due = MAX(due, (double)flow_now_us() - LATE_US);
		send_batch(u, batch);
		due += gap_us * batch;
	}
	return NULL;
}

/* --- receiving --------------------------------------------------------------------------------- */

static u64 stamp_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec t;

			memcpy(&t, CMSG_DATA(c), sizeof(t));
			return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
		}
	}
	return flow_wall_ns();
}

static void take(struct udp_flow *u, const struct datagram *d, u64 came_ns)
{
	struct fate *f;

	if (d->number >= u->planned)
		return;
	f = &u->fate[d->number];
	if (f->copies++)
		return;
	f->delay_us = (u32)((came_ns - MIN(d->sent_ns, came_ns)) / 1000);
	f->late = d->number + 1 < u->highest;
	u->highest = MAX(u->highest, (u32)d->number + 1);
	u->arrived++;
}

static u32 take_waiting(struct udp_flow *u)
{
	static u8 memory[BATCH][64], control[BATCH][64];
	struct mmsghdr messages[BATCH] = {};
	struct iovec parts[BATCH];
	int n;

	for (u32 i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ memory[i], sizeof(memory[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1,
						       .msg_control = control[i],
						       .msg_controllen = sizeof(control[i]) };
	}
	n = recvmmsg(u->flow->ends.receiver[0], messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct datagram d;

		if (messages[i].msg_len < sizeof(d))
			continue;	/* a late hello */
		memcpy(&d, memory[i], sizeof(d));
		take(u, &d, stamp_of(&messages[i].msg_hdr));
	}
	if (n > 0)
		record_bytes(&u->record, flow_now_us(), (u64)n * u->flow->ask.size);
	return n > 0 ? (u32)n : 0;
}

static bool all_came(struct udp_flow *u, u64 now)
{
	u64 end = u->flow->start_us + u->flow->ask.length_us;

	return now > end && (u->arrived == __atomic_load_n(&u->sent, __ATOMIC_ACQUIRE) || now > end + DRAIN_US);
}

static void *receive_datagrams(void *argument)
{
	struct udp_flow *u = argument;
	struct pollfd p = { u->flow->ends.receiver[0], POLLIN, 0 };
	int on = 1;

	setsockopt(p.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	while (!all_came(u, flow_now_us()))
		if (poll(&p, 1, 20) > 0)
			take_waiting(u);
	return NULL;
}

/* --- what became of them ----------------------------------------------------------------------- */

struct sums {
	u32 sent, lost, late, copies, delays;
	u32 *delay_us;
};

static bool counts(const struct udp_flow *u, u32 i)
{
	return u->fate[i].sent_us >= u->flow->ask.skip_us;
}

static void sum_up(const struct udp_flow *u, struct sums *s)
{
	for (u32 i = 0; i < u->sent; i++) {
		const struct fate *f = &u->fate[i];

		if (!counts(u, i))
			continue;
		s->sent++;
		s->late += f->late;
		s->lost += f->copies == 0;
		s->copies += f->copies > 1 ? f->copies - 1u : 0;
		if (f->copies)
			s->delay_us[s->delays++] = f->delay_us;
	}
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static double share_ms(const struct sums *s, double part)
{
	return s->delays ? s->delay_us[(u32)(part * (s->delays - 1) + 0.5)] / 1e3 : -1;
}

/* When those were sent that never came: absolute, so that a cut can be told from a queue. */
static void print_lost(const struct udp_flow *u)
{
	u32 shown = 0;

	printf("\"lost_us\": [");
	for (u32 i = 0; i < u->sent && shown < LOST_SHOWN; i++)
		if (!u->fate[i].copies)
			printf("%s%llu", shown++ ? ", " : "", (unsigned long long)(u->flow->start_us + u->fate[i].sent_us));
	printf("], ");
}

static int write_each(const struct udp_flow *u)
{
	double start = (double)flow_wall_ns() / 1e9 - (double)(flow_now_us() - u->flow->start_us) / SEC;
	FILE *f = fopen(u->flow->ask.each, "we");

	if (!f)
		return -errno;
	for (u32 i = 0; i < u->sent; i++)
		if (counts(u, i) && u->fate[i].copies)
			fprintf(f, "%.3f %.3f\n", start + u->fate[i].sent_us / 1e6, u->fate[i].delay_us / 1e3);
	return ferror(f) | fclose(f) ? -EIO : 0;
}

static void print_result(struct udp_flow *u)
{
	struct sums s = { .delay_us = calloc(u->planned + 1, sizeof(u32)) };

	if (!s.delay_us)
		abort();
	sum_up(u, &s);
	qsort(s.delay_us, s.delays, sizeof(u32), by_value);
	printf("{\"proto\": \"udp\", \"dir\": \"%s\", \"rate\": %.1f, \"size\": %u, ", u->flow->ask.down ? "down" : "up",
	       u->flow->ask.rate, u->flow->ask.size);
	record_print(&u->record);
	print_lost(u);
	printf("\"planned\": %u, \"sent\": %u, \"all_sent\": %u, \"lost\": %u, \"late\": %u, \"copies\": %u, "
	       "\"least_ms\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"most_ms\": %.3f}\n",
	       u->planned, s.sent, u->sent, s.lost, s.late, s.copies, share_ms(&s, 0), share_ms(&s, 0.5),
	       share_ms(&s, 0.99), share_ms(&s, 0.999), share_ms(&s, 1));
	free(s.delay_us);
}

int udp_run(struct flow *f)
{
	static struct udp_flow u;
	int err;

	u.flow = f;
	u.planned = (u32)(f->ask.rate * (double)f->ask.length_us / SEC);
	u.fate = calloc(u.planned + BATCH, sizeof(*u.fate));
	if (!u.fate)
		return -ENOMEM;
	f->start_us = flow_now_us() + 20 * MSEC;
	record_begin(&u.record, f);
	err = flow_run_threads(f, send_paced, receive_datagrams, &u);
	record_end(&u.record);
	if (!err)
		print_result(&u);
	if (!err && f->ask.each && (err = write_each(&u)))
		fprintf(stderr, "flow: %s: %s\n", f->ask.each, strerror(-err));
	return err;
}
