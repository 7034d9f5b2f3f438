// SPDX-License-Identifier: MIT
/* control_client.c - the command line's end of the control socket */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "manage/control.h"

#define WAIT_SECONDS 10

int control_instances(const char *runtime_dir, char names[][RUN_NAME_BYTES], u32 max)
{
	DIR *dir = opendir(runtime_dir);
	struct dirent *entry;
	u32 count = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);

		if (len <= 5 || len - 5 >= RUN_NAME_BYTES || strcmp(entry->d_name + len - 5, ".sock"))
			continue;
		if (count < max) {
			memcpy(names[count], entry->d_name, len - 5);
			names[count][len - 5] = '\0';
		}
		count++;
	}
	closedir(dir);
	return (int)count;
}

static int connect_to(const char *path)
{
	static const struct timeval wait = { .tv_sec = WAIT_SECONDS };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int send_line(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT), *line;
	size_t len = text ? strlen(text) : 0, done = 0;
	ssize_t n = 0;

	line = text ? realloc(text, len + 2) : NULL;
	if (!line) {
		free(text);
		return -ENOMEM;
	}
	line[len++] = '\n';
	while (done < len && (n = send(fd, line + done, len - done, MSG_NOSIGNAL)) > 0)
		done += (size_t)n;
	free(line);
	return done == len ? 0 : -errno;
}

/* Ctrl-C ends a live view between two looks, not in the middle of one. */
static ssize_t receive_some(int fd, char *out, size_t size)
{
	ssize_t n;

	do {
		n = recv(fd, out, size, 0);
	} while (n < 0 && errno == EINTR);
	return n;
}

static int receive_line(int fd, char **out, size_t *len)
{
	size_t size = 65536;
	char *text = malloc(size), *more;
	ssize_t n = 0;

	*len = 0;
	while (text && (n = receive_some(fd, text + *len, size - *len)) > 0) {
		*len += (size_t)n;
		if (text[*len - 1] == '\n') {
			*out = text;
			return 0;
		}
		if (*len < size)
			continue;
		size *= 2;
		more = size > CONTROL_MAX_ANSWER ? NULL : realloc(text, size);
		if (!more)
			break;
		text = more;
	}
	if (!text)
		return -ENOMEM;
	free(text);
	return n < 0 ? (errno == EAGAIN ? -ETIMEDOUT : -errno) : n ? -EMSGSIZE : -ECONNRESET;
}

static int exchange(int fd, const json_t *request, json_t **answer)
{
	char *text = NULL;
	size_t len;
	int err = send_line(fd, request);

	/* A daemon that refuses says so and closes before it reads. */
	if (err && err != -EPIPE)
		return err;
	err = receive_line(fd, &text, &len);
	if (err)
		return err;
	*answer = json_loadb(text, len, 0, NULL);
	free(text);
	return json_is_object(*answer) ? 0 : -EPROTO;
}

static void explain_absence(const char *runtime_dir, const char *name, char *error)
{
	char names[8][RUN_NAME_BYTES];
	int n = control_instances(runtime_dir, names, 8);
	const char *before = "; there is";
	size_t used;

	used = (size_t)snprintf(error, RUN_ERROR_BYTES, "no triglav named \"%s\" runs in %.100s", name, runtime_dir);
	for (int i = 0; i < n && i < 8 && used < RUN_ERROR_BYTES; i++) {
		if (!strcmp(names[i], name))
			continue;	/* a dead one's socket */
		used += (size_t)snprintf(error + used, RUN_ERROR_BYTES - used, "%s %s", before, names[i]);
		before = ",";
	}
}

int control_request(const char *runtime_dir, const char *name, const json_t *request, json_t **answer, int *code,
		    char error[RUN_ERROR_BYTES])
{
	char path[CONTROL_PATH_BYTES];
	int err = control_path(runtime_dir, name, path), fd;

	*answer = NULL;
	fd = err ? err : connect_to(path);
	if (fd == -ENOENT || fd == -ECONNREFUSED) {
		explain_absence(runtime_dir, name, error);
		return -ENOENT;
	}
	if (fd < 0) {
		snprintf(error, RUN_ERROR_BYTES, "%.108s: %s%s", path, strerror(-fd), fd == -EACCES ? CONTROL_WHO_MAY : "");
		return fd;
	}
	err = exchange(fd, request, answer);
	close(fd);
	if (!err && json_is_true(json_object_get(*answer, "ok")))
		return 0;
	if (err) {
		snprintf(error, RUN_ERROR_BYTES, "%.108s: %s", path, strerror(-err));
	} else {
		const char *said = control_text(*answer, "error");

		snprintf(error, RUN_ERROR_BYTES, "%s", said ? said : "the daemon refused without a word");
		*code = (int)control_number(*answer, "code", 1, 255);
		err = -EREMOTEIO;
	}
	json_decref(*answer);
	*answer = NULL;
	return err;
}
