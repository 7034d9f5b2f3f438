// SPDX-License-Identifier: MIT
/* keyfile.c - files that hold a secret */
#include "crypto/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/keys.h"

#define LINE_MAX_BYTES 4096u

static int refuse(char *error, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int refuse(char *error, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, KEYFILE_ERROR_BYTES, fmt, args);
	va_end(args);
	return err;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int keyfile_write(const char *path, const char *line)
{
	int err, fd;

	if (strchr(line, '\n'))
		return -EINVAL;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = fchmod(fd, 0600) ? -errno : 0;	/* a umask may have taken even the owner's bits */
	if (!err)
		err = write_all(fd, line, strlen(line));
	if (!err)
		err = write_all(fd, "\n", 1);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (err)
		unlink(path);
	return err;
}

/* systemd's credentials: in a directory only the service can enter, but a file there may show
 * group bits (an ACL's mask), which are not what they seem. */
static bool is_credential(const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	size_t len = dir ? strlen(dir) : 0;

	return len && !strncmp(path, dir, len) && path[len] == '/' && !strstr(path + len, "/..");
}

/* `fix` is what to chmod. */
static int check_mode(int fd, const char *path, const char *fix, bool *regular, char *error)
{
	struct stat st;

	if (fstat(fd, &st))
		return refuse(error, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return refuse(error, -EISDIR, "%s is a directory, not a key file", path);
	*regular = S_ISREG(st.st_mode);
	if (*regular && (st.st_mode & 066) && !is_credential(path))
		return refuse(error, -EPERM, "%s holds a secret and others may read or write it: chmod 600 %s", path,
			      fix);
	return 0;
}

/* Reads to the end of a file; of anything else to the end of the first line, so that a terminal
 * or a pipe that stays open does not hold us up. Returns bytes or a negative errno. */
static int read_line(int fd, bool regular, char *line, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, line + len, regular ? room - len : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n || (!regular && line[len] == '\n'))
			return (int)len;
		len += (size_t)n;
	}
	return -E2BIG;
}

/* Cuts trailing white space; what is left must be one line of text. */
static int trim(const char *path, char *line, size_t len, char *error)
{
	while (len && strchr(" \t\r\n", line[len - 1]) && line[len - 1])
		len--;
	line[len] = '\0';
	if (!len)
		return refuse(error, -EINVAL, "%s is empty", path);
	if (strlen(line) != len || strchr(line, '\n'))
		return refuse(error, -EINVAL, "%s has more than one line: a key file has one", path);
	return 0;
}

int keyfile_read(const char *path, char *line, size_t line_bytes, char error[KEYFILE_ERROR_BYTES])
{
	bool is_stdin = !strcmp(path, "-"), regular = false;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *name = is_stdin ? "standard input" : path;
	int n;

	error[0] = '\0';
	if (fd < 0)
		return refuse(error, -errno, "%s: %s", path, strerror(errno));
	n = check_mode(fd, name, is_stdin ? "that file" : path, &regular, error);
	if (n)
		goto done;
	n = read_line(fd, regular, line, line_bytes - 1);
	if (n < 0)
		refuse(error, n, "%s: %s", name, n == -E2BIG ? "longer than any key" : strerror(-n));
	else
		n = trim(name, line, (size_t)n, error);
done:
	if (!is_stdin)
		close(fd);
	if (n)
		sodium_memzero(line, line_bytes);
	return n;
}

int keyfile_read_secret(const char *path, u8 secret[32], char error[KEYFILE_ERROR_BYTES])
{
	char line[LINE_MAX_BYTES];
	int err = keyfile_read(path, line, sizeof(line), error);

	if (!err && keys_from_base64url(line, strlen(line), secret, 32) != 32) {
		sodium_memzero(secret, 32);
		err = refuse(error, -EINVAL, "%s: not a secret of 32 bytes (43 letters of base64url)", path);
	}
	sodium_memzero(line, sizeof(line));
	return err;
}

int keyfile_write_secret(const char *path, const u8 secret[32])
{
	char line[64];
	int err;

	keys_base64url(secret, 32, line, sizeof(line));
	err = keyfile_write(path, line);
	sodium_memzero(line, sizeof(line));
	return err;
}
