// SPDX-License-Identifier: MIT
/* sysctl.c - kernel settings that are changed while an instance needs them
 *
 * A note is RUNTIME_DIR/sysctl.NETNS/KEY with '/' written as ':' (interface names hold neither):
 *
 *   found 0
 *   set 1
 *   holder NAME ORDER
 *
 * It is written before the setting is. ORDER counts the settings of an instance; they are put back from the
 * last to the first. A directory-wide lock keeps instances apart.
 */
#include "host/sysctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/inside.h"

#define VALUE_BYTES 64
#define MAX_HOLDERS 32
#define NOTE_BYTES 4096

struct note {
	char found[VALUE_BYTES], set[VALUE_BYTES];
	u32 count;
	struct {
		char name[NAME_MAX_BYTES];
		u32 order;
	} holders[MAX_HOLDERS];
};

int sysctl_read(const char *key, char *out, size_t out_bytes)
{
	char path[PATH_MAX];
	int n;

	snprintf(path, sizeof(path), "/proc/sys/%s", key);
	n = file_read_line(path, out, out_bytes);
	return n < 0 ? n : 0;
}

static int sysctl_write(const char *key, const char *value)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/sys/%s", key);
	return file_write(path, value, strlen(value));
}

/* Settings belong to a network namespace, a runtime directory may serve several. */
static void notes_dir(const struct host *h, char *path)
{
	struct stat ns = { 0 };

	stat("/proc/self/ns/net", &ns);
	snprintf(path, PATH_MAX, "%s/sysctl.%lu", h->runtime_dir, (unsigned long)ns.st_ino);
}

static void note_path(const struct host *h, const char *key, char *path)
{
	size_t start;

	notes_dir(h, path);
	start = strlen(path) + 1;
	snprintf(path + start - 1, PATH_MAX - start, "/%s", key);
	for (char *c = path + start; *c; c++)
		if (*c == '/')
			*c = ':';
}

static int lock_notes(const struct host *h)
{
	char path[PATH_MAX];
	int fd, err;

	notes_dir(h, path);
	err = dir_make(path);
	if (err)
		return err;
	strcat(path, "/.lock");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			err = -errno;
			close(fd);
			return err;
		}
	return fd;
}

static int read_note(const char *path, struct note *n)
{
	char text[NOTE_BYTES], *rest = text, *line;
	int len = file_read(path, text, sizeof(text));

	memset(n, 0, sizeof(*n));
	if (len < 0)
		return len;
	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "found ", 6))
			snprintf(n->found, sizeof(n->found), "%s", line + 6);
		else if (!strncmp(line, "set ", 4))
			snprintf(n->set, sizeof(n->set), "%s", line + 4);
		else if (n->count < MAX_HOLDERS && sscanf(line, "holder %32s %u", n->holders[n->count].name,
							  &n->holders[n->count].order) == 2)
			n->count++;
	}
	return 0;
}

static int write_note(const char *path, const struct note *n)
{
	char text[NOTE_BYTES];
	int len = snprintf(text, sizeof(text), "found %s\nset %s\n", n->found, n->set);

	for (u32 i = 0; i < n->count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "holder %s %u\n", n->holders[i].name,
				n->holders[i].order);
	return file_replace(path, text, (size_t)len, 0600);
}

static int find_holder(const struct note *n, const char *name)
{
	for (u32 i = 0; i < n->count; i++)
		if (!strcmp(n->holders[i].name, name))
			return (int)i;
	return -1;
}

/* With the lock held. The first holder's find is the one that comes back. */
static int join_note(struct host *h, const char *key, const char *value)
{
	char path[PATH_MAX];
	struct note n;

	note_path(h, key, path);
	if (read_note(path, &n)) {
		int err = sysctl_read(key, n.found, sizeof(n.found));

		if (err)
			return err;
	}
	snprintf(n.set, sizeof(n.set), "%s", value);
	if (find_holder(&n, h->name) < 0) {
		if (n.count == MAX_HOLDERS)
			return -ENOSPC;
		strcpy(n.holders[n.count].name, h->name);
		n.holders[n.count++].order = h->sysctl_order++;
	}
	return write_note(path, &n);
}

