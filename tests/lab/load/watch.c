// SPDX-License-Identifier: MIT
/* watch.c - over time: how many bytes crossed the interfaces of this network namespace, and when the host of this machine took cores away */
#include "load/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERFACES_MAX 32
#define SAMPLES_MAX 60000

struct sample {
	u64 time_us;
	u64 received[INTERFACES_MAX], sent[INTERFACES_MAX];
};

struct watched {
	char name[INTERFACES_MAX][16];
	u32 count, samples;
	struct sample *sample;
};

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static u32 interface_number(struct watched *w, const char *name)
{
	u32 i = 0;

	while (i < w->count && strcmp(w->name[i], name) != 0)
		i++;
	if (i == w->count && i < INTERFACES_MAX)
		snprintf(w->name[w->count++], sizeof(w->name[i]), "%s", name);
	return i;
}

/* "  name: received-bytes packets errs drop fifo frame compressed multicast sent-bytes ..." */
static int take_sample(void *of)
{
	struct watched *w = of;
	FILE *f = fopen("/proc/thread-self/net/dev", "re");
	struct sample *s = &w->sample[w->samples];
	unsigned long long received, sent;
	char line[512], name[16];

	if (!f)
		return -errno;
	s->time_us = flow_now_us();
	while (fgets(line, sizeof(line), f)) {
		u32 i;

		if (sscanf(line, " %15[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &received, &sent) != 3)
			continue;
		i = interface_number(w, name);
		if (i < INTERFACES_MAX) {
			s->received[i] = received;
			s->sent[i] = sent;
		}
	}
	fclose(f);
	w->samples++;
	return 0;
}

static void print_column(const struct watched *w, size_t offset)
{
	printf("[");
	for (u32 i = 0; i < w->samples; i++)
		printf("%s%llu", i ? ", " : "",
		       *(const unsigned long long *)(const void *)((const char *)&w->sample[i] + offset));
	printf("]");
}

static void print_samples(const struct watched *w)
{
	printf("{\"time_us\": ");
	print_column(w, offsetof(struct sample, time_us));
	for (u32 i = 0; i < w->count; i++) {
		printf(", \"%s\": {\"received\": ", w->name[i]);
		print_column(w, offsetof(struct sample, received) + i * sizeof(u64));
		printf(", \"sent\": ");
		print_column(w, offsetof(struct sample, sent) + i * sizeof(u64));
		printf("}");
	}
	printf("}\n");
}

/* Calls `take` every so often until the time is up, SIGTERM, or the first error, which it returns. */
static int look_regularly(u64 length_us, u64 every_us, int (*take)(void *), void *of)
{
	struct sigaction on_stop = { .sa_handler = stop };
	u64 due = flow_now_us(), end = due + length_us;
	int err = 0;

	sigaction(SIGTERM, &on_stop, NULL);
	for (; !err && !stopping && due <= end; due += every_us) {
		flow_sleep_until(due);
		err = take(of);
	}
	return err;
}

int watch_run(u64 length_us, u64 every_us)
{
	struct watched w = { .sample = calloc(SAMPLES_MAX, sizeof(struct sample)) };
	int err = w.sample ? look_regularly(MIN(length_us, (SAMPLES_MAX - 1) * every_us), every_us, take_sample, &w) : -ENOMEM;

	if (!err)
		print_samples(&w);
	free(w.sample);
	return err;
}

/* ---- what the host takes ---- */

struct stolen {
	int fd;				/* of /proc/stat */
	unsigned long long ticks;	/* of all cores since boot */
};

/* The eighth number of the first line. */
static int read_stolen(struct stolen *s)
{
	char line[256];
	ssize_t n = pread(s->fd, line, sizeof(line) - 1, 0);

	if (n < 0)
		return -errno;
	line[n] = 0;
	return sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &s->ticks) == 1 ? 0 : -EPROTO;
}

static int print_stolen(void *of)
{
	struct stolen *s = of;
	unsigned long long before = s->ticks;
	int err = read_stolen(s);

	if (!err && s->ticks > before)
		printf("%.3f %llu\n", (double)flow_wall_ns() / 1e9, s->ticks - before);
	return err;
}

int stolen_run(u64 length_us, u64 every_us)
{
	struct stolen s = { .fd = open("/proc/stat", O_RDONLY | O_CLOEXEC) };
	int err = s.fd < 0 ? -errno : read_stolen(&s);

	if (!err)
		err = look_regularly(length_us, every_us, print_stolen, &s);
	if (s.fd >= 0)
		close(s.fd);
	return err;
}
