// SPDX-License-Identifier: MIT
/* background.c - --daemon and --pid-file */
#include "cmd/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "base/log.h"
#include "cmd/cmd.h"

int background_begin(struct background *b, bool wanted, const char *runtime_dir, const char *name, const char *pid_file)
{
	int ends[2];

	*b = (struct background){ .wanted = wanted, .pipe = -1, .pid_file = pid_file };
	snprintf(b->log_file, sizeof(b->log_file), "%.200s/%.32s.log", runtime_dir, name);
	if (!wanted)
		return CMD_OK;
	if (pipe2(ends, O_CLOEXEC))
		return cmd_fail(CMD_FAILED, "--daemon: %s", strerror(errno));
	b->child = fork();
	if (b->child < 0) {
		int err = errno;

		close(ends[0]);
		close(ends[1]);
		return cmd_fail(CMD_FAILED, "--daemon: %s", strerror(err));
	}
	b->pipe = b->child ? ends[0] : ends[1];
	close(b->child ? ends[1] : ends[0]);
	if (!b->child)
		setsid();
	return CMD_OK;
}

bool background_is_parent(const struct background *b)
{
	return b->child > 0;
}

int background_wait(struct background *b)
{
	int status;
	char ready;
	ssize_t n;

	do {
		n = read(b->pipe, &ready, 1);
	} while (n < 0 && errno == EINTR);
	close(b->pipe);
	if (n == 1)
		return CMD_OK;
	if (waitpid(b->child, &status, 0) < 0 || !WIFEXITED(status))
		return CMD_FAILED;
	return WEXITSTATUS(status);
}

static int write_pid_file(struct background *b, char *error)
{
	FILE *f = fopen(b->pid_file, "we");
	int err = f ? 0 : -errno;

	if (f) {
		fprintf(f, "%d\n", (int)getpid());
		if (fclose(f))
			err = -errno;
	}
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "cannot write %.180s: %s", b->pid_file, strerror(-err));
	else
		b->wrote_pid_file = true;
	return err;
}

/* Where the log goes from now on. */
static int open_log(const struct background *b)
{
	int fd = sd_journal_stream_fd("triglav", LOG_INFO, 1);

	if (fd >= 0) {
		setenv("JOURNAL_STREAM", "1", 1);	/* lines begin with their priority then */
		return fd;
	}
	return open(b->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static int give_terminal_up(const struct background *b, char *error)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out = open_log(b);
	int err = null < 0 || out < 0 ? -errno : 0;

	if (!err && (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(out, 2) < 0))
		err = -errno;
	if (err)
		snprintf(error, RUN_ERROR_BYTES, "cannot log to %.180s: %s", b->log_file, strerror(-err));
	if (null > 2)
		close(null);
	if (out > 2)
		close(out);
	return err;
}

int background_ready(struct background *b, char *error)
{
	int err = b->pid_file[0] ? write_pid_file(b, error) : 0;

	if (err || !b->wanted)
		return err;
	fflush(stdout);
	err = give_terminal_up(b, error);
	if (err)
		return err;
	if (write(b->pipe, "r", 1) != 1)
		log_warn("nobody waits for this start any more");
	close(b->pipe);
	b->pipe = -1;
	return 0;
}

void background_end(struct background *b)
{
	if (b->wrote_pid_file)
		unlink(b->pid_file);
	b->wrote_pid_file = false;
}
