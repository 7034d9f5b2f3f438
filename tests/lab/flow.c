// SPDX-License-Identifier: MIT
/* flow.c - load for the lab, both ends in one process, and what became of it
 *
 *   flow run --peer NAMESPACE [options] ADDRESS     prints one JSON object
 *       --proto tcp|quic|udp    the kernel's TCP, a QUIC-like sender (load/quic.c), or a steady pace
 *       --cc cubic|bbr|reno     of TCP, set for each socket; QUIC is always cubic
 *       --dir up|down           who sends: this end or the peer. This end opens the connection.
 *       --seconds N --skip S    how long to send, and how much of that not to count
 *       --streams N             TCP streams
 *       --rate R --size BYTES   UDP: R datagrams a second ("1000"), or payload in Mbit/s ("12.5mbit")
 *       --each FILE             UDP: a line for each datagram that counts and came: wall clock when it was sent, delay in ms
 *       --punctual              go first when the machine is busy: we stand for hosts elsewhere
 *   flow watch [--seconds N] [--every MS]           bytes per interface of this namespace over time
 *   flow stolen [--seconds N] [--every MS]          wall clock when the host had taken how many ticks of the cores
 *   flow now                                        CLOCK_MONOTONIC in us: the clock of all results
 *
 * The peer's sockets are opened in NAMESPACE, at ADDRESS and a free port. So nothing has to
 * be started there, and no control connection crosses what is measured.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "load/flow.h"

u64 flow_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * SEC + (u64)t.tv_nsec / 1000;
}

u64 flow_wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

void flow_sleep_until(u64 when_us)
{
	struct timespec t = { (time_t)(when_us / SEC), (long)(when_us % SEC) * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int flow_run_threads(struct flow *f, void *(*send)(void *), void *(*receive)(void *), void *argument)
{
	pthread_t sender, receiver;
	int err = pthread_create(&receiver, NULL, receive, argument);

	(void)f;
	if (err)
		return -err;
	err = pthread_create(&sender, NULL, send, argument);
	if (!err)
		pthread_join(sender, NULL);
	pthread_join(receiver, NULL);
	return -err;
}

static void be_punctual(void)
{
	struct sched_param p = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		perror("flow: no real-time priority");
}

static int usage(void)
{
	fputs("usage: flow run --peer NAMESPACE [--proto tcp|quic|udp] [--cc NAME] [--dir up|down]\n"
	      "                [--seconds N] [--skip S] [--streams N] [--rate R] [--size BYTES]\n"
	      "                [--each FILE] [--punctual] ADDRESS\n"
	      "       flow watch|stolen [--seconds N] [--every MS]\n"
	      "       flow now\n", stderr);
	return 2;
}

static bool read_protocol(struct flow_options *o, const char *word)
{
	static const char *const names[] = { "tcp", "quic", "udp" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(names[i], word) == 0) {
			o->protocol = (enum flow_protocol)i;
			return true;
		}
	}
	return false;
}

/* "12.5mbit" of payload needs the size, which may come later: negative until then. */
static bool read_rate(struct flow_options *o, const char *word)
{
	char *rest;

	o->rate = strtod(word, &rest);
	if (strcmp(rest, "mbit") == 0)
		o->rate *= -1e6 / 8;
	else if (*rest)
		return false;
	return o->rate != 0;
}

static bool read_options(struct flow_options *o, u64 *every_us, int argc, char **argv)
{
	static const struct option options[] = {
		{ "proto", required_argument, NULL, 'p' }, { "cc", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },   { "seconds", required_argument, NULL, 't' },
		{ "skip", required_argument, NULL, 's' },  { "streams", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'r' },  { "size", required_argument, NULL, 'b' },
		{ "peer", required_argument, NULL, 'P' },  { "every", required_argument, NULL, 'e' },
		{ "punctual", no_argument, NULL, 'f' },	   { "each", required_argument, NULL, 'E' },
		{}
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': good = read_protocol(o, optarg); break;
		case 'c': o->cc = optarg; break;
		case 'd': o->down = strcmp(optarg, "down") == 0; break;
		case 't': o->length_us = (u64)(strtod(optarg, NULL) * SEC); break;
		case 's': o->skip_us = (u64)(strtod(optarg, NULL) * SEC); break;
		case 'n': o->streams = (u32)strtoul(optarg, NULL, 0); break;
		case 'r': good = read_rate(o, optarg); break;
		case 'b': o->size = (u32)strtoul(optarg, NULL, 0); break;
		case 'P': o->peer = optarg; break;
		case 'f': be_punctual(); break;
		case 'E': o->each = optarg; break;
		case 'e': *every_us = (u64)(strtod(optarg, NULL) * MSEC); break;
		default: good = false;
		}
	}
	if (o->rate < 0)
		o->rate = -o->rate / o->size;
	return good && o->length_us > o->skip_us && o->streams >= 1 && o->streams <= STREAMS_MAX && o->size >= 64 &&
	       o->size <= 1472 && *every_us > 0;
}

static int run(struct flow *f)
{
	int err = ends_open(f);

	if (!err) {
		switch (f->ask.protocol) {
		case FLOW_TCP: err = tcp_run(f); break;
		case FLOW_QUIC: err = quic_run(f); break;
		case FLOW_UDP: err = udp_run(f); break;
		}
	}
	ends_close(&f->ends);
	return err;
}

int main(int argc, char **argv)
{
	static struct flow f = { .ask = { .cc = "cubic", .streams = 1, .size = 1200, .rate = 1000, .length_us = 10 * SEC } };
	u64 every_us = 20 * MSEC;
	bool good = read_options(&f.ask, &every_us, argc, argv);
	const char *command = optind < argc ? argv[optind] : "";
	int err = 0;

	prctl(PR_SET_TIMERSLACK, 1UL);
	if (good && strcmp(command, "now") == 0)
		printf("%llu\n", (unsigned long long)flow_now_us());
	else if (good && strcmp(command, "watch") == 0)
		err = watch_run(f.ask.length_us, every_us);
	else if (good && strcmp(command, "stolen") == 0)
		err = stolen_run(f.ask.length_us, every_us);
	else if (good && strcmp(command, "run") == 0 && f.ask.peer && optind + 2 == argc) {
		f.ask.address = argv[optind + 1];
		err = run(&f);
	} else {
		return usage();
	}
	return err ? 1 : 0;
}
