// SPDX-License-Identifier: MIT
/* files.c - small files, read whole and replaced whole */
#include "host/inside.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int host_fail(char *why, int err, const char *fmt, ...)
{
	va_list args;

	if (why) {
		va_start(args, fmt);
		vsnprintf(why, HOST_WHY_BYTES, fmt, args);
		va_end(args);
	}
	return err;
}

int file_read(const char *path, char *out, size_t out_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, out + used, out_bytes - used)) > 0) {
		used += (size_t)n;
		if (used == out_bytes)
			break;
	}
	n = n < 0 ? -errno : used == out_bytes ? -EFBIG : (ssize_t)used;
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	return (int)n;
}

int file_read_line(const char *path, char *out, size_t out_bytes)
{
	int len = file_read(path, out, out_bytes);

	while (len > 0 && strchr(" \t\r\n", out[len - 1]))
		out[--len] = '\0';
	return len;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_replace(const char *path, const char *data, size_t len, unsigned int mode)
{
	char new[PATH_MAX];
	int fd, err;

	if (snprintf(new, sizeof(new), "%s.triglav-new", path) >= (int)sizeof(new))
		return -ENAMETOOLONG;
	unlink(new);		/* left by a crash, perhaps */
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	if (!err && (fchmod(fd, mode) || fsync(fd)))
		err = -errno;
	close(fd);
	if (!err && rename(new, path))
		err = -errno;
	if (err)
		unlink(new);
	return err;
}

int file_write(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = write_all(fd, data, len);
	close(fd);
	return err;
}

int dir_make(const char *path)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= len; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
}
