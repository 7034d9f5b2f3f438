// SPDX-License-Identifier: MIT
/* udpload.c - how many datagrams a second arrive when next to none is lost
 *
 *   udpload count ADDRESS:PORT
 *       counts datagrams until SIGTERM, and answers on TCP, same port, how many there were
 *   udpload search ADDRESS:PORT [--size BYTES] [--seconds S] [--loss SHARE] [--most PPS]
 *       looks for the highest rate at which less than SHARE (0.01) is lost; prints a JSON line
 *   udpload try ADDRESS:PORT --most PPS [--size BYTES] [--seconds S]
 *       one try at that rate
 *
 * Datagrams go out by sendmmsg in small batches, one datagram each (no UDP_SEGMENT): what an
 * application with many small messages does. Between batches the sender sleeps, so that on a small
 * machine it leaves the cores to what is measured as far as it can.
 *
 * The search doubles the rate until a try loses too much or the sender cannot keep up, then halves
 * the interval. A busy machine loses now and then at any rate: a try that fails is made once more.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"

#define BATCH 64
#define SIZE_MAX_BYTES 9000u
#define INTERVAL_US 100		/* between batches, unless a batch would be larger than BATCH */
#define LATE_US 5000		/* what the sender makes up for; later than this counts as not sent */
#define FIRST_RATE 8000
#define DRAIN_US 400000		/* what is still under way after the last datagram gets this long */

struct load {
	struct addr to;
	u32 size;
	double seconds, loss_limit;
	double most;		/* datagrams a second; no try is faster */
	int udp, tcp;
};