int sysctl_remember(struct host *h, const char *key, const char *predicted)
{
	int lock = lock_notes(h), err;

	if (lock < 0)
		return lock;
	err = join_note(h, key, predicted);
	close(lock);
	return err;
}

int host_sysctl_set(struct host *h, const char *key, const char *value)
{
	char now[VALUE_BYTES];
	int err = sysctl_remember(h, key, value);

	if (!err)
		err = sysctl_read(key, now, sizeof(now));
	return err || !strcmp(now, value) ? err : sysctl_write(key, value);
}

/* One setting this instance holds. */
struct held {
	char key[NAME_MAX + 1];
	char found[VALUE_BYTES];
	u32 order;
	bool put_back;		/* nobody else needs it, and it still reads as we set it */
};

struct held_list {
	struct held *entries;
	u32 count, room;
};

static struct held *add_held(struct held_list *list)
{
	if (list->count == list->room) {
		u32 room = list->room ? 2 * list->room : 16;
		struct held *more = realloc(list->entries, room * sizeof(*more));

		if (!more)
			return NULL;
		list->entries = more;
		list->room = room;
	}
	return &list->entries[list->count++];
}

/* Looks at one note; all notes are looked at before anything is put back, because putting back
 * one setting (forwarding) has side effects on others. */
static int gather_one(struct host *h, const char *file, struct held_list *list)
{
	char path[PATH_MAX], now[VALUE_BYTES];
	struct held *held;
	struct note n;
	int at;

	note_path(h, file, path);
	if (read_note(path, &n))
		return 0;
	at = find_holder(&n, h->name);
	if (at < 0)
		return 0;
	held = add_held(list);
	if (!held)
		return -ENOMEM;
	snprintf(held->key, sizeof(held->key), "%s", file);
	for (char *c = held->key; *c; c++)
		if (*c == ':')
			*c = '/';
	strcpy(held->found, n.found);
	held->order = n.holders[at].order;
	held->put_back = n.count == 1 && !sysctl_read(held->key, now, sizeof(now)) && !strcmp(now, n.set);
	return 0;
}

static int gather(struct host *h, struct held_list *list)
{
	char path[PATH_MAX];
	struct dirent *entry;
	int err = 0;
	DIR *dir;

	notes_dir(h, path);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !strstr(entry->d_name, ".triglav-new"))
			err = gather_one(h, entry->d_name, list);
	closedir(dir);
	return err;
}

static int leave_note(struct host *h, const char *key)
{
	char path[PATH_MAX];
	struct note n;
	int at, err;

	note_path(h, key, path);
	err = read_note(path, &n);
	at = err ? -1 : find_holder(&n, h->name);
	if (at < 0)
		return err;
	n.holders[at] = n.holders[--n.count];
	if (n.count)
		return write_note(path, &n);
	return unlink(path) ? -errno : 0;
}

static int put_back(struct host *h, const struct held *held)
{
	char now[VALUE_BYTES];
	int err = 0;

	if (held->put_back && !sysctl_read(held->key, now, sizeof(now)) && strcmp(now, held->found))
		err = sysctl_write(held->key, held->found);
	return err && err != -ENOENT ? err : leave_note(h, held->key);
}

static int last_first(const void *a, const void *b)
{
	const struct held *one = a, *other = b;

	return one->order < other->order ? 1 : one->order > other->order ? -1 : 0;
}

int host_sysctl_restore(struct host *h)
{
	struct held_list list = { 0 };
	int lock = lock_notes(h), err;

	if (lock < 0)
		return lock;
	err = gather(h, &list);
	if (list.count)
		qsort(list.entries, list.count, sizeof(*list.entries), last_first);
	for (u32 i = 0; i < list.count; i++) {
		int failed = put_back(h, &list.entries[i]);

		err = err ? err : failed;
	}
	free(list.entries);
	close(lock);
	h->sysctl_order = 0;
	return err;
}
