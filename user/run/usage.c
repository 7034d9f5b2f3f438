// SPDX-License-Identifier: MIT
/* usage.c - what each uplink with a quota has carried this month, kept across restarts */
#include "run/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static u64 *place_of(struct usage *u, const char *name)
{
	for (u32 i = 0; i < u->count; i++)
		if (!strcmp(u->at[i].name, name))
			return &u->at[i].bytes;
	if (u->count == USAGE_MAX)
		return NULL;
	snprintf(u->at[u->count].name, TUNNEL_NAME_BYTES, "%s", name);
	u->at[u->count].bytes = 0;
	return &u->at[u->count++].bytes;
}

void usage_add(struct usage *u, const char *name, u64 bytes)
{
	u64 *place = bytes ? place_of(u, name) : NULL;

	if (!place)
		return;
	*place += bytes;
	u->changed = true;
}

u64 usage_of(const struct usage *u, const char *name)
{
	for (u32 i = 0; i < u->count; i++)
		if (!strcmp(u->at[i].name, name))
			return u->at[i].bytes;
	return 0;
}

bool usage_turn(struct usage *u, u64 wall_s)
{
	time_t seconds = (time_t)wall_s;
	char month[USAGE_MONTH_BYTES];
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(month, sizeof(month), "%Y-%m", &tm) || !strcmp(month, u->month))
		return false;
	*u = (struct usage){ .changed = u->count > 0 };
	memcpy(u->month, month, sizeof(month));
	return true;
}

/* ---- the file ---- */

static int read_lines(struct usage *u, FILE *in)
{
	char name[TUNNEL_NAME_BYTES];
	u64 bytes, *place;
	int n;

	if (fscanf(in, "month %7s", u->month) != 1)
		return -EBADMSG;
	while ((n = fscanf(in, " %15s %" SCNu64, name, &bytes)) == 2) {
		place = place_of(u, name);
		if (place)
			*place = bytes;
	}
	return n == EOF ? 0 : -EBADMSG;
}

int usage_read(struct usage *u, const char *path)
{
	struct usage found = { 0 };
	FILE *in = fopen(path, "re");
	int err;

	if (!in)
		return errno == ENOENT ? 0 : -errno;
	err = read_lines(&found, in);
	fclose(in);
	if (!err)
		*u = found;
	return err;
}

static int write_lines(const struct usage *u, int fd)
{
	FILE *out = fdopen(fd, "w");
	int err;

	if (!out) {
		err = -errno;
		close(fd);
		return err;
	}
	fprintf(out, "month %s\n", u->month);
	for (u32 i = 0; i < u->count; i++)
		fprintf(out, "%s %" PRIu64 "\n", u->at[i].name, (uint64_t)u->at[i].bytes);
	err = fflush(out) || fdatasync(fd) ? -errno : 0;
	return fclose(out) && !err ? -errno : err;
}

int usage_write(struct usage *u, const char *path)
{
	char fresh[512];
	int err, fd;

	if (!u->changed)
		return 0;
	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_lines(u, fd);
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	else
		u->changed = false;
	return err;
}