struct outcome {
	double asked;		/* datagrams a second */
	u64 sent, arrived;
	double seconds;		/* from the first to the last */
};

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static int open_socket(const struct addr *a, int type, bool listening)
{
	struct sockaddr_storage address;
	socklen_t len = addr_to_sockaddr(a, &address);
	int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0), on = 1, room = 8 << 20, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (type == SOCK_DGRAM && listening &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (listening)
		err = bind(fd, (struct sockaddr *)&address, len);
	else
		err = connect(fd, (struct sockaddr *)&address, len);
	if (!err && listening && type == SOCK_STREAM)
		err = listen(fd, 4);
	if (err) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* --- counting ---------------------------------------------------------------------------------- */

static void point_at(struct mmsghdr *messages, struct iovec *parts, u8 *memory, size_t size)
{
	memset(messages, 0, BATCH * sizeof(*messages));
	for (u32 i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ memory + i * size, size };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

static u64 receive_waiting(int fd)
{
	static u8 memory[BATCH * 64];	/* the content is of no interest: longer ones are cut */
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	u64 count = 0;
	int n;

	do {
		point_at(messages, parts, memory, 64);
		n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		if (n > 0)
			count += (u64)n;
	} while (n == BATCH);
	return count;
}

/* The caller sends a byte, we answer with the count so far. */
static void answer(int *caller, u64 count)
{
	char byte;

	if (recv(*caller, &byte, 1, 0) == 1 &&
	    send(*caller, &count, sizeof(count), MSG_NOSIGNAL) == (ssize_t)sizeof(count))
		return;
	close(*caller);
	*caller = -1;
}

static int count_until_stopped(struct load *l)
{
	struct pollfd watched[3] = { { -1, POLLIN, 0 }, { -1, POLLIN, 0 }, { -1, POLLIN, 0 } };
	u64 count = 0;

	watched[0].fd = open_socket(&l->to, SOCK_DGRAM, true);
	watched[1].fd = open_socket(&l->to, SOCK_STREAM, true);
	if (watched[0].fd < 0 || watched[1].fd < 0)
		return MIN(watched[0].fd, watched[1].fd);
	puts("ready");
	fflush(stdout);
	while (!stopping) {
		if (poll(watched, ARRAY_SIZE(watched), 500) <= 0)
			continue;
		count += receive_waiting(watched[0].fd);
		if (watched[2].revents)
			answer(&watched[2].fd, count);
		if (watched[1].revents && watched[2].fd < 0)
			watched[2].fd = accept4(watched[1].fd, NULL, NULL, SOCK_CLOEXEC);
	}
	return 0;
}

/* --- sending ----------------------------------------------------------------------------------- */

static int ask_count(struct load *l, u64 *count)
{
	if (send(l->tcp, "?", 1, MSG_NOSIGNAL) != 1 ||
	    recv(l->tcp, count, sizeof(*count), MSG_WAITALL) != (ssize_t)sizeof(*count))
		return -EPIPE;
	return 0;
}

static void sleep_until(u64 when_us)
{
	struct timespec t = { (time_t)(when_us / SEC), (long)(when_us % SEC) * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* Sends at o->asked for so many seconds; fills sent and seconds. */
static void send_paced(struct load *l, struct outcome *o)
{
	static u8 memory[BATCH * SIZE_MAX_BYTES];
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	u32 batch = (u32)MIN(MAX(o->asked * INTERVAL_US / SEC, 1), BATCH);
	double gap_us = batch * (double)SEC / o->asked;
	u64 start = clock_now_us(), now = start;
	double due = (double)start;

	point_at(messages, parts, memory, l->size);
	while (now - start < (u64)(l->seconds * SEC)) {
		int n = sendmmsg(l->udp, messages, batch, 0);

		o->sent += n > 0 ? (u64)n : 0;
		due += gap_us;
		now = clock_now_us();
		if (due > (double)now) {
			sleep_until((u64)due);
			now = clock_now_us();
		}
		due = MAX(due, (double)now - LATE_US);
	}
	o->seconds = (double)(now - start) / SEC;
}

/* What is still under way arrives, or 50 ms pass without a further datagram. */
static int wait_for_rest(struct load *l, u64 before, u64 sent, u64 *arrived)
{
	u64 end = clock_now_us() + DRAIN_US, last = 0, count;
	int err;

	do {
		sleep_until(clock_now_us() + 50 * MSEC);
		err = ask_count(l, &count);
		if (err)
			return err;
		*arrived = count - before;
		if (*arrived == last && last)
			break;
		last = *arrived;
	} while (*arrived < sent && clock_now_us() < end);
	return 0;
}

static int try_rate(struct load *l, double rate, struct outcome *o)
{
	u64 before;
	int err = ask_count(l, &before);

	if (err)
		return err;
	*o = (struct outcome){ .asked = rate };
	send_paced(l, o);
	return wait_for_rest(l, before, o->sent, &o->arrived);
}

static double loss_of(const struct outcome *o)
{
	return o->sent ? 1 - (double)o->arrived / (double)o->sent : 1;
}

/* A sender that falls behind by more than this has shown what the machine can send. */
static bool kept_up(const struct outcome *o)
{
	return (double)o->sent >= 0.95 * o->asked * o->seconds;
}

static double arrived_per_second(const struct outcome *o)
{
	return (double)o->arrived / o->seconds;
}

/* Tries once, or twice; true when it lost little enough. *best is the most that arrived so far. */
static int passes(struct load *l, double rate, struct outcome *best, bool *passed, bool *limited)
{
	struct outcome o;
	int err = 0;

	*passed = false;
	for (u32 i = 0; i < 2 && !*passed && !err; i++) {
		err = try_rate(l, rate, &o);
		*passed = !err && loss_of(&o) < l->loss_limit;
	}
	*limited = *passed && !kept_up(&o);
	if (*passed && arrived_per_second(&o) > arrived_per_second(best))
		*best = o;
	return err;
}

static int search(struct load *l, struct outcome *best, bool *limited)
{
	double good = 0, bad = 0, rate = FIRST_RATE;
	bool passed;
	int err;

	*best = (struct outcome){ .seconds = 1 };
	*limited = false;
	for (;;) {
		rate = MIN(rate, l->most);
		err = passes(l, rate, best, &passed, limited);
		if (err || *limited || (passed && rate >= l->most))
			return err;
		if (passed)
			good = rate;
		else
			bad = rate;
		if (bad - good < 0.03 * bad && bad > 0)
			return 0;
		if (bad > 0 && bad < 100)
			return 0;	/* nothing gets through */
		rate = bad > 0 ? (good + bad) / 2 : 2 * rate;
	}
}

static void print_outcome(const struct load *l, const struct outcome *o, bool limited)
{
	printf("{\"size\": %u, \"pps\": %.0f, \"loss\": %.5f, \"sent\": %llu, \"arrived\": %llu, "
	       "\"sender_limited\": %s}\n",
	       l->size, arrived_per_second(o), loss_of(o), (unsigned long long)o->sent,
	       (unsigned long long)o->arrived, limited ? "true" : "false");
}

static int send_load(struct load *l, bool searching)
{
	struct outcome o;
	bool limited = false;
	int err;

	prctl(PR_SET_TIMERSLACK, 1UL);
	l->tcp = open_socket(&l->to, SOCK_STREAM, false);
	l->udp = l->tcp < 0 ? l->tcp : open_socket(&l->to, SOCK_DGRAM, false);
	if (l->udp < 0)
		return l->udp;
	if (searching) {
		err = search(l, &o, &limited);
	} else {
		err = try_rate(l, l->most, &o);
		limited = !err && !kept_up(&o);
	}
	if (!err)
		print_outcome(l, &o, limited);
	return err;
}

/* --- command line ------------------------------------------------------------------------------ */

static int usage(void)
{
	fputs("usage: udpload count ADDRESS:PORT\n"
	      "       udpload search|try ADDRESS:PORT [--size BYTES] [--seconds S] [--loss SHARE] [--most PPS]\n",
	      stderr);
	return 2;
}

static bool read_options(struct load *l, int argc, char **argv)
{
	static const struct option options[] = {
		{ "size", required_argument, NULL, 's' },
		{ "seconds", required_argument, NULL, 't' },
		{ "loss", required_argument, NULL, 'l' },
		{ "most", required_argument, NULL, 'm' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': l->size = (u32)strtoul(optarg, NULL, 0); break;
		case 't': l->seconds = strtod(optarg, NULL); break;
		case 'l': l->loss_limit = strtod(optarg, NULL); break;
		case 'm': l->most = strtod(optarg, NULL); break;
		default: return false;
		}
	}
	return optind + 2 == argc && l->size >= 1 && l->size <= SIZE_MAX_BYTES && l->seconds > 0 &&
	       l->most >= 1;
}

int main(int argc, char **argv)
{
	struct load l = { .size = 64, .seconds = 1, .loss_limit = 0.01, .most = 1e7 };
	struct sigaction on_stop = { .sa_handler = stop };
	const char *command;
	int err;

	if (!read_options(&l, argc, argv) || addr_parse(&l.to, argv[optind + 1], 0))
		return usage();
	command = argv[optind];
	sigaction(SIGTERM, &on_stop, NULL);
	if (strcmp(command, "count") == 0)
		err = count_until_stopped(&l);
	else if (strcmp(command, "search") == 0 || strcmp(command, "try") == 0)
		err = send_load(&l, *command == 's');
	else
		return usage();
	if (err)
		fprintf(stderr, "udpload: %s: %s\n", argv[optind + 1], strerror(-err));
	return err ? 1 : 0;
}
