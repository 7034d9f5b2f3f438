// SPDX-License-Identifier: MIT
/* record_file.c - the files of flight records: one more, and the oldest away */
#include "manage/record_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "manage/record_report.h"

static int print_file(const char *path, const struct recorder *r, const struct record_about *about)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool failed;

	if (!out) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	fputc('{', out);
	record_print(out, r, about);
	fputs("}\n", out);
	failed = ferror(out);
	return fclose(out) || failed ? -EIO : 0;
}

static int is_record(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 12 && !strncmp(e->d_name, "record-", 7) && !strcmp(e->d_name + len - 5, ".json");
}

/* Their names sort by time. */
static void remove_oldest(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_record, alphasort);
	char path[RECORD_PATH_BYTES];

	for (int i = 0; i < n; i++) {
		if (i < n - (int)RECORD_FILES && snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name) < (int)sizeof(path))
			unlink(path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

int record_file_write(const char *dir, const struct recorder *r, const struct record_about *about, char path[RECORD_PATH_BYTES])
{
	char fresh[RECORD_PATH_BYTES], date[32];
	time_t taken = (time_t)about->taken_s;
	struct tm tm;
	int err;

	if (!gmtime_r(&taken, &tm) || !strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm))
		return -EINVAL;
	if (snprintf(path, RECORD_PATH_BYTES, "%s/record-%s.json", dir, date) >= RECORD_PATH_BYTES ||
	    snprintf(fresh, sizeof(fresh), "%s/record.new", dir) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	if (mkdir(dir, 0700) && errno != EEXIST)
		return -errno;
	unlink(fresh);		/* left by a crash, perhaps */
	err = print_file(fresh, r, about);
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	else
		remove_oldest(dir);
	return err;
}
