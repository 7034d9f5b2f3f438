// SPDX-License-Identifier: MIT
/* background.h - --daemon and --pid-file
 *
 * The process forks before it opens anything. The parent waits until the child serves, so that
 * its exit code tells the truth; errors of the start still reach the terminal.
 */
#ifndef TG_CMD_BACKGROUND_H
#define TG_CMD_BACKGROUND_H

#include <sys/types.h>

#include "base/types.h"

struct background {
	bool wanted;
	pid_t child;		/* in the parent */
	int pipe;		/* parent: read end; child: write end */
	const char *pid_file;	/* "": none */
	bool wrote_pid_file;
	char log_file[256];	/* where the log goes when there is no journal */
};

/* Forks when wanted. Strings stay the caller's. CMD_OK in both processes, or said. */
int background_begin(struct background *b, bool wanted, const char *runtime_dir, const char *name, const char *pid_file);

bool background_is_parent(const struct background *b);

/* Parent: waits until the child is ready or has ended; returns the exit code. */
int background_wait(struct background *b);

/* Child, or the only process: it serves from now on. Writes the pid file; gives the terminal up,
 * the log goes to the journal or a file. 0, or negative errno with error[256]. */
int background_ready(struct background *b, char *error);

/* Removes the pid file. */
void background_end(struct background *b);

#endif
