// SPDX-License-Identifier: MIT
/* tcp.c - bulk streams of the kernel's TCP, and what it says of them afterwards */
#include "load/record.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_BYTES (128 << 10)
#define UNSENT_BYTES (4 << 20)	/* waits in the socket, so that it is busy while we wait for a core */
#define TURN_MS 50

struct tcp_flow {
	struct flow *flow;
	struct record record;
};

static int watch_all(const int *fd, u32 count, u32 events)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (u32 i = 0; i < count; i++) {
		struct epoll_event e = { .events = events, .data.fd = fd[i] };

		epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &e);
	}
	return epoll;
}

static void *send_streams(void *argument)
{
	static char piece[PIECE_BYTES];
	struct tcp_flow *t = argument;
	const struct flow_ends *ends = &t->flow->ends;
	int epoll = watch_all(ends->sender, ends->count, EPOLLOUT), unsent = UNSENT_BYTES;
	struct epoll_event ready[STREAMS_MAX];

	for (u32 i = 0; i < ends->count; i++)
		setsockopt(ends->sender[i], IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	while (!flow_is_over(t->flow, flow_now_us())) {
		int n = epoll_wait(epoll, ready, STREAMS_MAX, TURN_MS);

		for (int i = 0; i < n; i++)
			send(ready[i].data.fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	close(epoll);
	return NULL;
}

/* The bytes are thrown away in the kernel: only when they came is of interest. */
static void *receive_streams(void *argument)
{
	struct tcp_flow *t = argument;
	const struct flow_ends *ends = &t->flow->ends;
	int epoll = watch_all(ends->receiver, ends->count, EPOLLIN);
	struct epoll_event ready[STREAMS_MAX];

	while (!flow_is_over(t->flow, flow_now_us())) {
		int n = epoll_wait(epoll, ready, STREAMS_MAX, TURN_MS);

		for (int i = 0; i < n; i++) {
			ssize_t got = recv(ready[i].data.fd, NULL, 4 << 20, MSG_DONTWAIT | MSG_TRUNC);

			if (got > 0)
				record_bytes(&t->record, flow_now_us(), (u64)got);
		}
	}
	close(epoll);
	return NULL;
}

/* What the senders' kernel says, over all streams. */
struct told {
	u64 segments, again, spurious, reordered;
	double window_limited, rtt_ms, least_rtt_ms;
};

static void ask_kernel(struct told *told, int fd)
{
	struct tcp_info i = {};
	socklen_t len = sizeof(i);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len) < 0)
		return;
	told->segments += i.tcpi_data_segs_out;
	told->again += i.tcpi_total_retrans;
	told->spurious += i.tcpi_dsack_dups;
	told->reordered += i.tcpi_reord_seen;
	if (i.tcpi_busy_time)
		told->window_limited = MAX(told->window_limited, (double)i.tcpi_rwnd_limited / (double)i.tcpi_busy_time);
	told->rtt_ms = MAX(told->rtt_ms, i.tcpi_rtt / 1e3);
	told->least_rtt_ms = MAX(told->least_rtt_ms, i.tcpi_min_rtt / 1e3);
}

static void print_result(struct tcp_flow *t)
{
	const struct flow_options *ask = &t->flow->ask;
	struct told told = {};

	for (u32 i = 0; i < t->flow->ends.count; i++)
		ask_kernel(&told, t->flow->ends.sender[i]);
	if (told.window_limited > 0.02)
		fprintf(stderr, "flow: the receive window held a stream back %.1f %% of the time\n",
			100 * told.window_limited);
	printf("{\"proto\": \"tcp\", \"cc\": \"%s\", \"dir\": \"%s\", \"streams\": %u, ", ask->cc,
	       ask->down ? "down" : "up", ask->streams);
	record_print(&t->record);
	printf("\"segments\": %llu, \"retransmitted\": %llu, \"spurious\": %llu, \"reordered\": %llu, "
	       "\"window_limited\": %.4f, \"rtt_ms\": %.1f, \"least_rtt_ms\": %.1f}\n",
	       (unsigned long long)told.segments, (unsigned long long)told.again,
	       (unsigned long long)told.spurious, (unsigned long long)told.reordered, told.window_limited,
	       told.rtt_ms, told.least_rtt_ms);
}

int tcp_run(struct flow *f)
{
	static struct tcp_flow t;
	int err;

	t.flow = f;
	f->start_us = flow_now_us();
	record_begin(&t.record, f);
	err = flow_run_threads(f, send_streams, receive_streams, &t);
	record_end(&t.record);
	if (!err)
		print_result(&t);
	return err;
}
