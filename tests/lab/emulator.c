// SPDX-License-Identifier: MIT
/* emulator.c - links with a rate, a delay and faults, between pairs of network interfaces
 *
 *   emulator --control SOCKET [--script FILE] [--seed N]    runs until SIGTERM
 *   emulator ctl SOCKET COMMAND...                          tells a running one, prints its answer
 *
 * Everything that reaches one interface of a pair leaves through the other. The commands, which
 * are also the lines of a script, are listed in emulate/links.h. One process and one thread do
 * all links, so that a lab costs at most one core. Needs CAP_NET_RAW.
 *
 *        a1 =>[ ring ]=> direction a =>[ sendmmsg ]=> b1        (and the same from b1 to a1)
 */
#include "emulate/links.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* With traffic we look every PAUSE_NS and do not let each frame wake us, which cost a core at 60000
 * frames a second. Frames go out up to half of that early or late: links.c has the other half. */
#define PAUSE_NS 100000
#define BUSY_NS 2000000		/* so long after the last frame there may well be more */

enum watched { WATCH_LISTENER, WATCH_CALLER };

static int control = -1;	/* an epoll of its own for commands; wires are watched by links.epoll */

static volatile sig_atomic_t stopping;
static char reply[REPLY_ROOM];

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static u64 clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

static int watch(int fd, enum watched kind)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (u64)kind << 32 | (u32)fd };

	return epoll_ctl(control, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* An idle emulator waits for wires and commands alike. */
static int open_epolls(struct links *l)
{
	struct epoll_event e = { .events = EPOLLIN };

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	control = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0 || control < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, control, &e) < 0)
		return -errno;
	return 0;
}

static int unix_socket(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strncpy(address->sun_path, path, sizeof(address->sun_path) - 1);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int open_control(const char *path)
{
	struct sockaddr_un address;
	int fd = unix_socket(path, &address);

	if (fd < 0)
		return fd;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0)
		return -errno;
	return watch(fd, WATCH_LISTENER);
}

static void answer_caller(struct links *l, int fd)
{
	char line[1024];
	ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);

	if (n <= 0) {
		close(fd);
		return;
	}
	line[n] = 0;
	links_command(l, line, clock_ns(CLOCK_MONOTONIC), reply);
	if (send(fd, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		close(fd);
}

static void handle(struct links *l, const struct epoll_event *e)
{
	int fd = (int)(u32)e->data.u64;

	switch ((enum watched)(e->data.u64 >> 32)) {
	case WATCH_LISTENER:
		fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && watch(fd, WATCH_CALLER))
			close(fd);
		break;
	case WATCH_CALLER:
		answer_caller(l, fd);
		break;
	}
}

/* Waits for something at this epoll. Returns how many events there are. */
static int wait_for(int epoll, struct epoll_event *events, int most, u64 limit_ns)
{
	struct timespec limit = { (time_t)(limit_ns / 1000000000ULL), (long)(limit_ns % 1000000000ULL) };

	return epoll_pwait2(epoll, events, most, limit_ns == TIME_NEVER ? NULL : &limit, NULL);
}

static void do_commands(struct links *l, u64 limit_ns)
{
	struct epoll_event events[16];
	int n = wait_for(control, events, ARRAY_SIZE(events), limit_ns);

	for (int i = 0; i < n; i++)
		handle(l, &events[i]);
}

static void wait_idle(struct links *l, u64 next)
{
	u64 now = clock_ns(CLOCK_MONOTONIC);
	struct epoll_event any;

	wait_for(l->epoll, &any, 1, next == TIME_NEVER ? TIME_NEVER : MAX(next, now) - now);
	do_commands(l, 0);
}

static void run(struct links *l)
{
	u64 busy_until = 0;

	while (!stopping) {
		u64 now = clock_ns(CLOCK_MONOTONIC), next;
		s64 wall_offset_ns = (s64)(clock_ns(CLOCK_REALTIME) - now);

		links_run_plan(l, now);
		if (links_move(l, now, wall_offset_ns, &next))
			busy_until = now + BUSY_NS;
		if (now < busy_until)
			do_commands(l, PAUSE_NS);
		else
			wait_idle(l, next);
	}
}

static int run_script(struct links *l, const char *path)
{
	FILE *f = fopen(path, "re");
	u64 now = clock_ns(CLOCK_MONOTONIC);
	char line[1024];
	int err = f ? 0 : -errno;

	if (err)
		fprintf(stderr, "emulator: %s: %s\n", path, strerror(-err));
	while (!err && fgets(line, sizeof(line), f)) {
		if (line[strspn(line, " \t\n")] == 0 || *line == '#')
			continue;
		links_command(l, line, now, reply);
		if (strncmp(reply, "error", 5) == 0) {
			fprintf(stderr, "emulator: %s: %s%s\n", path, line, reply);
			err = -EINVAL;
		}
	}
	if (f)
		fclose(f);
	return err;
}

/* "emulator ctl SOCKET COMMAND..." */
static int call(const char *path, char *const words[], int n)
{
	struct sockaddr_un address;
	char line[1024] = "";
	int fd = unix_socket(path, &address);
	ssize_t len;

	for (int i = 0; i < n; i++) {
		size_t used = strlen(line);

		snprintf(line + used, sizeof(line) - used, "%s%s", i ? " " : "", words[i]);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, line, strlen(line), 0) < 0 ||
	    (len = recv(fd, reply, sizeof(reply) - 1, 0)) < 0) {
		perror(path);
		return 1;
	}
	reply[len] = 0;
	puts(reply);
	return strncmp(reply, "error", 5) == 0;
}

/* A late emulator is a link with jitter: be on time even on a busy machine. Without the right to
 * that it still works. */
static void be_punctual(void)
{
	struct sched_param p = { .sched_priority = 1 };

	prctl(PR_SET_TIMERSLACK, 1UL);
	sched_setscheduler(0, SCHED_FIFO, &p);
}

static int usage(void)
{
	fputs("usage: emulator --control SOCKET [--script FILE] [--seed N]\n"
	      "       emulator ctl SOCKET COMMAND...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "script", required_argument, NULL, 's' },
		{ "seed", required_argument, NULL, 'r' },
		{}
	};
	static struct links l = { .seed = 1 };
	const char *path = NULL, *script = NULL;
	struct sigaction on_stop = { .sa_handler = stop };
	int c, err;

	if (argc > 3 && strcmp(argv[1], "ctl") == 0)
		return call(argv[2], argv + 3, argc - 3);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'c': path = optarg; break;
		case 's': script = optarg; break;
		case 'r': l.seed = strtoull(optarg, NULL, 0); break;
		default: return usage();
		}
	}
	if (!path || optind < argc)
		return usage();

	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGINT, &on_stop, NULL);
	err = open_epolls(&l);
	if (!err)
		err = open_control(path);
	if (err)
		fprintf(stderr, "emulator: %s: %s\n", path, strerror(-err));
	if (!err && script)
		err = run_script(&l, script);
	if (!err) {
		be_punctual();
		puts("ready");
		fflush(stdout);
		run(&l);
	}
	links_close(&l);
	unlink(path);
	return err ? 1 : 0;
}
