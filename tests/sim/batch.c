// SPDX-License-Identifier: MIT
/* batch.c - many scenarios on all processors, a line each
 *
 * A run is a process of its own: a crash in one is a failure of that one, and comes with the command that replays it.
 */
#include "sim/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/scenarios.h"

#define MAX_JOBS 64u

struct job {
	pid_t pid;		/* 0: free */
	const struct scenario *sc;
	u64 seed;
	bool vary;
	int pipe;
};

struct tally {
	u32 runs, failed;
	double simulated_s;
};

static void write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n <= 0)
			_exit(3);
		at += n;
		len -= (size_t)n;
	}
}

static void child(const struct job *j, int out)
{
	static struct run_setup setup;
	static struct run_result result;

	scenario_setup(j->sc, j->seed, j->vary, &setup);
	run_setup(&setup, &result, false);
	write_all(out, &result, sizeof(result));
	_exit(0);
}

static void begin(struct job *j, const struct scenario *sc, u64 seed, bool vary)
{
	int fds[2];

	*j = (struct job){ .sc = sc, .seed = seed, .vary = vary };
	fflush(stdout);
	if (pipe(fds) || (j->pid = fork()) < 0) {
		perror("sim");
		exit(3);
	}
	if (!j->pid) {
		close(fds[0]);
		child(j, fds[1]);
	}
	close(fds[1]);
	j->pipe = fds[0];
}

static bool read_result(int fd, struct run_result *r)
{
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(*r) && (n = read(fd, (char *)r + got, sizeof(*r) - got)) > 0)
		got += (size_t)n;
	close(fd);
	return got == sizeof(*r);
}

static void print_figures(const struct run_result *r)
{
	for (u32 i = 0; i < FIGURE_COUNT; i++)
		if (r->figures[i] >= 0)
			printf(" %s %.4g", figure_names[i], r->figures[i]);
}

static void print_replay(const struct batch *b, const struct job *j)
{
	printf("      replay: %s --scenario %s --seed %llu%s\n", b->program, j->sc->name, (unsigned long long)j->seed,
	       j->vary ? " --vary" : "");
}

static void finish(const struct batch *b, struct job *j, struct tally *t)
{
	static struct run_result r;
	bool whole = read_result(j->pipe, &r);
	char *state, *line;
	int status;

	waitpid(j->pid, &status, 0);
	j->pid = 0;
	t->runs++;
	if (!whole || status) {
		printf("FAIL  %-10s %-28s died (status %d)\n", j->sc->family, j->sc->name, status);
		print_replay(b, j);
		t->failed++;
		return;
	}
	t->simulated_s += r.simulated_s;
	printf("%s %-10s %-28s%s", r.failures ? "FAIL " : "ok   ", j->sc->family, j->sc->name, j->vary ? " varied" : "");
	print_figures(&r);
	printf("\n");
	if (!r.failures)
		return;
	t->failed++;
	for (line = strtok_r(r.text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
		printf("      | %s\n", line);
	print_replay(b, j);
}

/* A free place; waits for the oldest run when there is none. */
static struct job *place(const struct batch *b, struct job *jobs, u32 n, struct tally *t)
{
	struct job *j = &jobs[n % b->jobs];

	if (j->pid)
		finish(b, j, t);
	return j;
}

static bool wanted(const struct batch *b, const struct scenario *sc)
{
	return (b->all || (b->quick && sc->quick)) && (!b->family || !strcmp(b->family, sc->family));
}

u32 batch_run(struct batch *b)
{
	static struct job jobs[MAX_JOBS];
	struct tally t = { 0 };
	u32 n = 0;

	for (u32 i = 0; i < scenario_count; i++)
		if (wanted(b, &scenarios[i]))
			begin(place(b, jobs, n++, &t), &scenarios[i], b->seed, false);
	for (u32 i = 0; i < b->runs; i++)
		begin(place(b, jobs, n++, &t), &scenarios[(b->seed + i) % scenario_count], b->seed + i, true);
	for (u32 i = 0; i < b->jobs; i++, n++)
		if (jobs[n % b->jobs].pid)
			finish(b, &jobs[n % b->jobs], &t);
	b->simulated_s += t.simulated_s;
	printf("%u runs, %u failed\n", t.runs, t.failed);
	return t.failed;
}
